/* The body of a request in the OpenAI dialect.
 *
 * Three sources are merged: what the request's fields say, body_json, and
 * extra_json. A field wins over a member of body_json, a member of extra_json
 * over both; no name is written twice. What is copied from body_json and
 * extra_json is copied byte for byte, so members nobody here knows survive.
 */
#include "openai.h"
#include "json_writer.h"

#include <math.h>

enum { MAX_OWN = 40 };

typedef struct body_s {
  const uvllm_attempt_t* attempt;
  const uvllm_request_t* r;
  uvllm_json_writer_t* w;
  uvllm_json_t given, extra; /* body_json and extra_json, or absent */
  int wrapped;               /* json_schema has a name or a schema within */
  size_t nown;
  uvllm_str_t own[MAX_OWN];  /* the names that are the fields' to write */
} body_t;

#define NAME UVLLM__JSON_NAME


/* ---- Merging ---- */

static int same(uvllm_str_t a, uvllm_str_t b) {
  return a.len == b.len && memcmp(a.base, b.base, a.len) == 0;
}


static uvllm_json_t member(uvllm_json_t object, uvllm_str_t wanted) {
  uvllm_json_t value, found = { NULL, 0 };
  uvllm_str_t name;
  uint32_t it = 0;
  if (object.parser == NULL)
    return found;
  while (uvllm_json_next(object, &it, &name, &value))
    if (same(name, wanted))
      found = value;
  return found;
}


static int has(uvllm_json_t object, uvllm_str_t name) {
  return member(object, name).parser != NULL;
}


/* Without its quotes and colon. */
static uvllm_str_t bare(uvllm_str_t name) {
  return (uvllm_str_t) { name.base + 1, name.len - 3 };
}


/* From here on the name is not copied from body_json. */
static void claim(body_t* b, uvllm_str_t name) {
  b->own[b->nown++] = bare(name);
}


/* 1: the member's name is written, its value is due. 0: extra_json has it. */
static int begins(body_t* b, uvllm_str_t name) {
  claim(b, name);
  if (has(b->extra, bare(name)))
    return 0;
  uvllm__json_name_constant(b->w, name);
  return 1;
}


static int is_own(const body_t* b, uvllm_str_t name) {
  for (size_t i = 0; i < b->nown; i++)
    if (same(name, b->own[i]))
      return 1;
  return 0;
}


/* A null in extra_json for a name of ours takes the member away: some servers
 * refuse what they do not know. */
static void copy_members(body_t* b, uvllm_json_t from, int is_extra) {
  uvllm_json_t value;
  uvllm_str_t name;
  uint32_t it = 0;
  if (from.parser == NULL)
    return;
  while (uvllm_json_next(from, &it, &name, &value)) {
    const int own = is_own(b, name);
    const int null = uvllm_json_type_of(value) == UVLLM_JSON_NULL;
    if (member(from, name).index != value.index)
      continue; /* a later one of the same name counts */
    if (is_extra ? own && null : own || has(b->extra, name))
      continue;
    uvllm_json_name_str(b->w, name);
    uvllm_json_write_raw(b->w, uvllm_json_raw(value));
  }
}


/* ---- Members ---- */

static void put_str(body_t* b, uvllm_str_t name, const char* value) {
  if (value != NULL && begins(b, name))
    uvllm_json_write_str(b->w, uvllm__str(value));
}


static void put_raw(body_t* b, uvllm_str_t name, uvllm_str_t json) {
  if (json.base != NULL && begins(b, name))
    uvllm_json_write_raw(b->w, json);
}


static void put_count(body_t* b, uvllm_str_t name, uint32_t value) {
  if (value != 0 && begins(b, name))
    uvllm_json_write_int(b->w, value);
}


static void put_num(body_t* b, uvllm_str_t name, double value) {
  if (!isnan(value) && begins(b, name))
    uvllm_json_write_num(b->w, value);
}


/* api.openai.com, or a region's of the same name. */
static int is_openai(uvllm_str_t url) {
  static const char host[] = "api.openai.com";
  const size_t n = sizeof(host) - 1;
  if (url.base == NULL)
    return 1;
  size_t start = 0;
  for (size_t i = 0; i + 3 <= url.len; i++)
    if (memcmp(url.base + i, "://", 3) == 0) {
      start = i + 3;
      break;
    }
  size_t end = start;
  while (end < url.len && url.base[end] != '/' && url.base[end] != ':')
    end++;
  if (end - start < n || (end - start > n && url.base[end - n - 1] != '.'))
    return 0;
  for (size_t i = 0; i < n; i++)
    if ((url.base[end - n + i] | 0x20) != (host[i] | 0x20))
      return 0;
  return 1;
}


/* Models that reason refuse max_tokens; other vendors know nothing else. Only one
 * of the two is ever sent. */
static void put_max_tokens(body_t* b) {
  const uvllm_str_t names[] = { NAME("max_tokens"), NAME("max_completion_tokens") };
  if (b->r->max_tokens == 0)
    return;
  const int newer = b->r->op == UVLLM_CHAT && is_openai(b->attempt->base_url);
  claim(b, names[!newer]);
  if (!has(b->extra, bare(names[!newer])))
    put_count(b, names[newer], b->r->max_tokens);
  else
    claim(b, names[newer]);
}


static void put_stop(body_t* b) {
  if (b->r->stop == NULL || !begins(b, NAME("stop")))
    return;
  uvllm_json_begin_array(b->w);
  for (const char* const* stop = b->r->stop; *stop != NULL; stop++)
    uvllm_json_write_str(b->w, uvllm__str(*stop));
  uvllm_json_end_array(b->w);
}


static void put_schema(body_t* b) {
  if (b->r->json_schema.base == NULL || !begins(b, NAME("response_format")))
    return;
  uvllm_json_begin_object(b->w);
  uvllm__json_name_constant(b->w, NAME("type"));
  uvllm_json_write_str(b->w, uvllm__str("json_schema"));
  uvllm__json_name_constant(b->w, NAME("json_schema"));
  if (b->wrapped) {
    uvllm_json_write_raw(b->w, b->r->json_schema);
  } else {
    uvllm_json_begin_object(b->w);
    uvllm__json_name_constant(b->w, NAME("name"));
    uvllm_json_write_str(b->w, uvllm__str("answer"));
    uvllm__json_name_constant(b->w, NAME("strict"));
    uvllm_json_write_bool(b->w, 1);
    uvllm__json_name_constant(b->w, NAME("schema"));
    uvllm_json_write_raw(b->w, b->r->json_schema);
    uvllm_json_end_object(b->w);
  }
  uvllm_json_end_object(b->w);
}


static void put_tool_choice(body_t* b) {
  const uvllm_str_t choice = b->r->tool_choice_json;
  if (choice.base == NULL || !begins(b, NAME("tool_choice")))
    return;
  if (choice.len != 0 && choice.base[0] >= 'a' && choice.base[0] <= 'z')
    uvllm_json_write_str(b->w, choice);
  else
    uvllm_json_write_raw(b->w, choice);
}


static void put_stream(body_t* b) {
  if ((b->r->flags & UVLLM_STREAM) == 0) {
    claim(b, NAME("stream"));
    claim(b, NAME("stream_options"));
    return;
  }
  if (begins(b, NAME("stream")))
    uvllm_json_write_bool(b->w, 1);
  if (begins(b, NAME("stream_options"))) {
    uvllm_json_begin_object(b->w);
    uvllm__json_name_constant(b->w, NAME("include_usage"));
    uvllm_json_write_bool(b->w, 1);
    uvllm_json_end_object(b->w);
  }
}


/* ---- Messages ---- */

static void put_member(uvllm_json_writer_t* w, uvllm_str_t name, uvllm_str_t value) {
  if (value.base == NULL)
    return;
  uvllm__json_name_constant(w, name);
  uvllm_json_write_str(w, value);
}


static void put_message(uvllm_json_writer_t* w, const uvllm_message_t* m) {
  static const uvllm_str_t roles[] = { UVLLM_STR("system"), UVLLM_STR("user"),
                                       UVLLM_STR("assistant"), UVLLM_STR("tool") };
  uvllm_json_begin_object(w);
  put_member(w, NAME("role"), roles[m->role]);
  put_member(w, NAME("name"), m->name);
  put_member(w, NAME("tool_call_id"), m->tool_call_id);
  uvllm__json_name_constant(w, NAME("content"));
  if (m->parts_json.base != NULL)
    uvllm_json_write_raw(w, m->parts_json);
  else
    uvllm_json_write_str(w, m->text); /* null beside tool calls alone */
  if (m->tool_calls_json.base != NULL) {
    uvllm__json_name_constant(w, NAME("tool_calls"));
    uvllm_json_write_raw(w, m->tool_calls_json);
  }
  uvllm_json_end_object(w);
}


static void put_messages(body_t* b) {
  if (b->r->nmessages == 0 || !begins(b, NAME("messages")))
    return;
  uvllm_json_begin_array(b->w);
  for (size_t i = 0; i < b->r->nmessages; i++)
    put_message(b->w, &b->r->messages[i]);
  uvllm_json_end_array(b->w);
}


static void put_prompt(body_t* b) {
  if (b->r->nmessages != 0 && begins(b, NAME("prompt")))
    uvllm_json_write_str(b->w, b->r->messages[0].text);
}


static void put_inputs(body_t* b) {
  if (b->r->nmessages == 0 || !begins(b, NAME("input")))
    return;
  if (b->r->nmessages == 1) {
    uvllm_json_write_str(b->w, b->r->messages[0].text);
    return;
  }
  uvllm_json_begin_array(b->w);
  for (size_t i = 0; i < b->r->nmessages; i++)
    uvllm_json_write_str(b->w, b->r->messages[i].text);
  uvllm_json_end_array(b->w);
}


/* A quarter of the bytes, and nothing to parse. Not where somebody else reads the
 * body: there it must be what they asked for. */
static void put_encoding(body_t* b) {
  const int ours = b->r->body_json.base == NULL && (b->r->flags & UVLLM_BODY) == 0;
  put_str(b, NAME("encoding_format"), ours ? "base64" : NULL);
}


static void put_fields(body_t* b) {
  const uvllm_request_t* r = b->r;
  if (b->attempt->model.base != NULL && begins(b, NAME("model")))
    uvllm_json_write_str(b->w, b->attempt->model);
  if (r->op == UVLLM_EMBED) {
    put_inputs(b);
    put_count(b, NAME("dimensions"), r->dimensions);
    put_encoding(b);
    return;
  }
  if (r->op == UVLLM_CHAT)
    put_messages(b);
  else
    put_prompt(b);
  put_stream(b);
  put_max_tokens(b);
  put_count(b, NAME("n"), r->n);
  put_num(b, NAME("temperature"), r->temperature);
  put_num(b, NAME("top_p"), r->top_p);
  put_num(b, NAME("frequency_penalty"), r->frequency_penalty);
  put_num(b, NAME("presence_penalty"), r->presence_penalty);
  if (r->seed != INT64_MIN && begins(b, NAME("seed")))
    uvllm_json_write_int(b->w, r->seed);
  put_stop(b);
  put_str(b, NAME("reasoning_effort"), r->reasoning_effort);
  put_str(b, NAME("service_tier"), r->service_tier);
  put_schema(b);
  put_raw(b, NAME("tools"), r->tools_json);
  put_tool_choice(b);
}


/* ---- The whole ---- */

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
  int err = *parser == NULL ? uvllm_json_parser_new(parser, alloc) : 0;
  if (err == 0)
    err = uvllm_json_parse(*parser, text, root, NULL);
  return err == 0 ? decode_names(*root) : err;
}


static void write_body(body_t* b) {
  uvllm_json_begin_object(b->w);
  put_fields(b);
  copy_members(b, b->given, 0);
  copy_members(b, b->extra, 1);
  uvllm_json_end_object(b->w);
}


int uvllm__openai_body(const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  const uvllm_request_t* r = attempt->request;
  const uvllm_alloc_t* alloc = uvllm_http_alloc(http);
  uvllm_json_parser_t *first = NULL, *second = NULL;
  uvllm_json_t schema = { NULL, 0 };
  body_t b; /* not all of it is needed */
  b.attempt = attempt;
  b.r = r;
  b.given = b.extra = schema;
  b.nown = 0;
  int err = parse(&first, alloc, r->json_schema, &schema);
  b.wrapped = has(schema, bare(NAME("schema"))) || has(schema, bare(NAME("name")));
  if (err == 0)
    err = parse(&first, alloc, r->body_json, &b.given);
  if (err == 0)
    err = parse(&second, alloc, r->extra_json, &b.extra);
  if (err == 0) {
    b.w = uvllm_http_json(http);
    write_body(&b);
    err = uvllm_json_writer_error(b.w);
  }
  uvllm_json_parser_free(first);
  uvllm_json_parser_free(second);
  return err;
}
