/* Embeddings and the model list: one object that holds an array.
 *
 * A vector is an array of numbers or base64 of little-endian floats; which one is
 * seen by its type, since servers ignore what they were asked for.
 */
#include "openai.h"
#include "check.h"
#include "base64.h"
#include "vector.h"


/* Decoded where the values will stand, then read in place: each is as long as the
 * bytes that it is made of. */
static int read_base64(uvllm_str_t text, float* values, size_t* n) {
  size_t len;
  const int err = uvllm__base64_decode(text, values, UVLLM__VECTOR_VALUES * sizeof(*values), &len);
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


static int take_vector(uvllm__openai_t* s, uvllm_json_t entry, uint32_t position,
                       uvllm_emit_t* emit) {
  float values[UVLLM__VECTOR_VALUES];
  size_t n = 0;
  const uvllm_json_t vector = uvllm_json_get(entry, "embedding");
  const int64_t index = uvllm_json_int(uvllm_json_get(entry, "index"), position);
  const int err = uvllm_json_type_of(vector) == UVLLM_JSON_STRING
                      ? read_base64(uvllm__openai_str(s, vector), values, &n)
                      : uvllm__vector_numbers(vector, values, &n);
  return uvllm__vector_tell(err, index, s->expected, values, n, emit);
}


int uvllm__openai_vectors(uvllm__openai_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  const uvllm_json_t data = uvllm_json_get(root, "data");
  uvllm_json_t entry;
  uint32_t it = 0, n = 0;
  int err = 0;
  if (uvllm__is_fault(uvllm_json_get(root, "error"), uvllm_json_get(root, "object")))
    return uvllm__fault_inside(&s->head, root, emit);
  if (uvllm_json_type_of(data) != UVLLM_JSON_ARRAY)
    return uvllm__fault_strange(&s->head, root, "the answer has no embeddings", emit);
  while (err == 0 && uvllm_json_next(data, &it, NULL, &entry))
    err = take_vector(s, entry, n++, emit);
  if (err != 0)
    return err;
  uvllm__openai_usage(uvllm_json_get(root, "usage"), emit);
  return uvllm__vector_count(n, s->expected, emit);
}


/* The size of the context is no part of the API; servers that say it agree on
 * none of its names. */
static uint64_t context_of(uvllm_json_t model) {
  static const char* const names[] = { "context_length", "max_model_len", "context_window" };
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    const int64_t n = uvllm_json_int(uvllm_json_get(model, names[i]), 0);
    if (n > 0)
      return (uint64_t) n;
  }
  return 0;
}


int uvllm__openai_models(uvllm__openai_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  const int bare = uvllm_json_type_of(root) == UVLLM_JSON_ARRAY; /* Together */
  const uvllm_json_t data = bare ? root : uvllm_json_get(root, "data");
  uvllm_json_t entry;
  uint32_t it = 0;
  if (uvllm__is_fault(uvllm_json_get(root, "error"), uvllm_json_get(root, "object")))
    return uvllm__fault_inside(&s->head, root, emit);
  if (uvllm_json_type_of(data) != UVLLM_JSON_ARRAY)
    return uvllm__fault_strange(&s->head, root, "the answer has no list of models", emit);
  while (uvllm_json_next(data, &it, NULL, &entry)) {
    uvllm_event_t event = { .type = UVLLM_EVENT_MODEL };
    event.u.model.id = uvllm__openai_str(s, uvllm_json_get(entry, "id"));
    event.u.model.owner = uvllm__openai_str(s, uvllm_json_get(entry, "owned_by"));
    event.u.model.context_tokens = context_of(entry);
    if (event.u.model.id.len != 0)
      uvllm_emit_event(emit, &event);
  }
  return UVLLM_COMPLETE;
}
