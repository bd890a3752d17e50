/* The Gemini dialect: chats by generateContent and streamGenerateContent,
 * embeddings, the model list, token counts.
 *
 * Here is the way of one attempt. A stream has no mark of its end: it is whole when
 * it ends cleanly and each candidate has said why it finished. Asked for events,
 * some gateways send the other form of a stream, one JSON array, which is read as
 * a body.
 */
#include "gemini.h"
#include "check.h"
#include "frame_json.h"
#include "raw.h"


/* ---- Requests ---- */

static const char* action_of(const uvllm_request_t* r) {
  if (r->op == UVLLM_EMBED)
    return r->nmessages == 1 ? ":embedContent" : ":batchEmbedContents";
  if (r->op == UVLLM_COUNT_TOKENS)
    return ":countTokens";
  return (r->flags & UVLLM_STREAM) != 0 ? ":streamGenerateContent?alt=sse" : ":generateContent";
}


/* "gemini-2.5-flash" is models/gemini-2.5-flash; with a slash it is a whole name
 * ("tunedModels/mine"), whose slashes stay what they are. */
static void build_model_path(uvllm_http_t* http, uvllm_str_t model) {
  const char* slash = model.len != 0 ? memchr(model.base, '/', model.len) : NULL;
  if (slash == NULL)
    uvllm_http_path(http, "/models");
  for (; slash != NULL; slash = model.len != 0 ? memchr(model.base, '/', model.len) : NULL) {
    const uvllm_str_t segment = { model.base, (size_t) (slash - model.base) };
    uvllm_http_segment(http, segment);
    model.base += segment.len + 1;
    model.len -= segment.len + 1;
  }
  uvllm_http_segment(http, model);
}


static void build_path(const uvllm__gemini_t* s, const uvllm_attempt_t* attempt,
                       uvllm_http_t* http) {
  const uvllm_request_t* r = attempt->request;
  const char* version = uvllm_param(attempt->params, attempt->nparams, "version");
  uvllm_http_segment(http, uvllm__str(version != NULL ? version : "v1beta"));
  if (r->op != UVLLM_MODELS) {
    build_model_path(http, attempt->model);
    uvllm_http_path(http, action_of(r));
    return;
  }
  uvllm_http_method(http, "GET");
  uvllm_http_path(http, "/models");
  uvllm_http_query(http, "pageSize", uvllm__str("1000"));
  if (s->page != NULL)
    uvllm_http_query(http, "pageToken", uvllm__str(s->page));
}


static uint32_t expected_of(const uvllm_request_t* r) {
  if (r->op == UVLLM_EMBED)
    return r->nmessages < UINT32_MAX ? (uint32_t) r->nmessages : 0;
  return r->n;
}


static void set_inputs(uvllm__gemini_t* s, const uvllm_attempt_t* attempt) {
  const uint32_t first = attempt->exchange * UVLLM__GEMINI_INPUTS;
  s->first = first < s->expected ? first : 0;
  s->ninputs = s->expected - s->first;
  if (s->ninputs > UVLLM__GEMINI_INPUTS)
    s->ninputs = UVLLM__GEMINI_INPUTS;
}


static int build(void* state, const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  uvllm__gemini_t* s = state;
  const uvllm_request_t* r = attempt->request;
  s->op = r->op;
  s->expected = expected_of(r);
  if (r->op == UVLLM_EMBED)
    set_inputs(s, attempt);
  s->alloc = *uvllm_http_alloc(http);
  s->done = 0; /* of the page before */
  uvllm__headers_begin(&s->head, attempt);
  uvllm_http_header(http, "User-Agent", uvllm__str("uvllm/" UVLLM_VERSION_STRING));
  if (attempt->key.len != 0)
    uvllm_http_secret(http, "x-goog-api-key", "", attempt->key);
  if (r->op == UVLLM_RAW) {
    uvllm__raw_build(r, http);
    return 0;
  }
  build_path(s, attempt, http);
  uvllm_http_header(http, "Accept", uvllm__str("application/json"));
  if (r->op == UVLLM_MODELS)
    return 0;
  uvllm_http_header(http, "Content-Type", uvllm__str("application/json"));
  return uvllm__gemini_body(s, attempt, http);
}


/* ---- Answers ---- */

static void header(void* state, uvllm_str_t name, uvllm_str_t value, uvllm_emit_t* emit) {
  uvllm__gemini_t* s = state;
  uvllm__headers_take(&s->head, name, value, emit);
}


static uvllm_framing begin(void* state, int http_status, uvllm_str_t content_type) {
  uvllm__gemini_t* s = state;
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


static int take_json(uvllm__gemini_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  switch (s->op) {
    case UVLLM_EMBED: return uvllm__gemini_vectors(s, root, emit);
    case UVLLM_MODELS: return uvllm__gemini_models(s, root, emit);
    case UVLLM_COUNT_TOKENS: return uvllm__gemini_count(s, root, emit);
    default: return uvllm__gemini_chat(s, root, emit);
  }
}


static int frame(void* state, const uvllm_frame_t* f, uvllm_emit_t* emit) {
  uvllm__gemini_t* s = state;
  uvllm_json_t root;
  uvllm__headers_flush(&s->head, emit);
  if (s->op == UVLLM_RAW) {
    uvllm_emit_text(emit, 0, UVLLM_EVENT_RAW, f->data);
    return UVLLM_GO_ON;
  }
  const uvllm_str_t text = uvllm__frame_trim(f->data);
  /* Half an array is a stream that was cut. */
  const uvllm_framing framing = text.len != 0 && text.base[0] == '[' ? UVLLM_FRAME_SSE : s->framing;
  int rc = uvllm__frame_json(&s->head, framing, &s->half, text, &root, emit);
  if (rc == 1)
    rc = take_json(s, root, emit);
  s->done |= rc == UVLLM_COMPLETE;
  return rc;
}


static int end(void* state, uvllm_emit_t* emit) {
  uvllm__gemini_t* s = state;
  uvllm__headers_flush(&s->head, emit);
  if (s->done || s->op == UVLLM_RAW)
    return UVLLM_COMPLETE;
  return s->half ? UVLLM_ETRUNCATED : uvllm__gemini_end(s, emit);
}


static int error(void* state, int http_status, uvllm_str_t body, uvllm_emit_t* emit) {
  uvllm__gemini_t* s = state;
  uvllm__headers_flush(&s->head, emit);
  return uvllm__gemini_error(&s->head, http_status, body, emit);
}


static void fini(void* state) {
  uvllm__gemini_t* s = state;
  if (s->page != NULL)
    uvllm__free(&s->alloc, s->page);
  for (size_t i = 0; i < UVLLM__GEMINI_CHOICES; i++)
    if (s->choices[i].replay.alloc != NULL)
      uvllm__buf_free(&s->choices[i].replay);
}


const uvllm_provider_ops_t uvllm__gemini_ops = {
  .size = sizeof(uvllm_provider_ops_t),
  .default_base_url = "https://generativelanguage.googleapis.com",
  .state_size = sizeof(uvllm__gemini_t),
  .check = uvllm__gemini_check,
  .build = build,
  .header = header,
  .begin = begin,
  .frame = frame,
  .end = end,
  .error = error,
  .fini = fini,
};
