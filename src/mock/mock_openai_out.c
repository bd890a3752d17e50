/* Writes OpenAI's chats and completions: whole bodies and stream events.
 *
 * All members of a chunk that its stream has in common are rendered once
 * (`prefix`); an event is then a few copies.
 */
#include "mock/mock_int.h"
#include "mock/mock_openai.h"

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)

enum { CREATED = 1790000000 }; /* the same answer is the same bytes on every day */


static int is_chat(const uvllm__answer_t* answer) {
  return answer->shape == &uvllm__mock_openai_chat;
}


static void put_id(uvllm__answer_t* answer, uvllm__buf_t* out) {
  if (is_chat(answer))
    LIT(out, "{\"id\":\"chatcmpl-");
  else
    LIT(out, "{\"id\":\"cmpl-");
  uvllm__buf_hex(out, answer->id);
}


static void put_common(uvllm__answer_t* answer, uvllm__buf_t* out, int chunk) {
  put_id(answer, out);
  if (!is_chat(answer))
    LIT(out, "\",\"object\":\"text_completion\",\"created\":");
  else if (chunk)
    LIT(out, "\",\"object\":\"chat.completion.chunk\",\"created\":");
  else
    LIT(out, "\",\"object\":\"chat.completion\",\"created\":");
  uvllm__buf_uint(out, CREATED);
  LIT(out, ",\"model\":");
  uvllm__buf_append(out, answer->model.base, answer->model.len);
  if (chunk && is_chat(answer))
    LIT(out, ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_5f6d6f636b\"");
  LIT(out, ",\"choices\":[");
}


/* A call by name is no reason of its own. */
static void put_reason(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  static const char* const reasons[UVLLM__FINISH_COUNT] = {
    [UVLLM__FINISH_STOP] = "\"stop\"", [UVLLM__FINISH_LENGTH] = "\"length\"",
    [UVLLM__FINISH_TOOLS] = "\"tool_calls\"", [UVLLM__FINISH_FILTER] = "\"content_filter\"",
    [UVLLM__FINISH_REFUSAL] = "\"stop\""
  };
  uvllm__finish finish = uvllm__mock_finish(answer);
  if (finish == UVLLM__FINISH_TOOLS && answer->named_tool)
    finish = UVLLM__FINISH_STOP;
  uvllm__buf_str(out, reasons[finish]);
}


static void put_usage(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  uvllm__mock_usage_t usage;
  uvllm__mock_usage(answer, &usage);
  LIT(out, "\"usage\":{\"prompt_tokens\":");
  uvllm__buf_uint(out, usage.input);
  LIT(out, ",\"completion_tokens\":");
  uvllm__buf_uint(out, usage.output);
  LIT(out, ",\"total_tokens\":");
  uvllm__buf_uint(out, usage.input + usage.output);
  if (is_chat(answer)) {
    LIT(out, ",\"prompt_tokens_details\":{\"cached_tokens\":");
    uvllm__buf_uint(out, usage.cached);
    LIT(out, ",\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":");
    uvllm__buf_uint(out, usage.reasoning);
    LIT(out, ",\"audio_tokens\":0,\"accepted_prediction_tokens\":0,"
             "\"rejected_prediction_tokens\":0}");
  }
  uvllm__buf_char(out, '}');
}


/* ---- Azure's content filters ---- */

#define SAFE "{\"filtered\":false,\"severity\":\"safe\"}"


static int has_filters(const uvllm__answer_t* answer) {
  return answer->dialect == &uvllm__mock_azure && is_chat(answer);
}


static void put_found(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  if (has_filters(answer))
    LIT(out, ",\"content_filter_results\":{\"hate\":" SAFE ",\"self_harm\":" SAFE
             ",\"sexual\":" SAFE ",\"violence\":" SAFE "}");
}


static void put_prompt_found(uvllm__buf_t* out) {
  LIT(out, "\"prompt_filter_results\":[{\"prompt_index\":0,\"content_filter_results\":{\"hate\":"
           SAFE ",\"jailbreak\":{\"filtered\":false,\"detected\":false},\"self_harm\":" SAFE
           ",\"sexual\":" SAFE ",\"violence\":" SAFE "}}]");
}


/* A chunk that is none, before all others. */
static void put_prompt_chunk(uvllm__answer_t* answer) {
  uvllm__buf_t* out = uvllm__mock_open(answer, NULL);
  LIT(out, "{\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\",");
  put_prompt_found(out);
  uvllm__buf_char(out, '}');
  uvllm__mock_close(answer);
}


/* ---- Whole answers ---- */

static void put_call(uvllm__answer_t* answer, const uvllm__block_t* block, uvllm__buf_t* out) {
  uvllm_str_t name = uvllm__mock_call_name(answer, block);
  LIT(out, "{\"id\":\"call_");
  uvllm__mock_put_call_id(answer, block, out);
  LIT(out, "\",\"type\":\"function\",\"function\":{\"name\":");
  uvllm__mock_put_string(out, name.base, name.len);
  LIT(out, ",\"arguments\":");
  uvllm__mock_put_text(answer, block, out);
  LIT(out, "}}");
}


/* Block i of a choice, and the calls that follow if it is one. */
static void put_calls(uvllm__answer_t* answer, uint32_t choice, uint32_t i, uvllm__buf_t* out) {
  uvllm__block_t block;
  LIT(out, "null,\"tool_calls\":[");
  for (uint32_t n = i; uvllm__mock_block(answer, choice, n, &block); n++) {
    if (n != i)
      uvllm__buf_char(out, ',');
    put_call(answer, &block, out);
  }
  LIT(out, "],\"refusal\":null");
}


static void put_message(uvllm__answer_t* answer, uint32_t choice, uvllm__buf_t* out) {
  uvllm__block_t block;
  uint32_t i = 0;
  int has = uvllm__mock_block(answer, choice, i, &block);
  LIT(out, "{\"role\":\"assistant\",");
  if (has && block.kind == UVLLM__BLOCK_REASONING) {
    LIT(out, "\"reasoning_content\":");
    uvllm__mock_put_text(answer, &block, out);
    uvllm__buf_char(out, ',');
    has = uvllm__mock_block(answer, choice, ++i, &block);
  }
  LIT(out, "\"content\":");
  if (answer->ncalls != 0) {
    put_calls(answer, choice, i, out);
  } else if (!has) {
    LIT(out, "\"\",\"refusal\":null");
  } else {
    if (block.kind == UVLLM__BLOCK_REFUSAL)
      LIT(out, "null,\"refusal\":");
    uvllm__mock_put_text(answer, &block, out);
    if (block.kind == UVLLM__BLOCK_TEXT)
      LIT(out, ",\"refusal\":null");
  }
  LIT(out, ",\"annotations\":[]}");
}


static void put_choice(uvllm__answer_t* answer, uint32_t choice, uvllm__buf_t* out) {
  uvllm__block_t block;
  if (!is_chat(answer)) {
    uvllm__mock_block(answer, choice, 0, &block);
    LIT(out, "{\"text\":");
    uvllm__mock_put_text(answer, &block, out);
    LIT(out, ",\"index\":");
    uvllm__buf_uint(out, choice);
  } else {
    LIT(out, "{\"index\":");
    uvllm__buf_uint(out, choice);
    LIT(out, ",\"message\":");
    put_message(answer, choice, out);
  }
  put_found(answer, out);
  LIT(out, ",\"logprobs\":null,\"finish_reason\":");
  put_reason(answer, out);
  uvllm__buf_char(out, '}');
}


static void whole(uvllm__answer_t* answer, uvllm__buf_t* out) {
  put_common(answer, out, 0);
  for (uint32_t i = 0; i < answer->nchoices; i++) {
    if (i != 0)
      uvllm__buf_char(out, ',');
    put_choice(answer, i, out);
  }
  LIT(out, "],");
  put_usage(answer, out);
  if (is_chat(answer))
    LIT(out, ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_5f6d6f636b\"");
  if (has_filters(answer)) {
    uvllm__buf_char(out, ',');
    put_prompt_found(out);
  }
  uvllm__buf_char(out, '}');
}


/* ---- Streams ---- */

static void open_choice(uvllm__answer_t* answer, uint32_t choice, uvllm__buf_t* out) {
  uvllm__buf_append(out, answer->prefix.base, answer->prefix.len);
  if (is_chat(answer))
    LIT(out, "{\"index\":");
  else
    LIT(out, "{\"text\":");
  if (is_chat(answer))
    uvllm__buf_uint(out, choice);
}


/* Padding whose length hides that of the token. */
static void put_padding(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  static const char padding[] = "Qup1ByhzapOh9R4kTmW";
  if ((answer->flags & UVLLM__OPENAI_OBFUSCATE) == 0 || !is_chat(answer))
    return;
  LIT(out, ",\"obfuscation\":\"");
  uvllm__buf_append(out, padding, uvllm__mix(answer->id + out->len) & 15);
  uvllm__buf_char(out, '"');
}


static void close_event(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  uvllm__buf_char(out, ']');
  if (answer->flags & UVLLM__OPENAI_USAGE)
    LIT(out, ",\"usage\":null");
  put_padding(answer, out);
  uvllm__buf_char(out, '}');
}


static void close_choice(const uvllm__answer_t* answer, int finish, uvllm__buf_t* out) {
  put_found(answer, out);
  LIT(out, ",\"logprobs\":null,\"finish_reason\":");
  if (finish)
    put_reason(answer, out);
  else
    LIT(out, "null");
  uvllm__buf_char(out, '}');
  close_event(answer, out);
}


static void put_role(uvllm__answer_t* answer, uint32_t choice) {
  uvllm__buf_t* out = uvllm__mock_open(answer, NULL);
  open_choice(answer, choice, out);
  LIT(out, ",\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}");
  close_choice(answer, 0, out);
  uvllm__mock_close(answer);
}


/* With calls the role comes with the first of them. */
static void begin(uvllm__answer_t* answer) {
  uvllm__buf_clear(&answer->prefix);
  put_common(answer, &answer->prefix, 1);
  if (has_filters(answer))
    put_prompt_chunk(answer);
  for (uint32_t i = 0; is_chat(answer) && answer->ncalls == 0 && i < answer->nchoices; i++)
    put_role(answer, i);
}


static void block_begin(uvllm__answer_t* answer, const uvllm__block_t* block) {
  if (block->kind != UVLLM__BLOCK_CALL)
    return;
  uvllm_str_t name = uvllm__mock_call_name(answer, block);
  uvllm__buf_t* out = uvllm__mock_open(answer, NULL);
  open_choice(answer, block->choice, out);
  LIT(out, ",\"delta\":{");
  if (block->call == 0)
    LIT(out, "\"role\":\"assistant\",\"content\":null,");
  LIT(out, "\"tool_calls\":[{\"index\":");
  uvllm__buf_uint(out, block->call);
  LIT(out, ",\"id\":\"call_");
  uvllm__mock_put_call_id(answer, block, out);
  LIT(out, "\",\"type\":\"function\",\"function\":{\"name\":");
  uvllm__mock_put_string(out, name.base, name.len);
  LIT(out, ",\"arguments\":\"\"}}]");
  if (block->call == 0)
    LIT(out, ",\"refusal\":null");
  uvllm__buf_char(out, '}');
  close_choice(answer, 0, out);
  uvllm__mock_close(answer);
}


static void chat_token(uvllm__answer_t* answer, const uvllm__block_t* block, uint64_t i) {
  uvllm__buf_t* out = uvllm__mock_open(answer, NULL);
  open_choice(answer, block->choice, out);
  if (block->kind == UVLLM__BLOCK_TEXT) {
    LIT(out, ",\"delta\":{\"content\":");
  } else if (block->kind == UVLLM__BLOCK_CALL) {
    LIT(out, ",\"delta\":{\"tool_calls\":[{\"index\":");
    uvllm__buf_uint(out, block->call);
    LIT(out, ",\"function\":{\"arguments\":");
  } else if (block->kind == UVLLM__BLOCK_REFUSAL) {
    LIT(out, ",\"delta\":{\"refusal\":");
  } else {
    LIT(out, ",\"delta\":{\"reasoning_content\":");
  }
  uvllm__mock_put_token(answer, block, i, out);
  if (block->kind == UVLLM__BLOCK_CALL)
    LIT(out, "}}]");
  uvllm__buf_char(out, '}');
  close_choice(answer, 0, out);
  uvllm__mock_close(answer);
}


/* Here the last text and the reason share an event. */
static void completion_token(uvllm__answer_t* answer, const uvllm__block_t* block, uint64_t i) {
  uvllm__buf_t* out = uvllm__mock_open(answer, NULL);
  open_choice(answer, block->choice, out);
  uvllm__mock_put_token(answer, block, i, out);
  LIT(out, ",\"index\":");
  uvllm__buf_uint(out, block->choice);
  close_choice(answer, i + 1 == answer->ntokens && answer->ask.no_finish < 0, out);
  uvllm__mock_close(answer);
}


static void put_last(uvllm__answer_t* answer, uint32_t choice) {
  uvllm__buf_t* out = uvllm__mock_open(answer, NULL);
  open_choice(answer, choice, out);
  LIT(out, ",\"delta\":{}");
  close_choice(answer, 1, out);
  uvllm__mock_close(answer);
}


static void finish(uvllm__answer_t* answer) {
  for (uint32_t i = 0; is_chat(answer) && i < answer->nchoices; i++)
    put_last(answer, i);
  if ((answer->flags & UVLLM__OPENAI_USAGE) == 0)
    return;
  uvllm__buf_t* out = uvllm__mock_open(answer, NULL);
  uvllm__buf_append(out, answer->prefix.base, answer->prefix.len);
  LIT(out, "],");
  put_usage(answer, out);
  put_padding(answer, out);
  uvllm__buf_char(out, '}');
  uvllm__mock_close(answer);
}


static void done(uvllm__answer_t* answer) {
  LIT(uvllm__mock_open(answer, NULL), "[DONE]");
  uvllm__mock_close(answer);
}


const uvllm__mock_shape_t uvllm__mock_openai_chat = {
  .can = UVLLM__CAN_REASON | UVLLM__CAN_CACHE | UVLLM__CAN_FILTER | UVLLM__CAN_REFUSE,
  .read = uvllm__mock_openai_read_chat, .whole = whole, .begin = begin, .block_begin = block_begin,
  .token = chat_token, .finish = finish, .done = done
};

const uvllm__mock_shape_t uvllm__mock_openai_completion = {
  .can = UVLLM__CAN_FILTER, .read = uvllm__mock_openai_read_completion, .whole = whole,
  .begin = begin, .token = completion_token, .finish = finish, .done = done
};
