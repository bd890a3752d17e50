/* Embeddings and the list of models.
 *
 * A vector is drawn from the prompt's hash and scaled to length one; each number
 * is a multiple of 1e-7, so that its decimal form and its float are the same.
 */
#include "mock/mock_int.h"

#include <math.h>

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)

static const double UNIT = 1e7;


static void put_decimal(uvllm__buf_t* out, int64_t n) {
  char digits[8];
  if (n < 0) {
    uvllm__buf_char(out, '-');
    n = -n;
  }
  uvllm__buf_uint(out, (uint64_t) n / 10000000);
  n %= 10000000;
  for (int i = 6; i >= 0; i--, n /= 10)
    digits[i] = (char) ('0' + n % 10);
  uvllm__buf_char(out, '.');
  uvllm__buf_append(out, digits, 7);
}


static double draw(uint64_t hash, uint32_t i) {
  return uvllm__fraction(uvllm__mix(hash + i)) * 2 - 1;
}


static void put_base64(uvllm__buf_t* out, const float* vector, size_t n) {
  unsigned char bytes[3072 * 4];
  for (size_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, &vector[i], 4);
    for (int k = 0; k < 4; k++) /* little-endian, whatever we are */
      bytes[4 * i + (size_t) k] = (unsigned char) (bits >> (8 * k));
  }
  uvllm__buf_char(out, '"');
  uvllm__buf_base64(out, bytes, 4 * n);
  uvllm__buf_char(out, '"');
}


static void put_vector(uvllm__answer_t* answer, uint32_t input, uvllm__buf_t* out) {
  uint64_t hash = uvllm__mix(answer->hash ^ ((uint64_t) input * 0xd6e8feb86659fd93u));
  float vector[3072];
  double sum = 0;
  for (uint32_t i = 0; i < answer->dimensions; i++)
    sum += draw(hash, i) * draw(hash, i);
  double scale = UNIT / sqrt(sum);
  if (!answer->base64)
    uvllm__buf_char(out, '[');
  for (uint32_t i = 0; i < answer->dimensions; i++) {
    int64_t n = (int64_t) (draw(hash, i) * scale);
    vector[i] = (float) ((double) n / UNIT);
    if (answer->base64)
      continue;
    if (i != 0)
      uvllm__buf_char(out, ',');
    put_decimal(out, n);
  }
  if (answer->base64)
    put_base64(out, vector, answer->dimensions);
  else
    uvllm__buf_char(out, ']');
}


void uvllm__mock_openai_embeddings(uvllm__answer_t* answer, uvllm__buf_t* out) {
  uint64_t tokens = (answer->prompt_bytes + 3) / 4;
  LIT(out, "{\"object\":\"list\",\"data\":[");
  for (uint32_t i = 0; i < answer->nprompts; i++) {
    if (i != 0)
      uvllm__buf_char(out, ',');
    LIT(out, "{\"object\":\"embedding\",\"index\":");
    uvllm__buf_uint(out, i);
    LIT(out, ",\"embedding\":");
    put_vector(answer, i, out);
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
  LIT(out, "{\"id\":\"");
  uvllm__buf_str(out, models[i]);
  LIT(out, "\",\"object\":\"model\",\"created\":");
  uvllm__buf_uint(out, 1772000000 + i);
  LIT(out, ",\"owned_by\":\"uvllm-mock\",\"shutdown_date\":null}");
}


int uvllm__mock_openai_models(uvllm_str_t id, uvllm__buf_t* out) {
  for (size_t i = 0; i < NMODELS && id.base != NULL; i++)
    if (uvllm__str_eq(id, models[i])) {
      put_model(out, i);
      return 0;
    }
  if (id.base != NULL)
    return -1;
  LIT(out, "{\"object\":\"list\",\"data\":[");
  for (size_t i = 0; i < NMODELS; i++) {
    if (i != 0)
      uvllm__buf_char(out, ',');
    put_model(out, i);
  }
  LIT(out, "]}");
  return 0;
}
