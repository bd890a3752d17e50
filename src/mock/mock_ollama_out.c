/* Writes Ollama's chats and generations: one object a line, or one for all. The last
 * line is the mark of the end, and tells what it cost.
 */
#include "mock/mock_int.h"
#include "mock/mock_ollama.h"

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)

static const uint64_t LOAD_NS = 1334875, PROMPT_NS = 1000000, TOKEN_NS = 10000000;


static int is_chat(const uvllm__answer_t* answer) {
  return answer->shape == &uvllm__mock_ollama_chat;
}


void uvllm__mock_ollama_open(uvllm__answer_t* answer, uint64_t n, uvllm__buf_t* out) {
  char digits[6];
  for (int i = 5; i >= 0; i--, n /= 10)
    digits[i] = (char) ('0' + n % 10);
  LIT(out, "{\"model\":");
  uvllm__buf_append(out, answer->model.base, answer->model.len);
  LIT(out, ",\"created_at\":\"2026-09-21T13:46:40.");
  uvllm__buf_append(out, digits, sizeof(digits));
  LIT(out, "Z\"");
}


/* ---- What a line says: content, thinking, calls ---- */

static void open_content(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  if (is_chat(answer))
    LIT(out, ",\"message\":{\"role\":\"assistant\",\"content\":");
  else
    LIT(out, ",\"response\":");
}


static void close_content(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  if (is_chat(answer))
    uvllm__buf_char(out, '}');
}


static void put_call(uvllm__answer_t* answer, const uvllm__block_t* block, uvllm_str_t args,
                     uvllm__buf_t* out) {
  uvllm_str_t name = uvllm__mock_call_name(answer, block);
  LIT(out, "{\"id\":\"call_");
  uvllm__mock_put_call_id(answer, block, out);
  LIT(out, "\",\"function\":{\"index\":");
  uvllm__buf_uint(out, block->call);
  LIT(out, ",\"name\":");
  uvllm__mock_put_string(out, name.base, name.len);
  LIT(out, ",\"arguments\":");
  uvllm__buf_append(out, args.base, args.len);
  LIT(out, "}}");
}


static void put_metrics(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  uvllm__mock_usage_t usage;
  uvllm__mock_usage(answer, &usage);
  uint64_t prompt_ns = (usage.input - usage.cached) * PROMPT_NS;
  const struct { const char* name; uint64_t n; } metrics[] = {
    { ",\"total_duration\":", LOAD_NS + prompt_ns + usage.output * TOKEN_NS },
    { ",\"load_duration\":", LOAD_NS }, { ",\"prompt_eval_count\":", usage.input },
    { ",\"prompt_eval_duration\":", prompt_ns }, { ",\"eval_count\":", usage.output },
    { ",\"eval_duration\":", usage.output * TOKEN_NS }
  };
  for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
    if (metrics[i].n != 0) { /* none is absent there */
      uvllm__buf_str(out, metrics[i].name);
      uvllm__buf_uint(out, metrics[i].n);
    }
  if (answer->ask.cached < 0)
    return;
  LIT(out, ",\"prompt_eval_cached_count\":");
  uvllm__buf_uint(out, usage.cached);
}


static void put_end(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  if (uvllm__mock_finish(answer) == UVLLM__FINISH_LENGTH)
    LIT(out, ",\"done\":true,\"done_reason\":\"length\"");
  else
    LIT(out, ",\"done\":true,\"done_reason\":\"stop\"");
  if (!is_chat(answer))
    LIT(out, ",\"context\":[1,2,3]");
  put_metrics(answer, out);
  uvllm__buf_char(out, '}');
}


/* ---- Whole answers ---- */

/* A call that was cut is none: its arguments would be no object. */
static void put_calls(uvllm__answer_t* answer, uint32_t i, uvllm__buf_t* out) {
  uvllm__block_t block;
  int is_whole, n = 0;
  for (; uvllm__mock_block(answer, 0, i, &block); i++) {
    uvllm_str_t args = uvllm__mock_call_args(answer, &block, &is_whole);
    if (!is_whole)
      break;
    uvllm__buf_str(out, n++ == 0 ? ",\"tool_calls\":[" : ",");
    put_call(answer, &block, args, out);
  }
  if (n != 0)
    uvllm__buf_char(out, ']');
}


static void whole(uvllm__answer_t* answer, uvllm__buf_t* out) {
  uvllm__block_t thinking, block;
  uint32_t i = 0;
  int has = uvllm__mock_block(answer, 0, 0, &block);
  int thinks = has && block.kind == UVLLM__BLOCK_REASONING;
  if (thinks) {
    thinking = block;
    has = uvllm__mock_block(answer, 0, ++i, &block);
  }
  uvllm__mock_ollama_open(answer, answer->ntokens, out);
  open_content(answer, out);
  if (has && block.kind == UVLLM__BLOCK_TEXT)
    uvllm__mock_put_text(answer, &block, out);
  else
    LIT(out, "\"\"");
  if (thinks) {
    LIT(out, ",\"thinking\":");
    uvllm__mock_put_text(answer, &thinking, out);
  }
  if (answer->ncalls != 0)
    put_calls(answer, i, out);
  close_content(answer, out);
  put_end(answer, out);
}


/* ---- Streams ---- */

static uvllm__buf_t* open_line(uvllm__answer_t* answer) {
  uvllm__buf_t* out = uvllm__mock_open(answer, NULL);
  uvllm__mock_ollama_open(answer, answer->frame.count, out);
  open_content(answer, out);
  return out;
}


static void close_line(uvllm__answer_t* answer, uvllm__buf_t* out) {
  close_content(answer, out);
  LIT(out, ",\"done\":false}");
  uvllm__mock_close(answer);
}


/* A call comes in one piece, once all of it is there. */
static void token(uvllm__answer_t* answer, const uvllm__block_t* block, uint64_t i) {
  if (block->kind == UVLLM__BLOCK_CALL)
    return;
  uvllm__buf_t* out = open_line(answer);
  if (block->kind == UVLLM__BLOCK_REASONING)
    LIT(out, "\"\",\"thinking\":");
  uvllm__mock_put_token(answer, block, i, out);
  close_line(answer, out);
}


static void block_end(uvllm__answer_t* answer, const uvllm__block_t* block) {
  int is_whole;
  if (block->kind != UVLLM__BLOCK_CALL)
    return;
  uvllm_str_t args = uvllm__mock_call_args(answer, block, &is_whole);
  if (!is_whole)
    return;
  uvllm__buf_t* out = open_line(answer);
  LIT(out, "\"\",\"tool_calls\":[");
  put_call(answer, block, args, out);
  uvllm__buf_char(out, ']');
  close_line(answer, out);
}


static void done(uvllm__answer_t* answer) {
  uvllm__buf_t* out = open_line(answer);
  LIT(out, "\"\"");
  close_content(answer, out);
  put_end(answer, out);
  uvllm__mock_close(answer);
}


const uvllm__mock_shape_t uvllm__mock_ollama_chat = {
  .can = UVLLM__CAN_REASON | UVLLM__CAN_CACHE, .read = uvllm__mock_ollama_read_chat,
  .whole = whole, .token = token, .block_end = block_end, .done = done
};

const uvllm__mock_shape_t uvllm__mock_ollama_generate = {
  .can = UVLLM__CAN_REASON | UVLLM__CAN_CACHE, .read = uvllm__mock_ollama_read_generate,
  .whole = whole, .token = token, .done = done
};
