/* From a request to an answer: who may ask, what is asked, what the limits say.
 *
 * A request becomes an answer at once, also where it is refused, so that all of
 * them are counted and logged in one place.
 */
#include "mock/mock_int.h"

#include <stdio.h>

/* ---- Who answers ---- */

typedef struct target_s {
  const uvllm__mock_dialect_t* dialect;
  const uvllm__mock_endpoint_t* endpoint; /* NULL: nobody does */
  int wrong_method; /* but with another method somebody would */
} target_t;

#define REFERENCE(name) &uvllm__mock_##name,
static const uvllm__mock_dialect_t* const dialects[] = {
  UVLLM__MOCK_DIALECTS(REFERENCE)
};
enum { NDIALECTS = sizeof(dialects) / sizeof(dialects[0]) };


static int has_prefix(uvllm_str_t s, const char* prefix) {
  size_t n = strlen(prefix);
  return s.len >= n && memcmp(s.base, prefix, n) == 0;
}


static int is_beneath(uvllm_str_t path, const char* mount) {
  return mount != NULL && has_prefix(path, mount) &&
         (path.len == strlen(mount) || path.base[strlen(mount)] == '/');
}


static int is_its_own(const uvllm__mock_dialect_t* dialect, uvllm_str_t path) {
  for (const char* const* own = dialect->own; *own != NULL; own++)
    if (has_prefix(path, *own))
      return 1;
  return 0;
}


static int is_meant(const uvllm__mock_endpoint_t* endpoint, const uvllm__http_in_t* in,
                    int is_mounted) {
  if (endpoint->only == NULL || is_mounted)
    return 1;
  return *endpoint->only != '\0' && uvllm__http_in_header(in, endpoint->only).base != NULL;
}


/* Whether an endpoint of the dialect answers; if so, the request's parameter is set. */
static int find_endpoint(target_t* target, const uvllm__mock_dialect_t* dialect,
                         uvllm__mock_request_t* request, int is_mounted) {
  uvllm_str_t param;
  for (size_t i = 0; i < dialect->nendpoints; i++) {
    const uvllm__mock_endpoint_t* endpoint = &dialect->endpoints[i];
    if (!uvllm__path_match(endpoint->path, request->path, &param) ||
        !is_meant(endpoint, request->in, is_mounted))
      continue;
    if (endpoint->method != uvllm__http_in_method(request->in)) {
      if (!target->wrong_method)
        target->dialect = dialect;
      target->wrong_method = 1;
      continue;
    }
    request->param = param.base != NULL ? request->decoded : NULL;
    if (uvllm__path_decode(param, request->decoded, sizeof(request->decoded)) < 0)
      continue;
    target->dialect = dialect;
    target->endpoint = endpoint;
    return 1;
  }
  return 0;
}


static void find_target(target_t* target, uvllm__mock_request_t* request) {
  target->dialect = NULL;
  target->endpoint = NULL;
  target->wrong_method = 0;
  for (size_t i = 0; i < NDIALECTS; i++) {
    if (!is_beneath(request->path, dialects[i]->mount))
      continue;
    size_t n = strlen(dialects[i]->mount);
    request->path.base += n;
    request->path.len -= n;
    if (request->path.len == 0)
      request->path = uvllm__str("/");
    find_endpoint(target, dialects[i], request, 1);
    target->dialect = dialects[i];
    return;
  }
  for (size_t i = 0; i < NDIALECTS; i++) {
    if (!is_its_own(dialects[i], request->path))
      continue;
    if (find_endpoint(target, dialects[i], request, 0))
      return;
    if (target->dialect == NULL)
      target->dialect = dialects[i];
  }
}


static int refuse_target(const uvllm__answer_t* answer, const target_t* target,
                         const uvllm__mock_request_t* request, uvllm__mock_error_t* error) {
  unsigned int method = uvllm__http_in_method(request->in);
  const char* name = llhttp_method_name((llhttp_method_t) method);
  char path[208], what[240];
  snprintf(path, sizeof(path), "%.*s", (int) (request->path.len < 200 ? request->path.len : 200),
           request->path.base);
  if (target->wrong_method)
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_METHOD, path, name);
  snprintf(what, sizeof(what), "%s %s", name, path);
  return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_PATH, what, NULL);
}


/* ---- Who may ask ---- */

static int check_key(const uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                     uvllm__mock_error_t* error) {
  const char* required = answer->mock->require_key;
  uvllm_str_t sent;
  char masked[16];
  if (required == NULL)
    return 0;
  switch (answer->dialect->check_key(request, required, &sent)) {
  case UVLLM__KEY_RIGHT:
    return 0;
  case UVLLM__KEY_MISSING:
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_NO_KEY, NULL, NULL);
  default:
    break;
  }
  int shown = sent.len >= 12 ? 2 : 0;
  snprintf(masked, sizeof(masked), "%.*s****%.*s", shown, sent.base, shown,
           sent.base + sent.len - (size_t) shown);
  return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_KEY, masked, NULL);
}


/* ---- What is asked ---- */

/* What a shape cannot express is not dropped in silence. */
static int check_ask(const uvllm__answer_t* answer, uvllm__mock_error_t* error) {
  const uvllm__ask_t* ask = &answer->ask;
  const struct { int64_t asked; unsigned int can; const char* word; } words[] = {
    { ask->reasoning, UVLLM__CAN_REASON, "reasoning" }, { ask->cached, UVLLM__CAN_CACHE, "cached" },
    { ask->filter, UVLLM__CAN_FILTER, "filter" }, { ask->refusal, UVLLM__CAN_REFUSE, "refusal" }
  };
  char text[80];
  for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
    if (words[i].asked < 0 || (answer->shape->can & words[i].can) != 0)
      continue;
    snprintf(text, sizeof(text), "x-mock: there is no %s in these answers", words[i].word);
    return uvllm__mock_fail_text(answer, error, UVLLM__MOCK_E_VALUE, NULL, text);
  }
  return 0;
}


static int read_ask(uvllm__answer_t* answer, uvllm_str_t words, uvllm__mock_error_t* error) {
  char why[200];
  if (words.base == NULL)
    return 0;
  if (uvllm__ask_parse(&answer->ask, words, why, sizeof(why)) != 0)
    uvllm__mock_fail_text(answer, error, UVLLM__MOCK_E_VALUE, NULL, why);
  else if (check_ask(answer, error) == 0)
    return 0;
  uvllm__ask_init(&answer->ask);
  return -1;
}


static int no_memory(const uvllm__answer_t* answer, uvllm__mock_error_t* error) {
  return uvllm__mock_fail_text(answer, error, UVLLM__MOCK_E_OVERLOADED, NULL, "Out of memory.");
}


static int parse_body(uvllm__answer_t* answer, uvllm__mock_request_t* request,
                      uvllm__mock_error_t* error) {
  unsigned int method = uvllm__http_in_method(request->in);
  uvllm_str_t body = uvllm__http_in_body(request->in);
  size_t at = 0;
  char where[24];
  if (method != HTTP_POST && method != HTTP_DELETE)
    return 0;
  int err = uvllm_json_parse(answer->mock->parser, body, &request->root, &at);
  if (err == UVLLM_EPROTO) {
    snprintf(where, sizeof(where), "%zu", at);
    return uvllm__mock_fail(answer, error, body.len == 0 ? UVLLM__MOCK_E_NO_BODY
                                                         : UVLLM__MOCK_E_JSON, NULL, where);
  }
  if (err != 0)
    return no_memory(answer, error);
  if (!uvllm__json_is(request->root, UVLLM_JSON_OBJECT))
    return uvllm__mock_fail_text(answer, error, UVLLM__MOCK_E_REQUEST, NULL,
                                 "The body must be a JSON object.");
  return 0;
}


static int read_body(uvllm__answer_t* answer, const uvllm__mock_endpoint_t* endpoint,
                     uvllm__mock_request_t* request, uvllm__mock_error_t* error) {
  answer->kind = endpoint->kind;
  answer->variant = endpoint->variant;
  answer->frame.framing = endpoint->framing;
  answer->hash = uvllm__mix(answer->mock->options.seed);
  if (parse_body(answer, request, error) != 0 ||
      answer->shape->read(answer, request, error) != 0)
    return -1;
  return answer->model.err == 0 && answer->script.err == 0 ? 0 : no_memory(answer, error);
}


static int read_request(uvllm__answer_t* answer, const uvllm__mock_endpoint_t* endpoint,
                        uvllm__mock_request_t* request, uvllm__mock_error_t* error) {
  uvllm_str_t words = uvllm__http_in_header(request->in, "x-mock");
  answer->shape = endpoint->shape;
  if (read_ask(answer, words, error) != 0 ||
      read_body(answer, endpoint, request, error) != 0)
    return -1;
  if (answer->ask.times > 0) {
    uint64_t key = uvllm__hash_bytes(answer->hash, words.base, words.len);
    if (uvllm__mock_seen(answer->mock, key) >= (uint64_t) answer->ask.times) {
      uvllm__answer_forget(answer);
      uvllm__ask_init(&answer->ask);
      if (read_body(answer, endpoint, request, error) != 0)
        return -1;
    }
  }
  if (answer->kind == UVLLM__MOCK_GENERATE || answer->kind == UVLLM__MOCK_EMBED)
    return uvllm__mock_admit(answer, error);
  return 0;
}


static int take_request(uvllm__answer_t* answer, const uvllm__http_in_t* in,
                        uvllm__mock_error_t* error) {
  uvllm__mock_request_t request;
  target_t target;
  request.in = in;
  request.param = NULL;
  memset(&request.root, 0, sizeof(request.root));
  uvllm__path_split(uvllm__http_in_target(in), &request.path, &request.query);
  find_target(&target, &request);
  answer->dialect = target.dialect;
  answer->type = target.dialect->json_type;
  if (check_key(answer, &request, error) != 0)
    return -1;
  if (target.endpoint == NULL)
    return refuse_target(answer, &target, &request, error);
  return read_request(answer, target.endpoint, &request, error);
}


void uvllm__mock_on_request(uvllm__conn_t* conn) {
  uvllm_mock_t* mock = uvllm__server_data(uvllm__conn_server(conn));
  const uvllm__http_in_t* in = uvllm__conn_in(conn);
  uvllm_str_t path, query;
  uvllm__mock_error_t error;
  uvllm__path_split(uvllm__http_in_target(in), &path, &query);
  if (has_prefix(path, "/mock/")) {
    uvllm__conn_set_data(conn, NULL);
    uvllm__mock_on_page(mock, conn, path);
    return;
  }
  mock->stats.requests++;
  uvllm__answer_t* answer = uvllm__answer_new(mock, conn);
  if (answer == NULL) {
    uvllm__conn_set_data(conn, NULL);
    uvllm__mock_count(mock, 503);
    uvllm__buf_clear(&mock->event);
    uvllm__mock_send_plain(mock, conn, 503);
    return;
  }
  int refused = take_request(answer, in, &error) != 0;
  uvllm__conn_drop_body(conn);
  if (refused)
    uvllm__answer_refuse(answer, &error);
  else
    uvllm__answer_start(answer);
}
