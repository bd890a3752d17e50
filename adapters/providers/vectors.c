/* A vector is put together on the stack, hence its largest size. */
#include "vectors.h"
#include "base64.h"
#include "check.h"
#include "shape.h"

#include <float.h>
#include <stdio.h>

enum { MAX_VALUES = 16384 };


static float to_float(double d) {
  return d > FLT_MAX ? FLT_MAX : d < -FLT_MAX ? -FLT_MAX : (float) d;
}


static int read_numbers(uvllm_json_t array, float* values, size_t* n) {
  uvllm_json_t number;
  uint32_t it = 0;
  *n = 0;
  while (uvllm_json_next(array, &it, NULL, &number)) {
    if (uvllm_json_type_of(number) != UVLLM_JSON_NUMBER)
      return UVLLM_EPROTO;
    if (*n == MAX_VALUES)
      return UVLLM_ETOOLARGE;
    values[(*n)++] = to_float(uvllm_json_num(number, 0));
  }
  return 0;
}


/* Decoded where the values will stand, then read in place: each is as long as the
 * bytes that it is made of. */
static int read_base64(uvllm_str_t text, float* values, size_t* n) {
  size_t len;
  const int err = uvllm__base64_decode(text, values, MAX_VALUES * sizeof(*values), &len);
  if (err == UVLLM_ETOOLARGE)
    return err;
  if (err != 0 || len % sizeof(*values) != 0)
    return UVLLM_EPROTO;
  *n = len / sizeof(*values);
  for (size_t i = 0; i < *n; i++) {
    unsigned char b[4];
    memcpy(b, &values[i], 4);
    const uint32_t bits = (uint32_t) b[0] | (uint32_t) b[1] << 8 | (uint32_t) b[2] << 16 |
                          (uint32_t) b[3] << 24;
    memcpy(&values[i], &bits, 4);
  }
  return 0;
}


static int read_vector(uvllm_json_t vector, float* values, size_t* n) {
  uvllm_str_t text;
  if (uvllm_json_type_of(vector) == UVLLM_JSON_ARRAY)
    return read_numbers(vector, values, n);
  const int err = uvllm__shape_str(vector, &text);
  if (err != 0)
    return err;
  return text.base != NULL ? read_base64(text, values, n) : UVLLM_EPROTO;
}


int uvllm__vector_emit(uvllm_json_t vector, int64_t index, uint32_t ninputs,
                       uvllm_emit_t* emit) {
  float values[MAX_VALUES];
  size_t n = 0;
  const int err = read_vector(vector, values, &n);
  if (err == UVLLM__ENOMEM)
    return err;
  if (err == UVLLM_ETOOLARGE)
    return uvllm__refuse_with(emit, err, "an embedding has more than 16384 values");
  if (err != 0 || n == 0 || index < 0 || index >= (ninputs != 0 ? ninputs : UINT32_MAX))
    return uvllm__refuse_with(emit, UVLLM_EPROTO, "an embedding is malformed");
  uvllm_event_t event = { .type = UVLLM_EVENT_EMBEDDING, .index = (uint32_t) index };
  event.u.vector.values = values;
  event.u.vector.nvalues = n;
  uvllm_emit_event(emit, &event);
  return 0;
}


int uvllm__vectors_count(uint32_t n, uint32_t ninputs, uvllm_emit_t* emit) {
  char message[80];
  if (n == ninputs || (ninputs == 0 && n != 0))
    return 0;
  snprintf(message, sizeof(message), "%u embeddings came for %u inputs", n, ninputs);
  return uvllm__refuse_with(emit, UVLLM_EPROTO, message);
}
