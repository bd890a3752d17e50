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


static int hold(uvllm_req_t* req, const uvllm__credential_t* cred, int64_t worst) {
  uvllm__provider_t* p = req->provider;
  uvllm_account_t account = { p->name, req->request->target.model,
                              cred->ring != NULL ? cred->ring->label : NULL, req->request->tag };
  const int err = uvllm_tracker_hold(req->client->tracker, &account, worst, &req->hold);
  if (err == UV_EAGAIN) {
    p->waits = UVLLM__WAITS_FOR_BUDGET;
    p->wake_ns = UVLLM__NEVER;
  }
  if (err == UVLLM_EBUDGET)
    uvllm__explain_budget(req, worst);
  return err;
}


/* With the first of the credentials whose limits allow it, on which the money is held. */
static int take_with_any(uvllm_req_t* req, const uvllm__candidate_t* list, unsigned int n,
                         int64_t worst, uint64_t now) {
  uvllm__provider_t* p = req->provider;
  uint64_t when = 0, first = UVLLM__NEVER;
  int result = UVLLM_ELIMIT;
  for (unsigned int i = 0; i < n; i++) {
    int err = hold(req, list[i].credential, worst);
    if (err != 0)
      return err;
    err = uvllm__credential_take(req, list[i].credential, now, &when);
    if (err == 0)
      return 0;
    uvllm_tracker_release(req->client->tracker, &req->hold);
    if (err != UV_EAGAIN)
      continue; /* another may have a higher limit */
    result = UV_EAGAIN;
    first = when < first ? when : first;
  }
  p->waits = UVLLM__WAITS_FOR_LIMIT;
  p->wake_ns = first;
  return result;
}


/* Money and limits, all or none. 0, UV_EAGAIN (p->wake_ns and p->waits are set),
 * or why it can never go. */
static int take(uvllm_req_t* req, uint64_t now) {
  uvllm__candidate_t list[UVLLM__MAX_KEYS];
  unsigned int n;
  int64_t worst;
  int err = uvllm__credentials_for(req, now, list, &n);
  if (err != 0) {
    uvllm__explain_keys(req);
    return err;
  }
  err = worst_cost(req, &worst);
  if (err != 0)
    return err;
  req->debit = uvllm__facts_debit(&req->facts, req->request, req->client->estimate);
  err = take_with_any(req, list, n, worst, now);
  if (err == UVLLM_ELIMIT) {
    req->provider->waits = UVLLM__WAITS_NOT;
    uvllm__explain_limit(req, list[0].credential->limiter, now);
  }
  return err;
}


/* 1: the lane's head is gone (started, or ended); 0: nothing can go now. */
static int serve(uvllm_client_t* c, uvllm__provider_t* p, uint64_t now) {
  uvllm_fair_node_t* node = uvllm_fair_peek(p->lane);
  if (node == NULL)
    return 0;
  uvllm_req_t* req = uvllm__container(node, uvllm_req_t, lane_node);
  int err = p->conf->wants_key && !uvllm__has_key(p) ? UVLLM_ENOKEY : take(req, now);
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
