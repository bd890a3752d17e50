/* Hugging Face's own dialect: a server of Text Generation (or Embeddings) Inference,
 * or with the parameter "route" of "models" the tasks of hf-inference.
 *
 *                 one's own server                "route" is "models"
 *   COMPLETION    /generate, /generate_stream     /models/{model}
 *   EMBED         /embed                          .../pipeline/feature-extraction
 *   MODELS        /info: the one it has           -
 *   COUNT_TOKENS  /chat_tokenize                  -
 *
 * Chats are OpenAI's at both, under /v1: presets "tgi-v1" and "huggingface". A stream
 * is whole with the event that has the whole text.
 */
#include "tgi.h"
#include "check.h"
#include "frame_json.h"
#include "raw.h"


int uvllm__tgi_has_tasks(const char* route) {
  return route != NULL && strcmp(route, "models") == 0;
}


/* ---- Requests ---- */

static const uvllm__rules_t kRules = {
  .dialect = "tgi",
  .ops = 1 << UVLLM_COMPLETION | 1 << UVLLM_EMBED | 1 << UVLLM_MODELS |
         1 << UVLLM_COUNT_TOKENS | 1 << UVLLM_RAW,
  .fields = {
    [UVLLM_COMPLETION] = UVLLM__CAN_MESSAGES | UVLLM__CAN_EXTRA | UVLLM__CAN_MAX_TOKENS |
                         UVLLM__CAN_TEMPERATURE | UVLLM__CAN_TOP_P |
                         UVLLM__CAN_FREQUENCY_PENALTY | UVLLM__CAN_SEED | UVLLM__CAN_STOP |
                         UVLLM__CAN_SCHEMA | UVLLM__CAN_STREAM,
    [UVLLM_EMBED] = UVLLM__CAN_MESSAGES | UVLLM__CAN_EXTRA,
    [UVLLM_COUNT_TOKENS] = UVLLM__CAN_MESSAGES | UVLLM__CAN_EXTRA | UVLLM__CAN_TOOLS,
    [UVLLM_RAW] = UVLLM__CAN_RAW_FIELDS | UVLLM__CAN_STREAM,
  },
  .parts = { [UVLLM_SYSTEM] = UVLLM__CAN_TEXT,
             [UVLLM_USER] = UVLLM__CAN_TEXT | UVLLM__CAN_IMAGE_DATA | UVLLM__CAN_IMAGE_URL,
             [UVLLM_ASSISTANT] = UVLLM__CAN_TEXT,
             [UVLLM_TOOL] = UVLLM__CAN_TEXT },
};


static int check(const uvllm_request_t* r, uvllm_emit_t* emit) {
  const int has_tasks = uvllm__tgi_has_tasks(uvllm_emit_param(emit, "route"));
  if (r->op == UVLLM_CHAT)
    return uvllm__refuse_with(emit, UVLLM_EUNSUPPORTED,
                              "chats of TGI are OpenAI's, under /v1: preset tgi-v1");
  const int err = uvllm__check(&kRules, r, emit);
  if (err != 0)
    return err;
  if (has_tasks && (r->op == UVLLM_MODELS || r->op == UVLLM_COUNT_TOKENS))
    return uvllm__refuse_with(emit, UVLLM_EUNSUPPORTED,
                              "only a TGI server of one's own lists its model and counts tokens");
  return 0;
}


/* "org/name" keeps its slash. */
static void put_model(uvllm_http_t* http, uvllm_str_t model) {
  uvllm_http_path(http, "/models");
  while (model.len != 0) {
    const char* slash = memchr(model.base, '/', model.len);
    const uvllm_str_t part = { model.base, slash != NULL ? (size_t) (slash - model.base)
                                                         : model.len };
    uvllm_http_segment(http, part);
    model.base += part.len + (slash != NULL);
    model.len -= part.len + (slash != NULL);
  }
}


static int build_path(const uvllm_attempt_t* attempt, int has_tasks, uvllm_http_t* http) {
  const uvllm_request_t* r = attempt->request;
  if (has_tasks)
    put_model(http, attempt->model);
  switch (r->op) {
    case UVLLM_COMPLETION:
      if (!has_tasks)
        uvllm_http_path(http, (r->flags & UVLLM_STREAM) != 0 ? "/generate_stream" : "/generate");
      return 0;
    case UVLLM_EMBED:
      uvllm_http_path(http, has_tasks ? "/pipeline/feature-extraction" : "/embed");
      return 0;
    case UVLLM_MODELS:
      uvllm_http_method(http, "GET");
      uvllm_http_path(http, "/info");
      return has_tasks ? UVLLM_EUNSUPPORTED : 0;
    case UVLLM_COUNT_TOKENS:
      uvllm_http_path(http, "/chat_tokenize");
      return has_tasks ? UVLLM_EUNSUPPORTED : 0;
    default: return UVLLM_EUNSUPPORTED;
  }
}


static int build(void* state, const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  uvllm__tgi_t* s = state;
  const uvllm_request_t* r = attempt->request;
  const int has_tasks =
      uvllm__tgi_has_tasks(uvllm_param(attempt->params, attempt->nparams, "route"));
  s->op = r->op;
  s->ntexts = r->nmessages < UINT32_MAX ? (uint32_t) r->nmessages : 0;
  uvllm__headers_begin(&s->head, attempt);
  if (attempt->key.len != 0)
    uvllm_http_secret(http, "Authorization", "Bearer ", attempt->key);
  uvllm_http_header(http, "User-Agent", uvllm__str("uvllm/" UVLLM_VERSION_STRING));
  if (r->op == UVLLM_RAW) {
    uvllm__raw_build(r, http);
    return 0;
  }
  const int err = build_path(attempt, has_tasks, http);
  if (err != 0 || r->op == UVLLM_MODELS)
    return err;
  uvllm_http_header(http, "Content-Type", uvllm__str("application/json"));
  return uvllm__tgi_body(attempt, has_tasks, http);
}


/* ---- Answers ---- */

static int is_header(uvllm_str_t name, const char* wanted) {
  if (name.len != strlen(wanted))
    return 0;
  for (size_t i = 0; i < name.len; i++)
    if ((name.base[i] >= 'A' && name.base[i] <= 'Z' ? name.base[i] | 0x20 : name.base[i]) !=
        wanted[i])
      return 0;
  return 1;
}


static uint64_t number_of(uvllm_str_t value) {
  uint64_t n = 0;
  for (size_t i = 0; i < value.len; i++) {
    if (value.base[i] < '0' || value.base[i] > '9' || n > UINT32_MAX)
      return 0;
    n = n * 10 + (uint64_t) (value.base[i] - '0');
  }
  return n;
}


static void header(void* state, uvllm_str_t name, uvllm_str_t value, uvllm_emit_t* emit) {
  uvllm__tgi_t* s = state;
  if (is_header(name, "x-prompt-tokens"))
    s->prompt_tokens = number_of(value);
  else if (is_header(name, "x-generated-tokens"))
    s->generated_tokens = number_of(value);
  else
    uvllm__headers_take(&s->head, name, value, emit);
}


static uvllm_framing begin(void* state, int http_status, uvllm_str_t content_type) {
  uvllm__tgi_t* s = state;
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


static int frame(void* state, const uvllm_frame_t* f, uvllm_emit_t* emit) {
  uvllm__tgi_t* s = state;
  uvllm_json_t root;
  uvllm__headers_flush(&s->head, emit);
  if (s->done)
    return UVLLM_COMPLETE;
  if (s->op == UVLLM_RAW) {
    uvllm_emit_text(emit, 0, UVLLM_EVENT_RAW, f->data);
    return UVLLM_GO_ON;
  }
  const uvllm_str_t text = uvllm__frame_trim(f->data);
  if (s->framing == UVLLM_FRAME_SSE && uvllm__str_eq(text, "[DONE]"))
    return uvllm__refuse_with(emit, UVLLM_ETRUNCATED, "the stream ended without the whole text");
  int rc = uvllm__frame_json(&s->head, s->framing, &s->half, text, &root, emit);
  if (rc == 1)
    rc = uvllm__tgi_take(s, root, emit);
  s->done |= rc == UVLLM_COMPLETE;
  return rc;
}


static int end(void* state, uvllm_emit_t* emit) {
  uvllm__tgi_t* s = state;
  uvllm__headers_flush(&s->head, emit);
  return s->done || s->op == UVLLM_RAW ? UVLLM_COMPLETE : UVLLM_ETRUNCATED;
}


static int error(void* state, int http_status, uvllm_str_t body, uvllm_emit_t* emit) {
  uvllm__tgi_t* s = state;
  uvllm__headers_flush(&s->head, emit);
  return uvllm__fault_error(&s->head, http_status, body, emit);
}


const uvllm_provider_ops_t uvllm__tgi_ops = {
  .size = sizeof(uvllm_provider_ops_t),
  .default_base_url = "http://localhost:8080",
  .state_size = sizeof(uvllm__tgi_t),
  .check = check,
  .build = build,
  .header = header,
  .begin = begin,
  .frame = frame,
  .end = end,
  .error = error,
};
