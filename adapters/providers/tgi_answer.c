/* Texts, token by token or whole; embeddings, the model, and counts.
 *
 * A character of several tokens may come as several U+FFFD. From the first of them on
 * nothing is told until the whole text is there, which has the character.
 */
#include "tgi.h"
#include "check.h"
#include "json_pick.h"
#include "shape.h"
#include "vectors.h"


static int is(uvllm_json_t v, uvllm_json_type type) {
  return uvllm_json_type_of(v) == type;
}


static uint64_t count(uvllm_json_t v) {
  const int64_t n = uvllm_json_int(v, 0);
  return n > 0 ? (uint64_t) n : 0;
}


/* ---- Texts ---- */

static int has_replacement(uvllm_str_t s) {
  for (size_t i = 0; i + 2 < s.len; i++)
    if (memcmp(s.base + i, "\xef\xbf\xbd", 3) == 0)
      return 1;
  return 0;
}


/* A special token is no text: "</s>". */
static int take_token(uvllm__tgi_t* s, uvllm_json_t token, uvllm_emit_t* emit) {
  uvllm_str_t text;
  const int err = uvllm__shape_str(uvllm_json_get(token, "text"), &text);
  if (err != 0 || uvllm_json_bool(uvllm_json_get(token, "special"), 0))
    return err;
  s->held |= has_replacement(text);
  if (s->held || text.len == 0)
    return 0;
  uvllm_emit_text(emit, 0, UVLLM_EVENT_TEXT, text);
  s->told += text.len;
  return 0;
}


/* What of the whole text was not told yet. */
static void take_rest(uvllm__tgi_t* s, uvllm_str_t text, uvllm_emit_t* emit) {
  if ((s->told != 0 && !s->held) || s->told >= text.len)
    return;
  const uvllm_str_t rest = { text.base + s->told, text.len - s->told };
  uvllm_emit_text(emit, 0, UVLLM_EVENT_TEXT, rest);
}


static void take_usage(const uvllm__tgi_t* s, uvllm_json_t details, uvllm_emit_t* emit) {
  uvllm_usage_t u = { .input_tokens = count(uvllm_json_get(details, "input_length")),
                      .output_tokens = count(uvllm_json_get(details, "generated_tokens")) };
  if (u.input_tokens == 0)
    u.input_tokens = s->prompt_tokens;
  if (u.output_tokens == 0)
    u.output_tokens = s->generated_tokens;
  if (u.input_tokens != 0 || u.output_tokens != 0)
    uvllm_emit_usage(emit, &u);
}


static uvllm_stop_reason stop_of(uvllm_str_t reason) {
  if (uvllm__str_eq(reason, "length"))
    return UVLLM_STOP_LENGTH;
  if (uvllm__str_eq(reason, "content_filter"))
    return UVLLM_STOP_FILTER;
  return uvllm__str_eq(reason, "stop_sequence") ? UVLLM_STOP_SEQUENCE : UVLLM_STOP_END;
}


/* The event or the object that has the whole text. */
static int take_whole(uvllm__tgi_t* s, uvllm_json_t text, uvllm_json_t details,
                      uvllm_emit_t* emit) {
  uvllm_str_t whole, reason;
  int err = uvllm__shape_str(text, &whole);
  if (err == 0)
    err = uvllm__shape_str(uvllm_json_get(details, "finish_reason"), &reason);
  if (err != 0)
    return err;
  take_rest(s, whole, emit);
  take_usage(s, details, emit);
  uvllm_emit_stop(emit, 0, stop_of(reason));
  return UVLLM_COMPLETE;
}


/* An event may have a token, the whole text, or both. */
static int take_text(uvllm__tgi_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  enum { TOKEN, TEXT, DETAILS, ERROR, N };
  static const uvllm_str_t names[N] = { UVLLM_STR("token"), UVLLM_STR("generated_text"),
                                        UVLLM_STR("details"), UVLLM_STR("error") };
  static const uvllm_json_t none;
  uvllm_json_t v[N];
  UVLLM__JSON_PICK(root, names, v);
  if (uvllm__is_fault(v[ERROR], none))
    return uvllm__fault_inside(&s->head, root, emit);
  const int err = take_token(s, v[TOKEN], emit);
  if (err != 0)
    return err;
  if (is(v[TEXT], UVLLM_JSON_STRING))
    return take_whole(s, v[TEXT], v[DETAILS], emit);
  if (s->framing == UVLLM_FRAME_SSE && is(v[TOKEN], UVLLM_JSON_OBJECT))
    return UVLLM_GO_ON;
  return uvllm__fault_strange(&s->head, root,
                              s->framing == UVLLM_FRAME_SSE
                                  ? "an event of the stream has neither token nor text"
                                  : "the answer has no text",
                              emit);
}


/* ---- The rest ---- */

static int take_vectors(const uvllm__tgi_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  const uvllm_json_t first = uvllm_json_at(root, 0);
  uvllm_json_t vector;
  uint32_t it = 0, n = 0;
  int err = 0;
  if (!is(root, UVLLM_JSON_ARRAY))
    return uvllm__fault_strange(&s->head, root, "the answer has no embeddings", emit);
  if (s->ntexts == 1 && is(first, UVLLM_JSON_NUMBER)) {
    err = uvllm__vector_emit(root, 0, 1, emit);
    return err != 0 ? err : UVLLM_COMPLETE;
  }
  if (is(uvllm_json_at(first, 0), UVLLM_JSON_ARRAY))
    return uvllm__refuse_with(emit, UVLLM_EREQUEST,
                              "the model gives vectors of tokens, and none of a text");
  for (; err == 0 && uvllm_json_next(root, &it, NULL, &vector); n++)
    err = n < s->ntexts ? uvllm__vector_emit(vector, n, s->ntexts, emit) : 0;
  if (err == 0)
    err = uvllm__vectors_count(n, s->ntexts, emit);
  return err != 0 ? err : UVLLM_COMPLETE;
}


static int take_model(const uvllm__tgi_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  uvllm_event_t event = { .type = UVLLM_EVENT_MODEL };
  const int err = uvllm__shape_str(uvllm_json_get(root, "model_id"), &event.u.model.id);
  if (err != 0)
    return err;
  if (event.u.model.id.len == 0)
    return uvllm__fault_strange(&s->head, root, "the answer names no model", emit);
  event.u.model.context_tokens = count(uvllm_json_get(root, "max_total_tokens"));
  uvllm_emit_event(emit, &event);
  return UVLLM_COMPLETE;
}


static int take_count(const uvllm__tgi_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  const uvllm_json_t tokens = uvllm_json_get(root, "tokenize_response");
  if (!is(tokens, UVLLM_JSON_ARRAY))
    return uvllm__fault_strange(&s->head, root, "the answer has no tokens", emit);
  const uvllm_usage_t u = { .input_tokens = uvllm_json_count(tokens) };
  uvllm_emit_usage(emit, &u);
  return UVLLM_COMPLETE;
}


/* An array with one answer in it is what some routes give. */
int uvllm__tgi_take(uvllm__tgi_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  switch (s->op) {
    case UVLLM_EMBED: return take_vectors(s, root, emit);
    case UVLLM_MODELS: return take_model(s, root, emit);
    case UVLLM_COUNT_TOKENS: return take_count(s, root, emit);
    default: break;
  }
  return take_text(s, is(root, UVLLM_JSON_ARRAY) ? uvllm_json_at(root, 0) : root, emit);
}
