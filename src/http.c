/* Which engine carries an exchange, and names on the way to it. */
#include "http_engine.h"

#include <stdio.h>


enum { STARTS_PER_TURN = 64 }; /* of those that waited for a name together */


int uvllm__transport_new(uvllm__transport_t** out, const uvllm__transport_host_t* host) {
  uvllm__transport_t* t = uvllm__calloc(host->alloc, 1, sizeof(*t));
  if (t == NULL)
    return UV_ENOMEM;
  t->host = *host;
  int err = uvllm__dns_new(&t->dns, host->loop, host->alloc, host->schedule, host->ctx);
  if (err != 0) {
    uvllm__free(host->alloc, t);
    return err;
  }
  *out = t;
  return 0;
}


static void free_transport(uvllm__transport_t* t) {
  void (*closed)(void*) = t->closed;
  void* ctx = t->closed_ctx;
  if (t->curl != NULL)
    t->curl->ops->destroy(t->curl);
  if (t->plain != NULL)
    t->plain->ops->destroy(t->plain);
  uvllm__free(t->host.alloc, t);
  closed(ctx);
}


void uvllm__transport_handle_closed(uvllm__transport_t* t) {
  if (--t->nclosing == 0 && t->closing)
    free_transport(t);
}


static void on_dns_closed(void* ctx) {
  uvllm__transport_handle_closed(ctx);
}


void uvllm__transport_close(uvllm__transport_t* t, void (*closed)(void* ctx), void* ctx) {
  t->closed = closed;
  t->closed_ctx = ctx;
  t->nclosing += 2; /* the resolver, and this call */
  t->closing = 1;
  if (t->curl != NULL)
    t->curl->ops->close(t->curl);
  if (t->plain != NULL)
    t->plain->ops->close(t->plain);
  uvllm__dns_close(t->dns, on_dns_closed, t);
  uvllm__transport_handle_closed(t);
}


static int find_engine(uvllm__transport_t* t, const uvllm__origin_t* origin,
                       uvllm__engine_t** engine) {
  uvllm__engine_t** slot = origin->plain ? &t->plain : &t->curl;
  if (*slot == NULL) {
    int err = (origin->plain ? uvllm__plain_engine : uvllm__curl_engine).create(t, slot);
    if (err != 0)
      return err;
  }
  *engine = *slot;
  return 0;
}


int uvllm__exchange_start_anew(uvllm__exchange_t* x, uint64_t now) {
  uvllm__dns_name_t* name = NULL;
  if (x->origin->needs_dns) {
    int err = uvllm__dns_lookup(x->transport->dns, x->origin, x, &name);
    if (err == UV_EAGAIN)
      return 0;
    if (err != 0)
      return err;
  }
  return x->engine->ops->start(x->engine, x, name, now);
}


int uvllm__exchange_start(uvllm__transport_t* t, uvllm__exchange_t* x, uint64_t now) {
  x->transport = t;
  x->handle = NULL;
  x->name = NULL;
  x->err = 0;
  x->in_body = x->want_pause = x->is_paused = 0;
  memset(&x->head, 0, sizeof(x->head));
  int err = find_engine(t, x->origin, &x->engine);
  if (err != 0)
    return err;
  const uvllm__engine_ops_t* ops = x->engine->ops;
  if (!x->fresh && ops->reuse != NULL && ops->reuse(x->engine, x, now))
    return 0;
  return uvllm__exchange_start_anew(x, now);
}


int uvllm__exchange_head_end(uvllm__exchange_t* x) {
  int err = uvllm__head_end(&x->head);
  if (err != 0 || x->head.status == 0)
    return err;
  x->in_body = 1;
  x->cbs->status(x, x->head.status);
  return 0;
}


static void on_name(uvllm__exchange_t* x, uvllm__dns_name_t* name, int err) {
  char message[256];
  if (err == 0)
    err = x->engine->ops->start(x->engine, x, name, uv_hrtime());
  if (err == 0)
    return;
  snprintf(message, sizeof(message), "%s: %s", name->host, uv_strerror(err));
  x->cbs->end(x, err, message);
}


void uvllm__exchange_cancel(uvllm__exchange_t* x) {
  uvllm__dns_forget_waiter(x);
  if (x->handle != NULL)
    x->engine->ops->cancel(x);
}


void uvllm__exchange_pause(uvllm__exchange_t* x) {
  x->want_pause = 1;
  if (x->handle != NULL)
    x->engine->ops->pause(x);
}


void uvllm__exchange_resume(uvllm__exchange_t* x) {
  x->want_pause = 0;
  if (x->handle != NULL)
    x->engine->ops->resume(x);
}


void uvllm__transport_tell_ends(uvllm__transport_t* t) {
  if (t->curl != NULL)
    t->curl->ops->drain(t->curl);
  if (t->plain != NULL)
    t->plain->ops->drain(t->plain);
}


void uvllm__transport_drain(uvllm__transport_t* t) {
  uvllm__transport_tell_ends(t);
  uvllm__dns_tell(t->dns, STARTS_PER_TURN, on_name);
}


void uvllm__transport_catch_up(uvllm__transport_t* t) {
  if (t->late.first != NULL)
    uvllm__watch_catch_up(t);
}
