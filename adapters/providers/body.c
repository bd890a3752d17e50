/* Merging what a dialect writes with body_json and extra_json. What is copied from
 * these is copied byte for byte, so members nobody here knows survive.
 */
#include "body.h"

#include <assert.h>
#include <math.h>

typedef uvllm__body_level_t level_t;


static level_t* top(uvllm__body_t* b) {
  return &b->levels[b->depth];
}


static int has(uvllm_json_t object, const char* name) {
  return uvllm_json_type_of(uvllm_json_get(object, name)) != UVLLM_JSON_NONE;
}


static uvllm_json_t member(uvllm_json_t object, uvllm_str_t wanted) {
  uvllm_json_t value, found = { NULL, 0 };
  uvllm_str_t name;
  uint32_t it = 0;
  while (uvllm_json_next(object, &it, &name, &value))
    if (name.len == wanted.len && memcmp(name.base, wanted.base, name.len) == 0)
      found = value;
  return found;
}


static int is_among(const char* const* names, size_t n, uvllm_str_t name) {
  for (size_t i = 0; i < n; i++)
    if (uvllm__str_eq(name, names[i]))
      return 1;
  return 0;
}


/* Decode all names now: afterwards no lookup can fail for want of memory, and so
 * none can miss a name. */
static int decode_names(uvllm_json_t object) {
  uvllm_str_t name;
  uint32_t it = 0;
  while (uvllm_json_next(object, &it, &name, NULL))
    if (name.base == NULL)
      return UVLLM__ENOMEM;
  return 0;
}


/* check() has seen that it is an object. */
static int parse(uvllm_json_parser_t** parser, const uvllm_alloc_t* alloc, uvllm_str_t text,
                 uvllm_json_t* root) {
  if (text.base == NULL)
    return 0;
  int err = uvllm_json_parser_new(parser, alloc);
  if (err == 0)
    err = uvllm_json_parse(*parser, text, root, NULL);
  return err == 0 ? decode_names(*root) : err;
}


int uvllm__body_begin(uvllm__body_t* b, const uvllm_request_t* r, uvllm_http_t* http) {
  memset(b, 0, offsetof(uvllm__body_t, levels));
  memset(b->levels, 0, sizeof(b->levels[0]));
  b->err = parse(&b->extra_parser, uvllm_http_alloc(http), r->extra_json, &b->levels[0].extra);
  if (b->err != 0)
    return b->err;
  b->w = uvllm_http_json(http);
  uvllm_json_begin_object(b->w);
  return 0;
}


int uvllm__body_begin_openai(uvllm__body_t* b, const uvllm_request_t* r, uvllm_http_t* http) {
  int err = uvllm__body_begin(b, r, http);
  if (err == 0)
    err = parse(&b->given_parser, uvllm_http_alloc(http), r->body_json, &b->levels[0].given);
  return err;
}


/* A null in extra_json for a name of ours takes the member away: some servers
 * refuse what they do not know. */
static void copy_members(uvllm__body_t* b, uvllm_json_t from, int is_extra) {
  const level_t* l = top(b);
  uvllm_json_t value;
  uvllm_str_t name;
  uint32_t it = 0;
  while (uvllm_json_next(from, &it, &name, &value)) {
    const int own = is_among(l->own, l->nown, name);
    const int null = uvllm_json_type_of(value) == UVLLM_JSON_NULL;
    if (member(from, name).index != value.index)
      continue; /* a later one of the same name counts */
    if (is_among(l->merged, l->nmerged, name))
      continue;
    if (is_extra ? own && null
                 : own || uvllm_json_type_of(member(l->extra, name)) != UVLLM_JSON_NONE)
      continue;
    uvllm_json_name_str(b->w, name);
    uvllm_json_write_raw(b->w, uvllm_json_raw(value));
  }
}


int uvllm__body_end(uvllm__body_t* b, int err) {
  if (err == 0) {
    assert(b->depth == 0);
    copy_members(b, top(b)->given, 0);
    copy_members(b, top(b)->extra, 1);
    uvllm_json_end_object(b->w);
    err = b->err != 0 ? b->err : uvllm_json_writer_error(b->w);
  }
  uvllm_json_parser_free(b->given_parser);
  uvllm_json_parser_free(b->extra_parser);
  return err;
}


void uvllm__body_claim(uvllm__body_t* b, const char* name) {
  level_t* l = top(b);
  assert(l->nown < UVLLM__BODY_MEMBERS);
  l->own[l->nown++] = name;
}


int uvllm__body_extra_has(const uvllm__body_t* b, const char* name) {
  return has(b->levels[b->depth].extra, name);
}


int uvllm__body_is_claimed(const uvllm__body_t* b, const char* name) {
  const level_t* l = &b->levels[b->depth];
  return is_among(l->own, l->nown, uvllm__str(name));
}


uvllm_json_t uvllm__body_given(const uvllm__body_t* b, const char* name) {
  return uvllm_json_get(b->levels[b->depth].given, name);
}


/* Objects that wait for their first member, from the outermost. */
static void begin_objects(uvllm__body_t* b) {
  for (int i = 1; i <= b->depth; i++)
    if (b->levels[i].name != NULL) {
      uvllm_json_name(b->w, b->levels[i].name);
      uvllm_json_begin_object(b->w);
      b->levels[i].name = NULL;
    }
}


int uvllm__body_begins(uvllm__body_t* b, const char* name) {
  uvllm__body_claim(b, name);
  if (top(b)->muted || has(top(b)->extra, name))
    return 0;
  begin_objects(b);
  uvllm_json_name(b->w, name);
  return 1;
}


/* ---- Objects within ---- */

void uvllm__body_open(uvllm__body_t* b, const char* name) {
  level_t* outer = top(b);
  const uvllm_json_t extra = uvllm_json_get(outer->extra, name);
  const uvllm_json_type type = uvllm_json_type_of(extra);
  uvllm__body_claim(b, name);
  assert(b->depth + 1 < UVLLM__BODY_DEPTH && outer->nmerged < UVLLM__BODY_DEPTH);
  level_t* inner = &b->levels[++b->depth];
  memset(inner, 0, sizeof(*inner));
  inner->name = name;
  inner->muted = outer->muted || (type != UVLLM_JSON_NONE && type != UVLLM_JSON_OBJECT);
  if (type != UVLLM_JSON_OBJECT)
    return;
  outer->merged[outer->nmerged++] = name;
  inner->extra = extra;
  if (b->err == 0)
    b->err = decode_names(extra);
}


void uvllm__body_close(uvllm__body_t* b) {
  level_t* l = top(b);
  if (!l->muted && uvllm_json_count(l->extra) != 0) {
    begin_objects(b);
    copy_members(b, l->extra, 1);
  }
  if (l->name == NULL)
    uvllm_json_end_object(b->w);
  b->depth--;
}


/* ---- Members ---- */

void uvllm__body_str(uvllm__body_t* b, const char* name, uvllm_str_t value) {
  if (value.base != NULL && uvllm__body_begins(b, name))
    uvllm_json_write_str(b->w, value);
}


void uvllm__body_chars(uvllm__body_t* b, const char* name, const char* value) {
  uvllm__body_str(b, name, uvllm__str(value));
}


void uvllm__body_raw(uvllm__body_t* b, const char* name, uvllm_str_t json) {
  if (json.base != NULL && uvllm__body_begins(b, name))
    uvllm_json_write_raw(b->w, json);
}


void uvllm__body_count(uvllm__body_t* b, const char* name, uint32_t value) {
  if (value != 0 && uvllm__body_begins(b, name))
    uvllm_json_write_int(b->w, value);
}


void uvllm__body_num(uvllm__body_t* b, const char* name, double value) {
  if (!isnan(value) && uvllm__body_begins(b, name))
    uvllm_json_write_num(b->w, value);
}


void uvllm__body_seed(uvllm__body_t* b, const char* name, int64_t value) {
  if (value != INT64_MIN && uvllm__body_begins(b, name))
    uvllm_json_write_int(b->w, value);
}


void uvllm__body_bool(uvllm__body_t* b, const char* name, int value) {
  if (uvllm__body_begins(b, name))
    uvllm_json_write_bool(b->w, value);
}


void uvllm__body_stop(uvllm__body_t* b, const char* name, const char* const* stop) {
  if (stop == NULL || !uvllm__body_begins(b, name))
    return;
  uvllm_json_begin_array(b->w);
  for (; *stop != NULL; stop++)
    uvllm_json_write_str(b->w, uvllm__str(*stop));
  uvllm_json_end_array(b->w);
}
