/* The default allocator and copies of strings. */
#include "mem.h"

#include <stdlib.h>

static void* default_malloc(void* ctx, size_t size) {
  (void) ctx;
  return malloc(size);
}

static void* default_realloc(void* ctx, void* ptr, size_t size) {
  (void) ctx;
  return realloc(ptr, size);
}

static void default_free(void* ctx, void* ptr) {
  (void) ctx;
  free(ptr);
}

const uvllm_alloc_t uvllm__alloc_default = { default_malloc, default_realloc,
                                             default_free, NULL };


char* uvllm__strndup(const uvllm_alloc_t* a, uvllm_str_t s) {
  char* copy = uvllm__malloc(a, s.len + 1);
  if (copy == NULL)
    return NULL;
  if (s.len != 0)
    memcpy(copy, s.base, s.len);
  copy[s.len] = '\0';
  return copy;
}


char* uvllm__strdup(const uvllm_alloc_t* a, const char* s) {
  return s == NULL ? NULL : uvllm__strndup(a, uvllm__str(s));
}


void uvllm__free_secret(const uvllm_alloc_t* a, char* s) {
  if (s != NULL)
    explicit_bzero(s, strlen(s));
  uvllm__free(a, s);
}
