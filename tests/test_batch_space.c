/* Batches on a disk that is full for a while, or for good. The disk is made here:
 * write(2) of what lies in the test's folder finds as much room as there is. */
#include "batch_scene.h"
#include "batch_internal.h"
#include "internal.h"

#include <fcntl.h>
#include <sys/syscall.h>

static const int64_t plenty = INT64_C(1) << 40;
static int64_t room;
static int no_room_is = ENOSPC;

static int is_on_the_disk(int fd) {
  char link[40], path[256];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof(path) - 1);
  path[n > 0 ? n : 0] = '\0';
  return strstr(path, "/uvllm-batch-") != NULL;
}

/* The library's, for it is linked statically; the pool calls it. */
ssize_t write(int fd, const void* data, size_t len) {
  if (!is_on_the_disk(fd))
    return syscall(SYS_write, fd, data, len);
  int64_t left = __atomic_load_n(&room, __ATOMIC_SEQ_CST);
  if (left <= 0 && len != 0) {
    errno = no_room_is;
    return -1;
  }
  ssize_t n = syscall(SYS_write, fd, data, (int64_t) len < left ? len : (size_t) left);
  if (n > 0)
    __atomic_sub_fetch(&room, n, __ATOMIC_SEQ_CST);
  return n;
}

static void set_room(int64_t bytes) {
  __atomic_store_n(&room, bytes, __ATOMIC_SEQ_CST);
}

/* ---- What is seen while it lasts ---- */

static char log_text[8192];
static uint64_t attempts_before, most_waiting;
static int nlacks, is_lacking; /* how often it began to lack room; does it now */

static void on_log(void* data, uvllm_log_level level, const char* msg) {
  size_t n = strlen(log_text);
  (void) data;
  if (level <= UVLLM_LOG_WARN)
    snprintf(log_text + n, sizeof(log_text) - n, "%s\n", msg);
}

static uint64_t nattempts(scene_t* s) {
  uvllm_stats_t stats;
  assert_int_equal(uvllm_stats(s->client, NULL, NULL, &stats), 0);
  return stats.attempts;
}

/* 1: the disk is full, and nothing is in flight any more. */
static int is_quiet(scene_t* s) {
  uvllm_batch_progress_t p;
  s->batch->space.retry_ms = 100;
  uvllm_batch_progress(s->batch, &p);
  int began = s->batch->space.lacking && !is_lacking;
  is_lacking = s->batch->space.lacking;
  if (!is_lacking)
    return 0;
  nlacks += began;
  if (began)
    attempts_before = nattempts(s);
  if (p.waiting_for_space > most_waiting)
    most_waiting = p.waiting_for_space;
  if (p.inflight != 0)
    return 0;
  assert_int_equal(nattempts(s), attempts_before);
  return 1;
}

static void make_room(scene_t* s) {
  if (is_quiet(s)) {
    set_room(plenty);
    s->each_turn = NULL;
  }
}

static void begin(scene_t* s, int64_t bytes, void (*each_turn)(scene_t* s)) {
  log_text[0] = '\0';
  nlacks = is_lacking = 0;
  most_waiting = 0;
  set_room(bytes);
  s->each_turn = each_turn;
  s->client_options.log_cb = on_log;
}

/* What is answered is written, or told to be lost: and never was more sent. */
static void expect_accounted(const scene_t* s) {
  assert_int_equal(s->stats.requests, s->end.succeeded + s->end.failed + s->end.unwritten);
  assert_int_equal(nlines(s->output), s->end.succeeded);
  expect_json_lines(s->output);
}

/* ---- For a while ---- */

static void it_goes_on_when_there_is_room_again(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 400, "w");
  s->mock_options.ttft_ms = 5;
  for (int ordered = 0; ordered < 2; ordered++) {
    s->options.flags = UVLLM_BATCH_RESTART | (ordered ? UVLLM_BATCH_ORDERED : 0);
    no_room_is = ordered ? EDQUOT : ENOSPC;
    begin(s, 30000 + 777 * ordered, make_room);
    scene_run(s, 0);
    assert_int_equal(nlacks, 1);
    assert_in_range(most_waiting, 1, 16 + 64);
    assert_int_equal(s->stats.requests, 400);
    assert_int_equal(s->end.unwritten + s->end.waiting_for_space, 0);
    expect_each_once(s, 1, 400);
    expect_json_lines(s->output);
    assert_non_null(strstr(log_text, "in.results.jsonl: no space left on device: nothing new is "
                                     "sent until there is"));
    assert_non_null(strstr(log_text, "in.results.jsonl: there is room again"));
  }
  no_room_is = ENOSPC;
}

/* Also what came back only when all was read, and the errors file. */
static void the_last_lines_wait_too(void** state) {
  scene_t* s = *state;
  const uvllm_kv_t header = { "x-mock", "status=400" };
  put_requests(s, 1, 10, "w");
  s->defaults.headers = &header;
  s->defaults.nheaders = 1;
  begin(s, 1000, make_room); /* for run.json, and some of one line */
  scene_run(s, 0);
  assert_true(nlacks > 0);
  assert_int_equal(s->end.failed, 10);
  assert_int_equal(s->stats.requests, 10);
  expect_each_once(s, 1, 10);
  expect_json_lines(s->errors);
}

static int nportions;

static void make_little_room(scene_t* s) {
  s->batch->space.wait_ms = 250;
  if (is_quiet(s) && __atomic_load_n(&room, __ATOMIC_SEQ_CST) <= 0)
    set_room(++nportions == 4 ? plenty : 900);
}

/* A little room now and then is room: it does not give up. */
static void it_waits_on_while_something_can_be_written(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 40, "w");
  nportions = 0;
  begin(s, 2000, make_little_room);
  scene_run(s, 0);
  assert_int_equal(nportions, 4);
  assert_true(s->end.duration_ns > UINT64_C(250000000));
  expect_each_once(s, 1, 40);
  expect_json_lines(s->output);
}

static int spill_lacked;

static void shrink_memory(scene_t* s) {
  s->batch->order.max_bytes = 2000;
  spill_lacked |= s->batch->order.spill.no_room;
  make_room(s);
}

/* The spill lies on the same disk. */
static void a_full_spill_waits_too(void** state) {
  scene_t* s = *state;
  put_text(s->input, "w", "{\"custom_id\":\"r1\",\"url\":\"/v1/chat/completions\",\"body\":"
                          "{\"model\":\"gpt-4o-mini\",\"max_tokens\":60,\"messages\":[{\"role\":"
                          "\"user\",\"content\":\"slow\"}]}}\n");
  put_requests(s, 2, 300, "a");
  s->mock_options.ntokens = 60;
  s->mock_options.itl_ms = 5;
  s->options.flags = UVLLM_BATCH_ORDERED;
  begin(s, 9000, shrink_memory);
  spill_lacked = 0;
  scene_run(s, 0);
  assert_true(spill_lacked);
  assert_int_equal(s->stats.requests, 300);
  expect_each_once(s, 1, 300);
  expect_json_lines(s->output);
}

/* ---- For good ---- */

static void be_impatient(scene_t* s) {
  s->batch->space.wait_ms = 300;
  is_quiet(s);
}

static void it_gives_up_after_a_while(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 400, "w");
  s->mock_options.ttft_ms = 5;
  for (int ordered = 0; ordered < 2; ordered++) {
    s->options.flags = UVLLM_BATCH_RESTART | (ordered ? UVLLM_BATCH_ORDERED : 0);
    begin(s, 30000, be_impatient);
    scene_run(s, UV_ENOSPC);
    expect_accounted(s);
    assert_true(s->end.succeeded > 20 && s->end.unwritten > 0);
    assert_non_null(strstr(s->error, "in.results.jsonl: no space left on device, for 0 s: make "
                                     "room, then run it again to go on; "));
    assert_non_null(strstr(s->error, "answers could not be written"));
    uint64_t before = s->end.succeeded;
    s->options.flags &= ~(unsigned int) UVLLM_BATCH_RESTART;
    begin(s, plenty, NULL);
    scene_run(s, 0);
    assert_int_equal(s->stats.requests, 400 - before);
    expect_each_once(s, 1, 400);
  }
}

static void stop_it(scene_t* s) {
  is_quiet(s);
  if (!is_lacking)
    return;
  s->each_turn = NULL;
  uvllm_batch_stop(s->batch);
}

static void stopped_it_waits_no_longer(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 400, "w");
  s->mock_options.ttft_ms = 5;
  begin(s, 30000, stop_it);
  scene_run(s, UV_ENOSPC);
  expect_accounted(s);
  assert_true(s->end.unwritten > 0 && s->end.duration_ns < UINT64_C(10000000000));
}

/* One that fails while it is stopped would wait for another attempt. */
static void stopped_no_retry_keeps_it_waiting(void** state) {
  scene_t* s = *state;
  const uvllm_kv_t header = { "x-mock", "ttft=20,status=503,times=1,retry-after-ms=100" };
  put_requests(s, 1, 100, "w");
  s->defaults.headers = &header;
  s->defaults.nheaders = 1;
  s->defaults.max_attempts = 3;
  begin(s, 4000, stop_it);
  scene_run(s, UV_ENOSPC);
  assert_true(s->end.duration_ns < UINT64_C(20000000000));
  expect_json_lines(s->output);
  begin(s, plenty, NULL);
  scene_run(s, 0);
  expect_each_once(s, 1, 100);
}

static void stop_and_make_room(scene_t* s) {
  stop_it(s);
  if (s->each_turn == NULL)
    set_room(plenty);
}

static void stopped_with_room_again_it_loses_nothing(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 400, "w");
  s->mock_options.ttft_ms = 5;
  begin(s, 30000, stop_and_make_room);
  scene_run(s, UV_ECANCELED);
  expect_accounted(s);
  assert_int_equal(s->end.unwritten, 0);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, scene_setup, scene_teardown)
  const struct CMUnitTest tests[] = {
    T(it_goes_on_when_there_is_room_again),
    T(the_last_lines_wait_too),
    T(it_waits_on_while_something_can_be_written),
    T(a_full_spill_waits_too),
    T(it_gives_up_after_a_while),
    T(stopped_it_waits_no_longer),
    T(stopped_no_retry_keeps_it_waiting),
    T(stopped_with_room_again_it_loses_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
