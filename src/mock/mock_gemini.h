/* What the files of the Gemini dialect share. */
#ifndef UVLLM_SRC_MOCK_MOCK_GEMINI_H
#define UVLLM_SRC_MOCK_MOCK_GEMINI_H

#include "mock/mock_dialect.h"

/* Endpoints of a shape. */
enum { UVLLM__GEMINI_WHOLE, UVLLM__GEMINI_STREAM, UVLLM__GEMINI_BATCH };

/* flags: its models give ids to calls, and want their signatures back. */
enum { UVLLM__GEMINI_SIGNS = 1 };

extern const uvllm__mock_shape_t uvllm__mock_gemini_chat, uvllm__mock_gemini_embed;
extern const uvllm__mock_shape_t uvllm__mock_gemini_count;
extern const uvllm__mock_shape_t uvllm__mock_gemini_models, uvllm__mock_gemini_model;

int uvllm__mock_gemini_read_chat(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                                 uvllm__mock_error_t* error);
/* `contents`: their text is counted. */
int uvllm__mock_gemini_read_contents(uvllm__answer_t* answer, uvllm_json_t contents,
                                     uvllm__mock_error_t* error);
/* One content, which `name` is what an error calls it. */
int uvllm__mock_gemini_read_content(uvllm__answer_t* answer, uvllm_json_t content,
                                    const char* name, uvllm__mock_error_t* error);
/* Prompt, system instruction and tools of a whole request. */
int uvllm__mock_gemini_read_prompt(uvllm__answer_t* answer, uvllm_json_t root,
                                   uvllm__mock_error_t* error);

#endif
