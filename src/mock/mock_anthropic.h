/* What the files of the Anthropic dialect share. */
#ifndef UVLLM_SRC_MOCK_MOCK_ANTHROPIC_H
#define UVLLM_SRC_MOCK_MOCK_ANTHROPIC_H

#include "mock/mock_dialect.h"

extern const uvllm__mock_shape_t uvllm__mock_anthropic_chat;

int uvllm__mock_anthropic_read_chat(uvllm__answer_t* answer,
                                    const uvllm__mock_request_t* request,
                                    uvllm__mock_error_t* error);
/* The text that a prompt has, as in a chat; and the count of its tokens. */
int uvllm__mock_anthropic_read_count(uvllm__answer_t* answer,
                                     const uvllm__mock_request_t* request,
                                     uvllm__mock_error_t* error);
/* The version that every request has to name. */
int uvllm__mock_anthropic_read_version(const uvllm__answer_t* answer,
                                       const uvllm__mock_request_t* request,
                                       uvllm__mock_error_t* error);
/* A thought, as it stands in a JSON string without the quotes, signed in 16 digits: one
 * that is handed back changed is refused. */
void uvllm__mock_anthropic_sign(uvllm_str_t thought, uvllm__buf_t* out);

#endif
