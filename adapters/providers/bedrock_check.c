/* What a request may say in the Bedrock dialect. */
#include "bedrock.h"

#include <stdio.h>

enum {
  MESSAGES = UVLLM__CAN_MESSAGES | UVLLM__CAN_EXTRA | UVLLM__CAN_TOOLS | UVLLM__CAN_TOOL_CHOICE,
  CHAT = MESSAGES | UVLLM__CAN_MAX_TOKENS | UVLLM__CAN_TEMPERATURE | UVLLM__CAN_TOP_P |
         UVLLM__CAN_STOP | UVLLM__CAN_REASONING_EFFORT | UVLLM__CAN_SERVICE_TIER |
         UVLLM__CAN_SCHEMA
};

static const uvllm__rules_t kRules = {
  .dialect = "bedrock",
  .ops = 1 << UVLLM_CHAT | 1 << UVLLM_EMBED | 1 << UVLLM_MODELS | 1 << UVLLM_COUNT_TOKENS |
         1 << UVLLM_RAW,
  .fields = {
    [UVLLM_CHAT] = CHAT | UVLLM__CAN_STREAM,
    [UVLLM_COUNT_TOKENS] = CHAT,
    [UVLLM_EMBED] = UVLLM__CAN_MESSAGES | UVLLM__CAN_EXTRA | UVLLM__CAN_DIMENSIONS,
    [UVLLM_RAW] = UVLLM__CAN_RAW_FIELDS | UVLLM__CAN_STREAM,
  },
  .parts = {
    [UVLLM_SYSTEM] = UVLLM__CAN_TEXT,
    [UVLLM_USER] = UVLLM__CAN_TEXT | UVLLM__CAN_IMAGE_DATA | UVLLM__CAN_FILE_DATA |
                   UVLLM__CAN_AUDIO_DATA,
    [UVLLM_ASSISTANT] = UVLLM__CAN_TEXT,
    [UVLLM_TOOL] = UVLLM__CAN_TEXT | UVLLM__CAN_IMAGE_DATA | UVLLM__CAN_FILE_DATA
  },
};


/* Converse cannot offer tools and forbid them. */
static int check_choice(const uvllm_request_t* r, uvllm__shape_t* s, uvllm_emit_t* emit) {
  uvllm__choice_type type;
  uvllm_str_t name;
  const int err = uvllm__tool_choice(s, r, &type, &name);
  if (err != 0)
    return uvllm__shape_tell(s, err, emit);
  if (type == UVLLM__CHOICE_NONE && r->tools_json.base != NULL)
    return uvllm__refuse_with(emit, UVLLM_EUNSUPPORTED, "bedrock has no tool choice none: "
                                                        "leave the tools out");
  if (r->tools_json.base == NULL && type >= UVLLM__CHOICE_REQUIRED)
    return uvllm__refuse_with(emit, UVLLM__EINVAL, "tool_choice_json wants a tool, and there "
                                                   "are none");
  return 0;
}


static int check_embed(const uvllm_request_t* r, uvllm_emit_t* emit) {
  if (uvllm__bedrock_embeds(uvllm__str(r->target.model)))
    return 0;
  return uvllm__refuse_with(emit, UVLLM_EUNSUPPORTED,
                            "bedrock has no common form for embeddings; those of amazon.titan-"
                            "embed-text and cohere.embed models are known");
}


int uvllm__bedrock_check(const uvllm_request_t* r, uvllm_emit_t* emit) {
  uvllm__shape_t s;
  int err = uvllm__check(&kRules, r, emit);
  if (err != 0)
    return err;
  if (r->op == UVLLM_EMBED)
    return check_embed(r, emit);
  if (r->op != UVLLM_CHAT && r->op != UVLLM_COUNT_TOKENS)
    return 0;
  uvllm__shape_init(&s, uvllm_emit_alloc(emit));
  err = check_choice(r, &s, emit);
  if (err == 0)
    err = uvllm__bedrock_check_parts(r, &s, emit);
  uvllm__shape_free(&s);
  return err;
}
