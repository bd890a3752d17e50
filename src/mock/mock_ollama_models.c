/* Ollama's models: lists, details, pulling and deleting. Nothing is kept: what is
 * pulled does not stand in the list afterwards, and what is deleted still does.
 */
#include "mock/mock_int.h"
#include "mock/mock_ollama.h"

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)

static const char* const models[] = { "llama3.2:latest", "qwen3:8b", "nomic-embed-text:latest" };
enum { NMODELS = sizeof(models) / sizeof(models[0]), TICKS = 4 };

static const uint64_t LAYER_BYTES = 2019377376, CONFIG_BYTES = 561;


uvllm_str_t uvllm__mock_ollama_model(const uvllm__mock_request_t* request) {
  uvllm_str_t name = uvllm_json_str(uvllm_json_get(request->root, "model"));
  return name.len != 0 ? name : uvllm_json_str(uvllm_json_get(request->root, "name"));
}


static void put_digest(const char* name, uint64_t i, uvllm__buf_t* out) {
  uint64_t hash = uvllm__hash_bytes(i, name, strlen(name));
  for (uint64_t k = 0; k < 4; k++)
    uvllm__buf_hex(out, uvllm__mix(hash + k));
}


static void put_details(uvllm__buf_t* out) {
  LIT(out, "\"details\":{\"parent_model\":\"\",\"format\":\"gguf\",\"family\":\"llama\","
           "\"families\":[\"llama\"],\"parameter_size\":\"3.2B\","
           "\"quantization_level\":\"Q4_K_M\"}");
}


/* ---- Lists ---- */

static void open_model(uvllm__buf_t* out, size_t i) {
  char own[32];
  const char* name = uvllm__mock_model(models, NMODELS, i, own);
  LIT(out, "{\"name\":\"");
  uvllm__buf_str(out, name);
  LIT(out, "\",\"model\":\"");
  uvllm__buf_str(out, name);
  LIT(out, "\",\"size\":");
  uvllm__buf_uint(out, LAYER_BYTES + i);
  LIT(out, ",\"digest\":\"");
  put_digest(name, 0, out);
  LIT(out, "\",");
  put_details(out);
}


static int read_tags(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                     uvllm__mock_error_t* error) {
  uvllm__buf_t* out = &answer->script;
  size_t n = uvllm__mock_nmodels(answer, NMODELS);
  (void) request;
  (void) error;
  LIT(out, "{\"models\":[");
  for (size_t i = 0; i < n; i++) {
    if (i != 0)
      uvllm__buf_char(out, ',');
    open_model(out, i);
    LIT(out, ",\"modified_at\":\"2026-05-04T17:37:44.706015396-07:00\","
             "\"capabilities\":[\"completion\",\"tools\"]}");
  }
  LIT(out, "]}");
  return 0;
}


static int read_ps(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                   uvllm__mock_error_t* error) {
  uvllm__buf_t* out = &answer->script;
  (void) request;
  (void) error;
  LIT(out, "{\"models\":[");
  open_model(out, 0);
  LIT(out, ",\"expires_at\":\"2026-09-21T13:51:40.5-07:00\",\"size_vram\":");
  uvllm__buf_uint(out, LAYER_BYTES);
  LIT(out, ",\"context_length\":8192}]}");
  return 0;
}


/* ---- One model ---- */

/* That there is the model which is named, with or without its tag. */
static int find_model(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                      uvllm__mock_error_t* error) {
  uvllm_str_t name = uvllm__mock_ollama_model(request);
  char text[160];
  if (name.len == 0)
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MISSING, "model", NULL);
  if (uvllm__mock_read_model(answer, name, error) != 0)
    return -1;
  snprintf(text, sizeof(text), "%.*s", (int) (name.len < 150 ? name.len : 150), name.base);
  for (size_t i = 0; i < NMODELS; i++) {
    size_t len = strlen(text);
    if (strncmp(models[i], text, len) == 0 &&
        (models[i][len] == '\0' || strcmp(models[i] + len, ":latest") == 0))
      return 0;
  }
  return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MODEL, text, NULL);
}


static int read_show(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                     uvllm__mock_error_t* error) {
  uvllm__buf_t* out = &answer->script;
  if (find_model(answer, request, error) != 0)
    return -1;
  LIT(out, "{\"license\":\"MIT\",\"modelfile\":\"FROM mock\",\"parameters\":"
           "\"stop                           \\\"<|eot_id|>\\\"\\nnum_ctx 8192\","
           "\"template\":\"{{ .Prompt }}\",\"system\":\"\",");
  put_details(out);
  LIT(out, ",\"messages\":[],\"model_info\":{\"general.architecture\":\"llama\","
           "\"general.parameter_count\":3212749888,\"llama.context_length\":8192,"
           "\"llama.rope.freq_base\":500000.0,\"tokenizer.ggml.add_bos_token\":true,"
           "\"tokenizer.ggml.tokens\":null},\"capabilities\":[\"completion\",\"tools\"],"
           "\"modified_at\":\"2026-05-04T17:37:44.706015396-07:00\"}");
  return 0;
}


/* ---- Pulling ---- */

static int read_pull(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                     uvllm__mock_error_t* error) {
  uvllm_str_t name = uvllm__mock_ollama_model(request);
  if (name.len == 0)
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MISSING, "model", NULL);
  answer->nsteps = 6 + (answer->ask.tokens > 0 ? (uint32_t) answer->ask.tokens : TICKS);
  if (uvllm__mock_read_model(answer, name, error) != 0)
    return -1;
  return uvllm__mock_read_flag(answer, uvllm_json_get(request->root, "stream"), "stream", 1,
                               &answer->stream, error);
}


static void put_status(uvllm__answer_t* answer, const char* status) {
  uvllm__buf_t* out = uvllm__mock_open(answer, NULL);
  LIT(out, "{\"status\":\"");
  uvllm__buf_str(out, status);
  LIT(out, "\"}");
  uvllm__mock_close(answer);
}


/* What is done of a blob; nothing is not said. */
static void put_blob(uvllm__answer_t* answer, const char* which, uint64_t total,
                     uint64_t completed) {
  uvllm__buf_t* out = uvllm__mock_open(answer, NULL);
  LIT(out, "{\"status\":\"pulling ");
  size_t digest = out->len;
  put_digest(which, 1, out);
  out->len = out->err == 0 ? digest + 12 : out->len; /* so much of it is shown */
  LIT(out, "\",\"digest\":\"sha256:");
  put_digest(which, 1, out);
  LIT(out, "\",\"total\":");
  uvllm__buf_uint(out, total);
  if (completed != 0) {
    LIT(out, ",\"completed\":");
    uvllm__buf_uint(out, completed);
  }
  uvllm__buf_char(out, '}');
  uvllm__mock_close(answer);
}


/* The manifest, a layer tick by tick, the config that was there already, the rest. */
static void pull_step(uvllm__answer_t* answer, const uvllm__block_t* block, uint64_t i) {
  static const char* const last[] = { "verifying sha256 digest", "writing manifest",
                                      "removing unused layers" };
  uint64_t ticks = block->ntokens - 6;
  if (i == 0)
    put_status(answer, "pulling manifest");
  else if (i <= ticks + 1)
    put_blob(answer, "layer", LAYER_BYTES, LAYER_BYTES / ticks * (i - 1) +
                                           (i == ticks + 1 ? LAYER_BYTES % ticks : 0));
  else if (i == ticks + 2)
    put_blob(answer, "config", CONFIG_BYTES, CONFIG_BYTES);
  else
    put_status(answer, last[i - ticks - 3]);
}


static void pull_done(uvllm__answer_t* answer) {
  put_status(answer, "success");
}


static void pull_whole(uvllm__answer_t* answer, uvllm__buf_t* out) {
  (void) answer;
  LIT(out, "{\"status\":\"success\"}");
}


const uvllm__mock_shape_t uvllm__mock_ollama_tags = { .read = read_tags };
const uvllm__mock_shape_t uvllm__mock_ollama_ps = { .read = read_ps };
const uvllm__mock_shape_t uvllm__mock_ollama_show = { .read = read_show };
const uvllm__mock_shape_t uvllm__mock_ollama_delete = { .read = find_model };
const uvllm__mock_shape_t uvllm__mock_ollama_pull = {
  .read = read_pull, .whole = pull_whole, .token = pull_step, .done = pull_done
};
