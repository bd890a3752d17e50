/* Who goes next: the head of each lane, as far as its limits, the budget and the
 * places in flight allow. A request that waits holds none of them.
 *
 * A lane whose head must wait is left alone until the limiter's time has come or
 * something ended: nothing is polled.
 */
#include "internal.h"

#define UNKNOWN_OUTPUT 32768 /* tokens, where neither request nor price list caps them */


static void estimate_cost(uvllm_req_t* req, uvllm_cost_t* cost) {
  const uvllm__facts_t* f = &req->facts;
  const uvllm_request_t* r = req->request;
  memset(cost, 0, sizeof(*cost));
  if (r->op == UVLLM_MODELS)
    return;
  if (r->op == UVLLM_RAW) {
    cost->input_tokens = f->prompt_bytes / 4;
    return;
  }
  *cost = uvllm__estimate(req->client->estimate, r->target.model, f->prompt_bytes,
                          f->max_tokens * f->n);
  if (r->op == UVLLM_EMBED)
    cost->output_tokens = 0;
}


/* Every byte a token, every message some more for its frame, and all of the
 * answer that is allowed. */
static int worst_cost(uvllm_req_t* req, int64_t* worst) {
  uvllm_client_t* c = req->client;
  const uvllm_request_t* r = req->request;
  const char* price_as = req->provider->conf->price_as;
  uvllm_price_info_t info;
  *worst = 0;
  if (r->op == UVLLM_MODELS)
    return 0;
  if (r->op != UVLLM_RAW) {
    uint64_t input = req->facts.prompt_bytes + 16 + 8 * (uint64_t) r->nmessages +
                     (r->body_json.base != NULL ? r->body_json.len / 8 : 0);
    uint64_t output = req->facts.max_tokens;
    if (output == 0 && uvllm_prices_find(c->prices, price_as, r->target.model, &info))
      output = info.max_output_tokens;
    if (output == 0)
      output = UNKNOWN_OUTPUT;
    output = r->op == UVLLM_EMBED ? 0 : output * req->facts.n;
    *worst = uvllm_price_worst(c->prices, price_as, r->target.model, req->facts.tier, input, output);
  } else {
    *worst = UVLLM_EUNPRICED;
  }
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
  if (err != 0)
    return err;
  estimate_cost(req, &req->debit);
  err = uvllm_limiter_take(p->limiter, now, &req->debit, &p->wake_ns);
  if (err == 0)
    return 0;
  uvllm_tracker_release(c->tracker, &req->hold);
  if (err == UV_EAGAIN)
    p->waits = UVLLM__WAITS_FOR_LIMIT;
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
    if (starts >= UVLLM__STARTS_PER_TURN || (starts > 0 && uvllm__turn_is_over(c))) {
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
