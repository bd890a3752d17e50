/* Attempts are mostly buffers, so they are pooled: an attempt is made ready for a
 * request here, and taken back with what it holds of it let go.
 *
 * Invariant: what is in the pool holds no reference, no secret and little memory.
 */
#include "internal.h"

enum {
  POOL = 256,           /* attempts kept for later, each with so much at most: */
  KEEP_BYTES = 16 * 1024
};


static void free_attempt(uvllm_client_t* c, uvllm__attempt_t* att) {
  uvllm__http_free(&att->http);
  uvllm__frames_free(&att->frames);
  uvllm__collect_free(att->collect);
  uvllm__buf_wipe(&att->held);
  uvllm__buf_wipe(&att->body);
  uvllm__free(&c->alloc, att->end_message);
  uvllm__free(&c->alloc, att->state);
  uvllm__free(&c->alloc, att);
}


void uvllm__attempts_free(uvllm_client_t* c) {
  while (c->attempts != NULL) {
    uvllm__attempt_t* att = c->attempts;
    c->attempts = att->next;
    free_attempt(c, att);
  }
}


static uvllm__attempt_t* new_attempt(uvllm_client_t* c) {
  uvllm__attempt_t* att = uvllm__calloc(&c->alloc, 1, sizeof(*att));
  if (att == NULL)
    return NULL;
  uvllm__http_init(&att->http, &c->alloc);
  uvllm__frames_init(&att->frames, &c->alloc);
  uvllm__buf_init(&att->held, &c->alloc, SIZE_MAX);
  uvllm__buf_init(&att->body, &c->alloc, c->options.max_body_bytes);
  return att;
}


static int keeps_content(const uvllm_req_t* req, const uvllm_provider_ops_t* ops) {
  unsigned int flags = req->request->flags;
  if (!(flags & UVLLM_NO_COLLECT))
    return 1;
  return (flags & UVLLM_BODY) && ((flags & UVLLM_STREAM) || !uvllm__speaks_openai(ops));
}


static int prepare_state(uvllm_client_t* c, uvllm__attempt_t* att, size_t size) {
  if (att->state_cap < size) {
    void* state = uvllm__realloc(&c->alloc, att->state, size);
    if (state == NULL)
      return UV_ENOMEM;
    att->state = state;
    att->state_cap = size;
  }
  if (size != 0)
    memset(att->state, 0, size);
  return 0;
}


static int prepare_collect(uvllm__attempt_t* att) {
  uvllm_client_t* c = att->req->client;
  int keep = keeps_content(att->req, att->ops);
  if (att->collect != NULL && uvllm__collect_keeps(att->collect) == keep)
    return 0;
  uvllm__collect_free(att->collect);
  att->collect = NULL;
  return uvllm__collect_new(&att->collect, &c->alloc, c->options.max_body_bytes, keep);
}


static void reset_attempt(uvllm__attempt_t* att) {
  att->begun = att->running = att->answering = att->complete = att->failed = att->ended = 0;
  att->settled = att->next_exchange = att->concluded = att->has_usage = att->has_retry_after = 0;
  att->http_status = 0;
  att->sends = 0;
  att->exchange = 0;
  att->content_bytes = 0;
  att->should_retry = -1;
  att->end_err = 0;
  memset(&att->usage, 0, sizeof(att->usage));
}


int uvllm__attempt_get(uvllm_req_t* req) {
  uvllm_client_t* c = req->client;
  uvllm__attempt_t* att = c->attempts;
  if (att != NULL) {
    c->attempts = att->next;
    c->npooled--;
  } else if ((att = new_attempt(c)) == NULL) {
    return UV_ENOMEM;
  }
  reset_attempt(att);
  att->req = req;
  att->emit.ops = &uvllm__deliver_ops;
  att->emit.parser = c->frame_parser;
  att->emit.alloc = &c->alloc;
  att->conf = uvllm__conf_ref(req->provider->conf);
  att->emit.params = att->conf->params;
  att->emit.nparams = att->conf->nparams;
  att->key = uvllm__keyring_ref(req->credential->ring);
  req->attempt = att;
  att->ops = uvllm__conf_ops(att->conf, req->request->op,
                             uvllm__str(req->request->target.model));
  if (att->ops == NULL) /* the provider was exchanged meanwhile */
    return UVLLM_EUNSUPPORTED;
  int err = prepare_state(c, att, att->ops->state_size);
  return err != 0 ? err : prepare_collect(att);
}


void uvllm__attempt_release(uvllm_req_t* req) {
  uvllm_client_t* c = req->client;
  uvllm__attempt_t* att = req->attempt;
  if (att == NULL)
    return;
  req->attempt = NULL;
  if (att->begun && att->ops->fini != NULL)
    att->ops->fini(att->state);
  uvllm__conf_unref(c, att->conf);
  uvllm__keyring_unref(c, att->key);
  uvllm__http_reset(&att->http);
  if (att->content_bytes <= KEEP_BYTES && att->collect != NULL && att->failed == 0) {
    uvllm__collect_clear(att->collect);
  } else {
    uvllm__collect_free(att->collect);
    att->collect = NULL;
  }
  uvllm__buf_recycle(&att->held, KEEP_BYTES);
  uvllm__buf_recycle(&att->body, KEEP_BYTES);
  uvllm__free(&c->alloc, att->end_message);
  att->end_message = NULL;
  if (c->npooled >= POOL) {
    free_attempt(c, att);
    return;
  }
  att->next = c->attempts;
  c->attempts = att;
  c->npooled++;
}
