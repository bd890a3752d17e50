/* A message, as the events of a stream or whole: both are blocks, read by the same code.
 *
 * Blocks come one after the other, and a delta belongs to the one that is open; one
 * that does not is an error, since its bytes would end up in the wrong place. What is
 * not known (events, deltas, kinds of blocks) is skipped, or kept for the next turn.
 */
#include "anthropic.h"
#include "check.h"

typedef uvllm__anthropic_t state_t;


static int is_string(uvllm_json_t v) {
  return uvllm_json_type_of(v) == UVLLM_JSON_STRING;
}


static int emit_text(uvllm_event_type type, uvllm_json_t v, uvllm_emit_t* emit, uint64_t* bytes) {
  uvllm_str_t text;
  const int err = uvllm__shape_str(v, &text);
  if (err == 0 && text.len != 0)
    uvllm_emit_text(emit, 0, type, text);
  if (bytes != NULL)
    *bytes += text.len;
  return err;
}


/* ---- Usage ---- */

/* Totals: the last word counts, and null is none. What nobody can have used is cut, so
 * that sums stay sums. */
static void take_count(uvllm_json_t v, uint64_t* count) {
  const int64_t most = INT64_C(1) << 56;
  const int64_t n = uvllm_json_int(v, -1);
  if (n >= 0)
    *count = (uint64_t) (n < most ? n : most);
}


static uint64_t larger(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}


static void tell_usage(const state_t* s, uvllm_emit_t* emit) {
  const uvllm_usage_t u = {
    .input_tokens = s->input + s->written + s->cached,
    .cached_input_tokens = s->cached,
    .cache_write_tokens = s->written,
    .cache_write_1h_tokens = s->written_1h < s->written ? s->written_1h : s->written,
    .output_tokens = s->output,
    .reasoning_tokens = s->thinking < s->output ? s->thinking : s->output,
  };
  if (u.input_tokens != 0 || u.output_tokens != 0)
    uvllm_emit_usage(emit, &u);
}


static void take_usage(state_t* s, uvllm_json_t usage, uvllm_emit_t* emit) {
  enum { INPUT, OUTPUT, WRITTEN, CACHED, CREATION, DETAILS, N };
  static const uvllm_str_t names[N] = {
    UVLLM_STR("input_tokens"), UVLLM_STR("output_tokens"),
    UVLLM_STR("cache_creation_input_tokens"), UVLLM_STR("cache_read_input_tokens"),
    UVLLM_STR("cache_creation"), UVLLM_STR("output_tokens_details")
  };
  uvllm_json_t v[N];
  uint64_t written_5m = 0;
  if (uvllm_json_type_of(usage) != UVLLM_JSON_OBJECT)
    return;
  UVLLM__JSON_PICK(usage, names, v);
  take_count(v[INPUT], &s->input);
  take_count(v[OUTPUT], &s->output);
  take_count(v[WRITTEN], &s->written);
  take_count(v[CACHED], &s->cached);
  take_count(uvllm_json_get(v[CREATION], "ephemeral_5m_input_tokens"), &written_5m);
  take_count(uvllm_json_get(v[CREATION], "ephemeral_1h_input_tokens"), &s->written_1h);
  s->written = larger(s->written, written_5m + s->written_1h);
  take_count(uvllm_json_get(v[DETAILS], "thinking_tokens"), &s->thinking);
  tell_usage(s, emit);
}


/* ---- Blocks ---- */

static uvllm__anthropic_block kind_of(uvllm_str_t type) {
  static const struct {
    const char* type;
    uvllm__anthropic_block block;
  } kinds[] = { { "text", UVLLM__BLOCK_SAYS },
                { "tool_use", UVLLM__BLOCK_CALLS },
                { "thinking", UVLLM__BLOCK_THINKS } };
  for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
    if (uvllm__str_eq(type, kinds[i].type))
      return kinds[i].block;
  return UVLLM__BLOCK_OTHER;
}


static int begin_call(state_t* s, uvllm_json_t block, uvllm_emit_t* emit) {
  const uvllm_str_t none = { NULL, 0 };
  uvllm_str_t id, name;
  int err = uvllm__shape_str(uvllm_json_get(block, "id"), &id);
  if (err == 0)
    err = uvllm__shape_str(uvllm_json_get(block, "name"), &name);
  if (err == 0)
    uvllm_emit_tool(emit, 0, s->ncalls, id, name, none);
  return err;
}


static int begin_block(state_t* s, uvllm_json_t block, uvllm_emit_t* emit) {
  s->block = kind_of(uvllm_json_str(uvllm_json_get(block, "type")));
  s->begun = 1;
  s->text_bytes = 0;
  s->has_input = 0;
  uvllm__anthropic_replay_begin(s, block, emit);
  switch (s->block) {
    case UVLLM__BLOCK_SAYS:
      return emit_text(UVLLM_EVENT_TEXT, uvllm_json_get(block, "text"), emit, &s->text_bytes);
    case UVLLM__BLOCK_THINKS:
      return emit_text(UVLLM_EVENT_REASONING, uvllm_json_get(block, "thinking"), emit, NULL);
    case UVLLM__BLOCK_CALLS: return begin_call(s, block, emit);
    default: return 0;
  }
}


/* A call whose input came with its beginning, as in a message that is whole. */
static void end_block(state_t* s, uvllm_emit_t* emit) {
  const uvllm_str_t none = { NULL, 0 };
  if (s->block == UVLLM__BLOCK_NONE)
    return;
  if (s->block == UVLLM__BLOCK_CALLS) {
    if (!s->has_input && s->replay.late.len != 0)
      uvllm_emit_tool(emit, 0, s->ncalls, none, none, uvllm__buf_slice(&s->replay.late));
    s->ncalls++;
  }
  uvllm__anthropic_replay_end(s);
  s->block = UVLLM__BLOCK_NONE;
}


/* ---- Deltas ---- */

static int take_input(state_t* s, uvllm_json_t v, uvllm_emit_t* emit) {
  const uvllm_str_t none = { NULL, 0 };
  uvllm_str_t json;
  const int err = uvllm__shape_str(v, &json);
  if (err != 0 || json.len == 0)
    return err;
  if (s->block == UVLLM__BLOCK_OTHER) {
    uvllm__anthropic_replay_input(s, json);
    return 0;
  }
  s->has_input = 1;
  uvllm_emit_tool(emit, 0, s->ncalls, none, none, json);
  return 0;
}


static int take_thought(state_t* s, uvllm_json_t v, uvllm_emit_t* emit) {
  uvllm__anthropic_replay_thought(s, v);
  return emit_text(UVLLM_EVENT_REASONING, v, emit, NULL);
}


/* What a block cannot have been sent is known by the delta's type: to what it does not
 * fit it is as strange as to none. */
static int take_typed(state_t* s, uvllm_str_t type, uvllm_json_t delta, uvllm_emit_t* emit) {
  if (s->block == UVLLM__BLOCK_SAYS && uvllm__str_eq(type, "text_delta"))
    return emit_text(UVLLM_EVENT_TEXT, uvllm_json_get(delta, "text"), emit, &s->text_bytes);
  if (s->block == UVLLM__BLOCK_THINKS && uvllm__str_eq(type, "thinking_delta"))
    return take_thought(s, uvllm_json_get(delta, "thinking"), emit);
  if ((s->block == UVLLM__BLOCK_CALLS || s->block == UVLLM__BLOCK_OTHER) &&
      uvllm__str_eq(type, "input_json_delta"))
    return take_input(s, uvllm_json_get(delta, "partial_json"), emit);
  if (s->block == UVLLM__BLOCK_THINKS && uvllm__str_eq(type, "signature_delta")) {
    uvllm__anthropic_replay_signature(s, uvllm_json_get(delta, "signature"));
    return 0;
  }
  if (s->block == UVLLM__BLOCK_SAYS && uvllm__str_eq(type, "citations_delta")) {
    uvllm__anthropic_replay_citation(s, uvllm_json_get(delta, "citation"));
    return 0;
  }
  if (s->block == UVLLM__BLOCK_OTHER) {
    uvllm__anthropic_replay_delta(s, delta);
    return 0;
  }
  static const char* const known[] = { "text_delta", "thinking_delta", "input_json_delta" };
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
    if (uvllm__str_eq(type, known[i]))
      return uvllm__refuse_with(emit, UVLLM_EPROTO, "a delta does not fit its block");
  return 0;
}


static int take_delta(state_t* s, uvllm_json_t index, uvllm_json_t delta, uvllm_emit_t* emit) {
  if (s->block == UVLLM__BLOCK_NONE || uvllm_json_int(index, s->index) != s->index)
    return uvllm__refuse_with(emit, UVLLM_EPROTO, "a delta belongs to no open block");
  return take_typed(s, uvllm_json_str(uvllm_json_get(delta, "type")), delta, emit);
}


/* ---- Ends ---- */

static uvllm_stop_reason stop_of(uvllm_str_t reason) {
  static const struct {
    const char* name;
    uvllm_stop_reason stop;
  } reasons[] = {
    { "stop_sequence", UVLLM_STOP_SEQUENCE },
    { "max_tokens", UVLLM_STOP_LENGTH },
    { "model_context_window_exceeded", UVLLM_STOP_LENGTH },
    { "tool_use", UVLLM_STOP_TOOL },
    { "refusal", UVLLM_STOP_FILTER },
  };
  for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
    if (uvllm__str_eq(reason, reasons[i].name))
      return reasons[i].stop;
  return UVLLM_STOP_END;
}


/* Why the answer was refused is told in words by newer servers. */
static int take_stop(state_t* s, uvllm_json_t reason, uvllm_json_t details, uvllm_emit_t* emit) {
  if (!is_string(reason))
    return 0;
  s->begun = 1;
  s->stop = stop_of(uvllm_json_str(reason));
  s->is_paused = uvllm__str_eq(uvllm_json_str(reason), "pause_turn");
  const uvllm_json_t why = uvllm_json_get(details, "explanation");
  if (s->stop != UVLLM_STOP_FILTER || s->has_refusal || !is_string(why))
    return 0;
  s->has_refusal = 1;
  return emit_text(UVLLM_EVENT_REFUSAL, why, emit, NULL);
}


static int finish(state_t* s, uvllm_emit_t* emit) {
  end_block(s, emit);
  const int err = uvllm__anthropic_replay_tell(s, emit);
  if (err != 0)
    return err;
  if (s->stop == UVLLM_STOP_NONE || (s->stop == UVLLM_STOP_END && s->ncalls != 0))
    s->stop = s->ncalls != 0 ? UVLLM_STOP_TOOL : UVLLM_STOP_END;
  uvllm_emit_stop(emit, 0, s->stop);
  return UVLLM_COMPLETE;
}


int uvllm__anthropic_message(state_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  enum { TYPE, CONTENT, USAGE, STOP_REASON, STOP_DETAILS, ERROR, N };
  static const uvllm_str_t names[N] = { UVLLM_STR("type"), UVLLM_STR("content"),
                                        UVLLM_STR("usage"), UVLLM_STR("stop_reason"),
                                        UVLLM_STR("stop_details"), UVLLM_STR("error") };
  uvllm_json_t v[N], block;
  uint32_t it = 0;
  int err = 0;
  UVLLM__JSON_PICK(root, names, v);
  if (uvllm__is_fault(v[ERROR], v[TYPE]))
    return uvllm__fault_inside(&s->head, root, emit);
  if (uvllm_json_type_of(v[CONTENT]) != UVLLM_JSON_ARRAY)
    return uvllm__fault_strange(&s->head, root, "the answer has no content", emit);
  take_usage(s, v[USAGE], emit);
  while (err == 0 && uvllm_json_next(v[CONTENT], &it, NULL, &block)) {
    if (uvllm_json_type_of(block) != UVLLM_JSON_OBJECT)
      continue;
    err = begin_block(s, block, emit);
    end_block(s, emit);
  }
  if (err == 0)
    err = take_stop(s, v[STOP_REASON], v[STOP_DETAILS], emit);
  return err != 0 ? err : finish(s, emit);
}


/* ---- Events ---- */

static int take_block(state_t* s, uvllm_json_t index, uvllm_json_t block, uvllm_emit_t* emit) {
  if (uvllm_json_type_of(block) != UVLLM_JSON_OBJECT)
    return uvllm__refuse_with(emit, UVLLM_EPROTO, "a block of the stream is none");
  end_block(s, emit);
  s->index = uvllm_json_int(index, s->index + 1);
  return begin_block(s, block, emit);
}


static int stop_message(state_t* s, uvllm_emit_t* emit) {
  return s->begun ? finish(s, emit)
                  : uvllm__refuse_with(emit, UVLLM_ETRUNCATED,
                                       "the stream ended without an answer");
}


int uvllm__anthropic_event(state_t* s, uvllm_str_t name, uvllm_json_t root, uvllm_emit_t* emit) {
  enum { TYPE, INDEX, DELTA, BLOCK, MESSAGE, USAGE, ERROR, N };
  static const uvllm_str_t names[N] = {
    UVLLM_STR("type"), UVLLM_STR("index"), UVLLM_STR("delta"), UVLLM_STR("content_block"),
    UVLLM_STR("message"), UVLLM_STR("usage"), UVLLM_STR("error")
  };
  uvllm_json_t v[N];
  UVLLM__JSON_PICK(root, names, v);
  if (uvllm__str_eq(name, "error") || uvllm__is_fault(v[ERROR], v[TYPE]))
    return uvllm__fault_inside(&s->head, root, emit);
  const uvllm_str_t type = is_string(v[TYPE]) ? uvllm_json_str(v[TYPE]) : name;
  if (uvllm__str_eq(type, "content_block_delta"))
    return take_delta(s, v[INDEX], v[DELTA], emit);
  if (uvllm__str_eq(type, "content_block_start"))
    return take_block(s, v[INDEX], v[BLOCK], emit);
  if (uvllm__str_eq(type, "content_block_stop")) {
    end_block(s, emit);
  } else if (uvllm__str_eq(type, "message_start")) {
    s->begun = 1;
    take_usage(s, uvllm_json_get(v[MESSAGE], "usage"), emit);
  } else if (uvllm__str_eq(type, "message_delta")) {
    take_usage(s, v[USAGE], emit);
    return take_stop(s, uvllm_json_get(v[DELTA], "stop_reason"),
                     uvllm_json_get(v[DELTA], "stop_details"), emit);
  } else if (uvllm__str_eq(type, "message_stop")) {
    return stop_message(s, emit);
  }
  return UVLLM_GO_ON;
}
