/* Gemini's embeddings, token counts, and models page by page. */
#include "mock/mock_gemini.h"
#include "mock/mock_int.h"

#include <stdlib.h>

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)

enum { DIMENSIONS = 768, MAX_INPUTS = 100, PAGE = 50, MAX_PAGE = 1000 };


/* ---- Embeddings ---- */

static int read_input(uvllm__answer_t* answer, uvllm_json_t input, uvllm__mock_error_t* error) {
  uvllm_json_t size = uvllm_json_get(input, "outputDimensionality");
  uint64_t n;
  if (!uvllm__json_given(size))
    size = uvllm_json_path(input, "embedContentConfig.outputDimensionality");
  if (uvllm__mock_read_int(answer, size, "outputDimensionality", 1, UVLLM__MOCK_DIMENSIONS,
                           DIMENSIONS, &n, error) != 0)
    return -1;
  answer->dimensions = (uint32_t) n;
  return uvllm__mock_gemini_read_content(answer, uvllm_json_get(input, "content"), "content",
                                         error);
}


static int read_embed(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                      uvllm__mock_error_t* error) {
  uvllm_json_t requests = uvllm_json_get(request->root, "requests"), input;
  uint32_t it = 0;
  answer->max_tokens = 0;
  if (uvllm__mock_read_model(answer, uvllm__str(request->param), error) != 0)
    return -1;
  if (answer->variant != UVLLM__GEMINI_BATCH)
    return read_input(answer, request->root, error);
  answer->nprompts = 0;
  while (uvllm__json_is(requests, UVLLM_JSON_ARRAY) &&
         uvllm_json_next(requests, &it, NULL, &input)) {
    if (++answer->nprompts > MAX_INPUTS)
      return uvllm__mock_fail_text(answer, error, UVLLM__MOCK_E_REQUEST, NULL,
                                   "at most 100 requests can be in one batch");
    if (!uvllm__json_given(uvllm_json_get(input, "model")))
      return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MISSING, "requests.model", NULL);
    if (read_input(answer, input, error) != 0)
      return -1;
  }
  if (answer->nprompts != 0)
    return 0;
  return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MISSING, "requests", NULL);
}


static void put_values(uvllm__answer_t* answer, uint32_t input, uvllm__buf_t* out) {
  LIT(out, "{\"values\":");
  uvllm__mock_put_vector(answer, input, out);
  uvllm__buf_char(out, '}');
}


static void put_embeddings(uvllm__answer_t* answer, uvllm__buf_t* out) {
  if (answer->variant != UVLLM__GEMINI_BATCH) {
    LIT(out, "{\"embedding\":");
    put_values(answer, 0, out);
    uvllm__buf_char(out, '}');
    return;
  }
  LIT(out, "{\"embeddings\":[");
  for (uint32_t i = 0; i < answer->nprompts; i++) {
    if (i != 0)
      uvllm__buf_char(out, ',');
    put_values(answer, i, out);
  }
  LIT(out, "]}");
}


/* ---- Counts ---- */

static int read_count(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                      uvllm__mock_error_t* error) {
  uvllm_json_t whole = uvllm_json_get(request->root, "generateContentRequest");
  uvllm__buf_t* out = &answer->script;
  int err;
  if (!uvllm__json_given(whole))
    err = uvllm__mock_gemini_read_contents(answer, uvllm_json_get(request->root, "contents"),
                                           error);
  else if (!uvllm__json_given(uvllm_json_get(whole, "model")))
    err = uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MISSING, "generateContentRequest.model",
                           NULL);
  else
    err = uvllm__mock_gemini_read_prompt(answer, whole, error);
  if (err != 0)
    return err;
  LIT(out, "{\"totalTokens\":");
  uvllm__buf_uint(out, (answer->prompt_bytes + 3) / 4);
  LIT(out, ",\"promptTokensDetails\":[{\"modality\":\"TEXT\",\"tokenCount\":");
  uvllm__buf_uint(out, (answer->prompt_bytes + 3) / 4);
  LIT(out, "}]}");
  return 0;
}


/* ---- Models ---- */

static const char* const models[] = { "gemini-2.5-flash", "gemini-2.5-pro",
                                      "gemini-2.5-flash-lite", "gemini-3-pro-preview",
                                      "gemini-embedding-001" };
enum { NMODELS = sizeof(models) / sizeof(models[0]) };


static void put_model(uvllm__buf_t* out, size_t i) {
  char own[32];
  const char* name = uvllm__mock_model(models, NMODELS, i, own);
  LIT(out, "{\"name\":\"models/");
  uvllm__buf_str(out, name);
  LIT(out, "\",\"version\":\"001\",\"displayName\":\"");
  uvllm__buf_str(out, name);
  uvllm__buf_str(out, i == NMODELS - 1
      ? "\",\"inputTokenLimit\":2048,\"outputTokenLimit\":1,"
        "\"supportedGenerationMethods\":[\"embedContent\",\"countTokens\"]}"
      : "\",\"inputTokenLimit\":1048576,\"outputTokenLimit\":65536,"
        "\"supportedGenerationMethods\":[\"generateContent\",\"countTokens\"],\"temperature\":1,"
        "\"topP\":0.95,\"topK\":64,\"maxTemperature\":2,\"thinking\":true}");
}


/* -1: it is no number. */
static int64_t read_query(const uvllm__mock_request_t* request, const char* name,
                          int64_t otherwise) {
  char text[16], *end;
  const int len = uvllm__path_query(request->query, name, text, sizeof(text));
  if (len <= 0)
    return otherwise;
  const long n = strtol(text, &end, 10);
  return *end == '\0' && n >= 0 ? n : -1;
}


/* A page's token is where it begins. */
static int read_models(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                       uvllm__mock_error_t* error) {
  uvllm__buf_t* out = &answer->script;
  size_t n = uvllm__mock_nmodels(answer, NMODELS);
  int64_t size = read_query(request, "pageSize", PAGE);
  int64_t from = read_query(request, "pageToken", 0);
  if (size < 0)
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_TYPE, "page_size", "an integer");
  if (from < 0 || (size_t) from > n)
    return uvllm__mock_fail_text(answer, error, UVLLM__MOCK_E_REQUEST, NULL,
                                 "The page token is invalid.");
  size = size == 0 ? PAGE : size < MAX_PAGE ? size : MAX_PAGE;
  size_t end = n - (size_t) from < (size_t) size ? n : (size_t) (from + size);
  LIT(out, "{\"models\":[");
  for (size_t i = (size_t) from; i < end; i++) {
    if (i != (size_t) from)
      uvllm__buf_char(out, ',');
    put_model(out, i);
  }
  uvllm__buf_char(out, ']');
  if (end < n) {
    LIT(out, ",\"nextPageToken\":\"");
    uvllm__buf_uint(out, end);
    uvllm__buf_char(out, '"');
  }
  uvllm__buf_char(out, '}');
  return 0;
}


static int read_one_model(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                          uvllm__mock_error_t* error) {
  for (size_t i = 0; i < NMODELS; i++)
    if (strcmp(request->param, models[i]) == 0) {
      put_model(&answer->script, i);
      return 0;
    }
  return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MODEL, request->param, NULL);
}


const uvllm__mock_shape_t uvllm__mock_gemini_embed = { .read = read_embed,
                                                       .whole = put_embeddings };
const uvllm__mock_shape_t uvllm__mock_gemini_count = { .read = read_count };
const uvllm__mock_shape_t uvllm__mock_gemini_models = { .read = read_models };
const uvllm__mock_shape_t uvllm__mock_gemini_model = { .read = read_one_model };
