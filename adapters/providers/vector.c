/* Embeddings: numbers are read, and as many must come as inputs were sent. */
#include "vector.h"
#include "check.h"

#include <float.h>
#include <stdio.h>


static float to_float(double d) {
  return d > FLT_MAX ? FLT_MAX : d < -FLT_MAX ? -FLT_MAX : (float) d;
}


int uvllm__vector_numbers(uvllm_json_t array, float* values, size_t* n) {
  uvllm_json_t number;
  uint32_t it = 0;
  *n = 0;
  if (uvllm_json_type_of(array) != UVLLM_JSON_ARRAY)
    return UVLLM_EPROTO;
  while (uvllm_json_next(array, &it, NULL, &number)) {
    if (uvllm_json_type_of(number) != UVLLM_JSON_NUMBER)
      return UVLLM_EPROTO;
    if (*n == UVLLM__VECTOR_VALUES)
      return UVLLM_ETOOLARGE;
    values[(*n)++] = to_float(uvllm_json_num(number, 0));
  }
  return 0;
}


int uvllm__vector_tell(int err, int64_t index, uint32_t expected, const float* values, size_t n,
                       uvllm_emit_t* emit) {
  if (err == UVLLM_ETOOLARGE)
    return uvllm__refuse_with(emit, err, "an embedding has more than 16384 values");
  if (err != 0 || n == 0 || index < 0 || index >= (expected != 0 ? expected : UINT32_MAX))
    return uvllm__refuse_with(emit, UVLLM_EPROTO, "an embedding is malformed");
  uvllm_event_t event = { .type = UVLLM_EVENT_EMBEDDING, .index = (uint32_t) index };
  event.u.vector.values = values;
  event.u.vector.nvalues = n;
  uvllm_emit_event(emit, &event);
  return 0;
}


int uvllm__vector_count(uint32_t n, uint32_t expected, uvllm_emit_t* emit) {
  char message[80];
  if (n == expected || (expected == 0 && n != 0))
    return UVLLM_COMPLETE;
  snprintf(message, sizeof(message), "%u embeddings came for %u inputs", n, expected);
  return uvllm__refuse_with(emit, UVLLM_EPROTO, message);
}
