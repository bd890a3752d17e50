/* ConverseStream's events, and Converse's whole answers.
 *
 * Blocks are told apart by contentBlockIndex, which may have gaps; that of a text has
 * no beginning, so only those of tools are remembered.
 */
#include "bedrock.h"

#include <stdio.h>

typedef uvllm__bedrock_call_t call_t;


static int is_object(uvllm_json_t v) {
  return uvllm_json_type_of(v) == UVLLM_JSON_OBJECT;
}


static int emit_string(uvllm_json_t v, uvllm_event_type type, uvllm_emit_t* emit) {
  uvllm_str_t text;
  const int err = uvllm__shape_str(v, &text);
  if (err == 0)
    uvllm_emit_text(emit, 0, type, text);
  return err;
}


/* ---- What ends an answer ---- */

static uint64_t count(uvllm_json_t v) {
  const int64_t n = uvllm_json_int(v, 0);
  return n > 0 ? (uint64_t) n : 0;
}


static uint64_t written_for_1h(uvllm_json_t details) {
  uvllm_json_t detail;
  uint32_t it = 0;
  uint64_t n = 0;
  while (uvllm_json_next(details, &it, NULL, &detail))
    if (uvllm__str_eq(uvllm_json_str(uvllm_json_get(detail, "ttl")), "1h"))
      n += count(uvllm_json_get(detail, "inputTokens"));
  return n;
}


/* inputTokens are those that no cache had a part in. */
static void take_usage(uvllm_json_t usage, uvllm_emit_t* emit) {
  enum { INPUT, OUTPUT, READ, WRITTEN, DETAILS, N };
  static const uvllm_str_t names[N] = {
    UVLLM_STR("inputTokens"), UVLLM_STR("outputTokens"), UVLLM_STR("cacheReadInputTokens"),
    UVLLM_STR("cacheWriteInputTokens"), UVLLM_STR("cacheDetails")
  };
  uvllm_json_t v[N];
  uvllm_usage_t u = { 0 };
  if (!is_object(usage))
    return;
  UVLLM__JSON_PICK(usage, names, v);
  u.cached_input_tokens = count(v[READ]);
  u.cache_write_tokens = count(v[WRITTEN]);
  u.cache_write_1h_tokens = written_for_1h(v[DETAILS]);
  if (u.cache_write_1h_tokens > u.cache_write_tokens)
    u.cache_write_1h_tokens = u.cache_write_tokens;
  u.input_tokens = count(v[INPUT]) + u.cached_input_tokens + u.cache_write_tokens;
  u.output_tokens = count(v[OUTPUT]);
  if (u.input_tokens != 0 || u.output_tokens != 0)
    uvllm_emit_usage(emit, &u);
}


static uvllm_stop_reason stop_of(const uvllm__bedrock_t* s, uvllm_str_t reason) {
  static const struct {
    const char* name;
    uvllm_stop_reason stop;
  } reasons[] = {
    { "end_turn", UVLLM_STOP_END },
    { "tool_use", UVLLM_STOP_TOOL },
    { "max_tokens", UVLLM_STOP_LENGTH },
    { "stop_sequence", UVLLM_STOP_SEQUENCE },
    { "guardrail_intervened", UVLLM_STOP_FILTER },
    { "content_filtered", UVLLM_STOP_FILTER },
    { "model_context_window_exceeded", UVLLM_STOP_LENGTH },
  };
  for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
    if (uvllm__str_eq(reason, reasons[i].name))
      return reasons[i].stop;
  return s->ncalls != 0 ? UVLLM_STOP_TOOL : UVLLM_STOP_END;
}


static int take_stop(uvllm__bedrock_t* s, uvllm_json_t v, uvllm_emit_t* emit) {
  uvllm_str_t reason;
  char message[96];
  int err = uvllm__shape_str(v, &reason);
  if (err == 0)
    err = uvllm__bedrock_replay_end(s, emit);
  if (err != 0)
    return err;
  if (reason.len > 9 && memcmp(reason.base, "malformed", 9) == 0) {
    snprintf(message, sizeof(message), "the model broke off: %.*s",
             (int) (reason.len < 40 ? reason.len : 40), reason.base);
    uvllm_emit_error(emit, reason, uvllm__str(message), -1);
    return UVLLM_EPROVIDER;
  }
  s->stopped = 1;
  uvllm_emit_stop(emit, 0, stop_of(s, reason));
  return 0;
}


/* ---- Whole answers ---- */

/* Tools that the provider runs itself are not for the caller to run. */
static int is_server_tool(uvllm_json_t use) {
  return uvllm__str_eq(uvllm_json_str(uvllm_json_get(use, "type")), "server_tool_use");
}


static int take_call(uvllm__bedrock_t* s, uvllm_json_t use, uvllm_emit_t* emit) {
  uvllm_str_t id, name;
  const uvllm_json_t input = uvllm_json_get(use, "input");
  int err = uvllm__shape_str(uvllm_json_get(use, "toolUseId"), &id);
  if (err == 0)
    err = uvllm__shape_str(uvllm_json_get(use, "name"), &name);
  if (err != 0 || is_server_tool(use))
    return err;
  uvllm_emit_tool(emit, 0, s->ncalls++, id, name,
                  is_object(input) ? uvllm_json_raw(input) : uvllm__str("{}"));
  return 0;
}


static int take_reasoning(uvllm__bedrock_t* s, uvllm_json_t reasoning, int64_t block,
                          uvllm_emit_t* emit) {
  const uvllm_json_t text = uvllm_json_get(reasoning, "reasoningText");
  const uvllm_json_t words = uvllm_json_get(text, "text");
  uvllm__bedrock_replay_text(s, block, words, emit);
  uvllm__bedrock_replay_signature(s, block, uvllm_json_get(text, "signature"), emit);
  uvllm__bedrock_replay_redacted(s, block, uvllm_json_get(reasoning, "redactedContent"), emit);
  return emit_string(words, UVLLM_EVENT_REASONING, emit);
}


/* Text with sources: the text. */
static int take_citations(uvllm_json_t citations, uvllm_emit_t* emit) {
  const uvllm_json_t list = uvllm_json_get(citations, "content");
  uvllm_json_t part;
  uint32_t it = 0;
  int err = 0;
  if (uvllm_json_type_of(list) == UVLLM_JSON_ARRAY)
    while (err == 0 && uvllm_json_next(list, &it, NULL, &part))
      err = emit_string(uvllm_json_get(part, "text"), UVLLM_EVENT_TEXT, emit);
  return err;
}


static int take_block(uvllm__bedrock_t* s, uvllm_json_t block, int64_t i, uvllm_emit_t* emit) {
  enum { TEXT, TOOL_USE, REASONING, CITATIONS, N };
  static const uvllm_str_t names[N] = { UVLLM_STR("text"), UVLLM_STR("toolUse"),
                                        UVLLM_STR("reasoningContent"),
                                        UVLLM_STR("citationsContent") };
  uvllm_json_t v[N];
  UVLLM__JSON_PICK(block, names, v);
  if (is_object(v[TOOL_USE]))
    return take_call(s, v[TOOL_USE], emit);
  if (is_object(v[REASONING]))
    return take_reasoning(s, v[REASONING], i, emit);
  if (is_object(v[CITATIONS]))
    return take_citations(v[CITATIONS], emit);
  return emit_string(v[TEXT], UVLLM_EVENT_TEXT, emit);
}


int uvllm__bedrock_answer(uvllm__bedrock_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  const uvllm_json_t message = uvllm_json_path(root, "output.message");
  const uvllm_json_t content = uvllm_json_get(message, "content");
  uvllm_json_t block;
  uint32_t it = 0;
  int64_t i = 0;
  int err = 0;
  if (!is_object(message))
    return uvllm__fault_strange(&s->head, root, "the answer has no message", emit);
  if (uvllm_json_type_of(content) == UVLLM_JSON_ARRAY)
    while (err == 0 && uvllm_json_next(content, &it, NULL, &block))
      err = take_block(s, block, i++, emit);
  if (err == 0)
    take_usage(uvllm_json_get(root, "usage"), emit);
  if (err == 0)
    err = take_stop(s, uvllm_json_get(root, "stopReason"), emit);
  return err != 0 ? err : UVLLM_COMPLETE;
}


/* ---- Streams ---- */

static call_t* find_call(uvllm__bedrock_t* s, int64_t block) {
  const uint32_t kept = s->ncalls < UVLLM__BEDROCK_CALLS ? s->ncalls : UVLLM__BEDROCK_CALLS;
  for (uint32_t i = 0; i < kept; i++) {
    call_t* call = &s->calls[(s->ncalls - 1 - i) % UVLLM__BEDROCK_CALLS];
    if (call->block == block)
      return call;
  }
  return NULL;
}


static call_t* new_call(uvllm__bedrock_t* s, int64_t block) {
  call_t* call = &s->calls[s->ncalls % UVLLM__BEDROCK_CALLS];
  call->block = block;
  call->index = s->ncalls++;
  call->has_json = 0;
  return call;
}


static int take_start(uvllm__bedrock_t* s, uvllm_json_t start, int64_t block,
                      uvllm_emit_t* emit) {
  const uvllm_json_t use = uvllm_json_get(start, "toolUse");
  const uvllm_str_t none = { NULL, 0 };
  uvllm_str_t id, name;
  if (!is_object(use) || is_server_tool(use))
    return 0;
  int err = uvllm__shape_str(uvllm_json_get(use, "toolUseId"), &id);
  if (err == 0)
    err = uvllm__shape_str(uvllm_json_get(use, "name"), &name);
  if (err == 0)
    uvllm_emit_tool(emit, 0, new_call(s, block)->index, id, name, none);
  return err;
}


/* One of a block that no call began (of a tool that the provider runs) is dropped. */
static int take_input(uvllm__bedrock_t* s, uvllm_json_t input, int64_t block,
                      uvllm_emit_t* emit) {
  const uvllm_str_t none = { NULL, 0 };
  call_t* call = find_call(s, block);
  uvllm_str_t json;
  const int err = uvllm__shape_str(input, &json);
  if (err != 0 || call == NULL || json.len == 0)
    return err;
  call->has_json = 1;
  uvllm_emit_tool(emit, 0, call->index, none, none, json);
  return 0;
}


static int take_thought(uvllm__bedrock_t* s, uvllm_json_t reasoning, int64_t block,
                        uvllm_emit_t* emit) {
  const uvllm_json_t text = uvllm_json_get(reasoning, "text");
  uvllm__bedrock_replay_text(s, block, text, emit);
  uvllm__bedrock_replay_signature(s, block, uvllm_json_get(reasoning, "signature"), emit);
  uvllm__bedrock_replay_redacted(s, block, uvllm_json_get(reasoning, "redactedContent"), emit);
  return emit_string(text, UVLLM_EVENT_REASONING, emit);
}


static int take_delta(uvllm__bedrock_t* s, uvllm_json_t delta, int64_t block,
                      uvllm_emit_t* emit) {
  enum { TEXT, TOOL_USE, REASONING, N };
  static const uvllm_str_t names[N] = { UVLLM_STR("text"), UVLLM_STR("toolUse"),
                                        UVLLM_STR("reasoningContent") };
  uvllm_json_t v[N];
  UVLLM__JSON_PICK(delta, names, v);
  if (is_object(v[TOOL_USE]))
    return take_input(s, uvllm_json_get(v[TOOL_USE], "input"), block, emit);
  if (is_object(v[REASONING]))
    return take_thought(s, v[REASONING], block, emit);
  return emit_string(v[TEXT], UVLLM_EVENT_TEXT, emit);
}


/* A call without arguments has had none to be told. */
static int take_block_end(uvllm__bedrock_t* s, int64_t block, uvllm_emit_t* emit) {
  const uvllm_str_t none = { NULL, 0 };
  call_t* call = find_call(s, block);
  if (call == NULL || call->has_json)
    return 0;
  call->has_json = 1;
  uvllm_emit_tool(emit, 0, call->index, none, none, uvllm__str("{}"));
  return 0;
}


enum { DELTA, START, STOP, MESSAGE_STOP, METADATA, NKINDS };

static int kind_of(uvllm_str_t event) {
  static const char* const kinds[NKINDS] = { "contentBlockDelta", "contentBlockStart",
                                             "contentBlockStop", "messageStop", "metadata" };
  int i = 0;
  while (i < NKINDS && !uvllm__str_eq(event, kinds[i]))
    i++;
  return i;
}


int uvllm__bedrock_knows(uvllm_str_t event) {
  return kind_of(event) != NKINDS;
}


int uvllm__bedrock_event(uvllm__bedrock_t* s, const uvllm_frame_t* frame, uvllm_json_t root,
                         uvllm_emit_t* emit) {
  const int64_t block = uvllm_json_int(uvllm_json_get(root, "contentBlockIndex"), 0);
  switch (kind_of(frame->event)) {
    case DELTA: return take_delta(s, uvllm_json_get(root, "delta"), block, emit);
    case START: return take_start(s, uvllm_json_get(root, "start"), block, emit);
    case STOP: return take_block_end(s, block, emit);
    case MESSAGE_STOP:
      return s->stopped ? 0 : take_stop(s, uvllm_json_get(root, "stopReason"), emit);
    default: break;
  }
  take_usage(uvllm_json_get(root, "usage"), emit);
  if (s->stopped)
    return UVLLM_COMPLETE;
  return uvllm__refuse_with(emit, UVLLM_ETRUNCATED, "the stream has no messageStop");
}
