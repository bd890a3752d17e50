/* Admission: a request is checked, copied and queued, or refused there and then
 * with a code and nothing else. What is refused here could never have worked.
 */
#include "internal.h"
#include "request_expand.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>



void uvllm__request_init(uvllm_request_t* r, size_t size) {
  uvllm_request_t o;
  memset(&o, 0, sizeof(o));
  o.temperature = o.top_p = NAN;
  o.frequency_penalty = o.presence_penalty = NAN;
  o.seed = INT64_MIN;
  o.timeout_ms = 600000;
  o.connect_timeout_ms = 10000;
  o.first_timeout_ms = 120000;
  o.idle_timeout_ms = 60000;
  o.max_attempts = 3;
  memset(r, 0, size);
  memcpy(r, &o, size < sizeof(o) ? size : sizeof(o));
  r->size = size;
}


int uvllm__refuse(uvllm_client_t* c, int err, const char* why) {
  snprintf(c->last_error, sizeof(c->last_error), "%s", why);
  return err;
}


const char* uvllm_last_error(const uvllm_client_t* c) {
  return c->last_error;
}


/* ---- What check() may tell ---------------------------------------------------------- */

typedef struct checker_s {
  uvllm_emit_t emit;
  uvllm_client_t* client;
} checker_t;


static void check_error(uvllm_emit_t* emit, uvllm_str_t code, uvllm_str_t message, int retry) {
  checker_t* k = uvllm__container(emit, checker_t, emit);
  (void) code, (void) retry;
  snprintf(k->client->last_error, sizeof(k->client->last_error), "%.*s", (int) message.len,
           message.base != NULL ? message.base : "");
}


static void no_event(uvllm_emit_t* emit, const uvllm_event_t* event) {
  (void) emit, (void) event;
}


static void no_tool(uvllm_emit_t* emit, uint32_t choice, uint32_t index, uvllm_str_t id,
                    uvllm_str_t name, uvllm_str_t json) {
  (void) emit, (void) choice, (void) index, (void) id, (void) name, (void) json;
}


static void no_stop(uvllm_emit_t* emit, uint32_t choice, uvllm_stop_reason stop) {
  (void) emit, (void) choice, (void) stop;
}


static void no_replay(uvllm_emit_t* emit, uint32_t choice, uvllm_str_t json) {
  (void) emit, (void) choice, (void) json;
}


static void no_id(uvllm_emit_t* emit, uvllm_str_t id) {
  (void) emit, (void) id;
}


static void no_retry_after(uvllm_emit_t* emit, uint64_t ms) {
  (void) emit, (void) ms;
}


static void no_limit(uvllm_emit_t* emit, uvllm_limit_kind kind, int64_t limit, int64_t remaining,
                     int64_t reset_ms) {
  (void) emit, (void) kind, (void) limit, (void) remaining, (void) reset_ms;
}


static const uvllm__emit_ops_t check_ops = {
  .event = no_event, .tool = no_tool,      .stop = no_stop,               .replay = no_replay,
  .request_id = no_id, .error = check_error, .retry_after = no_retry_after, .limit = no_limit,
};


static int ask_dialect(uvllm_client_t* c, const uvllm__conf_t* conf,
                       const uvllm_provider_ops_t* ops, const uvllm_request_t* r) {
  checker_t k = { { &check_ops, c->submit_parser, &c->alloc, conf->params, conf->nparams }, c };
  if (ops->check == NULL)
    return 0;
  int err = ops->check(r, &k.emit);
  if (err != 0 && c->last_error[0] == '\0')
    uvllm__refuse(c, err, "the dialect refused the request");
  return err;
}


/* ---- Checks --------------------------------------------------------------------------- */

static int check_headers(uvllm_client_t* c, const uvllm_request_t* r) {
  if (r->nheaders > UVLLM__HTTP_MAX_HEADERS / 4)
    return uvllm__refuse(c, UV_EINVAL, "too many headers");
  for (size_t i = 0; i < r->nheaders; i++)
    if (uvllm__http_check_header(r->headers[i].name, r->headers[i].value) != 0)
      return uvllm__refuse(c, UV_EINVAL, "a header's name or value may not be sent");
  return 0;
}


static int check_input(uvllm_client_t* c, const uvllm_request_t* r) {
  if (r->max_attempts == 0)
    return uvllm__refuse(c, UV_EINVAL, "max_attempts is 0");
  if (r->op == UVLLM_RAW && (r->raw_path == NULL || r->raw_path[0] != '/'))
    return uvllm__refuse(c, UV_EINVAL, "raw_path must begin with a slash");
  if (r->op == UVLLM_MODELS || r->op == UVLLM_RAW)
    return 0;
  if ((unsigned int) r->op > UVLLM_RAW)
    return uvllm__refuse(c, UV_EINVAL, "no such op");
  if (r->nmessages == 0 && r->body_json.base == NULL)
    return uvllm__refuse(c, UV_EINVAL, "neither messages nor body_json");
  if (r->target.model == NULL || *r->target.model == '\0')
    return uvllm__refuse(c, UV_EINVAL, "no model: neither the request nor the provider names one");
  return 0;
}


static int check_price(uvllm_client_t* c, const uvllm__provider_t* p, const uvllm_request_t* r,
                       const uvllm__facts_t* f) {
  if (c->options.budget_pusd <= 0 || c->options.allow_unpriced || uvllm__op_is_free(r->op))
    return 0;
  if (r->op != UVLLM_RAW &&
      uvllm_price_worst(c->prices, p->conf->price_as, r->target.model, f->tier, 1, 1) >= 0)
    return 0;
  return uvllm__refuse(c, UVLLM_EUNPRICED, "no price is known for the model, and there is a budget");
}


static int check_room(uvllm_client_t* c, size_t bytes) {
  if (bytes > c->options.max_queued_bytes) /* waiting for room would be in vain */
    return uvllm__refuse(c, UV_E2BIG, "the request is larger than the queue may hold");
  if (c->nqueued < c->options.max_queued &&
      c->queued_bytes + bytes <= c->options.max_queued_bytes)
    return 0;
  c->wants_room = 1;
  return uvllm__refuse(c, UVLLM_EQUEUEFULL, "too many requests are waiting");
}


/* What a model is called at this provider; NULL: no other name is known. */
static const char* other_name(const uvllm__conf_t* conf, uvllm_str_t model) {
  for (size_t i = conf->nparams; model.base != NULL && i-- > 0;) {
    const char* name = conf->params[i].name;
    if (strncmp(name, "model.", 6) == 0 && strlen(name + 6) == model.len &&
        memcmp(name + 6, model.base, model.len) == 0)
      return conf->params[i].value;
  }
  return NULL;
}


static const char* own_name(const uvllm__conf_t* conf, const char* model) {
  const char* other = other_name(conf, uvllm__str(model));
  return other != NULL ? other : model;
}


/* All that can be known at once. Fills in the model that will be asked for. */
static int check(uvllm_client_t* c, uvllm__provider_t* p, const uvllm_provider_ops_t* ops,
                 uvllm_request_t* r, uvllm__facts_t* f, char** model) {
  if (p->conf->wants_key && !uvllm__has_key(p))
    return uvllm__refuse(c, UVLLM_ENOKEY, "the provider needs a key and has none");
  int err = uvllm__facts(r, c->submit_parser, f);
  if (err != 0)
    return uvllm__refuse(c, err, "body_json is not a JSON object");
  if (r->target.model == NULL && f->model.base != NULL && p->conf->model == NULL) {
    *model = uvllm__strndup(&c->alloc, f->model);
    if (*model == NULL)
      return uvllm__refuse(c, UV_ENOMEM, "out of memory");
    r->target.model = own_name(p->conf, *model);
  }
  f->model.base = NULL; /* it lies in the parser */
  if (r->target.model == NULL)
    r->target.model = p->conf->model != NULL ? p->conf->model : p->conf->last_model;
  err = check_input(c, r);
  if (err == 0)
    err = check_headers(c, r);
  if (err == 0)
    err = ask_dialect(c, p->conf, ops, r);
  if (err == 0)
    err = check_price(c, p, r, f);
  return err;
}


/* ---- Queueing --------------------------------------------------------------------------- */

static void link_req(uvllm_client_t* c, uvllm_req_t* req) {
  req->next = c->reqs;
  if (req->next != NULL)
    req->next->prev = req;
  c->reqs = req;
  if (c->nlive++ == 0)
    uv_ref((uv_handle_t*) &c->check);
}


/* Published in the last lines, when nothing can fail any more. */
static int make_req(uvllm_client_t* c, uvllm__provider_t* p, const uvllm_request_t* r,
                    const uvllm__facts_t* facts, uvllm_req_t** out) {
  uvllm_req_t* req = uvllm__calloc(&c->alloc, 1, sizeof(*req));
  if (req == NULL)
    return UV_ENOMEM;
  req->client = c;
  req->facts = *facts;
  req->priority = r->priority;
  req->timing.submitted = uv_hrtime();
  req->key = (int64_t) req->timing.submitted - (int64_t) r->priority * UVLLM_QUEUE_AGEING_NS;
  uvllm__buf_init(&req->deferred, &c->alloc, SIZE_MAX);
  int err = uvllm__request_copy(r, &c->alloc, &req->request, &req->request_bytes);
  if (err == 0 && (req->row = uvllm__row_get(c, p->name, r->tag)) == NULL)
    err = UV_ENOMEM;
  if (err == 0)
    err = check_room(c, req->request_bytes);
  if (err == 0) {
    req->provider = p;
    p->refs++;
    err = uvllm_queue_push(c->timers, &req->timer_node, INT64_MAX);
  }
  if (err == 0)
    err = uvllm__req_enqueue(req);
  if (err != 0) {
    uvllm__req_free(req);
    return err;
  }
  req->id = ++c->next_id;
  link_req(c, req);
  *out = req;
  return 0;
}


/* The dialect may depend on the model, which body_json may be the only one to name. */
static int choose(uvllm_client_t* c, const uvllm__conf_t* conf, const uvllm_request_t* r,
                  const uvllm_provider_ops_t** ops) {
  const char* named = r->target.model != NULL ? r->target.model : conf->model;
  uvllm_str_t model = uvllm__str(named);
  uvllm_json_t root;
  if (named == NULL && conf->nparams != 0 && r->body_json.base != NULL) {
    const int err = uvllm_json_parse(c->submit_parser, r->body_json, &root, NULL);
    if (err == UV_ENOMEM)
      return err;
    model = uvllm_json_str(uvllm_json_get(root, "model"));
    const char* other = other_name(conf, model);
    model = other != NULL ? uvllm__str(other) : model;
  }
  *ops = uvllm__conf_ops(conf, r->op, model.base != NULL ? model : uvllm__str(conf->last_model));
  return *ops != NULL ? 0
                      : uvllm__refuse(c, UV_EINVAL, "the provider's parameters name no API "
                                                    "that there is");
}


/* body_json for a dialect that takes none. Its model counts where neither target nor
 * provider has one. */
static int expand(uvllm_client_t* c, const uvllm__conf_t* conf,
                  const uvllm_provider_ops_t* ops, uvllm_request_t* r,
                  uvllm__expansion_t* expansion) {
  if (uvllm__speaks_openai(ops) || r->body_json.base == NULL || r->op == UVLLM_MODELS ||
      (unsigned int) r->op >= UVLLM_RAW)
    return 0;
  if (r->target.model == NULL)
    r->target.model = conf->model;
  int err = uvllm__request_expand(expansion, r, &c->alloc);
  return err != 0 && expansion->why[0] != '\0' ? uvllm__refuse(c, err, expansion->why) : err;
}


int uvllm_submit(uvllm_client_t* c, const uvllm_request_t* request, uvllm_event_cb event_cb,
                 uvllm_done_cb done_cb, void* data, uvllm_req_t** out) {
  uvllm_request_t r;
  uvllm__facts_t facts;
  char* model = NULL;
  uvllm_req_t* req = NULL;
  assert(c != NULL && request != NULL && done_cb != NULL);
  c->last_error[0] = '\0';
  if (c->closing)
    return uvllm__refuse(c, UVLLM_ECLOSING, "the client is closing");
  if (request->size < sizeof(r)) { /* made for an older header */
    uvllm_request_init(&r);
    memcpy(&r, request, request->size);
  } else {
    r = *request;
  }
  r.size = sizeof(r);
  if (r.target.provider == NULL && uvllm__alias_resolve(c, &r.target) != 0)
    return uvllm__refuse(c, UVLLM_ENOPROVIDER, "the target names no provider, and no alias");
  uvllm__provider_t* p = uvllm__provider_find(c, r.target.provider);
  if (p == NULL)
    return uvllm__refuse(c, UVLLM_ENOPROVIDER, "no such provider");
  uvllm__expansion_t expansion = { .alloc = &c->alloc };
  const uvllm_provider_ops_t* ops;
  r.target.model = own_name(p->conf, r.target.model);
  const int is_named = r.target.model != NULL;
  int err = choose(c, p->conf, &r, &ops);
  if (err == 0)
    err = expand(c, p->conf, ops, &r, &expansion);
  if (!is_named && r.target.model != p->conf->model)
    r.target.model = own_name(p->conf, r.target.model); /* the body's */
  if (err == 0)
    err = check(c, p, ops, &r, &facts, &model);
  if (err == 0)
    err = make_req(c, p, &r, &facts, &req);
  uvllm__free(&c->alloc, model);
  uvllm__expansion_free(&expansion);
  if (err != 0)
    return c->last_error[0] != '\0' ? err : uvllm__refuse(c, err, uvllm_strerror(err));
  req->event_cb = event_cb;
  req->done_cb = done_cb;
  req->data = data;
  uvllm__req_arm(req);
  uvllm__schedule(c);
  if (out != NULL)
    *out = req;
  return 0;
}
