/* What a request may say in the OpenAI dialect. */
#include "check.h"
#include "openai.h"

enum {
  TEXT = UVLLM__CAN_MESSAGES | UVLLM__CAN_BODY | UVLLM__CAN_EXTRA | UVLLM__CAN_MAX_TOKENS |
         UVLLM__CAN_N | UVLLM__CAN_TEMPERATURE | UVLLM__CAN_TOP_P |
         UVLLM__CAN_FREQUENCY_PENALTY | UVLLM__CAN_PRESENCE_PENALTY | UVLLM__CAN_SEED |
         UVLLM__CAN_STOP | UVLLM__CAN_SERVICE_TIER | UVLLM__CAN_STREAM
};


int uvllm__openai_check(const uvllm_request_t* r, uvllm_emit_t* emit) {
  static const uvllm__rules_t rules = {
    .dialect = "openai",
    .is_openai = 1,
    .ops = 1 << UVLLM_CHAT | 1 << UVLLM_COMPLETION | 1 << UVLLM_EMBED | 1 << UVLLM_MODELS |
           1 << UVLLM_RAW,
    .fields = {
      [UVLLM_CHAT] = TEXT | UVLLM__CAN_REASONING_EFFORT | UVLLM__CAN_SCHEMA |
                     UVLLM__CAN_TOOLS | UVLLM__CAN_TOOL_CHOICE,
      [UVLLM_COMPLETION] = TEXT,
      [UVLLM_EMBED] = UVLLM__CAN_MESSAGES | UVLLM__CAN_BODY | UVLLM__CAN_EXTRA |
                      UVLLM__CAN_DIMENSIONS,
      [UVLLM_RAW] = UVLLM__CAN_RAW_FIELDS | UVLLM__CAN_STREAM,
    },
  };
  return uvllm__check(&rules, r, emit);
}
