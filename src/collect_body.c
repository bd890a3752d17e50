/* An answer as the body an OpenAI server would have sent for it, whole. Members
 * are written only where they are known: `logprobs` is null, `system_fingerprint`
 * and the like do not appear. A choice of which nothing came is left out.
 */
#include "collect.h"
#include "json_writer.h"


static void named_str(uvllm_json_writer_t* w, const char* name, uvllm_str_t value) {
  uvllm_json_name(w, name);
  uvllm_json_write_str(w, value);
}


static void named_count(uvllm_json_writer_t* w, const char* name, uint64_t n) {
  uvllm_json_name(w, name);
  uvllm_json_write_int(w, n <= INT64_MAX ? (int64_t) n : INT64_MAX);
}


static void count_if_any(uvllm_json_writer_t* w, const char* name, uint64_t n) {
  if (n != 0)
    named_count(w, name, n);
}


static int is_gap(const uvllm_choice_t* c) {
  return c->stop == UVLLM_STOP_NONE && c->text.len == 0 && c->reasoning.len == 0 &&
         c->refusal.len == 0 && c->tools_json.len == 0;
}


/* OpenAI itself ends a refusal that it words with "stop". */
static const char* finish_reason(const uvllm_choice_t* c) {
  switch (c->stop) {
    case UVLLM_STOP_NONE: break;
    case UVLLM_STOP_END:
    case UVLLM_STOP_SEQUENCE: return "stop";
    case UVLLM_STOP_LENGTH: return "length";
    case UVLLM_STOP_TOOL: return "tool_calls";
    case UVLLM_STOP_FILTER: return "content_filter";
    case UVLLM_STOP_REFUSAL: return c->refusal.len != 0 ? "stop" : "content_filter";
  }
  return NULL;
}


/* What is absent is null; but an answer of no words is "", not null. */
static uvllm_str_t content_of(const uvllm_choice_t* c) {
  static const uvllm_str_t empty = UVLLM_STR("");
  return c->text.len != 0 || c->refusal.len != 0 || c->tools_json.len != 0 ? c->text : empty;
}


static void write_message(uvllm_json_writer_t* w, const uvllm_choice_t* c) {
  uvllm_json_begin_object(w);
  named_str(w, "role", (uvllm_str_t) UVLLM_STR("assistant"));
  named_str(w, "content", content_of(c));
  named_str(w, "refusal", c->refusal);
  if (c->reasoning.len != 0)
    named_str(w, "reasoning_content", c->reasoning);
  if (c->tools_json.len != 0) {
    uvllm_json_name(w, "tool_calls");
    uvllm_json_write_raw(w, c->tools_json);
  }
  uvllm_json_end_object(w);
}


static void write_choice(uvllm_json_writer_t* w, uvllm_op op, size_t index,
                         const uvllm_choice_t* c) {
  uvllm_json_begin_object(w);
  named_count(w, "index", index);
  if (op == UVLLM_CHAT) {
    uvllm_json_name(w, "message");
    write_message(w, c);
  } else {
    named_str(w, "text", content_of(c));
  }
  uvllm_json_name(w, "logprobs");
  uvllm_json_write_null(w);
  named_str(w, "finish_reason", uvllm__str(finish_reason(c)));
  uvllm_json_end_object(w);
}


static void write_usage(uvllm_json_writer_t* w, const uvllm_usage_t* u) {
  uvllm_json_name(w, "usage");
  uvllm_json_begin_object(w);
  named_count(w, "prompt_tokens", u->input_tokens);
  named_count(w, "completion_tokens", u->output_tokens);
  named_count(w, "total_tokens", u->input_tokens + u->output_tokens);
  uvllm_json_name(w, "prompt_tokens_details");
  uvllm_json_begin_object(w);
  named_count(w, "cached_tokens", u->cached_input_tokens);
  named_count(w, "audio_tokens", u->audio_input_tokens);
  count_if_any(w, "image_tokens", u->image_input_tokens);
  count_if_any(w, "cache_write_tokens", u->cache_write_tokens);
  uvllm_json_end_object(w);
  uvllm_json_name(w, "completion_tokens_details");
  uvllm_json_begin_object(w);
  named_count(w, "reasoning_tokens", u->reasoning_tokens);
  named_count(w, "audio_tokens", u->audio_output_tokens);
  uvllm_json_end_object(w);
  uvllm_json_end_object(w);
}


int uvllm__collect_body(uvllm__collect_t* c, uvllm_op op, uvllm_str_t id, const char* model,
                        uint64_t created, const uvllm_usage_t* usage, uvllm__buf_t* out) {
  static const uvllm_str_t empty = UVLLM_STR("");
  const uvllm_choice_t* choices;
  size_t n;
  if ((op != UVLLM_CHAT && op != UVLLM_COMPLETION) || !uvllm__collect_keeps(c))
    return UVLLM__EINVAL;
  int err = uvllm__collect_choices(c, &choices, &n);
  if (err != 0)
    return err;
  const size_t before = out->len;
  uvllm_json_writer_t w;
  uvllm__json_writer_init(&w, out);
  uvllm_json_begin_object(&w);
  named_str(&w, "id", id.base != NULL ? id : empty);
  named_str(&w, "object", uvllm__str(op == UVLLM_CHAT ? "chat.completion" : "text_completion"));
  named_count(&w, "created", created);
  named_str(&w, "model", model != NULL ? uvllm__str(model) : empty);
  uvllm_json_name(&w, "choices");
  uvllm_json_begin_array(&w);
  for (size_t i = 0; i < n; i++)
    if (!is_gap(&choices[i]))
      write_choice(&w, op, i, &choices[i]);
  uvllm_json_end_array(&w);
  if (usage != NULL)
    write_usage(&w, usage);
  uvllm_json_end_object(&w);
  err = uvllm_json_writer_error(&w);
  if (err != 0)
    out->len = before;
  return err;
}
