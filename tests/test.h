/* What every test includes: cmocka, and an allocator that counts and fails. */
#ifndef UVLLM_TESTS_TEST_H
#define UVLLM_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "uvllm/types.h"

/* Counts what is alive; from the fail_at-th allocation on (0: never) it fails,
 * once or for ever after. */
typedef struct test_alloc_s {
  uvllm_alloc_t hook;
  size_t alive, calls, fail_at;
  int fail_once;
} test_alloc_t;

static inline int test__alloc_fails(test_alloc_t* t) {
  t->calls++;
  if (t->fail_at == 0)
    return 0;
  return t->fail_once ? t->calls == t->fail_at : t->calls >= t->fail_at;
}

static inline void* test__malloc(void* ctx, size_t size) {
  test_alloc_t* t = ctx;
  if (test__alloc_fails(t))
    return NULL;
  void* p = malloc(size != 0 ? size : 1);
  t->alive += p != NULL;
  return p;
}

static inline void* test__realloc(void* ctx, void* ptr, size_t size) {
  test_alloc_t* t = ctx;
  if (test__alloc_fails(t))
    return NULL;
  void* p = realloc(ptr, size);
  t->alive += ptr == NULL && p != NULL;
  return p;
}

static inline void test__free(void* ctx, void* ptr) {
  test_alloc_t* t = ctx;
  t->alive -= ptr != NULL;
  free(ptr);
}

static inline void test_alloc_init(test_alloc_t* t) {
  memset(t, 0, sizeof(*t));
  t->hook.malloc = test__malloc;
  t->hook.realloc = test__realloc;
  t->hook.free = test__free;
  t->hook.ctx = t;
}

static inline uvllm_str_t test_str(const char* s) {
  uvllm_str_t r = { s, strlen(s) };
  return r;
}

#define assert_str(slice, literal)                                             \
  do {                                                                         \
    uvllm_str_t s_ = (slice);                                                  \
    assert_int_equal(s_.len, strlen(literal));                                 \
    assert_memory_equal(s_.base != NULL ? s_.base : "", literal, s_.len);      \
  } while (0)

#endif
