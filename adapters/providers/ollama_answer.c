/* What Ollama answers: lines of a stream and whole answers are the same objects.
 *
 * Everything may be absent, null or of another type, and is then nothing. The last
 * line may still have content, and a metric that is 0 is left out.
 */
#include "ollama.h"
#include "check.h"
#include "json_pick.h"
#include "vector.h"


static int is_object(uvllm_json_t v) {
  return uvllm_json_type_of(v) == UVLLM_JSON_OBJECT;
}


static uint64_t count(uvllm_json_t v) {
  const int64_t n = uvllm_json_int(v, 0);
  return n > 0 ? (uint64_t) n : 0;
}


static int tell_text(uvllm_event_type type, uvllm_json_t v, uvllm_emit_t* emit) {
  uvllm_str_t text;
  const int err = uvllm__shape_str(v, &text);
  if (err == 0)
    uvllm_emit_text(emit, 0, type, text);
  return err;
}


/* ---- Thinking and calls ---- */

static int take_thinking(uvllm__ollama_t* s, uvllm_json_t thinking, uvllm_emit_t* emit) {
  uvllm_str_t text;
  const int err = uvllm__shape_str(thinking, &text);
  if (err != 0 || text.len == 0)
    return err;
  uvllm_emit_text(emit, 0, UVLLM_EVENT_REASONING, text);
  if (!s->has_tools)
    return 0;
  if (!s->has_thoughts)
    uvllm__buf_init(&s->thoughts, uvllm_emit_alloc(emit), SIZE_MAX);
  s->has_thoughts = 1;
  return uvllm__buf_append(&s->thoughts, text.base, text.len);
}


/* Arguments are an object; some hand on OpenAI's string that holds it. */
static int take_call(uvllm__ollama_t* s, uvllm_json_t call, uvllm_emit_t* emit) {
  static const uvllm_str_t nothing = UVLLM_STR("{}");
  const uvllm_json_t function = uvllm_json_get(call, "function");
  const uvllm_json_t arguments = uvllm_json_get(function, "arguments");
  uvllm_str_t id, name, json;
  int err = uvllm__shape_str(uvllm_json_get(call, "id"), &id);
  if (err == 0)
    err = uvllm__shape_str(uvllm_json_get(function, "name"), &name);
  if (err == 0)
    err = uvllm__shape_str(arguments, &json);
  if (err != 0)
    return err;
  if (name.len == 0)
    return uvllm__refuse_with(emit, UVLLM_EPROTO, "a tool call has no name");
  if (uvllm_json_type_of(arguments) >= UVLLM_JSON_ARRAY)
    json = uvllm_json_raw(arguments);
  uvllm_emit_tool(emit, 0, s->ncalls++, id, name, json.len != 0 ? json : nothing);
  return 0;
}


static int take_calls(uvllm__ollama_t* s, uvllm_json_t calls, uvllm_emit_t* emit) {
  uvllm_json_t call;
  uint32_t it = 0;
  int err = 0;
  if (uvllm_json_type_of(calls) == UVLLM_JSON_ARRAY)
    while (err == 0 && uvllm_json_next(calls, &it, NULL, &call))
      err = take_call(s, call, emit);
  return err;
}


/* What was thought before a call goes back with it: {"ollama":{"thinking":...}}. */
static int tell_replay(uvllm__ollama_t* s, uvllm_emit_t* emit) {
  uvllm_json_writer_t* w;
  if (s->ncalls == 0 || !s->has_thoughts)
    return 0;
  int err = uvllm_json_writer_new(&w, uvllm_emit_alloc(emit));
  if (err != 0)
    return err;
  uvllm_json_begin_object(w);
  uvllm_json_name(w, "ollama");
  uvllm_json_begin_object(w);
  uvllm_json_name(w, "thinking");
  uvllm_json_write_str(w, uvllm__buf_slice(&s->thoughts));
  uvllm_json_end_object(w);
  uvllm_json_end_object(w);
  err = uvllm_json_writer_error(w);
  if (err == 0)
    uvllm_emit_replay(emit, 0, uvllm_json_writer_text(w));
  uvllm_json_writer_free(w);
  return err;
}


/* ---- Ends ---- */

/* Where the answer only loads or unloads a model, that it has no counts says that it
 * cost nothing. */
static void tell_usage(uvllm_json_t root, int is_load, uvllm_emit_t* emit) {
  enum { PROMPT, CACHED, OUTPUT, N };
  static const uvllm_str_t names[N] = { UVLLM_STR("prompt_eval_count"),
                                        UVLLM_STR("prompt_eval_cached_count"),
                                        UVLLM_STR("eval_count") };
  uvllm_json_t v[N];
  UVLLM__JSON_PICK(root, names, v);
  uvllm_usage_t u = { .input_tokens = count(v[PROMPT]), .output_tokens = count(v[OUTPUT]) };
  const uint64_t cached = count(v[CACHED]);
  u.cached_input_tokens = cached < u.input_tokens ? cached : u.input_tokens;
  if (is_load || u.input_tokens != 0 || u.output_tokens != 0)
    uvllm_emit_usage(emit, &u);
}


static int take_end(uvllm__ollama_t* s, uvllm_json_t root, uvllm_json_t done_reason,
                    uvllm_emit_t* emit) {
  uvllm_str_t reason;
  int err = uvllm__shape_str(done_reason, &reason);
  if (err == 0)
    err = tell_replay(s, emit);
  if (err != 0)
    return err;
  tell_usage(root, uvllm__str_eq(reason, "load") || uvllm__str_eq(reason, "unload"), emit);
  uvllm_emit_stop(emit, 0,
                  uvllm__str_eq(reason, "length") ? UVLLM_STOP_LENGTH
                  : s->ncalls != 0                ? UVLLM_STOP_TOOL
                                                  : UVLLM_STOP_END);
  return UVLLM_COMPLETE;
}


/* ---- Chats and generations ---- */

/* A chat's content stands in a message; what was generated, beside "done". */
int uvllm__ollama_chat(uvllm__ollama_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  enum { MESSAGE, DONE, DONE_REASON, ERROR, RESPONSE, N };
  enum { CONTENT, THINKING, TOOL_CALLS, NCONTENT };
  static const uvllm_str_t names[N] = { UVLLM_STR("message"), UVLLM_STR("done"),
                                        UVLLM_STR("done_reason"), UVLLM_STR("error"),
                                        UVLLM_STR("response") };
  static const uvllm_str_t content[NCONTENT] = { UVLLM_STR("content"), UVLLM_STR("thinking"),
                                                 UVLLM_STR("tool_calls") };
  static const uvllm_json_t none;
  uvllm_json_t v[N], c[NCONTENT];
  UVLLM__JSON_PICK(root, names, v);
  if (uvllm__is_fault(v[ERROR], none))
    return uvllm__fault_inside(&s->head, root, emit);
  if (!is_object(root) || (s->framing == UVLLM_FRAME_BODY && !is_object(v[MESSAGE]) &&
                           uvllm_json_type_of(v[RESPONSE]) != UVLLM_JSON_STRING))
    return uvllm__fault_strange(&s->head, root, "the answer has no message", emit);
  UVLLM__JSON_PICK(is_object(v[MESSAGE]) ? v[MESSAGE] : root, content, c);
  int err = take_thinking(s, c[THINKING], emit);
  if (err == 0)
    err = tell_text(UVLLM_EVENT_TEXT, is_object(v[MESSAGE]) ? c[CONTENT] : v[RESPONSE], emit);
  if (err == 0)
    err = take_calls(s, c[TOOL_CALLS], emit);
  if (err != 0 || !uvllm_json_bool(v[DONE], 0))
    return err;
  return take_end(s, root, v[DONE_REASON], emit);
}


/* ---- Lists and progress ---- */

static int take_vector(const uvllm__ollama_t* s, uvllm_json_t vector, uint32_t i,
                       uvllm_emit_t* emit) {
  float values[UVLLM__VECTOR_VALUES];
  size_t n = 0;
  const int err = uvllm__vector_numbers(vector, values, &n);
  return uvllm__vector_tell(err, i, s->expected, values, n, emit);
}


int uvllm__ollama_vectors(uvllm__ollama_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  const uvllm_json_t vectors = uvllm_json_get(root, "embeddings");
  uvllm_json_t vector;
  uint32_t it = 0, n = 0;
  int err = 0;
  if (uvllm_json_type_of(vectors) != UVLLM_JSON_ARRAY)
    return uvllm__fault_strange(&s->head, root, "the answer has no embeddings", emit);
  while (err == 0 && uvllm_json_next(vectors, &it, NULL, &vector))
    err = take_vector(s, vector, n++, emit);
  if (err != 0)
    return err;
  tell_usage(root, 0, emit);
  return uvllm__vector_count(n, s->expected, emit);
}


int uvllm__ollama_models(uvllm__ollama_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  const uvllm_json_t models = uvllm_json_get(root, "models");
  uvllm_json_t model;
  uint32_t it = 0;
  int err = 0;
  if (uvllm_json_type_of(models) == UVLLM_JSON_NULL)
    return UVLLM_COMPLETE; /* there are none */
  if (uvllm_json_type_of(models) != UVLLM_JSON_ARRAY)
    return uvllm__fault_strange(&s->head, root, "the answer has no list of models", emit);
  while (err == 0 && uvllm_json_next(models, &it, NULL, &model)) {
    uvllm_event_t event = { .type = UVLLM_EVENT_MODEL };
    err = uvllm__shape_str(uvllm_json_get(model, "name"), &event.u.model.id);
    if (err == 0 && event.u.model.id.len == 0)
      err = uvllm__shape_str(uvllm_json_get(model, "model"), &event.u.model.id);
    if (err == 0 && event.u.model.id.len != 0)
      uvllm_emit_event(emit, &event);
  }
  return err != 0 ? err : UVLLM_COMPLETE;
}


/* It is whole with "success" alone: an answer that ends otherwise has failed. */
int uvllm__ollama_progress(uvllm_json_t root, uvllm_emit_t* emit) {
  uvllm_event_t event = { .type = UVLLM_EVENT_PROGRESS };
  const int err = uvllm__shape_str(uvllm_json_get(root, "status"), &event.u.progress.status);
  if (err != 0)
    return err;
  if (!is_object(root))
    return uvllm__refuse_with(emit, UVLLM_EPROTO, "the answer tells no progress");
  event.u.progress.done = count(uvllm_json_get(root, "completed"));
  event.u.progress.total = count(uvllm_json_get(root, "total"));
  if (event.u.progress.status.len != 0)
    uvllm_emit_event(emit, &event);
  return uvllm__str_eq(event.u.progress.status, "success") ? UVLLM_COMPLETE : UVLLM_GO_ON;
}
