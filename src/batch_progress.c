/* What the caller may ask of a batch: to stop, how far it is, what ended it. */
#include "batch_internal.h"
#include "internal.h"


void uvllm__batch_cancel_waiting(uvllm_batch_t* b) {
  for (uvllm__item_t* item = b->items.next; item != &b->items; item = item->next)
    if (item->req->state != UVLLM__RUNNING)
      uvllm_cancel(item->req);
}


/* What waits for another attempt is on its way and gets it; while the disk is full
 * it would wait for that, too. */
void uvllm_batch_stop(uvllm_batch_t* b) {
  b->stopping++;
  for (uvllm__item_t* item = b->items.next; item != &b->items; item = item->next)
    if (b->stopping == 2 || !item->sent)
      uvllm_cancel(item->req);
  if (b->space.lacking)
    uvllm__batch_cancel_waiting(b);
  if (b->phase == UVLLM__RUNS)
    uvllm__batch_step(b);
}


static uvllm_batch_times_t times_of(const uvllm__hist_t* h) {
  uvllm_batch_times_t t;
  t.p50 = (double) uvllm__hist_quantile(h, 0.5) / 1000;
  t.p90 = (double) uvllm__hist_quantile(h, 0.9) / 1000;
  t.p99 = (double) uvllm__hist_quantile(h, 0.99) / 1000;
  t.max = (double) h->max / 1000;
  return t;
}


/* The client may have other work: what is ours is at most what is in flight. */
static void fill_waiting(const uvllm_batch_t* b, uvllm_batch_progress_t* p) {
  uvllm_stats_t s;
  p->inflight = b->ninflight;
  if (b->ninflight == 0 ||
      uvllm_stats(b->client, b->settings.provider, b->settings.defaults->tag, &s) != 0)
    return;
  if (s.inflight < b->ninflight)
    p->inflight = s.inflight;
  p->waiting = b->ninflight - p->inflight;
  p->waiting_for_limit = s.waiting_limit;
  p->waiting_for_retry = s.waiting_retry;
  p->waiting_for_budget = s.waiting_budget;
  p->waiting_for_provider = s.waiting_provider;
}


void uvllm__batch_progress(const uvllm_batch_t* b, uvllm_batch_progress_t* out, size_t size) {
  uvllm_batch_progress_t p = b->progress;
  uint64_t end = b->ended_ns != 0 ? b->ended_ns : uv_hrtime();
  p.succeeded = b->output.files[UVLLM__OUT_RESULTS].nlines;
  p.failed = b->output.files[UVLLM__OUT_ERRORS].nlines;
  p.duration_ns = b->began_ns != 0 && end > b->began_ns ? end - b->began_ns : 0;
  p.latency = times_of(&b->latency);
  p.first_token = times_of(&b->first_token);
  p.output = b->settings.output != NULL ? b->settings.output : "";
  p.errors = b->settings.errors != NULL ? b->settings.errors : "";
  p.waiting_for_space = b->space.lacking && b->ended_ns == 0 ? uvllm__batch_unwritten(b) : 0;
  fill_waiting(b, &p);
  memcpy(out, &p, size < sizeof(p) ? size : sizeof(p));
}


void* uvllm_batch_data(const uvllm_batch_t* b) {
  return b->data;
}


const char* uvllm_batch_error(const uvllm_batch_t* b) {
  return b->error;
}
