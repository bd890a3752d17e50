/* Why a request can never go, in words: what it needs, and what is admitted. */
#include "internal.h"

#include <stdio.h>

enum { DOLLARS = 32 };


/* The words and code of an attempt before are not about this. */
static void set_message(uvllm_req_t* req, const char* text) {
  uvllm__free(&req->client->alloc, req->code);
  req->code = NULL;
  uvllm__req_set_text(req, &req->message, uvllm__str(text), UVLLM__MAX_MESSAGE);
}


/* With two to six places: "$0.00472". */
static const char* dollars(int64_t micro, char text[DOLLARS]) {
  int n = snprintf(text, DOLLARS, "$%lld.%06lld", (long long) (micro / 1000000),
                   (long long) (micro % 1000000));
  for (int places = 6; places > 2 && text[n - 1] == '0'; places--)
    text[--n] = '\0';
  return text;
}


/* Rounded so that what is needed never looks like what is left. */
void uvllm__explain_budget(uvllm_req_t* req, int64_t worst_pusd) {
  const uvllm_client_t* c = req->client;
  int64_t budget = uvllm_tracker_budget(c->tracker);
  char text[160], needed[DOLLARS], left[DOLLARS], all[DOLLARS];
  uvllm_totals_t totals;
  uvllm_tracker_sum(c->tracker, NULL, &totals);
  int64_t rest = budget > totals.usage.cost_pusd ? budget - totals.usage.cost_pusd : 0;
  snprintf(text, sizeof(text), "it may cost %s, and %s of the budget of %s is left",
           dollars(worst_pusd / 1000000 + (worst_pusd % 1000000 != 0), needed),
           dollars(rest / 1000000, left), dollars(budget / 1000000, all));
  set_message(req, text);
}


/* What the provider itself said of this request is better. */
void uvllm__explain_keys(uvllm_req_t* req) {
  if (req->attempts == 0)
    set_message(req, "no key of the provider is in use any more: each was refused, may not use "
                     "the model, or has spent its quota");
}


void uvllm__explain_limit(uvllm_req_t* req, uvllm_limiter_t* limiter, uint64_t now) {
  const uvllm_cost_t* d = &req->debit;
  const struct {
    uvllm_limit_kind kind;
    uint64_t needed;
    const char* name;
  } dims[] = { { UVLLM_TOKENS_PER_MIN, d->input_tokens + d->output_tokens, "tokens a minute" },
               { UVLLM_INPUT_PER_MIN, d->input_tokens, "input tokens a minute" },
               { UVLLM_OUTPUT_PER_MIN, d->output_tokens, "output tokens a minute" },
               { UVLLM_TOKENS_PER_DAY, d->input_tokens + d->output_tokens, "tokens a day" } };
  uvllm_limiter_state_t state;
  char text[160];
  uvllm_limiter_state(limiter, now, &state);
  for (size_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++) {
    uint64_t limit = state.limit[dims[i].kind];
    if (limit == 0 || dims[i].needed <= limit)
      continue;
    snprintf(text, sizeof(text), "it counts as %llu, and the limit is %llu %s",
             (unsigned long long) dims[i].needed, (unsigned long long) limit, dims[i].name);
    set_message(req, text);
    return;
  }
}
