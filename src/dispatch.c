/* Who goes next: the head of each lane, as far as its limits, the budget and the
 * places in flight allow. A request that waits holds none of them.
 *
 * A lane whose head must wait is left alone until the limiter's time has come or
 * something ended: nothing is polled.
 */
#include "internal.h"


/* 0, or UVLLM_EUNPRICED. */
static int worst_cost(const uvllm_req_t* req, int64_t* worst) {
  const uvllm_client_t* c = req->client;
  *worst = uvllm__facts_worst(&req->facts, req->request, c->prices, req->provider->conf->price_as);
  if (*worst >= 0)
    return 0;
  *worst = 0;
  return c->options.budget_pusd > 0 && !c->options.allow_unpriced ? UVLLM_EUNPRICED : 0;
}


/* Money and limits, all or none. 0, UV_EAGAIN (p->wake_ns and p->waits are set),
 * or why it can never go. */
static int take(uvllm_req_t* req, uint64_t now) {
  uvllm_client_t* c = req->client;
  uvllm__provider_t* p = req->provider;
  uvllm_account_t account = { p->name, req->request->target.model,
                              p->key != NULL ? p->key->label : NULL, req->request->tag };
  int64_t worst;
  int err = worst_cost(req, &worst);
  if (err != 0)
    return err;
  err = uvllm_tracker_hold(c->tracker, &account, worst, &req->hold);
  if (err == UV_EAGAIN) {
    p->waits = UVLLM__WAITS_FOR_BUDGET;
    p->wake_ns = UVLLM__NEVER;
  }
  if (err == UVLLM_EBUDGET)
    uvllm__explain_budget(req, worst);
  if (err != 0)
    return err;
  req->debit = uvllm__facts_debit(&req->facts, req->request, c->estimate);
  err = uvllm_limiter_take(p->limiter, now, &req->debit, &p->wake_ns);
  if (err == 0)
    return 0;
  uvllm_tracker_release(c->tracker, &req->hold);
  if (err == UV_EAGAIN)
    p->waits = UVLLM__WAITS_FOR_LIMIT;
  else if (err == UVLLM_ELIMIT)
    uvllm__explain_limit(req, now);
  return err;
}


/* 1: the lane's head is gone (started, or ended); 0: nothing can go now. */
static int serve(uvllm_client_t* c, uvllm__provider_t* p, uint64_t now) {
  uvllm_fair_node_t* node = uvllm_fair_peek(p->lane);
  if (node == NULL)
    return 0;
  uvllm_req_t* req = uvllm__container(node, uvllm_req_t, lane_node);
  int err = p->conf->wants_key && p->key == NULL ? UVLLM_ENOKEY : take(req, now);
  if (err == UV_EAGAIN) {
    uvllm__wake_at(c, p->wake_ns);
    return 0;
  }
  if (err != 0) {
    uvllm__req_finish(req, err);
    return 1;
  }
  uvllm_fair_pop(p->lane);
  err = uvllm__attempt_start(req, now);
  if (err != 0)
    uvllm__req_finish(req, err);
  return 1;
}


static int is_ready(uvllm_client_t* c, uvllm__provider_t* p, uint64_t now) {
  if (uvllm_fair_size(p->lane) == 0) {
    p->waits = UVLLM__WAITS_NOT;
    return 0;
  }
  if (p->waits == UVLLM__WAITS_NOT)
    return 1;
  if (now < p->wake_ns) {
    uvllm__wake_at(c, p->wake_ns); /* the timer may have struck for something else */
    return 0;
  }
  p->waits = UVLLM__WAITS_NOT;
  return 1;
}


/* Round the providers, one request each, so that none waits for another. A
 * callback (ATTEMPT) may remove a provider: then it starts over next turn. */
int uvllm__dispatch(uvllm_client_t* c, uint64_t now) {
  int starts = 0, idle = 0;
  unsigned int n = 0;
  for (uvllm__provider_t* p = c->providers; p != NULL; p = p->next)
    n++;
  uvllm__provider_t* p = c->next_provider != NULL ? c->next_provider : c->providers;
  while (p != NULL && (unsigned int) idle < n && !c->closing) {
    if (c->ninflight >= c->options.max_inflight)
      break;
    if (starts >= UVLLM__STARTS_PER_TURN || (starts % 8 == 7 && uvllm__turn_is_over(c))) {
      c->next_provider = p;
      return 1;
    }
    p->refs++;
    int served = is_ready(c, p, now) && serve(c, p, now);
    uvllm__provider_t* next = p->removed ? c->providers : p->next;
    uvllm__provider_unref(c, p);
    starts += served;
    idle = served ? 0 : idle + 1;
    p = next != NULL ? next : c->providers;
  }
  c->next_provider = p;
  return 0;
}


/* Those that wait for a time are asked again too: what ended may have given
 * back more than it took. */
void uvllm__lanes_may_go(uvllm_client_t* c) {
  for (uvllm__provider_t* p = c->providers; p != NULL; p = p->next)
    p->wake_ns = 0;
  uvllm__schedule(c);
}
