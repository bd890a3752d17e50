/* Embeddings, and the names in lists of models.
 *
 * A vector is drawn from the prompt's hash and scaled to length one; each number
 * is a multiple of 1e-7, so that its decimal form and its float are the same.
 */
#include "mock/mock_int.h"

#include <math.h>

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


static uint64_t hash_of(const uvllm__answer_t* answer, uint32_t input) {
  return uvllm__mix(answer->hash ^ ((uint64_t) input * 0xd6e8feb86659fd93u));
}


static double scale_of(const uvllm__answer_t* answer, uint64_t hash) {
  double sum = 0;
  for (uint32_t i = 0; i < answer->dimensions; i++)
    sum += draw(hash, i) * draw(hash, i);
  return UNIT / sqrt(sum);
}


void uvllm__mock_vector(const uvllm__answer_t* answer, uint32_t input, float* out) {
  uint64_t hash = hash_of(answer, input);
  double scale = scale_of(answer, hash);
  for (uint32_t i = 0; i < answer->dimensions; i++)
    out[i] = (float) ((double) (int64_t) (draw(hash, i) * scale) / UNIT);
}


void uvllm__mock_put_vector(const uvllm__answer_t* answer, uint32_t input, uvllm__buf_t* out) {
  uint64_t hash = hash_of(answer, input);
  double scale = scale_of(answer, hash);
  uvllm__buf_char(out, '[');
  for (uint32_t i = 0; i < answer->dimensions; i++) {
    if (i != 0)
      uvllm__buf_char(out, ',');
    put_decimal(out, (int64_t) (draw(hash, i) * scale));
  }
  uvllm__buf_char(out, ']');
}


size_t uvllm__mock_nmodels(const uvllm__answer_t* answer, size_t own) {
  return answer->ask.models >= 0 ? (size_t) answer->ask.models : own;
}


const char* uvllm__mock_model(const char* const* own, size_t nown, size_t i, char name[32]) {
  if (i < nown)
    return own[i];
  snprintf(name, 32, "mock-model-%05zu", i);
  return name;
}


void uvllm__mock_put_vector_base64(const uvllm__answer_t* answer, uint32_t input,
                                   uvllm__buf_t* out) {
  float vector[UVLLM__MOCK_DIMENSIONS];
  unsigned char bytes[UVLLM__MOCK_DIMENSIONS * 4];
  uvllm__mock_vector(answer, input, vector);
  for (size_t i = 0; i < answer->dimensions; i++) {
    uint32_t bits;
    memcpy(&bits, &vector[i], 4);
    for (int k = 0; k < 4; k++) /* little-endian, whatever we are */
      bytes[4 * i + (size_t) k] = (unsigned char) (bits >> (8 * k));
  }
  uvllm__buf_char(out, '"');
  uvllm__buf_base64(out, bytes, 4 * (size_t) answer->dimensions);
  uvllm__buf_char(out, '"');
}
