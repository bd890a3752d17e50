/* One attempt: the adapter builds a request, the transport carries it, the
 * answer is cut into frames and told, and its outcome decided.
 *
 * Invariants: the transport's callbacks only note and deliver; what ends a
 * request goes through req_retry_or_finish() or req_finish(). Frames are read
 * until the caller pauses: then the rest of the bytes is held, in order.
 */
#include "internal.h"


/* ---- Building ------------------------------------------------------------------------- */

static void add_headers(uvllm__attempt_t* att, const uvllm_kv_t* headers, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (att->key == NULL || strcasecmp(headers[i].name, "authorization") != 0)
      uvllm_http_header(&att->http, headers[i].name, uvllm__str(headers[i].value));
}


static uint64_t unix_ms(void) {
  uv_timeval64_t now;
  uv_gettimeofday(&now);
  return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_usec / 1000;
}


static uvllm__origin_t* origin_of(const uvllm__attempt_t* att) {
  const int lists = att->req->request->op == UVLLM_MODELS && att->conf->models_origin != NULL;
  return lists ? att->conf->models_origin : att->conf->origin;
}


static int build(uvllm__attempt_t* att) {
  uvllm_req_t* req = att->req;
  const uvllm_provider_ops_t* ops = att->ops;
  uvllm_attempt_t a;
  memset(&a, 0, sizeof(a));
  a.request = req->request;
  a.base_url = uvllm__str(origin_of(att)->base_url);
  a.model = uvllm__str(req->request->target.model);
  if (att->key != NULL) {
    a.key = uvllm__str(att->key->key);
    a.secret = uvllm__str(att->key->secret);
    a.session = uvllm__str(att->key->session);
  }
  a.params = att->conf->params;
  a.nparams = att->conf->nparams;
  a.unix_ms = unix_ms();
  a.number = req->attempts;
  a.exchange = att->exchange;
  uvllm__http_reset(&att->http);
  att->begun = 1;
  int err = ops->build(att->state, &a, &att->http);
  if (err != 0)
    return err;
  add_headers(att, att->conf->headers, att->conf->nheaders);
  add_headers(att, req->request->headers, req->request->nheaders);
  if (ops->sign != NULL && (err = ops->sign(att->state, &a, &att->http)) != 0)
    return err;
  return uvllm__http_finish(&att->http);
}


/* ---- Framing -------------------------------------------------------------------------- */

static int is_success(const uvllm__attempt_t* att) {
  return att->http_status >= 200 && att->http_status < 300;
}


/* Nobody wants more of this answer now: paused, finished, or it is over. */
static int must_stop(const uvllm__attempt_t* att) {
  return att->req->paused || att->req->state != UVLLM__RUNNING || att->complete ||
         att->failed != 0 || att->next_exchange;
}


static void take_own_body(uvllm__attempt_t* att, const uvllm_frame_t* frame) {
  if (att->frames.framing != UVLLM_FRAME_BODY || !uvllm__speaks_openai(att->ops) ||
      !(att->req->request->flags & UVLLM_BODY))
    return;
  if (uvllm__buf_append(&att->body, frame->data.base, frame->data.len) != 0)
    att->failed = att->body.err;
}


static int on_frame(void* ctx, const uvllm_frame_t* frame) {
  uvllm__attempt_t* att = ctx;
  take_own_body(att, frame);
  int rc = att->ops->frame(att->state, frame, &att->emit);
  if (rc < 0 && att->failed == 0)
    att->failed = rc;
  if (rc == UVLLM_NEXT)
    att->next_exchange = 1;
  if (rc == UVLLM_COMPLETE && att->failed == 0) {
    att->complete = 1;
    att->complete_ns = att->read_ns;
    if (att->req->state == UVLLM__RUNNING)
      uvllm__req_arm(att->req);
  }
  return must_stop(att);
}


static uvllm_framing framing_of(const uvllm__attempt_t* att) {
  uvllm_str_t type = uvllm__str(att->content_type[0] != '\0' ? att->content_type : NULL);
  if (att->ops->begin != NULL)
    return att->ops->begin(att->state, att->http_status, type);
  if (strncasecmp(att->content_type, "text/event-stream", 17) == 0)
    return UVLLM_FRAME_SSE;
  if (strncasecmp(att->content_type, "application/x-ndjson", 20) == 0)
    return UVLLM_FRAME_LINES;
  if (strncasecmp(att->content_type, "application/vnd.amazon.eventstream", 34) == 0)
    return UVLLM_FRAME_AWS;
  return UVLLM_FRAME_BODY;
}


static void begin_answer(uvllm__attempt_t* att) {
  const uvllm_client_options_t* o = &att->req->client->options;
  uvllm_framing framing = framing_of(att);
  att->answering = 1;
  uvllm__frames_begin(&att->frames, framing,
                      framing == UVLLM_FRAME_BODY ? o->max_body_bytes : o->max_frame_bytes);
}


/* 0, or a code that ends the exchange. What the caller's pause cuts off is held. */
static int feed(uvllm__attempt_t* att, const char* data, size_t len) {
  size_t used = 0;
  if (!att->answering)
    begin_answer(att);
  int rc = uvllm__frames_feed(&att->frames, data, len, &used, on_frame, att);
  if (rc < 0 && att->failed == 0)
    att->failed = rc;
  if (att->req->state != UVLLM__RUNNING || att->complete || att->next_exchange)
    return 0;
  if (att->failed != 0)
    return att->failed;
  if (used < len)
    return uvllm__buf_append(&att->held, data + used, len - used);
  return 0;
}


static void keep_error_body(uvllm__attempt_t* att, const char* data, size_t len) {
  size_t room = att->body.len < UVLLM__MAX_ERROR_BODY ? UVLLM__MAX_ERROR_BODY - att->body.len : 0;
  uvllm__buf_append(&att->body, data, len < room ? len : room);
}


/* ---- The transport's callbacks -------------------------------------------------------- */

static uvllm__attempt_t* attempt_of(uvllm__exchange_t* x) {
  return uvllm__container(x, uvllm__attempt_t, x);
}


/* A second time on one exchange: a kept-alive connection was found dead, and it is
 * sent again. It may be billed twice, so it counts as an attempt. */
static void on_sent(uvllm__exchange_t* x, uint64_t now) {
  uvllm__attempt_t* att = attempt_of(x);
  uvllm_req_t* req = att->req;
  if (att->sends++ > 0 && att->exchange == 0) {
    req->attempts++;
    req->row->attempts++;
    req->row->retries++;
  }
  req->timing.sent = now;
  if (req->timing.connected == 0)
    req->timing.connected = now;
  att->clock_ns = now;
  if (req->state == UVLLM__RUNNING)
    uvllm__req_arm(req);
}


static void on_status(uvllm__exchange_t* x, int http_status) {
  uvllm__attempt_t* att = attempt_of(x);
  att->http_status = http_status;
  att->req->http_status = http_status;
  att->read_ns = att->req->client->now_ns;
  if (att->req->timing.first_byte == 0)
    att->req->timing.first_byte = att->read_ns;
}


static int on_header(uvllm__exchange_t* x, uvllm_str_t name, uvllm_str_t value) {
  uvllm__attempt_t* att = attempt_of(x);
  if (att->req->state != UVLLM__RUNNING)
    return 0;
  if (name.len == 12 && strncasecmp(name.base, "content-type", 12) == 0) {
    size_t n = value.len < sizeof(att->content_type) - 1 ? value.len
                                                         : sizeof(att->content_type) - 1;
    memcpy(att->content_type, value.base, n);
    att->content_type[n] = '\0';
  }
  if (att->ops->header != NULL)
    att->ops->header(att->state, name, value, &att->emit);
  return 0;
}


static int on_body(uvllm__exchange_t* x, const char* data, size_t len) {
  uvllm__attempt_t* att = attempt_of(x);
  uvllm_req_t* req = att->req;
  att->read_ns = req->client->now_ns;
  if (req->state != UVLLM__RUNNING || att->complete || att->next_exchange)
    return 0;
  if (!is_success(att)) {
    keep_error_body(att, data, len);
    return 0;
  }
  if (!req->paused && att->held.len == 0 && req->deferred.len == 0)
    return feed(att, data, len);
  return uvllm__buf_append(&att->held, data, len);
}


static void conclude(uvllm__attempt_t* att);


static void on_end(uvllm__exchange_t* x, int err, const char* message) {
  uvllm__attempt_t* att = attempt_of(x);
  uvllm_req_t* req = att->req;
  att->running = 0;
  att->ended = 1;
  att->end_err = err;
  if (err != 0 && message[0] != '\0')
    att->end_message = uvllm__strdup(&req->client->alloc, message);
  if (req->state == UVLLM__RUNNING && !req->paused && !req->in_resumed)
    conclude(att);
}


static const uvllm__exchange_cbs_t exchange_cbs = { on_sent, on_header, on_status, on_body,
                                                    on_end };


static int start_exchange(uvllm__attempt_t* att, uint64_t now) {
  uvllm_client_t* c = att->req->client;
  int err = build(att);
  if (err != 0)
    return err;
  att->answering = att->ended = att->next_exchange = 0;
  att->http_status = att->req->http_status = 0;
  att->content_type[0] = '\0';
  att->x.cbs = &exchange_cbs;
  att->x.origin = origin_of(att);
  att->x.http = &att->http;
  att->x.fresh = att->req->last_error == UV_ECONNRESET || att->req->last_error == UV_EPIPE ||
                 att->req->last_error == UVLLM_ETIMEFIRST;
  att->req->transport = att->x.origin->plain ? UVLLM_TRANSPORT_PLAIN : UVLLM_TRANSPORT_CURL;
  att->running = 1; /* `sent` may come at once */
  err = uvllm__exchange_start(c->transport, &att->x, now);
  att->running = err == 0;
  if (err == 0 && att->req->paused)
    uvllm__exchange_pause(&att->x);
  return err;
}


/* ---- Outcome -------------------------------------------------------------------------- */

/* An answer that had begun and broke off is truncated, whatever broke it. */
static int broken_off(const uvllm__attempt_t* att) {
  switch (att->end_err) {
    case UVLLM_ETOOLARGE:
    case UVLLM_EPROTO:
    case UV_ENOMEM:
      return att->end_err;
    default:
      return UVLLM_ETRUNCATED;
  }
}


static int end_of_answer(uvllm__attempt_t* att) {
  const uvllm_provider_ops_t* ops = att->ops;
  if (!att->answering)
    begin_answer(att);
  int rc = uvllm__frames_end(&att->frames, on_frame, att);
  if (rc < 0 && att->failed == 0)
    att->failed = rc;
  if (att->failed != 0)
    return att->failed;
  if (att->complete || att->next_exchange)
    return 0;
  rc = ops->end != NULL ? ops->end(att->state, &att->emit) : UVLLM_ETRUNCATED;
  att->next_exchange = rc == UVLLM_NEXT;
  return rc == UVLLM_COMPLETE || rc == UVLLM_NEXT ? 0 : rc == UVLLM_GO_ON ? UVLLM_ETRUNCATED : rc;
}


static int outcome(uvllm__attempt_t* att) {
  if (att->failed != 0)
    return att->failed;
  if (att->complete || att->next_exchange)
    return 0;
  if (att->http_status == 0)
    return att->end_err != 0 ? att->end_err : UV_ECONNRESET;
  if (!is_success(att)) {
    int err = att->ops->error(att->state, att->http_status, uvllm__buf_slice(&att->body),
                                    &att->emit);
    return err < 0 ? err : UVLLM_EPROVIDER;
  }
  return att->end_err != 0 ? broken_off(att) : end_of_answer(att);
}


/* The transport's words, where the provider had none. */
static void explain(uvllm__attempt_t* att, int status) {
  uvllm_req_t* req = att->req;
  if (status == 0 || req->message != NULL || att->end_message == NULL)
    return;
  uvllm__req_set_text(req, &req->message, uvllm__str(att->end_message), UVLLM__MAX_MESSAGE);
}


/* Without an answer there is nothing that a head has said, even if one began: how
 * much of it came is the network's doing. */
static void forget_broken_head(uvllm__attempt_t* att) {
  uvllm_req_t* req = att->req;
  if (att->http_status != 0)
    return;
  uvllm__req_set_id(req, (uvllm_str_t) { NULL, 0 });
  att->has_retry_after = 0;
}


static void finish_attempt(uvllm__attempt_t* att) {
  uvllm_req_t* req = att->req;
  explain(att, att->outcome);
  forget_broken_head(att);
  uvllm__req_retry_or_finish(req, att->outcome);
}


/* The exchange is over. In frames that come only now the caller may still pause:
 * then the end waits too. */
static void conclude(uvllm__attempt_t* att) {
  uvllm_req_t* req = att->req;
  int status = outcome(att);
  if (status == 0 && !att->next_exchange) {
    uvllm__deliver_held_tools(att, UVLLM__ANY_CHOICE);
    status = att->failed;
  }
  if (req->state != UVLLM__RUNNING)
    return; /* a callback has cancelled it */
  if (status == 0 && att->next_exchange) {
    att->exchange++;
    status = start_exchange(att, req->client->now_ns);
    if (status == 0)
      return;
  }
  att->concluded = 1;
  att->outcome = status;
  if (!req->paused)
    finish_attempt(att);
}


static void tell_attempt(uvllm_req_t* req, uint64_t now) {
  uvllm_event_t event;
  memset(&event, 0, sizeof(event));
  event.type = UVLLM_EVENT_ATTEMPT;
  event.attempt = req->attempts;
  event.time_ns = now;
  event.u.attempt.target = &req->request->target;
  event.u.attempt.key_label = req->label != NULL ? req->label->text : NULL;
  event.u.attempt.last_error = req->last_error;
  uvllm__deliver(req, &event);
}


static void begin_timing(uvllm_req_t* req, uint64_t now) {
  uint64_t submitted = req->timing.submitted;
  memset(&req->timing, 0, sizeof(req->timing));
  req->timing.submitted = submitted;
  req->timing.admitted = now;
}


static void forget_last_attempt(uvllm_req_t* req) {
  const uvllm_alloc_t* a = &req->client->alloc;
  uvllm__free(a, req->message);
  uvllm__free(a, req->code);
  uvllm__req_set_id(req, (uvllm_str_t) { NULL, 0 });
  uvllm__label_unref(req->client, req->label);
  req->label = NULL;
  req->message = req->code = NULL;
  req->http_status = 0;
}


/* Limits and money are taken already; on failure they are given back. */
int uvllm__attempt_start(uvllm_req_t* req, uint64_t now) {
  uvllm_client_t* c = req->client;
  uvllm__req_set_state(req, UVLLM__RUNNING);
  begin_timing(req, now);
  forget_last_attempt(req);
  req->attempts++;
  req->row->attempts++;
  int err = uvllm__attempt_get(req);
  if (req->attempt == NULL) {
    uvllm__credential_settle(req, err, now, NULL);
    uvllm_tracker_release(c->tracker, &req->hold);
    return err;
  }
  if (err == 0 && req->attempt->key != NULL) {
    req->label = req->attempt->key->label;
    req->label->refs++;
  }
  if (err != 0)
    return err;
  req->attempt->clock_ns = now;
  tell_attempt(req, now);
  if (req->state != UVLLM__RUNNING)
    return 0; /* cancelled by that event */
  err = start_exchange(req->attempt, now);
  if (err == 0)
    uvllm__req_arm(req);
  return err;
}


void uvllm__attempt_strike(uvllm_req_t* req, int err) {
  uvllm__attempt_t* att = req->attempt;
  if (att->running)
    uvllm__exchange_cancel(&att->x);
  att->running = 0;
  att->ended = 1;
  if (err == 0) { /* whole already, only the connection's end did not come */
    conclude(att);
    return;
  }
  att->outcome = att->failed = err;
  finish_attempt(att);
}


void uvllm__attempt_go_on(uvllm_req_t* req) {
  uvllm__attempt_t* att = req->attempt;
  if (att->held.len != 0) {
    uvllm__buf_t held = att->held;
    uvllm__buf_init(&att->held, held.alloc, held.max);
    att->read_ns = uv_hrtime();
    int err = feed(att, held.base, held.len);
    uvllm__buf_wipe(&held);
    if (err != 0 && att->failed == 0)
      att->failed = err;
  }
  if (req->paused || req->state != UVLLM__RUNNING)
    return;
  if (att->failed != 0 && att->running) {
    uvllm__exchange_cancel(&att->x);
    att->running = 0;
    att->ended = 1;
  }
  if (att->concluded)
    finish_attempt(att);
  else if (att->ended)
    conclude(att);
  else
    uvllm__exchange_resume(&att->x);
}


void uvllm__attempt_stop(uvllm_req_t* req) {
  uvllm__attempt_t* att = req->attempt;
  if (att == NULL)
    return;
  if (att->running)
    uvllm__exchange_cancel(&att->x);
  att->running = 0;
  uvllm__settle_attempt(req, req->status);
}


/* ---- The result ----------------------------------------------------------------------- */

static int make_body(uvllm_req_t* req) {
  uvllm__attempt_t* att = req->attempt;
  uvllm_op op = req->request->op;
  if (req->status == 0 && op == UVLLM_EMBED && !uvllm__speaks_openai(att->ops))
    return uvllm__embed_body_end(&att->body, req->request->target.model, &req->usage);
  if (req->status != 0 || (op != UVLLM_CHAT && op != UVLLM_COMPLETION) || att->body.len != 0)
    return att->body.err;
  return uvllm__collect_body(att->collect, op, uvllm__str(req->request_id),
                             req->request->target.model, unix_ms() / 1000, &req->usage,
                             &att->body);
}


void uvllm__attempt_result(uvllm_req_t* req, uvllm_result_t* r) {
  uvllm__attempt_t* att = req->attempt;
  unsigned int flags = req->request->flags;
  if (att->collect != NULL && !(flags & UVLLM_NO_COLLECT) &&
      uvllm__collect_choices(att->collect, &r->choices, &r->nchoices) != 0 && r->status == 0)
    r->status = UV_ENOMEM;
  if (!(flags & UVLLM_BODY))
    return;
  int err = make_body(req);
  if (err == 0 && att->body.len != 0)
    r->body_json = uvllm__buf_slice(&att->body);
  else if (r->status == 0)
    r->status = err;
}
