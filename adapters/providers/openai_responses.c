/* OpenAI's Responses API: POST /responses, stateless. What else OpenAI has (models,
 * embeddings) is the same in both of its APIs, and is openai.c's.
 *
 * A stream is whole with response.completed or response.incomplete; there is no
 * "[DONE]". Nothing is stored at the provider unless extra_json says "store":true:
 * thoughts come back encrypted, and go with the next turn as replay_json.
 */
#include "openai_responses.h"
#include "check.h"
#include "frame_json.h"
#include "openai_quirks.h"

#include <math.h>
#include <stdio.h>


/* ---- Requests ---- */

/* The first message with a name, or nmessages: a name has no place in an item. A tool's
 * is known by its call. */
static size_t find_name(const uvllm_request_t* r) {
  size_t i = 0;
  while (i < r->nmessages && (r->messages[i].name.len == 0 || r->messages[i].role == UVLLM_TOOL))
    i++;
  return i;
}


static int check_names(const uvllm_request_t* r, uvllm_emit_t* emit) {
  char message[80];
  const size_t i = find_name(r);
  if (i == r->nmessages)
    return 0;
  snprintf(message, sizeof(message), "messages[%zu] has a name, which has no counterpart", i);
  return uvllm__refuse_with(emit, UVLLM_EUNSUPPORTED, message);
}


static int check(const uvllm_request_t* r, uvllm_emit_t* emit) {
  enum {
    MEDIA = UVLLM__CAN_TEXT | UVLLM__CAN_IMAGE_DATA | UVLLM__CAN_IMAGE_URL |
            UVLLM__CAN_FILE_DATA | UVLLM__CAN_FILE_URL | UVLLM__CAN_FILE_ID
  };
  static const uvllm__rules_t rules = {
    .dialect = UVLLM__RESPONSES,
    .ops = 1 << UVLLM_CHAT,
    .fields = { [UVLLM_CHAT] = UVLLM__CAN_MESSAGES | UVLLM__CAN_EXTRA | UVLLM__CAN_MAX_TOKENS |
                               UVLLM__CAN_TEMPERATURE | UVLLM__CAN_TOP_P |
                               UVLLM__CAN_REASONING_EFFORT | UVLLM__CAN_SERVICE_TIER |
                               UVLLM__CAN_SCHEMA | UVLLM__CAN_TOOLS | UVLLM__CAN_TOOL_CHOICE |
                               UVLLM__CAN_STREAM },
    .parts = { [UVLLM_SYSTEM] = UVLLM__CAN_TEXT, [UVLLM_USER] = MEDIA,
               [UVLLM_ASSISTANT] = UVLLM__CAN_TEXT, [UVLLM_TOOL] = MEDIA },
  };
  int err = uvllm__check(&rules, r, emit);
  if (err == 0)
    err = check_names(r, emit);
  return err != 0 ? err : uvllm__openai_check_refused(r, emit);
}


/* The dialect may have been another one at submit. */
static int can_be_built(const uvllm_request_t* r) {
  return r->op == UVLLM_CHAT && r->body_json.base == NULL && r->n <= 1 && r->stop == NULL &&
         r->seed == INT64_MIN && isnan(r->frequency_penalty) && isnan(r->presence_penalty) &&
         find_name(r) == r->nmessages;
}


static int build(void* state, const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  uvllm__responses_t* s = state;
  if (!can_be_built(attempt->request))
    return UVLLM_EUNSUPPORTED;
  uvllm__headers_begin(&s->head, attempt);
  const int err = uvllm__quirk_path(attempt, "/responses", 0, http);
  if (err != 0)
    return err;
  uvllm__openai_headers(attempt, http);
  return uvllm__responses_body(attempt, http);
}


/* ---- Answers ---- */

static void header(void* state, uvllm_str_t name, uvllm_str_t value, uvllm_emit_t* emit) {
  uvllm__responses_t* s = state;
  uvllm__headers_take(&s->head, name, value, emit);
}


static uvllm_framing begin(void* state, int http_status, uvllm_str_t content_type) {
  uvllm__responses_t* s = state;
  uvllm__headers_media_type(&s->head, content_type);
  const int streams = http_status >= 200 && http_status < 300 &&
                      strcmp(s->head.media_type, "text/event-stream") == 0;
  s->framing = streams ? UVLLM_FRAME_SSE : UVLLM_FRAME_BODY;
  return s->framing;
}


static int frame(void* state, const uvllm_frame_t* f, uvllm_emit_t* emit) {
  uvllm__responses_t* s = state;
  const uvllm_str_t text = uvllm__frame_trim(f->data);
  uvllm_json_t root;
  uvllm__headers_flush(&s->head, emit);
  if (s->done)
    return UVLLM_COMPLETE;
  /* Gateways that end every stream so; here its end has come before. */
  if (s->framing == UVLLM_FRAME_SSE && !s->half && uvllm__str_eq(text, "[DONE]"))
    return uvllm__refuse_with(emit, UVLLM_ETRUNCATED, "the stream ended without an answer");
  int rc = uvllm__frame_json(&s->head, s->framing, &s->half, text, &root, emit);
  if (rc != 1)
    return rc;
  rc = s->framing == UVLLM_FRAME_SSE ? uvllm__responses_event(s, f, root, emit)
                                     : uvllm__responses_whole(s, root, emit);
  s->done = rc == UVLLM_COMPLETE;
  return rc;
}


static int end(void* state, uvllm_emit_t* emit) {
  uvllm__responses_t* s = state;
  uvllm__headers_flush(&s->head, emit);
  return s->done ? UVLLM_COMPLETE : UVLLM_ETRUNCATED;
}


static int error(void* state, int http_status, uvllm_str_t body, uvllm_emit_t* emit) {
  uvllm__responses_t* s = state;
  uvllm__headers_flush(&s->head, emit);
  return uvllm__fault_error(&s->head, http_status, body, emit);
}


static void fini(void* state) {
  uvllm__responses_t* s = state;
  uvllm_json_writer_free(s->replay);
  s->replay = NULL;
}


const uvllm_provider_ops_t uvllm__openai_responses_ops = {
  .size = sizeof(uvllm_provider_ops_t),
  .default_base_url = "https://api.openai.com/v1",
  .state_size = sizeof(uvllm__responses_t),
  .check = check,
  .build = build,
  .header = header,
  .begin = begin,
  .frame = frame,
  .end = end,
  .error = error,
  .fini = fini,
};
