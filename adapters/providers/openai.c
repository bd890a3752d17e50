/* The OpenAI dialect: chat and text completions, embeddings, the model list, and
 * whatever server speaks it.
 *
 * Here is the way of one attempt: what is sent where, how the answer is cut, and
 * when it is whole. A stream is whole with "[DONE]", or when it ends cleanly and
 * every choice has said why it finished.
 */
#include "openai.h"
#include "check.h"
#include "http_build.h"

#include <stdio.h>


static const char* path_of(const uvllm_request_t* r) {
  switch (r->op) {
    case UVLLM_CHAT: return "/chat/completions";
    case UVLLM_COMPLETION: return "/completions";
    case UVLLM_EMBED: return "/embeddings";
    case UVLLM_MODELS: return "/models";
    case UVLLM_RAW: return r->raw_path;
    case UVLLM_COUNT_TOKENS: break;
  }
  return NULL;
}


static const char* method_of(const uvllm_request_t* r) {
  if (r->op == UVLLM_RAW && r->raw_method != NULL)
    return r->raw_method;
  if (r->op == UVLLM_RAW)
    return r->raw_body.base != NULL ? "POST" : "GET";
  return r->op == UVLLM_MODELS ? "GET" : "POST";
}


static void build_headers(const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  const uvllm_request_t* r = attempt->request;
  const int has_body = r->op == UVLLM_RAW ? r->raw_body.base != NULL : r->op != UVLLM_MODELS;
  if (has_body)
    UVLLM__HTTP_CONSTANT(http, "Content-Type", "application/json");
  if (r->op == UVLLM_RAW)
    UVLLM__HTTP_CONSTANT(http, "Accept", "*/*");
  else
    UVLLM__HTTP_CONSTANT(http, "Accept", "application/json");
  UVLLM__HTTP_CONSTANT(http, "User-Agent", "uvllm/" UVLLM_VERSION_STRING);
  const char* own = uvllm_param(attempt->params, attempt->nparams, "auth");
  if (attempt->key.len != 0 && own != NULL)
    uvllm_http_secret(http, own, "", attempt->key);
  else if (attempt->key.len != 0)
    uvllm_http_secret(http, "Authorization", "Bearer ", attempt->key);
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
  uvllm_http_method(http, method_of(r));
  uvllm_http_path(http, path_of(r));
  build_headers(attempt, http);
  if (r->op == UVLLM_RAW && r->raw_body.base != NULL)
    uvllm_http_body_ref(http, r->raw_body);
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


static uvllm_str_t skip_space(uvllm_str_t s) {
  while (s.len != 0 && (s.base[0] == ' ' || (s.base[0] >= '\t' && s.base[0] <= '\r'))) {
    s.base++;
    s.len--;
  }
  return s;
}


static int starts_with(uvllm_str_t s, const char* prefix) {
  const size_t n = strlen(prefix);
  return s.len >= n && memcmp(s.base, prefix, n) == 0;
}


/* Says where, and not what: content must not reach a log. Half an event may be
 * the last one of a stream that was cut: what comes next will tell. */
static int not_json(uvllm__openai_t* s, uvllm_str_t text, size_t at, uvllm_emit_t* emit) {
  char message[128];
  const char* what = s->framing == UVLLM_FRAME_SSE ? "an event of the stream" : "the answer";
  if (s->framing == UVLLM_FRAME_SSE && at >= text.len) {
    s->half = 1;
    return UVLLM_GO_ON;
  }
  if (text.len == 0)
    snprintf(message, sizeof(message), "%s is empty", what);
  else if (text.base[0] == '<')
    snprintf(message, sizeof(message), "%s is HTML or XML, not JSON", what);
  else if (starts_with(text, "data:"))
    snprintf(message, sizeof(message), "a stream was sent as %s",
             s->head.media_type[0] != '\0' ? s->head.media_type : "no content type");
  else if (at >= text.len)
    snprintf(message, sizeof(message), "%s is JSON that ends too early, after %zu bytes", what,
             text.len);
  else
    snprintf(message, sizeof(message), "%s is not JSON (byte %zu of %zu)", what, at + 1,
             text.len);
  return uvllm__refuse_with(emit, UVLLM_EPROTO, message);
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
  const uvllm_str_t text = skip_space(f->data);
  uvllm_json_t root;
  size_t at = 0;
  uvllm__headers_flush(&s->head, emit);
  if (s->done)
    return UVLLM_COMPLETE;
  if (s->half)
    return uvllm__refuse_with(emit, UVLLM_EPROTO, "an event of the stream is half of one");
  if (s->op == UVLLM_RAW) {
    uvllm_emit_text(emit, 0, UVLLM_EVENT_RAW, f->data);
    return UVLLM_GO_ON;
  }
  if (s->framing == UVLLM_FRAME_SSE && starts_with(text, "[DONE]"))
    return uvllm__openai_done(s, emit);
  const int err = uvllm__json_parse_like(uvllm_emit_parser(emit), text, &root, &at);
  if (err != 0)
    return err == UVLLM_EPROTO ? not_json(s, text, at, emit) : err;
  return take_json(s, f, root, emit);
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
  .speaks_openai = 1,
};
