/* The OpenAI dialect's own files: others that speak it may take its shapes. */
#ifndef UVLLM_SRC_MOCK_MOCK_OPENAI_H
#define UVLLM_SRC_MOCK_MOCK_OPENAI_H

#include "mock/mock_dialect.h"

enum {
  UVLLM__OPENAI_USAGE = 1,
  UVLLM__OPENAI_OBFUSCATE = 2,
  UVLLM__OPENAI_BASE64 = 4,
  UVLLM__OPENAI_STORE = 8,  /* of the Responses API, as the next one */
  UVLLM__OPENAI_ENCRYPT = 16
};

extern const uvllm__mock_shape_t uvllm__mock_openai_chat, uvllm__mock_openai_completion;
extern const uvllm__mock_shape_t uvllm__mock_responses;
extern const uvllm__mock_shape_t uvllm__mock_openai_embeddings, uvllm__mock_openai_list;

/* The model: what the path has as its parameter, or else a member of the body. */
int uvllm__mock_openai_read_model(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                                  uvllm__mock_error_t* error);
/* Whether the path may be asked, where it is Azure's. */
int uvllm__mock_azure_check(const uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                            uvllm__mock_error_t* error);
int uvllm__mock_responses_read(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                               uvllm__mock_error_t* error);
int uvllm__mock_openai_read_chat(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                                 uvllm__mock_error_t* error);
int uvllm__mock_openai_read_completion(uvllm__answer_t* answer,
                                       const uvllm__mock_request_t* request,
                                       uvllm__mock_error_t* error);
int uvllm__mock_openai_read_embed(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                                  uvllm__mock_error_t* error);

#endif
