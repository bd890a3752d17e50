/* What the files of request_expand share. Pure. */
#ifndef UVLLM_SRC_REQUEST_EXPAND_INTERNAL_H
#define UVLLM_SRC_REQUEST_EXPAND_INTERNAL_H

#include "request_expand.h"

/* Keep the words "body_json: <name> <what>"; gives err back. */
int uvllm__expand_fail(uvllm__expansion_t* e, int err, const char* name, const char* what);
/* Zeroed memory that lives as long as the expansion; NULL: none is left. */
void* uvllm__expand_take(uvllm__expansion_t* e, size_t n, size_t size);
/* A string, absent if it is none; UV_ENOMEM if it could not be decoded. */
int uvllm__expand_str(uvllm_json_t v, uvllm_str_t* s);

/* Read one member; the value is not null. */
int uvllm__expand_messages(uvllm__expansion_t* e, uvllm_request_t* r, uvllm_json_t v);
int uvllm__expand_prompt(uvllm__expansion_t* e, uvllm_request_t* r, uvllm_json_t v);
int uvllm__expand_input(uvllm__expansion_t* e, uvllm_request_t* r, uvllm_json_t v);

#endif
