/* A client's life and its turn.
 *
 * All work that may call the user or remove something from curl happens in
 * drain(), once a loop turn: from the check handle after the poll, or from the
 * idle handle before it when something outside of the poll asked for it; and between
 * reads, where there are many. A turn ends after max_turn_us and goes on in the next
 * one.
 *
 * Invariants: one uv_timer serves all deadlines, backoffs and limits; the check
 * handle is referenced exactly while a request lives.
 */
#include "internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>

enum { SPARE_DESCRIPTORS = 64 + 2 * 64 }; /* the host's; two for each multi handle of curl */


unsigned int uvllm_version(void) {
  return UVLLM_VERSION_HEX;
}


/* A caller of an older version has a smaller struct. */
void uvllm__client_options_init(uvllm_client_options_t* options, size_t size) {
  uvllm_client_options_t o;
  memset(&o, 0, sizeof(o));
  o.log_level = UVLLM_LOG_WARN;
  o.max_inflight = 1024;
  o.max_queued = 1000000;
  o.max_queued_bytes = UINT64_C(1) << 30;
  o.max_turn_us = 2000;
  o.max_frame_bytes = UINT64_C(16) << 20;
  o.max_body_bytes = UINT64_C(64) << 20;
  memset(options, 0, size);
  memcpy(options, &o, size < sizeof(o) ? size : sizeof(o));
  options->size = size;
}


void uvllm__log(uvllm_client_t* c, uvllm_log_level level, const char* format, ...) {
  if (c->options.log_cb == NULL || level > c->options.log_level)
    return;
  char line[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof(line), format, args);
  va_end(args);
  for (char* p = line; *p != '\0'; p++)
    if ((unsigned char) *p < 0x20 || *p == 0x7f)
      *p = ' ';
  c->options.log_cb(c->options.data, level, line);
}


/* SplitMix64: for jitter, not for secrets. */
uint64_t uvllm__random(uvllm_client_t* c) {
  uint64_t z = c->random += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}


/* ---- The turn -------------------------------------------------------------------- */

enum {
  READS_A_DRAIN = 16,
  CACHED_REQUESTS = 512 /* of more than that nothing is found in the cache again */
};

static void drain(uvllm_client_t* c, void (*transport)(uvllm__transport_t* t));


static void on_idle(uv_idle_t* idle) {
  uvllm_client_t* c = idle->data;
  c->turn_ns = 0;
  c->halves = 1;
  drain(c, uvllm__transport_drain);
  c->halves = uvllm__turn_is_over(c);
}


static void on_check(uv_check_t* check) {
  uvllm_client_t* c = check->data;
  if (c->scheduled)
    drain(c, uvllm__transport_drain);
  c->halves = 0;
}


/* The poll phase has a time of its own, half a turn's where the idle phase took
 * all of the other half: so neither reading nor what it leads to starves the
 * other. */
static void on_prepare(uv_prepare_t* prepare) {
  uvllm_client_t* c = prepare->data;
  c->turn_ns = 0;
  uvllm__transport_catch_up(c->transport);
}


/* As of the last look at the clock. */
static int was_over(const uvllm_client_t* c) {
  uint64_t turn = c->options.max_turn_us * UINT64_C(1000) >> c->halves;
  return c->turn_ns != 0 && c->now_ns - c->turn_ns > turn;
}


int uvllm__turn_is_over(uvllm_client_t* c) {
  c->now_ns = uv_hrtime();
  return was_over(c);
}


/* One look at the clock serves a read with all its events. */
static int begin_read(void* ctx, uint64_t* now) {
  uvllm_client_t* c = ctx;
  *now = c->now_ns = uv_hrtime();
  if (c->turn_ns == 0)
    c->turn_ns = *now;
  return was_over(c);
}


static void schedule(void* ctx) {
  uvllm_client_t* c = ctx;
  if (c->scheduled || c->nhandles > 0)
    return;
  c->scheduled = 1;
  if (!c->draining)
    uv_idle_start(&c->idle, on_idle);
}


/* A few at a time their requests end and others begin, while what they touch is still
 * in the processor's cache. */
static void end_read(void* ctx) {
  uvllm_client_t* c = ctx;
  if (++c->nreads % READS_A_DRAIN != 0 || !c->scheduled || c->draining || was_over(c) ||
      c->ninflight > CACHED_REQUESTS)
    return;
  drain(c, uvllm__transport_tell_ends);
  schedule(c); /* names may be known by now: the turn's own drain tells them */
}


/* Until drain() comes to dispatch, it will see by itself what there is to do. */
void uvllm__schedule(uvllm_client_t* c) {
  if (!c->will_dispatch)
    schedule(c);
}


static void on_timer(uv_timer_t* timer) {
  uvllm_client_t* c = timer->data;
  c->armed_ns = UVLLM__NEVER;
  uvllm__schedule(c);
}


/* Rounded up, so that nothing wakes before its time and has to wait again. */
void uvllm__wake_at(uvllm_client_t* c, uint64_t when_ns) {
  if (when_ns >= c->armed_ns)
    return;
  uint64_t now = uv_hrtime();
  uint64_t ms = when_ns > now ? (when_ns - now + UVLLM__MS - 1) / UVLLM__MS : 0;
  c->armed_ns = when_ns;
  uv_update_time(c->loop);
  uv_timer_start(&c->timer, on_timer, ms, 0);
}


static void run_timers(uvllm_client_t* c, uint64_t now) {
  uvllm_queue_node_t* node;
  while ((node = uvllm_queue_peek(c->timers)) != NULL && (uint64_t) node->key <= now) {
    uvllm_req_t* req = uvllm__container(node, uvllm_req_t, timer_node);
    uvllm__req_on_time(req, now);
  }
  if (node != NULL)
    uvllm__wake_at(c, (uint64_t) node->key);
}


/* One at least, here and below, however late it is. */
static void run_resumed(uvllm_client_t* c) {
  for (int n = 0; c->resumed != NULL && (n == 0 || !uvllm__turn_is_over(c)); n++) {
    uvllm_req_t* req = c->resumed;
    c->resumed = req->next_resumed;
    if (c->resumed == NULL)
      c->resumed_tail = &c->resumed;
    req->in_resumed = 0;
    if (req->state != UVLLM__FINISHING)
      uvllm__deliver_deferred(req);
    if (!req->paused && req->state == UVLLM__RUNNING)
      uvllm__attempt_go_on(req);
    if (req->state == UVLLM__RUNNING)
      uvllm__req_arm(req);
  }
}


/* Only those that were there on entry: callbacks may finish others. Each looks at
 * the clock itself. */
static void run_finished(uvllm_client_t* c) {
  uvllm_req_t *list = c->finished, **tail = c->finished_tail;
  c->finished = NULL;
  c->finished_tail = &c->finished;
  for (int n = 0; list != NULL && (n == 0 || !was_over(c)); n++) {
    uvllm_req_t* req = list;
    list = req->next_finished;
    uvllm__req_complete(req);
  }
  if (list == NULL)
    return;
  *tail = c->finished; /* the turn is over: the rest stays in front */
  if (c->finished == NULL)
    c->finished_tail = tail;
  c->finished = list;
}


static void offer_room(uvllm_client_t* c) {
  if (!c->wants_room || c->closing || c->nqueued > c->options.max_queued / 2 ||
      c->queued_bytes > c->options.max_queued_bytes / 2)
    return;
  c->wants_room = 0;
  if (c->options.room_cb != NULL)
    c->options.room_cb(c, c->options.data);
}


static void close_handles(uvllm_client_t* c);


static void drain(uvllm_client_t* c, void (*transport)(uvllm__transport_t* t)) {
  c->scheduled = 0;
  c->draining = c->will_dispatch = 1;
  c->now_ns = uv_hrtime();
  if (c->turn_ns == 0)
    c->turn_ns = c->now_ns;
  transport(c->transport);
  run_timers(c, c->now_ns);
  run_resumed(c);
  run_finished(c);
  c->will_dispatch = 0;
  c->now_ns = uv_hrtime();
  int more = c->closing ? 0 : uvllm__dispatch(c, c->now_ns);
  offer_room(c);
  c->draining = 0;
  if (more || c->finished != NULL || c->resumed != NULL)
    c->scheduled = 1;
  if (c->scheduled)
    uv_idle_start(&c->idle, on_idle);
  else
    uv_idle_stop(&c->idle);
  if (c->closing && c->nlive == 0)
    close_handles(c);
}


/* ---- Life -------------------------------------------------------------------------- */

static void free_client(uvllm_client_t* c) {
  uvllm_alloc_t alloc = c->alloc;
  uvllm__attempts_free(c);
  uvllm__providers_free(c);
  uvllm__preset_rows_free(c);
  uvllm__aliases_free(c);
  uvllm__rows_free(c);
  uvllm_queue_free(c->timers);
  uvllm__estimate_free(c->estimate);
  uvllm_prices_free(c->prices);
  uvllm_tracker_free(c->tracker);
  uvllm_json_parser_free(c->frame_parser);
  uvllm_json_parser_free(c->submit_parser);
  uvllm__free(&alloc, c);
}


static void let_go(uvllm_client_t* c) {
  if (--c->nhandles > 0)
    return;
  uvllm_close_cb close_cb = c->close_cb;
  void* data = c->close_data;
  free_client(c);
  if (close_cb != NULL)
    close_cb(data);
}


static void on_handle_closed(uv_handle_t* handle) {
  let_go(handle->data);
}


static void on_transport_closed(void* ctx) {
  let_go(ctx);
}


static void close_handles(uvllm_client_t* c) {
  uv_handle_t* handles[] = { (uv_handle_t*) &c->timer, (uv_handle_t*) &c->check,
                             (uv_handle_t*) &c->idle, (uv_handle_t*) &c->prepare };
  c->nhandles = 1 + 4;
  for (int i = 0; i < 4; i++)
    uv_close(handles[i], on_handle_closed);
  uvllm__transport_close(c->transport, on_transport_closed, c);
}


void uvllm_client_close(uvllm_client_t* c, uvllm_close_cb close_cb, void* data) {
  assert(c != NULL && !c->closing);
  c->closing = 1;
  c->close_cb = close_cb;
  c->close_data = data;
  for (uvllm_req_t* req = c->reqs; req != NULL; req = req->next)
    uvllm_cancel(req);
  uv_ref((uv_handle_t*) &c->idle);
  uvllm__schedule(c);
}


/* What the process may have open bounds what can be in flight: better known now
 * than by failing connects. */
static void fit_descriptors(uvllm_client_t* c) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return;
  uint64_t room = limit.rlim_cur > 2 * SPARE_DESCRIPTORS ? limit.rlim_cur - SPARE_DESCRIPTORS
                                                        : limit.rlim_cur / 2;
  if (c->options.max_inflight <= room)
    return;
  uvllm__log(c, UVLLM_LOG_WARN,
             "%u requests in flight are wanted, but the process may open %llu descriptors: "
             "%llu are run at once",
             c->options.max_inflight, (unsigned long long) limit.rlim_cur,
             (unsigned long long) room);
  c->options.max_inflight = room > 0 ? (uint32_t) room : 1;
}


static int make_parts(uvllm_client_t* c) {
  const uvllm_alloc_t* a = &c->alloc;
  uvllm__transport_host_t host = { c->loop, a, schedule, begin_read, end_read, c };
  int err = uvllm_prices_new(&c->prices, a);
  if (err == 0)
    err = uvllm_tracker_new(&c->tracker, c->options.budget_pusd, a);
  if (err == 0)
    err = uvllm__estimate_new(&c->estimate, a);
  if (err == 0)
    err = uvllm_json_parser_new(&c->frame_parser, a);
  if (err == 0)
    err = uvllm_json_parser_new(&c->submit_parser, a);
  if (err == 0)
    err = uvllm_queue_new(&c->timers, 0, a);
  if (err == 0)
    err = uvllm__transport_new(&c->transport, &host);
  return err;
}


static void start_handles(uvllm_client_t* c) {
  uv_timer_init(c->loop, &c->timer);
  uv_check_init(c->loop, &c->check);
  uv_idle_init(c->loop, &c->idle);
  uv_prepare_init(c->loop, &c->prepare);
  c->timer.data = c->check.data = c->idle.data = c->prepare.data = c;
  uv_check_start(&c->check, on_check);
  uv_prepare_start(&c->prepare, on_prepare);
  uv_unref((uv_handle_t*) &c->timer);
  uv_unref((uv_handle_t*) &c->check);
  uv_unref((uv_handle_t*) &c->idle);
  uv_unref((uv_handle_t*) &c->prepare);
}


int uvllm_client_new(uvllm_client_t** out, uv_loop_t* loop, const uvllm_client_options_t* options) {
  uvllm_client_options_t o;
  uvllm_client_options_init(&o);
  if (options != NULL)
    memcpy(&o, options, options->size < sizeof(o) ? options->size : sizeof(o));
  if (o.max_inflight == 0 || o.max_queued == 0 || o.max_turn_us == 0 || o.budget_pusd < 0)
    return UV_EINVAL;
  uvllm_alloc_t alloc = uvllm__alloc_or_default(o.alloc);
  uvllm_client_t* c = uvllm__calloc(&alloc, 1, sizeof(*c));
  if (c == NULL)
    return UV_ENOMEM;
  c->loop = loop;
  c->alloc = alloc;
  c->options = o;
  c->finished_tail = &c->finished;
  c->resumed_tail = &c->resumed;
  c->armed_ns = UVLLM__NEVER;
  c->random = uv_hrtime() ^ (uint64_t) (uintptr_t) c;
  fit_descriptors(c);
  int err = make_parts(c);
  if (err != 0) {
    free_client(c);
    return err;
  }
  start_handles(c);
  *out = c;
  return 0;
}


void uvllm__client_forget(uvllm_client_t* c, uvllm_req_t* req) {
  if (req->prev != NULL)
    req->prev->next = req->next;
  else
    c->reqs = req->next;
  if (req->next != NULL)
    req->next->prev = req->prev;
  if (--c->nlive == 0)
    uv_unref((uv_handle_t*) &c->check);
}


/* ---- Accounting ---------------------------------------------------------------------- */

void uvllm_set_budget(uvllm_client_t* c, int64_t budget_pusd) {
  uvllm_tracker_set_budget(c->tracker, budget_pusd);
  c->options.budget_pusd = budget_pusd;
  uvllm__lanes_may_go(c);
}


int uvllm_prices_load(uvllm_client_t* c, uvllm_str_t json) {
  uvllm_json_t root;
  int err = uvllm_json_parse(c->submit_parser, json, &root, NULL);
  return err != 0 ? err : uvllm_prices_read(c->prices, root);
}
