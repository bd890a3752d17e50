/* AWS Signature Version 4, as every service but S3 has it. Pure.
 *
 * The path is escaped once more than it is sent. It is not normalised: whoever signs
 * writes no "." or ".." segments and no empty ones.
 */
#ifndef UVLLM_SRC_SIGV4_H
#define UVLLM_SRC_SIGV4_H

#include "buf.h"
#include "digest.h"

enum {
  UVLLM__SIGV4_HEADERS = 80, /* at most; the same of query parameters */
  UVLLM__SIGV4_DATE = 16,
  UVLLM__SIGV4_HEX = 2 * UVLLM__SHA256_BYTES
};

typedef struct uvllm__sigv4_pair_s {
  uvllm_str_t name, value;
} uvllm__sigv4_pair_t;

typedef struct uvllm__sigv4_s {
  uvllm_str_t method;
  uvllm_str_t target; /* path and query as they go on the wire */
  const uvllm__sigv4_pair_t* headers; /* those to be signed, names in any case */
  size_t nheaders;
  uvllm_str_t body;
  uvllm_str_t date;   /* "20260101T000000Z" */
  uvllm_str_t region, service, secret;
} uvllm__sigv4_t;

void uvllm__sigv4_date(uint64_t unix_ms, char date[UVLLM__SIGV4_DATE + 1]);
/* Appends "host;x-amz-date". UV_EINVAL: too many headers. */
int uvllm__sigv4_names(const uvllm__sigv4_t* s, uvllm__buf_t* out);
/* Appends "20260101/us-east-1/bedrock/aws4_request". */
int uvllm__sigv4_scope(const uvllm__sigv4_t* s, uvllm__buf_t* out);
/* Appends the canonical request, which may hold a session token. */
int uvllm__sigv4_canonical(const uvllm__sigv4_t* s, uvllm__buf_t* out);
/* The signature, NUL-terminated. UV_ENOMEM; UV_EINVAL as above, or no date. */
int uvllm__sigv4(const uvllm__sigv4_t* s, const uvllm_alloc_t* alloc,
                 char signature[UVLLM__SIGV4_HEX + 1]);

#endif
