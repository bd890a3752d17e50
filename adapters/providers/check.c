/* Checking a request against a dialect's table.
 *
 * Fields first, since what the dialect does not have need not be well-formed; then
 * each field's JSON; then what messages and tools hold.
 */
#include "check.h"
#include "shape.h"

#include <math.h>
#include <stdio.h>

enum { MAX_MEMBERS = 256 }; /* of body_json and extra_json: merging is quadratic */


int uvllm__refuse_with(uvllm_emit_t* emit, int err, const char* message) {
  const uvllm_str_t none = { NULL, 0 };
  uvllm_emit_error(emit, none, uvllm__str(message), -1);
  return err;
}


static const char* name_of(uvllm_op op) {
  static const char* const ops[UVLLM__NOPS] = { "a chat",       "a text completion",
                                                "an embedding", "a model list",
                                                "a token count", "a raw request" };
  return ops[op];
}


/* UVLLM_EUNSUPPORTED if a field is set that the op does not have: nothing is
 * accepted and then ignored. */
static int check_fields(const uvllm__rules_t* rules, const uvllm_request_t* r,
                        uvllm_emit_t* emit) {
  const struct {
    const char* name;
    unsigned int field;
    int is_set;
  } fields[] = {
    { "messages", UVLLM__CAN_MESSAGES, r->nmessages != 0 },
    { "body_json", UVLLM__CAN_BODY, r->body_json.base != NULL },
    { "extra_json", UVLLM__CAN_EXTRA, r->extra_json.base != NULL },
    { "max_tokens", UVLLM__CAN_MAX_TOKENS, r->max_tokens != 0 },
    { "n", UVLLM__CAN_N, r->n > (r->op == UVLLM_CHAT || r->op == UVLLM_COMPLETION) },
    { "dimensions", UVLLM__CAN_DIMENSIONS, r->dimensions != 0 },
    { "temperature", UVLLM__CAN_TEMPERATURE, !isnan(r->temperature) },
    { "top_p", UVLLM__CAN_TOP_P, !isnan(r->top_p) },
    { "frequency_penalty", UVLLM__CAN_FREQUENCY_PENALTY, !isnan(r->frequency_penalty) },
    { "presence_penalty", UVLLM__CAN_PRESENCE_PENALTY, !isnan(r->presence_penalty) },
    { "seed", UVLLM__CAN_SEED, r->seed != INT64_MIN },
    { "stop", UVLLM__CAN_STOP, r->stop != NULL },
    { "reasoning_effort", UVLLM__CAN_REASONING_EFFORT, r->reasoning_effort != NULL },
    { "service_tier", UVLLM__CAN_SERVICE_TIER, r->service_tier != NULL },
    { "json_schema", UVLLM__CAN_SCHEMA, r->json_schema.base != NULL },
    { "tools_json", UVLLM__CAN_TOOLS, r->tools_json.base != NULL },
    { "tool_choice_json", UVLLM__CAN_TOOL_CHOICE, r->tool_choice_json.base != NULL },
    { "raw_method", UVLLM__CAN_RAW_FIELDS, r->raw_method != NULL },
    { "raw_path", UVLLM__CAN_RAW_FIELDS, r->raw_path != NULL },
    { "raw_body", UVLLM__CAN_RAW_FIELDS, r->raw_body.base != NULL },
    { "UVLLM_STREAM", UVLLM__CAN_STREAM, (r->flags & UVLLM_STREAM) != 0 },
  };
  char message[128];
  for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
    if (fields[i].is_set && (rules->fields[r->op] & fields[i].field) == 0) {
      snprintf(message, sizeof(message), "%s has no %s here", name_of(r->op), fields[i].name);
      return uvllm__refuse_with(emit, UVLLM_EUNSUPPORTED, message);
    }
  return 0;
}


static int refuse_field(uvllm_emit_t* emit, const char* field, const char* what) {
  char message[160];
  snprintf(message, sizeof(message), "%s %s", field, what);
  return uvllm__refuse_with(emit, UVLLM__EINVAL, message);
}


/* Absent, or JSON of the type. */
static int check_json(uvllm_emit_t* emit, const char* field, uvllm_str_t text,
                      uvllm_json_type type) {
  uvllm_json_t root;
  size_t at = 0;
  char what[64];
  if (text.base == NULL)
    return 0;
  const int err = uvllm_json_parse(uvllm_emit_parser(emit), text, &root, &at);
  if (err == UVLLM_EPROTO && at >= text.len)
    return refuse_field(emit, field, text.len == 0 ? "is empty" : "is JSON that ends too early");
  if (err == UVLLM_EPROTO) {
    snprintf(what, sizeof(what), "is not JSON (byte %zu of %zu)", at + 1, text.len);
    return refuse_field(emit, field, what);
  }
  if (err == 0 && uvllm_json_type_of(root) != type)
    return refuse_field(emit, field,
                        type == UVLLM_JSON_OBJECT ? "is no JSON object"
                        : type == UVLLM_JSON_ARRAY ? "is no JSON array" : "is no JSON string");
  if (err == 0 && type == UVLLM_JSON_OBJECT && uvllm_json_count(root) > MAX_MEMBERS)
    return refuse_field(emit, field, "has more than 256 members");
  return err;
}


/* A bare word, a JSON string or an object. */
static int check_tool_choice(uvllm_emit_t* emit, uvllm_str_t text) {
  static const char* const words[] = { "auto", "none", "required", "any" };
  for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
    if (uvllm__str_eq(text, words[i]))
      return 0;
  const int quoted = text.len != 0 && text.base[0] == '"';
  return check_json(emit, "tool_choice_json", text,
                    quoted ? UVLLM_JSON_STRING : UVLLM_JSON_OBJECT);
}


static int check_numbers(const uvllm_request_t* r, uvllm_emit_t* emit) {
  const double numbers[] = { r->temperature, r->top_p, r->frequency_penalty,
                             r->presence_penalty };
  static const char* const names[] = { "temperature", "top_p", "frequency_penalty",
                                       "presence_penalty" };
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
    if (isinf(numbers[i]))
      return refuse_field(emit, names[i], "is infinite");
  return 0;
}


/* What is wrong with a message but for its JSON, or NULL. */
static const char* wrong_message(const uvllm_message_t* m) {
  const int has_content = m->text.base != NULL || m->parts_json.base != NULL;
  if ((unsigned int) m->role > UVLLM_TOOL)
    return "role is none that exists";
  if (m->text.base != NULL && m->parts_json.base != NULL)
    return "has both text and parts_json";
  if (m->tool_calls_json.base != NULL && m->role != UVLLM_ASSISTANT)
    return "has tool_calls_json, but is not the assistant's";
  if (m->replay_json.base != NULL && m->role != UVLLM_ASSISTANT)
    return "has replay_json, but is not the assistant's";
  if (m->tool_call_id.base != NULL && m->role != UVLLM_TOOL)
    return "has a tool_call_id, but is no tool's";
  if (m->tool_call_id.base == NULL && m->role == UVLLM_TOOL)
    return "is a tool's, but has no tool_call_id";
  return has_content || m->tool_calls_json.base != NULL ? NULL : "has no content";
}


/* Names are put together only where something is to be said of them. */
static int refuse_message(uvllm_emit_t* emit, size_t i, const char* what) {
  char field[64];
  snprintf(field, sizeof(field), "messages[%zu]", i);
  return refuse_field(emit, field, what);
}


static int check_member(uvllm_emit_t* emit, size_t i, const char* member, uvllm_str_t text,
                        uvllm_json_type type) {
  char field[64];
  if (text.base == NULL)
    return 0;
  snprintf(field, sizeof(field), "messages[%zu].%s", i, member);
  return check_json(emit, field, text, type);
}


static int check_message(const uvllm_message_t* m, size_t i, uvllm_emit_t* emit) {
  const char* wrong = wrong_message(m);
  if (wrong != NULL)
    return refuse_message(emit, i, wrong);
  int err = check_member(emit, i, "parts_json", m->parts_json, UVLLM_JSON_ARRAY);
  if (err == 0)
    err = check_member(emit, i, "tool_calls_json", m->tool_calls_json, UVLLM_JSON_ARRAY);
  return err == 0 ? check_member(emit, i, "replay_json", m->replay_json, UVLLM_JSON_OBJECT) : err;
}


/* A prompt or an input: text and nothing else. */
static int check_input(const uvllm_message_t* m, size_t i, uvllm_emit_t* emit) {
  if (m->parts_json.base != NULL || m->tool_calls_json.base != NULL ||
      m->tool_call_id.base != NULL || m->name.base != NULL || m->replay_json.base != NULL) {
    refuse_message(emit, i, "can only be text here");
    return UVLLM_EUNSUPPORTED;
  }
  return m->text.base != NULL ? 0 : refuse_message(emit, i, "has no text");
}


static int is_text_of(uvllm_op op) {
  return op == UVLLM_EMBED || op == UVLLM_COMPLETION;
}


static int check_messages(const uvllm_request_t* r, uvllm_emit_t* emit) {
  int err = 0;
  if (r->op == UVLLM_RAW || r->op == UVLLM_MODELS)
    return 0;
  if (r->nmessages == 0 && r->body_json.base == NULL)
    return uvllm__refuse_with(emit, UVLLM__EINVAL, "neither messages nor body_json are given");
  if (r->op == UVLLM_COMPLETION && r->nmessages > 1)
    return uvllm__refuse_with(emit, UVLLM__EINVAL, "a text completion takes one message");
  for (size_t i = 0; err == 0 && i < r->nmessages; i++)
    err = is_text_of(r->op) ? check_input(&r->messages[i], i, emit)
                            : check_message(&r->messages[i], i, emit);
  return err;
}


/* ---- What the JSON says ---- */

static unsigned int kind_of(const uvllm__part_t* part) {
  switch (part->type) {
    case UVLLM__PART_TEXT: return UVLLM__CAN_TEXT;
    case UVLLM__PART_IMAGE:
      return part->data.base != NULL ? UVLLM__CAN_IMAGE_DATA : UVLLM__CAN_IMAGE_URL;
    case UVLLM__PART_AUDIO: return UVLLM__CAN_AUDIO_DATA;
    case UVLLM__PART_FILE:
      if (part->data.base != NULL)
        return UVLLM__CAN_FILE_DATA;
      return part->url.base != NULL ? UVLLM__CAN_FILE_URL : UVLLM__CAN_FILE_ID;
  }
  return 0;
}


static int refuse_part(const uvllm__rules_t* rules, size_t i, const uvllm__part_t* part,
                       uvllm_emit_t* emit) {
  static const char* const kinds[] = { "text", "an image", "audio", "a file" };
  char message[160];
  snprintf(message, sizeof(message), "messages[%zu] has %s%s, which %s does not take here", i,
           kinds[part->type],
           part->type == UVLLM__PART_TEXT || part->data.base != NULL ? ""
           : part->url.base != NULL ? " by its URL" : " by its id",
           rules->dialect);
  return uvllm__refuse_with(emit, UVLLM_EUNSUPPORTED, message);
}


static int check_parts(const uvllm__rules_t* rules, const uvllm_request_t* r, size_t i,
                       uvllm__shape_t* s, uvllm_emit_t* emit) {
  uvllm__parts_t parts;
  uvllm__part_t part = { 0 };
  int rc = uvllm__parts_begin(&parts, s, r, i);
  while (rc == 0 && (rc = uvllm__parts_next(&parts, &part)) == 1) {
    if ((rules->parts[r->messages[i].role] & kind_of(&part)) == 0)
      return refuse_part(rules, i, &part, emit);
    rc = 0;
  }
  return uvllm__shape_tell(s, rc, emit);
}


static int check_calls(const uvllm_request_t* r, size_t i, uvllm__shape_t* s,
                       uvllm_emit_t* emit) {
  uvllm__list_t calls;
  uvllm__call_t call = { 0 };
  int rc = uvllm__calls_begin(&calls, s, r, i);
  if (rc == 0)
    while ((rc = uvllm__calls_next(&calls, &call)) == 1)
      continue;
  return uvllm__shape_tell(s, rc, emit);
}


static int check_tools(const uvllm_request_t* r, uvllm__shape_t* s) {
  uvllm__list_t tools;
  uvllm__tool_t tool = { 0 };
  uvllm__choice_type type;
  uvllm_str_t name;
  int rc = uvllm__tools_begin(&tools, s, r);
  if (rc == 0)
    while ((rc = uvllm__tools_next(&tools, &tool)) == 1)
      continue;
  return rc != 0 ? rc : uvllm__tool_choice(s, r, &type, &name);
}


static int check_schema(const uvllm_request_t* r, uvllm__shape_t* s, uvllm_emit_t* emit) {
  uvllm__schema_t schema = { 0 };
  const int err = uvllm__schema(s, r, &schema);
  if (err != 0)
    return uvllm__shape_tell(s, err, emit);
  if (schema.is_wrapped && schema.schema.base == NULL)
    return uvllm__refuse_with(emit, UVLLM__EINVAL, "json_schema has a name, but no schema");
  return 0;
}


static int check_meaning(const uvllm__rules_t* rules, const uvllm_request_t* r,
                         uvllm_emit_t* emit) {
  uvllm__shape_t s;
  int err = 0;
  uvllm__shape_init(&s, uvllm_emit_alloc(emit));
  for (size_t i = 0; err == 0 && i < r->nmessages; i++) {
    err = check_parts(rules, r, i, &s, emit);
    if (err == 0)
      err = check_calls(r, i, &s, emit);
  }
  if (err == 0)
    err = uvllm__shape_tell(&s, check_tools(r, &s), emit);
  if (err == 0)
    err = check_schema(r, &s, emit);
  uvllm__shape_free(&s);
  return err;
}


static int check_op(const uvllm__rules_t* rules, const uvllm_request_t* r, uvllm_emit_t* emit) {
  char message[96];
  if ((unsigned int) r->op >= UVLLM__NOPS)
    return uvllm__refuse_with(emit, UVLLM__EINVAL, "op is none that exists");
  if (r->op == UVLLM_RAW && (r->raw_path == NULL || r->raw_path[0] != '/'))
    return uvllm__refuse_with(emit, UVLLM__EINVAL, "raw_path must begin with a slash");
  if ((rules->ops & 1u << r->op) != 0)
    return 0;
  snprintf(message, sizeof(message), "%s cannot be had from %s", name_of(r->op),
           rules->dialect);
  return uvllm__refuse_with(emit, UVLLM_EUNSUPPORTED, message);
}


static int check_texts(const uvllm_request_t* r, uvllm_emit_t* emit) {
  int err = check_json(emit, "body_json", r->body_json, UVLLM_JSON_OBJECT);
  if (err == 0)
    err = check_json(emit, "extra_json", r->extra_json, UVLLM_JSON_OBJECT);
  if (err == 0)
    err = check_json(emit, "json_schema", r->json_schema, UVLLM_JSON_OBJECT);
  if (err == 0)
    err = check_json(emit, "tools_json", r->tools_json, UVLLM_JSON_ARRAY);
  return err == 0 ? check_tool_choice(emit, r->tool_choice_json) : err;
}


int uvllm__check(const uvllm__rules_t* rules, const uvllm_request_t* r, uvllm_emit_t* emit) {
  int err = check_op(rules, r, emit);
  if (err == 0)
    err = check_fields(rules, r, emit);
  if (err == 0)
    err = check_numbers(r, emit);
  if (err == 0)
    err = check_messages(r, emit);
  if (err == 0)
    err = check_texts(r, emit);
  return err != 0 || rules->is_openai ? err : check_meaning(rules, r, emit);
}
