/* Only what is not deprecated in any libcrypto from 1.1 on is called. */
#include "digest.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>


int uvllm__sha256(uvllm_str_t data, unsigned char digest[UVLLM__SHA256_BYTES]) {
  const void* base = data.base != NULL ? data.base : "";
  return EVP_Digest(base, data.len, digest, NULL, EVP_sha256(), NULL) == 1 ? 0 : UVLLM__ENOMEM;
}


int uvllm__hmac_sha256(uvllm_str_t key, uvllm_str_t data,
                       unsigned char digest[UVLLM__SHA256_BYTES]) {
  unsigned int len = 0;
  if (key.len > INT_MAX)
    return UVLLM__EINVAL;
  const unsigned char* done = HMAC(EVP_sha256(), key.base, (int) key.len,
                                   (const unsigned char*) data.base, data.len, digest, &len);
  return done != NULL && len == UVLLM__SHA256_BYTES ? 0 : UVLLM__ENOMEM;
}


void uvllm__digest_hex(const unsigned char digest[UVLLM__SHA256_BYTES],
                       char hex[2 * UVLLM__SHA256_BYTES + 1]) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < UVLLM__SHA256_BYTES; i++) {
    hex[2 * i] = digits[digest[i] >> 4];
    hex[2 * i + 1] = digits[digest[i] & 15];
  }
  hex[2 * UVLLM__SHA256_BYTES] = '\0';
}
