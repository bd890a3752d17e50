/* The size of a prompt, the cap on its answer and its price tier: from the
 * request's fields, which win, or from its body. Media in base64 are not text:
 * each counts as a fixed number of bytes, whatever its size.
 *
 * And the two guesses that follow from them: what it will probably be counted
 * as, and what it may cost at worst.
 */
#include "facts.h"
#include "mem.h"

#define UNKNOWN_OUTPUT 32768 /* tokens, where neither request nor price list caps them */

enum { MEDIA_BYTES = 4096, MEDIA_AT_LEAST = 1024, MAX_DEPTH = 64 };


static int is_media(uvllm_str_t name, uvllm_str_t raw) {
  if (raw.len < MEDIA_AT_LEAST)
    return 0;
  return (raw.len > 6 && memcmp(raw.base, "\"data:", 6) == 0) || uvllm__str_eq(name, "data") ||
         uvllm__str_eq(name, "file_data");
}


/* All strings of a value; numbers too, since prompts may be token ids. */
static uint64_t text_bytes(uvllm_json_t v, uvllm_str_t name, int depth) {
  uint64_t sum = 0;
  uint32_t it = 0;
  uvllm_str_t member;
  uvllm_json_t child;
  uvllm_str_t raw;
  switch (uvllm_json_type_of(v)) {
    case UVLLM_JSON_STRING:
      raw = uvllm_json_raw(v);
      return is_media(name, raw) ? MEDIA_BYTES : raw.len - 2;
    case UVLLM_JSON_NUMBER:
      return 4;
    case UVLLM_JSON_ARRAY:
    case UVLLM_JSON_OBJECT:
      while (depth < MAX_DEPTH && uvllm_json_next(v, &it, &member, &child))
        sum += text_bytes(child, member, depth + 1);
      return sum;
    default:
      return 0;
  }
}


static uint64_t parsed_bytes(uvllm_json_parser_t* parser, uvllm_str_t json) {
  uvllm_json_t root;
  uvllm_str_t none = { NULL, 0 };
  if (json.base == NULL)
    return 0;
  if (uvllm_json_parse(parser, json, &root, NULL) != 0)
    return json.len; /* the dialect's check() will say what is wrong with it */
  return text_bytes(root, none, 0);
}


static void set_tier(uvllm__facts_t* f, uvllm_str_t tier) {
  if (tier.base == NULL || tier.len >= sizeof(f->tier))
    return;
  memcpy(f->tier, tier.base, tier.len);
  f->tier[tier.len] = '\0';
}


static int body_facts(uvllm_str_t body, uvllm_json_parser_t* parser, uvllm__facts_t* f) {
  static const char* const prompt[] = { "messages", "prompt", "input", "tools",
                                        "instructions", "response_format" };
  uvllm_json_t root;
  uvllm_str_t none = { NULL, 0 };
  int err = uvllm_json_parse(parser, body, &root, NULL);
  if (err != 0)
    return err == UVLLM_EPROTO ? UVLLM__EINVAL : err;
  if (uvllm_json_type_of(root) != UVLLM_JSON_OBJECT)
    return UVLLM__EINVAL;
  for (size_t i = 0; i < sizeof(prompt) / sizeof(prompt[0]); i++)
    f->prompt_bytes += text_bytes(uvllm_json_get(root, prompt[i]), none, 0);
  int64_t max = uvllm_json_int(uvllm_json_get(root, "max_completion_tokens"), 0);
  if (max <= 0)
    max = uvllm_json_int(uvllm_json_get(root, "max_tokens"), 0);
  int64_t n = uvllm_json_int(uvllm_json_get(root, "n"), 1);
  f->max_tokens = max > 0 ? (uint64_t) max : 0;
  f->n = n > 0 && n <= UINT32_MAX ? (uint32_t) n : 1;
  set_tier(f, uvllm_json_str(uvllm_json_get(root, "service_tier")));
  f->model = uvllm_json_str(uvllm_json_get(root, "model"));
  return 0;
}


int uvllm__facts(const uvllm_request_t* r, uvllm_json_parser_t* parser, uvllm__facts_t* f) {
  memset(f, 0, sizeof(*f));
  f->n = 1;
  for (size_t i = 0; i < r->nmessages; i++) {
    const uvllm_message_t* m = &r->messages[i];
    f->prompt_bytes += m->text.len + m->name.len + parsed_bytes(parser, m->parts_json) +
                       parsed_bytes(parser, m->tool_calls_json) +
                       parsed_bytes(parser, m->replay_json);
  }
  f->prompt_bytes += parsed_bytes(parser, r->tools_json) + parsed_bytes(parser, r->json_schema) +
                     r->raw_body.len;
  if (r->body_json.base != NULL) { /* last: the model's name stays in the parser */
    int err = body_facts(r->body_json, parser, f);
    if (err != 0)
      return err;
  }
  if (r->max_tokens != 0)
    f->max_tokens = r->max_tokens;
  if (r->n != 0)
    f->n = r->n;
  if (r->service_tier != NULL)
    set_tier(f, uvllm__str(r->service_tier));
  return 0;
}


uvllm_cost_t uvllm__facts_debit(const uvllm__facts_t* f, const uvllm_request_t* r,
                                uvllm__estimate_t* estimate) {
  uvllm_cost_t cost = { 0, 0, 0 };
  if (uvllm__op_is_free(r->op))
    return cost;
  if (r->op == UVLLM_RAW) {
    cost.input_tokens = f->prompt_bytes / 4;
    return cost;
  }
  cost = uvllm__estimate(estimate, r->target.model, f->prompt_bytes, f->max_tokens * f->n);
  if (r->op == UVLLM_EMBED)
    cost.output_tokens = 0;
  return cost;
}


static uint64_t most_output(const uvllm__facts_t* f, const uvllm_request_t* r,
                            const uvllm_prices_t* prices, const char* price_as) {
  uvllm_price_info_t info;
  uint64_t output = f->max_tokens;
  if (r->op == UVLLM_EMBED)
    return 0;
  if (output == 0 && uvllm_prices_find(prices, price_as, r->target.model, &info))
    output = info.max_output_tokens;
  return (output != 0 ? output : UNKNOWN_OUTPUT) * f->n;
}


/* Every byte a token, every message some more for its frame, and all of the
 * answer that is allowed. */
int64_t uvllm__facts_worst(const uvllm__facts_t* f, const uvllm_request_t* r,
                           const uvllm_prices_t* prices, const char* price_as) {
  if (uvllm__op_is_free(r->op))
    return 0;
  if (r->op == UVLLM_RAW)
    return UVLLM_EUNPRICED;
  uint64_t input = f->prompt_bytes + 16 + 8 * (uint64_t) r->nmessages +
                   (r->body_json.base != NULL ? r->body_json.len / 8 : 0);
  return uvllm_price_worst(prices, price_as, r->target.model, f->tier, input,
                           most_output(f, r, prices, price_as));
}
