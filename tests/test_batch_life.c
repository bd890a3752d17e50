/* Batches that are stopped, run out of money, disk or memory, or follow each
 * other after all that: nothing answered is lost, nothing recorded is sent again. */
#include "batch_scene.h"
#include "batch_internal.h"
#include "internal.h"

#include <sys/resource.h>

static void expect_order(const scene_t* s, int n) {
  char* text = get_text(s->output);
  const char* p = text;
  for (int i = 1; i <= n; i++) {
    p = strstr(p, "\"custom_id\":\"r");
    assert_non_null(p);
    p += 14;
    assert_int_equal(atoi(p), i);
  }
  free(text);
}

static void put_slow_first(const scene_t* s) {
  put_text(s->input, "w", "{\"custom_id\":\"r1\",\"url\":\"/v1/chat/completions\",\"body\":"
                          "{\"model\":\"gpt-4o-mini\",\"max_tokens\":40,\"messages\":[{\"role\":"
                          "\"user\",\"content\":\"slow\"}]}}\n");
  put_requests(s, 2, 400, "a");
}

/* ---- Stopping ---- */

static void stop_after_20(scene_t* s) {
  uvllm_batch_progress_t p;
  uvllm_batch_progress(s->batch, &p);
  if (p.succeeded < 20)
    return;
  uvllm_batch_stop(s->batch);
  s->each_turn = NULL;
}

static void stopped_once_what_is_in_flight_finishes(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 1000, "w");
  s->mock_options.ttft_ms = 5;
  s->each_turn = stop_after_20;
  scene_run(s, UV_ECANCELED);
  assert_int_equal(s->end.cancelled, 0);
  assert_true(s->end.succeeded >= 20 && s->end.succeeded < 1000);
  assert_int_equal(s->end.succeeded, s->stats.requests);
  assert_int_equal(nlines(s->output), s->stats.requests);
  uint64_t first = s->stats.requests;
  s->mock_options.ttft_ms = 0;
  scene_run(s, 0);
  assert_int_equal(s->stats.requests, 1000 - first);
  expect_each_once(s, 1, 1000);
}

static void stop_twice(scene_t* s) {
  uvllm_batch_progress_t p;
  uvllm_batch_progress(s->batch, &p);
  if (p.inflight < 16)
    return;
  uvllm_batch_stop(s->batch);
  uvllm_batch_stop(s->batch);
  uvllm_batch_stop(s->batch);
  s->each_turn = NULL;
}

static void stopped_twice_they_are_cancelled_and_stand_nowhere(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 200, "w");
  s->mock_options.ttft_ms = 60000;
  s->each_turn = stop_twice;
  scene_run(s, UV_ECANCELED);
  assert_true(s->end.cancelled >= 16);
  assert_int_equal(s->end.succeeded + s->end.failed, 0);
  assert_int_equal(nlines(s->output) + nlines(s->errors), 0);
  s->mock_options.ttft_ms = 0;
  scene_run(s, 0);
  expect_each_once(s, 1, 200);
}

static uint64_t stop_at, then_again;

static void stop_at_turn(scene_t* s) {
  if (s->turns == stop_at || s->turns == then_again)
    uvllm_batch_stop(s->batch);
}

/* From the first moment to beyond the last, plain and ordered. */
static void stopped_in_any_phase_it_ends_and_goes_on(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 40, "w");
  s->each_turn = stop_at_turn;
  for (int ordered = 0; ordered < 2; ordered++) {
    s->options.flags = UVLLM_BATCH_RESTART | (ordered ? UVLLM_BATCH_ORDERED : 0);
    for (stop_at = 1; stop_at < 60; stop_at += 1 + stop_at / 12) {
      then_again = stop_at % 3 == 0 ? stop_at : stop_at + stop_at % 5;
      assert_int_equal(scene_try(s), 0);
      assert_true(s->status == 0 || s->status == UV_ECANCELED);
      s->options.flags &= ~(unsigned int) UVLLM_BATCH_RESTART;
    }
    s->each_turn = NULL;
    scene_run(s, 0);
    expect_each_once(s, 1, 40);
    expect_json_lines(s->output);
    s->each_turn = stop_at_turn;
  }
}

static void stopped_before_it_began(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 4, "w");
  stop_at = then_again = 1;
  s->each_turn = stop_at_turn;
  scene_run(s, UV_ECANCELED);
  assert_int_equal(s->stats.requests, 0);
}

static void stop_once(scene_t* s) {
  uvllm_batch_stop(s->batch);
  s->each_turn = NULL;
}

static void stopped_while_standard_input_is_quiet(void** state) {
  scene_t* s = *state;
  int fds[2], before = dup(STDIN_FILENO);
  assert_int_equal(pipe(fds), 0);
  assert_int_equal(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
  s->options.input = "-";
  s->options.output = s->output;
  s->options.limit = 0;
  s->each_turn = stop_once;
  scene_run(s, UV_ECANCELED);
  assert_int_equal(dup2(before, STDIN_FILENO), STDIN_FILENO);
  close(before);
  close(fds[0]);
  close(fds[1]);
}

/* When answers wait behind a line that is not finished, and never will be. */
static void stop_both(scene_t* s) {
  if (s->batch->order.nfinished < 3)
    return;
  s->each_turn = NULL;
  uvllm_batch_stop(s->batch);
  uvllm_batch_stop(s->batch);
}

static void cancelled_lines_leave_no_hole_in_the_order(void** state) {
  scene_t* s = *state;
  put_slow_first(s);
  s->mock_options.ntokens = 40;
  s->mock_options.itl_ms = 5;
  s->options.flags = UVLLM_BATCH_ORDERED;
  s->each_turn = stop_both;
  scene_run(s, UV_ECANCELED);
  assert_true(s->end.succeeded >= 3);
  assert_int_equal(times_of_id(s->output, 1), 0);
  s->mock_options.itl_ms = 0;
  scene_run(s, 0);
  expect_each_once(s, 1, 400);
  expect_order(s, 400);
}

/* ---- Waiting ---- */

static uint64_t most_waiting;

static void look_who_waits(scene_t* s) {
  uvllm_batch_progress_t p;
  uvllm_batch_progress(s->batch, &p);
  if (p.waiting > most_waiting)
    most_waiting = p.waiting;
}

/* Their deadlines would run while they wait. */
static void few_lines_wait_for_a_limit(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 15, "w");
  s->provider.limits.requests_per_min = 600;
  most_waiting = 0;
  s->each_turn = look_who_waits;
  scene_run(s, 0);
  assert_int_equal(s->end.succeeded, 15);
  assert_in_range(most_waiting, 1, 5);
}

static void stop_when_some_wait(scene_t* s) {
  uvllm_batch_progress_t p;
  uvllm_batch_progress(s->batch, &p);
  if (p.waiting_for_limit == 0)
    return;
  s->each_turn = NULL;
  uvllm_batch_stop(s->batch);
}

static void stopped_once_what_waits_is_not_sent(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 3, "w");
  s->provider.limits.requests_per_min = 1;
  s->each_turn = stop_when_some_wait;
  scene_run(s, UV_ECANCELED);
  assert_int_equal(s->stats.requests, 1);
  assert_int_equal(s->end.succeeded, 1);
  assert_int_equal(s->end.cancelled, 0);
}

/* A client that never has room for a line must not keep it waiting for ever. */
static void a_line_too_large_for_the_client_fails(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 3, "w");
  s->client_options.max_queued_bytes = 100;
  scene_run(s, 0);
  assert_int_equal(s->end.failed, 3);
  assert_int_equal(count_in(s->errors, "\"e2big\""), 3);
}

static void a_small_queue_is_waited_for(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 100, "w");
  s->client_options.max_queued = 2;
  s->client_options.max_inflight = 2;
  scene_run(s, 0);
  expect_each_once(s, 1, 100);
}

static void on_foreign(uvllm_req_t* req, const uvllm_result_t* result) {
  (void) result;
  ++*(int*) uvllm_req_data(req);
}

static int nforeign;

static void fill_the_client(scene_t* s) {
  uvllm_request_t r;
  uvllm_req_t* req;
  const uvllm_message_t message = { .role = UVLLM_USER, .text = UVLLM_STR("hello") };
  s->each_turn = NULL;
  uvllm_request_init(&r);
  r.target.provider = "openai";
  r.target.model = "gpt-4o";
  r.messages = &message;
  r.nmessages = 1;
  assert_int_equal(uvllm_submit(s->client, &r, NULL, on_foreign, &nforeign, &req), 0);
}

/* Nothing of ours is in flight that could tell when there is room. */
static void a_queue_that_others_fill_is_waited_for(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 3, "w");
  s->client_options.max_queued = 1;
  s->client_options.max_inflight = 1;
  s->provider.limits.requests_per_min = 600;
  s->each_turn = fill_the_client;
  nforeign = 0;
  scene_run(s, 0);
  assert_int_equal(nforeign, 1);
  expect_each_once(s, 1, 3);
}

/* ---- Order beyond the memory ---- */

static uint64_t most_spilled;

static void shrink_memory(scene_t* s) {
  s->batch->order.max_bytes = 2000;
  if (s->batch->order.spill.alive > most_spilled)
    most_spilled = s->batch->order.spill.alive;
}

/* The first line has more tokens to wait for than all the others. */
static void answers_behind_a_slow_line_are_spilled(void** state) {
  scene_t* s = *state;
  put_slow_first(s);
  s->mock_options.ntokens = 40;
  s->mock_options.itl_ms = 5;
  s->options.flags = UVLLM_BATCH_ORDERED;
  s->each_turn = shrink_memory;
  most_spilled = 0;
  scene_run(s, 0);
  assert_true(most_spilled > 10);
  assert_int_equal(nlines(s->output), 400);
  expect_order(s, 400);
  expect_json_lines(s->output);
}

static void no_room_to_spill_ends_the_batch(void** state) {
  scene_t* s = *state;
  put_slow_first(s);
  s->mock_options.ntokens = 40;
  s->mock_options.itl_ms = 5;
  s->options.flags = UVLLM_BATCH_ORDERED;
  s->each_turn = shrink_memory;
  struct rlimit limit;
  getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = 3000;
  setrlimit(RLIMIT_FSIZE, &limit);
  scene_run(s, UV_EFBIG);
  limit.rlim_cur = RLIM_INFINITY;
  setrlimit(RLIMIT_FSIZE, &limit);
  assert_non_null(strstr(s->error, "in.results.jsonl"));
  expect_json_lines(s->output);
  assert_int_equal(s->stats.requests, s->end.succeeded + s->end.unwritten);
  s->each_turn = NULL;
  s->mock_options.itl_ms = 0;
  scene_run(s, 0);
  expect_order(s, 400);
}

static void the_defaults_are_those_of_the_command(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 3, "w");
  s->options.defaults = NULL;
  s->options.concurrency = 0;
  scene_run(s, 0);
  expect_each_once(s, 1, 3);
}

/* ---- Money ---- */

static void what_the_budget_does_not_pay_is_taken_up_next_time(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 1000, "w");
  s->client_options.budget_pusd = 100 * 1000 * 1000; /* 100 micro-dollars */
  scene_run(s, UVLLM_EBUDGET);
  assert_true(s->end.succeeded > 5 && s->end.succeeded < 500);
  assert_true(s->end.unaffordable > 0);
  assert_true(s->end.usage.cost_pusd <= s->client_options.budget_pusd);
  assert_int_equal(s->end.failed, 0);
  assert_int_equal(nlines(s->output), s->end.succeeded);
  uint64_t first = s->end.succeeded;
  s->client_options.budget_pusd = 0;
  scene_run(s, 0);
  assert_int_equal(s->stats.requests, 1000 - first);
  expect_each_once(s, 1, 1000);
}

/* One line that is too dear does not keep the others from being answered. */
static void a_dear_line_costs_only_itself(void** state) {
  scene_t* s = *state;
  put_text(s->input, "w", "{\"custom_id\":\"dear\",\"url\":\"/v1/chat/completions\",\"body\":"
                          "{\"model\":\"gpt-4o-mini\",\"max_tokens\":16000,\"messages\":[{\"role\":"
                          "\"user\",\"content\":\"x\"}]}}\n");
  put_requests(s, 1, 10, "a");
  s->client_options.budget_pusd = 100 * 1000 * 1000;
  scene_run(s, UVLLM_EBUDGET);
  assert_int_equal(s->end.succeeded, 10);
  assert_int_equal(s->end.unaffordable, 1);
  assert_int_equal(count_in(s->output, "dear") + count_in(s->errors, "dear"), 0);
}

/* ---- A key that is of no use any more ---- */

static void expect_stopped_by_the_key(scene_t* s, int status) {
  scene_run(s, status);
  assert_true(s->end.rejected > 0 && s->end.rejected <= 16);
  assert_int_equal(s->end.failed + s->end.cancelled, 0);
  assert_int_equal(s->stats.requests, s->end.succeeded + s->end.rejected);
  assert_int_equal(nlines(s->output), s->end.succeeded);
  assert_int_equal(nlines(s->errors), 0);
}

static void a_rejected_key_ends_the_batch(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 1000, "w");
  for (int ordered = 0; ordered < 2; ordered++) {
    s->options.flags = UVLLM_BATCH_RESTART | (ordered ? UVLLM_BATCH_ORDERED : 0);
    s->mock_options.require_key = "sk-other";
    expect_stopped_by_the_key(s, UVLLM_EAUTH);
    assert_int_equal(s->end.succeeded, 0);
    const char* words = "openai: provider rejected the key: Incorrect API key";
    assert_int_equal(strncmp(s->error, words, strlen(words)), 0);
    assert_non_null(strstr(s->error, "; set another key, then run it again to go on"));
    assert_null(strstr(s->error, "sk-test"));
    s->options.flags &= ~(unsigned int) UVLLM_BATCH_RESTART;
    s->mock_options.require_key = NULL;
    scene_run(s, 0);
    assert_int_equal(s->stats.requests, 1000);
    expect_each_once(s, 1, 1000);
  }
}

static void a_spent_quota_ends_the_batch(void** state) {
  scene_t* s = *state;
  const uvllm_kv_t header = { "x-mock", "status=429,quota" };
  put_requests(s, 1, 1000, "w");
  s->defaults.headers = &header;
  s->defaults.nheaders = 1;
  s->defaults.max_attempts = 5;
  expect_stopped_by_the_key(s, UVLLM_EQUOTA);
  assert_int_equal(strncmp(s->error, "openai: quota or credit is spent: You exceeded", 46), 0);
  assert_non_null(strstr(s->error, "; add credit or set another key, then run it again"));
}

static void revoke_key_now(scene_t* s) {
  uvllm_key_t key;
  uvllm_key_init(&key);
  key.key = "sk-revoked";
  assert_int_equal(uvllm_key_set(s->client, "openai", &key), 0);
  s->each_turn = NULL;
}

static void revoke_after_100(scene_t* s) {
  uvllm_batch_progress_t p;
  uvllm_batch_progress(s->batch, &p);
  if (p.succeeded >= 100)
    revoke_key_now(s);
}

/* What is in flight by then is answered, or fails for a reason of its own. */
static void a_key_revoked_meanwhile_loses_no_answer(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 1000, "w");
  put_text(s->input, "a", "broken\n");
  s->mock_options.require_key = "sk-test";
  s->mock_options.ttft_ms = 3;
  s->mock_options.jitter = 1;
  s->mock_options.error_rate = 0.2;
  s->each_turn = revoke_after_100;
  scene_run(s, UVLLM_EAUTH);
  assert_true(s->end.succeeded >= 100 && s->end.failed > 10);
  assert_true(s->end.rejected > 0 && s->end.rejected <= 16);
  assert_int_equal(s->stats.requests, s->end.succeeded + s->end.failed + s->end.rejected);
  assert_int_equal(count_in(s->errors, "\"eauth\"") + count_in(s->errors, "invalid_api_key"), 0);
  uint64_t before = s->end.succeeded + s->end.failed;
  s->mock_options.error_rate = 0;
  scene_run(s, 0);
  assert_int_equal(s->end.skipped, before);
  assert_int_equal(s->end.succeeded, 1000 - before);
  assert_int_equal(s->end.failed, 1);
  expect_each_once(s, 1, 1000);
}

/* Then some wait for another attempt, and others are on their way to the same 500. */
static void revoke_when_some_wait(scene_t* s) {
  uvllm_batch_progress_t p;
  uvllm_batch_progress(s->batch, &p);
  if (p.waiting_for_retry > 0)
    revoke_key_now(s);
}

/* It could only be told the same, a minute later. */
static void with_a_rejected_key_no_retry_is_waited_for(void** state) {
  scene_t* s = *state;
  const uvllm_kv_t header = { "x-mock", "status=500,retry-after=60" };
  put_requests(s, 1, 60, "w");
  s->mock_options.require_key = "sk-test";
  s->mock_options.ttft_ms = 20;
  s->mock_options.jitter = 1;
  s->defaults.headers = &header;
  s->defaults.nheaders = 1;
  s->defaults.max_attempts = 2;
  s->defaults.timeout_ms = 600000;
  s->each_turn = revoke_when_some_wait;
  scene_run(s, UVLLM_EAUTH);
  assert_true(s->end.duration_ns < UINT64_C(20000000000));
  assert_true(s->end.cancelled > 0 && s->end.rejected > 0);
  assert_int_equal(s->stats.requests, s->end.cancelled + s->end.rejected);
  assert_int_equal(nlines(s->output) + nlines(s->errors), 0);
}

static void an_unpriced_model_under_a_budget_is_refused(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 10, "w");
  s->client_options.budget_pusd = 1000000;
  s->options.target.model = "of-nobody";
  scene_run(s, UVLLM_EUNPRICED);
  assert_int_equal(s->stats.requests, 0);
  assert_int_equal(nlines(s->errors), 0);
  s->client_options.allow_unpriced = 1;
  scene_run(s, 0);
  assert_int_equal(s->end.unpriced, 10);
  assert_int_equal(s->end.usage.cost_pusd, 0);
}

static int64_t held_pusd;
static uint64_t debited;

static void look_what_is_taken(scene_t* s) {
  uvllm_stats_t stats;
  uvllm_limiter_state_t limiter;
  assert_int_equal(uvllm_stats(s->client, NULL, NULL, &stats), 0);
  if (stats.held_pusd == 0)
    return;
  held_pusd = stats.held_pusd;
  uvllm_limiter_state(uvllm__provider_find(s->client, "openai")->credentials->limiter, uv_hrtime(), &limiter);
  debited = limiter.used[UVLLM_TOKENS_PER_MIN];
}

static void expect_foretold(scene_t* s) {
  held_pusd = -1;
  s->options.flags = UVLLM_BATCH_DRY_RUN | UVLLM_BATCH_RESTART;
  scene_run(s, 0);
  assert_int_equal(s->end.requests, 1);
  uvllm_usage_t foretold = s->end.estimate;
  s->options.flags = UVLLM_BATCH_RESTART;
  s->each_turn = look_what_is_taken;
  scene_run(s, 0);
  s->each_turn = NULL;
  assert_int_equal(foretold.input_tokens + foretold.output_tokens, debited);
  assert_int_equal(foretold.cost_pusd, held_pusd);
}

/* Whatever a line is, a dry run says of it what a limiter and a budget take. */
static void a_dry_run_foretells_the_debit_and_the_hold(void** state) {
  scene_t* s = *state;
  static const char* const lines[] = {
    "{\"custom_id\":\"a\",\"url\":\"/v1/chat/completions\",\"body\":{\"model\":\"gpt-4o-mini\","
    "\"max_tokens\":50,\"n\":3,\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}}\n",
    "{\"custom_id\":\"a\",\"url\":\"/v1/chat/completions\",\"body\":{\"model\":\"gpt-4o-mini\","
    "\"metadata\":{\"note\":\"this is no part of the prompt\"},\"messages\":[{\"role\":\"user\","
    "\"content\":\"unbounded\"}]}}\n",
    "{\"custom_id\":\"a\",\"url\":\"/v1/chat/completions\",\"body\":{\"model\":\"gpt-4o\","
    "\"service_tier\":\"priority\",\"max_completion_tokens\":9,\"messages\":[{\"role\":\"user\","
    "\"content\":\"now\"}]}}\n",
    "{\"custom_id\":\"a\",\"url\":\"/v1/embeddings\",\"body\":{\"model\":"
    "\"text-embedding-3-small\",\"input\":[\"one\",\"two\"]}}\n",
    "{\"custom_id\":\"a\",\"url\":\"/v1/completions\",\"body\":{\"model\":"
    "\"gpt-3.5-turbo-instruct\",\"prompt\":\"once upon\",\"max_tokens\":4}}\n",
  };
  s->mock_options.ttft_ms = 5;
  s->provider.limits.tokens_per_min = 1000000;
  for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
    put_text(s->input, "w", lines[i]);
    expect_foretold(s);
  }
  put_text(s->input, "w", "{\"x\":\"some text\"}\n");
  s->options.template_text = "Translate {x}.";
  s->options.target.model = "gpt-4o-mini";
  expect_foretold(s);
  s->defaults.max_tokens = 30;
  expect_foretold(s);
}

/* ---- Disk ---- */

static void limit_files(rlim_t bytes) {
  struct rlimit limit;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = bytes;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_loses_nothing_that_stands_there(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 500, "w");
  uint64_t recorded = 0;
  for (int ordered = 0; ordered < 2; ordered++) {
    s->options.flags = UVLLM_BATCH_RESTART | (ordered ? UVLLM_BATCH_ORDERED : 0);
    for (rlim_t room = 20000; room < 150000; room += 43211) {
      limit_files(room);
      assert_int_equal(scene_try(s), 0);
      limit_files(RLIM_INFINITY);
      assert_int_equal(s->status, UV_EFBIG);
      expect_json_lines(s->output);
      if (s->options.flags & UVLLM_BATCH_RESTART)
        recorded = 0;
      assert_int_equal(s->end.skipped, recorded);
      assert_int_equal((uint64_t) nlines(s->output), recorded + s->end.succeeded);
      assert_int_equal(s->stats.requests, s->end.succeeded + s->end.unwritten);
      recorded += s->end.succeeded;
      s->options.flags &= ~(unsigned int) UVLLM_BATCH_RESTART;
    }
    scene_run(s, 0);
    assert_int_equal(s->stats.requests, 500 - recorded);
    expect_each_once(s, 1, 500);
  }
}

/* ---- Memory ---- */

static void count_ids(scene_t* s) {
  for (int i = 1; i <= 6; i++)
    assert_true(times_of_id(s->output, i) + times_of_id(s->errors, i) <= 1);
}

/* At each allocation in turn, from the options to the last line. What came of it
 * is told, and the next run with memory finishes the work. */
static void without_memory_it_ends_and_goes_on(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 5, "w");
  put_text(s->input, "a", "broken\n");
  for (int flags = 0; flags < 2; flags++)
    for (int once = 0; once < 2; once++)
      for (size_t fail_at = 1, failed = 1; failed != 0; fail_at++) {
        s->options.flags = UVLLM_BATCH_RESTART | (flags ? UVLLM_BATCH_ORDERED : 0);
        s->alloc.fail_at = fail_at;
        s->alloc.fail_once = once;
        int err = scene_try(s);
        assert_true(err == 0 || err == UV_ENOMEM);
        failed = err != 0 || s->alloc.calls >= fail_at;
        if (err == 0 && s->status == 0)
          expect_each_once(s, 1, 5);
        else if (err == 0)
          assert_int_equal(s->status, UV_ENOMEM);
        count_ids(s);
        s->alloc.fail_at = 0;
        if (fail_at % 4 != 0)
          continue;
        s->options.flags &= ~(unsigned int) UVLLM_BATCH_RESTART;
        scene_run(s, 0);
        expect_each_once(s, 1, 5);
        assert_int_equal(count_in(s->errors, "\"line\":6"), 1);
        assert_true(fail_at < 500);
      }
}

/* The same with a template, and with files to go on with. */
static void without_memory_a_resume_changes_nothing(void** state) {
  scene_t* s = *state;
  put_text(s->input, "w", "{\"id\":\"r1\",\"q\":\"1\"}\n{\"id\":\"r2\",\"q\":\"2\"}\n");
  s->options.target.model = "gpt-4o";
  s->options.template_text = "{{{q}}}";
  s->options.flags = UVLLM_BATCH_ORDERED;
  scene_run(s, 0);
  for (int once = 0; once < 2; once++)
    for (size_t fail_at = 1, failed = 1; failed != 0; fail_at++) {
      s->alloc.fail_at = fail_at;
      s->alloc.fail_once = once;
      int err = scene_try(s);
      assert_true(err == 0 || err == UV_ENOMEM);
      assert_int_equal(s->stats.requests, 0);
      failed = err != 0 || s->alloc.calls >= fail_at;
      assert_int_equal(nlines(s->output), 2);
      assert_true(fail_at < 500);
    }
  s->alloc.fail_at = 0;
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, scene_setup, scene_teardown)
  const struct CMUnitTest tests[] = {
    T(stopped_once_what_is_in_flight_finishes),
    T(stopped_twice_they_are_cancelled_and_stand_nowhere),
    T(stopped_in_any_phase_it_ends_and_goes_on),
    T(stopped_before_it_began),
    T(stopped_while_standard_input_is_quiet),
    T(cancelled_lines_leave_no_hole_in_the_order),
    T(few_lines_wait_for_a_limit),
    T(stopped_once_what_waits_is_not_sent),
    T(a_line_too_large_for_the_client_fails),
    T(a_small_queue_is_waited_for),
    T(a_queue_that_others_fill_is_waited_for),
    T(answers_behind_a_slow_line_are_spilled),
    T(no_room_to_spill_ends_the_batch),
    T(the_defaults_are_those_of_the_command),
    T(what_the_budget_does_not_pay_is_taken_up_next_time),
    T(a_dear_line_costs_only_itself),
    T(an_unpriced_model_under_a_budget_is_refused),
    T(a_rejected_key_ends_the_batch),
    T(a_spent_quota_ends_the_batch),
    T(a_key_revoked_meanwhile_loses_no_answer),
    T(with_a_rejected_key_no_retry_is_waited_for),
    T(a_dry_run_foretells_the_debit_and_the_hold),
    T(a_full_disk_loses_nothing_that_stands_there),
    T(without_memory_it_ends_and_goes_on),
    T(without_memory_a_resume_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
