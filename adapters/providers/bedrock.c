/* The Bedrock dialect: Converse and ConverseStream, token counts, embeddings by
 * InvokeModel, foundation models, all of Amazon's runtime API.
 *
 * A key with a secret signs, a key alone is a bearer token. A stream is whole with its
 * metadata, or when it ends cleanly behind messageStop.
 */
#include "bedrock.h"
#include "mask.h"

#include <stdio.h>


static const char* action_of(const uvllm_request_t* r) {
  switch (r->op) {
    case UVLLM_CHAT: return (r->flags & UVLLM_STREAM) != 0 ? "/converse-stream" : "/converse";
    case UVLLM_COUNT_TOKENS: return "/count-tokens";
    default: return "/invoke";
  }
}


static void build_path(const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  const uvllm_request_t* r = attempt->request;
  if (r->op == UVLLM_RAW) {
    uvllm_http_method(http, r->raw_method != NULL          ? r->raw_method
                            : r->raw_body.base != NULL ? "POST" : "GET");
    uvllm_http_path(http, r->raw_path);
  } else if (r->op == UVLLM_MODELS) {
    uvllm_http_method(http, "GET");
    uvllm_http_path(http, "/foundation-models");
  } else {
    uvllm_http_path(http, "/model");
    uvllm_http_segment(http, attempt->model);
    uvllm_http_path(http, action_of(r));
  }
}


static void build_headers(const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  const uvllm_request_t* r = attempt->request;
  const int has_body = r->op == UVLLM_RAW ? r->raw_body.base != NULL : r->op != UVLLM_MODELS;
  const int streams = r->op == UVLLM_CHAT && (r->flags & UVLLM_STREAM) != 0;
  if (has_body)
    uvllm_http_header(http, "Content-Type", uvllm__str("application/json"));
  uvllm_http_header(http, "Accept", uvllm__str(r->op == UVLLM_RAW ? "*/*"
                                               : streams ? "application/vnd.amazon.eventstream"
                                                         : "application/json"));
  uvllm_http_header(http, "User-Agent", uvllm__str("uvllm/" UVLLM_VERSION_STRING));
  if (attempt->key.len != 0 && attempt->secret.len == 0)
    uvllm_http_secret(http, "Authorization", "Bearer ", attempt->key);
}


static int build(void* state, const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  uvllm__bedrock_t* s = state;
  const uvllm_request_t* r = attempt->request;
  s->op = r->op;
  s->expected = r->nmessages < UINT32_MAX ? (uint32_t) r->nmessages : UINT32_MAX;
  s->header_tokens = 0;
  s->error_type[0] = '\0';
  uvllm__headers_begin(&s->head, attempt);
  build_path(attempt, http);
  build_headers(attempt, http);
  switch (r->op) {
    case UVLLM_CHAT: case UVLLM_COUNT_TOKENS: return uvllm__bedrock_body(attempt, http);
    case UVLLM_EMBED: return uvllm__bedrock_embed_body(attempt, http);
    case UVLLM_RAW:
      if (r->raw_body.base != NULL)
        uvllm_http_body_ref(http, r->raw_body);
      return 0;
    case UVLLM_MODELS: return 0;
    default: return UVLLM_EUNSUPPORTED;
  }
}


/* ---- Answers ---- */

static int same(uvllm_str_t s, const char* lower) {
  size_t i = 0;
  while (i < s.len && lower[i] != '\0' &&
         ((s.base[i] >= 'A' && s.base[i] <= 'Z') ? (s.base[i] | 0x20) : s.base[i]) == lower[i])
    i++;
  return i == s.len && lower[i] == '\0';
}


/* "ns#ThrottlingException:http://..." is ThrottlingException. */
static void keep_type(uvllm__bedrock_t* s, uvllm_str_t type) {
  const char* colon = type.len != 0 ? memchr(type.base, ':', type.len) : NULL;
  if (colon != NULL)
    type.len = (size_t) (colon - type.base);
  const char* hash = type.len != 0 ? memchr(type.base, '#', type.len) : NULL;
  if (hash != NULL) {
    type.len -= (size_t) (hash + 1 - type.base);
    type.base = hash + 1;
  }
  if (type.len != 0)
    snprintf(s->error_type, sizeof(s->error_type), "%.*s",
             (int) (type.len < 63 ? type.len : 63), type.base);
}


static void header(void* state, uvllm_str_t name, uvllm_str_t value, uvllm_emit_t* emit) {
  uvllm__bedrock_t* s = state;
  uint64_t n = 0;
  if (same(name, "x-amzn-errortype")) {
    keep_type(s, value);
  } else if (same(name, "x-amzn-bedrock-input-token-count")) {
    for (size_t i = 0; i < value.len && i < 15 && value.base[i] >= '0' && value.base[i] <= '9'; i++)
      n = n * 10 + (uint64_t) (value.base[i] - '0');
    s->header_tokens = n;
  } else {
    uvllm__headers_take(&s->head, name, value, emit);
  }
}


/* By what came: a proxy may have made something else of a stream. */
static uvllm_framing begin(void* state, int http_status, uvllm_str_t content_type) {
  uvllm__bedrock_t* s = state;
  uvllm__headers_media_type(&s->head, content_type);
  s->framing = UVLLM_FRAME_BODY;
  if (http_status >= 200 && http_status < 300) {
    if (s->op == UVLLM_RAW)
      s->framing = UVLLM_FRAME_RAW;
    else if (strcmp(s->head.media_type, "application/vnd.amazon.eventstream") == 0)
      s->framing = UVLLM_FRAME_AWS;
  }
  return s->framing;
}


/* Says what came, and nothing of it: content must not reach a log. */
static int not_json(uvllm__bedrock_t* s, uvllm_str_t text, uvllm_emit_t* emit) {
  char message[128];
  if (s->framing == UVLLM_FRAME_AWS)
    snprintf(message, sizeof(message), "an event of the stream is not JSON");
  else if (text.len == 0)
    snprintf(message, sizeof(message), "the answer is empty");
  else if (strcmp(s->head.media_type, "application/json") == 0)
    snprintf(message, sizeof(message), "the answer is not JSON, or not all of it");
  else
    snprintf(message, sizeof(message), "the answer is not JSON but %s",
             s->head.media_type[0] != '\0' ? s->head.media_type : "of no content type");
  return uvllm__refuse_with(emit, UVLLM_EPROTO, message);
}


/* What an exception would have been as an answer of its own. */
static int status_of(uvllm_str_t type) {
  static const struct {
    const char* name;
    int status;
  } known[] = { { "throttlingException", 429 }, { "validationException", 400 },
                { "internalServerException", 500 }, { "modelStreamErrorException", 424 },
                { "serviceUnavailableException", 503 }, { "modelTimeoutException", 408 },
                { "accessDeniedException", 403 }, { "resourceNotFoundException", 404 } };
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
    if (uvllm__str_eq(type, known[i].name))
      return known[i].status;
  return 500;
}


/* A payload that is no JSON is the words themselves. */
static int take_exception(uvllm__bedrock_t* s, const uvllm_frame_t* f, uvllm_emit_t* emit) {
  uvllm_json_t root = { NULL, 0 };
  uvllm__words_t words = { .status = status_of(f->event) };
  const int err = uvllm_json_parse(uvllm_emit_parser(emit), f->data, &root, NULL);
  if (err == 0 || f->data.len == 0)
    return uvllm__fault_named(&s->head, f->event, words.status, root, emit);
  if (err != UVLLM_EPROTO)
    return err;
  snprintf(words.type, sizeof(words.type), "%.*s",
           (int) (f->event.len < 63 ? f->event.len : 63), f->event.len != 0 ? f->event.base : "");
  snprintf(words.message, sizeof(words.message), "%.*s",
           (int) (f->data.len < 1000 ? f->data.len : 1000), f->data.base);
  const uvllm_str_t message = { words.message,
                                uvllm__mask_secrets(words.message, strlen(words.message)) };
  uvllm_emit_error(emit, f->event, message, -1);
  return uvllm__words_mean(&words, s->op, words.status);
}


static int take_json(uvllm__bedrock_t* s, const uvllm_frame_t* f, uvllm_json_t root,
                     uvllm_emit_t* emit) {
  if (s->framing == UVLLM_FRAME_AWS && s->op == UVLLM_CHAT)
    return uvllm__bedrock_event(s, f, root, emit);
  switch (s->op) {
    case UVLLM_EMBED: return uvllm__bedrock_vectors(s, root, emit);
    case UVLLM_MODELS: return uvllm__bedrock_models(s, root, emit);
    case UVLLM_COUNT_TOKENS: return uvllm__bedrock_count(s, root, emit);
    default: return uvllm__bedrock_answer(s, root, emit);
  }
}


static int frame(void* state, const uvllm_frame_t* f, uvllm_emit_t* emit) {
  uvllm__bedrock_t* s = state;
  uvllm_json_t root;
  uvllm__headers_flush(&s->head, emit);
  if (s->op == UVLLM_RAW) {
    uvllm_emit_text(emit, 0, UVLLM_EVENT_RAW, f->data);
    return UVLLM_GO_ON;
  }
  if (s->done)
    return UVLLM_COMPLETE;
  if (f->exception)
    return take_exception(s, f, emit);
  if (s->framing == UVLLM_FRAME_AWS && !uvllm__bedrock_knows(f->event))
    return UVLLM_GO_ON;
  int err = uvllm_json_parse(uvllm_emit_parser(emit), f->data, &root, NULL);
  if (err == UVLLM_EPROTO)
    return not_json(s, f->data, emit);
  if (err == 0)
    err = take_json(s, f, root, emit);
  s->done = err == UVLLM_COMPLETE;
  return err;
}


static int end(void* state, uvllm_emit_t* emit) {
  uvllm__bedrock_t* s = state;
  uvllm__headers_flush(&s->head, emit);
  return s->done || s->stopped || s->op == UVLLM_RAW ? UVLLM_COMPLETE : UVLLM_ETRUNCATED;
}


/* The type stands in a header, or in the body as __type. */
static int error(void* state, int http_status, uvllm_str_t body, uvllm_emit_t* emit) {
  uvllm__bedrock_t* s = state;
  uvllm_json_t root;
  uvllm__headers_flush(&s->head, emit);
  if (http_status < 400 || uvllm_json_parse(uvllm_emit_parser(emit), body, &root, NULL) != 0 ||
      uvllm_json_type_of(root) != UVLLM_JSON_OBJECT)
    return uvllm__fault_error(&s->head, http_status, body, emit);
  if (s->error_type[0] == '\0')
    keep_type(s, uvllm_json_str(uvllm_json_get(root, "__type")));
  return uvllm__fault_named(&s->head, uvllm__str(s->error_type), http_status, root, emit);
}


static void fini(void* state) {
  uvllm__bedrock_t* s = state;
  uvllm__bedrock_replay_t* r = &s->replay;
  if (r->json.alloc == NULL)
    return;
  uvllm__buf_free(&r->json);
  uvllm__buf_free(&r->signature);
}


const uvllm_provider_ops_t uvllm__bedrock_ops = {
  .size = sizeof(uvllm_provider_ops_t),
  .default_base_url = "https://bedrock-runtime.us-east-1.amazonaws.com",
  .state_size = sizeof(uvllm__bedrock_t),
  .check = uvllm__bedrock_check,
  .build = build,
  .sign = uvllm__bedrock_sign,
  .header = header,
  .begin = begin,
  .frame = frame,
  .end = end,
  .error = error,
  .fini = fini,
};
