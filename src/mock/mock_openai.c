/* The OpenAI dialect: its endpoints, errors and heads, embeddings and models. */
#include "mock/mock_openai.h"
#include "mock/mock_int.h"

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)

static const int64_t MS = 1000000;


/* ---- Embeddings ---- */

static void put_embeddings(uvllm__answer_t* answer, uvllm__buf_t* out) {
  uint64_t tokens = (answer->prompt_bytes + 3) / 4;
  LIT(out, "{\"object\":\"list\",\"data\":[");
  for (uint32_t i = 0; i < answer->nprompts; i++) {
    if (i != 0)
      uvllm__buf_char(out, ',');
    LIT(out, "{\"object\":\"embedding\",\"index\":");
    uvllm__buf_uint(out, i);
    LIT(out, ",\"embedding\":");
    if (answer->flags & UVLLM__OPENAI_BASE64)
      uvllm__mock_put_vector_base64(answer, i, out);
    else
      uvllm__mock_put_vector(answer, i, out);
    uvllm__buf_char(out, '}');
  }
  LIT(out, "],\"model\":");
  uvllm__buf_append(out, answer->model.base, answer->model.len);
  LIT(out, ",\"usage\":{\"prompt_tokens\":");
  uvllm__buf_uint(out, tokens);
  LIT(out, ",\"total_tokens\":");
  uvllm__buf_uint(out, tokens);
  LIT(out, "}}");
}


/* ---- Models ---- */

static const char* const models[] = { "gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini",
                                      "gpt-4.1-nano", "gpt-5.4", "gpt-5.4-mini",
                                      "gpt-3.5-turbo-instruct", "text-embedding-3-small",
                                      "text-embedding-3-large" };
enum { NMODELS = sizeof(models) / sizeof(models[0]) };


static void put_model(uvllm__buf_t* out, size_t i) {
  char name[32];
  LIT(out, "{\"id\":\"");
  uvllm__buf_str(out, uvllm__mock_model(models, NMODELS, i, name));
  LIT(out, "\",\"object\":\"model\",\"created\":");
  uvllm__buf_uint(out, 1772000000 + i);
  LIT(out, ",\"owned_by\":\"uvllm-mock\",\"shutdown_date\":null}");
}


static int read_models(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                       uvllm__mock_error_t* error) {
  uvllm__buf_t* out = &answer->script;
  size_t n = uvllm__mock_nmodels(answer, NMODELS);
  (void) request;
  (void) error;
  LIT(out, "{\"object\":\"list\",\"data\":[");
  for (size_t i = 0; i < n; i++) {
    if (i != 0)
      uvllm__buf_char(out, ',');
    put_model(out, i);
  }
  LIT(out, "]}");
  return 0;
}


static int read_one_model(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                          uvllm__mock_error_t* error) {
  char what[240];
  for (size_t i = 0; i < NMODELS; i++)
    if (strcmp(request->param, models[i]) == 0) {
      put_model(&answer->script, i);
      return 0;
    }
  snprintf(what, sizeof(what), "The model '%.200s' does not exist", request->param);
  uvllm__mock_fail_text(answer, error, UVLLM__MOCK_E_MODEL, NULL, what);
  error->param = "model";
  return -1;
}


/* ---- Heads and errors ---- */

static void put_limit(uvllm__buf_t* out, const uvllm__mock_limit_t* limit, const char* what) {
  if (limit->limit == 0)
    return;
  LIT(out, "x-ratelimit-limit-");
  uvllm__buf_str(out, what);
  uvllm__mock_put_field(out, ": ", limit->limit);
  LIT(out, "x-ratelimit-remaining-");
  uvllm__buf_str(out, what);
  uvllm__mock_put_field(out, ": ", limit->remaining);
  LIT(out, "x-ratelimit-reset-");
  uvllm__buf_str(out, what);
  LIT(out, ": ");
  uvllm__mock_put_duration(out, limit->reset);
  LIT(out, "\r\n");
}


static void put_head(const uvllm__mock_head_t* head, uvllm__buf_t* out) {
  LIT(out, "x-request-id: req_");
  uvllm__buf_hex(out, head->id[0]);
  uvllm__buf_hex(out, head->id[1]);
  LIT(out, "\r\nopenai-version: 2020-10-01\r\nopenai-processing-ms: ");
  uvllm__buf_uint(out, (uint64_t) head->took_ms);
  LIT(out, "\r\n");
  put_limit(out, &head->requests, "requests");
  put_limit(out, &head->tokens, "tokens");
  if (head->retry_ns <= 0)
    return;
  uvllm__mock_put_retry(out, head->retry_ns);
  uvllm__mock_put_field(out, "retry-after-ms: ", (uint64_t) ((head->retry_ns + MS - 1) / MS));
}


static void put_or_null(uvllm__buf_t* out, const char* s) {
  if (s != NULL)
    uvllm__mock_put_string(out, s, strlen(s));
  else
    LIT(out, "null");
}


static void put_error(const uvllm__answer_t* answer, const uvllm__mock_error_t* error,
                      uvllm__buf_t* out) {
  (void) answer;
  LIT(out, "{\"error\":{\"message\":");
  put_or_null(out, error->message);
  LIT(out, ",\"type\":");
  put_or_null(out, error->type);
  LIT(out, ",\"param\":");
  put_or_null(out, error->param);
  LIT(out, ",\"code\":");
  put_or_null(out, error->code);
  LIT(out, "}}");
}


static uvllm__mock_key check_key(const uvllm__mock_request_t* request, const char* required,
                                 uvllm_str_t* shown) {
  return uvllm__mock_check(uvllm__mock_bearer(request), required, shown);
}


static const char INVALID[] = "invalid_request_error";

static const uvllm__mock_fault_t faults[] = {
  { UVLLM__MOCK_E_REQUEST, 400, INVALID, NULL, NULL },
  { UVLLM__MOCK_E_JSON, 400, INVALID, "invalid_json",
    "We could not parse the JSON body of your request (at byte $2)." },
  { UVLLM__MOCK_E_MISSING, 400, INVALID, "missing_required_parameter",
    "Missing required parameter: '$1'." },
  { UVLLM__MOCK_E_TYPE, 400, INVALID, "invalid_type", "Invalid type for '$1': expected $2." },
  { UVLLM__MOCK_E_VALUE, 400, INVALID, "invalid_value", "Invalid value for '$1': expected $2." },
  { UVLLM__MOCK_E_NO_KEY, 401, INVALID, NULL,
    "You didn't provide an API key. You need to provide your API key in an Authorization header "
    "using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)." },
  { UVLLM__MOCK_E_KEY, 401, INVALID, "invalid_api_key",
    "Incorrect API key provided: $1. You can find your API key in your settings." },
  { UVLLM__MOCK_E_FORBIDDEN, 403, INVALID, NULL, NULL },
  { UVLLM__MOCK_E_MODEL, 404, INVALID, "model_not_found",
    "The model `$1` does not exist or you do not have access to it." },
  { UVLLM__MOCK_E_PATH, 404, INVALID, NULL, "Invalid URL ($1)" },
  { UVLLM__MOCK_E_METHOD, 405, INVALID, "method_not_supported", "Not allowed to $2 on $1" },
  { UVLLM__MOCK_E_RATE, 429, "requests", "rate_limit_exceeded", NULL },
  { UVLLM__MOCK_E_RATE_TOKENS, 429, "tokens", "rate_limit_exceeded", NULL },
  { UVLLM__MOCK_E_QUOTA, 429, "insufficient_quota", "insufficient_quota",
    "You exceeded your current quota, please check your plan and billing details." },
  { UVLLM__MOCK_E_SERVER, 500, "server_error", NULL,
    "The server had an error while processing your request. Sorry about that!" },
  { UVLLM__MOCK_E_OVERLOADED, 503, "service_unavailable_error", "server_is_overloaded",
    "The engine is currently overloaded, please try again later." }
};

const uvllm__mock_shape_t uvllm__mock_openai_embeddings = { .read = uvllm__mock_openai_read_embed,
                                                            .whole = put_embeddings };
const uvllm__mock_shape_t uvllm__mock_openai_list = { .read = read_models };
static const uvllm__mock_shape_t one = { .read = read_one_model };

static const uvllm__mock_endpoint_t endpoints[] = {
  { .method = HTTP_POST, .path = "/v1/chat/completions", .kind = UVLLM__MOCK_GENERATE,
    .framing = UVLLM__FRAME_SSE, .shape = &uvllm__mock_openai_chat },
  { .method = HTTP_POST, .path = "/v1/responses", .kind = UVLLM__MOCK_GENERATE,
    .framing = UVLLM__FRAME_SSE, .shape = &uvllm__mock_responses },
  { .method = HTTP_POST, .path = "/v1/completions", .kind = UVLLM__MOCK_GENERATE,
    .framing = UVLLM__FRAME_SSE, .shape = &uvllm__mock_openai_completion },
  { .method = HTTP_POST, .path = "/v1/embeddings", .kind = UVLLM__MOCK_EMBED,
    .shape = &uvllm__mock_openai_embeddings },
  { .method = HTTP_GET, .path = "/v1/models", .kind = UVLLM__MOCK_FIXED,
    .shape = &uvllm__mock_openai_list },
  { .method = HTTP_GET, .path = "/v1/models/{id*}", .kind = UVLLM__MOCK_FIXED, .shape = &one }
};

static const char* const own[] = { "", NULL }; /* and what is nobody's */

const uvllm__mock_dialect_t uvllm__mock_openai = {
  .own = own, .json_type = "application/json",
  .endpoints = endpoints, .nendpoints = sizeof(endpoints) / sizeof(endpoints[0]),
  .faults = faults, .nfaults = sizeof(faults) / sizeof(faults[0]),
  .check_key = check_key, .put_head = put_head, .put_error = put_error
};
