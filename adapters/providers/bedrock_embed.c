/* Embeddings, which are each model's own: Titan's take one text a request, so that
 * several inputs are several exchanges; Cohere's take all at once.
 */
#include "bedrock.h"
#include "vectors.h"


static int contains(uvllm_str_t s, const char* word) {
  const size_t n = strlen(word);
  for (size_t i = 0; i + n <= s.len; i++)
    if (memcmp(s.base + i, word, n) == 0)
      return 1;
  return 0;
}


static int is_cohere(uvllm_str_t model) {
  return contains(model, "cohere.embed");
}


int uvllm__bedrock_embeds(uvllm_str_t model) {
  return is_cohere(model) || contains(model, "amazon.titan-embed-text") ||
         contains(model, "amazon.titan-embed-g1-text");
}


/* ---- Requests ---- */

static void put_cohere(uvllm__body_t* b, const uvllm_request_t* r) {
  if (uvllm__body_begins(b, "texts")) {
    uvllm_json_begin_array(b->w);
    for (size_t i = 0; i < r->nmessages; i++)
      uvllm_json_write_str(b->w, r->messages[i].text);
    uvllm_json_end_array(b->w);
  }
  uvllm__body_chars(b, "input_type", "search_document");
  uvllm__body_raw(b, "embedding_types", (uvllm_str_t) UVLLM_STR("[\"float\"]"));
  uvllm__body_count(b, "output_dimension", r->dimensions);
}


int uvllm__bedrock_embed_body(const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  const uvllm_request_t* r = attempt->request;
  uvllm__body_t b;
  const int err = uvllm__body_begin(&b, r, http);
  if (err == 0 && is_cohere(attempt->model)) {
    put_cohere(&b, r);
  } else if (err == 0 && attempt->exchange < r->nmessages) {
    uvllm__body_str(&b, "inputText", r->messages[attempt->exchange].text);
    uvllm__body_count(&b, "dimensions", r->dimensions);
  }
  return uvllm__body_end(&b, err);
}


/* ---- Answers ---- */

static int take_vector(uvllm__bedrock_t* s, uvllm_json_t array, uvllm_emit_t* emit) {
  return uvllm__vector_emit(array, s->vectors++, s->expected, emit);
}


static int take_list(uvllm__bedrock_t* s, uvllm_json_t list, uvllm_emit_t* emit) {
  uvllm_json_t array;
  uint32_t it = 0;
  int err = 0;
  while (err == 0 && uvllm_json_next(list, &it, NULL, &array))
    err = take_vector(s, array, emit);
  return err == 0 ? uvllm__vectors_count(s->vectors, s->expected, emit) : err;
}


/* Titan counts in the body, all others in a header if anywhere. */
static void tell_usage(uvllm__bedrock_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  const int64_t n = uvllm_json_int(uvllm_json_get(root, "inputTextTokenCount"), 0);
  uvllm_usage_t usage = { 0 };
  s->input_tokens += n > 0 ? (uint64_t) n : s->header_tokens;
  usage.input_tokens = s->input_tokens;
  if (s->input_tokens != 0)
    uvllm_emit_usage(emit, &usage);
}


int uvllm__bedrock_vectors(uvllm__bedrock_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  const uvllm_json_t one = uvllm_json_get(root, "embedding");
  const uvllm_json_t many = uvllm_json_get(root, "embeddings");
  const uvllm_json_t floats = uvllm_json_get(many, "float");
  int err;
  if (uvllm_json_type_of(one) == UVLLM_JSON_ARRAY)
    err = take_vector(s, one, emit);
  else if (uvllm_json_type_of(many) == UVLLM_JSON_ARRAY)
    err = take_list(s, many, emit);
  else if (uvllm_json_type_of(floats) == UVLLM_JSON_ARRAY)
    err = take_list(s, floats, emit);
  else
    return uvllm__fault_strange(&s->head, root, "the answer has no embeddings", emit);
  if (err != 0)
    return err;
  tell_usage(s, root, emit);
  return s->vectors < s->expected ? UVLLM_NEXT : UVLLM_COMPLETE;
}
