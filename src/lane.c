/* Where requests wait for a provider: fair between tags, in order of their keys.
 *
 * Invariants: a queued request is in exactly one lane. The first lane is always there;
 * one of a model only while somebody waits in it.
 */
#include "internal.h"


static uvllm__lane_t* make_lane(uvllm_client_t* c, const char* model) {
  const size_t size = strlen(model) + 1;
  uvllm__lane_t* lane = uvllm__calloc(&c->alloc, 1, sizeof(*lane) + size);
  if (lane == NULL)
    return NULL;
  memcpy(lane->model, model, size);
  if (uvllm_fair_new(&lane->fair, 0, &c->alloc) == 0)
    return lane;
  uvllm__free(&c->alloc, lane);
  return NULL;
}


static void free_lane(uvllm_client_t* c, uvllm__lane_t* lane) {
  uvllm_fair_free(lane->fair);
  uvllm__free(&c->alloc, lane);
}


int uvllm__lanes_init(uvllm_client_t* c, uvllm__provider_t* p) {
  p->lanes = make_lane(c, "");
  return p->lanes != NULL ? 0 : UV_ENOMEM;
}


void uvllm__lanes_free(uvllm_client_t* c, uvllm__provider_t* p) {
  while (p->lanes != NULL) {
    uvllm__lane_t* lane = p->lanes;
    p->lanes = lane->next;
    free_lane(c, lane);
  }
}


void uvllm__lanes_tidy(uvllm_client_t* c, uvllm__provider_t* p) {
  uvllm__lane_t** slot = &p->lanes->next;
  while (*slot != NULL) {
    uvllm__lane_t* lane = *slot;
    if (uvllm_fair_size(lane->fair) != 0) {
      slot = &lane->next;
      continue;
    }
    *slot = lane->next;
    free_lane(c, lane);
  }
}


static uvllm__lane_t* lane_of(const uvllm__provider_t* p, const char* model) {
  uvllm__lane_t* lane = p->lanes->next;
  while (lane != NULL && strcmp(lane->model, model) != 0)
    lane = lane->next;
  return lane;
}


/* A lane waits for what its head needs: another head is asked for its own. */
static void if_head_ask_again(const uvllm_req_t* req) {
  if (uvllm_fair_peek(req->lane->fair) == &req->lane_node)
    req->lane->wake_ns = 0;
}


static int enter(uvllm_req_t* req, uvllm__lane_t* lane) {
  const uint64_t cost = req->facts.prompt_bytes / 4 + req->facts.max_tokens * req->facts.n;
  int err = uvllm_fair_push(lane->fair, &req->lane_node, req->request->tag, req->key, cost);
  if (err != 0)
    return err;
  req->lane = lane;
  if_head_ask_again(req);
  return 0;
}


int uvllm__lane_enter(uvllm_req_t* req) {
  uvllm__lane_t* lane = lane_of(req->provider, uvllm__req_model(req));
  return enter(req, lane != NULL ? lane : req->provider->lanes);
}


void uvllm__lane_leave(uvllm_req_t* req) {
  if (req->lane == NULL)
    return; /* there was no memory for it in another one */
  if_head_ask_again(req);
  uvllm_fair_remove(req->lane->fair, &req->lane_node);
  req->lane = NULL;
}


void uvllm__lane_change(uvllm_req_t* req) {
  if_head_ask_again(req);
  uvllm_fair_change(req->lane->fair, &req->lane_node, req->key);
  if_head_ask_again(req);
}


int uvllm__lane_set_aside(uvllm_req_t* req) {
  uvllm__provider_t* p = req->provider;
  uvllm__lane_t* lane = lane_of(p, uvllm__req_model(req));
  if (lane == NULL) {
    lane = make_lane(req->client, uvllm__req_model(req));
    if (lane == NULL)
      return UV_ENOMEM;
    lane->next = p->lanes->next;
    p->lanes->next = lane;
  }
  uvllm__lane_leave(req);
  return enter(req, lane);
}
