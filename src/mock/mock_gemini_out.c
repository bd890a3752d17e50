/* Writes Gemini's answers: each event of a stream is a whole response with a piece of
 * the text in it, and tells all usage so far. There is no mark of the end.
 */
#include "mock/mock_gemini.h"
#include "mock/mock_int.h"

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)


/* What is nothing is not said. */
static void put_count(uvllm__buf_t* out, const char* name, uint64_t n) {
  if (n == 0)
    return;
  uvllm__buf_str(out, name);
  uvllm__buf_uint(out, n);
}


static void put_usage(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  uvllm__mock_usage_t usage;
  uvllm__mock_usage(answer, &usage);
  LIT(out, "\"usageMetadata\":{\"promptTokenCount\":");
  uvllm__buf_uint(out, usage.input);
  put_count(out, ",\"cachedContentTokenCount\":", usage.cached);
  put_count(out, ",\"candidatesTokenCount\":", usage.output - usage.reasoning);
  put_count(out, ",\"thoughtsTokenCount\":", usage.reasoning);
  LIT(out, ",\"totalTokenCount\":");
  uvllm__buf_uint(out, usage.input + usage.output);
  LIT(out, ",\"promptTokensDetails\":[{\"modality\":\"TEXT\",\"tokenCount\":");
  uvllm__buf_uint(out, usage.input);
  LIT(out, "}]}");
}


static void put_end(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  LIT(out, "],");
  put_usage(answer, out);
  LIT(out, ",\"modelVersion\":");
  uvllm__buf_append(out, answer->model.base, answer->model.len);
  LIT(out, ",\"responseId\":\"");
  uvllm__buf_hex(out, answer->id);
  LIT(out, "\"}");
}


static void open_candidate(uvllm__buf_t* out) {
  LIT(out, "{\"content\":{\"parts\":[");
}


static void close_candidate(const uvllm__answer_t* answer, uint32_t choice, int is_last,
                            uvllm__buf_t* out) {
  static const char* const reasons[UVLLM__FINISH_COUNT] = {
    [UVLLM__FINISH_STOP] = "STOP", [UVLLM__FINISH_LENGTH] = "MAX_TOKENS",
    [UVLLM__FINISH_TOOLS] = "STOP", [UVLLM__FINISH_FILTER] = "SAFETY",
    [UVLLM__FINISH_REFUSAL] = "STOP"
  };
  LIT(out, "],\"role\":\"model\"}");
  if (is_last) {
    LIT(out, ",\"finishReason\":\"");
    uvllm__buf_str(out, reasons[uvllm__mock_finish(answer)]);
    uvllm__buf_char(out, '"');
  }
  LIT(out, ",\"index\":");
  uvllm__buf_uint(out, choice);
  uvllm__buf_char(out, '}');
}


static void close_text(const uvllm__block_t* block, uvllm__buf_t* out) {
  if (block->kind == UVLLM__BLOCK_REASONING)
    LIT(out, ",\"thought\":true");
  uvllm__buf_char(out, '}');
}


/* A call is told whole; one that was cut is none. Of several only the first is
 * signed. 1 if it was written. */
static int put_call(uvllm__answer_t* answer, const uvllm__block_t* block, int is_first,
                    uvllm__buf_t* out) {
  int is_whole, signs = (answer->flags & UVLLM__GEMINI_SIGNS) != 0;
  uvllm_str_t args = uvllm__mock_call_args(answer, block, &is_whole);
  uvllm_str_t name = uvllm__mock_call_name(answer, block);
  if (!is_whole)
    return 0;
  if (!is_first)
    uvllm__buf_char(out, ',');
  LIT(out, "{\"functionCall\":{");
  if (signs) {
    LIT(out, "\"id\":\"");
    uvllm__mock_put_call_id(answer, block, out);
    LIT(out, "\",");
  }
  LIT(out, "\"name\":");
  uvllm__mock_put_string(out, name.base, name.len);
  LIT(out, ",\"args\":");
  uvllm__buf_append(out, args.base, args.len);
  uvllm__buf_char(out, '}');
  if (signs && block->call == 0) {
    LIT(out, ",\"thoughtSignature\":\"");
    uvllm__mock_put_call_id(answer, block, out);
    uvllm__buf_char(out, '"');
  }
  uvllm__buf_char(out, '}');
  return 1;
}


/* ---- Whole answers ---- */

static void put_parts(uvllm__answer_t* answer, uint32_t choice, uvllm__buf_t* out) {
  uvllm__block_t block;
  int n = 0;
  for (uint32_t i = 0; uvllm__mock_block(answer, choice, i, &block); i++) {
    if (block.kind == UVLLM__BLOCK_CALL) {
      n += put_call(answer, &block, n == 0, out);
      continue;
    }
    if (n++ != 0)
      uvllm__buf_char(out, ',');
    LIT(out, "{\"text\":");
    uvllm__mock_put_text(answer, &block, out);
    close_text(&block, out);
  }
}


static void whole(uvllm__answer_t* answer, uvllm__buf_t* out) {
  LIT(out, "{\"candidates\":[");
  for (uint32_t i = 0; i < answer->nchoices; i++) {
    if (i != 0)
      uvllm__buf_char(out, ',');
    open_candidate(out);
    put_parts(answer, i, out);
    close_candidate(answer, i, 1, out);
  }
  put_end(answer, out);
}


/* ---- Streams ---- */

static uvllm__buf_t* open_event(uvllm__answer_t* answer) {
  uvllm__buf_t* out = uvllm__mock_open(answer, NULL);
  LIT(out, "{\"candidates\":[");
  open_candidate(out);
  return out;
}


static void close_event(uvllm__answer_t* answer, uint32_t choice, int is_last,
                        uvllm__buf_t* out) {
  close_candidate(answer, choice, is_last, out);
  put_end(answer, out);
  uvllm__mock_close(answer);
}


static void token(uvllm__answer_t* answer, const uvllm__block_t* block, uint64_t i) {
  if (block->kind == UVLLM__BLOCK_CALL)
    return;
  uvllm__buf_t* out = open_event(answer);
  LIT(out, "{\"text\":");
  uvllm__mock_put_token(answer, block, i, out);
  close_text(block, out);
  close_event(answer, block->choice, 0, out);
}


static void block_end(uvllm__answer_t* answer, const uvllm__block_t* block) {
  int is_whole;
  if (block->kind != UVLLM__BLOCK_CALL)
    return;
  uvllm__mock_call_args(answer, block, &is_whole);
  if (!is_whole)
    return;
  uvllm__buf_t* out = open_event(answer);
  put_call(answer, block, 1, out);
  close_event(answer, block->choice, 0, out);
}


static void finish(uvllm__answer_t* answer) {
  for (uint32_t i = 0; i < answer->nchoices; i++) {
    uvllm__buf_t* out = open_event(answer);
    LIT(out, "{\"text\":\"\"}");
    close_event(answer, i, 1, out);
  }
}


/* In an array it is an element like the others. */
static void fault(uvllm__answer_t* answer, const uvllm__mock_error_t* error) {
  uvllm__buf_t* out = uvllm__mock_open_error(answer, NULL);
  LIT(out, "{\"error\":{\"code\":");
  uvllm__buf_uint(out, (uint64_t) error->status);
  LIT(out, ",\"message\":");
  uvllm__mock_put_string(out, error->message, strlen(error->message));
  LIT(out, ",\"status\":\"");
  uvllm__buf_str(out, error->type);
  LIT(out, "\"}}");
  uvllm__mock_close(answer);
}


const uvllm__mock_shape_t uvllm__mock_gemini_chat = {
  .can = UVLLM__CAN_REASON | UVLLM__CAN_CACHE | UVLLM__CAN_FILTER,
  .read = uvllm__mock_gemini_read_chat, .whole = whole, .token = token, .block_end = block_end,
  .finish = finish, .fault = fault
};
