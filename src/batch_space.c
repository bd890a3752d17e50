/* A full disk costs no answer: from the first write that finds no room on nothing
 * new is sent, what is in flight finishes, and its lines wait in memory while the
 * write is tried again. The run goes on as soon as there is room. It gives up when
 * nothing has been in flight for a minute without any room, or when it is stopped;
 * the end of a batch then tries once more.
 */
#include "batch_internal.h"
#include "internal.h"


static int has_no_room(const uvllm_batch_t* b) {
  return b->output.no_room || b->order.spill.no_room;
}


static const char* path_of(const uvllm_batch_t* b) {
  return b->output.no_room ? b->output.job_path : b->settings.output;
}


static int is_in_flight(const uvllm_batch_t* b) {
  for (const uvllm__item_t* item = b->items.next; item != &b->items; item = item->next)
    if (item->req->state == UVLLM__RUNNING || item->req->state == UVLLM__FINISHING)
      return 1;
  return 0;
}


static void give_up(uvllm_batch_t* b) {
  b->space.gave_up = 1;
  uvllm__batch_fail(b, UV_ENOSPC, "%s: %s, for %llu s: make room, then run it again to go on",
                    path_of(b), uvllm_strerror(UV_ENOSPC),
                    (unsigned long long) (b->space.wait_ms / 1000));
  uvllm__batch_cancel_waiting(b);
  uvllm__batch_step(b);
}


/* A write that did some of its work has found room. */
static int is_too_long(uvllm_batch_t* b) {
  uvllm__space_t* s = &b->space;
  uint64_t now = uv_hrtime(), bytes = b->output.files[0].len + b->output.files[1].len;
  if (is_in_flight(b) || bytes != s->seen_bytes)
    s->since_ns = 0;
  else if (s->since_ns == 0)
    s->since_ns = now;
  s->seen_bytes = bytes;
  return s->since_ns != 0 && now - s->since_ns >= s->wait_ms * UVLLM__MS;
}


static void on_time(uv_timer_t* timer) {
  uvllm_batch_t* b = timer->data;
  if (is_too_long(b)) {
    uv_timer_stop(timer);
    give_up(b);
    return;
  }
  if (b->stopping) /* some may have come to wait for another attempt */
    uvllm__batch_cancel_waiting(b);
  uvllm__output_retry(&b->output);
  uvllm__order_retry(&b->order);
}


static void begin_waiting(uvllm_batch_t* b) {
  b->space.lacking = 1;
  b->space.since_ns = 0;
  uvllm__log(b->client, UVLLM_LOG_WARN, "%s: %s: nothing new is sent until there is; answers in "
             "flight wait in memory", path_of(b), uvllm_strerror(UV_ENOSPC));
  for (uvllm__item_t* item = b->items.next; item != &b->items; item = item->next)
    uvllm__req_park(item->req);
  uv_timer_start(&b->space.timer, on_time, b->space.retry_ms, b->space.retry_ms);
}


static void end_waiting(uvllm_batch_t* b) {
  uint64_t now = uv_hrtime();
  b->space.lacking = 0;
  uv_timer_stop(&b->space.timer);
  uvllm__log(b->client, UVLLM_LOG_WARN, "%s: there is room again", b->settings.output);
  for (uvllm__item_t* item = b->items.next; item != &b->items; item = item->next) {
    item->submitted_ns = now; /* that it waited says nothing of the limits */
    uvllm__req_unpark(item->req);
  }
}


void uvllm__batch_look_for_space(uvllm_batch_t* b) {
  int lacking = has_no_room(b);
  if (b->phase != UVLLM__RUNS || lacking == b->space.lacking)
    return;
  if (lacking)
    begin_waiting(b);
  else
    end_waiting(b);
}


int uvllm__batch_is_written(const uvllm_batch_t* b) {
  if (b->output.err != 0 || b->order.err != 0)
    return 1;
  if (b->output.no_room)
    return b->space.gave_up || b->stopping;
  return b->order.head == b->order.tail && uvllm__output_idle(&b->output);
}


uint64_t uvllm__batch_unwritten(const uvllm_batch_t* b) {
  return uvllm__output_unwritten(&b->output) + b->order.nfinished;
}
