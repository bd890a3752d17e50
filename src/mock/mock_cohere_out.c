/* Writes Cohere's chats: a body, or typed events. What comes before tool calls is their
 * plan, before a text it is thinking.
 */
#include "mock/mock_cohere.h"
#include "mock/mock_int.h"

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)


static const char* reason_of(const uvllm__answer_t* answer) {
  switch (uvllm__mock_finish(answer)) {
  case UVLLM__FINISH_LENGTH: return "MAX_TOKENS";
  case UVLLM__FINISH_TOOLS: return "TOOL_CALL";
  default: return "COMPLETE";
  }
}


static void put_counts(uvllm__buf_t* out, const char* name, uint64_t input, uint64_t output) {
  uvllm__buf_str(out, name);
  LIT(out, ":{\"input_tokens\":");
  uvllm__buf_uint(out, input);
  LIT(out, ".0,\"output_tokens\":"); /* they are floats there */
  uvllm__buf_uint(out, output);
  LIT(out, ".0}");
}


/* {"finish_reason":..,"usage":{..} without the end. */
static void put_end(const uvllm__answer_t* answer, const char* reason, uvllm__buf_t* out) {
  uvllm__mock_usage_t usage;
  uvllm__mock_usage(answer, &usage);
  LIT(out, "\"finish_reason\":\"");
  uvllm__buf_str(out, reason);
  LIT(out, "\",\"usage\":{");
  put_counts(out, "\"billed_units\"", usage.input, usage.output);
  put_counts(out, ",\"tokens\"", usage.input, usage.output);
  if (answer->ask.cached >= 0) {
    LIT(out, ",\"cached_tokens\":");
    uvllm__buf_uint(out, usage.cached);
  }
  uvllm__buf_char(out, '}');
}


static int is_plan(const uvllm__answer_t* answer, const uvllm__block_t* block) {
  return block->kind == UVLLM__BLOCK_REASONING && answer->ncalls != 0;
}


static const char* kind_of(const uvllm__block_t* block) {
  return block->kind == UVLLM__BLOCK_REASONING ? "thinking" : "text";
}


/* A call up to its arguments. */
static void open_call(uvllm__answer_t* answer, const uvllm__block_t* block, uvllm__buf_t* out) {
  uvllm_str_t name = uvllm__mock_call_name(answer, block);
  LIT(out, "{\"id\":\"tool_");
  uvllm__mock_put_call_id(answer, block, out);
  LIT(out, "\",\"type\":\"function\",\"function\":{\"name\":");
  uvllm__mock_put_string(out, name.base, name.len);
  LIT(out, ",\"arguments\":");
}


/* ---- Whole answers ---- */

static void put_item(uvllm__answer_t* answer, const uvllm__block_t* block, uvllm__buf_t* out) {
  LIT(out, "{\"type\":\"");
  uvllm__buf_str(out, kind_of(block));
  LIT(out, "\",\"");
  uvllm__buf_str(out, kind_of(block));
  LIT(out, "\":");
  uvllm__mock_put_text(answer, block, out);
  uvllm__buf_char(out, '}');
}


static void put_block(uvllm__answer_t* answer, const uvllm__block_t* block, uvllm__buf_t* out) {
  if (is_plan(answer, block)) {
    LIT(out, ",\"tool_plan\":");
    uvllm__mock_put_text(answer, block, out);
  } else if (block->kind == UVLLM__BLOCK_CALL) {
    uvllm__buf_str(out, block->call == 0 ? ",\"tool_calls\":[" : ",");
    open_call(answer, block, out);
    uvllm__mock_put_text(answer, block, out);
    LIT(out, "}}");
  } else {
    uvllm__buf_str(out, block->index == 0 ? ",\"content\":[" : ",");
    put_item(answer, block, out);
  }
}


static void whole(uvllm__answer_t* answer, uvllm__buf_t* out) {
  uvllm__block_t block = { .kind = UVLLM__BLOCK_TEXT };
  uint32_t n = 0;
  LIT(out, "{\"id\":\"");
  uvllm__mock_cohere_put_id(answer->id, out);
  LIT(out, "\",\"message\":{\"role\":\"assistant\"");
  for (; uvllm__mock_block(answer, 0, n, &block); n++)
    put_block(answer, &block, out);
  int is_open = n != 0 && (answer->ncalls == 0 || n > (answer->nreasoning != 0));
  uvllm__buf_str(out, is_open ? "]}," : "},");
  put_end(answer, reason_of(answer), out);
  uvllm__buf_char(out, '}');
}


/* ---- Streams ---- */

static uvllm__buf_t* open_event(uvllm__answer_t* answer, const char* type) {
  uvllm__buf_t* out = uvllm__mock_open(answer, type);
  LIT(out, "{\"type\":\"");
  uvllm__buf_str(out, type);
  uvllm__buf_char(out, '"');
  return out;
}


static uvllm__buf_t* open_numbered(uvllm__answer_t* answer, const char* type, uint32_t index) {
  uvllm__buf_t* out = open_event(answer, type);
  LIT(out, ",\"index\":");
  uvllm__buf_uint(out, index);
  return out;
}


static void begin(uvllm__answer_t* answer) {
  uvllm__buf_t* out = open_event(answer, "message-start");
  LIT(out, ",\"id\":\"");
  uvllm__mock_cohere_put_id(answer->id, out);
  LIT(out, "\",\"delta\":{\"message\":{\"role\":\"assistant\",\"content\":[],\"tool_plan\":\"\","
           "\"tool_calls\":[],\"citations\":[]}}}");
  uvllm__mock_close(answer);
}


static void block_begin(uvllm__answer_t* answer, const uvllm__block_t* block) {
  uvllm__buf_t* out;
  if (is_plan(answer, block))
    return;
  if (block->kind == UVLLM__BLOCK_CALL) {
    out = open_numbered(answer, "tool-call-start", block->call);
    LIT(out, ",\"delta\":{\"message\":{\"tool_calls\":");
    open_call(answer, block, out);
    LIT(out, "\"\"}}}}}");
  } else {
    out = open_numbered(answer, "content-start", block->index);
    LIT(out, ",\"delta\":{\"message\":{\"content\":{\"type\":\"");
    uvllm__buf_str(out, kind_of(block));
    LIT(out, "\",\"");
    uvllm__buf_str(out, kind_of(block));
    LIT(out, "\":\"\"}}}}");
  }
  uvllm__mock_close(answer);
}


static void token(uvllm__answer_t* answer, const uvllm__block_t* block, uint64_t i) {
  uvllm__buf_t* out;
  if (is_plan(answer, block)) {
    out = open_event(answer, "tool-plan-delta");
    LIT(out, ",\"delta\":{\"message\":{\"tool_plan\":");
    uvllm__mock_put_token(answer, block, i, out);
    LIT(out, "}}}");
  } else if (block->kind == UVLLM__BLOCK_CALL) {
    out = open_numbered(answer, "tool-call-delta", block->call);
    LIT(out, ",\"delta\":{\"message\":{\"tool_calls\":{\"function\":{\"arguments\":");
    uvllm__mock_put_token(answer, block, i, out);
    LIT(out, "}}}}}");
  } else {
    out = open_numbered(answer, "content-delta", block->index);
    LIT(out, ",\"delta\":{\"message\":{\"content\":{\"");
    uvllm__buf_str(out, kind_of(block));
    LIT(out, "\":");
    uvllm__mock_put_token(answer, block, i, out);
    LIT(out, "}}}}");
  }
  uvllm__mock_close(answer);
}


static void block_end(uvllm__answer_t* answer, const uvllm__block_t* block) {
  if (is_plan(answer, block))
    return;
  const int is_call = block->kind == UVLLM__BLOCK_CALL;
  uvllm__buf_char(open_numbered(answer, is_call ? "tool-call-end" : "content-end",
                                is_call ? block->call : block->index), '}');
  uvllm__mock_close(answer);
}


static void done(uvllm__answer_t* answer) {
  uvllm__buf_t* out = open_event(answer, "message-end");
  LIT(out, ",\"delta\":{");
  put_end(answer, reason_of(answer), out);
  LIT(out, "}}");
  uvllm__mock_close(answer);
}


/* A failure is an end of its own kind. */
static void fault(uvllm__answer_t* answer, const uvllm__mock_error_t* error) {
  uvllm__buf_t* out = open_event(answer, "message-end");
  LIT(out, ",\"delta\":{");
  put_end(answer, "ERROR", out);
  LIT(out, ",\"error\":");
  uvllm__mock_put_string(out, error->message, strlen(error->message));
  LIT(out, "}}");
  uvllm__mock_close(answer);
}


const uvllm__mock_shape_t uvllm__mock_cohere_chat = {
  .can = UVLLM__CAN_REASON | UVLLM__CAN_CACHE, .read = uvllm__mock_cohere_read_chat,
  .whole = whole, .begin = begin, .block_begin = block_begin, .token = token,
  .block_end = block_end, .done = done, .fault = fault
};
