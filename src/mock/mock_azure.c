/* Azure's OpenAI: OpenAI's answers beneath deployments or beneath /openai/v1, with what
 * the content filters found (mock_openai_out.c), keys of its own, and the errors of its
 * gateway. What is wrong with a request itself is told as OpenAI does.
 */
#include "mock/mock_int.h"
#include "mock/mock_openai.h"

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)

enum { V1 = 1 }; /* variant: the version may be left unsaid */

static const int64_t SECOND = 1000000000;


/* ---- Requests ---- */

/* Without a version nothing is found beneath the older paths. */
int uvllm__mock_azure_check(const uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                            uvllm__mock_error_t* error) {
  char version[32];
  if (answer->dialect != &uvllm__mock_azure || answer->variant == V1 ||
      uvllm__path_query(request->query, "api-version", version, sizeof(version)) > 0)
    return 0;
  return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_PATH, NULL, NULL);
}


static int read_models(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                       uvllm__mock_error_t* error) {
  if (uvllm__mock_azure_check(answer, request, error) != 0)
    return -1;
  return uvllm__mock_openai_list.read(answer, request, error);
}


static uvllm__mock_key check_key(const uvllm__mock_request_t* request, const char* required,
                                 uvllm_str_t* shown) {
  uvllm_str_t key = uvllm__http_in_header(request->in, "api-key");
  return uvllm__mock_check(key.base != NULL ? key : uvllm__mock_bearer(request), required, shown);
}


/* ---- Heads and errors ---- */

/* Limits are told by what remains; of tokens, when they are back, in seconds. */
static void put_head(const uvllm__mock_head_t* head, uvllm__buf_t* out) {
  LIT(out, "apim-request-id: ");
  uvllm__buf_hex(out, head->id[0]);
  LIT(out, "\r\nx-ms-region: West Europe\r\nx-request-id: ");
  uvllm__buf_hex(out, head->id[0]);
  uvllm__buf_hex(out, head->id[1]);
  LIT(out, "\r\n");
  if (head->requests.limit != 0)
    uvllm__mock_put_field(out, "x-ratelimit-remaining-requests: ", head->requests.remaining);
  if (head->tokens.limit != 0) {
    const int64_t reset = (head->tokens.reset + SECOND - 1) / SECOND;
    uvllm__mock_put_field(out, "x-ratelimit-remaining-tokens: ", head->tokens.remaining);
    uvllm__mock_put_field(out, "x-rate-limit-reset-tokens: ", (uint64_t) reset);
  }
  if (head->retry_ns > 0)
    uvllm__mock_put_retry(out, head->retry_ns);
}


static void put_text(uvllm__buf_t* out, const char* s) {
  uvllm__mock_put_string(out, s, strlen(s));
}


/* The gateway's have two members; the service's have a type. */
static void put_error(const uvllm__answer_t* answer, const uvllm__mock_error_t* error,
                      uvllm__buf_t* out) {
  if (error->type != NULL) {
    uvllm__mock_openai.put_error(answer, error, out);
    return;
  }
  LIT(out, "{\"error\":{\"code\":");
  if (error->code != NULL) {
    put_text(out, error->code);
  } else {
    uvllm__buf_char(out, '"');
    uvllm__buf_uint(out, (uint64_t) error->status);
    uvllm__buf_char(out, '"');
  }
  LIT(out, ",\"message\":");
  put_text(out, error->message);
  LIT(out, "}}");
}


static const char INVALID[] = "invalid_request_error";
#define DENIED \
  "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a " \
  "valid key for an active subscription and use a correct regional API endpoint for your resource."

static const uvllm__mock_fault_t faults[] = {
  { UVLLM__MOCK_E_REQUEST, 400, INVALID, NULL, NULL },
  { UVLLM__MOCK_E_JSON, 400, INVALID, "invalid_json",
    "We could not parse the JSON body of your request (at byte $2)." },
  { UVLLM__MOCK_E_MISSING, 400, INVALID, "missing_required_parameter",
    "Missing required parameter: '$1'." },
  { UVLLM__MOCK_E_TYPE, 400, INVALID, "invalid_type", "Invalid type for '$1': expected $2." },
  { UVLLM__MOCK_E_VALUE, 400, INVALID, "invalid_value", "Invalid value for '$1': expected $2." },
  { UVLLM__MOCK_E_KEY, 401, NULL, NULL, DENIED },
  { UVLLM__MOCK_E_FORBIDDEN, 403, NULL, NULL, NULL },
  { UVLLM__MOCK_E_MODEL, 404, NULL, "DeploymentNotFound",
    "The API deployment for this resource does not exist. If you created the deployment within "
    "the last 5 minutes, please wait a moment and try again." },
  { UVLLM__MOCK_E_PATH, 404, NULL, NULL, "Resource not found" },
  { UVLLM__MOCK_E_METHOD, 405, NULL, NULL, "Not allowed to $2 on $1" },
  { UVLLM__MOCK_E_RATE, 429, NULL, NULL,
    "Requests to the ChatCompletions_Create Operation under Azure OpenAI API have exceeded call "
    "rate limit of your current pricing tier." },
  { UVLLM__MOCK_E_RATE_TOKENS, 429, NULL, NULL,
    "Requests to the ChatCompletions_Create Operation under Azure OpenAI API have exceeded token "
    "rate limit of your current pricing tier." },
  { UVLLM__MOCK_E_SERVER, 500, NULL, "InternalServerError",
    "The server had an error while processing your request." },
  { UVLLM__MOCK_E_OVERLOADED, 503, NULL, "ServiceUnavailable",
    "The service is temporarily unable to process your request. Please try again later." }
};

static const uvllm__mock_shape_t list = { .read = read_models };

#define GENERATE(where, is_v1, which) \
  { .method = HTTP_POST, .path = (where), .kind = UVLLM__MOCK_GENERATE, \
    .framing = UVLLM__FRAME_SSE, .variant = (is_v1), .shape = &(which) }
#define EMBED(where, is_v1) \
  { .method = HTTP_POST, .path = (where), .kind = UVLLM__MOCK_EMBED, .variant = (is_v1), \
    .shape = &uvllm__mock_openai_embeddings }
#define LIST(where, is_v1) \
  { .method = HTTP_GET, .path = (where), .kind = UVLLM__MOCK_FIXED, .variant = (is_v1), \
    .shape = &list }

static const uvllm__mock_endpoint_t endpoints[] = {
  GENERATE("/openai/deployments/{model}/chat/completions", 0, uvllm__mock_openai_chat),
  GENERATE("/openai/deployments/{model}/completions", 0, uvllm__mock_openai_completion),
  EMBED("/openai/deployments/{model}/embeddings", 0),
  GENERATE("/openai/responses", 0, uvllm__mock_responses),
  LIST("/openai/models", 0),
  GENERATE("/openai/v1/chat/completions", V1, uvllm__mock_openai_chat),
  GENERATE("/openai/v1/completions", V1, uvllm__mock_openai_completion),
  EMBED("/openai/v1/embeddings", V1),
  GENERATE("/openai/v1/responses", V1, uvllm__mock_responses),
  LIST("/openai/v1/models", V1)
};

static const char* const own[] = { "/openai/", NULL };

const uvllm__mock_dialect_t uvllm__mock_azure = {
  .own = own, .json_type = "application/json",
  .endpoints = endpoints, .nendpoints = sizeof(endpoints) / sizeof(endpoints[0]),
  .faults = faults, .nfaults = sizeof(faults) / sizeof(faults[0]),
  .check_key = check_key, .put_head = put_head, .put_error = put_error
};
