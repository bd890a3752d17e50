/* Ollama's native dialect: its endpoints, its errors (one string, no types), and its
 * embeddings. There are no headers of its own and no limits; the hosted one has keys.
 */
#include "mock/mock_ollama.h"
#include "mock/mock_int.h"

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)

enum { DIMENSIONS = 384, MAX_INPUTS = 2048 };


/* ---- Embeddings ---- */

/* The older endpoint has one prompt, and one vector. */
enum { ONE_PROMPT = 1 };


static int read_inputs(uvllm__answer_t* answer, uvllm_json_t input, uvllm__mock_error_t* error) {
  uvllm_json_t text = input;
  uint32_t it = 0;
  answer->nprompts = 0;
  if (uvllm__json_is(input, UVLLM_JSON_STRING)) {
    answer->nprompts = uvllm_json_str(input).len != 0;
    uvllm__mock_add_text(answer, uvllm_json_str(input));
    return 0;
  }
  int is_right = uvllm__json_is(input, UVLLM_JSON_ARRAY);
  while (is_right && uvllm_json_next(input, &it, NULL, &text)) {
    is_right = uvllm__json_is(text, UVLLM_JSON_STRING) && ++answer->nprompts <= MAX_INPUTS;
    uvllm__mock_add_text(answer, uvllm_json_str(text));
  }
  if (is_right)
    return 0;
  return uvllm__mock_fail_text(answer, error, UVLLM__MOCK_E_REQUEST, NULL, "invalid input type");
}


static int read_embed(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                      uvllm__mock_error_t* error) {
  uvllm_str_t model = uvllm__mock_ollama_model(request);
  const char* name = answer->variant == ONE_PROMPT ? "prompt" : "input";
  uvllm_json_t dimensions = uvllm_json_get(request->root, "dimensions");
  uint64_t n;
  if (model.len == 0)
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MISSING, "model", NULL);
  if (uvllm__mock_read_model(answer, model, error) != 0 ||
      uvllm__mock_read_int(answer, dimensions, "dimensions", 1, UVLLM__MOCK_DIMENSIONS,
                           DIMENSIONS, &n, error) != 0)
    return -1;
  answer->dimensions = (uint32_t) n;
  answer->max_tokens = 0;
  return read_inputs(answer, uvllm_json_get(request->root, name), error);
}


static void put_embeddings(uvllm__answer_t* answer, uvllm__buf_t* out) {
  uvllm__mock_usage_t usage;
  uvllm__mock_usage(answer, &usage);
  if (answer->variant == ONE_PROMPT) {
    LIT(out, "{\"embedding\":");
    if (answer->nprompts != 0)
      uvllm__mock_put_vector(answer, 0, out);
    else
      LIT(out, "[]");
    uvllm__buf_char(out, '}');
    return;
  }
  LIT(out, "{\"model\":");
  uvllm__buf_append(out, answer->model.base, answer->model.len);
  LIT(out, ",\"embeddings\":[");
  for (uint32_t i = 0; i < answer->nprompts; i++) {
    if (i != 0)
      uvllm__buf_char(out, ',');
    uvllm__mock_put_vector(answer, i, out);
  }
  LIT(out, "],\"total_duration\":14143917,\"load_duration\":1019500");
  if (usage.input != 0) {
    LIT(out, ",\"prompt_eval_count\":");
    uvllm__buf_uint(out, usage.input);
  }
  uvllm__buf_char(out, '}');
}


/* ---- Signs of life ---- */

static int read_version(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                        uvllm__mock_error_t* error) {
  (void) request;
  (void) error;
  LIT(&answer->script, "{\"version\":\"0.33.3\"}");
  return 0;
}


static int read_alive(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                      uvllm__mock_error_t* error) {
  (void) request;
  (void) error;
  answer->type = "text/plain; charset=utf-8";
  LIT(&answer->script, "Ollama is running");
  return 0;
}


/* ---- The dialect ---- */

static void put_head(const uvllm__mock_head_t* head, uvllm__buf_t* out) {
  (void) head;
  (void) out;
}


static void put_error(const uvllm__answer_t* answer, const uvllm__mock_error_t* error,
                      uvllm__buf_t* out) {
  (void) answer;
  LIT(out, "{\"error\":");
  uvllm__mock_put_string(out, error->message, strlen(error->message));
  uvllm__buf_char(out, '}');
}


static uvllm__mock_key check_key(const uvllm__mock_request_t* request, const char* required,
                                 uvllm_str_t* shown) {
  return uvllm__mock_check(uvllm__mock_bearer(request), required, shown);
}


static const uvllm__mock_fault_t faults[] = {
  { UVLLM__MOCK_E_REQUEST, 400, NULL, NULL, NULL },
  { UVLLM__MOCK_E_NO_BODY, 400, NULL, NULL, "missing request body" },
  { UVLLM__MOCK_E_JSON, 400, NULL, NULL, "invalid character at offset $2" },
  { UVLLM__MOCK_E_MISSING, 400, NULL, NULL, "$1 is required" },
  { UVLLM__MOCK_E_TYPE, 400, NULL, NULL, "json: cannot unmarshal into field $1: expected $2" },
  { UVLLM__MOCK_E_VALUE, 400, NULL, NULL, "$1 must be $2" },
  { UVLLM__MOCK_E_KEY, 401, NULL, NULL, "unauthorized" },
  { UVLLM__MOCK_E_FORBIDDEN, 403, NULL, NULL, NULL },
  { UVLLM__MOCK_E_MODEL, 404, NULL, NULL, "model '$1' not found" },
  { UVLLM__MOCK_E_PATH, 404, NULL, NULL, "404 page not found" },
  { UVLLM__MOCK_E_METHOD, 405, NULL, NULL, "405 method not allowed" },
  { UVLLM__MOCK_E_RATE, 429, NULL, NULL, NULL },
  { UVLLM__MOCK_E_SERVER, 500, NULL, NULL, "llama runner process has terminated: signal: killed" },
  { UVLLM__MOCK_E_SERVER, 502, NULL, NULL, "the upstream cannot be reached" },
  { UVLLM__MOCK_E_BUSY, 503, NULL, NULL,
    "server busy, please try again.  maximum pending requests exceeded" },
  { UVLLM__MOCK_E_OVERLOADED, 503, NULL, NULL,
    "server busy, please try again.  maximum pending requests exceeded" }
};

static const uvllm__mock_shape_t embed = { .read = read_embed, .whole = put_embeddings };
static const uvllm__mock_shape_t version = { .read = read_version };
static const uvllm__mock_shape_t alive = { .read = read_alive };

static const uvllm__mock_endpoint_t endpoints[] = {
  { .method = HTTP_POST, .path = "/api/chat", .kind = UVLLM__MOCK_GENERATE,
    .framing = UVLLM__FRAME_LINES, .shape = &uvllm__mock_ollama_chat },
  { .method = HTTP_POST, .path = "/api/generate", .kind = UVLLM__MOCK_GENERATE,
    .framing = UVLLM__FRAME_LINES, .shape = &uvllm__mock_ollama_generate },
  { .method = HTTP_POST, .path = "/api/embed", .kind = UVLLM__MOCK_EMBED, .shape = &embed },
  { .method = HTTP_POST, .path = "/api/embeddings", .kind = UVLLM__MOCK_EMBED,
    .variant = ONE_PROMPT, .shape = &embed },
  { .method = HTTP_POST, .path = "/api/pull", .kind = UVLLM__MOCK_PROGRESS,
    .framing = UVLLM__FRAME_LINES, .shape = &uvllm__mock_ollama_pull },
  { .method = HTTP_GET, .path = "/api/tags", .kind = UVLLM__MOCK_FIXED,
    .shape = &uvllm__mock_ollama_tags },
  { .method = HTTP_HEAD, .path = "/api/tags", .kind = UVLLM__MOCK_FIXED,
    .shape = &uvllm__mock_ollama_tags },
  { .method = HTTP_GET, .path = "/api/ps", .kind = UVLLM__MOCK_FIXED,
    .shape = &uvllm__mock_ollama_ps },
  { .method = HTTP_POST, .path = "/api/show", .kind = UVLLM__MOCK_FIXED,
    .shape = &uvllm__mock_ollama_show },
  { .method = HTTP_DELETE, .path = "/api/delete", .kind = UVLLM__MOCK_FIXED,
    .shape = &uvllm__mock_ollama_delete },
  { .method = HTTP_GET, .path = "/api/version", .kind = UVLLM__MOCK_FIXED, .shape = &version },
  { .method = HTTP_HEAD, .path = "/api/version", .kind = UVLLM__MOCK_FIXED, .shape = &version },
  { .method = HTTP_GET, .path = "/", .only = "", .kind = UVLLM__MOCK_FIXED, .shape = &alive },
  { .method = HTTP_HEAD, .path = "/", .only = "", .kind = UVLLM__MOCK_FIXED, .shape = &alive }
};

static const char* const own[] = { "/api/", NULL };

const uvllm__mock_dialect_t uvllm__mock_ollama = {
  .mount = "/ollama", .own = own,
  .json_type = "application/json; charset=utf-8",
  .endpoints = endpoints, .nendpoints = sizeof(endpoints) / sizeof(endpoints[0]),
  .faults = faults, .nfaults = sizeof(faults) / sizeof(faults[0]),
  .check_key = check_key, .put_head = put_head, .put_error = put_error
};
