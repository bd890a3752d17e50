/* What a request may say to Ollama. A choice of tools cannot be forced there, images
 * come as data, and the arguments of calls are objects.
 */
#include "ollama.h"
#include "check.h"

#include <stdio.h>

enum {
  TEXT = UVLLM__CAN_MESSAGES | UVLLM__CAN_EXTRA | UVLLM__CAN_MAX_TOKENS |
         UVLLM__CAN_TEMPERATURE | UVLLM__CAN_TOP_P | UVLLM__CAN_FREQUENCY_PENALTY |
         UVLLM__CAN_PRESENCE_PENALTY | UVLLM__CAN_SEED | UVLLM__CAN_STOP |
         UVLLM__CAN_REASONING_EFFORT | UVLLM__CAN_SCHEMA | UVLLM__CAN_STREAM
};


int uvllm__ollama_is_integer(const char* text) {
  const size_t sign = text[0] == '-';
  const size_t digits = strspn(text + sign, "0123456789");
  const int padded = text[sign] == '0' && digits > 1; /* no JSON */
  return digits != 0 && digits < 10 && !padded && text[sign + digits] == '\0';
}


int uvllm__ollama_thinks(const char* effort) {
  static const char* const levels[] = { "low", "medium", "high", "max" };
  for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
    if (strcmp(effort, levels[i]) == 0)
      return 1;
  return strcmp(effort, "none") == 0 ? 0 : -1;
}


static int refuse(uvllm_emit_t* emit, int err, size_t message, const char* what) {
  char text[128];
  snprintf(text, sizeof(text), "messages[%zu]%s", message, what);
  return uvllm__refuse_with(emit, err, text);
}


static int check_calls(const uvllm_request_t* r, size_t i, uvllm__shape_t* s,
                       uvllm_emit_t* emit) {
  uvllm__list_t calls;
  uvllm__call_t call = { 0 };
  int rc = uvllm__calls_begin(&calls, s, r, i);
  while (rc == 0 && (rc = uvllm__calls_next(&calls, &call)) == 1) {
    if (!call.is_object)
      return refuse(emit, UVLLM_EUNSUPPORTED, i,
                    " has a call with arguments that are no JSON object");
    rc = 0;
  }
  return uvllm__shape_tell(s, rc, emit);
}


static int check_messages(const uvllm_request_t* r, uvllm__shape_t* s, uvllm_emit_t* emit) {
  int err = 0;
  for (size_t i = 0; err == 0 && i < r->nmessages; i++) {
    if (r->messages[i].name.base != NULL && r->messages[i].role != UVLLM_TOOL)
      return refuse(emit, UVLLM_EUNSUPPORTED, i, " has a name, which ollama does not take");
    err = check_calls(r, i, s, emit);
  }
  return err;
}


static int check_choice(const uvllm_request_t* r, uvllm__shape_t* s, uvllm_emit_t* emit) {
  uvllm__choice_type type;
  uvllm_str_t name;
  const int err = uvllm__tool_choice(s, r, &type, &name);
  if (err != 0)
    return uvllm__shape_tell(s, err, emit);
  if (type != UVLLM__CHOICE_REQUIRED && type != UVLLM__CHOICE_NAMED)
    return 0;
  return uvllm__refuse_with(emit, UVLLM_EUNSUPPORTED,
                            "ollama cannot be made to call a tool: tool_choice is auto or none");
}


static int check_params(uvllm_emit_t* emit) {
  static const char* const names[] = { "num_ctx", "num_gpu", "num_thread" };
  char message[96];
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    const char* value = uvllm_emit_param(emit, names[i]);
    if (value == NULL || uvllm__ollama_is_integer(value))
      continue;
    snprintf(message, sizeof(message), "the provider's parameter %s is no whole number", names[i]);
    return uvllm__refuse_with(emit, UVLLM__EINVAL, message);
  }
  return 0;
}


int uvllm__ollama_check(const uvllm_request_t* r, uvllm_emit_t* emit) {
  static const uvllm__rules_t rules = {
    .dialect = "ollama",
    .ops = 1 << UVLLM_CHAT | 1 << UVLLM_COMPLETION | 1 << UVLLM_EMBED | 1 << UVLLM_MODELS |
           1 << UVLLM_RAW,
    .fields = {
      [UVLLM_CHAT] = TEXT | UVLLM__CAN_TOOLS | UVLLM__CAN_TOOL_CHOICE,
      [UVLLM_COMPLETION] = TEXT,
      [UVLLM_EMBED] = UVLLM__CAN_MESSAGES | UVLLM__CAN_EXTRA | UVLLM__CAN_DIMENSIONS,
      [UVLLM_RAW] = UVLLM__CAN_RAW_FIELDS | UVLLM__CAN_STREAM,
    },
    .parts = { [UVLLM_SYSTEM] = UVLLM__CAN_TEXT,
               [UVLLM_USER] = UVLLM__CAN_TEXT | UVLLM__CAN_IMAGE_DATA,
               [UVLLM_ASSISTANT] = UVLLM__CAN_TEXT,
               [UVLLM_TOOL] = UVLLM__CAN_TEXT | UVLLM__CAN_IMAGE_DATA },
  };
  uvllm__shape_t s;
  int err = uvllm__check(&rules, r, emit);
  if (err == 0)
    err = check_params(emit);
  if (err == 0 && r->reasoning_effort != NULL && uvllm__ollama_thinks(r->reasoning_effort) < 0)
    err = uvllm__refuse_with(emit, UVLLM_EUNSUPPORTED,
                             "ollama's reasoning_effort is none, low, medium, high or max");
  if (err != 0 || r->op != UVLLM_CHAT)
    return err;
  uvllm__shape_init(&s, uvllm_emit_alloc(emit));
  err = check_messages(r, &s, emit);
  if (err == 0)
    err = check_choice(r, &s, emit);
  uvllm__shape_free(&s);
  return err;
}
