/* Writes answers of OpenAI's Responses API: the response with its items whole, or as
 * typed events, each with its number. The last one tells the whole response again,
 * and is the mark of the end.
 */
#include "mock/mock_int.h"
#include "mock/mock_openai.h"

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)

enum { CREATED = 1790000000 };


/* ---- Items ---- */

static void put_id(uvllm__answer_t* answer, const uvllm__block_t* block, uvllm__buf_t* out) {
  static const char* const prefixes[] = { [UVLLM__BLOCK_REASONING] = "rs_",
                                          [UVLLM__BLOCK_TEXT] = "msg_",
                                          [UVLLM__BLOCK_REFUSAL] = "msg_",
                                          [UVLLM__BLOCK_CALL] = "fc_" };
  uvllm__buf_str(out, prefixes[block->kind]);
  uvllm__buf_hex(out, uvllm__mix(answer->id ^ (block->index + 1)));
}


static void open_item(uvllm__answer_t* answer, const uvllm__block_t* block, uvllm__buf_t* out) {
  static const char* const types[] = { [UVLLM__BLOCK_REASONING] = "reasoning",
                                       [UVLLM__BLOCK_TEXT] = "message",
                                       [UVLLM__BLOCK_REFUSAL] = "message",
                                       [UVLLM__BLOCK_CALL] = "function_call" };
  LIT(out, "{\"id\":\"");
  put_id(answer, block, out);
  LIT(out, "\",\"type\":\"");
  uvllm__buf_str(out, types[block->kind]);
  uvllm__buf_char(out, '"');
}


/* A part with its text, or an empty one that is still to be filled. */
static void put_part(uvllm__answer_t* answer, const uvllm__block_t* block, int is_whole,
                     uvllm__buf_t* out) {
  if (block->kind == UVLLM__BLOCK_REASONING)
    LIT(out, "{\"type\":\"summary_text\",\"text\":");
  else if (block->kind == UVLLM__BLOCK_REFUSAL)
    LIT(out, "{\"type\":\"refusal\",\"refusal\":");
  else
    LIT(out, "{\"type\":\"output_text\",\"text\":");
  if (is_whole)
    uvllm__mock_put_text(answer, block, out);
  else
    LIT(out, "\"\"");
  if (block->kind == UVLLM__BLOCK_TEXT)
    LIT(out, ",\"annotations\":[],\"logprobs\":[]");
  uvllm__buf_char(out, '}');
}


static void put_reasoning(uvllm__answer_t* answer, const uvllm__block_t* block, int is_whole,
                          uvllm__buf_t* out) {
  LIT(out, ",\"summary\":[");
  if (is_whole)
    put_part(answer, block, 1, out);
  LIT(out, "],\"encrypted_content\":");
  if ((answer->flags & UVLLM__OPENAI_ENCRYPT) == 0) {
    LIT(out, "null}");
    return;
  }
  LIT(out, "\"gAAAAAB");
  uvllm__buf_hex(out, uvllm__mix(answer->id + is_whole));
  LIT(out, "\"}");
}


static void put_call(uvllm__answer_t* answer, const uvllm__block_t* block, int is_whole,
                     uvllm__buf_t* out) {
  uvllm_str_t name = uvllm__mock_call_name(answer, block);
  LIT(out, ",\"call_id\":\"call_");
  uvllm__mock_put_call_id(answer, block, out);
  LIT(out, "\",\"name\":");
  uvllm__mock_put_string(out, name.base, name.len);
  LIT(out, ",\"arguments\":");
  if (is_whole)
    uvllm__mock_put_text(answer, block, out);
  else
    LIT(out, "\"\"");
  uvllm__buf_char(out, '}');
}


/* The last item of an answer that was cut is incomplete. */
static int is_cut(const uvllm__answer_t* answer, const uvllm__block_t* block) {
  return answer->cut_short && block->first + block->ntokens == answer->ntokens;
}


static void put_item(uvllm__answer_t* answer, const uvllm__block_t* block, int is_whole,
                     uvllm__buf_t* out) {
  open_item(answer, block, out);
  if (block->kind == UVLLM__BLOCK_REASONING) {
    put_reasoning(answer, block, is_whole, out);
    return;
  }
  LIT(out, ",\"status\":\"");
  uvllm__buf_str(out, !is_whole ? "in_progress" : is_cut(answer, block) ? "incomplete"
                                                                        : "completed");
  uvllm__buf_char(out, '"');
  if (block->kind == UVLLM__BLOCK_CALL) {
    put_call(answer, block, is_whole, out);
    return;
  }
  LIT(out, ",\"role\":\"assistant\",\"content\":[");
  if (is_whole)
    put_part(answer, block, 1, out);
  LIT(out, "]}");
}


/* ---- Responses ---- */

static void put_usage(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  uvllm__mock_usage_t usage;
  uvllm__mock_usage(answer, &usage);
  LIT(out, "{\"input_tokens\":");
  uvllm__buf_uint(out, usage.input);
  LIT(out, ",\"input_tokens_details\":{\"cached_tokens\":");
  uvllm__buf_uint(out, usage.cached);
  LIT(out, "},\"output_tokens\":");
  uvllm__buf_uint(out, usage.output);
  LIT(out, ",\"output_tokens_details\":{\"reasoning_tokens\":");
  uvllm__buf_uint(out, usage.reasoning);
  LIT(out, "},\"total_tokens\":");
  uvllm__buf_uint(out, usage.input + usage.output);
  uvllm__buf_char(out, '}');
}


static void put_items(uvllm__answer_t* answer, uvllm__buf_t* out) {
  uvllm__block_t block;
  for (uint32_t i = 0; uvllm__mock_block(answer, 0, i, &block); i++) {
    if (i != 0)
      uvllm__buf_char(out, ',');
    put_item(answer, &block, 1, out);
  }
}


/* Up to its error: what all responses of an answer begin with. */
static void open_response(const uvllm__answer_t* answer, const char* status, uvllm__buf_t* out) {
  LIT(out, "{\"id\":\"resp_");
  uvllm__buf_hex(out, answer->id);
  LIT(out, "\",\"object\":\"response\",\"created_at\":");
  uvllm__buf_uint(out, CREATED);
  LIT(out, ",\"status\":\"");
  uvllm__buf_str(out, status);
  LIT(out, "\",\"background\":false,\"model\":");
  uvllm__buf_append(out, answer->model.base, answer->model.len);
  LIT(out, ",\"error\":");
}


static void close_response(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  LIT(out, ",\"instructions\":null,\"max_output_tokens\":");
  if (answer->max_tokens == UINT64_MAX)
    LIT(out, "null");
  else
    uvllm__buf_uint(out, answer->max_tokens);
  LIT(out, ",\"parallel_tool_calls\":true,\"previous_response_id\":null,\"reasoning\":{\"effort\":"
           "null,\"summary\":null},\"service_tier\":\"default\",\"store\":");
  uvllm__buf_str(out, answer->flags & UVLLM__OPENAI_STORE ? "true" : "false");
  LIT(out, ",\"temperature\":1.0,\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\""
           ",\"tools\":[],\"top_p\":1.0,\"truncation\":\"disabled\",\"user\":null,"
           "\"metadata\":{}}");
}


static void put_unfinished(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  open_response(answer, "in_progress", out);
  LIT(out, "null,\"incomplete_details\":null,\"output\":[],\"usage\":null");
  close_response(answer, out);
}


static int is_incomplete(const uvllm__answer_t* answer) {
  uvllm__finish finish = uvllm__mock_finish(answer);
  return finish == UVLLM__FINISH_LENGTH || finish == UVLLM__FINISH_FILTER;
}


static void whole(uvllm__answer_t* answer, uvllm__buf_t* out) {
  open_response(answer, is_incomplete(answer) ? "incomplete" : "completed", out);
  LIT(out, "null,\"incomplete_details\":");
  if (!is_incomplete(answer))
    LIT(out, "null");
  else if (uvllm__mock_finish(answer) == UVLLM__FINISH_FILTER)
    LIT(out, "{\"reason\":\"content_filter\"}");
  else
    LIT(out, "{\"reason\":\"max_output_tokens\"}");
  LIT(out, ",\"output\":[");
  put_items(answer, out);
  LIT(out, "],\"usage\":");
  put_usage(answer, out);
  close_response(answer, out);
}


/* ---- Events ---- */

static uvllm__buf_t* open_as(uvllm__answer_t* answer, const char* name, int is_error) {
  uint64_t number = answer->frame.count;
  uvllm__buf_t* out =
      is_error ? uvllm__mock_open_error(answer, name) : uvllm__mock_open(answer, name);
  LIT(out, "{\"type\":\"");
  uvllm__buf_str(out, name);
  LIT(out, "\",\"sequence_number\":");
  uvllm__buf_uint(out, number);
  return out;
}


static void close_event(uvllm__answer_t* answer, uvllm__buf_t* out) {
  uvllm__buf_char(out, '}');
  uvllm__mock_close(answer);
}


/* An event that is of an item as a whole. */
static void put_item_event(uvllm__answer_t* answer, const uvllm__block_t* block,
                           const char* name, int is_whole) {
  uvllm__buf_t* out = open_as(answer, name, 0);
  LIT(out, ",\"output_index\":");
  uvllm__buf_uint(out, block->index);
  LIT(out, ",\"item\":");
  put_item(answer, block, is_whole, out);
  close_event(answer, out);
}


/* An event that is of something within an item. */
static uvllm__buf_t* open_within(uvllm__answer_t* answer, const uvllm__block_t* block,
                                 const char* name) {
  uvllm__buf_t* out = open_as(answer, name, 0);
  LIT(out, ",\"item_id\":\"");
  put_id(answer, block, out);
  LIT(out, "\",\"output_index\":");
  uvllm__buf_uint(out, block->index);
  if (block->kind == UVLLM__BLOCK_REASONING)
    LIT(out, ",\"summary_index\":0");
  else if (block->kind != UVLLM__BLOCK_CALL)
    LIT(out, ",\"content_index\":0");
  return out;
}


typedef struct names_s {
  const char *part_added, *delta, *done, *text, *part_done; /* `text`: where done has all */
} names_t;

static const names_t names[] = {
  [UVLLM__BLOCK_REASONING] = { "response.reasoning_summary_part.added",
                               "response.reasoning_summary_text.delta",
                               "response.reasoning_summary_text.done", ",\"text\":",
                               "response.reasoning_summary_part.done" },
  [UVLLM__BLOCK_TEXT] = { "response.content_part.added", "response.output_text.delta",
                          "response.output_text.done", ",\"logprobs\":[],\"text\":",
                          "response.content_part.done" },
  [UVLLM__BLOCK_REFUSAL] = { "response.content_part.added", "response.refusal.delta",
                             "response.refusal.done", ",\"refusal\":",
                             "response.content_part.done" },
  [UVLLM__BLOCK_CALL] = { NULL, "response.function_call_arguments.delta",
                          "response.function_call_arguments.done", ",\"arguments\":", NULL }
};


static void put_part_event(uvllm__answer_t* answer, const uvllm__block_t* block,
                           const char* name, int is_whole) {
  if (name == NULL)
    return;
  uvllm__buf_t* out = open_within(answer, block, name);
  LIT(out, ",\"part\":");
  put_part(answer, block, is_whole, out);
  close_event(answer, out);
}


static void put_response_event(uvllm__answer_t* answer, const char* name) {
  uvllm__buf_t* out = open_as(answer, name, 0);
  LIT(out, ",\"response\":");
  put_unfinished(answer, out);
  close_event(answer, out);
}


static void begin(uvllm__answer_t* answer) {
  put_response_event(answer, "response.created");
  put_response_event(answer, "response.in_progress");
}


static void block_begin(uvllm__answer_t* answer, const uvllm__block_t* block) {
  put_item_event(answer, block, "response.output_item.added", 0);
  put_part_event(answer, block, names[block->kind].part_added, 0);
}


static void token(uvllm__answer_t* answer, const uvllm__block_t* block, uint64_t i) {
  static const char padding[] = "Qup1ByhzapOh9R4kTmW";
  uvllm__buf_t* out = open_within(answer, block, names[block->kind].delta);
  if (block->kind == UVLLM__BLOCK_TEXT)
    LIT(out, ",\"logprobs\":[]");
  LIT(out, ",\"delta\":");
  uvllm__mock_put_token(answer, block, i, out);
  if (answer->flags & UVLLM__OPENAI_OBFUSCATE) {
    LIT(out, ",\"obfuscation\":\"");
    uvllm__buf_append(out, padding, uvllm__mix(answer->id + out->len) & 15);
    uvllm__buf_char(out, '"');
  }
  close_event(answer, out);
}


static void block_end(uvllm__answer_t* answer, const uvllm__block_t* block) {
  uvllm__buf_t* out = open_within(answer, block, names[block->kind].done);
  uvllm__buf_str(out, names[block->kind].text);
  uvllm__mock_put_text(answer, block, out);
  close_event(answer, out);
  put_part_event(answer, block, names[block->kind].part_done, 1);
  put_item_event(answer, block, "response.output_item.done", 1);
}


static void done(uvllm__answer_t* answer) {
  uvllm__buf_t* out =
      open_as(answer, is_incomplete(answer) ? "response.incomplete" : "response.completed", 0);
  LIT(out, ",\"response\":");
  whole(answer, out);
  close_event(answer, out);
}


/* As recorded: an event that is the error, then a response that has failed. */
static void fault(uvllm__answer_t* answer, const uvllm__mock_error_t* error) {
  uvllm__buf_t* out = open_as(answer, "error", 1);
  LIT(out, ",\"error\":{\"type\":");
  uvllm__mock_put_string(out, error->type, strlen(error->type));
  LIT(out, ",\"code\":\"server_error\",\"message\":");
  uvllm__mock_put_string(out, error->message, strlen(error->message));
  LIT(out, ",\"param\":null}");
  close_event(answer, out);
  out = open_as(answer, "response.failed", 1);
  LIT(out, ",\"response\":");
  open_response(answer, "failed", out);
  LIT(out, "{\"code\":\"server_error\",\"message\":");
  uvllm__mock_put_string(out, error->message, strlen(error->message));
  LIT(out, "},\"incomplete_details\":null,\"output\":[],\"usage\":null");
  close_response(answer, out);
  close_event(answer, out);
}


const uvllm__mock_shape_t uvllm__mock_responses = {
  .can = UVLLM__CAN_REASON | UVLLM__CAN_CACHE | UVLLM__CAN_FILTER | UVLLM__CAN_REFUSE,
  .read = uvllm__mock_responses_read, .whole = whole, .begin = begin,
  .block_begin = block_begin, .token = token, .block_end = block_end, .done = done,
  .fault = fault
};
