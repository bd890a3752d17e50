/* Embeddings and the model list: one object that holds an array. */
#include "openai.h"
#include "vectors.h"


static int take_vector(const uvllm__openai_t* s, uvllm_json_t entry, uint32_t position,
                       uvllm_emit_t* emit) {
  return uvllm__vector_emit(uvllm_json_get(entry, "embedding"),
                            uvllm_json_int(uvllm_json_get(entry, "index"), position),
                            s->expected, emit);
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
  err = uvllm__vectors_count(n, s->expected, emit);
  return err != 0 ? err : UVLLM_COMPLETE;
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
