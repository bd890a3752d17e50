/* What the files of the Bedrock dialect share. */
#ifndef UVLLM_SRC_MOCK_MOCK_BEDROCK_H
#define UVLLM_SRC_MOCK_MOCK_BEDROCK_H

#include "mock/mock_dialect.h"

extern const uvllm__mock_shape_t uvllm__mock_bedrock_converse;

enum { UVLLM__BEDROCK_STREAM = 1 }; /* the endpoint's variant */

int uvllm__mock_bedrock_read_converse(uvllm__answer_t* answer,
                                      const uvllm__mock_request_t* request,
                                      uvllm__mock_error_t* error);
int uvllm__mock_bedrock_read_count(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                                   uvllm__mock_error_t* error);
/* Signature Version 4 or a bearer token. "ID:SECRET" is what signs; as a token it is the
 * whole text. */
uvllm__mock_key uvllm__mock_bedrock_check_key(const uvllm__mock_request_t* request,
                                              const char* required, uvllm_str_t* shown);

#endif
