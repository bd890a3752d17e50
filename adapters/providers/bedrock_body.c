/* The bodies of Converse and of CountTokens, which is a Converse within others. */
#include "bedrock.h"


static void member(uvllm_json_writer_t* w, const char* name, uvllm_str_t value) {
  uvllm_json_name(w, name);
  uvllm_json_write_str(w, value);
}


/* ---- Tools ---- */

/* A tool must have a schema: without parameters it is that of nothing. */
static int write_tool(uvllm_json_writer_t* w, const uvllm__tool_t* tool) {
  static const uvllm_str_t empty = UVLLM_STR("{\"type\":\"object\",\"properties\":{}}");
  uvllm_json_begin_object(w);
  uvllm_json_name(w, "toolSpec");
  uvllm_json_begin_object(w);
  member(w, "name", tool->name);
  if (tool->description.len != 0)
    member(w, "description", tool->description);
  if (tool->strict >= 0) {
    uvllm_json_name(w, "strict");
    uvllm_json_write_bool(w, tool->strict);
  }
  uvllm_json_name(w, "inputSchema");
  uvllm_json_begin_object(w);
  uvllm_json_name(w, "json");
  uvllm_json_write_raw(w, tool->parameters.base != NULL ? tool->parameters : empty);
  uvllm_json_end_object(w);
  uvllm_json_end_object(w);
  uvllm_json_end_object(w);
  return uvllm__bedrock_cache_point(w, tool->json);
}


static int write_tools(uvllm_json_writer_t* w, uvllm__shape_t* s, const uvllm_request_t* r) {
  uvllm__list_t tools;
  uvllm__tool_t tool = { 0 };
  int rc = uvllm__tools_begin(&tools, s, r);
  uvllm_json_begin_array(w);
  while (rc == 0 && (rc = uvllm__tools_next(&tools, &tool)) == 1)
    rc = write_tool(w, &tool);
  uvllm_json_end_array(w);
  return rc;
}


static void write_choice(uvllm_json_writer_t* w, uvllm__choice_type type, uvllm_str_t name) {
  uvllm_json_begin_object(w);
  uvllm_json_name(w, type == UVLLM__CHOICE_NAMED      ? "tool"
                     : type == UVLLM__CHOICE_REQUIRED ? "any" : "auto");
  uvllm_json_begin_object(w);
  if (type == UVLLM__CHOICE_NAMED)
    member(w, "name", name);
  uvllm_json_end_object(w);
  uvllm_json_end_object(w);
}


/* An empty list of tools is refused there. */
static int put_tools(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_request_t* r) {
  uvllm__choice_type type;
  uvllm__list_t tools;
  uvllm__tool_t tool = { 0 };
  uvllm_str_t name;
  int err = uvllm__tools_begin(&tools, s, r);
  if (err != 0 || (err = uvllm__tools_next(&tools, &tool)) != 1)
    return err;
  uvllm__body_open(b, "toolConfig");
  err = uvllm__body_begins(b, "tools") ? write_tools(b->w, s, r) : 0;
  if (err == 0)
    err = uvllm__tool_choice(s, r, &type, &name);
  if (err == 0 && type == UVLLM__CHOICE_NONE)
    err = UVLLM_EUNSUPPORTED; /* passed by another dialect's check() */
  if (err == 0 && type != UVLLM__CHOICE_UNSET && uvllm__body_begins(b, "toolChoice"))
    write_choice(b->w, type, name);
  uvllm__body_close(b);
  return err;
}


/* ---- The rest ---- */

static void put_inference(uvllm__body_t* b, const uvllm_request_t* r) {
  uvllm__body_open(b, "inferenceConfig");
  uvllm__body_count(b, "maxTokens", r->max_tokens);
  uvllm__body_num(b, "temperature", r->temperature);
  uvllm__body_num(b, "topP", r->top_p);
  if (r->stop != NULL && r->stop[0] != NULL)
    uvllm__body_stop(b, "stopSequences", r->stop);
  uvllm__body_close(b);
}


/* The schema itself is a string of JSON there. */
static void write_format(uvllm_json_writer_t* w, const uvllm__schema_t* schema) {
  uvllm_json_begin_object(w);
  member(w, "type", uvllm__str("json_schema"));
  uvllm_json_name(w, "structure");
  uvllm_json_begin_object(w);
  uvllm_json_name(w, "jsonSchema");
  uvllm_json_begin_object(w);
  member(w, "name", schema->name);
  if (schema->description.base != NULL)
    member(w, "description", schema->description);
  member(w, "schema", schema->schema);
  uvllm_json_end_object(w);
  uvllm_json_end_object(w);
  uvllm_json_end_object(w);
}


static int put_output(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_request_t* r) {
  uvllm__schema_t schema = { 0 };
  const int err = uvllm__schema(s, r, &schema);
  if (err != 0)
    return err;
  uvllm__body_open(b, "outputConfig");
  uvllm__body_chars(b, "effort", r->reasoning_effort);
  if (schema.schema.base != NULL && uvllm__body_begins(b, "textFormat"))
    write_format(b->w, &schema);
  uvllm__body_close(b);
  return 0;
}


static void put_tier(uvllm__body_t* b, const uvllm_request_t* r) {
  if (r->service_tier == NULL)
    return;
  uvllm__body_open(b, "serviceTier");
  uvllm__body_chars(b, "type", r->service_tier);
  uvllm__body_close(b);
}


static int put_converse(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_request_t* r) {
  int err = uvllm__bedrock_messages(b, s, r);
  if (err != 0)
    return err;
  put_inference(b, r);
  err = put_tools(b, s, r);
  if (err == 0)
    err = put_output(b, s, r);
  put_tier(b, r);
  return err;
}


/* {"input":{"converse":{messages, system, toolConfig}}}: what else a chat says has no
 * tokens in it. */
static int put_count(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_request_t* r) {
  uvllm__body_open(b, "input");
  uvllm__body_open(b, "converse");
  int err = uvllm__bedrock_messages(b, s, r);
  if (err == 0)
    err = put_tools(b, s, r);
  uvllm__body_close(b);
  uvllm__body_close(b);
  return err;
}


int uvllm__bedrock_body(const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  const uvllm_request_t* r = attempt->request;
  uvllm__shape_t s;
  uvllm__body_t b;
  uvllm__shape_init(&s, uvllm_http_alloc(http));
  int err = uvllm__body_begin(&b, r, http);
  if (err == 0)
    err = r->op == UVLLM_CHAT ? put_converse(&b, &s, r) : put_count(&b, &s, r);
  err = uvllm__body_end(&b, err);
  uvllm__shape_free(&s);
  return err;
}
