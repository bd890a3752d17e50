/* Hugging Face's dialect: a TGI server beneath /tgi, and the tasks of hf-inference.
 * Its headers tell times and tokens, and no limits.
 */
#include "mock/mock_tgi.h"
#include "mock/mock_int.h"

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)


/* A stream has only the first two: the others are not known then. */
static void put_head(const uvllm__mock_head_t* head, uvllm__buf_t* out) {
  const uvllm__answer_t* answer = head->answer;
  uvllm__mock_usage_t usage;
  LIT(out, "x-request-id: ");
  uvllm__buf_hex(out, head->id[0]);
  LIT(out, "\r\n");
  if (head->error != NULL || answer->kind != UVLLM__MOCK_GENERATE)
    return;
  uvllm__mock_usage(answer, &usage);
  LIT(out, "x-compute-type: mock\r\n");
  uvllm__mock_put_field(out, "x-compute-characters: ", answer->prompt_bytes);
  if (answer->stream) {
    LIT(out, "x-accel-buffering: no\r\n");
    return;
  }
  uvllm__mock_put_field(out, "x-total-time: ", (uint64_t) head->took_ms);
  uvllm__mock_put_field(out, "x-prompt-tokens: ", usage.input);
  uvllm__mock_put_field(out, "x-generated-tokens: ", usage.output);
}


/* A model that is being loaded says how long that may take. */
static void put_error(const uvllm__answer_t* answer, const uvllm__mock_error_t* error,
                      uvllm__buf_t* out) {
  (void) answer;
  LIT(out, "{\"error\":");
  uvllm__mock_put_string(out, error->message, strlen(error->message));
  if (error->type != NULL) {
    LIT(out, ",\"error_type\":");
    uvllm__mock_put_string(out, error->type, strlen(error->type));
  }
  if (error->status == 503)
    LIT(out, ",\"estimated_time\":1.0");
  uvllm__buf_char(out, '}');
}


static uvllm__mock_key check_key(const uvllm__mock_request_t* request, const char* required,
                                 uvllm_str_t* shown) {
  return uvllm__mock_check(uvllm__mock_bearer(request), required, shown);
}


static const uvllm__mock_fault_t faults[] = {
  { UVLLM__MOCK_E_REQUEST, 422, "validation", NULL, "Input validation error: $2" },
  { UVLLM__MOCK_E_REQUEST, 400, NULL, NULL, NULL },
  { UVLLM__MOCK_E_NO_BODY, 400, NULL, NULL,
    "Failed to parse the request body as JSON: EOF while parsing a value" },
  { UVLLM__MOCK_E_JSON, 400, NULL, NULL,
    "Failed to parse the request body as JSON: at column $2" },
  { UVLLM__MOCK_E_MISSING, 422, "validation", NULL,
    "Failed to deserialize the JSON body into the target type: missing field `$1`" },
  { UVLLM__MOCK_E_TYPE, 422, "validation", NULL,
    "Failed to deserialize the JSON body into the target type: $1: expected $2" },
  { UVLLM__MOCK_E_VALUE, 422, "validation", NULL, "Input validation error: `$1` must be $2" },
  { UVLLM__MOCK_E_KEY, 401, NULL, NULL, "Invalid credentials in Authorization header" },
  { UVLLM__MOCK_E_QUOTA, 402, NULL, NULL,
    "You have exceeded your monthly included credits for Inference Providers." },
  { UVLLM__MOCK_E_FORBIDDEN, 403, NULL, NULL,
    "This authentication method does not have sufficient permissions" },
  { UVLLM__MOCK_E_MODEL, 404, NULL, NULL, "Model $1 does not exist" },
  { UVLLM__MOCK_E_PATH, 404, NULL, NULL, "Not Found" },
  { UVLLM__MOCK_E_METHOD, 405, NULL, NULL, "Method Not Allowed" },
  { UVLLM__MOCK_E_SERVER, 424, "generation", NULL,
    "Request failed during generation: Server error: out of memory" },
  { UVLLM__MOCK_E_RATE, 429, "overloaded", NULL, "Model is overloaded" },
  { UVLLM__MOCK_E_SERVER, 500, "incomplete_generation", NULL, "Incomplete generation" },
  { UVLLM__MOCK_E_OVERLOADED, 503, NULL, NULL, "Model is currently loading" }
};

static const uvllm__mock_endpoint_t endpoints[] = {
  { .method = HTTP_POST, .path = "/generate", .kind = UVLLM__MOCK_GENERATE,
    .variant = UVLLM__TGI_WHOLE, .shape = &uvllm__mock_tgi_generate },
  { .method = HTTP_POST, .path = "/generate_stream", .kind = UVLLM__MOCK_GENERATE,
    .framing = UVLLM__FRAME_SSE_TIGHT, .variant = UVLLM__TGI_STREAM,
    .shape = &uvllm__mock_tgi_generate },
  { .method = HTTP_POST, .path = "/", .only = "", .kind = UVLLM__MOCK_GENERATE,
    .framing = UVLLM__FRAME_SSE_TIGHT, .variant = UVLLM__TGI_EITHER,
    .shape = &uvllm__mock_tgi_generate },
  { .method = HTTP_POST, .path = "/hf-inference/models/{id*}/pipeline/feature-extraction",
    .kind = UVLLM__MOCK_EMBED, .shape = &uvllm__mock_tgi_embed },
  { .method = HTTP_POST, .path = "/hf-inference/models/{id*}", .kind = UVLLM__MOCK_GENERATE,
    .framing = UVLLM__FRAME_SSE_TIGHT, .variant = UVLLM__TGI_EITHER,
    .shape = &uvllm__mock_tgi_generate },
  { .method = HTTP_POST, .path = "/embed", .only = "", .kind = UVLLM__MOCK_EMBED,
    .shape = &uvllm__mock_tgi_embed },
  { .method = HTTP_GET, .path = "/info", .only = "", .kind = UVLLM__MOCK_FIXED,
    .shape = &uvllm__mock_tgi_info },
  { .method = HTTP_GET, .path = "/health", .only = "", .kind = UVLLM__MOCK_FIXED,
    .shape = &uvllm__mock_tgi_health },
  { .method = HTTP_POST, .path = "/tokenize", .only = "", .kind = UVLLM__MOCK_FIXED,
    .shape = &uvllm__mock_tgi_tokenize },
  { .method = HTTP_POST, .path = "/chat_tokenize", .only = "", .kind = UVLLM__MOCK_FIXED,
    .shape = &uvllm__mock_tgi_chat_tokenize }
};

static const char* const own[] = { "/hf-inference/", "/generate", NULL };

const uvllm__mock_dialect_t uvllm__mock_tgi = {
  .mount = "/tgi", .own = own,
  .json_type = "application/json",
  .endpoints = endpoints, .nendpoints = sizeof(endpoints) / sizeof(endpoints[0]),
  .faults = faults, .nfaults = sizeof(faults) / sizeof(faults[0]),
  .check_key = check_key, .put_head = put_head, .put_error = put_error
};
