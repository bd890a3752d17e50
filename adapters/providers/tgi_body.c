/* The body of a request in the TGI dialect. */
#include "tgi.h"
#include "body.h"
#include "shape.h"

#include <math.h>


/* 0 is refused there; without a temperature nothing is drawn, which is the same. Then
 * top_p says nothing any more, and 1, which is refused too, says nothing ever. */
static void put_sampling(uvllm__body_t* b, const uvllm_request_t* r) {
  const int is_greedy = r->temperature == 0;
  const int has_top_p = !isnan(r->top_p) && r->top_p != 1 && !is_greedy;
  if (is_greedy) {
    uvllm__body_claim(b, "temperature");
    return;
  }
  uvllm__body_num(b, "temperature", r->temperature);
  uvllm__body_num(b, "top_p", has_top_p ? r->top_p : NAN);
  if (!isnan(r->temperature) || !isnan(r->top_p))
    uvllm__body_bool(b, "do_sample", 1);
}


static int put_grammar(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_request_t* r) {
  uvllm__schema_t schema = { 0 };
  const int err = uvllm__schema(s, r, &schema);
  if (err != 0 || r->json_schema.base == NULL)
    return err;
  uvllm__body_open(b, "grammar");
  uvllm__body_chars(b, "type", "json");
  uvllm__body_raw(b, "value", schema.schema);
  uvllm__body_close(b);
  return 0;
}


static int put_completion(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_request_t* r,
                          int has_tasks) {
  uvllm__body_str(b, "inputs", r->nmessages != 0 ? r->messages[0].text : uvllm__str(""));
  uvllm__body_open(b, "parameters");
  uvllm__body_count(b, "max_new_tokens", r->max_tokens);
  put_sampling(b, r);
  uvllm__body_num(b, "frequency_penalty", r->frequency_penalty);
  uvllm__body_seed(b, "seed", r->seed);
  uvllm__body_stop(b, "stop", r->stop);
  const int err = put_grammar(b, s, r);
  uvllm__body_bool(b, "return_full_text", 0);
  uvllm__body_bool(b, "details", 1);
  uvllm__body_close(b);
  if (has_tasks)
    uvllm__body_bool(b, "stream", (r->flags & UVLLM_STREAM) != 0);
  return err;
}


static void put_texts(uvllm__body_t* b, const uvllm_request_t* r) {
  if (!uvllm__body_begins(b, "inputs"))
    return;
  uvllm_json_begin_array(b->w);
  for (size_t i = 0; i < r->nmessages; i++)
    uvllm_json_write_str(b->w, r->messages[i].text);
  uvllm_json_end_array(b->w);
}


static void member(uvllm_json_writer_t* w, const char* name, uvllm_str_t value) {
  if (value.base == NULL)
    return;
  uvllm_json_name(w, name);
  uvllm_json_write_str(w, value);
}


static void raw_member(uvllm_json_writer_t* w, const char* name, uvllm_str_t json) {
  if (json.base == NULL)
    return;
  uvllm_json_name(w, name);
  uvllm_json_write_raw(w, json);
}


/* Chats are in OpenAI's shape there, so it is the request's own. */
static void put_messages(uvllm__body_t* b, const uvllm_request_t* r) {
  static const char* const roles[] = { "system", "user", "assistant", "tool" };
  if (!uvllm__body_begins(b, "messages"))
    return;
  uvllm_json_begin_array(b->w);
  for (size_t i = 0; i < r->nmessages; i++) {
    const uvllm_message_t* m = &r->messages[i];
    uvllm_json_begin_object(b->w);
    member(b->w, "role", uvllm__str(roles[m->role]));
    member(b->w, "name", m->name);
    member(b->w, "tool_call_id", m->tool_call_id);
    member(b->w, "content", m->text);
    raw_member(b->w, "content", m->parts_json);
    raw_member(b->w, "tool_calls", m->tool_calls_json);
    uvllm_json_end_object(b->w);
  }
  uvllm_json_end_array(b->w);
}


static int put_all(uvllm__body_t* b, const uvllm_attempt_t* attempt, int has_tasks,
                   uvllm__shape_t* s) {
  const uvllm_request_t* r = attempt->request;
  switch (r->op) {
    case UVLLM_EMBED:
      put_texts(b, r);
      return 0;
    case UVLLM_COUNT_TOKENS:
      uvllm__body_str(b, "model", attempt->model.base != NULL ? attempt->model
                                                              : uvllm__str("tgi"));
      put_messages(b, r);
      uvllm__body_raw(b, "tools", r->tools_json);
      return 0;
    default: return put_completion(b, s, r, has_tasks);
  }
}


int uvllm__tgi_body(const uvllm_attempt_t* attempt, int has_tasks, uvllm_http_t* http) {
  uvllm__body_t b;
  uvllm__shape_t s;
  int err = uvllm__body_begin(&b, attempt->request, http);
  uvllm__shape_init(&s, uvllm_http_alloc(http));
  if (err == 0)
    err = put_all(&b, attempt, has_tasks, &s);
  uvllm__shape_free(&s);
  return uvllm__body_end(&b, err);
}
