/* Writes Anthropic's messages: whole, or as events that have names. As the real ones
 * they have blanks before their end, whose number hides the length of the text, and a
 * ping behind the first block's beginning.
 */
#include "mock/mock_anthropic.h"
#include "mock/mock_int.h"

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)


static int is_told(const uvllm__block_t* block) {
  return block->kind != UVLLM__BLOCK_REFUSAL; /* that is in the stop's details */
}


static void put_message(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  LIT(out, "{\"id\":\"msg_");
  uvllm__buf_hex(out, answer->id);
  LIT(out, "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
  uvllm__buf_append(out, answer->model.base, answer->model.len);
}


static void put_input_usage(const uvllm__mock_usage_t* usage, uvllm__buf_t* out) {
  LIT(out, "\"usage\":{\"input_tokens\":");
  uvllm__buf_uint(out, usage->input - usage->cached);
  LIT(out, ",\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":");
  uvllm__buf_uint(out, usage->cached);
  LIT(out, ",\"cache_creation\":{\"ephemeral_5m_input_tokens\":0,"
           "\"ephemeral_1h_input_tokens\":0},\"service_tier\":\"standard\"");
}


static void put_output_usage(const uvllm__mock_usage_t* usage, uvllm__buf_t* out) {
  LIT(out, "\"output_tokens\":");
  uvllm__buf_uint(out, usage->output);
  LIT(out, ",\"output_tokens_details\":{\"thinking_tokens\":");
  uvllm__buf_uint(out, usage->reasoning);
  LIT(out, "}}");
}


/* The block of a refusal, if there is one. */
static int find_refusal(const uvllm__answer_t* answer, uvllm__block_t* block) {
  for (uint32_t i = 0; uvllm__mock_block(answer, 0, i, block); i++)
    if (block->kind == UVLLM__BLOCK_REFUSAL)
      return 1;
  return 0;
}


static void put_stop(uvllm__answer_t* answer, uvllm__buf_t* out) {
  static const char* const reasons[UVLLM__FINISH_COUNT] = {
    [UVLLM__FINISH_STOP] = "end_turn", [UVLLM__FINISH_LENGTH] = "max_tokens",
    [UVLLM__FINISH_TOOLS] = "tool_use", [UVLLM__FINISH_FILTER] = "refusal",
    [UVLLM__FINISH_REFUSAL] = "refusal"
  };
  uvllm__block_t block;
  LIT(out, "\"stop_reason\":\"");
  uvllm__buf_str(out, reasons[uvllm__mock_finish(answer)]);
  LIT(out, "\",\"stop_sequence\":null,\"stop_details\":");
  if (!find_refusal(answer, &block)) {
    LIT(out, "null");
    return;
  }
  LIT(out, "{\"type\":\"refusal\",\"category\":null,\"explanation\":");
  uvllm__mock_put_text(answer, &block, out);
  uvllm__buf_char(out, '}');
}


static void put_signature(uvllm__answer_t* answer, const uvllm__block_t* block,
                          uvllm__buf_t* out) {
  uvllm__buf_t* scratch = &answer->prefix;
  uvllm__buf_clear(scratch);
  uvllm__mock_put_text(answer, block, scratch);
  uvllm__buf_char(out, '"');
  if (scratch->err == 0)
    uvllm__mock_anthropic_sign((uvllm_str_t) { scratch->base + 1, scratch->len - 2 }, out);
  uvllm__buf_char(out, '"');
}


static void put_call(const uvllm__answer_t* answer, const uvllm__block_t* block,
                     uvllm__buf_t* out) {
  const uvllm_str_t name = uvllm__mock_call_name(answer, block);
  LIT(out, "{\"type\":\"tool_use\",\"id\":\"toolu_");
  uvllm__mock_put_call_id(answer, block, out);
  LIT(out, "\",\"name\":");
  uvllm__mock_put_string(out, name.base, name.len);
  LIT(out, ",\"input\":");
}


/* ---- Whole messages ---- */

static void put_block(uvllm__answer_t* answer, const uvllm__block_t* block, uvllm__buf_t* out) {
  int is_whole;
  if (block->kind == UVLLM__BLOCK_CALL) {
    const uvllm_str_t args = uvllm__mock_call_args(answer, block, &is_whole);
    put_call(answer, block, out);
    uvllm__buf_append(out, is_whole ? args.base : "{}", is_whole ? args.len : 2);
  } else if (block->kind == UVLLM__BLOCK_REASONING) {
    LIT(out, "{\"type\":\"thinking\",\"thinking\":");
    uvllm__mock_put_text(answer, block, out);
    LIT(out, ",\"signature\":");
    put_signature(answer, block, out);
  } else {
    LIT(out, "{\"type\":\"text\",\"text\":");
    uvllm__mock_put_text(answer, block, out);
    LIT(out, ",\"citations\":null");
  }
  uvllm__buf_char(out, '}');
}


static void whole(uvllm__answer_t* answer, uvllm__buf_t* out) {
  uvllm__mock_usage_t usage;
  uvllm__block_t block;
  int n = 0;
  uvllm__mock_usage(answer, &usage);
  put_message(answer, out);
  LIT(out, ",\"content\":[");
  for (uint32_t i = 0; uvllm__mock_block(answer, 0, i, &block); i++) {
    if (!is_told(&block))
      continue;
    if (n++ != 0)
      uvllm__buf_char(out, ',');
    put_block(answer, &block, out);
  }
  LIT(out, "],");
  put_stop(answer, out);
  uvllm__buf_char(out, ',');
  put_input_usage(&usage, out);
  uvllm__buf_char(out, ',');
  put_output_usage(&usage, out);
  uvllm__buf_char(out, '}');
}


/* ---- Streams ---- */

static void begin(uvllm__answer_t* answer) {
  uvllm__mock_usage_t usage;
  uvllm__buf_t* out = uvllm__mock_open(answer, "message_start");
  uvllm__mock_usage(answer, &usage);
  LIT(out, "{\"type\":\"message_start\",\"message\":");
  put_message(answer, out);
  LIT(out, ",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,");
  put_input_usage(&usage, out);
  LIT(out, ",\"output_tokens\":1}}}");
  uvllm__mock_close(answer);
}


static uvllm__buf_t* open_indexed(uvllm__answer_t* answer, const char* name,
                                  const uvllm__block_t* block) {
  uvllm__buf_t* out = uvllm__mock_open(answer, name);
  LIT(out, "{\"type\":\"");
  uvllm__buf_str(out, name);
  LIT(out, "\",\"index\":");
  uvllm__buf_uint(out, block->index);
  return out;
}


static void block_begin(uvllm__answer_t* answer, const uvllm__block_t* block) {
  if (!is_told(block))
    return;
  uvllm__buf_t* out = open_indexed(answer, "content_block_start", block);
  LIT(out, ",\"content_block\":");
  if (block->kind == UVLLM__BLOCK_CALL) {
    put_call(answer, block, out);
    LIT(out, "{}}}");
  } else if (block->kind == UVLLM__BLOCK_REASONING) {
    LIT(out, "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}");
  } else {
    LIT(out, "{\"type\":\"text\",\"text\":\"\"}}");
  }
  uvllm__mock_close(answer);
  if (block->index == 0) {
    LIT(uvllm__mock_open(answer, "ping"), "{\"type\": \"ping\"}");
    uvllm__mock_close(answer);
  }
}


static void close_delta(uvllm__answer_t* answer, uvllm__buf_t* out) {
  static const char blanks[] = "                ";
  uvllm__buf_char(out, '}');
  uvllm__buf_append(out, blanks, uvllm__mix(answer->id + out->len) & 15);
  uvllm__buf_char(out, '}');
  uvllm__mock_close(answer);
}


static void token(uvllm__answer_t* answer, const uvllm__block_t* block, uint64_t i) {
  if (!is_told(block))
    return;
  uvllm__buf_t* out = open_indexed(answer, "content_block_delta", block);
  if (block->kind == UVLLM__BLOCK_CALL)
    LIT(out, ",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":");
  else if (block->kind == UVLLM__BLOCK_REASONING)
    LIT(out, ",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":");
  else
    LIT(out, ",\"delta\":{\"type\":\"text_delta\",\"text\":");
  uvllm__mock_put_token(answer, block, i, out);
  close_delta(answer, out);
}


static void block_end(uvllm__answer_t* answer, const uvllm__block_t* block) {
  if (!is_told(block))
    return;
  if (block->kind == UVLLM__BLOCK_REASONING) {
    uvllm__buf_t* out = open_indexed(answer, "content_block_delta", block);
    LIT(out, ",\"delta\":{\"type\":\"signature_delta\",\"signature\":");
    put_signature(answer, block, out);
    close_delta(answer, out);
  }
  uvllm__buf_char(open_indexed(answer, "content_block_stop", block), '}');
  uvllm__mock_close(answer);
}


static void finish(uvllm__answer_t* answer) {
  uvllm__mock_usage_t usage;
  uvllm__buf_t* out = uvllm__mock_open(answer, "message_delta");
  uvllm__mock_usage(answer, &usage);
  LIT(out, "{\"type\":\"message_delta\",\"delta\":{");
  put_stop(answer, out);
  LIT(out, "},\"usage\":{");
  put_output_usage(&usage, out);
  uvllm__buf_char(out, '}');
  uvllm__mock_close(answer);
}


static void done(uvllm__answer_t* answer) {
  LIT(uvllm__mock_open(answer, "message_stop"), "{\"type\":\"message_stop\"}");
  uvllm__mock_close(answer);
}


static void fault(uvllm__answer_t* answer, const uvllm__mock_error_t* error) {
  uvllm__buf_t* out = uvllm__mock_open_error(answer, "error");
  answer->dialect->put_error(answer, error, out);
  uvllm__mock_close(answer);
}


const uvllm__mock_shape_t uvllm__mock_anthropic_chat = {
  .can = UVLLM__CAN_REASON | UVLLM__CAN_CACHE | UVLLM__CAN_FILTER | UVLLM__CAN_REFUSE,
  .read = uvllm__mock_anthropic_read_chat, .whole = whole, .begin = begin,
  .block_begin = block_begin, .token = token, .block_end = block_end, .finish = finish,
  .done = done, .fault = fault
};
