/* The body of a request in the Cohere dialect. */
#include "cohere.h"
#include "body.h"
#include "check.h"
#include "shape.h"


/* ---- What cannot be said ---- */

/* All tools are strict or none is. */
static int check_tools(const uvllm_request_t* r, uvllm__shape_t* s, int* all_strict) {
  uvllm__list_t tools;
  uvllm__tool_t tool = { 0 };
  uint32_t n = 0, nstrict = 0;
  *all_strict = 0;
  int rc = uvllm__tools_begin(&tools, s, r);
  while (rc == 0 && (rc = uvllm__tools_next(&tools, &tool)) == 1) {
    n++;
    nstrict += tool.strict == 1;
    rc = 0;
  }
  if (rc == 0 && nstrict != 0 && nstrict != n)
    return UVLLM_EUNSUPPORTED;
  *all_strict = nstrict != 0;
  return rc;
}


static int check_choice(const uvllm_request_t* r, uvllm__shape_t* s) {
  uvllm__choice_type type;
  uvllm_str_t name;
  const int err = uvllm__tool_choice(s, r, &type, &name);
  return err == 0 && type == UVLLM__CHOICE_NAMED ? UVLLM_EUNSUPPORTED : err;
}


static int is_effort(const char* effort) {
  return strcmp(effort, "none") == 0 || strcmp(effort, "high") == 0;
}


static int has_names(const uvllm_request_t* r) {
  for (size_t i = 0; i < r->nmessages; i++)
    if (r->messages[i].name.base != NULL && r->messages[i].role != UVLLM_TOOL)
      return 1;
  return 0;
}


static int check_meaning(const uvllm_request_t* r, uvllm__shape_t* s, uvllm_emit_t* emit) {
  int strict, err = check_tools(r, s, &strict);
  if (err == UVLLM_EUNSUPPORTED)
    return uvllm__refuse_with(emit, err, "in tools_json either all are strict here, or none is");
  if (err == 0)
    err = check_choice(r, s);
  if (err == UVLLM_EUNSUPPORTED)
    return uvllm__refuse_with(emit, err, "tool_choice_json cannot name a function here");
  return err;
}


int uvllm__cohere_check(const uvllm_request_t* r, uvllm_emit_t* emit) {
  uvllm__shape_t s;
  if (has_names(r))
    return uvllm__refuse_with(emit, UVLLM_EUNSUPPORTED, "cohere has no name in messages");
  if (r->reasoning_effort != NULL && !is_effort(r->reasoning_effort))
    return uvllm__refuse_with(emit, UVLLM_EUNSUPPORTED,
                              "reasoning_effort can be none or high here; for less there is "
                              "thinking.token_budget in extra_json");
  uvllm__shape_init(&s, uvllm_emit_alloc(emit));
  const int err = check_meaning(r, &s, emit);
  uvllm__shape_free(&s);
  return err;
}


/* ---- Messages ---- */

static void member(uvllm_json_writer_t* w, const char* name, uvllm_str_t value) {
  uvllm_json_name(w, name);
  uvllm_json_write_str(w, value);
}


/* As it came: OpenAI's form, with data URLs, is Cohere's too. */
static void write_image(uvllm_json_writer_t* w, const uvllm__part_t* part) {
  const uvllm_json_t image = uvllm_json_get(part->json, "image_url");
  const int is_url = uvllm_json_type_of(image) == UVLLM_JSON_STRING;
  member(w, "type", uvllm__str("image_url"));
  uvllm_json_name(w, "image_url");
  if (is_url) {
    uvllm_json_begin_object(w);
    uvllm_json_name(w, "url");
  }
  uvllm_json_write_raw(w, uvllm_json_raw(image));
  if (is_url)
    uvllm_json_end_object(w);
}


static int write_parts(uvllm_json_writer_t* w, uvllm__shape_t* s, const uvllm_request_t* r,
                       size_t i) {
  uvllm__parts_t parts;
  uvllm__part_t part = { 0 };
  int rc = uvllm__parts_begin(&parts, s, r, i);
  while (rc == 0 && (rc = uvllm__parts_next(&parts, &part)) == 1) {
    uvllm_json_begin_object(w);
    if (part.type == UVLLM__PART_TEXT) {
      member(w, "type", uvllm__str("text"));
      member(w, "text", part.text);
    } else if (part.type == UVLLM__PART_IMAGE) {
      write_image(w, &part);
    } else {
      return UVLLM_EUNSUPPORTED; /* another dialect has let it pass */
    }
    uvllm_json_end_object(w);
    rc = 0;
  }
  return rc;
}


/* Thinking that goes back is an item before the others. */
static int write_content(uvllm_json_writer_t* w, uvllm__shape_t* s, const uvllm_request_t* r,
                         size_t i, uvllm_json_t thinking) {
  const uvllm_message_t* m = &r->messages[i];
  const int thinks = uvllm_json_type_of(thinking) == UVLLM_JSON_STRING;
  if (!thinks && m->text.base == NULL && m->parts_json.base == NULL)
    return 0;
  uvllm_json_name(w, "content");
  if (!thinks && m->text.base != NULL) {
    uvllm_json_write_str(w, m->text);
    return 0;
  }
  uvllm_json_begin_array(w);
  if (thinks) {
    uvllm_json_begin_object(w);
    member(w, "type", uvllm__str("thinking"));
    uvllm_json_name(w, "thinking");
    uvllm_json_write_raw(w, uvllm_json_raw(thinking));
    uvllm_json_end_object(w);
  }
  const int err = write_parts(w, s, r, i);
  uvllm_json_end_array(w);
  return err;
}


static int write_calls(uvllm_json_writer_t* w, uvllm__shape_t* s, const uvllm_request_t* r,
                       size_t i) {
  uvllm__list_t calls;
  uvllm__call_t call = { 0 };
  if (r->messages[i].tool_calls_json.base == NULL)
    return 0;
  uvllm_json_name(w, "tool_calls");
  uvllm_json_begin_array(w);
  int rc = uvllm__calls_begin(&calls, s, r, i);
  while (rc == 0 && (rc = uvllm__calls_next(&calls, &call)) == 1) {
    uvllm_json_begin_object(w);
    if (call.id.base != NULL)
      member(w, "id", call.id);
    member(w, "type", uvllm__str("function"));
    uvllm_json_name(w, "function");
    uvllm_json_begin_object(w);
    member(w, "name", call.name);
    member(w, "arguments", call.arguments);
    uvllm_json_end_object(w);
    uvllm_json_end_object(w);
    rc = 0;
  }
  uvllm_json_end_array(w);
  return rc;
}


static int write_message(uvllm_json_writer_t* w, uvllm__shape_t* s, const uvllm_request_t* r,
                         size_t i) {
  static const char* const roles[] = { "system", "user", "assistant", "tool" };
  const uvllm_message_t* m = &r->messages[i];
  uvllm_json_t kept, plan, thinking;
  int rc = uvllm__replay(s, r, i, "cohere", &kept);
  if (rc < 0)
    return rc;
  plan = uvllm_json_get(kept, "tool_plan");
  thinking = uvllm_json_get(kept, "thinking");
  uvllm_json_begin_object(w);
  member(w, "role", uvllm__str(roles[m->role]));
  if (m->role == UVLLM_TOOL)
    member(w, "tool_call_id", m->tool_call_id);
  if (uvllm_json_type_of(plan) == UVLLM_JSON_STRING) {
    uvllm_json_name(w, "tool_plan");
    uvllm_json_write_raw(w, uvllm_json_raw(plan));
  }
  rc = write_content(w, s, r, i, thinking);
  if (rc == 0)
    rc = write_calls(w, s, r, i);
  uvllm_json_end_object(w);
  return rc;
}


static int put_messages(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_request_t* r) {
  int err = 0;
  if (!uvllm__body_begins(b, "messages"))
    return 0;
  uvllm_json_begin_array(b->w);
  for (size_t i = 0; err == 0 && i < r->nmessages; i++)
    err = write_message(b->w, s, r, i);
  uvllm_json_end_array(b->w);
  return err;
}


/* ---- Tools ---- */

static void write_tool(uvllm_json_writer_t* w, const uvllm__tool_t* tool) {
  static const uvllm_str_t any = UVLLM_STR("{\"type\":\"object\",\"properties\":{}}");
  uvllm_json_begin_object(w);
  member(w, "type", uvllm__str("function"));
  uvllm_json_name(w, "function");
  uvllm_json_begin_object(w);
  member(w, "name", tool->name);
  if (tool->description.base != NULL)
    member(w, "description", tool->description);
  uvllm_json_name(w, "parameters");
  uvllm_json_write_raw(w, tool->parameters.base != NULL ? tool->parameters : any);
  uvllm_json_end_object(w);
  uvllm_json_end_object(w);
}


static int put_tools(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_request_t* r) {
  uvllm__list_t tools;
  uvllm__tool_t tool = { 0 };
  int strict, rc = check_tools(r, s, &strict);
  if (rc != 0 || r->tools_json.base == NULL)
    return rc;
  if (strict)
    uvllm__body_bool(b, "strict_tools", 1);
  if (!uvllm__body_begins(b, "tools"))
    return 0;
  uvllm_json_begin_array(b->w);
  rc = uvllm__tools_begin(&tools, s, r);
  while (rc == 0 && (rc = uvllm__tools_next(&tools, &tool)) == 1) {
    write_tool(b->w, &tool);
    rc = 0;
  }
  uvllm_json_end_array(b->w);
  return rc;
}


/* What is not said is "auto", for which there is no word. */
static int put_choice(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_request_t* r) {
  uvllm__choice_type type;
  uvllm_str_t name;
  const int err = uvllm__tool_choice(s, r, &type, &name);
  if (err != 0)
    return err;
  if (type == UVLLM__CHOICE_NAMED)
    return UVLLM_EUNSUPPORTED;
  if (type == UVLLM__CHOICE_REQUIRED || type == UVLLM__CHOICE_NONE)
    uvllm__body_chars(b, "tool_choice", type == UVLLM__CHOICE_NONE ? "NONE" : "REQUIRED");
  return 0;
}


/* ---- The rest ---- */

static int put_schema(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_request_t* r) {
  uvllm__schema_t schema = { 0 };
  const int err = uvllm__schema(s, r, &schema);
  if (err != 0 || r->json_schema.base == NULL)
    return err;
  uvllm__body_open(b, "response_format");
  uvllm__body_chars(b, "type", "json_object");
  if (!schema.is_any_object)
    uvllm__body_raw(b, "json_schema", schema.schema);
  uvllm__body_close(b);
  return 0;
}


static int put_thinking(uvllm__body_t* b, const uvllm_request_t* r) {
  const char* effort = r->reasoning_effort;
  if (effort == NULL)
    return 0;
  if (!is_effort(effort))
    return UVLLM_EUNSUPPORTED;
  uvllm__body_open(b, "thinking");
  uvllm__body_chars(b, "type", strcmp(effort, "none") == 0 ? "disabled" : "enabled");
  uvllm__body_close(b);
  return 0;
}


static int put_chat(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_request_t* r) {
  int err = put_messages(b, s, r);
  if (err == 0)
    err = put_tools(b, s, r);
  if (err == 0)
    err = put_choice(b, s, r);
  if (err == 0)
    err = put_schema(b, s, r);
  if (err == 0)
    err = put_thinking(b, r);
  uvllm__body_count(b, "max_tokens", r->max_tokens);
  uvllm__body_num(b, "temperature", r->temperature);
  uvllm__body_num(b, "p", r->top_p);
  uvllm__body_num(b, "frequency_penalty", r->frequency_penalty);
  uvllm__body_num(b, "presence_penalty", r->presence_penalty);
  uvllm__body_seed(b, "seed", r->seed);
  uvllm__body_stop(b, "stop_sequences", r->stop);
  return err;
}


static void put_texts(uvllm__body_t* b, const uvllm__cohere_t* s, const uvllm_request_t* r) {
  if (!uvllm__body_begins(b, "texts"))
    return;
  uvllm_json_begin_array(b->w);
  for (uint32_t i = 0; i < s->ntexts; i++)
    uvllm_json_write_str(b->w, r->messages[s->first + i].text);
  uvllm_json_end_array(b->w);
}


static void put_embed(uvllm__body_t* b, const uvllm__cohere_t* s, const uvllm_request_t* r) {
  uvllm__body_chars(b, "input_type", "search_document");
  put_texts(b, s, r);
  if (uvllm__body_begins(b, "embedding_types")) {
    uvllm_json_begin_array(b->w);
    uvllm_json_write_str(b->w, uvllm__str("float"));
    uvllm_json_end_array(b->w);
  }
  uvllm__body_count(b, "output_dimension", r->dimensions);
}


static int put_all(uvllm__body_t* b, const uvllm__cohere_t* s, const uvllm_attempt_t* attempt,
                   const uvllm_alloc_t* alloc) {
  const uvllm_request_t* r = attempt->request;
  uvllm__shape_t shape;
  uvllm__body_str(b, "model", attempt->model);
  if (r->op == UVLLM_EMBED) {
    put_embed(b, s, r);
    return 0;
  }
  if ((r->flags & UVLLM_STREAM) != 0)
    uvllm__body_bool(b, "stream", 1);
  else
    uvllm__body_claim(b, "stream");
  uvllm__shape_init(&shape, alloc);
  const int err = put_chat(b, &shape, r);
  uvllm__shape_free(&shape);
  return err;
}


int uvllm__cohere_body(const uvllm__cohere_t* s, const uvllm_attempt_t* attempt,
                       uvllm_http_t* http) {
  uvllm__body_t b;
  int err = uvllm__body_begin(&b, attempt->request, http);
  if (err == 0)
    err = put_all(&b, s, attempt, uvllm_http_alloc(http));
  return uvllm__body_end(&b, err);
}
