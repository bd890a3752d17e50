/* SHA-256 and HMAC-SHA-256, from libcrypto. Pure. */
#ifndef UVLLM_SRC_DIGEST_H
#define UVLLM_SRC_DIGEST_H

#include "mem.h"

enum { UVLLM__SHA256_BYTES = 32 };

/* 0, or UV_ENOMEM where libcrypto gives up. */
int uvllm__sha256(uvllm_str_t data, unsigned char digest[UVLLM__SHA256_BYTES]);
int uvllm__hmac_sha256(uvllm_str_t key, uvllm_str_t data,
                       unsigned char digest[UVLLM__SHA256_BYTES]);

/* In lower case, NUL-terminated. */
void uvllm__digest_hex(const unsigned char digest[UVLLM__SHA256_BYTES],
                       char hex[2 * UVLLM__SHA256_BYTES + 1]);

#endif
