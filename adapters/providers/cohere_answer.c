/* Chats, as events of a stream or whole. What a delta has as one object, a message has
 * as an array: both are taken in both.
 *
 * The plan behind tool calls and the thinking are reasoning. They are also kept, and
 * given back with the calls, since the next turn wants them where its results are.
 */
#include "cohere.h"
#include "json_pick.h"
#include "shape.h"

enum { MAX_KEPT = 64 << 20 }; /* bytes of thinking */


static int is(uvllm_json_t v, uvllm_json_type type) {
  return uvllm_json_type_of(v) == type;
}


/* ---- Usage ---- */

static uint64_t count(uvllm_json_t v) {
  const int64_t n = uvllm_json_int(v, 0);
  return n > 0 ? (uint64_t) n : 0;
}


/* Tokens of the model where they are said, else what is billed. */
static uint64_t tokens(uvllm_json_t usage, const char* name) {
  const uint64_t n = count(uvllm_json_get(uvllm_json_get(usage, "tokens"), name));
  return n != 0 ? n : count(uvllm_json_get(uvllm_json_get(usage, "billed_units"), name));
}


static void take_usage(uvllm_json_t usage, uvllm_emit_t* emit) {
  uvllm_usage_t u = { .input_tokens = tokens(usage, "input_tokens"),
                      .output_tokens = tokens(usage, "output_tokens") };
  const uint64_t cached = count(uvllm_json_get(usage, "cached_tokens"));
  u.cached_input_tokens = cached < u.input_tokens ? cached : u.input_tokens;
  if (u.input_tokens != 0 || u.output_tokens != 0)
    uvllm_emit_usage(emit, &u);
}


/* ---- Content ---- */

static int keep(uvllm__cohere_t* s, uvllm__buf_t* kept, uvllm_str_t text, uvllm_emit_t* emit) {
  if (kept->alloc == NULL) {
    s->alloc = uvllm_emit_alloc(emit);
    uvllm__buf_init(kept, s->alloc, MAX_KEPT);
  }
  return uvllm__buf_append(kept, text.base, text.len);
}


static int take_reasoning(uvllm__cohere_t* s, uvllm__buf_t* kept, uvllm_json_t v,
                          uvllm_emit_t* emit) {
  uvllm_str_t text;
  const int err = uvllm__shape_str(v, &text);
  if (err != 0 || text.len == 0)
    return err;
  uvllm_emit_text(emit, 0, UVLLM_EVENT_REASONING, text);
  return keep(s, kept, text, emit);
}


static int take_text(uvllm_json_t v, uvllm_emit_t* emit) {
  uvllm_str_t text;
  const int err = uvllm__shape_str(v, &text);
  if (err == 0 && text.base != NULL)
    uvllm_emit_text(emit, 0, UVLLM_EVENT_TEXT, text);
  return err;
}


/* {"type","text"} or {"type","thinking"}; other kinds have nothing for us. */
static int take_item(uvllm__cohere_t* s, uvllm_json_t item, uvllm_emit_t* emit) {
  enum { TEXT, THINKING, N };
  static const uvllm_str_t names[N] = { UVLLM_STR("text"), UVLLM_STR("thinking") };
  uvllm_json_t v[N];
  UVLLM__JSON_PICK(item, names, v);
  const int err = take_reasoning(s, &s->thinking, v[THINKING], emit);
  return err != 0 ? err : take_text(v[TEXT], emit);
}


static int take_content(uvllm__cohere_t* s, uvllm_json_t content, uvllm_emit_t* emit) {
  uvllm_json_t item;
  uint32_t it = 0;
  int err = 0;
  if (is(content, UVLLM_JSON_OBJECT))
    return take_item(s, content, emit);
  if (!is(content, UVLLM_JSON_ARRAY))
    return take_text(content, emit);
  while (err == 0 && uvllm_json_next(content, &it, NULL, &item))
    err = take_item(s, item, emit);
  return err;
}


/* ---- Tool calls ---- */

/* Numbered as they begin: the stream's own numbers may be missing or the same. */
static uint32_t begin_call(uvllm__cohere_t* s, uint32_t wire) {
  s->wires[s->ncalls % UVLLM__COHERE_CALLS] = wire;
  return s->ncalls++;
}


/* The last call that began under this number, else the last one. */
static uint32_t find_call(uvllm__cohere_t* s, uvllm_json_t index) {
  const int64_t wire = uvllm_json_int(index, -1);
  if (s->ncalls == 0)
    return begin_call(s, 0);
  for (uint32_t n = s->ncalls; n != 0 && s->ncalls - n < UVLLM__COHERE_CALLS; n--)
    if (s->wires[(n - 1) % UVLLM__COHERE_CALLS] == wire)
      return n - 1;
  return s->ncalls - 1;
}


/* Arguments are text that is JSON; some may send the object itself. */
static int take_call(uvllm_json_t call, uint32_t index, uvllm_emit_t* emit) {
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
  if (is(arguments, UVLLM_JSON_OBJECT))
    json = uvllm_json_raw(arguments);
  uvllm_emit_tool(emit, 0, index, id, name, json);
  return 0;
}


static int take_calls(uvllm__cohere_t* s, uvllm_json_t calls, uvllm_emit_t* emit) {
  uvllm_json_t call;
  uint32_t it = 0;
  int err = 0;
  if (is(calls, UVLLM_JSON_OBJECT))
    return take_call(calls, begin_call(s, s->ncalls), emit);
  while (err == 0 && uvllm_json_next(calls, &it, NULL, &call))
    err = take_call(call, begin_call(s, s->ncalls), emit);
  return err;
}


/* What a delta has of one call, the first in an array. */
static uvllm_json_t one_of(uvllm_json_t calls) {
  return is(calls, UVLLM_JSON_ARRAY) ? uvllm_json_at(calls, 0) : calls;
}


/* ---- Ends ---- */

static void write_kept(uvllm_json_writer_t* w, const char* name, const uvllm__buf_t* kept) {
  if (kept->len == 0)
    return;
  uvllm_json_name(w, name);
  uvllm_json_write_str(w, uvllm__buf_slice(kept));
}


static int tell_replay(uvllm__cohere_t* s, uvllm_emit_t* emit) {
  uvllm_json_writer_t* w;
  if (s->ncalls == 0 || (s->plan.len == 0 && s->thinking.len == 0))
    return 0;
  int err = uvllm_json_writer_new(&w, s->alloc);
  if (err != 0)
    return err;
  uvllm_json_begin_object(w);
  uvllm_json_name(w, "cohere");
  uvllm_json_begin_object(w);
  write_kept(w, "tool_plan", &s->plan);
  write_kept(w, "thinking", &s->thinking);
  uvllm_json_end_object(w);
  uvllm_json_end_object(w);
  err = uvllm_json_writer_error(w);
  if (err == 0)
    uvllm_emit_replay(emit, 0, uvllm_json_writer_text(w));
  uvllm_json_writer_free(w);
  return err;
}


/* Those of the older API too. Others are an end like any other. */
static uvllm_stop_reason stop_of(uvllm_str_t reason, int has_calls) {
  static const struct {
    const char* name;
    uvllm_stop_reason stop;
  } reasons[] = {
    { "MAX_TOKENS", UVLLM_STOP_LENGTH },   { "TOOL_CALL", UVLLM_STOP_TOOL },
    { "STOP_SEQUENCE", UVLLM_STOP_SEQUENCE }, { "ERROR_TOXIC", UVLLM_STOP_FILTER },
    { "ERROR_LIMIT", UVLLM_STOP_LENGTH }
  };
  for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
    if (uvllm__str_eq(reason, reasons[i].name))
      return reasons[i].stop;
  return has_calls ? UVLLM_STOP_TOOL : UVLLM_STOP_END;
}


/* `end` has finish_reason, and perhaps an error that is text. */
static int take_end(uvllm__cohere_t* s, uvllm_json_t end, uvllm_emit_t* emit) {
  static const uvllm_json_t none;
  uvllm_str_t reason;
  int err = uvllm__shape_str(uvllm_json_get(end, "finish_reason"), &reason);
  if (err != 0)
    return err;
  if (uvllm__str_eq(reason, "ERROR") || uvllm__str_eq(reason, "TIMEOUT") ||
      uvllm__is_fault(uvllm_json_get(end, "error"), none))
    return uvllm__fault_named(&s->head, reason, 0, end, emit);
  err = tell_replay(s, emit);
  if (err != 0)
    return err;
  uvllm_emit_stop(emit, 0, stop_of(reason, s->ncalls != 0));
  return UVLLM_COMPLETE;
}


int uvllm__cohere_id(const uvllm__cohere_t* s, uvllm_json_t v, uvllm_emit_t* emit) {
  uvllm_str_t id;
  const int err = uvllm__shape_str(v, &id);
  if (err == 0 && id.len != 0 && !s->head.has_request_id)
    uvllm_emit_request_id(emit, id);
  return err;
}


int uvllm__cohere_chat(uvllm__cohere_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  enum { CONTENT, CALLS, PLAN, N };
  static const uvllm_str_t names[N] = { UVLLM_STR("content"), UVLLM_STR("tool_calls"),
                                        UVLLM_STR("tool_plan") };
  const uvllm_json_t message = uvllm_json_get(root, "message");
  uvllm_json_t v[N];
  if (!is(message, UVLLM_JSON_OBJECT))
    return uvllm__fault_strange(&s->head, root, "the answer has no message", emit);
  UVLLM__JSON_PICK(message, names, v);
  int err = uvllm__cohere_id(s, uvllm_json_get(root, "id"), emit);
  if (err == 0)
    err = take_reasoning(s, &s->plan, v[PLAN], emit);
  if (err == 0)
    err = take_content(s, v[CONTENT], emit);
  if (err == 0)
    err = take_calls(s, v[CALLS], emit);
  if (err != 0)
    return err;
  take_usage(uvllm_json_get(root, "usage"), emit);
  return take_end(s, root, emit);
}


/* ---- Events ---- */

typedef enum { START, CONTENT, PLAN, CALL_START, CALL_DELTA, END, OTHER } event_type;

static event_type type_of(uvllm_str_t name) {
  static const struct {
    const char* name;
    event_type type;
  } types[] = {
    { "content-delta", CONTENT },        { "tool-call-delta", CALL_DELTA },
    { "tool-plan-delta", PLAN },         { "content-start", CONTENT },
    { "tool-call-start", CALL_START },   { "message-end", END },
    { "message-start", START }
  };
  for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
    if (uvllm__str_eq(name, types[i].name))
      return types[i].type;
  return OTHER;
}


static int take_call_start(uvllm__cohere_t* s, uvllm_json_t index, uvllm_json_t calls,
                           uvllm_emit_t* emit) {
  const int64_t wire = uvllm_json_int(index, s->ncalls);
  return take_call(one_of(calls), begin_call(s, (uint32_t) wire), emit);
}


static int take_end_event(uvllm__cohere_t* s, uvllm_json_t delta, uvllm_emit_t* emit) {
  take_usage(uvllm_json_get(delta, "usage"), emit);
  return take_end(s, delta, emit);
}


int uvllm__cohere_event(uvllm__cohere_t* s, uvllm_str_t name, uvllm_json_t root,
                        uvllm_emit_t* emit) {
  enum { TYPE, DELTA, INDEX, ID, ERROR, N };
  static const uvllm_str_t names[N] = { UVLLM_STR("type"), UVLLM_STR("delta"),
                                        UVLLM_STR("index"), UVLLM_STR("id"),
                                        UVLLM_STR("error") };
  static const uvllm_json_t none;
  uvllm_json_t v[N];
  uvllm_str_t type;
  UVLLM__JSON_PICK(root, names, v);
  const int err = uvllm__shape_str(v[TYPE], &type);
  if (err != 0)
    return err;
  if (type.len == 0)
    type = name;
  if (uvllm__str_eq(type, "error") || uvllm__is_fault(v[ERROR], none))
    return uvllm__fault_inside(&s->head, root, emit);
  if (type.len == 0)
    return uvllm__fault_strange(&s->head, root, "an event of the stream has no type", emit);
  const uvllm_json_t message = uvllm_json_get(v[DELTA], "message");
  switch (type_of(type)) {
    case START: return uvllm__cohere_id(s, v[ID], emit);
    case CONTENT: return take_content(s, uvllm_json_get(message, "content"), emit);
    case PLAN: return take_reasoning(s, &s->plan, uvllm_json_get(message, "tool_plan"), emit);
    case CALL_START:
      return take_call_start(s, v[INDEX], uvllm_json_get(message, "tool_calls"), emit);
    case CALL_DELTA:
      return take_call(one_of(uvllm_json_get(message, "tool_calls")), find_call(s, v[INDEX]),
                       emit);
    case END: return take_end_event(s, v[DELTA], emit);
    case OTHER: break;
  }
  return UVLLM_GO_ON;
}
