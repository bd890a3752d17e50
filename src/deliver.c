/* From what an adapter tells to the caller's event_cb.
 *
 * Invariants: no event after the request was finished or while it is paused;
 * what comes while paused is kept and given after resume, in order. Whatever a
 * callback does, only flags change under the adapter's feet: the attempt stays.
 */
#include "internal.h"
#include "mask.h"

/* A kept event: its slices follow it, in the order of slices_of(). */
typedef struct kept_s {
  uvllm_event_t event;
  size_t total; /* bytes with all that follows, a multiple of 16 */
} kept_t;

enum { MAX_SLICES = 3 };


static size_t aligned(size_t n) {
  return (n + 15) & ~(size_t) 15;
}


/* What of an event points elsewhere: the slices' places in it, or nothing. */
static size_t slices_of(uvllm_event_t* e, uvllm_str_t* slices[MAX_SLICES]) {
  switch (e->type) {
    case UVLLM_EVENT_TEXT:
    case UVLLM_EVENT_REASONING:
    case UVLLM_EVENT_REFUSAL:
    case UVLLM_EVENT_REPLAY:
    case UVLLM_EVENT_RAW:
      slices[0] = &e->u.text;
      return 1;
    case UVLLM_EVENT_TOOL_BEGIN:
    case UVLLM_EVENT_TOOL_DELTA:
      slices[0] = &e->u.tool.id;
      slices[1] = &e->u.tool.name;
      slices[2] = &e->u.tool.json;
      return 3;
    case UVLLM_EVENT_MODEL:
      slices[0] = &e->u.model.id;
      slices[1] = &e->u.model.owner;
      return 2;
    case UVLLM_EVENT_PROGRESS:
      slices[0] = &e->u.progress.status;
      return 1;
    default:
      return 0;
  }
}


/* The one other thing an event may point to. */
static size_t blob_of(const uvllm_event_t* e, const void** blob) {
  if (e->type == UVLLM_EVENT_USAGE) {
    *blob = e->u.usage;
    return sizeof(*e->u.usage);
  }
  if (e->type == UVLLM_EVENT_EMBEDDING) {
    *blob = e->u.vector.values;
    return e->u.vector.nvalues * sizeof(float);
  }
  *blob = NULL;
  return 0;
}


static int keep(uvllm_req_t* req, const uvllm_event_t* event) {
  static const char zeros[16];
  uvllm_str_t* slices[MAX_SLICES];
  const void* blob;
  kept_t kept;
  kept.event = *event;
  size_t n = slices_of(&kept.event, slices), size = blob_of(event, &blob);
  for (size_t i = 0; i < n; i++)
    size += slices[i]->len;
  kept.total = aligned(sizeof(kept)) + aligned(size);
  uvllm__buf_t* b = &req->deferred;
  if (uvllm__buf_reserve(b, kept.total) != 0)
    return b->err;
  uvllm__buf_append(b, &kept, sizeof(kept));
  uvllm__buf_append(b, zeros, aligned(sizeof(kept)) - sizeof(kept));
  if (blob != NULL)
    uvllm__buf_append(b, blob, size);
  for (size_t i = 0; i < n; i++)
    uvllm__buf_append(b, slices[i]->base, slices[i]->len);
  return uvllm__buf_append(b, zeros, aligned(size) - size);
}


static void call(uvllm_req_t* req, const uvllm_event_t* event) {
  switch (event->type) {
    case UVLLM_EVENT_ATTEMPT:
    case UVLLM_EVENT_RESTART:
    case UVLLM_EVENT_USAGE:
    case UVLLM_EVENT_PROGRESS:
    case UVLLM_EVENT_REPLAY:
      break;
    default:
      req->delivered = 1;
  }
  req->event_cb(req, event);
}


static void give_kept(uvllm_req_t* req, char* at) {
  kept_t* kept = (kept_t*) (void*) at;
  uvllm_str_t* slices[MAX_SLICES];
  char* data = at + aligned(sizeof(*kept));
  size_t n = slices_of(&kept->event, slices);
  for (size_t i = 0; i < n; i++) {
    if (slices[i]->base != NULL)
      slices[i]->base = data;
    data += slices[i]->len;
  }
  if (kept->event.type == UVLLM_EVENT_USAGE)
    kept->event.u.usage = (const uvllm_usage_t*) (void*) data;
  if (kept->event.type == UVLLM_EVENT_EMBEDDING)
    kept->event.u.vector.values = (const float*) (void*) data;
  call(req, &kept->event);
}


static int is_live(const uvllm_req_t* req) {
  return req->state == UVLLM__RUNNING || req->state == UVLLM__BACKOFF ||
         req->state == UVLLM__QUEUED || req->state == UVLLM__PARKED;
}


/* The buffer may grow only between callbacks, since events come from the loop. */
void uvllm__deliver_deferred(uvllm_req_t* req) {
  while (!req->paused && is_live(req) && req->deferred_at < req->deferred.len) {
    char* at = req->deferred.base + req->deferred_at;
    req->deferred_at += ((kept_t*) (void*) at)->total;
    give_kept(req, at);
  }
  if (req->deferred_at == req->deferred.len) {
    uvllm__buf_clear(&req->deferred);
    req->deferred_at = 0;
  }
}


void uvllm__deliver(uvllm_req_t* req, const uvllm_event_t* event) {
  if (req->event_cb == NULL || !is_live(req))
    return;
  if (!req->paused && req->deferred.len == 0) {
    call(req, event);
    return;
  }
  int err = keep(req, event);
  if (err != 0)
    uvllm__req_finish(req, err);
}


/* ---- The adapter's words --------------------------------------------------------------- */

static uvllm__attempt_t* attempt_of(uvllm_emit_t* emit) {
  return uvllm__container(emit, uvllm__attempt_t, emit);
}


static void fail(uvllm__attempt_t* att, int err) {
  if (err != 0 && att->failed == 0)
    att->failed = err;
}


static void mark_content(uvllm__attempt_t* att, uint64_t now, uvllm_event_type type, size_t bytes) {
  uvllm_req_t* req = att->req;
  uvllm_timing_t* t = &req->timing;
  att->content_bytes += bytes;
  att->clock_ns = now;
  t->last_content = now;
  if (type == UVLLM_EVENT_REASONING && t->first_reasoning == 0)
    t->first_reasoning = now;
  if (t->first_content != 0)
    return;
  t->first_content = now;
  if (req->state == UVLLM__RUNNING) /* an event before it may have cancelled */
    uvllm__req_arm(req); /* from here on the idle clock runs, which may be shorter */
}


static void send_event(uvllm__attempt_t* att, uvllm_event_t* event) {
  uvllm_req_t* req = att->req;
  event->attempt = req->attempts;
  event->time_ns = att->read_ns;
  if (req->timing.first_event == 0)
    req->timing.first_event = att->read_ns;
  uvllm__deliver(req, event);
}


static void keep_raw(uvllm__attempt_t* att, uvllm_str_t bytes) {
  if (att->req->request->flags & UVLLM_BODY)
    fail(att, uvllm__buf_append(&att->body, bytes.base, bytes.len));
}


static void keep_vector(uvllm__attempt_t* att, const uvllm_event_t* e) {
  if ((att->req->request->flags & UVLLM_BODY) && !uvllm__speaks_openai(att->ops))
    fail(att, uvllm__embed_body_add(&att->body, e->index, e->u.vector.values,
                                    e->u.vector.nvalues));
}


static void on_event(uvllm_emit_t* emit, const uvllm_event_t* event) {
  uvllm__attempt_t* att = attempt_of(emit);
  uvllm_event_t e = *event;
  switch (e.type) {
    case UVLLM_EVENT_TEXT:
    case UVLLM_EVENT_REASONING:
    case UVLLM_EVENT_REFUSAL:
      fail(att, uvllm__collect_text(att->collect, e.choice, e.type, e.u.text));
      mark_content(att, att->read_ns, e.type, e.u.text.len);
      break;
    case UVLLM_EVENT_RAW:
      keep_raw(att, e.u.text);
      mark_content(att, att->read_ns, e.type, e.u.text.len);
      break;
    case UVLLM_EVENT_USAGE:
      att->usage = *e.u.usage;
      att->has_usage = 1;
      break;
    case UVLLM_EVENT_EMBEDDING:
      keep_vector(att, &e);
      mark_content(att, att->read_ns, e.type, 0);
      break;
    default:
      mark_content(att, att->read_ns, e.type, 0);
      break;
  }
  if (att->failed == 0)
    send_event(att, &e);
}


static void send_tool_begin(uvllm__attempt_t* att, const uvllm__tool_begin_t* begin) {
  uvllm_event_t e;
  memset(&e, 0, sizeof(e));
  e.type = UVLLM_EVENT_TOOL_BEGIN;
  e.choice = begin->choice;
  e.index = begin->index;
  e.u.tool.id = begin->id;
  e.u.tool.name = begin->name;
  send_event(att, &e);
}


static void on_tool(uvllm_emit_t* emit, uint32_t choice, uint32_t index, uvllm_str_t id,
                    uvllm_str_t name, uvllm_str_t json) {
  uvllm__attempt_t* att = attempt_of(emit);
  uvllm__tool_begin_t begin;
  uvllm_event_t e;
  fail(att, uvllm__collect_tool(att->collect, choice, index, id, name, json, &begin));
  if (att->failed != 0)
    return;
  if (begin.due || name.len + json.len != 0)
    mark_content(att, att->read_ns, UVLLM_EVENT_TOOL_DELTA, name.len + json.len);
  if (begin.due)
    send_tool_begin(att, &begin);
  if (json.len == 0)
    return;
  memset(&e, 0, sizeof(e));
  e.type = UVLLM_EVENT_TOOL_DELTA;
  e.choice = choice;
  e.index = index;
  e.u.tool.json = json;
  send_event(att, &e);
}


void uvllm__deliver_held_tools(uvllm__attempt_t* att, uint32_t choice) {
  uvllm__tool_begin_t begin;
  do {
    fail(att, uvllm__collect_held(att->collect, choice, &begin));
    if (begin.due)
      send_tool_begin(att, &begin);
  } while (begin.due);
}


static void on_stop(uvllm_emit_t* emit, uint32_t choice, uvllm_stop_reason stop) {
  uvllm__attempt_t* att = attempt_of(emit);
  fail(att, uvllm__collect_stop(att->collect, choice, stop));
  if (att->failed == 0)
    uvllm__deliver_held_tools(att, choice);
}


static void on_replay(uvllm_emit_t* emit, uint32_t choice, uvllm_str_t json) {
  uvllm__attempt_t* att = attempt_of(emit);
  uvllm_event_t e;
  fail(att, uvllm__collect_replay(att->collect, choice, json));
  if (att->failed != 0)
    return;
  memset(&e, 0, sizeof(e));
  e.type = UVLLM_EVENT_REPLAY;
  e.choice = choice;
  e.u.text = json;
  send_event(att, &e);
}


static void on_request_id(uvllm_emit_t* emit, uvllm_str_t id) {
  uvllm_req_t* req = attempt_of(emit)->req;
  uvllm__req_set_id(req, id);
}


/* Providers quote keys back; the dialect masks what looks like one, this what is
 * one. */
static void mask_own_key(uvllm__attempt_t* att) {
  char* message = att->req->message;
  if (att->key == NULL || message == NULL)
    return;
  const char* const secrets[] = { att->key->key, att->key->secret, att->key->session };
  for (int i = 0; i < 3; i++)
    if (secrets[i] != NULL)
      message[uvllm__mask_value(message, strlen(message), uvllm__str(secrets[i]))] = '\0';
}


static void on_error(uvllm_emit_t* emit, uvllm_str_t code, uvllm_str_t message, int should_retry) {
  uvllm__attempt_t* att = attempt_of(emit);
  uvllm__req_set_text(att->req, &att->req->code, code, 128);
  uvllm__req_set_text(att->req, &att->req->message, message, UVLLM__MAX_MESSAGE);
  mask_own_key(att);
  if (should_retry >= 0)
    att->should_retry = should_retry;
}


static void on_retry_after(uvllm_emit_t* emit, uint64_t ms) {
  uvllm__attempt_t* att = attempt_of(emit);
  att->has_retry_after = 1;
  att->retry_after_ns = ms > UINT64_MAX / UVLLM__MS ? UINT64_MAX / 2 : ms * UVLLM__MS;
}


static void on_limit(uvllm_emit_t* emit, uvllm_limit_kind kind, int64_t limit, int64_t remaining,
                     int64_t reset_ms) {
  uvllm__attempt_t* att = attempt_of(emit);
  uvllm_limiter_learn(att->req->credential->limiter, att->read_ns, kind, limit, remaining, reset_ms);
}


const uvllm__emit_ops_t uvllm__deliver_ops = {
  .event = on_event,           .tool = on_tool,   .stop = on_stop,               .replay = on_replay,
  .request_id = on_request_id, .error = on_error, .retry_after = on_retry_after, .limit = on_limit,
};
