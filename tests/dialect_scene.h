/* A client, the mock and one provider of a dialect, asked through the public API: for
 * the tests of dialects from end to end.
 */
#ifndef UVLLM_TESTS_DIALECT_SCENE_H
#define UVLLM_TESTS_DIALECT_SCENE_H

#include "core.h"

typedef struct dialect_scene_s {
  core_t core;
  const char* dialect;
  char text[4096], reasoning[4096]; /* of the last request, from events */
  char calls[4096], replay[4096];   /* from its result */
  char request_id[128];
  uvllm_stop_reason stop;
  int nvectors, nmodels;
  size_t nvalues;
  uvllm_limits_t limits;
} dialect_scene_t;

/* The scene of the running request: seen_t's data. */
static inline void dialect__event(seen_t* s, const uvllm_event_t* e) {
  dialect_scene_t* d = s->data;
  const size_t at = strlen(d->reasoning);
  if (e->type == UVLLM_EVENT_REASONING)
    snprintf(d->reasoning + at, sizeof(d->reasoning) - at, "%.*s", (int) e->u.text.len,
             e->u.text.base);
  if (e->type == UVLLM_EVENT_EMBEDDING) {
    assert_int_equal(e->index, d->nvectors);
    d->nvectors++;
    d->nvalues = e->u.vector.nvalues;
  }
  if (e->type == UVLLM_EVENT_MODEL) {
    assert_true(e->u.model.id.len != 0);
    d->nmodels++;
  }
}

static inline void dialect__done(seen_t* s, const uvllm_result_t* r) {
  dialect_scene_t* d = s->data;
  core__copy(d->request_id, sizeof(d->request_id), r->request_id);
  if (r->nchoices == 0)
    return;
  assert_string_equal(s->text, s->result);
  core__copy(d->calls, sizeof(d->calls), r->choices[0].tools_json);
  core__copy(d->replay, sizeof(d->replay), r->choices[0].replay_json);
  d->stop = r->choices[0].stop;
}

/* path: beneath the mock's address, "/cohere". */
static inline void dialect_begin(dialect_scene_t* d, const char* dialect, const char* path,
                                 uvllm_mock_options_t* options) {
  uvllm_provider_options_t p;
  char url[96];
  memset(d, 0, sizeof(*d));
  d->dialect = dialect;
  core_begin(&d->core);
  core_mock(&d->core, options, NULL);
  snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", uvllm_mock_port(d->core.mock), path);
  core_provider_init(&p);
  p.name = "own";
  p.dialect = dialect;
  p.base_url = url;
  p.price_as = "*";
  assert_int_equal(uvllm_provider_set(d->core.client, &p), 0);
}

static inline void dialect_end(dialect_scene_t* d) {
  core_end(&d->core);
}

/* A chat to the dialect's provider, to be changed; streamed. No retries. */
static inline void dialect_ask(ask_t* a, const char* x_mock) {
  ask_init(a, "Hello there", x_mock);
  a->r.target.provider = "own";
  a->r.target.model = "m";
  a->r.max_attempts = 1;
}

static inline seen_t dialect_run(dialect_scene_t* d, const uvllm_request_t* r) {
  seen_t seen = { .on_event = dialect__event, .on_done = dialect__done, .data = d };
  d->text[0] = d->reasoning[0] = d->calls[0] = d->replay[0] = d->request_id[0] = '\0';
  d->stop = UVLLM_STOP_NONE;
  d->nvectors = d->nmodels = 0;
  core_submit(&d->core, r, &seen);
  core_run(&d->core, d->core.ndone + 1);
  assert_int_equal(seen.done, 1);
  assert_int_equal(seen.late, 0);
  return seen;
}

/* A chat with that x-mock, streamed and whole: the same comes of both. */
static inline seen_t dialect_both(dialect_scene_t* d, ask_t* a) {
  seen_t streamed = dialect_run(d, &a->r);
  char reasoning[sizeof(d->reasoning)], calls[sizeof(d->calls)], replay[sizeof(d->replay)];
  const uvllm_stop_reason stop = d->stop;
  strcpy(reasoning, d->reasoning);
  strcpy(calls, d->calls);
  strcpy(replay, d->replay);
  a->r.flags &= ~(unsigned int) UVLLM_STREAM;
  seen_t whole = dialect_run(d, &a->r);
  a->r.flags |= UVLLM_STREAM;
  assert_int_equal(streamed.status, whole.status);
  assert_string_equal(streamed.text, whole.text);
  assert_string_equal(reasoning, d->reasoning);
  assert_string_equal(calls, d->calls);
  assert_string_equal(replay, d->replay);
  assert_int_equal(stop, d->stop);
  assert_int_equal(streamed.usage.input_tokens, whole.usage.input_tokens);
  assert_int_equal(streamed.usage.output_tokens, whole.usage.output_tokens);
  assert_int_equal(streamed.usage.flags, whole.usage.flags);
  return whole;
}

#endif
