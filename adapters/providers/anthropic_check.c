/* What a request may say in the Anthropic dialect.
 *
 * A token count is of a chat: it may say what a chat may, and sends of it what counts.
 */
#include "anthropic.h"
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
  CHAT = UVLLM__CAN_MESSAGES | UVLLM__CAN_EXTRA | UVLLM__CAN_MAX_TOKENS |
         UVLLM__CAN_TEMPERATURE | UVLLM__CAN_TOP_P | UVLLM__CAN_STOP |
         UVLLM__CAN_REASONING_EFFORT | UVLLM__CAN_SERVICE_TIER | UVLLM__CAN_SCHEMA |
         UVLLM__CAN_TOOLS | UVLLM__CAN_TOOL_CHOICE,
  CONTENT = UVLLM__CAN_TEXT | UVLLM__CAN_IMAGE_DATA | UVLLM__CAN_IMAGE_URL |
            UVLLM__CAN_FILE_DATA | UVLLM__CAN_FILE_URL | UVLLM__CAN_FILE_ID
};


static int refuse(uvllm_emit_t* emit, size_t i, const char* what) {
  char message[128];
  snprintf(message, sizeof(message), "messages[%zu] has %s", i, what);
  return uvllm__refuse_with(emit, UVLLM_EUNSUPPORTED, message);
}


/* ---- Messages ---- */

static const char* wrong_part(const uvllm__part_t* part) {
  static const char* const images[] = { "image/jpeg", "image/png", "image/gif", "image/webp" };
  if (part->data.base == NULL)
    return NULL;
  if (part->type == UVLLM__PART_FILE)
    return part->media_type.base == NULL || uvllm__str_eq(part->media_type, "application/pdf")
               ? NULL
               : "a file that is no PDF, which anthropic does not take";
  for (size_t i = 0; part->type == UVLLM__PART_IMAGE && i < 4; i++)
    if (uvllm__str_eq(part->media_type, images[i]))
      return NULL;
  return part->type == UVLLM__PART_IMAGE
             ? "an image that is said to be neither JPEG, PNG, GIF nor WebP"
             : NULL;
}


static int check_parts(const uvllm_request_t* r, size_t i, uvllm__shape_t* s,
                       uvllm_emit_t* emit) {
  uvllm__parts_t parts;
  uvllm__part_t part = { 0 };
  int rc = r->messages[i].parts_json.base != NULL ? uvllm__parts_begin(&parts, s, r, i) : 1;
  if (rc != 0)
    return rc == 1 ? 0 : rc; /* text alone */
  while ((rc = uvllm__parts_next(&parts, &part)) == 1) {
    const char* wrong = wrong_part(&part);
    if (wrong != NULL)
      return refuse(emit, i, wrong);
  }
  return rc;
}


/* Where OpenAI hands back the model's own text, an object is wanted here. */
static int check_calls(const uvllm_request_t* r, size_t i, uvllm__shape_t* s,
                       uvllm_emit_t* emit) {
  uvllm__list_t calls;
  uvllm__call_t call = { 0 };
  int rc = uvllm__calls_begin(&calls, s, r, i);
  if (rc != 0)
    return rc;
  while ((rc = uvllm__calls_next(&calls, &call)) == 1)
    if (!call.is_object)
      return refuse(emit, i, "a tool call whose arguments are no JSON object");
  return rc;
}


static int check_messages(const uvllm_request_t* r, uvllm_emit_t* emit) {
  uvllm__shape_t s;
  int err = 0;
  uvllm__shape_init(&s, uvllm_emit_alloc(emit));
  for (size_t i = 0; err == 0 && i < r->nmessages; i++) {
    if (r->messages[i].name.len != 0 && r->messages[i].role != UVLLM_TOOL)
      err = refuse(emit, i, "a name, which anthropic does not take");
    if (err == 0)
      err = check_parts(r, i, &s, emit);
    if (err == 0)
      err = check_calls(r, i, &s, emit);
  }
  uvllm__shape_free(&s);
  return err;
}


/* ---- Fields ---- */

static int check_sampling(const uvllm_request_t* r, uvllm_emit_t* emit) {
  const char* version = uvllm_emit_param(emit, "version");
  if (version == NULL || strcmp(version, "2026-10-21") < 0 ||
      (isnan(r->temperature) && isnan(r->top_p)))
    return 0;
  return uvllm__refuse_with(emit, UVLLM_EUNSUPPORTED,
                            "this version of the API takes neither temperature nor top_p");
}


static int check_effort(const uvllm_request_t* r, uvllm_emit_t* emit) {
  char message[96];
  if (r->reasoning_effort == NULL)
    return 0;
  const uvllm__anthropic_effort_t e =
      uvllm__anthropic_effort(r->reasoning_effort, uvllm_emit_param(emit, "thinking"),
                              uvllm__str(r->target.model), r->max_tokens);
  snprintf(message, sizeof(message), "anthropic has no reasoning_effort %.24s",
           r->reasoning_effort);
  if (e.thinking == UVLLM__ANTHROPIC_UNKNOWN)
    return uvllm__refuse_with(emit, UVLLM_EUNSUPPORTED, message);
  if (e.thinking != UVLLM__ANTHROPIC_BUDGET || e.budget != 0 || r->max_tokens == 0 ||
      r->target.model == NULL)
    return 0;
  return uvllm__refuse_with(emit, UVLLM_EUNSUPPORTED,
                            "reasoning_effort wants more than 1024 max_tokens");
}


static int check_tier(const uvllm_request_t* r, uvllm_emit_t* emit) {
  char message[96];
  if (r->service_tier == NULL || uvllm__anthropic_tier(r->service_tier) != NULL)
    return 0;
  snprintf(message, sizeof(message), "anthropic has no service_tier %.24s", r->service_tier);
  return uvllm__refuse_with(emit, UVLLM_EUNSUPPORTED, message);
}


static int check_params(uvllm_emit_t* emit) {
  const char* max_tokens = uvllm_emit_param(emit, "max_tokens");
  char* end;
  if (max_tokens == NULL)
    return 0;
  const unsigned long n = strtoul(max_tokens, &end, 10);
  return n != 0 && n <= UINT32_MAX && *end == '\0' && max_tokens[0] != '-'
             ? 0
             : uvllm__refuse_with(emit, UVLLM__EINVAL,
                                  "the parameter max_tokens is no number above 0");
}


int uvllm__anthropic_check(const uvllm_request_t* r, uvllm_emit_t* emit) {
  static const uvllm__rules_t rules = {
    .dialect = "anthropic",
    .ops = 1 << UVLLM_CHAT | 1 << UVLLM_MODELS | 1 << UVLLM_COUNT_TOKENS | 1 << UVLLM_RAW,
    .fields = { [UVLLM_CHAT] = CHAT | UVLLM__CAN_STREAM,
                [UVLLM_COUNT_TOKENS] = CHAT,
                [UVLLM_RAW] = UVLLM__CAN_RAW_FIELDS | UVLLM__CAN_STREAM },
    .parts = { [UVLLM_SYSTEM] = UVLLM__CAN_TEXT, [UVLLM_USER] = CONTENT,
               [UVLLM_ASSISTANT] = UVLLM__CAN_TEXT, [UVLLM_TOOL] = CONTENT },
  };
  int err = uvllm__check(&rules, r, emit);
  if (err != 0 || r->op == UVLLM_RAW || r->op == UVLLM_MODELS)
    return err;
  err = check_params(emit);
  if (err == 0)
    err = check_sampling(r, emit);
  if (err == 0)
    err = check_effort(r, emit);
  if (err == 0)
    err = check_tier(r, emit);
  return err != 0 ? err : check_messages(r, emit);
}
