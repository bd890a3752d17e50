/* A dialect to begin from: a made-up provider that answers chats in lines of JSON,
 * {"say":"Hello"}, {"call":{"id","name","arguments"}}, {"usage":{"in","out"}},
 * {"end":"done"|"length"}. It is compiled and tested (test_template.c), but is no
 * part of the library. README.md beside tells what to do with it.
 */
#include "body.h"
#include "check.h"
#include "fault.h"
#include "shape.h"

extern const uvllm_provider_ops_t uvllm__template_ops; /* a line of dialects.h */

typedef struct template_s { /* of one attempt; zeroed */
  uvllm__headers_t head;
  int ntools;
} template_t;


/* ---- Requests ---- */

static int check(const uvllm_request_t* r, uvllm_emit_t* emit) {
  static const uvllm__rules_t rules = {
    .dialect = "template",
    .ops = 1 << UVLLM_CHAT,
    .fields = { [UVLLM_CHAT] = UVLLM__CAN_MESSAGES | UVLLM__CAN_EXTRA | UVLLM__CAN_MAX_TOKENS |
                               UVLLM__CAN_TEMPERATURE | UVLLM__CAN_TOOLS | UVLLM__CAN_STREAM },
    .parts = { [UVLLM_SYSTEM] = UVLLM__CAN_TEXT,
               [UVLLM_USER] = UVLLM__CAN_TEXT | UVLLM__CAN_IMAGE_DATA,
               [UVLLM_ASSISTANT] = UVLLM__CAN_TEXT,
               [UVLLM_TOOL] = UVLLM__CAN_TEXT },
  };
  return uvllm__check(&rules, r, emit);
}


static void member(uvllm_json_writer_t* w, const char* name, uvllm_str_t value) {
  uvllm_json_name(w, name);
  uvllm_json_write_str(w, value);
}


static int write_parts(uvllm_json_writer_t* w, uvllm__shape_t* s, const uvllm_request_t* r,
                       size_t i) {
  uvllm__parts_t parts;
  uvllm__part_t part = { 0 };
  int rc = uvllm__parts_begin(&parts, s, r, i);
  if (rc != 0)
    return rc;
  while ((rc = uvllm__parts_next(&parts, &part)) == 1) {
    uvllm_json_begin_object(w);
    if (part.type == UVLLM__PART_TEXT) {
      member(w, "text", part.text);
    } else {
      member(w, "type", part.media_type);
      member(w, "bytes", part.data);
    }
    uvllm_json_end_object(w);
  }
  return rc;
}


static int write_messages(uvllm_json_writer_t* w, uvllm__shape_t* s, const uvllm_request_t* r) {
  static const char* const roles[] = { "system", "human", "machine", "tool" };
  int err = 0;
  uvllm_json_begin_array(w);
  for (size_t i = 0; err == 0 && i < r->nmessages; i++) {
    uvllm_json_begin_object(w);
    member(w, "who", uvllm__str(roles[r->messages[i].role]));
    uvllm_json_name(w, "what");
    uvllm_json_begin_array(w);
    err = write_parts(w, s, r, i);
    uvllm_json_end_array(w);
    uvllm_json_end_object(w);
  }
  uvllm_json_end_array(w);
  return err;
}


static int write_tools(uvllm_json_writer_t* w, uvllm__shape_t* s, const uvllm_request_t* r) {
  uvllm__list_t tools;
  uvllm__tool_t tool = { 0 };
  int rc = uvllm__tools_begin(&tools, s, r);
  uvllm_json_begin_array(w);
  while (rc == 0 && (rc = uvllm__tools_next(&tools, &tool)) == 1) {
    uvllm_json_begin_object(w);
    member(w, "name", tool.name);
    uvllm_json_end_object(w);
    rc = 0;
  }
  uvllm_json_end_array(w);
  return rc;
}


static int write_body(const uvllm_attempt_t* attempt, uvllm_http_t* http, uvllm__shape_t* s) {
  const uvllm_request_t* r = attempt->request;
  uvllm__body_t b;
  int err = uvllm__body_begin(&b, r, http);
  if (err == 0)
    uvllm__body_str(&b, "model", attempt->model);
  if (err == 0 && uvllm__body_begins(&b, "messages"))
    err = write_messages(b.w, s, r);
  if (err == 0 && r->tools_json.base != NULL && uvllm__body_begins(&b, "tools"))
    err = write_tools(b.w, s, r);
  if (err == 0) {
    uvllm__body_open(&b, "options"); /* left out if nothing is in it */
    uvllm__body_count(&b, "longest", r->max_tokens);
    uvllm__body_num(&b, "temperature", r->temperature);
    uvllm__body_close(&b);
  }
  return uvllm__body_end(&b, err);
}


static int build(void* state, const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  template_t* t = state;
  uvllm__shape_t s;
  uvllm__headers_begin(&t->head, attempt);
  uvllm_http_path(http, "/talk");
  uvllm_http_header(http, "Content-Type", uvllm__str("application/json"));
  if (attempt->key.len != 0)
    uvllm_http_secret(http, "x-template-key", "", attempt->key);
  uvllm__shape_init(&s, uvllm_http_alloc(http));
  const int err = write_body(attempt, http, &s);
  uvllm__shape_free(&s);
  return err;
}


/* ---- Answers ---- */

static void header(void* state, uvllm_str_t name, uvllm_str_t value, uvllm_emit_t* emit) {
  template_t* t = state;
  uvllm__headers_take(&t->head, name, value, emit);
}


static int take_call(template_t* t, uvllm_json_t call, uvllm_emit_t* emit) {
  uvllm_str_t id, name;
  int err = uvllm__shape_str(uvllm_json_get(call, "id"), &id);
  if (err == 0)
    err = uvllm__shape_str(uvllm_json_get(call, "name"), &name);
  if (err == 0)
    uvllm_emit_tool(emit, 0, (uint32_t) t->ntools++, id, name,
                    uvllm_json_raw(uvllm_json_get(call, "arguments")));
  return err;
}


static void take_usage(uvllm_json_t usage, uvllm_emit_t* emit) {
  uvllm_usage_t u = { .input_tokens = (uint64_t) uvllm_json_int(uvllm_json_get(usage, "in"), 0),
                      .output_tokens = (uint64_t) uvllm_json_int(uvllm_json_get(usage, "out"), 0) };
  uvllm_emit_usage(emit, &u);
}


static int take_line(template_t* t, uvllm_json_t line, uvllm_emit_t* emit) {
  uvllm_str_t text, end;
  int err = uvllm__shape_str(uvllm_json_get(line, "say"), &text);
  if (err == 0)
    err = uvllm__shape_str(uvllm_json_get(line, "end"), &end);
  if (err == 0 && uvllm_json_type_of(uvllm_json_get(line, "call")) == UVLLM_JSON_OBJECT)
    err = take_call(t, uvllm_json_get(line, "call"), emit);
  if (err != 0)
    return err;
  uvllm_emit_text(emit, 0, UVLLM_EVENT_TEXT, text);
  if (uvllm_json_type_of(uvllm_json_get(line, "usage")) == UVLLM_JSON_OBJECT)
    take_usage(uvllm_json_get(line, "usage"), emit);
  if (end.len == 0)
    return UVLLM_GO_ON;
  uvllm_emit_stop(emit, 0,
                  uvllm__str_eq(end, "length") ? UVLLM_STOP_LENGTH
                  : t->ntools != 0             ? UVLLM_STOP_TOOL
                                               : UVLLM_STOP_END);
  return UVLLM_COMPLETE;
}


static int frame(void* state, const uvllm_frame_t* f, uvllm_emit_t* emit) {
  static const uvllm_json_t none;
  template_t* t = state;
  uvllm_json_t line;
  uvllm__headers_flush(&t->head, emit);
  const int err = uvllm_json_parse(uvllm_emit_parser(emit), f->data, &line, NULL);
  if (err == UVLLM_EPROTO)
    return uvllm__refuse_with(emit, err, "a line of the answer is not JSON");
  if (err != 0)
    return err;
  if (uvllm__is_fault(uvllm_json_get(line, "error"), none))
    return uvllm__fault_inside(&t->head, line, emit);
  return take_line(t, line, emit);
}


static int error(void* state, int http_status, uvllm_str_t body, uvllm_emit_t* emit) {
  template_t* t = state;
  uvllm__headers_flush(&t->head, emit);
  return uvllm__fault_error(&t->head, http_status, body, emit);
}


const uvllm_provider_ops_t uvllm__template_ops = {
  .size = sizeof(uvllm_provider_ops_t),
  .default_base_url = "https://template.example/v1",
  .state_size = sizeof(template_t),
  .check = check,
  .build = build,
  .header = header,
  .frame = frame,
  .error = error,
};
