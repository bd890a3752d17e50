/* Embeddings, the model list page by page, token counts. */
#include "gemini.h"
#include "check.h"
#include "vectors.h"


static int is_fault(uvllm_json_t root) {
  static const uvllm_json_t none;
  const uvllm_json_t first = uvllm_json_type_of(root) == UVLLM_JSON_ARRAY
                                 ? uvllm_json_at(root, 0) : root;
  return uvllm__is_fault(uvllm_json_get(first, "error"), none);
}


/* Of all exchanges so far: totals, as everywhere. */
static void tell_embedded(uvllm__gemini_t* s, uvllm_json_t usage, uvllm_emit_t* emit) {
  s->embedded += uvllm__gemini_number(uvllm_json_get(usage, "promptTokenCount"));
  const uvllm_usage_t u = { .input_tokens = s->embedded };
  if (s->embedded != 0)
    uvllm_emit_usage(emit, &u);
}


/* Those beyond the exchange's inputs are counted, and so refused. */
static int take_vector(const uvllm__gemini_t* s, uvllm_json_t vector, uint32_t n,
                       uvllm_emit_t* emit) {
  if (s->ninputs != 0 && n >= s->ninputs)
    return 0;
  return uvllm__vector_emit(uvllm_json_get(vector, "values"), (int64_t) s->first + n, s->expected,
                            emit);
}


/* {"embedding":{"values":[...]}} for one input, {"embeddings":[...]} for several. */
int uvllm__gemini_vectors(uvllm__gemini_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  const uvllm_json_t one = uvllm_json_get(root, "embedding");
  const uvllm_json_t list = uvllm_json_get(root, "embeddings");
  uvllm_json_t entry;
  uint32_t it = 0, n = 0;
  int err = 0;
  if (is_fault(root))
    return uvllm__gemini_fault(&s->head, root, emit);
  if (uvllm_json_type_of(one) == UVLLM_JSON_OBJECT)
    err = take_vector(s, one, n++, emit);
  else if (uvllm_json_type_of(list) != UVLLM_JSON_ARRAY)
    return uvllm__fault_strange(&s->head, root, "the answer has no embeddings", emit);
  for (; err == 0 && n < UINT32_MAX && uvllm_json_next(list, &it, NULL, &entry); n++)
    err = take_vector(s, entry, n, emit);
  if (err == 0)
    err = uvllm__vectors_count(n, s->ninputs, emit);
  if (err != 0)
    return err;
  tell_embedded(s, uvllm_json_get(root, "usageMetadata"), emit);
  return s->expected - s->first > s->ninputs ? UVLLM_NEXT : UVLLM_COMPLETE;
}


static void cut_prefix(uvllm_str_t* name) {
  static const char prefix[] = "models/";
  const size_t n = sizeof(prefix) - 1;
  if (name->len >= n && memcmp(name->base, prefix, n) == 0) {
    name->base += n;
    name->len -= n;
  }
}


static int take_model(uvllm_json_t model, uvllm_emit_t* emit) {
  uvllm_event_t event = { .type = UVLLM_EVENT_MODEL };
  const int err = uvllm__shape_str(uvllm_json_get(model, "name"), &event.u.model.id);
  cut_prefix(&event.u.model.id);
  event.u.model.context_tokens = uvllm__gemini_number(uvllm_json_get(model, "inputTokenLimit"));
  if (event.u.model.id.len != 0)
    uvllm_emit_event(emit, &event);
  return err;
}


/* A list that refers to the page it is on would never end. */
static int turn_page(uvllm__gemini_t* s, uvllm_str_t token, uvllm_emit_t* emit) {
  if (token.len == 0)
    return UVLLM_COMPLETE;
  if (s->page != NULL && uvllm__str_eq(token, s->page))
    return uvllm__refuse_with(emit, UVLLM_EPROTO, "a page of the list is followed by itself");
  char* page = uvllm__strndup(&s->alloc, token);
  if (page == NULL)
    return UVLLM__ENOMEM;
  uvllm__free(&s->alloc, s->page);
  s->page = page;
  return UVLLM_NEXT;
}


int uvllm__gemini_models(uvllm__gemini_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  const uvllm_json_t models = uvllm_json_get(root, "models");
  uvllm_json_t model;
  uvllm_str_t token;
  uint32_t it = 0;
  if (is_fault(root))
    return uvllm__gemini_fault(&s->head, root, emit);
  int err = uvllm__shape_str(uvllm_json_get(root, "nextPageToken"), &token);
  /* Lists that are empty are left out: {} is a page too. */
  if (uvllm_json_type_of(root) != UVLLM_JSON_OBJECT ||
      (uvllm_json_type_of(models) != UVLLM_JSON_ARRAY && uvllm_json_count(root) != 0 &&
       token.len == 0))
    return uvllm__fault_strange(&s->head, root, "the answer has no list of models", emit);
  while (err == 0 && uvllm_json_type_of(models) == UVLLM_JSON_ARRAY &&
         uvllm_json_next(models, &it, NULL, &model))
    err = take_model(model, emit);
  return err != 0 ? err : turn_page(s, token, emit);
}


int uvllm__gemini_count(uvllm__gemini_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  const uvllm_json_t total = uvllm_json_get(root, "totalTokens");
  const uint64_t cached = uvllm__gemini_number(uvllm_json_get(root, "cachedContentTokenCount"));
  uvllm_usage_t u = { .input_tokens = uvllm__gemini_number(total) };
  if (is_fault(root))
    return uvllm__gemini_fault(&s->head, root, emit);
  if (uvllm_json_type_of(total) != UVLLM_JSON_NUMBER && u.input_tokens == 0)
    return uvllm__fault_strange(&s->head, root, "the answer has no token count", emit);
  u.cached_input_tokens = cached < u.input_tokens ? cached : u.input_tokens;
  uvllm_emit_usage(emit, &u);
  return UVLLM_COMPLETE;
}
