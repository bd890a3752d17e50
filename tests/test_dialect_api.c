/* What a dialect of one's own is given and may tell, through the public API:
 * parameters, translated bodies, what it wants back, token counts, progress, pages.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem, in script.h */
#endif
#include "core.h"
#include "script.h"
#include "uvllm/provider.h"

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

typedef struct own_s {
  int page;
} own_t;

static char checked[256], built[256], replayed[256];

static int check(const uvllm_request_t* r, uvllm_emit_t* emit) {
  const char* region = uvllm_emit_param(emit, "region");
  snprintf(checked, sizeof(checked), "%s %zu %s", region != NULL ? region : "-", r->nmessages,
           r->body_json.base != NULL ? "body" : "fields");
  assert_non_null(uvllm_emit_alloc(emit));
  return 0;
}

static int build(void* state, const uvllm_attempt_t* a, uvllm_http_t* http) {
  own_t* own = state;
  const uvllm_request_t* r = a->request;
  const char* region = uvllm_param(a->params, a->nparams, "region");
  char page[16];
  snprintf(built, sizeof(built), "%s %.*s %u %.*s", region != NULL ? region : "-",
           (int) a->model.len, a->model.len != 0 ? a->model.base : "", r->max_tokens,
           r->nmessages != 0 ? (int) r->messages[0].text.len : 0,
           r->nmessages != 0 ? r->messages[0].text.base : "");
  if (r->nmessages > 1)
    snprintf(replayed, sizeof(replayed), "%.*s", (int) r->messages[1].replay_json.len,
             r->messages[1].replay_json.base);
  snprintf(page, sizeof(page), "%d", own->page);
  uvllm_http_path(http, "/own");
  uvllm_http_query(http, "page", test_str(page));
  return 0;
}

static int give_models(own_t* own, uvllm_emit_t* emit) {
  char id[16];
  snprintf(id, sizeof(id), "model-%d", own->page);
  uvllm_event_t e = { .type = UVLLM_EVENT_MODEL };
  e.u.model.id = test_str(id);
  uvllm_emit_event(emit, &e);
  return ++own->page < 3 ? UVLLM_NEXT : UVLLM_COMPLETE;
}

static int frame(void* state, const uvllm_frame_t* f, uvllm_emit_t* emit) {
  (void) f;
  switch (uvllm_emit_param(emit, "op")[0]) {
    case 'm': return give_models(state, emit);
    case 'p': {
      uvllm_event_t e = { .type = UVLLM_EVENT_PROGRESS };
      e.u.progress.status = test_str("pulling");
      e.u.progress.done = 5;
      e.u.progress.total = 10;
      uvllm_emit_event(emit, &e);
      return UVLLM_COMPLETE;
    }
    case 'e': {
      const float values[] = { 0.5f, -1 };
      for (uint32_t i = 0; i < 2; i++) {
        uvllm_event_t e = { .type = UVLLM_EVENT_EMBEDDING, .index = 1 - i };
        e.u.vector.values = values;
        e.u.vector.nvalues = 2 - i;
        uvllm_emit_event(emit, &e);
      }
      const uvllm_usage_t usage = { .input_tokens = 4 };
      uvllm_emit_usage(emit, &usage);
      return UVLLM_COMPLETE;
    }
    case 'c': {
      const uvllm_usage_t usage = { .input_tokens = 123 };
      uvllm_emit_usage(emit, &usage);
      return UVLLM_COMPLETE;
    }
    default:
      uvllm_emit_text(emit, 0, UVLLM_EVENT_TEXT, test_str("Hi"));
      uvllm_emit_replay(emit, 0, test_str("{\"own\":1}"));
      uvllm_emit_replay(emit, 0, test_str("{\"own\":[\"sig\"]}"));
      uvllm_emit_stop(emit, 0, UVLLM_STOP_END);
      return UVLLM_COMPLETE;
  }
}

static int error(void* state, int status, uvllm_str_t body, uvllm_emit_t* emit) {
  (void) state, (void) status, (void) body, (void) emit;
  return UVLLM_EPROVIDER;
}

static const uvllm_provider_ops_t own_ops = {
  .size = sizeof(own_ops), .state_size = sizeof(own_t), .check = check, .build = build,
  .frame = frame, .error = error,
};

typedef struct scene_s {
  core_t core;
  script_t script;
  char url[64];
} scene_t;

static int set_own(scene_t* s, const char* op, const char* region) {
  const uvllm_kv_t params[] = { { "region", "nowhere" }, { "op", op }, { "region", region } };
  uvllm_provider_options_t p;
  core_provider_init(&p);
  p.name = "own";
  p.ops = &own_ops;
  p.base_url = s->url;
  p.price_as = "*";
  p.params = params;
  p.nparams = region != NULL ? 3 : 2;
  return uvllm_provider_set(s->core.client, &p);
}

static void begin(scene_t* s, const char* op) {
  core_begin(&s->core);
  script_start(&s->script, &s->core.loop, ANSWER, sizeof(ANSWER) - 1, SCRIPT_KEEP);
  snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%d", s->script.port);
  assert_int_equal(set_own(s, op, "eu"), 0);
}

static void end(scene_t* s) {
  script_stop(&s->script);
  core_end(&s->core);
}

/* What the events and the result say beyond seen_t. */
static char events[256], result[256];

static void on_event(seen_t* s, const uvllm_event_t* e) {
  const size_t at = strlen(events);
  (void) s;
  if (e->type == UVLLM_EVENT_REPLAY)
    snprintf(events + at, sizeof(events) - at, "replay %.*s;", (int) e->u.text.len,
             e->u.text.base);
  if (e->type == UVLLM_EVENT_MODEL)
    snprintf(events + at, sizeof(events) - at, "%.*s;", (int) e->u.model.id.len,
             e->u.model.id.base);
  if (e->type == UVLLM_EVENT_PROGRESS)
    snprintf(events + at, sizeof(events) - at, "%.*s %d/%d;", (int) e->u.progress.status.len,
             e->u.progress.status.base, (int) e->u.progress.done, (int) e->u.progress.total);
}

static void on_done(seen_t* s, const uvllm_result_t* r) {
  (void) s;
  if (r->nchoices != 0)
    core__copy(result, sizeof(result), r->choices[0].replay_json);
}

static seen_t run(scene_t* s, ask_t* a) {
  seen_t seen = { .on_event = on_event, .on_done = on_done };
  events[0] = result[0] = '\0';
  a->r.target.provider = "own";
  core_submit(&s->core, &a->r, &seen);
  core_run(&s->core, s->core.ndone + 1);
  return seen;
}

static void parameters_are_copied_and_the_last_one_counts(void** state) {
  (void) state;
  scene_t s;
  ask_t a;
  begin(&s, "x");
  ask_init(&a, "Hi", NULL);
  assert_int_equal(run(&s, &a).status, 0);
  assert_string_equal(checked, "eu 1 fields");
  assert_string_equal(built, "eu gpt-4o-mini 0 Hi");
  assert_int_equal(set_own(&s, "a\nb", NULL), UV_EINVAL);
  assert_int_equal(set_own(&s, NULL, NULL), UV_EINVAL);
  assert_non_null(strstr(uvllm_last_error(s.core.client), "parameter"));
  end(&s);
}

static void an_openai_body_comes_as_fields(void** state) {
  (void) state;
  scene_t s;
  ask_t a;
  begin(&s, "x");
  ask_init(&a, "", NULL);
  a.r.nmessages = 0;
  a.r.target.model = NULL;
  a.r.body_json = test_str("{\"model\":\"m\",\"max_tokens\":7,\"messages\":[{\"role\":\"user\","
                           "\"content\":\"a\\u0062\"}],\"user\":\"u\"}");
  assert_int_equal(run(&s, &a).status, 0);
  assert_string_equal(checked, "eu 1 fields");
  assert_string_equal(built, "eu m 7 ab");
  a.r.body_json = test_str("{\"model\":\"m\",\"messages\":[],\"top_k\":1}");
  seen_t seen = { 0 };
  assert_int_equal(core_try(&s.core, &a.r, &seen), UVLLM_EUNSUPPORTED);
  assert_non_null(strstr(uvllm_last_error(s.core.client), "top_k"));
  end(&s);
}

static void what_it_wants_back_comes_and_goes(void** state) {
  (void) state;
  scene_t s;
  ask_t a;
  begin(&s, "x");
  ask_init(&a, "Hi", NULL);
  assert_int_equal(run(&s, &a).status, 0);
  assert_string_equal(events, "replay {\"own\":1};replay {\"own\":[\"sig\"]};");
  assert_string_equal(result, "{\"own\":[\"sig\"]}");
  char wanted[64];
  snprintf(wanted, sizeof(wanted), "%s", result);
  const uvllm_message_t turns[] = {
    { .role = UVLLM_USER, .text = UVLLM_STR("Hi") },
    { .role = UVLLM_ASSISTANT, .text = UVLLM_STR("Hi"), .replay_json = test_str(wanted) },
  };
  a.r.messages = turns;
  a.r.nmessages = 2;
  a.r.flags |= UVLLM_NO_COLLECT;
  assert_int_equal(run(&s, &a).status, 0);
  assert_string_equal(replayed, "{\"own\":[\"sig\"]}");
  assert_string_equal(events, "replay {\"own\":1};replay {\"own\":[\"sig\"]};");
  assert_string_equal(result, "");
  end(&s);
}

static void a_token_count_is_free(void** state) {
  (void) state;
  scene_t s;
  ask_t a;
  uvllm_stats_t stats;
  begin(&s, "c");
  uvllm_set_budget(s.core.client, 1); /* next to nothing */
  ask_init(&a, "Hi", NULL);
  a.r.op = UVLLM_COUNT_TOKENS;
  a.r.flags = 0;
  seen_t seen = run(&s, &a);
  assert_int_equal(seen.status, 0);
  assert_int_equal(seen.usage.input_tokens, 123);
  assert_int_equal(seen.usage.cost_pusd, 0);
  assert_int_equal(uvllm_stats(s.core.client, NULL, NULL, &stats), 0);
  assert_int_equal(stats.usage.input_tokens, 0);
  core_provider(&s.core, "openai", s.url, NULL);
  a.r.target.provider = "openai";
  seen_t refused = { 0 };
  assert_int_equal(core_try(&s.core, &a.r, &refused), UVLLM_EUNSUPPORTED);
  assert_string_equal(uvllm_last_error(s.core.client), "a token count cannot be had from openai");
  end(&s);
}

static void embeddings_can_be_had_as_an_openai_body(void** state) {
  (void) state;
  scene_t s;
  ask_t a;
  begin(&s, "e");
  ask_init(&a, "Hi", NULL);
  a.r.op = UVLLM_EMBED;
  a.r.flags = UVLLM_BODY;
  seen_t seen = run(&s, &a);
  assert_int_equal(seen.status, 0);
  assert_string_equal(seen.body,
                      "{\"object\":\"list\",\"data\":["
                      "{\"object\":\"embedding\",\"index\":1,\"embedding\":[0.5,-1]},"
                      "{\"object\":\"embedding\",\"index\":0,\"embedding\":[0.5]}],"
                      "\"model\":\"gpt-4o-mini\",\"usage\":{\"prompt_tokens\":4,"
                      "\"total_tokens\":4}}");
  end(&s);
}

static void progress_is_told_and_is_no_content(void** state) {
  (void) state;
  scene_t s;
  ask_t a;
  begin(&s, "p");
  ask_init(&a, "Hi", NULL);
  seen_t seen = run(&s, &a);
  assert_int_equal(seen.status, 0);
  assert_string_equal(events, "pulling 5/10;");
  assert_int_equal(seen.nevents[UVLLM_EVENT_TEXT], 0);
  end(&s);
}

static void lists_are_read_to_their_last_page(void** state) {
  (void) state;
  scene_t s;
  ask_t a;
  begin(&s, "m");
  ask_init(&a, "", NULL);
  a.r.op = UVLLM_MODELS;
  a.r.nmessages = 0;
  a.r.flags = 0;
  seen_t seen = run(&s, &a);
  assert_int_equal(seen.status, 0);
  assert_string_equal(events, "model-0;model-1;model-2;");
  assert_int_equal(seen.attempts, 1);
  assert_int_equal(s.script.nrequests, 3);
  assert_non_null(strstr(s.script.request, "POST /own?page=2 "));
  end(&s);
}

/* Events that came while paused keep what they point to. */
static void pause_once(seen_t* s, const uvllm_event_t* e) {
  if (e->type == UVLLM_EVENT_TEXT && s->data == NULL) {
    s->data = s;
    uvllm_pause(s->req);
  }
  on_event(s, e);
}

static void on_timer(uv_timer_t* timer) {
  seen_t* s = timer->data;
  uvllm_resume(s->req);
  uv_close((uv_handle_t*) timer, NULL);
}

static void replay_waits_for_resume(void** state) {
  (void) state;
  scene_t s;
  ask_t a;
  uv_timer_t timer;
  seen_t seen = { .on_event = pause_once, .on_done = on_done };
  begin(&s, "x");
  ask_init(&a, "Hi", NULL);
  a.r.target.provider = "own";
  events[0] = result[0] = '\0';
  core_submit(&s.core, &a.r, &seen);
  uv_timer_init(&s.core.loop, &timer);
  timer.data = &seen;
  while (seen.data == NULL)
    uv_run(&s.core.loop, UV_RUN_ONCE);
  assert_string_equal(events, "");
  uv_timer_start(&timer, on_timer, 1, 0);
  core_run(&s.core, 1);
  assert_string_equal(events, "replay {\"own\":1};replay {\"own\":[\"sig\"]};");
  assert_string_equal(result, "{\"own\":[\"sig\"]}");
  end(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(parameters_are_copied_and_the_last_one_counts),
    cmocka_unit_test(an_openai_body_comes_as_fields),
    cmocka_unit_test(what_it_wants_back_comes_and_goes),
    cmocka_unit_test(a_token_count_is_free),
    cmocka_unit_test(embeddings_can_be_had_as_an_openai_body),
    cmocka_unit_test(progress_is_told_and_is_no_content),
    cmocka_unit_test(lists_are_read_to_their_last_page),
    cmocka_unit_test(replay_waits_for_resume),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
