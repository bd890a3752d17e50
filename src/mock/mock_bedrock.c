/* Amazon Bedrock's dialect: its endpoints (of the runtime, and of the control plane the
 * list of models), heads and errors, and embeddings by InvokeModel. What an error is
 * stands in a header. There are no headers that tell limits.
 */
#include "mock/mock_bedrock.h"
#include "mock/mock_int.h"

#include <stdio.h>

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)

enum { DIMENSIONS = 1024, MAX_TEXTS = 96 };

/* How an embedding is written: the answer's flags. */
enum { TITAN = 1, COHERE = 2, BY_TYPE = 4 };


/* ---- Embeddings ---- */

static int read_titan(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  uvllm_json_t text = uvllm_json_get(root, "inputText");
  answer->flags = TITAN;
  answer->nprompts = 1;
  if (!uvllm__json_given(text))
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MISSING, "inputText", NULL);
  if (!uvllm__json_is(text, UVLLM_JSON_STRING))
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_TYPE, "inputText", "a string");
  uvllm__mock_add_text(answer, uvllm_json_str(text));
  return 0;
}


static int read_cohere(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  uvllm_json_t text, texts = uvllm_json_get(root, "texts");
  uint32_t it = 0;
  answer->flags = COHERE;
  if (uvllm_json_count(uvllm_json_get(root, "embedding_types")) != 0)
    answer->flags |= BY_TYPE;
  if (uvllm_json_str(uvllm_json_get(root, "input_type")).len == 0)
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MISSING, "input_type", NULL);
  answer->nprompts = (uint32_t) uvllm_json_count(texts);
  if (!uvllm__json_is(texts, UVLLM_JSON_ARRAY) || answer->nprompts == 0 ||
      answer->nprompts > MAX_TEXTS)
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_VALUE, "texts", "1 to 96 strings");
  while (uvllm_json_next(texts, &it, NULL, &text)) {
    if (!uvllm__json_is(text, UVLLM_JSON_STRING))
      return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_TYPE, "texts", "an array of strings");
    uvllm__mock_add_text(answer, uvllm_json_str(text));
  }
  return 0;
}


static int read_invoke(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                       uvllm__mock_error_t* error) {
  const int is_cohere = strstr(request->param, "cohere.embed") != NULL;
  const char* name = is_cohere ? "output_dimension" : "dimensions";
  uint64_t n;
  if (uvllm__mock_read_model(answer, uvllm__str(request->param), error) != 0)
    return -1;
  if (!is_cohere && strstr(request->param, "titan-embed") == NULL)
    return uvllm__mock_fail_text(answer, error, UVLLM__MOCK_E_REQUEST, NULL,
                                 "The mock invokes Titan's and Cohere's embeddings alone.");
  if (uvllm__mock_read_int(answer, uvllm_json_get(request->root, name), name, 1,
                           UVLLM__MOCK_DIMENSIONS, DIMENSIONS, &n, error) != 0)
    return -1;
  answer->dimensions = (uint32_t) n;
  answer->max_tokens = 0;
  return is_cohere ? read_cohere(answer, request->root, error)
                   : read_titan(answer, request->root, error);
}


static void put_embeddings(uvllm__answer_t* answer, uvllm__buf_t* out) {
  if (answer->flags & TITAN) {
    LIT(out, "{\"embedding\":");
    uvllm__mock_put_vector(answer, 0, out);
    LIT(out, ",\"inputTextTokenCount\":");
    uvllm__buf_uint(out, (answer->prompt_bytes + 3) / 4);
    uvllm__buf_char(out, '}');
    return;
  }
  LIT(out, "{\"id\":\"mock\",\"embeddings\":");
  uvllm__buf_str(out, answer->flags & BY_TYPE ? "{\"float\":[" : "[");
  for (uint32_t i = 0; i < answer->nprompts; i++) {
    if (i != 0)
      uvllm__buf_char(out, ',');
    uvllm__mock_put_vector(answer, i, out);
  }
  uvllm__buf_str(out, answer->flags & BY_TYPE
                          ? "]},\"response_type\":\"embeddings_by_type\"}"
                          : "],\"response_type\":\"embeddings_floats\"}");
}


/* ---- Models ---- */

static const char* const models[] = {
  "anthropic.claude-3-haiku-20240307-v1:0", "amazon.nova-lite-v1:0", "amazon.nova-pro-v1:0",
  "meta.llama3-1-8b-instruct-v1:0", "amazon.titan-embed-text-v2:0", "cohere.embed-english-v3"
};
enum { NMODELS = sizeof(models) / sizeof(models[0]) };


static void put_model(uvllm__buf_t* out, const char* name) {
  LIT(out, "{\"modelArn\":\"arn:aws:bedrock:us-east-1::foundation-model/");
  uvllm__buf_str(out, name);
  LIT(out, "\",\"modelId\":\"");
  uvllm__buf_str(out, name);
  LIT(out, "\",\"modelName\":\"");
  uvllm__buf_str(out, name);
  LIT(out, "\",\"providerName\":\"uvllm-mock\",\"inputModalities\":[\"TEXT\"],"
           "\"outputModalities\":[\"TEXT\"],\"responseStreamingSupported\":true,"
           "\"inferenceTypesSupported\":[\"ON_DEMAND\"],\"customizationsSupported\":[],"
           "\"modelLifecycle\":{\"status\":\"ACTIVE\"}}");
}


static int read_models(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                       uvllm__mock_error_t* error) {
  uvllm__buf_t* out = &answer->script;
  const size_t n = uvllm__mock_nmodels(answer, NMODELS);
  char name[32];
  (void) request;
  (void) error;
  LIT(out, "{\"modelSummaries\":[");
  for (size_t i = 0; i < n; i++) {
    if (i != 0)
      uvllm__buf_char(out, ',');
    put_model(out, uvllm__mock_model(models, NMODELS, i, name));
  }
  LIT(out, "]}");
  return 0;
}


/* ---- Heads and errors ---- */

static void put_head(const uvllm__mock_head_t* head, uvllm__buf_t* out) {
  const uint64_t* id = head->id;
  char uuid[40];
  snprintf(uuid, sizeof(uuid), "%08x-%04x-4%03x-8%03x-%012llx", (unsigned int) (id[0] >> 32),
           (unsigned int) (id[0] >> 16 & 0xffff), (unsigned int) (id[0] & 0xfff),
           (unsigned int) (id[1] >> 48 & 0xfff),
           (unsigned long long) (id[1] & UINT64_C(0xffffffffffff)));
  LIT(out, "x-amzn-requestid: ");
  uvllm__buf_str(out, uuid);
  LIT(out, "\r\n");
  if (head->error != NULL && head->error->type != NULL) {
    LIT(out, "x-amzn-errortype: ");
    uvllm__buf_str(out, head->error->type);
    LIT(out, ":http://internal.amazon.com/coral/com.amazon.bedrock/\r\n");
  } else if (head->answer != NULL && head->answer->kind == UVLLM__MOCK_EMBED) {
    uvllm__mock_put_field(out, "x-amzn-bedrock-input-token-count: ",
                          (head->answer->prompt_bytes + 3) / 4);
  }
  if (head->retry_ns > 0)
    uvllm__mock_put_field(out, "x-amz-retry-after: ",
                          (uint64_t) ((head->retry_ns + 999999) / 1000000));
}


static void put_error(const uvllm__answer_t* answer, const uvllm__mock_error_t* error,
                      uvllm__buf_t* out) {
  (void) answer;
  LIT(out, "{\"message\":");
  uvllm__mock_put_string(out, error->message, strlen(error->message));
  uvllm__buf_char(out, '}');
}


static const char INVALID[] = "ValidationException", THROTTLED[] = "ThrottlingException";

/* x-mock's quota is a 429 everywhere; here it has another status, and the same type. */
static const uvllm__mock_fault_t faults[] = {
  { UVLLM__MOCK_E_REQUEST, 400, INVALID, NULL, NULL },
  { UVLLM__MOCK_E_NO_BODY, 400, INVALID, NULL, "The request has no body." },
  { UVLLM__MOCK_E_JSON, 400, INVALID, NULL, "Malformed input request: not JSON at byte $2." },
  { UVLLM__MOCK_E_MISSING, 400, INVALID, NULL,
    "1 validation error detected: Value null at '$1' failed to satisfy constraint: Member must "
    "not be null" },
  { UVLLM__MOCK_E_TYPE, 400, INVALID, NULL,
    "Malformed input request: $1 must be $2, please reformat your input and try again." },
  { UVLLM__MOCK_E_VALUE, 400, INVALID, NULL,
    "1 validation error detected: Value at '$1' failed to satisfy constraint: Member must be $2" },
  { UVLLM__MOCK_E_NO_KEY, 403, "MissingAuthenticationTokenException", NULL,
    "Missing Authentication Token" },
  { UVLLM__MOCK_E_KEY, 403, "UnrecognizedClientException", NULL,
    "The security token included in the request is invalid." },
  { UVLLM__MOCK_E_KEY, 401, "UnrecognizedClientException", NULL,
    "The security token included in the request is invalid." },
  { UVLLM__MOCK_E_FORBIDDEN, 403, "AccessDeniedException", NULL,
    "You don't have access to the model with the specified model ID." },
  { UVLLM__MOCK_E_MODEL, 404, "ResourceNotFoundException", NULL,
    "Could not resolve the foundation model from the model identifier: $1" },
  { UVLLM__MOCK_E_PATH, 404, "UnknownOperationException", NULL, "There is no $1" },
  { UVLLM__MOCK_E_METHOD, 405, "UnknownOperationException", NULL, "There is no $2 $1" },
  { UVLLM__MOCK_E_RATE, 429, THROTTLED, NULL,
    "Too many requests, please wait before trying again." },
  { UVLLM__MOCK_E_RATE_TOKENS, 429, THROTTLED, NULL,
    "Too many tokens, please wait before trying again." },
  { UVLLM__MOCK_E_BUSY, 429, THROTTLED, NULL,
    "Too many concurrent requests, please wait before trying again." },
  { UVLLM__MOCK_E_QUOTA, 429, "ServiceQuotaExceededException", NULL,
    "Your request exceeds the service quota for your account." },
  { UVLLM__MOCK_E_SERVER, 500, "InternalServerException", NULL,
    "The system encountered an unexpected error during processing. Try your request again." },
  { UVLLM__MOCK_E_SERVER, 408, "ModelTimeoutException", NULL,
    "Model has timed out in processing the request. Try your request again." },
  { UVLLM__MOCK_E_SERVER, 424, "ModelErrorException", NULL,
    "The request failed due to an error while processing the model." },
  { UVLLM__MOCK_E_OVERLOADED, 503, "ServiceUnavailableException", NULL,
    "Bedrock is unable to process your request." }
};

static const uvllm__mock_shape_t count = { .read = uvllm__mock_bedrock_read_count };
static const uvllm__mock_shape_t invoke = { .read = read_invoke, .whole = put_embeddings };
static const uvllm__mock_shape_t list = { .read = read_models };

static const uvllm__mock_endpoint_t endpoints[] = {
  { .method = HTTP_POST, .path = "/model/{id}/converse", .kind = UVLLM__MOCK_GENERATE,
    .framing = UVLLM__FRAME_AWS, .shape = &uvllm__mock_bedrock_converse },
  { .method = HTTP_POST, .path = "/model/{id}/converse-stream", .kind = UVLLM__MOCK_GENERATE,
    .framing = UVLLM__FRAME_AWS, .variant = UVLLM__BEDROCK_STREAM,
    .shape = &uvllm__mock_bedrock_converse },
  { .method = HTTP_POST, .path = "/model/{id}/count-tokens", .kind = UVLLM__MOCK_FIXED,
    .shape = &count },
  { .method = HTTP_POST, .path = "/model/{id}/invoke", .kind = UVLLM__MOCK_EMBED,
    .shape = &invoke },
  { .method = HTTP_GET, .path = "/foundation-models", .kind = UVLLM__MOCK_FIXED, .shape = &list }
};

static const char* const own[] = { "/model/", "/foundation-models", NULL };

const uvllm__mock_dialect_t uvllm__mock_bedrock = {
  .mount = "/bedrock", .own = own,
  .json_type = "application/json",
  .endpoints = endpoints, .nendpoints = sizeof(endpoints) / sizeof(endpoints[0]),
  .faults = faults, .nfaults = sizeof(faults) / sizeof(faults[0]),
  .check_key = uvllm__mock_bedrock_check_key, .put_head = put_head, .put_error = put_error
};
