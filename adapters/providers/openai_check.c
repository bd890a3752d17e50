/* What a request may say in the OpenAI dialect. */
#include "check.h"
#include "openai.h"
#include "openai_quirks.h"

#include <math.h>
#include <stdio.h>

enum {
  TEXT = UVLLM__CAN_MESSAGES | UVLLM__CAN_BODY | UVLLM__CAN_EXTRA | UVLLM__CAN_MAX_TOKENS |
         UVLLM__CAN_N | UVLLM__CAN_TEMPERATURE | UVLLM__CAN_TOP_P |
         UVLLM__CAN_FREQUENCY_PENALTY | UVLLM__CAN_PRESENCE_PENALTY | UVLLM__CAN_SEED |
         UVLLM__CAN_STOP | UVLLM__CAN_SERVICE_TIER | UVLLM__CAN_STREAM
};


/* ---- What this server refuses ---- */

static int is_set(const uvllm_request_t* r, uvllm_str_t member) {
  const struct {
    const char* name;
    int is_set;
  } fields[] = {
    { "max_tokens", r->max_tokens != 0 },
    { "n", r->n > 1 },
    { "dimensions", r->dimensions != 0 },
    { "temperature", !isnan(r->temperature) },
    { "top_p", !isnan(r->top_p) },
    { "frequency_penalty", !isnan(r->frequency_penalty) },
    { "presence_penalty", !isnan(r->presence_penalty) },
    { "seed", r->seed != INT64_MIN },
    { "stop", r->stop != NULL },
    { "reasoning_effort", r->reasoning_effort != NULL },
    { "service_tier", r->service_tier != NULL },
    { "response_format", r->json_schema.base != NULL },
    { "tools", r->tools_json.base != NULL },
    { "tool_choice", r->tool_choice_json.base != NULL },
  };
  for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
    if (fields[i].is_set && uvllm__str_eq(member, fields[i].name))
      return 1;
  return 0;
}


static int is_given(uvllm_json_t body, uvllm_str_t member) {
  uvllm_json_t value;
  uvllm_str_t name;
  uint32_t it = 0;
  while (uvllm_json_next(body, &it, &name, &value))
    if (name.len == member.len && name.len != 0 &&
        memcmp(name.base, member.base, name.len) == 0 &&
        uvllm_json_type_of(value) != UVLLM_JSON_NULL)
      return 1;
  return 0;
}


int uvllm__openai_check_refused(const uvllm_request_t* r, uvllm_emit_t* emit) {
  const char* list = uvllm_emit_param(emit, "refuses");
  uvllm_json_t body = { NULL, 0 };
  uvllm_str_t member;
  char message[128];
  if (list == NULL)
    return 0;
  if (r->body_json.base != NULL) {
    const int err = uvllm_json_parse(uvllm_emit_parser(emit), r->body_json, &body, NULL);
    if (err != 0)
      return err;
  }
  while (uvllm__quirk_refused(&list, &member)) {
    if (uvllm__quirk_is_bookkeeping(member) || !(is_set(r, member) || is_given(body, member)))
      continue;
    snprintf(message, sizeof(message), "this provider takes no %.*s",
             (int) (member.len < 64 ? member.len : 64), member.base);
    return uvllm__refuse_with(emit, UVLLM_EUNSUPPORTED, message);
  }
  return 0;
}


static int check_path(uvllm_emit_t* emit) {
  const char* path = uvllm_emit_param(emit, "path");
  const char* hole = path != NULL ? strstr(path, "{model}") : NULL;
  if (path == NULL || (path[0] == '/' && strlen(path) < UVLLM__QUIRK_PATH &&
                       (hole == NULL || hole[-1] == '/')))
    return 0;
  return uvllm__refuse_with(emit, UVLLM__EINVAL, "the parameter path is no path: it begins with "
                            "a slash, and so does {model} in it");
}


static int check_words(uvllm_emit_t* emit) {
  const char* ids = uvllm_emit_param(emit, "tool_ids");
  if (uvllm__openai_replay_of(uvllm_emit_param(emit, "replay")) == UVLLM__REPLAY_UNKNOWN)
    return uvllm__refuse_with(emit, UVLLM__EINVAL, "the parameter replay is neither none, "
                              "reasoning_content, reasoning_details nor extra_content");
  if (ids != NULL && uvllm__quirk_id_len(ids) == 0)
    return uvllm__refuse_with(emit, UVLLM__EINVAL,
                              "the parameter tool_ids is no number from 6 to 10");
  if (uvllm__headers_scale(uvllm_emit_param(emit, "limit_window")) < 0)
    return uvllm__refuse_with(emit, UVLLM__EINVAL,
                              "the parameter limit_window is neither second nor minute");
  return 0;
}


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
  int err = uvllm__check(&rules, r, emit);
  if (err == 0)
    err = check_path(emit);
  if (err == 0)
    err = check_words(emit);
  return err != 0 ? err : uvllm__openai_check_refused(r, emit);
}
