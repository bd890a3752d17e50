/* Cohere's dialect (v2): its endpoints, errors (an id and a text, no types) and heads.
 * Limits are told as a trial key's are, and not with a 429.
 */
#include "mock/mock_cohere.h"
#include "mock/mock_int.h"

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)


void uvllm__mock_cohere_put_id(uint64_t n, uvllm__buf_t* out) {
  size_t at = out->len;
  uvllm__buf_hex(out, uvllm__mix(n));
  uvllm__buf_hex(out, uvllm__mix(~n));
  if (uvllm__buf_reserve(out, 4) != 0)
    return;
  for (size_t dash = at + 8, i = 0; i < 4; i++, dash += 5) {
    memmove(out->base + dash + 1, out->base + dash, out->len - dash);
    out->base[dash] = '-';
    out->len++;
  }
}


static void put_head(const uvllm__mock_head_t* head, uvllm__buf_t* out) {
  LIT(out, "x-debug-trace-id: ");
  uvllm__buf_hex(out, head->id[0]);
  uvllm__buf_hex(out, head->id[1]);
  LIT(out, "\r\nx-endpoint-monthly-call-limit: 1000\r\n");
  if (head->requests.limit == 0 || (head->error != NULL && head->error->status == 429))
    return;
  uvllm__mock_put_field(out, "x-trial-endpoint-call-limit: ", head->requests.limit);
  uvllm__mock_put_field(out, "x-trial-endpoint-call-remaining: ", head->requests.remaining);
}


static void put_error(const uvllm__answer_t* answer, const uvllm__mock_error_t* error,
                      uvllm__buf_t* out) {
  LIT(out, "{\"id\":\"");
  uvllm__mock_cohere_put_id(answer != NULL ? answer->number : 0, out);
  LIT(out, "\",\"message\":");
  uvllm__mock_put_string(out, error->message, strlen(error->message));
  uvllm__buf_char(out, '}');
}


static uvllm__mock_key check_key(const uvllm__mock_request_t* request, const char* required,
                                 uvllm_str_t* shown) {
  return uvllm__mock_check(uvllm__mock_bearer(request), required, shown);
}


static const uvllm__mock_fault_t faults[] = {
  { UVLLM__MOCK_E_REQUEST, 400, NULL, NULL, NULL },
  { UVLLM__MOCK_E_NO_BODY, 400, NULL, NULL, "invalid request: the body is empty" },
  { UVLLM__MOCK_E_JSON, 400, NULL, NULL, "invalid json: syntax error at byte $2" },
  { UVLLM__MOCK_E_MISSING, 400, NULL, NULL, "invalid request: $1 is required" },
  { UVLLM__MOCK_E_TYPE, 400, NULL, NULL, "invalid request: $1 must be $2" },
  { UVLLM__MOCK_E_VALUE, 422, NULL, NULL, "invalid request: $1 must be $2" },
  { UVLLM__MOCK_E_NO_KEY, 401, NULL, NULL, "no api key supplied" },
  { UVLLM__MOCK_E_KEY, 401, NULL, NULL, "invalid api token" },
  { UVLLM__MOCK_E_QUOTA, 429, NULL, NULL,
    "You are using a Trial key, which is limited to 1000 API calls / month. You can continue to "
    "use the Trial key for free or upgrade to a Production key with higher rate limits." },
  { UVLLM__MOCK_E_FORBIDDEN, 403, NULL, NULL, "forbidden" },
  { UVLLM__MOCK_E_MODEL, 404, NULL, NULL,
    "model '$1' not found, make sure the correct model ID was used and that you have access to "
    "the model." },
  { UVLLM__MOCK_E_PATH, 404, NULL, NULL, "404 page not found" },
  { UVLLM__MOCK_E_METHOD, 405, NULL, NULL, "method $2 is not allowed" },
  { UVLLM__MOCK_E_RATE, 429, NULL, NULL,
    "You are using a Trial key, which is limited to 20 API calls / minute. You can continue to "
    "use the Trial key for free or upgrade to a Production key with higher rate limits." },
  { UVLLM__MOCK_E_REQUEST, 498, NULL, NULL, "blocked input" },
  { UVLLM__MOCK_E_SERVER, 500, NULL, NULL,
    "internal server error, this has been reported to our developers." },
  { UVLLM__MOCK_E_SERVER, 501, NULL, NULL, "not implemented" },
  { UVLLM__MOCK_E_OVERLOADED, 503, NULL, NULL, "service unavailable" },
  { UVLLM__MOCK_E_SERVER, 504, NULL, NULL, "gateway timeout" }
};

static const uvllm__mock_endpoint_t endpoints[] = {
  { .method = HTTP_POST, .path = "/v2/chat", .kind = UVLLM__MOCK_GENERATE,
    .framing = UVLLM__FRAME_SSE, .shape = &uvllm__mock_cohere_chat },
  { .method = HTTP_POST, .path = "/v2/embed", .kind = UVLLM__MOCK_EMBED,
    .shape = &uvllm__mock_cohere_embed },
  { .method = HTTP_GET, .path = "/v1/models", .only = "", .kind = UVLLM__MOCK_FIXED,
    .shape = &uvllm__mock_cohere_models },
  { .method = HTTP_GET, .path = "/v1/models/{id}", .only = "", .kind = UVLLM__MOCK_FIXED,
    .shape = &uvllm__mock_cohere_model }
};

static const char* const own[] = { "/v2/", NULL };

const uvllm__mock_dialect_t uvllm__mock_cohere = {
  .mount = "/cohere", .own = own,
  .json_type = "application/json",
  .endpoints = endpoints, .nendpoints = sizeof(endpoints) / sizeof(endpoints[0]),
  .faults = faults, .nfaults = sizeof(faults) / sizeof(faults[0]),
  .check_key = check_key, .put_head = put_head, .put_error = put_error
};
