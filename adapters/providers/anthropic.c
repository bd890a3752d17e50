/* The Anthropic dialect: messages, their tokens counted, and the model list.
 *
 * Here is the way of one attempt: what is sent where, how the answer is cut, and when
 * it is whole. A stream is whole with its "message_stop" and nothing else.
 */
#include "anthropic.h"
#include "check.h"
#include "frame_json.h"
#include "raw.h"


static const char* param(const uvllm_attempt_t* attempt, const char* name) {
  return uvllm_param(attempt->params, attempt->nparams, name);
}


static int starts_with(uvllm_str_t s, const char* prefix) {
  const size_t n = strlen(prefix);
  return s.len >= n && memcmp(s.base, prefix, n) == 0;
}


/* Tokens of OAuth are taken as bearers alone. */
static void put_key(const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  const char* auth = param(attempt, "auth");
  const int bearer = auth != NULL ? strcmp(auth, "bearer") == 0
                                  : starts_with(attempt->key, "sk-ant-oat");
  if (attempt->key.len != 0 && bearer)
    uvllm_http_secret(http, "Authorization", "Bearer ", attempt->key);
  else if (attempt->key.len != 0)
    uvllm_http_secret(http, "x-api-key", "", attempt->key);
}


static void put_headers(const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  const char* version = param(attempt, "version");
  const char* beta = param(attempt, "beta");
  uvllm_http_header(http, "User-Agent", uvllm__str("uvllm/" UVLLM_VERSION_STRING));
  uvllm_http_header(http, "anthropic-version",
                    uvllm__str(version != NULL ? version : UVLLM__ANTHROPIC_VERSION));
  if (beta != NULL)
    uvllm_http_header(http, "anthropic-beta", uvllm__str(beta));
  put_key(attempt, http);
}


static void put_list(const uvllm__anthropic_t* s, uvllm_http_t* http) {
  uvllm_http_method(http, "GET");
  uvllm_http_path(http, "/v1/models");
  uvllm_http_query(http, "limit", uvllm__str("1000"));
  if (s->last_id.len != 0)
    uvllm_http_query(http, "after_id", uvllm__buf_slice(&s->last_id));
}


static int build(void* state, const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  uvllm__anthropic_t* s = state;
  const uvllm_request_t* r = attempt->request;
  s->op = r->op;
  s->done = s->half = 0;
  uvllm__headers_begin(&s->head, attempt);
  put_headers(attempt, http);
  if (r->op == UVLLM_RAW) {
    uvllm__raw_build(r, http);
    return 0;
  }
  uvllm_http_header(http, "Accept", uvllm__str("application/json"));
  if (r->op == UVLLM_MODELS) {
    put_list(s, http);
    return 0;
  }
  uvllm_http_path(http, r->op == UVLLM_CHAT ? "/v1/messages" : "/v1/messages/count_tokens");
  uvllm_http_header(http, "Content-Type", uvllm__str("application/json"));
  return uvllm__anthropic_body(attempt, http);
}


static void header(void* state, uvllm_str_t name, uvllm_str_t value, uvllm_emit_t* emit) {
  uvllm__anthropic_t* s = state;
  uvllm__headers_take(&s->head, name, value, emit);
}


/* The answer's own word, not what was asked for. */
static uvllm_framing begin(void* state, int http_status, uvllm_str_t content_type) {
  uvllm__anthropic_t* s = state;
  uvllm__headers_media_type(&s->head, content_type);
  s->framing = UVLLM_FRAME_BODY;
  if (http_status >= 200 && http_status < 300 && s->op == UVLLM_RAW)
    s->framing = UVLLM_FRAME_RAW;
  else if (http_status >= 200 && http_status < 300 &&
           strcmp(s->head.media_type, "text/event-stream") == 0)
    s->framing = UVLLM_FRAME_SSE;
  return s->framing;
}


static int take_json(uvllm__anthropic_t* s, uvllm_str_t name, uvllm_json_t root,
                     uvllm_emit_t* emit) {
  int rc;
  if (s->op == UVLLM_MODELS)
    rc = uvllm__anthropic_models(s, root, emit);
  else if (s->op == UVLLM_COUNT_TOKENS)
    rc = uvllm__anthropic_count(s, root, emit);
  else if (s->framing == UVLLM_FRAME_SSE)
    rc = uvllm__anthropic_event(s, name, root, emit);
  else
    rc = uvllm__anthropic_message(s, root, emit);
  s->done |= rc == UVLLM_COMPLETE;
  return rc;
}


/* Events without data, and the "[DONE]" of some gateways, say nothing here. */
static int frame(void* state, const uvllm_frame_t* f, uvllm_emit_t* emit) {
  uvllm__anthropic_t* s = state;
  const uvllm_str_t text = uvllm__frame_trim(f->data);
  uvllm_json_t root;
  uvllm__headers_flush(&s->head, emit);
  if (s->done)
    return UVLLM_COMPLETE;
  if (s->op == UVLLM_RAW) {
    uvllm_emit_text(emit, 0, UVLLM_EVENT_RAW, f->data);
    return UVLLM_GO_ON;
  }
  if (s->framing == UVLLM_FRAME_SSE && (text.len == 0 || uvllm__str_eq(text, "[DONE]")))
    return UVLLM_GO_ON;
  const int rc = uvllm__frame_json(&s->head, s->framing, &s->half, text, &root, emit);
  return rc != 1 ? rc : take_json(s, f->event, root, emit);
}


static int end(void* state, uvllm_emit_t* emit) {
  uvllm__anthropic_t* s = state;
  uvllm__headers_flush(&s->head, emit);
  return s->done || s->op == UVLLM_RAW ? UVLLM_COMPLETE : UVLLM_ETRUNCATED;
}


static int error(void* state, int http_status, uvllm_str_t body, uvllm_emit_t* emit) {
  uvllm__anthropic_t* s = state;
  uvllm__headers_flush(&s->head, emit);
  return uvllm__fault_error(&s->head, http_status, body, emit);
}


static void fini(void* state) {
  uvllm__anthropic_free(state);
}


const uvllm_provider_ops_t uvllm__anthropic_ops = {
  .size = sizeof(uvllm_provider_ops_t),
  .default_base_url = "https://api.anthropic.com",
  .state_size = sizeof(uvllm__anthropic_t),
  .check = uvllm__anthropic_check,
  .build = build,
  .header = header,
  .begin = begin,
  .frame = frame,
  .end = end,
  .error = error,
  .fini = fini,
};
