/* Allocation through the caller's hook. Pure: no uv.h, no curl.h.
 *
 * The error codes of libuv are -errno on every Unix; pure modules use these
 * names so that they need not include uv.h (error.c asserts that they agree).
 */
#ifndef UVLLM_SRC_MEM_H
#define UVLLM_SRC_MEM_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "uvllm/types.h"

enum {
  UVLLM__ENOMEM = -ENOMEM,
  UVLLM__EAGAIN = -EAGAIN,
  UVLLM__EINVAL = -EINVAL,
  UVLLM__ECANCELED = -ECANCELED
};

#define uvllm__container(ptr, type, member)                                    \
  ((type*) (void*) ((char*) (ptr) - offsetof(type, member)))

extern const uvllm_alloc_t uvllm__alloc_default;

/* A hook to keep by value: the caller's, or malloc(3). */
static inline uvllm_alloc_t uvllm__alloc_or_default(const uvllm_alloc_t* alloc) {
  return alloc != NULL ? *alloc : uvllm__alloc_default;
}

static inline void* uvllm__malloc(const uvllm_alloc_t* a, size_t size) {
  return a->malloc(a->ctx, size);
}

static inline void* uvllm__calloc(const uvllm_alloc_t* a, size_t n, size_t size) {
  if (size != 0 && n > SIZE_MAX / size)
    return NULL;
  void* p = a->malloc(a->ctx, n * size);
  if (p != NULL)
    memset(p, 0, n * size);
  return p;
}

static inline void* uvllm__realloc(const uvllm_alloc_t* a, void* p, size_t size) {
  return a->realloc(a->ctx, p, size);
}

static inline void uvllm__free(const uvllm_alloc_t* a, void* p) {
  if (p != NULL)
    a->free(a->ctx, p);
}

char* uvllm__strdup(const uvllm_alloc_t* a, const char* s);     /* NULL: NULL */
char* uvllm__strndup(const uvllm_alloc_t* a, uvllm_str_t s);    /* NUL-terminated */
void uvllm__free_secret(const uvllm_alloc_t* a, char* s);       /* wiped first */

static inline uvllm_str_t uvllm__str(const char* s) {
  uvllm_str_t r = { s, s != NULL ? strlen(s) : 0 };
  return r;
}

static inline int uvllm__str_eq(uvllm_str_t a, const char* literal) {
  size_t n = strlen(literal);
  return a.base != NULL && a.len == n && memcmp(a.base, literal, n) == 0;
}

#endif
