/* An answer as JSON, for --json: one object a line. */
#include "chat.h"

#define MS 1000000.0


static void put_str(uvllm_json_writer_t* w, const char* name, uvllm_str_t value) {
  uvllm_json_name(w, name);
  uvllm_json_write_str(w, value);
}


static void put_word(uvllm_json_writer_t* w, const char* name, const char* value) {
  put_str(w, name, (uvllm_str_t){ value, value != NULL ? strlen(value) : 0 });
}


static void put_count(uvllm_json_writer_t* w, const char* name, uint64_t n) {
  uvllm_json_name(w, name);
  uvllm_json_write_int(w, (int64_t) n);
}


/* Milliseconds between two moments; null if one was not reached. */
static void put_span(uvllm_json_writer_t* w, const char* name, uint64_t from, uint64_t to) {
  char text[64];
  uvllm_json_name(w, name);
  if (from == 0 || to < from) {
    uvllm_json_write_null(w);
    return;
  }
  int len = snprintf(text, sizeof(text), "%.3f", (double) (to - from) / MS);
  uvllm_json_write_raw(w, (uvllm_str_t){ text, (size_t) len });
}


static const char* stop_name(uvllm_stop_reason stop) {
  switch (stop) {
    case UVLLM_STOP_END: return "end";
    case UVLLM_STOP_LENGTH: return "length";
    case UVLLM_STOP_SEQUENCE: return "sequence";
    case UVLLM_STOP_TOOL: return "tool";
    case UVLLM_STOP_FILTER: return "filter";
    case UVLLM_STOP_REFUSAL: return "refusal";
    default: return NULL;
  }
}


static void put_answer(uvllm_json_writer_t* w, const uvllm_result_t* r) {
  static const uvllm_choice_t none;
  const uvllm_choice_t* c = r->nchoices > 0 && r->choices != NULL ? &r->choices[0] : &none;
  put_str(w, "text", c->text);
  if (c->reasoning.len > 0)
    put_str(w, "reasoning", c->reasoning);
  if (c->refusal.len > 0)
    put_str(w, "refusal", c->refusal);
  put_word(w, "stop", stop_name(c->stop));
}


static void put_usage(uvllm_json_writer_t* w, const uvllm_usage_t* u) {
  char text[CLI_MONEY];
  uvllm_json_name(w, "usage");
  uvllm_json_begin_object(w);
  put_count(w, "input_tokens", u->input_tokens);
  put_count(w, "cached_input_tokens", u->cached_input_tokens);
  put_count(w, "output_tokens", u->output_tokens);
  put_count(w, "reasoning_tokens", u->reasoning_tokens);
  uvllm_json_name(w, "estimated");
  uvllm_json_write_bool(w, (u->flags & UVLLM_USAGE_ESTIMATED) != 0);
  uvllm_json_name(w, "cost_usd");
  if (u->flags & UVLLM_USAGE_UNPRICED)
    uvllm_json_write_null(w);
  else
    uvllm_json_write_raw(w, (uvllm_str_t){ cli_money_exact(u->cost_pusd, text), strlen(text) });
  uvllm_json_end_object(w);
}


static void put_error(uvllm_json_writer_t* w, const uvllm_result_t* r) {
  uvllm_json_name(w, "error");
  if (r->status == 0) {
    uvllm_json_write_null(w);
    return;
  }
  uvllm_json_begin_object(w);
  put_word(w, "name", uvllm_err_name(r->status));
  put_word(w, "text", uvllm_strerror(r->status));
  put_str(w, "message", r->message);
  put_str(w, "code", r->code);
  uvllm_json_end_object(w);
}


static void put_result(uvllm_json_writer_t* w, const uvllm_result_t* r) {
  uvllm_json_begin_object(w);
  put_word(w, "provider", r->target->provider);
  put_word(w, "model", r->target->model);
  put_answer(w, r);
  put_usage(w, r->usage);
  put_count(w, "attempts", r->attempts);
  put_count(w, "http_status", (uint64_t) r->http_status);
  put_str(w, "request_id", r->request_id);
  put_span(w, "latency_ms", r->timing->submitted, r->timing->ended);
  put_span(w, "first_token_ms", r->timing->sent, r->timing->first_content);
  put_error(w, r);
  uvllm_json_end_object(w);
}


int chat_write_json(const uvllm_result_t* result) {
  uvllm_json_writer_t* w;
  int err = uvllm_json_writer_new(&w, NULL);
  if (err == 0) {
    put_result(w, result);
    err = uvllm_json_writer_error(w);
  }
  if (err == 0) {
    uvllm_str_t text = uvllm_json_writer_text(w);
    fwrite(text.base, 1, text.len, stdout);
    putchar('\n');
  } else
    cli_error("the answer cannot be written as JSON: %s", uvllm_strerror(err));
  uvllm_json_writer_free(w);
  return err == 0 ? 0 : CLI_USAGE;
}
