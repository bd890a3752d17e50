/* The OpenAI dialect's fixtures (provider_conformance.h), for tests of single ones. */
#ifndef UVLLM_TESTS_OPENAI_FIXTURE_H
#define UVLLM_TESTS_OPENAI_FIXTURE_H

#include "provider_conformance.h"

static inline fixture_source_t openai_source(void) {
  return (fixture_source_t) { uvllm__dialect("openai"), FIXTURES "/openai" };
}

static inline void fixture_begin(fixture_run_t* run, const char* name) {
  const fixture_source_t source = openai_source();
  fixture_begin_of(run, &source, name);
}

static inline uvllm_str_t fixture_read(const char* name) {
  const fixture_source_t source = openai_source();
  return fixture_read_of(&source, name);
}

static inline char* fixture_run(const char* name, uvllm_str_t bytes, size_t first, size_t step) {
  const fixture_source_t source = openai_source();
  return fixture_run_of(&source, name, bytes, first, step);
}

#endif
