/* What one request of a scenario is, and what came of it: for the table of dialects
 * and scenarios in test_dialects.c.
 */
#ifndef UVLLM_TESTS_DIALECT_SCENARIO_H
#define UVLLM_TESTS_DIALECT_SCENARIO_H

#include "core.h"
#include "uvllm/json.h"

/* What a dialect may have or not. */
enum {
  CAN_IMAGE = 1, CAN_IMAGE_URL = 2, CAN_TOOLS = 4, CAN_SCHEMA = 8, CAN_REASON = 16,
  CAN_FILTER = 32, CAN_REFUSE = 64, CAN_CACHE = 128, CAN_EMBED = 256, CAN_COUNT = 512,
  CAN_CHOICES = 1024, CAN_SEED = 2048, CAN_STOP = 4096, CAN_MODELS = 8192,
  CAN_ALWAYS_CALL = 16384, /* tool_choice "required" */
  CAN_COMPLETE = 32768
};

typedef struct dialect_s {
  const char* name;   /* of the column, and of the preset */
  const char* path;   /* of the base URL, on the mock */
  const char* model;
  unsigned int can;
  const uvllm_kv_t* params;
  size_t nparams;
} dialect_t;

typedef struct got_s {
  core_t* core;
  int done, status;
  uint32_t attempts;
  size_t nchoices;
  uvllm_stop_reason stop;
  char text[8192], reasoning[4096], refusal[1024], tools[4096], replay[4096], body[16384];
  char streamed[8192], streamed_reasoning[4096];
  char message[512];
  int nmodels, nvectors, nbegins, nevents;
  size_t dimensions;
  uvllm_usage_t usage;
} got_t;

typedef struct scenario_s {
  const char* name;
  unsigned int needs; /* CAN_*, of the request: without them it is refused at submit */
  unsigned int shows; /* CAN_*, of the answer: without them there is nothing to test */
  const char* x_mock;
  unsigned int flags;
  void (*prepare)(uvllm_request_t* r); /* NULL: one question */
  int status;
  void (*check)(const got_t* got); /* NULL: nothing more to see */
  uint32_t attempts;  /* allowed; 0: 1 */
} scenario_t;

static inline void got__event(uvllm_req_t* req, const uvllm_event_t* e) {
  got_t* g = uvllm_req_data(req);
  g->nevents++;
  g->nmodels += e->type == UVLLM_EVENT_MODEL;
  g->nvectors += e->type == UVLLM_EVENT_EMBEDDING;
  g->nbegins += e->type == UVLLM_EVENT_TOOL_BEGIN;
  if (e->type == UVLLM_EVENT_EMBEDDING)
    g->dimensions = e->u.vector.nvalues;
  if (e->type != UVLLM_EVENT_TEXT && e->type != UVLLM_EVENT_REASONING)
    return;
  char* to = e->type == UVLLM_EVENT_TEXT ? g->streamed : g->streamed_reasoning;
  size_t size = e->type == UVLLM_EVENT_TEXT ? sizeof(g->streamed) : sizeof(g->streamed_reasoning);
  size_t at = strlen(to);
  snprintf(to + at, size - at, "%.*s", (int) e->u.text.len, e->u.text.base);
}

static inline void got__done(uvllm_req_t* req, const uvllm_result_t* r) {
  got_t* g = uvllm_req_data(req);
  g->done++;
  g->core->ndone++;
  g->status = r->status;
  g->attempts = r->attempts;
  g->usage = *r->usage;
  g->nchoices = r->nchoices;
  core__copy(g->message, sizeof(g->message), r->message);
  core__copy(g->body, sizeof(g->body), r->body_json);
  if (r->nchoices == 0)
    return;
  const uvllm_choice_t* c = &r->choices[0];
  g->stop = c->stop;
  core__copy(g->text, sizeof(g->text), c->text);
  core__copy(g->reasoning, sizeof(g->reasoning), c->reasoning);
  core__copy(g->refusal, sizeof(g->refusal), c->refusal);
  core__copy(g->tools, sizeof(g->tools), c->tools_json);
  core__copy(g->replay, sizeof(g->replay), c->replay_json);
}

/* What uvllm_submit() says; if that is 0, until the request has ended. */
static inline int got_run(core_t* core, const uvllm_request_t* r, got_t* got) {
  memset(got, 0, sizeof(*got));
  got->core = core;
  int err = uvllm_submit(core->client, r, got__event, got__done, got, NULL);
  if (err == 0)
    core_run(core, core->ndone + 1);
  return err;
}

#endif
