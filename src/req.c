/* A request's states, its clocks, and its one exit.
 *
 * Invariants: states change in set_state() only; every end, whatever its reason,
 * is req_finish(), which only unlinks and queues; the drain then completes it,
 * calls done_cb once, and frees it.
 */
#include "internal.h"
#include "retry.h"

#include <assert.h>

#define GRACE_NS (250 * UVLLM__MS) /* for the rest of an answer that is whole already */


static void count(uvllm_req_t* req, int delta) {
  uvllm_client_t* c = req->client;
  uvllm__row_t* row = req->row;
  switch (req->state) {
    case UVLLM__QUEUED:
    case UVLLM__PARKED:
      c->nqueued += (uint32_t) delta;
      row->queued += (uint32_t) delta;
      c->queued_bytes += (uint64_t) delta * req->request_bytes;
      break;
    case UVLLM__BACKOFF:
      c->nqueued += (uint32_t) delta;
      row->waiting_retry += (uint32_t) delta;
      c->queued_bytes += (uint64_t) delta * req->request_bytes;
      break;
    case UVLLM__RUNNING:
      c->ninflight += (uint32_t) delta;
      row->inflight += (uint32_t) delta;
      break;
    default:
      break;
  }
}


static int is_legal(uvllm__req_state from, uvllm__req_state to) {
  switch (to) {
    case UVLLM__QUEUED:
      return from == UVLLM__BACKOFF || from == UVLLM__PARKED || from == UVLLM__NEW;
    case UVLLM__RUNNING:
      return from == UVLLM__QUEUED;
    case UVLLM__BACKOFF:
      return from == UVLLM__RUNNING;
    case UVLLM__PARKED:
      return from == UVLLM__QUEUED || from == UVLLM__BACKOFF;
    case UVLLM__FINISHING:
      return from == UVLLM__QUEUED || from == UVLLM__RUNNING || from == UVLLM__BACKOFF ||
             from == UVLLM__PARKED;
    case UVLLM__DONE:
      return from == UVLLM__FINISHING;
    default:
      return 0;
  }
}


void uvllm__req_set_state(uvllm_req_t* req, uvllm__req_state state) {
  int legal = is_legal(req->state, state);
  assert(legal);
  (void) legal;
  count(req, -1);
  req->state = state;
  count(req, 1);
}


int uvllm__req_enqueue(uvllm_req_t* req) {
  int err = uvllm__lane_enter(req);
  if (err == 0)
    uvllm__req_set_state(req, UVLLM__QUEUED);
  return err;
}


void uvllm__req_set_text(uvllm_req_t* req, char** field, uvllm_str_t text, size_t max) {
  if (text.base == NULL)
    return;
  if (text.len > max)
    text.len = max;
  char* copy = uvllm__strndup(&req->client->alloc, text);
  if (copy == NULL)
    return; /* the code still says what happened */
  uvllm__free(&req->client->alloc, *field);
  *field = copy;
}


/* It comes with nearly every answer, and is short. */
void uvllm__req_set_id(uvllm_req_t* req, uvllm_str_t id) {
  if (req->request_id != req->request_id_room)
    uvllm__free(&req->client->alloc, req->request_id);
  req->request_id = NULL;
  if (id.base == NULL)
    return;
  if (id.len >= sizeof(req->request_id_room)) {
    uvllm__req_set_text(req, &req->request_id, id, UVLLM__MAX_REQUEST_ID);
    return;
  }
  memcpy(req->request_id_room, id.base, id.len);
  req->request_id_room[id.len] = '\0';
  req->request_id = req->request_id_room;
}


/* ---- Clocks ---------------------------------------------------------------------------- */

static uint64_t after(uint64_t from_ns, uint64_t ms) {
  if (ms == 0 || ms > (UINT64_MAX - from_ns) / UVLLM__MS)
    return UVLLM__NEVER;
  return from_ns + ms * UVLLM__MS;
}


/* Which of an attempt's clocks runs, and when it strikes. None does from pause
 * until what came meanwhile was told. */
static uint64_t attempt_deadline(const uvllm_req_t* req, int* err) {
  const uvllm__attempt_t* att = req->attempt;
  const uvllm_request_t* r = req->request;
  *err = 0;
  if (att == NULL || req->paused || req->in_resumed || att->ended)
    return UVLLM__NEVER;
  if (att->complete)
    return att->complete_ns + GRACE_NS;
  if (att->sends == 0) {
    *err = UVLLM_ETIMECONNECT;
    return after(att->clock_ns, r->connect_timeout_ms);
  }
  if (req->timing.first_content == 0) {
    *err = UVLLM_ETIMEFIRST;
    return after(att->clock_ns, r->first_timeout_ms);
  }
  *err = UVLLM_ETIMEIDLE;
  return after(att->clock_ns, r->idle_timeout_ms);
}


static uint64_t total_deadline(const uvllm_req_t* req) {
  if (req->state == UVLLM__PARKED)
    return UVLLM__NEVER;
  return after(req->timing.submitted + req->stood_ns, req->request->timeout_ms);
}


static uint64_t next_deadline(const uvllm_req_t* req) {
  int err;
  uint64_t when = total_deadline(req);
  uint64_t other = UVLLM__NEVER;
  if (req->state == UVLLM__RUNNING)
    other = attempt_deadline(req, &err);
  else if (req->state == UVLLM__BACKOFF)
    other = req->retry_at_ns;
  return other < when ? other : when;
}


/* An event only moves clock_ns; the heap learns of a later time when the old one
 * comes. */
void uvllm__req_arm(uvllm_req_t* req) {
  uint64_t when = next_deadline(req);
  if (when >= (uint64_t) req->timer_node.key)
    return;
  uvllm_queue_change(req->client->timers, &req->timer_node, (int64_t) when);
  uvllm__wake_at(req->client, when);
}


static void on_deadline(uvllm_req_t* req, uint64_t now) {
  int err = 0;
  if (total_deadline(req) <= now)
    uvllm__req_finish(req, UVLLM_ETIMETOTAL);
  else if (req->state == UVLLM__BACKOFF && req->retry_at_ns <= now)
    uvllm__req_enter_lane(req);
  else if (req->state == UVLLM__RUNNING && attempt_deadline(req, &err) <= now)
    uvllm__attempt_strike(req, err);
}


void uvllm__req_on_time(uvllm_req_t* req, uint64_t now) {
  uvllm_queue_change(req->client->timers, &req->timer_node, INT64_MAX);
  on_deadline(req, now);
  if (uvllm_queue_has(&req->timer_node)) /* it has not ended */
    uvllm__req_arm(req);
}


/* ---- The exit ---------------------------------------------------------------------------- */

void uvllm__req_finish(uvllm_req_t* req, int status) {
  uvllm_client_t* c = req->client;
  if (req->state == UVLLM__FINISHING || req->state == UVLLM__DONE)
    return;
  if (req->state == UVLLM__QUEUED)
    uvllm__lane_leave(req);
  uvllm_queue_remove(c->timers, &req->timer_node);
  uvllm__req_set_state(req, UVLLM__FINISHING);
  req->status = status;
  req->next_finished = NULL;
  *c->finished_tail = req;
  c->finished_tail = &req->next_finished;
  uvllm__schedule(c);
}


static void count_end(uvllm_req_t* req, int status) {
  if (status == 0)
    req->row->completed++;
  else if (status == UV_ECANCELED)
    req->row->cancelled++;
  else
    req->row->failed++;
  if (req->usage.flags & UVLLM_USAGE_UNPRICED)
    req->row->unpriced++;
}


static uvllm_str_t text_of(const char* s) {
  return uvllm__str(s);
}


static void fill_result(uvllm_req_t* req, uvllm_result_t* r) {
  memset(r, 0, sizeof(*r));
  r->status = req->status;
  r->http_status = req->http_status;
  r->message = text_of(req->message);
  r->code = text_of(req->code);
  r->request_id = text_of(req->request_id);
  r->target = &req->request->target;
  r->key_label = req->label != NULL ? req->label->text : NULL;
  r->transport = req->transport;
  r->attempts = req->attempts;
  r->answers_429 = req->answers_429;
  r->usage = &req->usage;
  r->timing = &req->timing;
  if (req->attempt != NULL)
    uvllm__attempt_result(req, r);
}


void uvllm__req_free(uvllm_req_t* req) {
  uvllm_client_t* c = req->client;
  const uvllm_alloc_t* a = &c->alloc;
  if (uvllm_queue_has(&req->timer_node))
    uvllm_queue_remove(c->timers, &req->timer_node);
  uvllm__request_free(a, req->request, req->request_bytes);
  uvllm__free(a, req->message);
  uvllm__free(a, req->code);
  uvllm__req_set_id(req, (uvllm_str_t) { NULL, 0 });
  uvllm__label_unref(c, req->label);
  uvllm__buf_wipe(&req->deferred);
  uvllm__credential_unref(c, req->credential);
  uvllm__provider_unref(c, req->provider);
  uvllm__free(a, req);
}


/* It may have been resumed and ended before the drain came to it. */
static void forget_resumed(uvllm_req_t* req) {
  uvllm_client_t* c = req->client;
  uvllm_req_t** p = &c->resumed;
  if (!req->in_resumed)
    return;
  while (*p != req)
    p = &(*p)->next_resumed;
  *p = req->next_resumed;
  if (*p == NULL)
    c->resumed_tail = p;
}


/* After done_cb nothing of the request is touched but to free it: the callback
 * may have submitted, cancelled others, or closed the client. */
void uvllm__req_complete(uvllm_req_t* req) {
  uvllm_client_t* c = req->client;
  uvllm_result_t result;
  uvllm__attempt_stop(req);
  req->timing.ended = c->now_ns = uv_hrtime();
  fill_result(req, &result);
  count_end(req, result.status);
  uvllm__req_set_state(req, UVLLM__DONE);
  if (result.status != 0 && result.status != UV_ECANCELED)
    uvllm__log(c, UVLLM_LOG_INFO, "request %llu: %s after %u attempts (http %d)",
               (unsigned long long) req->id, uvllm_err_name(result.status), req->attempts,
               req->http_status);
  req->done_cb(req, &result);
  uvllm__attempt_release(req);
  forget_resumed(req);
  uvllm__client_forget(c, req);
  uvllm__req_free(req);
}


/* ---- Again? ------------------------------------------------------------------------------- */

/* Another key may do what this one may not; each is tried once. */
static int can_rotate(const uvllm_req_t* req, int status) {
  const unsigned int scope = uvllm_err_scope(status);
  return (scope & UVLLM_RETRY_KEY) && !(scope & UVLLM_RETRY_SAME) &&
         req->rotations + 1 < uvllm__credentials_count(req->provider) &&
         uvllm__credential_is_left(req, req->client->now_ns, 0);
}


static int may_retry(const uvllm_req_t* req, int status) {
  const uvllm__attempt_t* att = req->attempt;
  int again = (uvllm_err_scope(status) & UVLLM_RETRY_SAME) != 0;
  if (att->should_retry >= 0)
    again = att->should_retry;
  if (req->delivered && !(req->request->flags & UVLLM_RESTART))
    return 0;
  if (req->client->closing || req->provider->removed || req->request->max_attempts == 0)
    return 0;
  return can_rotate(req, status) ||
         (again && req->attempts - req->rotations < req->request->max_attempts);
}


/* Where another key can go, nobody waits for the one that was told to. */
static uint64_t retry_wait(uvllm_req_t* req, int status) {
  const uvllm__attempt_t* att = req->attempt;
  if (can_rotate(req, status)) {
    req->rotations++;
    return 0;
  }
  if (status == UVLLM_ERATELIMIT && uvllm__credential_is_left(req, req->client->now_ns, 1))
    return 0;
  return uvllm__retry_wait(req->attempts - req->rotations, att->has_retry_after,
                           att->retry_after_ns, uvllm__random(req->client));
}


static void tell_restart(uvllm_req_t* req) {
  uvllm_event_t event;
  if (!req->delivered)
    return;
  memset(&event, 0, sizeof(event));
  event.type = UVLLM_EVENT_RESTART;
  event.attempt = req->attempts;
  event.time_ns = uv_hrtime();
  req->delivered = 0;
  uvllm__deliver(req, &event);
}


/* A 429 or an overload with a time stops the key until then: all who wait for it
 * would be told the same. So are all in flight, and only the first is worth a line. */
static void freeze_key(uvllm_req_t* req, int status, uint64_t now) {
  const uvllm__attempt_t* att = req->attempt;
  const uvllm__credential_t* cred = req->credential;
  uvllm_limiter_state_t before;
  if (!att->has_retry_after || (status != UVLLM_ERATELIMIT && status != UVLLM_EOVERLOAD))
    return;
  uvllm_limiter_state(cred->limiter, now, &before);
  uvllm_limiter_freeze(cred->limiter, now + att->retry_after_ns);
  if (before.frozen_until_ns <= now && att->retry_after_ns != 0)
    uvllm__log(req->client, UVLLM_LOG_INFO, "provider %s%s%s: frozen for %llu ms by an answer %d",
               req->provider->name, cred->ring != NULL ? ", key " : "",
               cred->ring != NULL ? cred->ring->label->text : "",
               (unsigned long long) (att->retry_after_ns / UVLLM__MS), att->http_status);
}


void uvllm__req_retry_or_finish(uvllm_req_t* req, int status) {
  uvllm_client_t* c = req->client;
  uint64_t now = c->now_ns;
  uvllm__settle_attempt(req, status);
  freeze_key(req, status, now);
  uvllm__credential_outcome(req, status, now);
  req->last_error = status;
  if (status == 0 || !may_retry(req, status)) {
    uvllm__req_finish(req, status);
    return;
  }
  uint64_t wait = retry_wait(req, status);
  if (wait >= UVLLM__NEVER - now ||
      now + wait >= total_deadline(req)) {
    uvllm__req_finish(req, status); /* it cannot be in time: better told now */
    return;
  }
  uvllm__log(c, UVLLM_LOG_INFO, "request %llu: %s, again in %llu ms", (unsigned long long) req->id,
             uvllm_err_name(status), (unsigned long long) (wait / UVLLM__MS));
  req->row->retries++;
  req->retry_at_ns = now + wait;
  uvllm__attempt_release(req);
  uvllm__req_set_state(req, UVLLM__BACKOFF);
  uvllm__req_arm(req);
  tell_restart(req);
}


void uvllm__req_last_attempt(uvllm_req_t* req) {
  req->request->max_attempts = 0;
}


/* ---- What the caller may do ----------------------------------------------------------------- */

void uvllm_cancel(uvllm_req_t* req) {
  int whole = req->attempt != NULL && req->attempt->complete;
  uvllm__req_finish(req, whole ? 0 : UV_ECANCELED);
}


void uvllm_pause(uvllm_req_t* req) {
  if (req->paused || req->state == UVLLM__FINISHING || req->state == UVLLM__DONE)
    return;
  req->paused = 1;
  req->paused_ns = uv_hrtime();
  if (req->attempt != NULL && req->attempt->running)
    uvllm__exchange_pause(&req->attempt->x);
}


/* The clocks stood still: what had passed of them before the pause still counts,
 * and nothing of what came since. */
static void move_clock(const uvllm_req_t* req) {
  uvllm__attempt_t* att = req->attempt;
  uint64_t now = uv_hrtime();
  if (att == NULL)
    return;
  att->clock_ns = att->clock_ns < req->paused_ns ? att->clock_ns + (now - req->paused_ns) : now;
}


void uvllm_resume(uvllm_req_t* req) {
  uvllm_client_t* c = req->client;
  if (!req->paused || req->state == UVLLM__FINISHING || req->state == UVLLM__DONE)
    return;
  req->paused = 0;
  move_clock(req);
  if (req->in_resumed)
    return;
  req->in_resumed = 1;
  req->next_resumed = NULL;
  *c->resumed_tail = req;
  c->resumed_tail = &req->next_resumed;
  uvllm__schedule(c);
}


void uvllm_set_priority(uvllm_req_t* req, int priority) {
  req->key += ((int64_t) req->priority - priority) * UVLLM_QUEUE_AGEING_NS;
  req->priority = priority;
  if (req->state == UVLLM__QUEUED)
    uvllm__lane_change(req);
  uvllm__schedule(req->client);
}


void* uvllm_req_data(const uvllm_req_t* req) {
  return req->data;
}


uint64_t uvllm_req_id(const uvllm_req_t* req) {
  return req->id;
}


uvllm_client_t* uvllm_req_client(const uvllm_req_t* req) {
  return req->client;
}
