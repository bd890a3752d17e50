/* The Cohere dialect: chat (v2), embeddings (v2) and the model list (v1), which has
 * pages.
 *
 * A stream is whole with "message-end". More inputs than one embed request takes go
 * out in several, one after the other. What an embedding is for ("input_type") is
 * "search_document" unless extra_json says otherwise.
 */
#include "cohere.h"
#include "check.h"
#include "frame_json.h"
#include "raw.h"


/* ---- Requests ---- */

static int check(const uvllm_request_t* r, uvllm_emit_t* emit) {
  static const uvllm__rules_t rules = {
    .dialect = "cohere",
    .ops = 1 << UVLLM_CHAT | 1 << UVLLM_EMBED | 1 << UVLLM_MODELS | 1 << UVLLM_RAW,
    .fields = {
      [UVLLM_CHAT] = UVLLM__CAN_MESSAGES | UVLLM__CAN_EXTRA | UVLLM__CAN_MAX_TOKENS |
                     UVLLM__CAN_TEMPERATURE | UVLLM__CAN_TOP_P |
                     UVLLM__CAN_FREQUENCY_PENALTY | UVLLM__CAN_PRESENCE_PENALTY |
                     UVLLM__CAN_SEED | UVLLM__CAN_STOP | UVLLM__CAN_REASONING_EFFORT |
                     UVLLM__CAN_SCHEMA | UVLLM__CAN_TOOLS | UVLLM__CAN_TOOL_CHOICE |
                     UVLLM__CAN_STREAM,
      [UVLLM_EMBED] = UVLLM__CAN_MESSAGES | UVLLM__CAN_EXTRA | UVLLM__CAN_DIMENSIONS,
      [UVLLM_RAW] = UVLLM__CAN_RAW_FIELDS | UVLLM__CAN_STREAM,
    },
    .parts = { [UVLLM_SYSTEM] = UVLLM__CAN_TEXT,
               [UVLLM_USER] = UVLLM__CAN_TEXT | UVLLM__CAN_IMAGE_DATA | UVLLM__CAN_IMAGE_URL,
               [UVLLM_ASSISTANT] = UVLLM__CAN_TEXT,
               [UVLLM_TOOL] = UVLLM__CAN_TEXT },
  };
  const int err = uvllm__check(&rules, r, emit);
  return err != 0 || r->op != UVLLM_CHAT ? err : uvllm__cohere_check(r, emit);
}


static void build_models(const uvllm__cohere_t* s, uvllm_http_t* http) {
  uvllm_http_method(http, "GET");
  uvllm_http_path(http, "/v1/models");
  uvllm_http_query(http, "page_size", uvllm__str("1000"));
  if (s->page != NULL)
    uvllm_http_query(http, "page_token", uvllm__str(s->page));
}


static void build_headers(const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  const uvllm_request_t* r = attempt->request;
  const int streams = r->op == UVLLM_CHAT && (r->flags & UVLLM_STREAM) != 0;
  if (r->op == UVLLM_CHAT || r->op == UVLLM_EMBED)
    uvllm_http_header(http, "Content-Type", uvllm__str("application/json"));
  if (r->op != UVLLM_RAW)
    uvllm_http_header(http, "Accept",
                      uvllm__str(streams ? "text/event-stream" : "application/json"));
  uvllm_http_header(http, "User-Agent", uvllm__str("uvllm/" UVLLM_VERSION_STRING));
  if (attempt->key.len != 0)
    uvllm_http_secret(http, "Authorization", "Bearer ", attempt->key);
}


static void set_texts(uvllm__cohere_t* s, const uvllm_attempt_t* attempt) {
  const size_t n = attempt->request->nmessages;
  s->all_texts = n < UINT32_MAX ? (uint32_t) n : UINT32_MAX;
  s->first = attempt->exchange * UVLLM__COHERE_TEXTS;
  s->ntexts = s->all_texts - s->first;
  if (s->ntexts > UVLLM__COHERE_TEXTS)
    s->ntexts = UVLLM__COHERE_TEXTS;
}


static int build(void* state, const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  uvllm__cohere_t* s = state;
  const uvllm_request_t* r = attempt->request;
  s->op = r->op;
  s->done = s->half = 0;
  uvllm__headers_begin(&s->head, attempt);
  build_headers(attempt, http);
  switch (r->op) {
    case UVLLM_RAW: uvllm__raw_build(r, http); return 0;
    case UVLLM_MODELS: build_models(s, http); return 0;
    case UVLLM_EMBED:
      set_texts(s, attempt);
      uvllm_http_path(http, "/v2/embed");
      return uvllm__cohere_body(s, attempt, http);
    case UVLLM_CHAT:
      uvllm_http_path(http, "/v2/chat");
      return uvllm__cohere_body(s, attempt, http);
    default: return UVLLM_EUNSUPPORTED;
  }
}


/* ---- Answers ---- */

static void header(void* state, uvllm_str_t name, uvllm_str_t value, uvllm_emit_t* emit) {
  uvllm__cohere_t* s = state;
  uvllm__headers_take(&s->head, name, value, emit);
}


/* The answer's own word, whatever was asked for. */
static uvllm_framing begin(void* state, int http_status, uvllm_str_t content_type) {
  uvllm__cohere_t* s = state;
  uvllm__headers_media_type(&s->head, content_type);
  s->framing = UVLLM_FRAME_BODY;
  if (http_status >= 200 && http_status < 300) {
    if (s->op == UVLLM_RAW)
      s->framing = UVLLM_FRAME_RAW;
    else if (strcmp(s->head.media_type, "text/event-stream") == 0)
      s->framing = UVLLM_FRAME_SSE;
  }
  return s->framing;
}


static int take_json(uvllm__cohere_t* s, const uvllm_frame_t* f, uvllm_json_t root,
                     uvllm_emit_t* emit) {
  switch (s->op) {
    case UVLLM_EMBED: return uvllm__cohere_vectors(s, root, emit);
    case UVLLM_MODELS: return uvllm__cohere_models(s, root, emit);
    default: break;
  }
  return s->framing == UVLLM_FRAME_SSE ? uvllm__cohere_event(s, f->event, root, emit)
                                       : uvllm__cohere_chat(s, root, emit);
}


/* "[DONE]" may follow the end, and is none itself. Only a whole payload is it: it may
 * stand in a text as well. */
static int frame(void* state, const uvllm_frame_t* f, uvllm_emit_t* emit) {
  uvllm__cohere_t* s = state;
  const uvllm_str_t text = uvllm__frame_trim(f->data);
  uvllm_json_t root;
  uvllm__headers_flush(&s->head, emit);
  if (s->done)
    return UVLLM_COMPLETE;
  if (s->op == UVLLM_RAW) {
    uvllm_emit_text(emit, 0, UVLLM_EVENT_RAW, f->data);
    return UVLLM_GO_ON;
  }
  if (s->framing == UVLLM_FRAME_SSE && uvllm__str_eq(text, "[DONE]"))
    return uvllm__refuse_with(emit, UVLLM_ETRUNCATED, "the stream ended without message-end");
  int rc = uvllm__frame_json(&s->head, s->framing, &s->half, text, &root, emit);
  if (rc == 1)
    rc = take_json(s, f, root, emit);
  s->done |= rc == UVLLM_COMPLETE;
  return rc;
}


static int end(void* state, uvllm_emit_t* emit) {
  uvllm__cohere_t* s = state;
  uvllm__headers_flush(&s->head, emit);
  return s->done || s->op == UVLLM_RAW ? UVLLM_COMPLETE : UVLLM_ETRUNCATED;
}


/* 498 is a busy server elsewhere: here it is words that are not to be said. */
static int error(void* state, int http_status, uvllm_str_t body, uvllm_emit_t* emit) {
  uvllm__cohere_t* s = state;
  uvllm_json_t root;
  uvllm__headers_flush(&s->head, emit);
  if (uvllm_json_parse(uvllm_emit_parser(emit), body, &root, NULL) == 0)
    uvllm__cohere_id(s, uvllm_json_get(root, "id"), emit);
  const int err = uvllm__fault_error(&s->head, http_status, body, emit);
  return http_status == 498 && err == UVLLM_EOVERLOAD ? UVLLM_EFILTER : err;
}


static void fini(void* state) {
  uvllm__cohere_t* s = state;
  if (s->alloc == NULL)
    return;
  if (s->plan.alloc != NULL)
    uvllm__buf_free(&s->plan);
  if (s->thinking.alloc != NULL)
    uvllm__buf_free(&s->thinking);
  uvllm__free(s->alloc, s->page);
}


const uvllm_provider_ops_t uvllm__cohere_ops = {
  .size = sizeof(uvllm_provider_ops_t),
  .default_base_url = "https://api.cohere.com",
  .state_size = sizeof(uvllm__cohere_t),
  .check = check,
  .build = build,
  .header = header,
  .begin = begin,
  .frame = frame,
  .end = end,
  .error = error,
  .fini = fini,
};
