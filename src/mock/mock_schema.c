/* A trivial value that follows a JSON Schema. A schema may refer to itself, so depth
 * and size are bounded; what lies beyond is null.
 */
#include "mock/mock_int.h"

#include <math.h>
#include <strings.h>

enum { MAX_DEPTH = 24, MAX_BYTES = 8 * 1024, MAX_PAD = 4096 };

typedef struct maker_s {
  uvllm_json_t root;
  uvllm_json_writer_t w;
  uvllm__buf_t* out;
} maker_t;

static void value(maker_t* m, uvllm_json_t schema, int depth);


static void write_literal(maker_t* m, const char* s) {
  uvllm_json_write_str(&m->w, uvllm__str(s));
}


static void make_object(maker_t* m, uvllm_json_t schema, int depth) {
  uint32_t it = 0;
  uvllm_str_t name;
  uvllm_json_t property;
  char copy[256];
  uvllm_json_begin_object(&m->w);
  uvllm_json_t properties = uvllm_json_get(schema, "properties");
  while (uvllm_json_next(properties, &it, &name, &property)) {
    if (name.len >= sizeof(copy) || memchr(name.base, '\0', name.len) != NULL)
      continue; /* names are handed over NUL-terminated */
    memcpy(copy, name.base, name.len);
    copy[name.len] = '\0';
    uvllm_json_name(&m->w, copy);
    value(m, property, depth + 1);
  }
  uvllm_json_end_object(&m->w);
}


static void make_array(maker_t* m, uvllm_json_t schema, int depth) {
  uvllm_json_t items = uvllm_json_get(schema, "items");
  int64_t n = uvllm_json_int(uvllm_json_get(schema, "minItems"), 1);
  int64_t most = uvllm_json_int(uvllm_json_get(schema, "maxItems"), 16);
  if (n < 1 && uvllm_json_type_of(items) != UVLLM_JSON_NONE)
    n = 1;
  if (n > most)
    n = most;
  if (n > 16)
    n = 16;
  uvllm_json_begin_array(&m->w);
  for (int64_t i = 0; i < n && uvllm_json_type_of(items) == UVLLM_JSON_OBJECT; i++)
    value(m, items, depth + 1);
  uvllm_json_end_array(&m->w);
}


static void make_string(maker_t* m, uvllm_json_t schema) {
  static const char* const formats[][2] = {
    { "date-time", "2026-01-02T03:04:05Z" }, { "date", "2026-01-02" }, { "time", "03:04:05Z" },
    { "email", "a@example.org" }, { "uri", "https://example.org/" },
    { "uuid", "00000000-0000-4000-8000-000000000000" }, { "ipv4", "192.0.2.1" },
    { "duration", "PT1S" }, { "hostname", "example.org" }, { "ipv6", "2001:db8::1" }
  };
  char pad[MAX_PAD];
  uvllm_str_t format = uvllm_json_str(uvllm_json_get(schema, "format"));
  for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
    if (uvllm__str_eq(format, formats[i][0])) {
      write_literal(m, formats[i][1]);
      return;
    }
  int64_t least = uvllm_json_int(uvllm_json_get(schema, "minLength"), 0);
  int64_t most = uvllm_json_int(uvllm_json_get(schema, "maxLength"), MAX_PAD);
  size_t len = least > 4 ? (size_t) (least < MAX_PAD ? least : MAX_PAD) : 4;
  if (most >= 0 && len > (size_t) most)
    len = (size_t) most;
  for (size_t i = 0; i < sizeof(pad); i++)
    pad[i] = i < 4 ? "text"[i] : 'x';
  uvllm_str_t s = { pad, len };
  uvllm_json_write_str(&m->w, s);
}


static void make_number(maker_t* m, uvllm_json_t schema, int integer) {
  double least = uvllm_json_num(uvllm_json_get(schema, "minimum"), NAN);
  double above = uvllm_json_num(uvllm_json_get(schema, "exclusiveMinimum"), NAN);
  double most = uvllm_json_num(uvllm_json_get(schema, "maximum"), NAN);
  double n = integer ? 1 : 1.5;
  if (!isnan(least))
    n = integer ? ceil(least) : least;
  else if (!isnan(above))
    n = floor(above) + 1;
  else if (!isnan(most) && n > most)
    n = integer ? floor(most) : most;
  if (integer && fabs(n) < 9e15)
    uvllm_json_write_int(&m->w, (int64_t) n);
  else
    uvllm_json_write_num(&m->w, n);
}


/* OpenAPI's schemas, as Google has them, write types in upper case. */
static int is_type(uvllm_str_t type, const char* wanted) {
  return type.len == strlen(wanted) && strncasecmp(type.base, wanted, type.len) == 0;
}


static void make_typed(maker_t* m, uvllm_json_t schema, uvllm_str_t type, int depth) {
  if (is_type(type, "object"))
    make_object(m, schema, depth);
  else if (is_type(type, "array"))
    make_array(m, schema, depth);
  else if (is_type(type, "string"))
    make_string(m, schema);
  else if (is_type(type, "integer") || is_type(type, "number"))
    make_number(m, schema, is_type(type, "integer"));
  else if (is_type(type, "boolean"))
    uvllm_json_write_bool(&m->w, 1);
  else
    uvllm_json_write_null(&m->w);
}


/* "#/$defs/step": one walk from the root. Escaped names are not looked for. */
static uvllm_json_t resolve(maker_t* m, uvllm_str_t ref) {
  uvllm_json_t v = m->root;
  char name[128];
  if (ref.len == 0 || ref.base[0] != '#')
    return uvllm_json_get(v, ""); /* absent */
  for (size_t i = 1; i < ref.len; ) {
    const char* start = ref.base + i + 1;
    const char* slash = memchr(start, '/', ref.len - i - 1);
    size_t len = slash != NULL ? (size_t) (slash - start) : ref.len - i - 1;
    if (len >= sizeof(name))
      len = sizeof(name) - 1;
    memcpy(name, start, len);
    name[len] = '\0';
    v = uvllm_json_get(v, name);
    i += 1 + len;
  }
  return v;
}


/* The first of several alternatives, or the schema itself. */
static uvllm_json_t first_of(maker_t* m, uvllm_json_t schema) {
  static const char* const keys[] = { "anyOf", "oneOf", "allOf" };
  uvllm_json_t ref = uvllm_json_get(schema, "$ref");
  if (uvllm_json_type_of(ref) == UVLLM_JSON_STRING)
    return resolve(m, uvllm_json_str(ref));
  for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
    uvllm_json_t first = uvllm_json_at(uvllm_json_get(schema, keys[i]), 0);
    if (uvllm_json_type_of(first) == UVLLM_JSON_OBJECT)
      return first;
  }
  return schema;
}


static void value(maker_t* m, uvllm_json_t schema, int depth) {
  if (depth > MAX_DEPTH || m->out->len > MAX_BYTES ||
      uvllm_json_type_of(schema) != UVLLM_JSON_OBJECT) {
    uvllm_json_write_null(&m->w);
    return;
  }
  uvllm_json_t fixed = uvllm_json_get(schema, "const");
  if (uvllm_json_type_of(fixed) == UVLLM_JSON_NONE)
    fixed = uvllm_json_at(uvllm_json_get(schema, "enum"), 0);
  if (uvllm_json_type_of(fixed) != UVLLM_JSON_NONE) {
    uvllm_json_write_raw(&m->w, uvllm_json_raw(fixed));
    return;
  }
  uvllm_json_t first = first_of(m, schema);
  if (first.index != schema.index) {
    value(m, first, depth + 1);
    return;
  }
  uvllm_json_t type = uvllm_json_get(schema, "type");
  if (uvllm_json_type_of(type) == UVLLM_JSON_ARRAY)
    type = uvllm_json_at(type, 0);
  if (uvllm_json_type_of(type) == UVLLM_JSON_STRING)
    make_typed(m, schema, uvllm_json_str(type), depth);
  else if (uvllm_json_type_of(uvllm_json_get(schema, "properties")) == UVLLM_JSON_OBJECT)
    make_object(m, schema, depth);
  else
    write_literal(m, "text");
}


int uvllm__mock_schema_value(uvllm_json_t root, uvllm_json_t schema, uvllm__buf_t* out) {
  maker_t m;
  m.root = root;
  m.out = out;
  uvllm__json_writer_init(&m.w, out);
  value(&m, schema, 0);
  return uvllm_json_writer_error(&m.w);
}
