/* What a request may say in a dialect, as a table: asked once, at submit. Pure.
 *
 * What passes can be built: all JSON is of its type, and what the dialect has no
 * counterpart for was refused with the field's name. Whether the model likes it is
 * the server's to say: ranges of values are not checked.
 */
#ifndef UVLLM_ADAPTERS_CHECK_H
#define UVLLM_ADAPTERS_CHECK_H

#include "mem.h"
#include "uvllm/provider.h"

enum { UVLLM__NOPS = UVLLM_RAW + 1 };

/* Fields of a request. RAW_FIELDS are raw_*; every op has target, headers, limits
 * and deadlines. */
enum {
  UVLLM__CAN_MESSAGES = 1 << 0,
  UVLLM__CAN_BODY = 1 << 1,  /* body_json; implied where it is translated */
  UVLLM__CAN_EXTRA = 1 << 2,
  UVLLM__CAN_MAX_TOKENS = 1 << 3,
  UVLLM__CAN_N = 1 << 4,     /* n of 1 is taken everywhere */
  UVLLM__CAN_DIMENSIONS = 1 << 5,
  UVLLM__CAN_TEMPERATURE = 1 << 6,
  UVLLM__CAN_TOP_P = 1 << 7,
  UVLLM__CAN_FREQUENCY_PENALTY = 1 << 8,
  UVLLM__CAN_PRESENCE_PENALTY = 1 << 9,
  UVLLM__CAN_SEED = 1 << 10,
  UVLLM__CAN_STOP = 1 << 11,
  UVLLM__CAN_REASONING_EFFORT = 1 << 12,
  UVLLM__CAN_SERVICE_TIER = 1 << 13,
  UVLLM__CAN_SCHEMA = 1 << 14,
  UVLLM__CAN_TOOLS = 1 << 15,
  UVLLM__CAN_TOOL_CHOICE = 1 << 16,
  UVLLM__CAN_RAW_FIELDS = 1 << 17,
  UVLLM__CAN_STREAM = 1 << 18
};

/* Content of messages, by their role: {system, user, assistant, tool}. */
enum {
  UVLLM__CAN_TEXT = 1 << 0,
  UVLLM__CAN_IMAGE_DATA = 1 << 1,
  UVLLM__CAN_IMAGE_URL = 1 << 2,
  UVLLM__CAN_AUDIO_DATA = 1 << 3,
  UVLLM__CAN_FILE_DATA = 1 << 4,
  UVLLM__CAN_FILE_URL = 1 << 5,
  UVLLM__CAN_FILE_ID = 1 << 6
};

typedef struct uvllm__rules_s {
  const char* dialect;              /* as in "anthropic has no embeddings" */
  unsigned int ops;                 /* a bit 1 << op for each */
  unsigned int fields[UVLLM__NOPS]; /* UVLLM__CAN_*, for each op */
  unsigned int parts[UVLLM_TOOL + 1];
  int is_openai;                    /* what messages, tools and choice hold is sent as
                                       it is, and is not looked at */
} uvllm__rules_t;

/* 0, or what was told: UVLLM_EUNSUPPORTED, UV_EINVAL; or UV_ENOMEM. */
int uvllm__check(const uvllm__rules_t* rules, const uvllm_request_t* r, uvllm_emit_t* emit);

/* Tell words of our own; gives err back. */
int uvllm__refuse_with(uvllm_emit_t* emit, int err, const char* message);

#endif
