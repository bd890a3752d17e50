/* What the files of the Cohere dialect share. */
#ifndef UVLLM_SRC_MOCK_MOCK_COHERE_H
#define UVLLM_SRC_MOCK_MOCK_COHERE_H

#include "mock/mock_dialect.h"

extern const uvllm__mock_shape_t uvllm__mock_cohere_chat;
extern const uvllm__mock_shape_t uvllm__mock_cohere_embed;
extern const uvllm__mock_shape_t uvllm__mock_cohere_models, uvllm__mock_cohere_model;

int uvllm__mock_cohere_read_chat(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                                 uvllm__mock_error_t* error);
int uvllm__mock_cohere_read_model(uvllm__answer_t* answer, uvllm_json_t root,
                                  uvllm__mock_error_t* error);
/* A UUID that is made of a number. */
void uvllm__mock_cohere_put_id(uint64_t n, uvllm__buf_t* out);

#endif
