/* What a run would take, line by line: the same guesses that admission makes,
 * so that a limit and a budget can be chosen by them.
 */
#include "batch_internal.h"
#include "facts.h"


int uvllm__dry_run_configure(uvllm_batch_t* b) {
  uvllm_json_t map;
  int err = uvllm_prices_new(&b->prices, &b->alloc);
  if (err == 0 && b->settings.prices_json != NULL) {
    err = uvllm_json_parse(b->line_parser, uvllm__str(b->settings.prices_json), &map, NULL);
    if (err == 0)
      err = uvllm_prices_read(b->prices, map);
  }
  if (err == UVLLM__ENOMEM)
    uvllm__batch_fail(b, err, "no memory");
  else if (err != 0)
    uvllm__batch_fail(b, UV_EINVAL, "the price file is not in LiteLLM's format");
  return b->status;
}


static void add(uvllm_batch_t* b, const uvllm_request_t* r, const uvllm__facts_t* f) {
  const uvllm__settings_t* s = &b->settings;
  const char* price_as = s->price_as != NULL ? s->price_as : s->provider;
  uvllm_cost_t debit = uvllm__facts_debit(f, r, NULL);
  int64_t worst = uvllm__facts_worst(f, r, b->prices, price_as);
  uvllm_usage_t u;
  memset(&u, 0, sizeof(u));
  u.input_tokens = debit.input_tokens;
  u.output_tokens = debit.output_tokens;
  uvllm_price(b->prices, price_as, r->target.model, f->tier, &u);
  b->progress.likely_pusd += u.cost_pusd;
  b->progress.unpriced += worst < 0;
  u.cost_pusd = worst < 0 ? 0 : worst;
  uvllm_usage_add(&b->progress.estimate, &u);
  b->progress.unbounded += r->op != UVLLM_EMBED && f->max_tokens == 0;
  b->progress.requests++;
}


void uvllm__dry_run_line(uvllm_batch_t* b) {
  uvllm_request_t r;
  uvllm_message_t message;
  uvllm__facts_t facts;
  uvllm__batch_request(b, &r, &message);
  int err = uvllm__facts(&r, b->answer_parser, &facts);
  if (err != 0)
    uvllm__batch_fail(b, err, "no memory for line %llu of the input",
                      (unsigned long long) b->number);
  else
    add(b, &r, &facts);
}
