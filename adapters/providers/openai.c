/* The OpenAI dialect: chat and text completions, embeddings, the model list, and
 * whatever server speaks it.
 *
 * Here is the way of one attempt: what is sent where, how the answer is cut, and
 * when it is whole. A stream is whole with "[DONE]", or when it ends cleanly and
 * every choice has said why it finished.
 */
#include "openai.h"
#include "frame_json.h"
#include "http_build.h"
#include "openai_quirks.h"
#include "raw.h"


static const char* path_of(const uvllm_request_t* r) {
  switch (r->op) {
    case UVLLM_CHAT: return "/chat/completions";
    case UVLLM_COMPLETION: return "/completions";
    case UVLLM_EMBED: return "/embeddings";
    case UVLLM_MODELS: return "/models";
    case UVLLM_RAW: case UVLLM_COUNT_TOKENS: break;
  }
  return NULL;
}


void uvllm__openai_headers(const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  const uvllm_op op = attempt->request->op;
  if (op != UVLLM_RAW && op != UVLLM_MODELS)
    UVLLM__HTTP_CONSTANT(http, "Content-Type", "application/json");
  if (op != UVLLM_RAW)
    UVLLM__HTTP_CONSTANT(http, "Accept", "application/json");
  UVLLM__HTTP_CONSTANT(http, "User-Agent", "uvllm/" UVLLM_VERSION_STRING);
  const char* own = uvllm_param(attempt->params, attempt->nparams, "auth");
  if (attempt->key.len != 0 && own != NULL && strcmp(own, "bearer") != 0)
    uvllm_http_secret(http, own, "", attempt->key);
  else if (attempt->key.len != 0)
    UVLLM__HTTP_SECRET(http, "Authorization", "Bearer ", attempt->key);
}


static uint32_t expected_of(const uvllm_request_t* r) {
  if (r->op == UVLLM_EMBED)
    return r->nmessages < UINT32_MAX ? (uint32_t) r->nmessages : 0;
  return r->n;
}


static int build(void* state, const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  uvllm__openai_t* s = state;
  const uvllm_request_t* r = attempt->request;
  s->op = r->op;
  uvllm__headers_begin(&s->head, attempt);
  s->expected = expected_of(r);
  uvllm__openai_keep_begin(s, attempt);
  if (r->op == UVLLM_RAW) {
    uvllm__raw_build(r, http);
  } else {
    if (r->op == UVLLM_MODELS) /* else POST, which need not be said */
      uvllm_http_method(http, "GET");
    const int err = uvllm__quirk_path(attempt, path_of(r), r->op != UVLLM_MODELS, http);
    if (err != 0)
      return err;
  }
  uvllm__openai_headers(attempt, http);
  return r->op == UVLLM_RAW || r->op == UVLLM_MODELS ? 0 : uvllm__openai_body(attempt, http);
}


/* The answer's own word, not what was asked for: some servers stream unasked or
 * ignore the wish. */
static uvllm_framing begin(void* state, int http_status, uvllm_str_t content_type) {
  uvllm__openai_t* s = state;
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


static int starts_with(uvllm_str_t s, const char* prefix) {
  const size_t n = strlen(prefix);
  return s.len >= n && memcmp(s.base, prefix, n) == 0;
}


static int take_json(uvllm__openai_t* s, const uvllm_frame_t* f, uvllm_json_t root,
                     uvllm_emit_t* emit) {
  int err;
  if (s->op == UVLLM_EMBED)
    err = uvllm__openai_vectors(s, root, emit);
  else if (s->op == UVLLM_MODELS)
    err = uvllm__openai_models(s, root, emit);
  else
    err = uvllm__openai_chat(s, f, root, emit);
  s->done |= err == UVLLM_COMPLETE;
  return s->no_memory ? UVLLM__ENOMEM : err;
}


static int frame(void* state, const uvllm_frame_t* f, uvllm_emit_t* emit) {
  uvllm__openai_t* s = state;
  const uvllm_str_t text = uvllm__frame_trim(f->data);
  uvllm_json_t root;
  uvllm__headers_flush(&s->head, emit);
  if (s->done)
    return UVLLM_COMPLETE;
  if (s->op == UVLLM_RAW) {
    uvllm_emit_text(emit, 0, UVLLM_EVENT_RAW, f->data);
    return UVLLM_GO_ON;
  }
  if (s->framing == UVLLM_FRAME_SSE && !s->half && starts_with(text, "[DONE]"))
    return uvllm__openai_done(s, emit);
  const int rc = uvllm__frame_json(&s->head, s->framing, &s->half, text, &root, emit);
  return rc != 1 ? rc : take_json(s, f, root, emit);
}


static int end(void* state, uvllm_emit_t* emit) {
  uvllm__openai_t* s = state;
  uvllm__headers_flush(&s->head, emit);
  if (s->done || s->op == UVLLM_RAW)
    return UVLLM_COMPLETE;
  return !s->half && uvllm__openai_is_finished(s) ? UVLLM_COMPLETE : UVLLM_ETRUNCATED;
}


uvllm_str_t uvllm__openai_str(uvllm__openai_t* s, uvllm_json_t v) {
  const uvllm_str_t text = uvllm_json_str(v);
  if (text.base == NULL && uvllm_json_type_of(v) == UVLLM_JSON_STRING)
    s->no_memory = 1;
  return text;
}


static void header(void* state, uvllm_str_t name, uvllm_str_t value, uvllm_emit_t* emit) {
  uvllm__openai_t* s = state;
  uvllm__headers_take(&s->head, name, value, emit);
}


static int error(void* state, int http_status, uvllm_str_t body, uvllm_emit_t* emit) {
  uvllm__openai_t* s = state;
  uvllm__headers_flush(&s->head, emit);
  return uvllm__fault_error(&s->head, http_status, body, emit);
}


static void fini(void* state) {
  uvllm__openai_keep_end(state);
}


const uvllm_provider_ops_t uvllm__openai_ops = {
  .size = sizeof(uvllm_provider_ops_t),
  .default_base_url = "https://api.openai.com/v1",
  .state_size = sizeof(uvllm__openai_t),
  .check = uvllm__openai_check,
  .build = build,
  .header = header,
  .begin = begin,
  .frame = frame,
  .end = end,
  .error = error,
  .fini = fini,
  .speaks_openai = 1,
  .pick = uvllm__openai_pick,
};
