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
                              cred->ring != NULL ? cred->ring->label->text : NULL, req->request->tag };
  const int err = uvllm_tracker_hold(req->client->tracker, &account, worst, &req->hold);
  if (err == UV_EAGAIN) {
    req->lane->waits = UVLLM__WAITS_FOR_BUDGET;
    req->lane->wake_ns = UVLLM__NEVER;
  }
  if (err == UVLLM_EBUDGET)
    uvllm__explain_budget(req, worst);
  return err;
}


/* With the first of the credentials whose limits allow it, on which the money is held. */
static int take_with_any(uvllm_req_t* req, const uvllm__candidate_t* list, unsigned int n,
                         int64_t worst, uint64_t now) {
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
  if (result == UV_EAGAIN) {
    req->lane->waits = UVLLM__WAITS_FOR_LIMIT;
    req->lane->wake_ns = first;
  }
  return result;
}


/* Money and limits, all or none. 0, UV_EAGAIN (its lane knows for what it waits, and
 * until when), or why it can never go. */
static int take(uvllm_req_t* req, uint64_t now) {
  uvllm__candidate_t list[UVLLM__MAX_KEYS];
  unsigned int n;
  int64_t worst;
  int err = uvllm__credentials_for(req, now, list, &n, &req->lane->wake_ns);
  if (err == UV_EAGAIN)
    req->lane->waits = UVLLM__WAITS_FOR_PROVIDER;
  else if (err != 0)
    uvllm__explain_keys(req);
  if (err != 0)
    return err;
  err = worst_cost(req, &worst);
  if (err != 0)
    return err;
  req->debit = uvllm__facts_debit(&req->facts, req->request, req->client->estimate);
  err = take_with_any(req, list, n, worst, now);
  if (err == UVLLM_ELIMIT)
    uvllm__explain_limit(req, list[0].credential->limiter, now);
  return err;
}


static void start(uvllm_req_t* req, uint64_t now) {
  uvllm_fair_pop(req->lane->fair);
  req->lane = NULL;
  const int err = uvllm__attempt_start(req, now);
  if (err != 0)
    uvllm__req_finish(req, err);
}


/* 1: the lane's head is gone (started, ended, or out of the others' way); 0: nothing
 * can go now. */
static int serve_lane(uvllm_client_t* c, uvllm__provider_t* p, uvllm__lane_t* lane,
                      uint64_t now) {
  uvllm_fair_node_t* node = uvllm_fair_peek(lane->fair);
  if (node == NULL)
    return 0;
  uvllm_req_t* req = uvllm__container(node, uvllm_req_t, lane_node);
  int err = p->conf->wants_key && !uvllm__has_key(p) ? UVLLM_ENOKEY : take(req, now);
  if (err == 0) {
    start(req, now);
    return 1;
  }
  if (err == UV_EAGAIN && lane->waits == UVLLM__WAITS_FOR_PROVIDER && lane == p->lanes) {
    lane->waits = UVLLM__WAITS_NOT;
    err = uvllm__lane_set_aside(req);
    if (err == 0)
      return 1;
  }
  if (err == UV_EAGAIN) {
    uvllm__wake_at(c, lane->wake_ns);
    return 0;
  }
  uvllm__req_finish(req, err);
  return 1;
}


static int is_ready(uvllm_client_t* c, uvllm__lane_t* lane, uint64_t now) {
  if (uvllm_fair_size(lane->fair) == 0) {
    lane->waits = UVLLM__WAITS_NOT;
    return 0;
  }
  if (lane->waits == UVLLM__WAITS_NOT)
    return 1;
  if (now < lane->wake_ns) {
    uvllm__wake_at(c, lane->wake_ns); /* the timer may have struck for something else */
    return 0;
  }
  lane->waits = UVLLM__WAITS_NOT;
  return 1;
}


/* The lanes of a provider take turns. */
static int serve(uvllm_client_t* c, uvllm__provider_t* p, uint64_t now) {
  unsigned int n = 0;
  if (p->lanes->next == NULL)
    return is_ready(c, p->lanes, now) && serve_lane(c, p, p->lanes, now);
  uvllm__lanes_tidy(c, p);
  for (const uvllm__lane_t* lane = p->lanes; lane != NULL; lane = lane->next)
    n++;
  for (unsigned int i = 0; i < n; i++) {
    uvllm__lane_t* lane = p->lanes;
    for (unsigned int skip = (p->turn + i) % n; skip > 0; skip--)
      lane = lane->next;
    if (is_ready(c, lane, now) && serve_lane(c, p, lane, now)) {
      p->turn++;
      return 1;
    }
  }
  return 0;
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
    int served = serve(c, p, now);
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
    for (uvllm__lane_t* lane = p->lanes; lane != NULL; lane = lane->next)
      lane->wake_ns = 0;
  uvllm__schedule(c);
}
