/* An OpenAI request body, member by member. Strings are slices of the body or lie
 * in the parser; what must be NUL-terminated or an array is made in blocks.
 */
#include "request_expand_internal.h"

#include <math.h>
#include <stdio.h>

typedef uvllm__expansion_t expansion_t;

struct uvllm__expansion_block_s {
  struct uvllm__expansion_block_s* next;
};

/* Reads one member; the value is not null. */
typedef int (*read_cb)(expansion_t* e, uvllm_request_t* r, uvllm_json_t v);

enum { CHAT = 1, COMPLETION = 2, EMBED = 4, TEXT = CHAT | COMPLETION, ALL = TEXT | EMBED };


int uvllm__expand_fail(expansion_t* e, int err, const char* name, const char* what) {
  snprintf(e->why, sizeof(e->why), "body_json: %s %s", name, what);
  return err;
}


void* uvllm__expand_take(expansion_t* e, size_t n, size_t size) {
  if (n > (SIZE_MAX - sizeof(*e->blocks)) / size)
    return NULL;
  struct uvllm__expansion_block_s* block =
      uvllm__calloc(e->alloc, 1, sizeof(*e->blocks) + n * size);
  if (block == NULL)
    return NULL;
  block->next = e->blocks;
  e->blocks = block;
  return block + 1;
}


void uvllm__expansion_free(expansion_t* e) {
  while (e->blocks != NULL) {
    struct uvllm__expansion_block_s* block = e->blocks;
    e->blocks = block->next;
    uvllm__free(e->alloc, block);
  }
  uvllm_json_parser_free(e->parser);
  e->parser = NULL;
}


static int is(uvllm_json_t v, uvllm_json_type type) {
  return uvllm_json_type_of(v) == type;
}


int uvllm__expand_str(uvllm_json_t v, uvllm_str_t* s) {
  *s = uvllm_json_str(v);
  return s->base == NULL && is(v, UVLLM_JSON_STRING) ? UVLLM__ENOMEM : 0;
}


/* NUL-terminated; UV_EINVAL for what is no string or has a NUL in it. */
static int read_chars(expansion_t* e, uvllm_json_t v, const char** chars) {
  uvllm_str_t s;
  const int err = uvllm__expand_str(v, &s);
  if (err != 0 || s.base == NULL)
    return err != 0 ? err : UVLLM__EINVAL;
  if (s.len != 0 && memchr(s.base, '\0', s.len) != NULL)
    return UVLLM__EINVAL;
  char* copy = uvllm__expand_take(e, s.len + 1, 1);
  if (copy == NULL)
    return UVLLM__ENOMEM;
  memcpy(copy, s.base, s.len);
  *chars = copy;
  return 0;
}


static int named_chars(expansion_t* e, uvllm_json_t v, const char** field, const char* name) {
  if (*field != NULL)
    return 0;
  const int err = read_chars(e, v, field);
  return err == UVLLM__EINVAL ? uvllm__expand_fail(e, err, name, "is no string") : err;
}


static int read_count(expansion_t* e, uvllm_json_t v, uint32_t* field, const char* name) {
  const int64_t n = uvllm_json_int(v, -1);
  if (*field != 0)
    return 0;
  if (n < 1 || n > UINT32_MAX)
    return uvllm__expand_fail(e, UVLLM__EINVAL, name, "is no number above 0");
  *field = (uint32_t) n;
  return 0;
}


static int read_num(expansion_t* e, uvllm_json_t v, double* field, const char* name) {
  if (!isnan(*field))
    return 0;
  if (!is(v, UVLLM_JSON_NUMBER))
    return uvllm__expand_fail(e, UVLLM__EINVAL, name, "is no number");
  *field = uvllm_json_num(v, NAN);
  return 0;
}


/* ---- Fields ---- */

static int read_model(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  return named_chars(e, v, &r->target.model, "model");
}


static int read_max_tokens(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  return read_count(e, v, &r->max_tokens, "max_tokens");
}


static int read_n(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  return read_count(e, v, &r->n, "n");
}


static int read_dimensions(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  return read_count(e, v, &r->dimensions, "dimensions");
}


static int read_temperature(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  return read_num(e, v, &r->temperature, "temperature");
}


static int read_top_p(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  return read_num(e, v, &r->top_p, "top_p");
}


static int read_frequency_penalty(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  return read_num(e, v, &r->frequency_penalty, "frequency_penalty");
}


static int read_presence_penalty(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  return read_num(e, v, &r->presence_penalty, "presence_penalty");
}


/* One of more than 64 bits, which some servers answer with, cannot be meant by any
 * number near it. */
static int is_seed(uvllm_json_t v) {
  const uvllm_str_t raw = uvllm_json_raw(v);
  const int64_t n = uvllm_json_int(v, 0);
  if (n == INT64_MIN || (n == INT64_MAX && !uvllm__str_eq(raw, "9223372036854775807")))
    return 0;
  const double d = uvllm_json_num(v, 0);
  return d >= 0x1p53 || d <= -0x1p53 || d == (double) n; /* beyond, there are no fractions */
}


static int read_seed(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  if (!is(v, UVLLM_JSON_NUMBER))
    return uvllm__expand_fail(e, UVLLM__EINVAL, "seed", "is no number");
  if (!is_seed(v))
    return uvllm__expand_fail(e, UVLLM__EINVAL, "seed", "is no whole number of 64 bits");
  if (r->seed == INT64_MIN)
    r->seed = uvllm_json_int(v, 0);
  return 0;
}


static int read_stop(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  const int many = is(v, UVLLM_JSON_ARRAY);
  const size_t n = many ? uvllm_json_count(v) : 1;
  uvllm_json_t entry = v;
  uint32_t it = 0;
  if (r->stop != NULL || n == 0)
    return 0;
  const char** stop = uvllm__expand_take(e, n + 1, sizeof(*stop));
  if (stop == NULL)
    return UVLLM__ENOMEM;
  for (size_t i = 0; i < n; i++) {
    if (many)
      uvllm_json_next(v, &it, NULL, &entry);
    const int err = read_chars(e, entry, &stop[i]);
    if (err != 0)
      return err == UVLLM__EINVAL ? uvllm__expand_fail(e, err, "stop", "is no list of texts") : err;
  }
  r->stop = stop;
  return 0;
}


static int read_effort(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  return named_chars(e, v, &r->reasoning_effort, "reasoning_effort");
}


static int read_tier(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  return named_chars(e, v, &r->service_tier, "service_tier");
}


static int read_tools(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  (void) e;
  if (r->tools_json.base == NULL && !(is(v, UVLLM_JSON_ARRAY) && uvllm_json_count(v) == 0))
    r->tools_json = uvllm_json_raw(v);
  return 0;
}


static int read_tool_choice(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  (void) e;
  if (r->tool_choice_json.base == NULL)
    r->tool_choice_json = uvllm_json_raw(v);
  return 0;
}


static int read_format(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  static const uvllm_str_t any = UVLLM_STR("{\"type\":\"object\"}");
  const uvllm_str_t type = uvllm_json_str(uvllm_json_get(v, "type"));
  const uvllm_json_t schema = uvllm_json_get(v, "json_schema");
  if (r->json_schema.base != NULL || uvllm__str_eq(type, "text"))
    return 0;
  if (uvllm__str_eq(type, "json_object"))
    r->json_schema = any;
  else if (!uvllm__str_eq(type, "json_schema"))
    return uvllm__expand_fail(e, UVLLM_EUNSUPPORTED, "response_format", "is of a type without counterpart");
  else if (!is(schema, UVLLM_JSON_OBJECT))
    return uvllm__expand_fail(e, UVLLM__EINVAL, "response_format", "has no json_schema");
  else
    r->json_schema = uvllm_json_raw(schema);
  return 0;
}


/* ---- Members without a field ---- */

static int ignore(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  (void) e, (void) r, (void) v;
  return 0;
}


static int only_false(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  (void) e, (void) r;
  return uvllm_json_bool(v, 1) ? UVLLM_EUNSUPPORTED : 0;
}


static int only_true(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  (void) e, (void) r;
  return uvllm_json_bool(v, 0) ? 0 : UVLLM_EUNSUPPORTED;
}


static int only_one(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  (void) e, (void) r;
  return uvllm_json_int(v, 0) == 1 ? 0 : UVLLM_EUNSUPPORTED;
}


static int only_empty(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  (void) e, (void) r;
  return is(v, UVLLM_JSON_OBJECT) && uvllm_json_count(v) == 0 ? 0 : UVLLM_EUNSUPPORTED;
}


static int only_text(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  (void) e, (void) r;
  return uvllm_json_count(v) == 1 && uvllm__str_eq(uvllm_json_str(uvllm_json_at(v, 0)), "text")
             ? 0
             : UVLLM_EUNSUPPORTED;
}


static int only_float(expansion_t* e, uvllm_request_t* r, uvllm_json_t v) {
  (void) e, (void) r;
  return uvllm__str_eq(uvllm_json_str(v), "float") ? 0 : UVLLM_EUNSUPPORTED;
}


typedef struct member_s {
  const char* name;
  unsigned int ops;
  read_cb read;
} member_t;

/* max_completion_tokens stands before max_tokens, whose newer name it is. */
static const member_t kMembers[] = {
  { "model", ALL, read_model },
  { "messages", CHAT, uvllm__expand_messages },
  { "prompt", COMPLETION, uvllm__expand_prompt },
  { "input", EMBED, uvllm__expand_input },
  { "max_completion_tokens", CHAT, read_max_tokens },
  { "max_tokens", TEXT, read_max_tokens },
  { "n", TEXT, read_n },
  { "dimensions", EMBED, read_dimensions },
  { "temperature", TEXT, read_temperature },
  { "top_p", TEXT, read_top_p },
  { "frequency_penalty", TEXT, read_frequency_penalty },
  { "presence_penalty", TEXT, read_presence_penalty },
  { "seed", TEXT, read_seed },
  { "stop", TEXT, read_stop },
  { "reasoning_effort", CHAT, read_effort },
  { "service_tier", TEXT, read_tier },
  { "tools", CHAT, read_tools },
  { "tool_choice", CHAT, read_tool_choice },
  { "response_format", CHAT, read_format },
  { "stream", ALL, ignore },
  { "stream_options", TEXT, ignore },
  { "store", CHAT, ignore },
  { "metadata", ALL, ignore },
  { "user", ALL, ignore },
  { "safety_identifier", CHAT, ignore },
  { "prompt_cache_key", CHAT, ignore },
  { "prompt_cache_retention", CHAT, ignore },
  { "parallel_tool_calls", CHAT, only_true },
  { "logprobs", TEXT, only_false },
  { "echo", COMPLETION, only_false },
  { "best_of", COMPLETION, only_one },
  { "logit_bias", TEXT, only_empty },
  { "modalities", CHAT, only_text },
  { "encoding_format", EMBED, only_float },
};

enum { NMEMBERS = sizeof(kMembers) / sizeof(kMembers[0]) };


static const member_t* find_member(uvllm_str_t name, unsigned int op) {
  for (size_t i = 0; i < NMEMBERS; i++)
    if ((kMembers[i].ops & op) != 0 && uvllm__str_eq(name, kMembers[i].name))
      return &kMembers[i];
  return NULL;
}


/* Before anything is read: what is not in the table must not be lost. */
static int check_names(expansion_t* e, uvllm_json_t root, unsigned int op) {
  uvllm_str_t name;
  uvllm_json_t v;
  uint32_t it = 0;
  while (uvllm_json_next(root, &it, &name, &v)) {
    if (name.base == NULL)
      return UVLLM__ENOMEM;
    if (is(v, UVLLM_JSON_NULL) || find_member(name, op) != NULL)
      continue;
    char text[72];
    snprintf(text, sizeof(text), "%.*s", (int) (name.len < 64 ? name.len : 64), name.base);
    return uvllm__expand_fail(e, UVLLM_EUNSUPPORTED, text, "has no counterpart here");
  }
  return 0;
}


static int read_members(expansion_t* e, uvllm_request_t* r, uvllm_json_t root, unsigned int op) {
  for (size_t i = 0; i < NMEMBERS; i++) {
    const uvllm_json_t v = uvllm_json_get(root, kMembers[i].name);
    if ((kMembers[i].ops & op) == 0 || uvllm_json_type_of(v) <= UVLLM_JSON_NULL)
      continue;
    const int err = kMembers[i].read(e, r, v);
    if (err == UVLLM_EUNSUPPORTED && e->why[0] == '\0')
      uvllm__expand_fail(e, err, kMembers[i].name, "has no counterpart here");
    if (err != 0)
      return err;
  }
  return 0;
}


int uvllm__request_expand(expansion_t* e, uvllm_request_t* r, const uvllm_alloc_t* alloc) {
  const unsigned int op = r->op == UVLLM_EMBED        ? EMBED
                          : r->op == UVLLM_COMPLETION ? COMPLETION : CHAT;
  uvllm_json_t root;
  memset(e, 0, sizeof(*e));
  e->alloc = alloc;
  int err = uvllm_json_parser_new(&e->parser, alloc);
  if (err == 0)
    err = uvllm_json_parse(e->parser, r->body_json, &root, NULL);
  if (err == UVLLM_EPROTO || (err == 0 && !is(root, UVLLM_JSON_OBJECT))) {
    snprintf(e->why, sizeof(e->why), "body_json is not a JSON object");
    return UVLLM__EINVAL;
  }
  if (err == 0)
    err = check_names(e, root, op);
  if (err == 0)
    err = read_members(e, r, root, op);
  if (err == 0)
    r->body_json = (uvllm_str_t) { NULL, 0 };
  return err;
}
