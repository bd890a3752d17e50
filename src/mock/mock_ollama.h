/* What the files of the Ollama dialect share. */
#ifndef UVLLM_SRC_MOCK_MOCK_OLLAMA_H
#define UVLLM_SRC_MOCK_MOCK_OLLAMA_H

#include "mock/mock_dialect.h"

extern const uvllm__mock_shape_t uvllm__mock_ollama_chat, uvllm__mock_ollama_generate;
extern const uvllm__mock_shape_t uvllm__mock_ollama_pull;
extern const uvllm__mock_shape_t uvllm__mock_ollama_tags, uvllm__mock_ollama_ps;
extern const uvllm__mock_shape_t uvllm__mock_ollama_show, uvllm__mock_ollama_delete;

int uvllm__mock_ollama_read_chat(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                                 uvllm__mock_error_t* error);
int uvllm__mock_ollama_read_generate(uvllm__answer_t* answer,
                                     const uvllm__mock_request_t* request,
                                     uvllm__mock_error_t* error);
/* "model", or as older clients say, "name". */
uvllm_str_t uvllm__mock_ollama_model(const uvllm__mock_request_t* request);
/* {"model":..,"created_at":.. : the same answer is the same bytes on every day. */
void uvllm__mock_ollama_open(uvllm__answer_t* answer, uint64_t n, uvllm__buf_t* out);

#endif
