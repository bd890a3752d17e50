/* The messages of an OpenAI request body, and the prompts and inputs that become
 * messages.
 */
#include "request_expand_internal.h"

#include <stdio.h>

typedef uvllm__expansion_t expansion_t;


static int is(uvllm_json_t v, uvllm_json_type type) {
  return uvllm_json_type_of(v) == type;
}


static int role_of(uvllm_str_t name, uvllm_role* role) {
  static const struct {
    const char* name;
    uvllm_role role;
  } roles[] = { { "system", UVLLM_SYSTEM },       { "developer", UVLLM_SYSTEM },
                { "user", UVLLM_USER },           { "assistant", UVLLM_ASSISTANT },
                { "tool", UVLLM_TOOL } };
  for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
    if (uvllm__str_eq(name, roles[i].name)) {
      *role = roles[i].role;
      return 1;
    }
  return 0;
}


static int is_left_out(uvllm_str_t name) {
  static const char* const names[] = { "refusal", "reasoning_content", "reasoning",
                                       "reasoning_details", "annotations", "audio" };
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (uvllm__str_eq(name, names[i]))
      return 1;
  return 0;
}


static int fail_message(expansion_t* e, int err, size_t i, uvllm_str_t member,
                        const char* what) {
  snprintf(e->why, sizeof(e->why), "body_json: messages[%zu]%s%.*s %s", i,
           member.len != 0 ? "." : "", (int) (member.len < 64 ? member.len : 64),
           member.len != 0 ? member.base : "", what);
  return err;
}


static int read_content(expansion_t* e, uvllm_message_t* m, size_t i, uvllm_json_t v) {
  if (is(v, UVLLM_JSON_ARRAY)) {
    m->parts_json = uvllm_json_raw(v);
    return 0;
  }
  if (!is(v, UVLLM_JSON_STRING))
    return fail_message(e, UVLLM__EINVAL, i, (uvllm_str_t) UVLLM_STR("content"),
                        "is neither text nor parts");
  return uvllm__expand_str(v, &m->text);
}


static int read_member(expansion_t* e, uvllm_message_t* m, size_t i, uvllm_str_t name,
                       uvllm_json_t v) {
  if (name.base == NULL)
    return UVLLM__ENOMEM;
  if (is(v, UVLLM_JSON_NULL) || uvllm__str_eq(name, "role"))
    return 0;
  if (uvllm__str_eq(name, "content"))
    return read_content(e, m, i, v);
  if (uvllm__str_eq(name, "name"))
    return uvllm__expand_str(v, &m->name);
  if (uvllm__str_eq(name, "tool_call_id"))
    return uvllm__expand_str(v, &m->tool_call_id);
  if (uvllm__str_eq(name, "tool_calls")) {
    if (!is(v, UVLLM_JSON_ARRAY) || uvllm_json_count(v) != 0)
      m->tool_calls_json = uvllm_json_raw(v);
    return 0;
  }
  if (m->role == UVLLM_ASSISTANT && is_left_out(name))
    return 0;
  return fail_message(e, UVLLM_EUNSUPPORTED, i, name, "has no counterpart here");
}


static int read_message(expansion_t* e, uvllm_message_t* m, size_t i, uvllm_json_t v) {
  static const uvllm_str_t none;
  uvllm_str_t name;
  uvllm_json_t value;
  uint32_t it = 0;
  int err = 0;
  if (!is(v, UVLLM_JSON_OBJECT))
    return fail_message(e, UVLLM__EINVAL, i, none, "is no JSON object");
  err = uvllm__expand_str(uvllm_json_get(v, "role"), &name);
  if (err != 0)
    return err;
  if (!role_of(name, &m->role))
    return fail_message(e, UVLLM__EINVAL, i, none, "has a role that does not exist");
  while (err == 0 && uvllm_json_next(v, &it, &name, &value))
    err = read_member(e, m, i, name, value);
  if (err != 0)
    return err;
  const uvllm_json_t refusal = uvllm_json_get(v, "refusal");
  if (m->role == UVLLM_ASSISTANT && m->text.base == NULL && m->parts_json.base == NULL)
    err = uvllm__expand_str(refusal, &m->text); /* what it said instead */
  if (err == 0 && m->role == UVLLM_ASSISTANT && m->text.base == NULL &&
      m->parts_json.base == NULL && m->tool_calls_json.base == NULL)
    m->text = (uvllm_str_t) UVLLM_STR("");
  return err;
}


static uvllm_message_t* take_messages(expansion_t* e, uvllm_request_t* r, size_t n) {
  uvllm_message_t* m = uvllm__expand_take(e, n != 0 ? n : 1, sizeof(*m));
  r->messages = m;
  r->nmessages = n;
  return m;
}


int uvllm__expand_messages(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  uvllm_json_t entry;
  uint32_t it = 0;
  int err = 0;
  if (r->nmessages != 0)
    return 0;
  if (!is(v, UVLLM_JSON_ARRAY))
    return uvllm__expand_fail(e, UVLLM__EINVAL, "messages", "is no JSON array");
  uvllm_message_t* m = take_messages(e, r, uvllm_json_count(v));
  if (m == NULL)
    return UVLLM__ENOMEM;
  for (size_t i = 0; err == 0 && uvllm_json_next(v, &it, NULL, &entry); i++)
    err = read_message(e, &m[i], i, entry);
  return err;
}


/* A prompt or inputs: a string or several; token ids are of one model only. */
static int read_texts(expansion_t* e, uvllm_request_t* r, uvllm_json_t v, const char* name) {
  uvllm_json_t entry = v;
  uint32_t it = 0;
  if (r->nmessages != 0)
    return 0;
  const int many = is(v, UVLLM_JSON_ARRAY);
  uvllm_message_t* m = take_messages(e, r, many ? uvllm_json_count(v) : 1);
  if (m == NULL)
    return UVLLM__ENOMEM;
  for (size_t i = 0; i < r->nmessages; i++) {
    if (many)
      uvllm_json_next(v, &it, NULL, &entry);
    if (!is(entry, UVLLM_JSON_STRING))
      return uvllm__expand_fail(e, UVLLM_EUNSUPPORTED, name, "is not text");
    m[i].role = UVLLM_USER;
    const int err = uvllm__expand_str(entry, &m[i].text);
    if (err != 0)
      return err;
  }
  return 0;
}


int uvllm__expand_prompt(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  return read_texts(e, r, v, "prompt");
}


int uvllm__expand_input(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  return read_texts(e, r, v, "input");
}
