/* A growing run of bytes with a limit and a sticky error. Pure. */
#ifndef UVLLM_SRC_BUF_H
#define UVLLM_SRC_BUF_H

#include "mem.h"

typedef struct uvllm__buf_s {
  char* base;
  size_t len, cap;
  size_t max; /* beyond: UVLLM_ETOOLARGE */
  const uvllm_alloc_t* alloc; /* the owner's, must outlive the buffer */
  int err;    /* the first error; nothing is appended after it */
} uvllm__buf_t;

void uvllm__buf_init(uvllm__buf_t* buf, const uvllm_alloc_t* alloc, size_t max);
void uvllm__buf_free(uvllm__buf_t* buf); /* usable again afterwards */
void uvllm__buf_wipe(uvllm__buf_t* buf); /* the same, zeroed before it is freed */

/* Emptied and what stood in it zeroed, for the next user; more than `keep` bytes
 * of memory are given back. */
void uvllm__buf_recycle(uvllm__buf_t* buf, size_t keep);

/* Room for n more bytes: 0, UV_ENOMEM or UVLLM_ETOOLARGE (also kept in err). */
int uvllm__buf_grow(uvllm__buf_t* buf, size_t n);

static inline int uvllm__buf_reserve(uvllm__buf_t* buf, size_t n) {
  return buf->err == 0 && buf->cap - buf->len >= n ? 0 : uvllm__buf_grow(buf, n);
}

static inline int uvllm__buf_append(uvllm__buf_t* buf, const void* data, size_t n) {
  if (uvllm__buf_reserve(buf, n) != 0)
    return buf->err;
  if (n != 0)
    memcpy(buf->base + buf->len, data, n);
  buf->len += n;
  return 0;
}

static inline int uvllm__buf_str(uvllm__buf_t* buf, const char* s) {
  return uvllm__buf_append(buf, s, strlen(s));
}

static inline int uvllm__buf_char(uvllm__buf_t* buf, char c) {
  return uvllm__buf_append(buf, &c, 1);
}

int uvllm__buf_uint(uvllm__buf_t* buf, uint64_t n); /* in decimal */

static inline void uvllm__buf_clear(uvllm__buf_t* buf) {
  buf->len = 0;
  buf->err = 0;
}

static inline void uvllm__buf_consume(uvllm__buf_t* buf, size_t n) {
  buf->len -= n;
  if (buf->len != 0)
    memmove(buf->base, buf->base + n, buf->len);
}

static inline uvllm_str_t uvllm__buf_slice(const uvllm__buf_t* buf) {
  uvllm_str_t s = { buf->base, buf->len };
  return s;
}

#endif
