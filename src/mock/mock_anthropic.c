/* Anthropic's dialect: its endpoints, errors and heads, and its models page by page.
 * GET /v1/models is OpenAI's too: what has the header anthropic-version is meant here.
 */
#include "mock/mock_anthropic.h"
#include "mock/mock_int.h"

#include <stdlib.h>
#include <time.h>

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)

static const int64_t SECOND = 1000000000;


/* ---- Models ---- */

static const char* const models[] = { "claude-sonnet-5", "claude-opus-5", "claude-haiku-4-5" };
enum { NMODELS = sizeof(models) / sizeof(models[0]), PAGE = 20, MOST = 1000 };


static const char* model_at(size_t i, char name[32]) {
  return uvllm__mock_model(models, NMODELS, i, name);
}


static void put_id(const char* member, size_t i, uvllm__buf_t* out) {
  char name[32];
  uvllm__buf_str(out, member);
  uvllm__buf_char(out, '"');
  uvllm__buf_str(out, model_at(i, name));
  uvllm__buf_char(out, '"');
}


static void put_model(uvllm__buf_t* out, size_t i) {
  put_id("{\"type\":\"model\",\"id\":", i, out);
  put_id(",\"display_name\":", i, out);
  LIT(out, ",\"created_at\":\"2026-02-01T00:00:00Z\",\"max_input_tokens\":200000,"
           "\"max_tokens\":64000,\"lifecycle\":\"active\",\"deprecated_at\":null,"
           "\"retires_at\":null,\"capabilities\":null}");
}


/* The number of a model that a cursor names; n: there is no such one. */
static size_t find_model(const char* id, size_t n) {
  char name[32];
  size_t i = 0;
  while (i < n && strcmp(model_at(i, name), id) != 0)
    i++;
  return i;
}


static int fail(const uvllm__answer_t* answer, uvllm__mock_error_t* error, const char* text) {
  return uvllm__mock_fail_text(answer, error, UVLLM__MOCK_E_REQUEST, NULL, text);
}


/* [*first, *last) of n models, as limit, after_id and before_id say. */
static int read_page(const uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                     size_t n, size_t* first, size_t* last, uvllm__mock_error_t* error) {
  char text[64];
  size_t limit = PAGE;
  *first = 0;
  *last = n;
  if (uvllm__path_query(request->query, "limit", text, sizeof(text)) >= 0)
    limit = strtoul(text, NULL, 10);
  if (limit < 1 || limit > MOST)
    return fail(answer, error, "limit: Input should be from 1 to 1000");
  if (uvllm__path_query(request->query, "after_id", text, sizeof(text)) >= 0)
    *first = find_model(text, n) + 1;
  if (uvllm__path_query(request->query, "before_id", text, sizeof(text)) >= 0) {
    *last = find_model(text, n);
    *first = *last > limit ? *last - limit : 0;
  }
  if (*first > n)
    return fail(answer, error, "after_id: no such model");
  *last = *last - *first > limit ? *first + limit : *last;
  return 0;
}


static int read_models(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                       uvllm__mock_error_t* error) {
  const size_t n = uvllm__mock_nmodels(answer, NMODELS);
  uvllm__buf_t* out = &answer->script;
  size_t first, last;
  if (uvllm__mock_anthropic_read_version(answer, request, error) != 0 ||
      read_page(answer, request, n, &first, &last, error) != 0)
    return -1;
  LIT(out, "{\"data\":[");
  for (size_t i = first; i < last; i++) {
    if (i != first)
      uvllm__buf_char(out, ',');
    put_model(out, i);
  }
  uvllm__buf_str(out, last < n ? "],\"has_more\":true" : "],\"has_more\":false");
  if (first == last) {
    LIT(out, ",\"first_id\":null,\"last_id\":null}");
    return 0;
  }
  put_id(",\"first_id\":", first, out);
  put_id(",\"last_id\":", last - 1, out);
  uvllm__buf_char(out, '}');
  return 0;
}


static int read_one_model(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                          uvllm__mock_error_t* error) {
  const size_t i = find_model(request->param, NMODELS);
  if (uvllm__mock_anthropic_read_version(answer, request, error) != 0)
    return -1;
  if (i == NMODELS)
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MODEL, request->param, NULL);
  put_model(&answer->script, i);
  return 0;
}


/* ---- Heads and errors ---- */

/* In whole seconds, not before it is so. */
static void put_reset(uvllm__buf_t* out, int64_t reset) {
  const time_t when = time(NULL) + (time_t) ((reset + SECOND - 1) / SECOND);
  struct tm tm;
  char text[40];
  gmtime_r(&when, &tm);
  strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ\r\n", &tm);
  uvllm__buf_str(out, text);
}


static void put_limit(uvllm__buf_t* out, const uvllm__mock_limit_t* limit, const char* what) {
  if (limit->limit == 0)
    return;
  uvllm__buf_str(out, what);
  uvllm__mock_put_field(out, "-limit: ", limit->limit);
  uvllm__buf_str(out, what);
  uvllm__mock_put_field(out, "-remaining: ", limit->remaining);
  uvllm__buf_str(out, what);
  LIT(out, "-reset: ");
  put_reset(out, limit->reset);
}


static void put_head(const uvllm__mock_head_t* head, uvllm__buf_t* out) {
  LIT(out, "request-id: req_");
  uvllm__buf_hex(out, head->id[0]);
  uvllm__buf_hex(out, head->id[1]);
  LIT(out, "\r\nanthropic-organization-id: 6d6f636b-0000-4000-8000-000000000000\r\n");
  put_limit(out, &head->requests, "anthropic-ratelimit-requests");
  put_limit(out, &head->tokens, "anthropic-ratelimit-tokens");
  if (head->retry_ns > 0)
    uvllm__mock_put_retry(out, head->retry_ns);
}


static void put_error(const uvllm__answer_t* answer, const uvllm__mock_error_t* error,
                      uvllm__buf_t* out) {
  (void) answer;
  LIT(out, "{\"type\":\"error\",\"error\":{\"type\":");
  uvllm__mock_put_string(out, error->type, strlen(error->type));
  LIT(out, ",\"message\":");
  uvllm__mock_put_string(out, error->message, strlen(error->message));
  if (error->code != NULL) {
    LIT(out, ",\"details\":{\"error_code\":");
    uvllm__mock_put_string(out, error->code, strlen(error->code));
    uvllm__buf_char(out, '}');
  }
  LIT(out, "}}");
}


static uvllm__mock_key check_key(const uvllm__mock_request_t* request, const char* required,
                                 uvllm_str_t* shown) {
  const uvllm_str_t key = uvllm__http_in_header(request->in, "x-api-key");
  return uvllm__mock_check(key.base != NULL ? key : uvllm__mock_bearer(request), required, shown);
}


static const char INVALID[] = "invalid_request_error";

static const uvllm__mock_fault_t faults[] = {
  { UVLLM__MOCK_E_REQUEST, 400, INVALID, NULL, NULL },
  { UVLLM__MOCK_E_JSON, 400, INVALID, NULL, "The request body is not valid JSON (at byte $2)" },
  { UVLLM__MOCK_E_MISSING, 400, INVALID, NULL, "$1: Field required" },
  { UVLLM__MOCK_E_TYPE, 400, INVALID, NULL, "$1: Input should be $2" },
  { UVLLM__MOCK_E_VALUE, 400, INVALID, NULL, "$1: Input should be $2" },
  { UVLLM__MOCK_E_NO_KEY, 401, "authentication_error", NULL, "x-api-key header is required" },
  { UVLLM__MOCK_E_KEY, 401, "authentication_error", NULL, "invalid x-api-key" },
  { UVLLM__MOCK_E_REQUEST, 402, "billing_error", NULL, NULL },
  { UVLLM__MOCK_E_FORBIDDEN, 403, "permission_error", NULL, NULL },
  { UVLLM__MOCK_E_MODEL, 404, "not_found_error", NULL, "model: $1" },
  { UVLLM__MOCK_E_PATH, 404, "not_found_error", NULL, "Not Found" },
  { UVLLM__MOCK_E_METHOD, 405, INVALID, NULL, "Method Not Allowed" },
  { UVLLM__MOCK_E_REQUEST, 409, "conflict_error", NULL, NULL },
  { UVLLM__MOCK_E_REQUEST, 413, "request_too_large", NULL, NULL },
  { UVLLM__MOCK_E_RATE, 429, "rate_limit_error", NULL, NULL },
  { UVLLM__MOCK_E_QUOTA, 429, "rate_limit_error", NULL,
    "This request would exceed your organization's monthly spend limit." },
  { UVLLM__MOCK_E_SERVER, 500, "api_error", NULL, "Internal server error" },
  { UVLLM__MOCK_E_SERVER, 504, "timeout_error", NULL, "Request timed out" },
  { UVLLM__MOCK_E_OVERLOADED, 529, "overloaded_error", NULL, "Overloaded" }
};

static const uvllm__mock_shape_t list = { .read = read_models };
static const uvllm__mock_shape_t one = { .read = read_one_model };
static const uvllm__mock_shape_t count = { .read = uvllm__mock_anthropic_read_count };

static const uvllm__mock_endpoint_t endpoints[] = {
  { .method = HTTP_POST, .path = "/v1/messages", .kind = UVLLM__MOCK_GENERATE,
    .framing = UVLLM__FRAME_SSE, .shape = &uvllm__mock_anthropic_chat },
  { .method = HTTP_POST, .path = "/v1/messages/count_tokens", .kind = UVLLM__MOCK_FIXED,
    .shape = &count },
  { .method = HTTP_GET, .path = "/v1/models", .only = "anthropic-version",
    .kind = UVLLM__MOCK_FIXED, .shape = &list },
  { .method = HTTP_GET, .path = "/v1/models/{id}", .only = "anthropic-version",
    .kind = UVLLM__MOCK_FIXED, .shape = &one }
};

static const char* const own[] = { "/v1/messages", "/v1/models", NULL };

const uvllm__mock_dialect_t uvllm__mock_anthropic = {
  .mount = "/anthropic", .own = own,
  .json_type = "application/json",
  .endpoints = endpoints, .nendpoints = sizeof(endpoints) / sizeof(endpoints[0]),
  .faults = faults, .nfaults = sizeof(faults) / sizeof(faults[0]),
  .check_key = check_key, .put_head = put_head, .put_error = put_error
};
