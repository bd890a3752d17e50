/* What the files of the TGI dialect share. */
#ifndef UVLLM_SRC_MOCK_MOCK_TGI_H
#define UVLLM_SRC_MOCK_MOCK_TGI_H

#include "mock/mock_dialect.h"

/* Variants of the endpoints that generate. */
enum {
  UVLLM__TGI_WHOLE,
  UVLLM__TGI_STREAM,
  UVLLM__TGI_EITHER /* as "stream" says; whole answers stand in an array */
};

extern const uvllm__mock_shape_t uvllm__mock_tgi_generate, uvllm__mock_tgi_embed;
extern const uvllm__mock_shape_t uvllm__mock_tgi_info, uvllm__mock_tgi_health;
extern const uvllm__mock_shape_t uvllm__mock_tgi_tokenize, uvllm__mock_tgi_chat_tokenize;

#endif
