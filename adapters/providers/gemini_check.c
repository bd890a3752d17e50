/* What a request may say in the Gemini dialect: the table, and what needs a look at
 * more than one field. */
#include "gemini.h"
#include "check.h"

#include <stdio.h>

enum {
  CHAT = UVLLM__CAN_MESSAGES | UVLLM__CAN_MAX_TOKENS | UVLLM__CAN_N | UVLLM__CAN_TEMPERATURE |
         UVLLM__CAN_TOP_P | UVLLM__CAN_FREQUENCY_PENALTY | UVLLM__CAN_PRESENCE_PENALTY |
         UVLLM__CAN_SEED | UVLLM__CAN_STOP | UVLLM__CAN_REASONING_EFFORT |
         UVLLM__CAN_SERVICE_TIER | UVLLM__CAN_SCHEMA | UVLLM__CAN_TOOLS |
         UVLLM__CAN_TOOL_CHOICE
};

static const uvllm__rules_t rules = {
  .dialect = "gemini",
  .ops = 1 << UVLLM_CHAT | 1 << UVLLM_EMBED | 1 << UVLLM_MODELS | 1 << UVLLM_COUNT_TOKENS |
         1 << UVLLM_RAW,
  .fields = { [UVLLM_CHAT] = CHAT | UVLLM__CAN_EXTRA | UVLLM__CAN_STREAM,
              [UVLLM_EMBED] = UVLLM__CAN_MESSAGES | UVLLM__CAN_EXTRA | UVLLM__CAN_DIMENSIONS,
              [UVLLM_COUNT_TOKENS] = CHAT,
              [UVLLM_RAW] = UVLLM__CAN_RAW_FIELDS },
  .parts = { [UVLLM_SYSTEM] = UVLLM__CAN_TEXT,
             [UVLLM_USER] = UVLLM__CAN_TEXT | UVLLM__CAN_IMAGE_DATA | UVLLM__CAN_IMAGE_URL |
                            UVLLM__CAN_AUDIO_DATA | UVLLM__CAN_FILE_DATA | UVLLM__CAN_FILE_URL |
                            UVLLM__CAN_FILE_ID,
             [UVLLM_ASSISTANT] = UVLLM__CAN_TEXT,
             [UVLLM_TOOL] = UVLLM__CAN_TEXT },
};


static int refuse_at(size_t message, const char* what, uvllm_emit_t* emit) {
  char text[128];
  snprintf(text, sizeof(text), "messages[%zu] %s", message, what);
  return uvllm__refuse_with(emit, UVLLM_EUNSUPPORTED, text);
}


static int check_parts(const uvllm_request_t* r, size_t i, uvllm__shape_t* s,
                       uvllm_emit_t* emit) {
  uvllm__parts_t parts;
  uvllm__part_t part = { 0 };
  int rc = uvllm__parts_begin(&parts, s, r, i);
  while (rc == 0 && (rc = uvllm__parts_next(&parts, &part)) == 1) {
    if (part.data.base != NULL && part.media_type.base == NULL)
      return refuse_at(i, "has data without a media type, which gemini must know", emit);
    rc = 0;
  }
  return rc;
}


static int check_calls(const uvllm_request_t* r, size_t i, uvllm__shape_t* s,
                       uvllm_emit_t* emit) {
  uvllm__list_t calls;
  uvllm__call_t call = { 0 };
  int rc = uvllm__calls_begin(&calls, s, r, i);
  while (rc == 0 && (rc = uvllm__calls_next(&calls, &call)) == 1) {
    if (!call.is_object)
      return refuse_at(i, "has a call whose arguments are no JSON object", emit);
    rc = 0;
  }
  return rc;
}


static int check_result(const uvllm_request_t* r, size_t i, uvllm__shape_t* s,
                        uvllm_emit_t* emit) {
  uvllm_str_t name;
  const int rc = uvllm__call_name(s, r, i, &name);
  return rc == 0 ? refuse_at(i, "answers a call that nobody made", emit) : rc == 1 ? 0 : rc;
}


static int check_message(const uvllm_request_t* r, size_t i, uvllm__shape_t* s,
                         uvllm_emit_t* emit) {
  const uvllm_message_t* m = &r->messages[i];
  if (m->role == UVLLM_TOOL)
    return check_result(r, i, s, emit);
  if (m->name.len != 0)
    return refuse_at(i, "has a name, which gemini has no place for", emit);
  const int err = check_parts(r, i, s, emit);
  return err == 0 && m->role == UVLLM_ASSISTANT ? check_calls(r, i, s, emit) : err;
}


static int check_effort(const char* effort, uvllm_emit_t* emit) {
  static const char* const known[] = { "none", "minimal", "low", "medium", "high" };
  for (size_t i = 0; effort != NULL && i < sizeof(known) / sizeof(known[0]); i++)
    if (strcmp(effort, known[i]) == 0)
      return 0;
  return effort == NULL ? 0
                        : uvllm__refuse_with(emit, UVLLM_EUNSUPPORTED,
                                             "reasoning_effort is none of none, minimal, low, "
                                             "medium, high");
}


int uvllm__gemini_check(const uvllm_request_t* r, uvllm_emit_t* emit) {
  uvllm__shape_t s;
  int err = uvllm__check(&rules, r, emit);
  if (err != 0 || (r->op != UVLLM_CHAT && r->op != UVLLM_COUNT_TOKENS))
    return err;
  if (r->n > UVLLM__GEMINI_CHOICES)
    return uvllm__refuse_with(emit, UVLLM_EUNSUPPORTED, "n is more than gemini's 8");
  err = check_effort(r->reasoning_effort, emit);
  uvllm__shape_init(&s, uvllm_emit_alloc(emit));
  for (size_t i = 0; err == 0 && i < r->nmessages; i++)
    err = check_message(r, i, &s, emit);
  uvllm__shape_free(&s);
  return err;
}
