/* What a request will take, as far as can be told before it is sent. Pure. */
#ifndef UVLLM_SRC_FACTS_H
#define UVLLM_SRC_FACTS_H

#include "estimate.h"
#include "uvllm/json.h"
#include "uvllm/usage.h"

typedef struct uvllm__facts_s {
  uint64_t prompt_bytes; /* text that becomes tokens; an image or audio counts as 4 KiB */
  uint64_t max_tokens;   /* of one choice; 0: not said */
  uint32_t n;            /* choices, at least 1 */
  char tier[16];         /* "": not said */
  uvllm_str_t model;     /* of body_json: valid until the parser's next text */
} uvllm__facts_t;

/* Whether the provider neither bills the op nor counts its tokens. */
static inline int uvllm__op_is_free(uvllm_op op) {
  return op == UVLLM_MODELS || op == UVLLM_COUNT_TOKENS;
}

/* UV_EINVAL: body_json is no JSON object. */
int uvllm__facts(const uvllm_request_t* request, uvllm_json_parser_t* parser,
                 uvllm__facts_t* facts);

/* The two guesses about a request whose model is filled in. What the limiter
 * debits for it is what the provider will probably count; estimate NULL: nothing
 * was learnt yet. */
uvllm_cost_t uvllm__facts_debit(const uvllm__facts_t* facts, const uvllm_request_t* request,
                                uvllm__estimate_t* estimate);
/* What a budget holds for it is the most it may cost. UVLLM_EUNPRICED. */
int64_t uvllm__facts_worst(const uvllm__facts_t* facts, const uvllm_request_t* request,
                           const uvllm_prices_t* prices, const char* price_as);

#endif
