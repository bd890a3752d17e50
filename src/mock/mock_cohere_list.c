/* Cohere's embeddings, by type, and its model list, page by page. */
#include "mock/mock_cohere.h"
#include "mock/mock_int.h"

#include <stdio.h>
#include <stdlib.h>

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)

enum { MAX_TEXTS = 96, DIMENSIONS = 1536, PAGE = 20, MAX_PAGE = 1000 };


/* ---- Embeddings ---- */

/* The answer's flags have a bit for each. */
enum { FLOAT, BASE64, INT8, UINT8, NTYPES };
static const char* const types[NTYPES] = { "float", "base64", "int8", "uint8" };


static int read_types(uvllm__answer_t* answer, uvllm_json_t list, uvllm__mock_error_t* error) {
  uvllm_json_t entry;
  uint32_t it = 0;
  answer->flags = 0;
  while (uvllm_json_next(list, &it, NULL, &entry)) {
    int i = 0;
    while (i < NTYPES && !uvllm__str_eq(uvllm_json_str(entry), types[i]))
      i++;
    if (i == NTYPES)
      return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_VALUE, "embedding_types",
                              "float, base64, int8 or uint8 in a mock");
    answer->flags |= (uint8_t) (1u << i);
  }
  if (answer->flags == 0)
    answer->flags = 1 << FLOAT;
  return 0;
}


static int read_texts(uvllm__answer_t* answer, uvllm_json_t texts, uvllm__mock_error_t* error) {
  uvllm_json_t text;
  uint32_t it = 0;
  answer->nprompts = 0;
  while (uvllm_json_next(texts, &it, NULL, &text)) {
    if (!uvllm__json_is(text, UVLLM_JSON_STRING))
      return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_TYPE, "texts", "an array of strings");
    uvllm__mock_add_text(answer, uvllm_json_str(text));
    answer->nprompts++;
  }
  if (answer->nprompts == 0)
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MISSING, "texts", NULL);
  if (answer->nprompts <= MAX_TEXTS)
    return 0;
  return uvllm__mock_fail_text(answer, error, UVLLM__MOCK_E_REQUEST, "texts",
                               "invalid request: total number of texts must be at most 96");
}


static int read_embed(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                      uvllm__mock_error_t* error) {
  uvllm_json_t root = request->root;
  uint64_t n;
  if (uvllm__mock_cohere_read_model(answer, root, error) != 0)
    return -1;
  if (uvllm_json_str(uvllm_json_get(root, "input_type")).len == 0)
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MISSING, "input_type", NULL);
  if (uvllm__mock_read_int(answer, uvllm_json_get(root, "output_dimension"), "output_dimension",
                           1, UVLLM__MOCK_DIMENSIONS, DIMENSIONS, &n, error) != 0 ||
      read_types(answer, uvllm_json_get(root, "embedding_types"), error) != 0)
    return -1;
  answer->dimensions = (uint32_t) n;
  answer->max_tokens = 0;
  return read_texts(answer, uvllm_json_get(root, "texts"), error);
}


static void put_integers(uvllm__answer_t* answer, uint32_t input, int offset,
                         uvllm__buf_t* out) {
  float vector[UVLLM__MOCK_DIMENSIONS];
  uvllm__mock_vector(answer, input, vector);
  uvllm__buf_char(out, '[');
  for (uint32_t i = 0; i < answer->dimensions; i++) {
    int n = (int) (vector[i] * 127) + offset;
    uvllm__buf_str(out, i == 0 ? "" : ",");
    uvllm__buf_str(out, n < 0 ? "-" : "");
    uvllm__buf_uint(out, (uint64_t) (n < 0 ? -n : n));
  }
  uvllm__buf_char(out, ']');
}


static void put_vector(uvllm__answer_t* answer, uint32_t input, int type, uvllm__buf_t* out) {
  if (type == FLOAT)
    uvllm__mock_put_vector(answer, input, out);
  else if (type == BASE64)
    uvllm__mock_put_vector_base64(answer, input, out);
  else
    put_integers(answer, input, type == UINT8 ? 128 : 0, out);
}


static void put_type(uvllm__answer_t* answer, int type, uvllm__buf_t* out) {
  uvllm__buf_char(out, '"');
  uvllm__buf_str(out, types[type]);
  LIT(out, "\":[");
  for (uint32_t i = 0; i < answer->nprompts; i++) {
    if (i != 0)
      uvllm__buf_char(out, ',');
    put_vector(answer, i, type, out);
  }
  uvllm__buf_char(out, ']');
}


static void put_embeddings(uvllm__answer_t* answer, uvllm__buf_t* out) {
  uvllm__mock_usage_t usage;
  int n = 0;
  uvllm__mock_usage(answer, &usage);
  LIT(out, "{\"id\":\"");
  uvllm__mock_cohere_put_id(answer->id, out);
  LIT(out, "\",\"response_type\":\"embeddings_by_type\",\"embeddings\":{");
  for (int type = 0; type < NTYPES; type++)
    if (answer->flags & 1u << type) {
      uvllm__buf_str(out, n++ == 0 ? "" : ",");
      put_type(answer, type, out);
    }
  LIT(out, "},\"texts\":[],\"meta\":{\"api_version\":{\"version\":\"2\"},\"billed_units\":"
           "{\"input_tokens\":");
  uvllm__buf_uint(out, usage.input);
  LIT(out, "}}}");
}


/* ---- Models ---- */

static const char* const models[] = { "command-a-plus-05-2026", "command-a-03-2025",
                                      "command-r7b-12-2024", "embed-v4.0", "rerank-v4.0" };
enum { NMODELS = sizeof(models) / sizeof(models[0]) };


static void put_model(uvllm__buf_t* out, size_t i) {
  char own[32];
  const char* name = uvllm__mock_model(models, NMODELS, i, own);
  LIT(out, "{\"name\":\"");
  uvllm__buf_str(out, name);
  LIT(out, "\",\"endpoints\":[\"");
  uvllm__buf_str(out, strncmp(name, "embed", 5) == 0    ? "embed"
                      : strncmp(name, "rerank", 6) == 0 ? "rerank" : "chat");
  LIT(out, "\"],\"finetuned\":false,\"is_deprecated\":false,\"context_length\":256000.0,"
           "\"tokenizer_url\":\"\",\"default_endpoints\":[],\"features\":[\"tools\"]}");
}


/* A page's token is the number of its first model. */
static int read_models(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                       uvllm__mock_error_t* error) {
  uvllm__buf_t* out = &answer->script;
  char text[24];
  size_t n = uvllm__mock_nmodels(answer, NMODELS), first = 0, size = PAGE;
  if (uvllm__path_query(request->query, "page_size", text, sizeof(text)) >= 0)
    size = strtoul(text, NULL, 10);
  if (size < 1 || size > MAX_PAGE)
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_VALUE, "page_size", "from 1 to 1000");
  if (uvllm__path_query(request->query, "page_token", text, sizeof(text)) > 0)
    first = strtoul(text, NULL, 10);
  LIT(out, "{\"models\":[");
  for (size_t i = first; i < n && i < first + size; i++) {
    uvllm__buf_str(out, i == first ? "" : ",");
    put_model(out, i);
  }
  LIT(out, "],\"next_page_token\":\"");
  if (n > size && first < n - size)
    uvllm__buf_uint(out, first + size);
  LIT(out, "\"}");
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


const uvllm__mock_shape_t uvllm__mock_cohere_embed = { .read = read_embed,
                                                       .whole = put_embeddings };
const uvllm__mock_shape_t uvllm__mock_cohere_models = { .read = read_models };
const uvllm__mock_shape_t uvllm__mock_cohere_model = { .read = read_one_model };
