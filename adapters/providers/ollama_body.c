/* The body of a request to Ollama: what shapes the answer stands in "options", and the
 * provider's parameters (num_ctx, num_gpu, num_thread, keep_alive) beside what the
 * request says. extra_json wins over both.
 */
#include "ollama.h"
#include "body.h"

typedef struct put_s {
  uvllm__body_t body;
  const uvllm_attempt_t* attempt;
  const uvllm_request_t* r;
  uvllm__shape_t shape;
} put_t;


/* ---- Messages ---- */

static void put_member(uvllm_json_writer_t* w, const char* name, uvllm_str_t value) {
  if (value.base == NULL)
    return;
  uvllm_json_name(w, name);
  uvllm_json_write_str(w, value);
}


static void put_text(uvllm_json_writer_t* w, uvllm_str_t text) {
  put_member(w, "content", text.base != NULL ? text : uvllm__str(""));
}


/* All text of a message is one string. *nimages: how much of it is no text. */
static int put_content(put_t* p, size_t i, size_t* nimages) {
  uvllm__parts_t parts;
  uvllm__part_t part = { 0 };
  uvllm__buf_t text;
  if (p->r->messages[i].parts_json.base == NULL) {
    put_text(p->body.w, p->r->messages[i].text);
    return 0;
  }
  uvllm__buf_init(&text, p->shape.alloc, SIZE_MAX);
  int rc = uvllm__parts_begin(&parts, &p->shape, p->r, i);
  while (rc == 0 && (rc = uvllm__parts_next(&parts, &part)) == 1) {
    rc = part.type == UVLLM__PART_TEXT ? uvllm__buf_append(&text, part.text.base, part.text.len)
                                       : 0;
    *nimages += part.type == UVLLM__PART_IMAGE;
  }
  if (rc == 0)
    put_text(p->body.w, uvllm__buf_slice(&text));
  uvllm__buf_free(&text);
  return rc;
}


/* build() may meet what check() has not seen. */
static int put_images(put_t* p, size_t i) {
  uvllm__parts_t parts;
  uvllm__part_t part = { 0 };
  int rc = uvllm__parts_begin(&parts, &p->shape, p->r, i);
  uvllm_json_name(p->body.w, "images");
  uvllm_json_begin_array(p->body.w);
  while (rc == 0 && (rc = uvllm__parts_next(&parts, &part)) == 1) {
    rc = 0;
    if (part.type == UVLLM__PART_TEXT)
      continue;
    if (part.type != UVLLM__PART_IMAGE || part.data.base == NULL)
      return UVLLM_EUNSUPPORTED;
    uvllm_json_write_str(p->body.w, part.data);
  }
  uvllm_json_end_array(p->body.w);
  return rc;
}


static void put_call(uvllm_json_writer_t* w, const uvllm__call_t* call) {
  uvllm_json_begin_object(w);
  put_member(w, "id", call->id);
  uvllm_json_name(w, "function");
  uvllm_json_begin_object(w);
  put_member(w, "name", call->name);
  uvllm_json_name(w, "arguments");
  uvllm_json_write_raw(w, call->arguments);
  uvllm_json_end_object(w);
  uvllm_json_end_object(w);
}


static int put_calls(put_t* p, size_t i) {
  uvllm__list_t calls;
  uvllm__call_t call = { 0 };
  if (p->r->messages[i].tool_calls_json.base == NULL)
    return 0;
  int rc = uvllm__calls_begin(&calls, &p->shape, p->r, i);
  uvllm_json_name(p->body.w, "tool_calls");
  uvllm_json_begin_array(p->body.w);
  while (rc == 0 && (rc = uvllm__calls_next(&calls, &call)) == 1) {
    rc = 0;
    if (!call.is_object)
      return UVLLM_EUNSUPPORTED;
    put_call(p->body.w, &call);
  }
  uvllm_json_end_array(p->body.w);
  return rc;
}


static int put_thinking(put_t* p, size_t i) {
  uvllm_json_t own;
  uvllm_str_t thinking = { NULL, 0 };
  int rc = uvllm__replay(&p->shape, p->r, i, "ollama", &own);
  if (rc == 1)
    rc = uvllm__shape_str(uvllm_json_get(own, "thinking"), &thinking);
  if (rc == 0)
    put_member(p->body.w, "thinking", thinking);
  return rc;
}


static int put_tool_name(put_t* p, size_t i) {
  uvllm_str_t name = { NULL, 0 };
  const int rc = uvllm__call_name(&p->shape, p->r, i, &name);
  if (rc == 1)
    put_member(p->body.w, "tool_name", name);
  put_member(p->body.w, "tool_call_id", p->r->messages[i].tool_call_id);
  return rc == 1 ? 0 : rc;
}


static int put_message(put_t* p, size_t i) {
  static const char* const roles[] = { "system", "user", "assistant", "tool" };
  const uvllm_message_t* m = &p->r->messages[i];
  size_t nimages = 0;
  uvllm_json_begin_object(p->body.w);
  put_member(p->body.w, "role", uvllm__str(roles[m->role]));
  int err = m->role == UVLLM_TOOL ? put_tool_name(p, i) : 0;
  if (err == 0)
    err = put_content(p, i, &nimages);
  if (err == 0 && nimages != 0)
    err = put_images(p, i);
  if (err == 0 && m->role == UVLLM_ASSISTANT)
    err = put_thinking(p, i);
  if (err == 0 && m->role == UVLLM_ASSISTANT)
    err = put_calls(p, i);
  uvllm_json_end_object(p->body.w);
  return err;
}


static int put_messages(put_t* p) {
  int err = 0;
  if (!uvllm__body_begins(&p->body, "messages"))
    return 0;
  uvllm_json_begin_array(p->body.w);
  for (size_t i = 0; err == 0 && i < p->r->nmessages; i++)
    err = put_message(p, i);
  uvllm_json_end_array(p->body.w);
  return err;
}


/* Also for one: an empty text alone would not be counted as an input. */
static void put_inputs(put_t* p) {
  if (!uvllm__body_begins(&p->body, "input"))
    return;
  uvllm_json_begin_array(p->body.w);
  for (size_t i = 0; i < p->r->nmessages; i++)
    uvllm_json_write_str(p->body.w, p->r->messages[i].text);
  uvllm_json_end_array(p->body.w);
}


/* ---- Tools and format ---- */

static void put_tool(uvllm_json_writer_t* w, const uvllm__tool_t* tool) {
  if (uvllm_json_type_of(uvllm_json_get(tool->json, "function")) == UVLLM_JSON_OBJECT) {
    uvllm_json_write_raw(w, uvllm_json_raw(tool->json));
    return;
  }
  uvllm_json_begin_object(w); /* the Responses API's is flat */
  put_member(w, "type", uvllm__str("function"));
  uvllm_json_name(w, "function");
  uvllm_json_begin_object(w);
  put_member(w, "name", tool->name);
  put_member(w, "description", tool->description);
  if (tool->parameters.base != NULL) {
    uvllm_json_name(w, "parameters");
    uvllm_json_write_raw(w, tool->parameters);
  }
  uvllm_json_end_object(w);
  uvllm_json_end_object(w);
}


/* That none is to be called is said by offering none. */
static int put_tools(put_t* p) {
  uvllm__list_t tools;
  uvllm__tool_t tool = { 0 };
  uvllm__choice_type choice;
  uvllm_str_t name;
  int rc = uvllm__tool_choice(&p->shape, p->r, &choice, &name);
  if (rc == 0 && (choice == UVLLM__CHOICE_REQUIRED || choice == UVLLM__CHOICE_NAMED))
    return UVLLM_EUNSUPPORTED;
  if (rc != 0 || p->r->tools_json.base == NULL || choice == UVLLM__CHOICE_NONE ||
      !uvllm__body_begins(&p->body, "tools"))
    return rc;
  rc = uvllm__tools_begin(&tools, &p->shape, p->r);
  uvllm_json_begin_array(p->body.w);
  while (rc == 0 && (rc = uvllm__tools_next(&tools, &tool)) == 1) {
    put_tool(p->body.w, &tool);
    rc = 0;
  }
  uvllm_json_end_array(p->body.w);
  return rc;
}


static int put_format(put_t* p) {
  uvllm__schema_t schema = { 0 };
  const int err = uvllm__schema(&p->shape, p->r, &schema);
  if (err != 0 || p->r->json_schema.base == NULL)
    return err;
  if (schema.is_any_object)
    uvllm__body_chars(&p->body, "format", "json");
  else
    uvllm__body_raw(&p->body, "format", schema.schema);
  return 0;
}


static int put_think(put_t* p) {
  const char* effort = p->r->reasoning_effort;
  const int thinks = effort != NULL ? uvllm__ollama_thinks(effort) : 1;
  if (thinks < 0)
    return UVLLM_EUNSUPPORTED;
  if (effort != NULL && thinks == 0)
    uvllm__body_bool(&p->body, "think", 0);
  else
    uvllm__body_chars(&p->body, "think", effort);
  return 0;
}


/* ---- Options ---- */

static void put_param(put_t* p, const char* name) {
  const char* value = uvllm_param(p->attempt->params, p->attempt->nparams, name);
  if (value != NULL && uvllm__ollama_is_integer(value))
    uvllm__body_raw(&p->body, name, uvllm__str(value));
}


static void put_options(put_t* p) {
  const uvllm_request_t* r = p->r;
  uvllm__body_open(&p->body, "options");
  uvllm__body_count(&p->body, "num_predict", r->max_tokens);
  uvllm__body_num(&p->body, "temperature", r->temperature);
  uvllm__body_num(&p->body, "top_p", r->top_p);
  uvllm__body_num(&p->body, "frequency_penalty", r->frequency_penalty);
  uvllm__body_num(&p->body, "presence_penalty", r->presence_penalty);
  uvllm__body_seed(&p->body, "seed", r->seed);
  uvllm__body_stop(&p->body, "stop", r->stop);
  put_param(p, "num_ctx");
  put_param(p, "num_gpu");
  put_param(p, "num_thread");
  uvllm__body_close(&p->body);
}


/* A number is seconds; as a string it would want a unit. */
static void put_keep_alive(put_t* p) {
  const char* value = uvllm_param(p->attempt->params, p->attempt->nparams, "keep_alive");
  if (value != NULL && uvllm__ollama_is_integer(value))
    uvllm__body_raw(&p->body, "keep_alive", uvllm__str(value));
  else
    uvllm__body_chars(&p->body, "keep_alive", value);
}


/* ---- The whole ---- */

static int put_answer(put_t* p) {
  int err = 0;
  if (p->r->op == UVLLM_CHAT)
    err = put_messages(p);
  else if (p->r->nmessages != 0)
    uvllm__body_str(&p->body, "prompt", p->r->messages[0].text);
  if (err == 0)
    err = put_tools(p);
  if (err == 0)
    err = put_format(p);
  if (err == 0)
    err = put_think(p);
  return err;
}


static int put_fields(put_t* p) {
  int err = 0;
  uvllm__body_str(&p->body, "model", p->attempt->model);
  if (p->r->op == UVLLM_EMBED) {
    put_inputs(p);
    uvllm__body_count(&p->body, "dimensions", p->r->dimensions);
  } else {
    err = put_answer(p);
    uvllm__body_bool(&p->body, "stream", (p->r->flags & UVLLM_STREAM) != 0);
  }
  put_options(p);
  put_keep_alive(p);
  return err;
}


int uvllm__ollama_body(const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  put_t p = { .attempt = attempt, .r = attempt->request };
  uvllm__shape_init(&p.shape, uvllm_http_alloc(http));
  int err = uvllm__body_begin(&p.body, attempt->request, http);
  if (err == 0)
    err = put_fields(&p);
  err = uvllm__body_end(&p.body, err);
  uvllm__shape_free(&p.shape);
  return err;
}
