/* Writes Converse's answers: whole, and as the events of a stream. A text has no
 * contentBlockStart, as with most models, and every payload is padded.
 */
#include "mock/mock_bedrock.h"
#include "mock/mock_int.h"

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)

static const char SIGNATURE[] = "bW9jay1zaWduYXR1cmU=";


static void put_reason(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  static const char* const reasons[UVLLM__FINISH_COUNT] = {
    [UVLLM__FINISH_STOP] = "end_turn", [UVLLM__FINISH_LENGTH] = "max_tokens",
    [UVLLM__FINISH_TOOLS] = "tool_use", [UVLLM__FINISH_FILTER] = "guardrail_intervened",
    [UVLLM__FINISH_REFUSAL] = "content_filtered"
  };
  LIT(out, "\"stopReason\":\"");
  uvllm__buf_str(out, reasons[uvllm__mock_finish(answer)]);
  uvllm__buf_char(out, '"');
}


/* What the cache gave is not in inputTokens. */
static void put_usage(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  uvllm__mock_usage_t usage;
  uvllm__mock_usage(answer, &usage);
  LIT(out, "\"usage\":{\"inputTokens\":");
  uvllm__buf_uint(out, usage.input - usage.cached);
  LIT(out, ",\"outputTokens\":");
  uvllm__buf_uint(out, usage.output);
  LIT(out, ",\"totalTokens\":");
  uvllm__buf_uint(out, usage.input + usage.output);
  LIT(out, ",\"cacheReadInputTokens\":");
  uvllm__buf_uint(out, usage.cached);
  LIT(out, ",\"cacheWriteInputTokens\":0},\"metrics\":{\"latencyMs\":551}");
}


static void put_call(uvllm__answer_t* answer, const uvllm__block_t* block, uvllm__buf_t* out) {
  uvllm_str_t name = uvllm__mock_call_name(answer, block);
  LIT(out, "{\"toolUse\":{\"toolUseId\":\"tooluse_");
  uvllm__mock_put_call_id(answer, block, out);
  LIT(out, "\",\"name\":");
  uvllm__mock_put_string(out, name.base, name.len);
}


/* ---- Whole answers ---- */

/* 0: half a call, whose input would be no object, is none. */
static int put_block(uvllm__answer_t* answer, const uvllm__block_t* block, int is_first,
                     uvllm__buf_t* out) {
  int is_whole = 1;
  uvllm_str_t args = { NULL, 0 };
  if (block->kind == UVLLM__BLOCK_CALL)
    args = uvllm__mock_call_args(answer, block, &is_whole);
  if (!is_whole)
    return 0;
  if (!is_first)
    uvllm__buf_char(out, ',');
  if (block->kind == UVLLM__BLOCK_CALL) {
    put_call(answer, block, out);
    LIT(out, ",\"input\":");
    uvllm__buf_append(out, args.base, args.len);
    LIT(out, "}}");
  } else if (block->kind == UVLLM__BLOCK_REASONING) {
    LIT(out, "{\"reasoningContent\":{\"reasoningText\":{\"text\":");
    uvllm__mock_put_text(answer, block, out);
    LIT(out, ",\"signature\":\"");
    uvllm__buf_str(out, SIGNATURE);
    LIT(out, "\"}}}");
  } else {
    LIT(out, "{\"text\":");
    uvllm__mock_put_text(answer, block, out);
    uvllm__buf_char(out, '}');
  }
  return 1;
}


static void whole(uvllm__answer_t* answer, uvllm__buf_t* out) {
  uvllm__block_t block;
  int n = 0;
  LIT(out, "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[");
  for (uint32_t i = 0; uvllm__mock_block(answer, 0, i, &block); i++)
    n += put_block(answer, &block, n == 0, out);
  LIT(out, "]}},");
  put_reason(answer, out);
  uvllm__buf_char(out, ',');
  put_usage(answer, out);
  uvllm__buf_char(out, '}');
}


/* ---- Streams ---- */

static void close_event(uvllm__answer_t* answer, uvllm__buf_t* out) {
  static const char padding[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  LIT(out, ",\"p\":\"");
  uvllm__buf_append(out, padding, 1 + (uvllm__mix(answer->id + answer->frame.count) & 31));
  LIT(out, "\"}");
  uvllm__mock_close(answer);
}


static uvllm__buf_t* open_block(uvllm__answer_t* answer, const char* event,
                                const uvllm__block_t* block) {
  uvllm__buf_t* out = uvllm__mock_open(answer, event);
  LIT(out, "{\"contentBlockIndex\":");
  uvllm__buf_uint(out, block->index);
  return out;
}


static void begin(uvllm__answer_t* answer) {
  uvllm__buf_t* out = uvllm__mock_open(answer, "messageStart");
  LIT(out, "{\"role\":\"assistant\"");
  close_event(answer, out);
}


static void block_begin(uvllm__answer_t* answer, const uvllm__block_t* block) {
  if (block->kind != UVLLM__BLOCK_CALL)
    return;
  uvllm__buf_t* out = open_block(answer, "contentBlockStart", block);
  LIT(out, ",\"start\":");
  put_call(answer, block, out);
  LIT(out, "}}");
  close_event(answer, out);
}


static void token(uvllm__answer_t* answer, const uvllm__block_t* block, uint64_t i) {
  uvllm__buf_t* out = open_block(answer, "contentBlockDelta", block);
  if (block->kind == UVLLM__BLOCK_CALL)
    LIT(out, ",\"delta\":{\"toolUse\":{\"input\":");
  else if (block->kind == UVLLM__BLOCK_REASONING)
    LIT(out, ",\"delta\":{\"reasoningContent\":{\"text\":");
  else
    LIT(out, ",\"delta\":{\"text\":");
  uvllm__mock_put_token(answer, block, i, out);
  uvllm__buf_str(out, block->kind == UVLLM__BLOCK_TEXT ? "}" : "}}");
  close_event(answer, out);
}


static void block_end(uvllm__answer_t* answer, const uvllm__block_t* block) {
  if (block->kind == UVLLM__BLOCK_REASONING) {
    uvllm__buf_t* out = open_block(answer, "contentBlockDelta", block);
    LIT(out, ",\"delta\":{\"reasoningContent\":{\"signature\":\"");
    uvllm__buf_str(out, SIGNATURE);
    LIT(out, "\"}}");
    close_event(answer, out);
  }
  close_event(answer, open_block(answer, "contentBlockStop", block));
}


static void finish(uvllm__answer_t* answer) {
  uvllm__buf_t* out = uvllm__mock_open(answer, "messageStop");
  uvllm__buf_char(out, '{');
  put_reason(answer, out);
  close_event(answer, out);
}


static void done(uvllm__answer_t* answer) {
  uvllm__buf_t* out = uvllm__mock_open(answer, "metadata");
  uvllm__buf_char(out, '{');
  put_usage(answer, out);
  close_event(answer, out);
}


static void fault(uvllm__answer_t* answer, const uvllm__mock_error_t* error) {
  uvllm__buf_t* out = uvllm__mock_open_error(answer, "internalServerException");
  LIT(out, "{\"message\":");
  uvllm__mock_put_string(out, error->message, strlen(error->message));
  close_event(answer, out);
}


const uvllm__mock_shape_t uvllm__mock_bedrock_converse = {
  .can = UVLLM__CAN_REASON | UVLLM__CAN_CACHE | UVLLM__CAN_FILTER,
  .read = uvllm__mock_bedrock_read_converse, .whole = whole, .begin = begin,
  .block_begin = block_begin, .token = token, .block_end = block_end, .finish = finish,
  .done = done, .fault = fault
};
