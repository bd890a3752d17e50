/* The Gemini dialect: its endpoints, and its errors with google.rpc's details. There
 * are no headers of its own: how long to wait stands in the error.
 */
#include "mock/mock_gemini.h"
#include "mock/mock_int.h"

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)

static const int64_t MS = 1000000;


/* ---- Errors ---- */

static void put_quota(const uvllm__mock_error_t* error, uvllm__buf_t* out) {
  LIT(out, "{\"@type\":\"type.googleapis.com/google.rpc.QuotaFailure\",\"violations\":[{"
           "\"quotaMetric\":\"generativelanguage.googleapis.com/"
           "generate_content_free_tier_requests\",\"quotaId\":\"");
  uvllm__buf_str(out, error->reason == UVLLM__MOCK_E_QUOTA
                          ? "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
                      : error->reason == UVLLM__MOCK_E_RATE_TOKENS
                          ? "GenerateContentInputTokensPerModelPerMinute-FreeTier"
                          : "GenerateRequestsPerMinutePerProjectPerModel-FreeTier");
  LIT(out, "\",\"quotaDimensions\":{\"location\":\"global\"},\"quotaValue\":\"10\"}]}");
}


/* -1: it is not known. */
static int64_t wait_ms(const uvllm__answer_t* answer) {
  if (answer->retry_ns > 0)
    return (answer->retry_ns + MS - 1) / MS;
  if (answer->ask.retry_after_ms >= 0)
    return answer->ask.retry_after_ms;
  return answer->ask.retry_after >= 0 ? answer->ask.retry_after * 1000 : -1;
}


/* A duration of proto JSON: "1.250s". */
static void put_wait(int64_t ms, uvllm__buf_t* out) {
  char text[48];
  if (ms < 0)
    return;
  snprintf(text, sizeof(text), "%lld.%03lld", (long long) (ms / 1000), (long long) (ms % 1000));
  LIT(out, ",{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"");
  uvllm__buf_str(out, text);
  LIT(out, "s\"}");
}


/* A rate that nobody knows more of has no details. */
static void put_details(const uvllm__answer_t* answer, const uvllm__mock_error_t* error,
                        uvllm__buf_t* out) {
  const int64_t ms = wait_ms(answer);
  if (error->status == 429 && (ms >= 0 || error->reason == UVLLM__MOCK_E_QUOTA)) {
    LIT(out, ",\"details\":[");
    put_quota(error, out);
    put_wait(ms, out);
    uvllm__buf_char(out, ']');
  } else if (error->reason == UVLLM__MOCK_E_KEY && error->status == 400) {
    LIT(out, ",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\","
             "\"reason\":\"API_KEY_INVALID\",\"domain\":\"googleapis.com\",\"metadata\":{"
             "\"service\":\"generativelanguage.googleapis.com\"}}]");
  }
}


/* Where an array is awaited, an error is wrapped in one. */
static void put_error(const uvllm__answer_t* answer, const uvllm__mock_error_t* error,
                      uvllm__buf_t* out) {
  const int is_wrapped = answer->shape == &uvllm__mock_gemini_chat &&
                         answer->frame.framing == UVLLM__FRAME_ARRAY && answer->stream;
  if (is_wrapped)
    uvllm__buf_char(out, '[');
  LIT(out, "{\"error\":{\"code\":");
  uvllm__buf_uint(out, (uint64_t) error->status);
  LIT(out, ",\"message\":");
  uvllm__mock_put_string(out, error->message, strlen(error->message));
  LIT(out, ",\"status\":\"");
  uvllm__buf_str(out, error->type);
  uvllm__buf_char(out, '"');
  put_details(answer, error, out);
  LIT(out, "}}");
  if (is_wrapped)
    uvllm__buf_char(out, ']');
}


static const char INVALID[] = "INVALID_ARGUMENT";

static const uvllm__mock_fault_t faults[] = {
  { UVLLM__MOCK_E_REQUEST, 400, INVALID, NULL, NULL },
  { UVLLM__MOCK_E_JSON, 400, INVALID, NULL,
    "Invalid JSON payload received. Unexpected token at byte $2." },
  { UVLLM__MOCK_E_MISSING, 400, INVALID, NULL, "Unable to submit request: $1 is required." },
  { UVLLM__MOCK_E_TYPE, 400, INVALID, NULL, "Invalid value at '$1': expected $2." },
  { UVLLM__MOCK_E_VALUE, 400, INVALID, NULL, "Invalid value at '$1': expected $2." },
  { UVLLM__MOCK_E_KEY, 400, INVALID, NULL, "API key not valid. Please pass a valid API key." },
  { UVLLM__MOCK_E_NO_KEY, 403, "PERMISSION_DENIED", NULL,
    "Method doesn't allow unregistered callers (callers without established identity). Please "
    "use API Key or other form of API consumer identity to call this API." },
  { UVLLM__MOCK_E_FORBIDDEN, 403, "PERMISSION_DENIED", NULL, NULL },
  { UVLLM__MOCK_E_REQUEST, 401, "UNAUTHENTICATED", NULL, NULL },
  { UVLLM__MOCK_E_MODEL, 404, "NOT_FOUND", NULL,
    "models/$1 is not found for API version v1beta, or is not supported for generateContent." },
  { UVLLM__MOCK_E_PATH, 404, "NOT_FOUND", NULL, "Requested entity was not found." },
  { UVLLM__MOCK_E_METHOD, 404, "NOT_FOUND", NULL, "Requested entity was not found." },
  { UVLLM__MOCK_E_RATE, 429, "RESOURCE_EXHAUSTED", NULL,
    "Resource has been exhausted (e.g. check quota)." },
  { UVLLM__MOCK_E_QUOTA, 429, "RESOURCE_EXHAUSTED", NULL,
    "You exceeded your current quota, please check your plan and billing details." },
  { UVLLM__MOCK_E_REQUEST, 499, "CANCELLED", NULL, NULL },
  { UVLLM__MOCK_E_SERVER, 500, "INTERNAL", NULL,
    "An internal error has occurred. Please retry or report." },
  { UVLLM__MOCK_E_OVERLOADED, 503, "UNAVAILABLE", NULL,
    "The model is overloaded. Please try again later." },
  { UVLLM__MOCK_E_SERVER, 504, "DEADLINE_EXCEEDED", NULL,
    "Deadline expired before operation could complete." }
};


/* ---- The dialect ---- */

static void put_head(const uvllm__mock_head_t* head, uvllm__buf_t* out) {
  (void) head;
  LIT(out, "vary: Origin\r\nvary: X-Origin\r\nvary: Referer\r\n");
}


/* In the header, in the query as older clients have it, or a bearer of OAuth. */
static uvllm__mock_key check_key(const uvllm__mock_request_t* request, const char* required,
                                 uvllm_str_t* shown) {
  char text[512];
  uvllm_str_t sent = uvllm__http_in_header(request->in, "x-goog-api-key");
  const int len = sent.base == NULL
                      ? uvllm__path_query(request->query, "key", text, sizeof(text)) : -1;
  if (len >= 0)
    sent = (uvllm_str_t) { text, (size_t) len };
  if (sent.base == NULL)
    sent = uvllm__mock_bearer(request);
  const uvllm__mock_key result = uvllm__mock_check(sent, required, shown);
  *shown = (uvllm_str_t) { "", 0 }; /* no error quotes it */
  return result;
}


#define ACTIONS(prefix)                                                                    \
  { .method = HTTP_POST, .path = prefix "{id}:generateContent",                            \
    .kind = UVLLM__MOCK_GENERATE, .shape = &uvllm__mock_gemini_chat },                     \
  { .method = HTTP_POST, .path = prefix "{id}:streamGenerateContent",                      \
    .kind = UVLLM__MOCK_GENERATE, .framing = UVLLM__FRAME_SSE,                             \
    .variant = UVLLM__GEMINI_STREAM, .shape = &uvllm__mock_gemini_chat },                  \
  { .method = HTTP_POST, .path = prefix "{id}:countTokens", .kind = UVLLM__MOCK_FIXED,     \
    .shape = &uvllm__mock_gemini_count },                                                  \
  { .method = HTTP_POST, .path = prefix "{id}:embedContent", .kind = UVLLM__MOCK_EMBED,    \
    .shape = &uvllm__mock_gemini_embed },                                                  \
  { .method = HTTP_POST, .path = prefix "{id}:batchEmbedContents",                         \
    .kind = UVLLM__MOCK_EMBED, .variant = UVLLM__GEMINI_BATCH,                             \
    .shape = &uvllm__mock_gemini_embed }

/* Lists of /v1 are OpenAI's, but for those that are asked beneath the mount. */
#define LISTS(prefix, where)                                                               \
  { .method = HTTP_GET, .path = prefix, .only = where, .kind = UVLLM__MOCK_FIXED,          \
    .shape = &uvllm__mock_gemini_models },                                                 \
  { .method = HTTP_GET, .path = prefix "/{id}", .only = where, .kind = UVLLM__MOCK_FIXED,  \
    .shape = &uvllm__mock_gemini_model }

static const uvllm__mock_endpoint_t endpoints[] = {
  ACTIONS("/v1beta/models/"), ACTIONS("/v1beta/tunedModels/"), ACTIONS("/v1/models/"),
  ACTIONS("/v1alpha/models/"), LISTS("/v1beta/models", NULL), LISTS("/v1alpha/models", NULL),
  LISTS("/v1/models", "")
};

static const char* const own[] = { "/v1beta/", "/v1alpha/", NULL };

const uvllm__mock_dialect_t uvllm__mock_gemini = {
  .mount = "/gemini", .own = own,
  .json_type = "application/json; charset=UTF-8",
  .endpoints = endpoints, .nendpoints = sizeof(endpoints) / sizeof(endpoints[0]),
  .faults = faults, .nfaults = sizeof(faults) / sizeof(faults[0]),
  .check_key = check_key, .put_head = put_head, .put_error = put_error
};
