/* What a request may say in the OpenAI dialect: asked once, at submit.
 *
 * What passes here can be written as a body that is JSON. Whether the model
 * likes it is the server's to say: ranges of values are not checked.
 */
#include "openai.h"

#include <math.h>
#include <stdio.h>

enum {
  CHAT = 1 << UVLLM_CHAT,
  COMPLETION = 1 << UVLLM_COMPLETION,
  EMBED = 1 << UVLLM_EMBED,
  RAW = 1 << UVLLM_RAW,
  TEXT = CHAT | COMPLETION
};

enum { MAX_MEMBERS = 256 }; /* of body_json and extra_json: merging is quadratic */


/* What a request may have set, the ops that have it, and whether it is set. */
#define FIELDS(X)                                                   \
  X(messages, TEXT | EMBED, r->nmessages != 0)                      \
  X(body_json, TEXT | EMBED, r->body_json.base != NULL)             \
  X(extra_json, TEXT | EMBED, r->extra_json.base != NULL)           \
  X(max_tokens, TEXT, r->max_tokens != 0)                           \
  X(n, TEXT, r->n != 0)                                             \
  X(dimensions, EMBED, r->dimensions != 0)                          \
  X(temperature, TEXT, !isnan(r->temperature))                      \
  X(top_p, TEXT, !isnan(r->top_p))                                  \
  X(frequency_penalty, TEXT, !isnan(r->frequency_penalty))          \
  X(presence_penalty, TEXT, !isnan(r->presence_penalty))            \
  X(seed, TEXT, r->seed != INT64_MIN)                               \
  X(stop, TEXT, r->stop != NULL)                                    \
  X(reasoning_effort, CHAT, r->reasoning_effort != NULL)            \
  X(service_tier, TEXT, r->service_tier != NULL)                    \
  X(json_schema, CHAT, r->json_schema.base != NULL)                 \
  X(tools_json, CHAT, r->tools_json.base != NULL)                   \
  X(tool_choice_json, CHAT, r->tool_choice_json.base != NULL)       \
  X(raw_method, RAW, r->raw_method != NULL)                         \
  X(raw_path, RAW, r->raw_path != NULL)                             \
  X(raw_body, RAW, r->raw_body.base != NULL)                        \
  X(UVLLM_STREAM, TEXT | RAW, (r->flags & UVLLM_STREAM) != 0)

#define NUMBER(name, ops, is_set) F_##name,
enum { FIELDS(NUMBER) };

enum { /* of their bits */
  NUMBERS = 1 << F_temperature | 1 << F_top_p | 1 << F_frequency_penalty | 1 << F_presence_penalty,
  JSON = 1 << F_body_json | 1 << F_extra_json | 1 << F_json_schema | 1 << F_tools_json |
         1 << F_tool_choice_json
};


/* A bit for each field that is set. */
static uint32_t fields_of(const uvllm_request_t* r) {
  uint32_t set = 0;
#define BIT(name, ops, is_set) set |= (uint32_t) (is_set) << F_##name;
  FIELDS(BIT)
  return set;
}


/* UVLLM_EUNSUPPORTED if a field is set that the op does not have: nothing is
 * accepted and then ignored. */
static int check_fields(const uvllm_request_t* r, uint32_t set, uvllm_emit_t* emit) {
  static const char* const ops[] = { "a chat", "a text completion", "an embedding",
                                     "a model list", "a raw request" };
#define ROW(name, ops, is_set) { #name, ops },
  static const struct {
    const char* name;
    unsigned int ops;
  } fields[] = { FIELDS(ROW) };
  for (; set != 0; set &= set - 1) {
    const int i = __builtin_ctz(set);
    char message[96];
    if ((fields[i].ops & 1u << r->op) != 0)
      continue;
    snprintf(message, sizeof(message), "%s has no %s here", ops[r->op], fields[i].name);
    return uvllm__openai_refuse(emit, UVLLM_EUNSUPPORTED, message);
  }
  return 0;
}


static int refuse_field(uvllm_emit_t* emit, const char* field, const char* what) {
  char message[160];
  snprintf(message, sizeof(message), "%s %s", field, what);
  return uvllm__openai_refuse(emit, UVLLM__EINVAL, message);
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


static int check_number(uvllm_emit_t* emit, const char* field, double number) {
  return isinf(number) ? refuse_field(emit, field, "is infinite") : 0;
}


static int check_numbers(const uvllm_request_t* r, uvllm_emit_t* emit) {
  int err = check_number(emit, "temperature", r->temperature);
  if (err == 0)
    err = check_number(emit, "top_p", r->top_p);
  if (err == 0)
    err = check_number(emit, "frequency_penalty", r->frequency_penalty);
  return err == 0 ? check_number(emit, "presence_penalty", r->presence_penalty) : err;
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


static int check_array(uvllm_emit_t* emit, size_t i, const char* member, uvllm_str_t text) {
  char field[64];
  if (text.base == NULL)
    return 0;
  snprintf(field, sizeof(field), "messages[%zu].%s", i, member);
  return check_json(emit, field, text, UVLLM_JSON_ARRAY);
}


static int check_message(const uvllm_message_t* m, size_t i, uvllm_emit_t* emit) {
  const char* wrong = wrong_message(m);
  if (wrong != NULL)
    return refuse_message(emit, i, wrong);
  const int err = check_array(emit, i, "parts_json", m->parts_json);
  return err != 0 ? err : check_array(emit, i, "tool_calls_json", m->tool_calls_json);
}


/* A prompt or an input: text and nothing else. */
static int check_input(const uvllm_message_t* m, size_t i, uvllm_emit_t* emit) {
  if (m->parts_json.base != NULL || m->tool_calls_json.base != NULL ||
      m->tool_call_id.base != NULL || m->name.base != NULL) {
    refuse_message(emit, i, "can only be text here");
    return UVLLM_EUNSUPPORTED;
  }
  return m->text.base != NULL ? 0 : refuse_message(emit, i, "has no text");
}


static int check_messages(const uvllm_request_t* r, uvllm_emit_t* emit) {
  int err = 0;
  if (r->op == UVLLM_RAW || r->op == UVLLM_MODELS)
    return 0;
  if (r->nmessages == 0 && r->body_json.base == NULL)
    return uvllm__openai_refuse(emit, UVLLM__EINVAL, "neither messages nor body_json are given");
  if (r->op == UVLLM_COMPLETION && r->nmessages > 1)
    return uvllm__openai_refuse(emit, UVLLM__EINVAL, "a text completion takes one message");
  for (size_t i = 0; err == 0 && i < r->nmessages; i++)
    err = r->op == UVLLM_CHAT ? check_message(&r->messages[i], i, emit)
                              : check_input(&r->messages[i], i, emit);
  return err;
}


static int check_jsons(const uvllm_request_t* r, uvllm_emit_t* emit) {
  int err = check_json(emit, "body_json", r->body_json, UVLLM_JSON_OBJECT);
  if (err == 0)
    err = check_json(emit, "extra_json", r->extra_json, UVLLM_JSON_OBJECT);
  if (err == 0)
    err = check_json(emit, "json_schema", r->json_schema, UVLLM_JSON_OBJECT);
  if (err == 0)
    err = check_json(emit, "tools_json", r->tools_json, UVLLM_JSON_ARRAY);
  return err == 0 ? check_tool_choice(emit, r->tool_choice_json) : err;
}


int uvllm__openai_check(const uvllm_request_t* r, uvllm_emit_t* emit) {
  if ((unsigned int) r->op > UVLLM_RAW)
    return uvllm__openai_refuse(emit, UVLLM__EINVAL, "op is none that exists");
  if (r->op == UVLLM_RAW && (r->raw_path == NULL || r->raw_path[0] != '/'))
    return uvllm__openai_refuse(emit, UVLLM__EINVAL, "raw_path must begin with a slash");
  const uint32_t set = fields_of(r);
  int err = check_fields(r, set, emit);
  if (err == 0 && (set & NUMBERS) != 0)
    err = check_numbers(r, emit);
  if (err == 0)
    err = check_messages(r, emit);
  return err == 0 && (set & JSON) != 0 ? check_jsons(r, emit) : err;
}
