/* The body of a Responses request but for its input: tools and schemas stand flat, and
 * what is left unsaid means something else than in a chat, so it is said.
 */
#include "openai_responses.h"
#include "openai_quirks.h"


static void member(uvllm_json_writer_t* w, const char* name, uvllm_str_t value) {
  if (value.base == NULL)
    return;
  uvllm_json_name(w, name);
  uvllm_json_write_str(w, value);
}


static void type_of(uvllm_json_writer_t* w, const char* type) {
  uvllm_json_begin_object(w);
  member(w, "type", uvllm__str(type));
}


/* ---- Tools ---- */

/* Here a function is strict unless it says otherwise, in a chat it is not. */
static void put_tool(uvllm_json_writer_t* w, const uvllm__tool_t* tool) {
  type_of(w, "function");
  member(w, "name", tool->name);
  member(w, "description", tool->description);
  uvllm_json_name(w, "parameters");
  if (tool->parameters.base != NULL)
    uvllm_json_write_raw(w, tool->parameters);
  else
    uvllm_json_write_null(w);
  uvllm_json_name(w, "strict");
  uvllm_json_write_bool(w, tool->strict == 1);
  uvllm_json_end_object(w);
}


static int put_tools(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_request_t* r) {
  uvllm__list_t tools;
  uvllm__tool_t tool = { 0 };
  if (r->tools_json.base == NULL || !uvllm__body_begins(b, "tools"))
    return 0;
  uvllm_json_begin_array(b->w);
  int rc = uvllm__tools_begin(&tools, s, r);
  if (rc == 0)
    while ((rc = uvllm__tools_next(&tools, &tool)) == 1)
      put_tool(b->w, &tool);
  uvllm_json_end_array(b->w);
  return rc;
}


static int put_tool_choice(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_request_t* r) {
  static const char* const words[] = { [UVLLM__CHOICE_AUTO] = "auto",
                                       [UVLLM__CHOICE_NONE] = "none",
                                       [UVLLM__CHOICE_REQUIRED] = "required" };
  uvllm__choice_type type;
  uvllm_str_t name;
  const int err = uvllm__tool_choice(s, r, &type, &name);
  if (err != 0 || type == UVLLM__CHOICE_UNSET || !uvllm__body_begins(b, "tool_choice"))
    return err;
  if (type != UVLLM__CHOICE_NAMED) {
    uvllm_json_write_str(b->w, uvllm__str(words[type]));
    return 0;
  }
  type_of(b->w, "function");
  member(b->w, "name", name);
  uvllm_json_end_object(b->w);
  return 0;
}


/* ---- Structured output ---- */

static void put_format(uvllm_json_writer_t* w, const uvllm__schema_t* schema) {
  if (schema->is_any_object) {
    type_of(w, "json_object");
    uvllm_json_end_object(w);
    return;
  }
  type_of(w, "json_schema");
  member(w, "name", schema->name);
  member(w, "description", schema->description);
  if (schema->strict >= 0 || !schema->is_wrapped) {
    uvllm_json_name(w, "strict");
    uvllm_json_write_bool(w, schema->strict != 0);
  }
  uvllm_json_name(w, "schema");
  uvllm_json_write_raw(w, schema->schema);
  uvllm_json_end_object(w);
}


static int put_text(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_request_t* r) {
  uvllm__schema_t schema = { 0 };
  const int err = uvllm__schema(s, r, &schema);
  if (err != 0)
    return err;
  uvllm__body_open(b, "text");
  if (r->json_schema.base != NULL && uvllm__body_begins(b, "format"))
    put_format(b->w, &schema);
  uvllm__body_close(b);
  return 0;
}


/* ---- Reasoning ---- */

static int begins(uvllm_str_t s, const char* prefix) {
  const size_t n = strlen(prefix);
  return s.len >= n && memcmp(s.base, prefix, n) == 0;
}


/* By OpenAI's names, also behind a vendor ("openai/gpt-5"). The others refuse to be
 * asked for encrypted thoughts. */
static int is_known_to_reason(uvllm_str_t model) {
  for (size_t i = model.len; i-- > 0;)
    if (model.base[i] == '/') {
      model.base += i + 1;
      model.len -= i + 1;
      break;
    }
  if (begins(model, "gpt-") && model.len > 4) {
    const int is_new = (model.base[4] >= '5' && model.base[4] <= '9');
    for (size_t i = 5; is_new && i < model.len; i++)
      if (begins((uvllm_str_t) { model.base + i, model.len - i }, "-chat"))
        return 0;
    return is_new;
  }
  return begins(model, "codex") ||
         (model.len > 1 && model.base[0] == 'o' && model.base[1] >= '1' && model.base[1] <= '9');
}


static int put_include(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_attempt_t* attempt) {
  const uvllm_request_t* r = attempt->request;
  int has = r->reasoning_effort != NULL || is_known_to_reason(attempt->model);
  const int err = has ? 0 : uvllm__responses_has_replay(s, r, &has);
  if (err != 0 || !has || !uvllm__body_begins(b, "include"))
    return err;
  uvllm_json_begin_array(b->w);
  uvllm_json_write_str(b->w, uvllm__str("reasoning.encrypted_content"));
  uvllm_json_end_array(b->w);
  return 0;
}


/* ---- The whole ---- */

static int put_fields(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_attempt_t* attempt) {
  const uvllm_request_t* r = attempt->request;
  int err = 0;
  uvllm__body_str(b, "model", attempt->model);
  if (uvllm__body_begins(b, "input"))
    err = uvllm__responses_input(b->w, s, r);
  if (!uvllm__quirk_refuses(attempt->params, attempt->nparams, "store"))
    uvllm__body_bool(b, "store", 0);
  if ((r->flags & UVLLM_STREAM) != 0)
    uvllm__body_bool(b, "stream", 1);
  else
    uvllm__body_claim(b, "stream");
  uvllm__body_count(b, "max_output_tokens", r->max_tokens);
  uvllm__body_num(b, "temperature", r->temperature);
  uvllm__body_num(b, "top_p", r->top_p);
  uvllm__body_chars(b, "service_tier", r->service_tier);
  uvllm__body_open(b, "reasoning");
  uvllm__body_chars(b, "effort", r->reasoning_effort);
  uvllm__body_close(b);
  if (err == 0)
    err = put_include(b, s, attempt);
  if (err == 0)
    err = put_text(b, s, r);
  if (err == 0)
    err = put_tools(b, s, r);
  return err != 0 ? err : put_tool_choice(b, s, r);
}


int uvllm__responses_body(const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  uvllm__body_t b;
  uvllm__shape_t s;
  uvllm__shape_init(&s, uvllm_http_alloc(http));
  int err = uvllm__body_begin(&b, attempt->request, http);
  if (err == 0)
    err = put_fields(&b, &s, attempt);
  err = uvllm__body_end(&b, err);
  uvllm__shape_free(&s);
  return err;
}
