/* Base64 (RFC 4648 section 4) decoded. Pure. */
#ifndef UVLLM_SRC_BASE64_H
#define UVLLM_SRC_BASE64_H

#include "mem.h"

/* Padding may be missing; anything else that is not canonical is UV_EINVAL
 * (foreign characters, bits that are not zero behind the end). More than `size`
 * bytes: UVLLM_ETOOLARGE. */
int uvllm__base64_decode(uvllm_str_t text, void* out, size_t size, size_t* len);

#endif
