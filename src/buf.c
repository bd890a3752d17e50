#include "buf.h"


void uvllm__buf_init(uvllm__buf_t* buf, const uvllm_alloc_t* alloc, size_t max) {
  memset(buf, 0, sizeof(*buf));
  buf->alloc = alloc;
  buf->max = max;
}


void uvllm__buf_free(uvllm__buf_t* buf) {
  uvllm__free(buf->alloc, buf->base);
  uvllm__buf_init(buf, buf->alloc, buf->max);
}


void uvllm__buf_wipe(uvllm__buf_t* buf) {
  if (buf->base != NULL)
    explicit_bzero(buf->base, buf->cap);
  uvllm__buf_free(buf);
}


void uvllm__buf_recycle(uvllm__buf_t* buf, size_t keep) {
  if (buf->cap > keep) {
    uvllm__buf_wipe(buf);
    return;
  }
  if (buf->len != 0)
    explicit_bzero(buf->base, buf->len);
  uvllm__buf_clear(buf);
}


int uvllm__buf_grow(uvllm__buf_t* buf, size_t n) {
  if (buf->err != 0)
    return buf->err;
  if (n > buf->max - buf->len)
    return buf->err = UVLLM_ETOOLARGE;
  size_t cap = buf->cap < 64 ? 64 : buf->cap * 2;
  if (cap < buf->len + n)
    cap = buf->len + n;
  if (cap > buf->max)
    cap = buf->max; /* so that reserve() alone keeps the limit */
  char* base = uvllm__realloc(buf->alloc, buf->base, cap);
  if (base == NULL)
    return buf->err = UVLLM__ENOMEM;
  buf->base = base;
  buf->cap = cap;
  return 0;
}


int uvllm__buf_uint(uvllm__buf_t* buf, uint64_t n) {
  char digits[20];
  size_t i = sizeof(digits);
  do {
    digits[--i] = (char) ('0' + n % 10);
    n /= 10;
  } while (n != 0);
  return uvllm__buf_append(buf, digits + i, sizeof(digits) - i);
}
