/* Names and values that a provider was set with, copied. Pure. */
#ifndef UVLLM_SRC_PARAMS_H
#define UVLLM_SRC_PARAMS_H

#include "mem.h"

/* No control characters; NULL is clean. */
int uvllm__is_clean(const char* s);

/* Each has a name and a value, and no control characters. */
int uvllm__params_are_fine(const uvllm_kv_t* params, size_t n);
/* Appends to *to; what was copied before an error is to be freed. */
int uvllm__kvs_copy(const uvllm_alloc_t* a, const uvllm_kv_t* from, size_t n, uvllm_kv_t** to,
                    size_t* nto);
/* `text` with the value of NAME in place of each "{NAME}"; *missing is a NAME that there
 * is not (UV_EINVAL), and lies in `text`. To be freed. */
int uvllm__params_fill(const uvllm_alloc_t* a, const char* text, const uvllm_kv_t* params,
                       size_t n, char** out, uvllm_str_t* missing);
void uvllm__kvs_free(const uvllm_alloc_t* a, uvllm_kv_t* kvs, size_t n); /* values wiped */

#endif
