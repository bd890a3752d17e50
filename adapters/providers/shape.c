/* Tool calls, tools, tool choice and schema in OpenAI's shape. What is wrong with
 * them is said with its place: "tools_json[1] has no name".
 */
#include "shape_internal.h"

#include <stdio.h>


void uvllm__shape_init(uvllm__shape_t* s, const uvllm_alloc_t* alloc) {
  memset(s, 0, sizeof(*s));
  s->alloc = alloc;
}


void uvllm__shape_free(uvllm__shape_t* s) {
  uvllm_json_parser_free(s->list);
  uvllm_json_parser_free(s->value);
  s->list = s->value = NULL;
}


int uvllm__shape_tell(const uvllm__shape_t* s, int err, uvllm_emit_t* emit) {
  const uvllm_str_t none = { NULL, 0 };
  if (err != 0 && s->why[0] != '\0')
    uvllm_emit_error(emit, none, uvllm__str(s->why), -1);
  return err;
}


int uvllm__shape_fail(uvllm__shape_t* s, int err, const char* what) {
  snprintf(s->why, sizeof(s->why), "%s %s", s->where, what);
  return err;
}


int uvllm__shape_fail_at(uvllm__shape_t* s, int err, uint32_t position, const char* what) {
  snprintf(s->why, sizeof(s->why), "%s[%u] %s", s->where, position, what);
  return err;
}


int uvllm__shape_parse(uvllm__shape_t* s, uvllm_json_parser_t** parser, uvllm_str_t text,
                       uvllm_json_t* root) {
  int err = *parser == NULL ? uvllm_json_parser_new(parser, s->alloc) : 0;
  if (err == 0)
    err = uvllm_json_parse(*parser, text, root, NULL);
  return err == UVLLM_EPROTO ? uvllm__shape_fail(s, UVLLM__EINVAL, "is not JSON") : err;
}


int uvllm__shape_list(uvllm__shape_t* s, uvllm_str_t text, uvllm_json_t* list) {
  const int err = uvllm__shape_parse(s, &s->list, text, list);
  if (err != 0 || uvllm_json_type_of(*list) == UVLLM_JSON_ARRAY)
    return err;
  return uvllm__shape_fail(s, UVLLM__EINVAL, "is no JSON array");
}


int uvllm__shape_str(uvllm_json_t v, uvllm_str_t* s) {
  *s = uvllm_json_str(v);
  return s->base == NULL && uvllm_json_type_of(v) == UVLLM_JSON_STRING ? UVLLM__ENOMEM : 0;
}


static int begin(uvllm__list_t* l, uvllm__shape_t* s, uvllm_str_t text) {
  memset(l, 0, sizeof(*l));
  l->shape = s;
  return text.base != NULL ? uvllm__shape_list(s, text, &l->list) : 0;
}


/* ---- Calls ---- */

int uvllm__calls_begin(uvllm__list_t* calls, uvllm__shape_t* s, const uvllm_request_t* r,
                       size_t message) {
  snprintf(s->where, sizeof(s->where), "messages[%zu].tool_calls_json", message);
  return begin(calls, s, r->messages[message].tool_calls_json);
}


/* Some clients keep the object itself where a string that holds it belongs. */
static int read_arguments(uvllm__shape_t* s, uvllm_json_t v, uvllm__call_t* call) {
  static const uvllm_str_t nothing = UVLLM_STR("{}");
  uvllm_json_t root;
  call->is_object = 1;
  call->arguments = nothing;
  if (uvllm_json_type_of(v) == UVLLM_JSON_OBJECT)
    call->arguments = uvllm_json_raw(v);
  if (uvllm_json_type_of(v) != UVLLM_JSON_STRING)
    return 0;
  uvllm_str_t text;
  int err = uvllm__shape_str(v, &text);
  if (err != 0 || text.len == 0)
    return err;
  call->arguments = text;
  err = s->value == NULL ? uvllm_json_parser_new(&s->value, s->alloc) : 0;
  if (err == 0)
    err = uvllm_json_parse(s->value, text, &root, NULL);
  call->is_object = err == 0 && uvllm_json_type_of(root) == UVLLM_JSON_OBJECT;
  return err == UVLLM_EPROTO ? 0 : err;
}


int uvllm__calls_next(uvllm__list_t* l, uvllm__call_t* call) {
  uvllm_json_t entry;
  uvllm__shape_t* s = l->shape;
  memset(call, 0, sizeof(*call));
  if (!uvllm_json_next(l->list, &l->it, NULL, &entry))
    return 0;
  const uint32_t at = l->position++;
  const uvllm_json_t function = uvllm_json_get(entry, "function");
  call->json = entry;
  int err = uvllm__shape_str(uvllm_json_get(entry, "id"), &call->id);
  if (err == 0)
    err = uvllm__shape_str(uvllm_json_get(function, "name"), &call->name);
  if (err != 0)
    return err;
  if (uvllm_json_type_of(function) != UVLLM_JSON_OBJECT)
    return uvllm__shape_fail_at(s, UVLLM_EUNSUPPORTED, at, "is no call of a function");
  if (call->name.len == 0)
    return uvllm__shape_fail_at(s, UVLLM__EINVAL, at, "names no function");
  err = read_arguments(s, uvllm_json_get(function, "arguments"), call);
  return err != 0 ? err : 1;
}


static int same(uvllm_str_t a, uvllm_str_t b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.base, b.base, a.len) == 0);
}


int uvllm__call_name(uvllm__shape_t* s, const uvllm_request_t* r, size_t message,
                     uvllm_str_t* name) {
  const uvllm_message_t* tool = &r->messages[message];
  *name = tool->name;
  if (name->len != 0)
    return 1;
  for (size_t i = message; i-- > 0;) {
    uvllm__list_t calls;
    uvllm__call_t call = { 0 };
    int rc = uvllm__calls_begin(&calls, s, r, i);
    while (rc == 0 && (rc = uvllm__calls_next(&calls, &call)) == 1) {
      rc = same(call.id, tool->tool_call_id);
      if (rc == 1) {
        *name = call.name;
        return 1;
      }
    }
    if (rc < 0)
      return rc;
  }
  return 0;
}


/* ---- Tools ---- */

int uvllm__tools_begin(uvllm__list_t* tools, uvllm__shape_t* s, const uvllm_request_t* r) {
  snprintf(s->where, sizeof(s->where), "tools_json");
  return begin(tools, s, r->tools_json);
}


static uvllm_str_t raw_object(uvllm_json_t v) {
  const uvllm_str_t none = { NULL, 0 };
  return uvllm_json_type_of(v) == UVLLM_JSON_OBJECT ? uvllm_json_raw(v) : none;
}


int uvllm__tools_next(uvllm__list_t* l, uvllm__tool_t* tool) {
  uvllm_json_t entry;
  memset(tool, 0, sizeof(*tool));
  if (!uvllm_json_next(l->list, &l->it, NULL, &entry))
    return 0;
  const uint32_t at = l->position++;
  uvllm_json_t function = uvllm_json_get(entry, "function");
  const uvllm_str_t type = uvllm_json_str(uvllm_json_get(entry, "type"));
  if (type.len != 0 && !uvllm__str_eq(type, "function"))
    return uvllm__shape_fail_at(l->shape, UVLLM_EUNSUPPORTED, at, "is no function");
  if (uvllm_json_type_of(function) != UVLLM_JSON_OBJECT)
    function = entry; /* as the Responses API has it */
  tool->json = entry;
  int err = uvllm__shape_str(uvllm_json_get(function, "name"), &tool->name);
  if (err == 0)
    err = uvllm__shape_str(uvllm_json_get(function, "description"), &tool->description);
  if (err != 0)
    return err;
  if (tool->name.len == 0)
    return uvllm__shape_fail_at(l->shape, UVLLM__EINVAL, at, "has no name");
  tool->parameters = raw_object(uvllm_json_get(function, "parameters"));
  tool->strict = uvllm_json_bool(uvllm_json_get(function, "strict"), -1);
  return 1;
}


static int choice_of(uvllm_str_t word, uvllm__choice_type* type) {
  static const struct {
    const char* word;
    uvllm__choice_type type;
  } words[] = { { "auto", UVLLM__CHOICE_AUTO },
                { "none", UVLLM__CHOICE_NONE },
                { "required", UVLLM__CHOICE_REQUIRED },
                { "any", UVLLM__CHOICE_REQUIRED } };
  for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
    if (uvllm__str_eq(word, words[i].word)) {
      *type = words[i].type;
      return 1;
    }
  return 0;
}


/* {"type":"function","function":{"name":"f"}}, or flat as in the Responses API. */
static int named_choice(uvllm__shape_t* s, uvllm_json_t root, uvllm__choice_type* type,
                        uvllm_str_t* name) {
  uvllm_json_t function = uvllm_json_get(root, "function");
  if (uvllm_json_type_of(function) != UVLLM_JSON_OBJECT)
    function = root;
  const int err = uvllm__shape_str(uvllm_json_get(function, "name"), name);
  if (err != 0)
    return err;
  if (name->len == 0)
    return uvllm__shape_fail(s, UVLLM_EUNSUPPORTED, "names no function");
  *type = UVLLM__CHOICE_NAMED;
  return 0;
}


int uvllm__tool_choice(uvllm__shape_t* s, const uvllm_request_t* r, uvllm__choice_type* type,
                       uvllm_str_t* name) {
  uvllm_json_t root;
  *type = UVLLM__CHOICE_UNSET;
  *name = (uvllm_str_t) { NULL, 0 };
  snprintf(s->where, sizeof(s->where), "tool_choice_json");
  if (r->tool_choice_json.base == NULL || choice_of(r->tool_choice_json, type))
    return 0;
  const int err = uvllm__shape_parse(s, &s->list, r->tool_choice_json, &root);
  if (err != 0)
    return err;
  if (uvllm_json_type_of(root) == UVLLM_JSON_OBJECT)
    return named_choice(s, root, type, name);
  return choice_of(uvllm_json_str(root), type)
             ? 0
             : uvllm__shape_fail(s, UVLLM_EUNSUPPORTED, "is no choice that is known");
}


/* ---- Structured output ---- */

static int is_any_object(uvllm_json_t schema) {
  return uvllm_json_count(schema) == 1 &&
         uvllm__str_eq(uvllm_json_str(uvllm_json_get(schema, "type")), "object");
}


/* No keyword of JSON Schema is called "name" or "schema". */
static int read_schema(uvllm_json_t root, uvllm__schema_t* schema) {
  const uvllm_json_t inner = uvllm_json_get(root, "schema");
  const uvllm_json_t name = uvllm_json_get(root, "name");
  uvllm_str_t text = { NULL, 0 };
  schema->is_wrapped = uvllm_json_type_of(inner) != UVLLM_JSON_NONE ||
                       uvllm_json_type_of(name) != UVLLM_JSON_NONE;
  schema->schema = schema->is_wrapped ? raw_object(inner) : uvllm_json_raw(root);
  schema->is_any_object = is_any_object(schema->is_wrapped ? inner : root);
  if (!schema->is_wrapped)
    return 0;
  int err = uvllm__shape_str(name, &text);
  if (err == 0)
    err = uvllm__shape_str(uvllm_json_get(root, "description"), &schema->description);
  schema->strict = uvllm_json_bool(uvllm_json_get(root, "strict"), -1);
  if (text.len != 0)
    schema->name = text;
  return err;
}


int uvllm__schema(uvllm__shape_t* s, const uvllm_request_t* r, uvllm__schema_t* schema) {
  uvllm_json_t root;
  memset(schema, 0, sizeof(*schema));
  schema->strict = -1;
  schema->name = (uvllm_str_t) UVLLM_STR("answer");
  snprintf(s->where, sizeof(s->where), "json_schema");
  if (r->json_schema.base == NULL)
    return 0;
  const int err = uvllm__shape_parse(s, &s->list, r->json_schema, &root);
  if (err != 0)
    return err;
  if (uvllm_json_type_of(root) != UVLLM_JSON_OBJECT)
    return uvllm__shape_fail(s, UVLLM__EINVAL, "is no JSON object");
  return read_schema(root, schema);
}
