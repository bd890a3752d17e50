/* The life of an answer: it waits, is produced as its pace and the client's
 * reading allow, and ends.
 *
 * Invariant: an answer in the mock's list has a connection in work, and waits for
 * exactly one of its time (in the queue), room (conn_full() said so), or, when
 * stalled, for the client to go. It leaves through finish() or through gone().
 */
#include "mock/mock_int.h"

enum { POOL = 1024, KEEP_BYTES = 2048, FLUSH_AT = 64 * 1024, SLOW_ROOM = 64 * 1024,
       SPLIT_A_TURN = 64, KEEP_SCRATCH = 1 << 20 };

static const uint64_t MS = 1000000;


/* ---- Memory ---- */

static void each_buf(uvllm__answer_t* answer, void (*what)(uvllm__buf_t*)) {
  what(&answer->model);
  what(&answer->script);
  what(&answer->prefix);
  what(&answer->tail);
  what(&answer->slow);
}


static void trim(uvllm__buf_t* buf) {
  if (buf->cap > KEEP_BYTES)
    uvllm__buf_free(buf);
  else
    uvllm__buf_clear(buf);
}


static uvllm__answer_t* take(uvllm_mock_t* mock) {
  uvllm__answer_t* answer = mock->pool;
  if (answer != NULL) {
    mock->pool = answer->next;
    mock->npool--;
    return answer;
  }
  answer = uvllm__calloc(&mock->alloc, 1, sizeof(*answer));
  if (answer == NULL)
    return NULL;
  uvllm__buf_init(&answer->model, &mock->alloc, SIZE_MAX);
  uvllm__buf_init(&answer->script, &mock->alloc, SIZE_MAX);
  uvllm__buf_init(&answer->prefix, &mock->alloc, SIZE_MAX);
  uvllm__buf_init(&answer->tail, &mock->alloc, SIZE_MAX);
  uvllm__buf_init(&answer->slow, &mock->alloc, SIZE_MAX);
  return answer;
}


void uvllm__answer_forget(uvllm__answer_t* answer) {
  each_buf(answer, trim);
  answer->stream = answer->flags = answer->thinks = 0;
  answer->named_tool = answer->has_script = 0;
  answer->ncalls = answer->nsteps = 0;
  answer->nchoices = answer->nprompts = 1;
  answer->dimensions = 0;
  answer->prompt_bytes = answer->hash = 0;
  answer->max_tokens = UINT64_MAX;
}


uvllm__answer_t* uvllm__answer_new(uvllm_mock_t* mock, uvllm__conn_t* conn) {
  uvllm__answer_t* answer = take(mock);
  if (answer == NULL)
    return NULL;
  answer->mock = mock;
  answer->conn = conn;
  uvllm__answer_forget(answer);
  uvllm__ask_init(&answer->ask);
  answer->phase = UVLLM__ANSWER_WAITING;
  answer->dialect = &uvllm__mock_openai;
  answer->shape = NULL;
  answer->type = answer->dialect->json_type;
  memset(&answer->frame, 0, sizeof(answer->frame));
  answer->breaks_next = answer->has_tail = 0;
  answer->kind = UVLLM__MOCK_FIXED;
  answer->variant = 0;
  answer->nreasoning = 0;
  answer->admitted = answer->refused = answer->malformed = answer->ends_cut = 0;
  answer->cut_short = answer->chunked = answer->paced = 0;
  answer->keep_alive = 1;
  answer->status = 0;
  answer->retry_ns = 0;
  answer->began = uv_hrtime();
  answer->number = mock->stats.requests;
  answer->first = answer->due = answer->slow_due = 0;
  answer->next_token = answer->sent_tokens = answer->ntokens = answer->filler = 0;
  answer->choice = 0;
  answer->slow_pos = 0;
  answer->cut_at = answer->stall_at = answer->error_at = UINT64_MAX;
  answer->prev = NULL;
  answer->next = mock->answers;
  if (mock->answers != NULL)
    mock->answers->prev = answer;
  mock->answers = answer;
  uvllm__conn_set_data(conn, answer);
  return answer;
}


void uvllm__answer_destroy(uvllm__answer_t* answer) {
  each_buf(answer, uvllm__buf_free);
  uvllm__free(&answer->mock->alloc, answer);
}


void uvllm__answer_free(uvllm__answer_t* answer) {
  uvllm_mock_t* mock = answer->mock;
  uvllm__mock_unpace(answer);
  if (answer->prev != NULL)
    answer->prev->next = answer->next;
  else
    mock->answers = answer->next;
  if (answer->next != NULL)
    answer->next->prev = answer->prev;
  mock->inflight -= answer->admitted;
  if (answer->admitted && answer->stream)
    mock->stats.open_streams--;
  if (mock->npool == POOL || mock->closing) {
    uvllm__answer_destroy(answer);
    return;
  }
  answer->next = mock->pool;
  mock->pool = answer;
  mock->npool++;
}


/* ---- The end ---- */

void uvllm__mock_count(uvllm_mock_t* mock, int status) {
  mock->stats.answers_429 += status == 429;
  mock->stats.answers_4xx += status >= 400 && status < 500;
  mock->stats.answers_5xx += status >= 500;
}


static void log_line(const uvllm__answer_t* answer, const char* how) {
  const uvllm_mock_t* mock = answer->mock;
  const uvllm__http_in_t* in = uvllm__conn_in(answer->conn);
  uvllm_str_t path = uvllm__http_in_target(in);
  uint64_t now = uv_hrtime();
  char line[512];
  if (mock->options.log_cb == NULL)
    return;
  const char* query = path.len != 0 ? memchr(path.base, '?', path.len) : NULL;
  if (query != NULL) /* some pass keys in it */
    path.len = (size_t) (query - path.base);
  snprintf(line, sizeof(line),
           "%s %.*s %d model=%.*s in=%llu out=%llu first_ms=%.1f total_ms=%.1f %s",
           llhttp_method_name((llhttp_method_t) uvllm__http_in_method(in)),
           (int) (path.len < 128 ? path.len : 128), path.base, answer->status,
           (int) (answer->model.len < 96 ? answer->model.len : 96),
           answer->model.len != 0 ? answer->model.base : "",
           (unsigned long long) (answer->prompt_bytes + 3) / 4,
           (unsigned long long) answer->sent_tokens,
           answer->first != 0 ? (double) (answer->first - answer->began) / 1e6 : 0.0,
           (double) (now - answer->began) / 1e6, how);
  mock->options.log_cb(mock->options.log_data, line);
}


/* All is written. The connection may begin its next request inside. */
static void finish(uvllm__answer_t* answer) {
  uvllm__conn_t* conn = answer->conn;
  int keep_alive = answer->keep_alive;
  int reset = answer->ask.reset > 0;
  uvllm__mock_count(answer->mock, answer->status);
  log_line(answer, answer->ends_cut || reset ? "cut" : "whole");
  uvllm__answer_free(answer);
  if (reset)
    uvllm__conn_reset(conn);
  else
    uvllm__conn_end(conn, keep_alive);
}


void uvllm__answer_gone(uvllm__answer_t* answer) {
  uvllm_mock_t* mock = answer->mock;
  if (!mock->closing) {
    mock->stats.cancelled++;
    log_line(answer, "cancelled");
  }
  uvllm__answer_free(answer);
}


/* ---- Writing ---- */

static int is_slow(const uvllm__answer_t* answer) {
  return answer->ask.drip > 0 || answer->ask.split > 0;
}


/* Without memory: an end that the client will notice. */
static void cut(uvllm__answer_t* answer) {
  answer->phase = UVLLM__ANSWER_ENDING;
  answer->keep_alive = 0;
  answer->ends_cut = 1;
  answer->filler = 0;
}


static void flush(uvllm__answer_t* answer) {
  uvllm__buf_t* out = &answer->mock->out;
  if (out->err != 0) {
    cut(answer);
  } else if (out->len != 0) {
    if (answer->first == 0)
      answer->first = uv_hrtime();
    if (!is_slow(answer))
      uvllm__conn_write(answer->conn, out->base, out->len);
    else if (uvllm__buf_append(&answer->slow, out->base, out->len) != 0)
      cut(answer);
  }
  if (out->cap > KEEP_SCRATCH)
    uvllm__buf_free(out);
  uvllm__buf_clear(out);
}


/* One byte a write; what is late is made up for. */
static void write_slowly(uvllm__answer_t* answer, uint64_t now) {
  uint64_t interval = answer->ask.drip > 0 ? (uint64_t) answer->ask.drip * MS : 0;
  if (answer->slow_due == 0)
    answer->slow_due = now;
  for (int i = 0; i < SPLIT_A_TURN && answer->slow_due <= now; i++) {
    if (answer->slow_pos == answer->slow.len)
      break;
    uvllm__conn_write(answer->conn, answer->slow.base + answer->slow_pos++, 1);
    answer->slow_due += interval;
  }
  if (answer->slow_pos == answer->slow.len) {
    uvllm__buf_clear(&answer->slow);
    answer->slow_pos = 0;
  }
  if (answer->slow_due < now)
    answer->slow_due = now;
}


static int is_full(uvllm__answer_t* answer) {
  if (is_slow(answer))
    return answer->slow.len - answer->slow_pos >= SLOW_ROOM;
  return uvllm__conn_full(answer->conn);
}


/* ---- Pace ---- */

static void set_next_due(uvllm__answer_t* answer) {
  const uvllm_mock_options_t* o = &answer->mock->options;
  uint64_t itl = (answer->ask.itl >= 0 ? (uint64_t) answer->ask.itl : o->itl_ms) * MS;
  if (itl != 0 && o->jitter > 0) {
    uint64_t drawn = uvllm__mix(answer->number ^ answer->next_token << 40);
    double stretch = 1 + o->jitter * (2 * uvllm__fraction(drawn) - 1);
    itl = (uint64_t) ((double) itl * stretch);
  }
  answer->due += itl;
  answer->paced |= itl != 0;
}


static int wait_until(uvllm__answer_t* answer, uint64_t due) {
  if (uvllm__mock_pace(answer, due) == 0)
    return 0;
  answer->ask.reset = 1; /* without memory it can only be cut */
  finish(answer);
  return -1;
}


static int token_is_due(const uvllm__answer_t* answer, uint64_t now) {
  return answer->choice != 0 || answer->next_token >= answer->ntokens || answer->due <= now ||
         answer->next_token == answer->cut_at || answer->next_token == answer->stall_at ||
         answer->next_token == answer->error_at;
}


static void produce_token(uvllm__answer_t* answer, uint64_t now) {
  uint64_t token = answer->next_token;
  if (answer->paced && token < answer->ntokens && answer->choice == 0 && answer->due <= now)
    uvllm__mock_lag(answer->mock, now - answer->due);
  uvllm__answer_token(answer);
  if (answer->next_token != token && answer->phase == UVLLM__ANSWER_STREAMING)
    set_next_due(answer);
}


/* Until it must wait: 1 for its time, 0 for something else. */
static int produce(uvllm__answer_t* answer, uint64_t now) {
  uvllm_mock_t* mock = answer->mock;
  for (;;) {
    if (mock->out.len >= FLUSH_AT || mock->out.err != 0)
      flush(answer);
    if (mock->out.len == 0 && is_full(answer))
      return 0;
    if (answer->filler != 0) {
      uvllm__answer_filler(answer);
      continue;
    }
    switch (answer->phase) {
    case UVLLM__ANSWER_WAITING:
      if (answer->due > now)
        return 1;
      uvllm__answer_begin(answer);
      break;
    case UVLLM__ANSWER_STREAMING:
      if (!token_is_due(answer, now))
        return 1;
      produce_token(answer, now);
      break;
    default:
      return 0;
    }
  }
}


void uvllm__answer_step(uvllm__answer_t* answer) {
  uint64_t now = uv_hrtime();
  int waits = produce(answer, now);
  uint64_t when = waits ? answer->due : UINT64_MAX;
  flush(answer);
  if (is_slow(answer))
    write_slowly(answer, now);
  if (answer->slow_pos != answer->slow.len && answer->slow_due < when)
    when = answer->slow_due;
  if (when != UINT64_MAX)
    wait_until(answer, when);
  else if (answer->phase == UVLLM__ANSWER_ENDING && answer->filler == 0)
    finish(answer);
}


/* ---- The beginning ---- */

static int drawn(const uvllm__answer_t* answer, double rate, uint64_t kind) {
  return rate > 0 && uvllm__fraction(uvllm__mix(answer->id + kind)) < rate;
}


static uint64_t drawn_token(const uvllm__answer_t* answer, uint64_t kind) {
  return uvllm__mix(answer->id ^ ~kind) % (answer->ntokens + (answer->ntokens == 0));
}


static void draw_faults(uvllm__answer_t* answer) {
  const uvllm_mock_options_t* o = &answer->mock->options;
  uvllm__ask_t* ask = &answer->ask;
  if (drawn(answer, o->error_rate, 1) && ask->status < 0)
    ask->status = uvllm__mix(answer->id ^ 1) & 1 ? 500 : 503;
  if (drawn(answer, o->stall_rate, 2))
    answer->stall_at = drawn_token(answer, 2);
  if (drawn(answer, o->cut_rate, 3))
    answer->cut_at = drawn_token(answer, 3);
  answer->malformed = ask->malformed > 0 || drawn(answer, o->malformed_rate, 4);
  if (ask->cut >= 0)
    answer->cut_at = (uint64_t) ask->cut;
  if (ask->stall >= 0)
    answer->stall_at = (uint64_t) ask->stall;
  if (ask->error_event >= 0)
    answer->error_at = (uint64_t) ask->error_event;
}


/* The count of attempts is kept only where it makes a difference. */
static void set_id(uvllm__answer_t* answer) {
  const uvllm_mock_options_t* o = &answer->mock->options;
  uint64_t attempt = 0;
  if (o->error_rate > 0 || o->stall_rate > 0 || o->cut_rate > 0 || o->malformed_rate > 0)
    attempt = uvllm__mock_seen(answer->mock, answer->hash);
  answer->id = uvllm__mix(answer->hash + attempt * 0x9e3779b97f4a7c15u);
}


void uvllm__answer_start(uvllm__answer_t* answer) {
  uvllm_mock_t* mock = answer->mock;
  const uvllm__ask_t* ask = &answer->ask;
  uint64_t ttft = ask->ttft >= 0 ? (uint64_t) ask->ttft : mock->options.ttft_ms;
  uint64_t itl = ask->itl >= 0 ? (uint64_t) ask->itl : mock->options.itl_ms;
  uvllm__answer_set_length(answer);
  set_id(answer);
  draw_faults(answer);
  answer->due = answer->began + ttft * MS;
  answer->paced = ttft != 0;
  answer->keep_alive = ask->close < 0;
  if (!answer->stream && answer->ntokens > 1)
    answer->due += itl * MS * (answer->ntokens - 1);
  if (answer->admitted && answer->stream) {
    mock->stats.streams++;
    mock->stats.open_streams++;
  }
  uvllm__answer_step(answer);
}


void uvllm__answer_refuse(uvllm__answer_t* answer, const uvllm__mock_error_t* error) {
  uvllm__answer_error(answer, error);
  uvllm__answer_step(answer);
}
