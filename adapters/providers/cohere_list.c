/* Embeddings and the model list, which go over several exchanges. */
#include "cohere.h"
#include "check.h"
#include "shape.h"
#include "vectors.h"


static uint64_t count(uvllm_json_t v) {
  const int64_t n = uvllm_json_int(v, 0);
  return n > 0 ? (uint64_t) n : 0;
}


/* ---- Embeddings ---- */

/* By type, in an object; older answers are the bare array. What types there are is
 * extra_json's to say, and the first of them is told. */
static uvllm_json_t find_vectors(uvllm_json_t embeddings) {
  static const char* const types[] = { "float", "base64", "int8", "uint8", "binary", "ubinary" };
  for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
    const uvllm_json_t v = uvllm_json_get(embeddings, types[i]);
    if (uvllm_json_type_of(v) == UVLLM_JSON_ARRAY)
      return v;
  }
  return embeddings;
}


static void take_usage(uvllm__cohere_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  const uvllm_json_t billed = uvllm_json_path(root, "meta.billed_units");
  s->embedded.input_tokens += count(uvllm_json_get(billed, "input_tokens"));
  if (s->embedded.input_tokens != 0)
    uvllm_emit_usage(emit, &s->embedded);
}


int uvllm__cohere_vectors(uvllm__cohere_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  const uvllm_json_t vectors = find_vectors(uvllm_json_get(root, "embeddings"));
  uvllm_json_t vector;
  uint32_t it = 0, n = 0;
  int err = 0;
  if (uvllm_json_type_of(vectors) != UVLLM_JSON_ARRAY)
    return uvllm__fault_strange(&s->head, root, "the answer has no embeddings", emit);
  for (; err == 0 && uvllm_json_next(vectors, &it, NULL, &vector); n++)
    err = n < s->ntexts ? uvllm__vector_emit(vector, (int64_t) s->first + n, s->all_texts, emit)
                        : 0;
  if (err == 0)
    err = uvllm__vectors_count(n, s->ntexts, emit);
  if (err != 0)
    return err;
  take_usage(s, root, emit);
  return s->all_texts - s->first > s->ntexts ? UVLLM_NEXT : UVLLM_COMPLETE;
}


/* ---- Models ---- */

static int take_model(uvllm_json_t entry, uvllm_emit_t* emit) {
  uvllm_event_t event = { .type = UVLLM_EVENT_MODEL };
  const int err = uvllm__shape_str(uvllm_json_get(entry, "name"), &event.u.model.id);
  event.u.model.context_tokens = count(uvllm_json_get(entry, "context_length"));
  if (err == 0 && event.u.model.id.len != 0)
    uvllm_emit_event(emit, &event);
  return err;
}


/* A token that comes again would never end. */
static int next_page(uvllm__cohere_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  uvllm_str_t token;
  const int err = uvllm__shape_str(uvllm_json_get(root, "next_page_token"), &token);
  if (err != 0)
    return err;
  if (token.len == 0)
    return UVLLM_COMPLETE;
  if (s->page != NULL && uvllm__str_eq(token, s->page))
    return uvllm__refuse_with(emit, UVLLM_EPROTO, "the list of models leads back to its page");
  s->alloc = uvllm_emit_alloc(emit);
  uvllm__free(s->alloc, s->page);
  s->page = uvllm__strndup(s->alloc, token);
  return s->page != NULL ? UVLLM_NEXT : UVLLM__ENOMEM;
}


int uvllm__cohere_models(uvllm__cohere_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  const uvllm_json_t models = uvllm_json_get(root, "models");
  uvllm_json_t entry;
  uint32_t it = 0;
  int err = 0;
  if (uvllm_json_type_of(models) != UVLLM_JSON_ARRAY)
    return uvllm__fault_strange(&s->head, root, "the answer has no list of models", emit);
  while (err == 0 && uvllm_json_next(models, &it, NULL, &entry))
    err = take_model(entry, emit);
  return err != 0 ? err : next_page(s, root, emit);
}
