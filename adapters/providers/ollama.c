/* Ollama's native dialect: chats, generations, embeddings and the list of models, and
 * by UVLLM_RAW whatever else the server has; /api/pull, push and create tell their
 * progress.
 *
 * A stream is lines of JSON, and whole with one that says "done": true. Errors before
 * the first line, and the answer to a request that only loads a model, are one object
 * in a streaming call too; so the answer's own type says how it is cut.
 */
#include "ollama.h"
#include "check.h"

#include <stdio.h>


static int is_progress(const uvllm_request_t* r) {
  static const char* const paths[] = { "/api/pull", "/api/push", "/api/create" };
  if (r->op == UVLLM_RAW && r->raw_path != NULL)
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
      if (strcmp(r->raw_path, paths[i]) == 0)
        return 1;
  return 0;
}


/* ---- Requests ---- */

static const char* path_of(const uvllm_request_t* r) {
  switch (r->op) {
    case UVLLM_CHAT: return "/api/chat";
    case UVLLM_COMPLETION: return "/api/generate";
    case UVLLM_EMBED: return "/api/embed";
    case UVLLM_MODELS: return "/api/tags";
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
    uvllm_http_header(http, "Content-Type", uvllm__str("application/json"));
  uvllm_http_header(http, "Accept", uvllm__str(r->op == UVLLM_RAW ? "*/*" : "application/json"));
  uvllm_http_header(http, "User-Agent", uvllm__str("uvllm/" UVLLM_VERSION_STRING));
  if (attempt->key.len != 0)
    uvllm_http_secret(http, "Authorization", "Bearer ", attempt->key);
}


static int build(void* state, const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  uvllm__ollama_t* s = state;
  const uvllm_request_t* r = attempt->request;
  if (path_of(r) == NULL)
    return UVLLM_EUNSUPPORTED;
  s->op = r->op;
  s->expected = r->op == UVLLM_EMBED && r->nmessages < UINT32_MAX ? (uint32_t) r->nmessages : 0;
  s->has_tools = r->tools_json.base != NULL;
  s->is_progress = is_progress(r);
  uvllm__headers_begin(&s->head, attempt);
  uvllm_http_method(http, method_of(r));
  uvllm_http_path(http, path_of(r));
  build_headers(attempt, http);
  if (r->op == UVLLM_RAW && r->raw_body.base != NULL)
    uvllm_http_body_ref(http, r->raw_body);
  return r->op == UVLLM_RAW || r->op == UVLLM_MODELS ? 0 : uvllm__ollama_body(attempt, http);
}


/* ---- Answers ---- */

static uvllm_framing begin(void* state, int http_status, uvllm_str_t content_type) {
  uvllm__ollama_t* s = state;
  uvllm__headers_media_type(&s->head, content_type);
  const int is_lines = strcmp(s->head.media_type, "application/x-ndjson") == 0;
  s->framing = UVLLM_FRAME_BODY;
  if (http_status >= 200 && http_status < 300) {
    if (s->op == UVLLM_RAW && !s->is_progress)
      s->framing = UVLLM_FRAME_RAW;
    else if (is_lines)
      s->framing = UVLLM_FRAME_LINES;
  }
  return s->framing;
}


/* Says where, and not what: content must not reach a log. Half a line may be the last
 * one of a stream that was cut: what comes next will tell. */
static int not_json(uvllm__ollama_t* s, uvllm_str_t text, size_t at, uvllm_emit_t* emit) {
  char message[128];
  const char* what = s->framing == UVLLM_FRAME_LINES ? "a line of the stream" : "the answer";
  if (s->framing == UVLLM_FRAME_LINES && at >= text.len && !s->half) {
    s->half = 1;
    return UVLLM_GO_ON;
  }
  if (text.len == 0)
    snprintf(message, sizeof(message), "%s is empty", what);
  else if (text.base[0] == '<')
    snprintf(message, sizeof(message), "%s is HTML or XML, not JSON", what);
  else if (at >= text.len)
    snprintf(message, sizeof(message), "%s is JSON that ends too early, after %zu bytes", what,
             text.len);
  else
    snprintf(message, sizeof(message), "%s is not JSON (byte %zu of %zu)", what, at + 1,
             text.len);
  return uvllm__refuse_with(emit, UVLLM_EPROTO, message);
}


static int take_json(uvllm__ollama_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  static const uvllm_json_t none;
  if (s->half)
    return uvllm__refuse_with(emit, UVLLM_EPROTO,
                              "a line of the stream is JSON that ends too early");
  if (s->op == UVLLM_CHAT || s->op == UVLLM_COMPLETION)
    return uvllm__ollama_chat(s, root, emit);
  if (uvllm__is_fault(uvllm_json_get(root, "error"), none))
    return uvllm__fault_inside(&s->head, root, emit);
  if (s->op == UVLLM_RAW)
    return uvllm__ollama_progress(root, emit);
  return s->op == UVLLM_EMBED ? uvllm__ollama_vectors(s, root, emit)
                              : uvllm__ollama_models(s, root, emit);
}


static int frame(void* state, const uvllm_frame_t* f, uvllm_emit_t* emit) {
  uvllm__ollama_t* s = state;
  uvllm_json_t root;
  size_t at = 0;
  uvllm__headers_flush(&s->head, emit);
  if (s->op == UVLLM_RAW)
    uvllm_emit_text(emit, 0, UVLLM_EVENT_RAW, f->data);
  if (s->framing == UVLLM_FRAME_RAW)
    return UVLLM_GO_ON;
  if (s->op == UVLLM_RAW && s->framing == UVLLM_FRAME_LINES)
    uvllm_emit_text(emit, 0, UVLLM_EVENT_RAW, uvllm__str("\n"));
  const int err = uvllm_json_parse(uvllm_emit_parser(emit), f->data, &root, &at);
  if (err != 0)
    return err == UVLLM_EPROTO ? not_json(s, f->data, at, emit) : err;
  return take_json(s, root, emit);
}


static int end(void* state, uvllm_emit_t* emit) {
  uvllm__ollama_t* s = state;
  uvllm__headers_flush(&s->head, emit);
  if (s->op == UVLLM_RAW && !s->is_progress)
    return UVLLM_COMPLETE;
  if (s->is_progress)
    return uvllm__refuse_with(emit, UVLLM_ETRUNCATED, "the answer ended without \"success\"");
  return UVLLM_ETRUNCATED;
}


static void header(void* state, uvllm_str_t name, uvllm_str_t value, uvllm_emit_t* emit) {
  uvllm__ollama_t* s = state;
  uvllm__headers_take(&s->head, name, value, emit);
}


static int error(void* state, int http_status, uvllm_str_t body, uvllm_emit_t* emit) {
  uvllm__ollama_t* s = state;
  uvllm__headers_flush(&s->head, emit);
  return uvllm__fault_error(&s->head, http_status, body, emit);
}


static void fini(void* state) {
  uvllm__ollama_t* s = state;
  if (s->has_thoughts)
    uvllm__buf_free(&s->thoughts);
}


const uvllm_provider_ops_t uvllm__ollama_ops = {
  .size = sizeof(uvllm_provider_ops_t),
  .default_base_url = "http://127.0.0.1:11434",
  .state_size = sizeof(uvllm__ollama_t),
  .check = uvllm__ollama_check,
  .build = build,
  .header = header,
  .begin = begin,
  .frame = frame,
  .end = end,
  .error = error,
  .fini = fini,
};
