/* UVLLM_RAW, which is the same in every dialect but for the key. Pure. */
#ifndef UVLLM_ADAPTERS_RAW_H
#define UVLLM_ADAPTERS_RAW_H

#include "mem.h"
#include "uvllm/provider.h"

/* Method, path, body and its type, as the request has them. */
void uvllm__raw_build(const uvllm_request_t* r, uvllm_http_t* http);

#endif
