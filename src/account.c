/* Squaring an attempt: what it took from the limits and what it costs.
 *
 * Where the provider did not say what it billed, it is estimated and marked so:
 * nothing for what never reached it or was refused, the prompt for what was
 * sent, and what had come of an answer that broke off.
 */
#include "internal.h"


static int was_refused(const uvllm__attempt_t* att) {
  return att->http_status >= 300;
}


static void estimate_usage(uvllm_req_t* req, uvllm_usage_t* usage) {
  const uvllm__attempt_t* att = req->attempt;
  memset(usage, 0, sizeof(*usage));
  if (uvllm__op_is_free(req->request->op) || att->sends == 0 || was_refused(att))
    return;
  usage->input_tokens = req->debit.input_tokens;
  usage->output_tokens = (att->content_bytes + 3) / 4;
  usage->flags = UVLLM_USAGE_ESTIMATED;
}


/* No prompt is without tokens: an Ollama that had all of it in its cache leaves their
 * count out. */
static void estimate_prompt(const uvllm_req_t* req, uvllm_usage_t* usage) {
  if (usage->input_tokens != 0 || usage->output_tokens == 0)
    return;
  usage->input_tokens = req->debit.input_tokens;
  usage->flags |= UVLLM_USAGE_ESTIMATED;
}


static int is_free(const uvllm_req_t* req, const uvllm_usage_t* usage) {
  return uvllm__op_is_free(req->request->op) ||
         (usage->input_tokens == 0 && usage->output_tokens == 0);
}


static void settle_money(uvllm_req_t* req, uvllm_usage_t* usage) {
  uvllm_client_t* c = req->client;
  uvllm__attempt_t* att = req->attempt;
  if (is_free(req, usage)) {
    uvllm_tracker_release(c->tracker, &req->hold);
    if (req->request->op == UVLLM_COUNT_TOKENS) /* an answer, not a consumption */
      req->usage = *usage;
    return;
  }
  uvllm_price(c->prices, att->conf->price_as, req->request->target.model, req->facts.tier, usage);
  if ((usage->flags & UVLLM_USAGE_ESTIMATED) && usage->cost_pusd > req->hold.pusd)
    usage->cost_pusd = req->hold.pusd; /* a guess must not pass what was set aside */
  if (uvllm_tracker_settle(c->tracker, &req->hold, usage))
    uvllm__log(c, UVLLM_LOG_WARN, "request %llu: %s billed more than the worst case",
               (unsigned long long) req->id, req->provider->name);
  uvllm_usage_add(&req->usage, usage);
}


/* What the provider counts. One that charges max_tokens when a request comes
 * gives nothing back for a shorter answer (OpenAI's rate-limit guide), and so do
 * failed requests count: only our own guesses are corrected downwards. */
static uvllm_cost_t counted(const uvllm_req_t* req, const uvllm_usage_t* usage) {
  uvllm_cost_t actual = { usage->input_tokens, usage->output_tokens, 0 };
  if (was_refused(req->attempt) || uvllm__op_is_free(req->request->op))
    return req->debit;
  if (req->facts.max_tokens != 0 && actual.output_tokens < req->debit.output_tokens)
    actual.output_tokens = req->debit.output_tokens;
  return actual;
}


static void settle_limits(uvllm_req_t* req, int status, const uvllm_usage_t* usage) {
  uvllm_client_t* c = req->client;
  uvllm__provider_t* p = req->provider;
  uint64_t now = req->client->now_ns;
  uvllm_cost_t actual = counted(req, usage);
  if (req->attempt->sends == 0) {
    uvllm__credential_settle(req, status, now, NULL);
    return;
  }
  uvllm__credential_settle(req, status, now, &actual);
  if (status == 0 && !uvllm__op_is_free(req->request->op) && usage->input_tokens != 0 &&
      !(usage->flags & UVLLM_USAGE_ESTIMATED))
    uvllm__estimate_learn(c->estimate, req->request->target.model, req->facts.prompt_bytes,
                          usage->input_tokens, usage->output_tokens);
  int64_t pushed = (int64_t) req->lane_node.cost;
  uvllm_fair_correct(p->lanes->fair, req->request->tag,
                     (int64_t) (actual.input_tokens + actual.output_tokens) - pushed);
}


void uvllm__settle_attempt(uvllm_req_t* req, int status) {
  uvllm__attempt_t* att = req->attempt;
  uvllm_usage_t usage = att->usage;
  if (att->settled)
    return;
  att->settled = 1;
  if (!att->has_usage)
    estimate_usage(req, &usage);
  else
    estimate_prompt(req, &usage);
  settle_limits(req, status, &usage);
  settle_money(req, &usage);
  if (att->http_status == 429) {
    req->answers_429++;
    req->row->answers_429++;
  }
  uvllm__lanes_may_go(req->client);
}
