/* The body of a request in the OpenAI dialect.
 *
 * Three sources are merged: what the request's fields say, body_json, and
 * extra_json. A field wins over a member of body_json, a member of extra_json
 * over both; no name is written twice. What is copied from body_json and
 * extra_json is copied byte for byte, so members nobody here knows survive.
 */
#include "openai.h"
#include "body.h"
#include "openai_quirks.h"
#include "shape.h"

typedef struct put_s {
  uvllm__body_t body;
  const uvllm_attempt_t* attempt;
  const uvllm_request_t* r;
  uvllm__shape_t shape;
} put_t;


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


/* ---- Names ---- */

/* Completions are older than this name. */
static int is_too_new(const put_t* p, const char* name) {
  return p->r->op == UVLLM_COMPLETION && strcmp(name, "max_completion_tokens") == 0;
}


/* A member's name at this server. */
static const char* called(const put_t* p, const char* member) {
  const uvllm_attempt_t* a = p->attempt;
  const char* name = a->nparams != 0 ? uvllm__quirk_name(a->params, a->nparams, member) : member;
  return is_too_new(p, name) ? member : name;
}


/* What body_json calls as OpenAI does is called as the server does. */
static void put_renamed(put_t* p) {
  const uvllm_attempt_t* a = p->attempt;
  const char *member, *name;
  for (size_t i = 0; uvllm__quirk_next(a->params, a->nparams, &i, &member, &name);) {
    const uvllm_json_t given = uvllm__body_given(&p->body, member);
    if (is_too_new(p, name))
      continue;
    const int is_set = uvllm__body_is_claimed(&p->body, member) ||
                       uvllm__body_is_claimed(&p->body, name);
    uvllm__body_claim(&p->body, member);
    if (!is_set && uvllm_json_type_of(given) != UVLLM_JSON_NONE)
      uvllm__body_raw(&p->body, name, uvllm_json_raw(given));
  }
}


/* check() has refused what matters of it. */
static void drop_bookkeeping(put_t* p) {
  static const char* const names[] = { "user", "metadata", "store", "safety_identifier",
                                       "prompt_cache_key", "prompt_cache_retention" };
  const uvllm_attempt_t* a = p->attempt;
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (uvllm__quirk_refuses(a->params, a->nparams, names[i]))
      uvllm__body_claim(&p->body, names[i]);
}


/* Models that reason refuse max_tokens; other vendors know nothing else. Only one
 * of the two is ever sent. */
static void put_max_tokens(put_t* p) {
  static const char* const names[] = { "max_tokens", "max_completion_tokens" };
  const char* name = called(p, names[0]);
  const int newer = strcmp(name, names[1]) == 0 ||
                    (p->r->op == UVLLM_CHAT && is_openai(p->attempt->base_url));
  if (p->r->max_tokens == 0)
    return;
  if (strcmp(name, names[0]) != 0 && !newer) {
    uvllm__body_count(&p->body, name, p->r->max_tokens);
    uvllm__body_claim(&p->body, names[0]);
    uvllm__body_claim(&p->body, names[1]);
    return;
  }
  uvllm__body_claim(&p->body, names[!newer]);
  if (!uvllm__body_extra_has(&p->body, names[!newer]))
    uvllm__body_count(&p->body, names[newer], p->r->max_tokens);
  else
    uvllm__body_claim(&p->body, names[newer]);
}


static void write_schema(uvllm_json_writer_t* w, const uvllm__schema_t* schema) {
  uvllm_json_begin_object(w);
  uvllm_json_name(w, "name");
  uvllm_json_write_str(w, schema->name);
  uvllm_json_name(w, "strict");
  uvllm_json_write_bool(w, 1);
  uvllm_json_name(w, "schema");
  uvllm_json_write_raw(w, schema->schema);
  uvllm_json_end_object(w);
}


/* {"type":"json_schema","json_schema":{...}}, or as the quirk "schema" says. */
static int put_schema(put_t* p) {
  uvllm_json_writer_t* w = p->body.w;
  uvllm__schema_t schema = { 0 };
  const char* place = uvllm_param(p->attempt->params, p->attempt->nparams, "schema");
  const int direct = place != NULL && strcmp(place, "direct") == 0;
  const int err = uvllm__schema(&p->shape, p->r, &schema);
  if (err != 0 || p->r->json_schema.base == NULL ||
      !uvllm__body_begins(&p->body, "response_format"))
    return err;
  uvllm_json_begin_object(w);
  uvllm_json_name(w, "type");
  uvllm_json_write_str(w, uvllm__str("json_schema"));
  uvllm_json_name(w, direct ? "schema" : place != NULL ? place : "json_schema");
  if (direct || schema.is_wrapped)
    uvllm_json_write_raw(w, direct ? schema.schema : p->r->json_schema);
  else
    write_schema(w, &schema);
  uvllm_json_end_object(w);
  return 0;
}


static void put_tool_choice(put_t* p) {
  const uvllm_str_t choice = p->r->tool_choice_json;
  if (choice.base == NULL || !uvllm__body_begins(&p->body, "tool_choice"))
    return;
  if (choice.len != 0 && choice.base[0] >= 'a' && choice.base[0] <= 'z')
    uvllm_json_write_str(p->body.w, choice);
  else
    uvllm_json_write_raw(p->body.w, choice);
}


static void put_stream(put_t* p) {
  if ((p->r->flags & UVLLM_STREAM) == 0) {
    uvllm__body_claim(&p->body, "stream");
    uvllm__body_claim(&p->body, "stream_options");
    return;
  }
  if (uvllm__body_begins(&p->body, "stream"))
    uvllm_json_write_bool(p->body.w, 1);
  if (uvllm__quirk_refuses(p->attempt->params, p->attempt->nparams, "stream_options"))
    uvllm__body_claim(&p->body, "stream_options");
  else if (uvllm__body_begins(&p->body, "stream_options")) {
    uvllm_json_begin_object(p->body.w);
    uvllm_json_name(p->body.w, "include_usage");
    uvllm_json_write_bool(p->body.w, 1);
    uvllm_json_end_object(p->body.w);
  }
}


/* ---- What is asked ---- */

static int put_messages(put_t* p) {
  if (p->r->nmessages == 0 || !uvllm__body_begins(&p->body, "messages"))
    return 0;
  return uvllm__openai_put_messages(p->body.w, &p->shape, p->attempt);
}


static void put_prompt(put_t* p) {
  if (p->r->nmessages != 0 && uvllm__body_begins(&p->body, "prompt"))
    uvllm_json_write_str(p->body.w, p->r->messages[0].text);
}


static void put_inputs(put_t* p) {
  if (p->r->nmessages == 0 || !uvllm__body_begins(&p->body, "input"))
    return;
  if (p->r->nmessages == 1) {
    uvllm_json_write_str(p->body.w, p->r->messages[0].text);
    return;
  }
  uvllm_json_begin_array(p->body.w);
  for (size_t i = 0; i < p->r->nmessages; i++)
    uvllm_json_write_str(p->body.w, p->r->messages[i].text);
  uvllm_json_end_array(p->body.w);
}


/* A quarter of the bytes, and nothing to parse. Not where somebody else reads the
 * body: there it must be what they asked for. */
static void put_encoding(put_t* p) {
  const int ours = p->r->body_json.base == NULL && (p->r->flags & UVLLM_BODY) == 0;
  uvllm__body_chars(&p->body, "encoding_format", ours ? "base64" : NULL);
}


static int put_fields(put_t* p) {
  const uvllm_request_t* r = p->r;
  uvllm__body_str(&p->body, "model", p->attempt->model);
  if (r->op == UVLLM_EMBED) {
    put_inputs(p);
    uvllm__body_count(&p->body, called(p, "dimensions"), r->dimensions);
    put_encoding(p);
    return 0;
  }
  int err = 0;
  if (r->op == UVLLM_CHAT)
    err = put_messages(p);
  else
    put_prompt(p);
  if (err != 0)
    return err;
  put_stream(p);
  put_max_tokens(p);
  uvllm__body_count(&p->body, called(p, "n"), r->n);
  uvllm__body_num(&p->body, called(p, "temperature"), r->temperature);
  uvllm__body_num(&p->body, called(p, "top_p"), r->top_p);
  uvllm__body_num(&p->body, called(p, "frequency_penalty"), r->frequency_penalty);
  uvllm__body_num(&p->body, called(p, "presence_penalty"), r->presence_penalty);
  uvllm__body_seed(&p->body, called(p, "seed"), r->seed);
  uvllm__body_stop(&p->body, called(p, "stop"), r->stop);
  uvllm__body_chars(&p->body, called(p, "reasoning_effort"), r->reasoning_effort);
  uvllm__body_chars(&p->body, called(p, "service_tier"), r->service_tier);
  err = put_schema(p);
  uvllm__body_raw(&p->body, "tools", r->tools_json);
  put_tool_choice(p);
  return err;
}


/* ---- The whole ---- */

int uvllm__openai_body(const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  put_t p = { .attempt = attempt, .r = attempt->request };
  uvllm__shape_init(&p.shape, uvllm_http_alloc(http));
  int err = uvllm__body_begin_openai(&p.body, attempt->request, http);
  if (err == 0)
    err = put_fields(&p);
  if (err == 0 && attempt->nparams != 0) {
    put_renamed(&p);
    drop_bookkeeping(&p);
  }
  err = uvllm__body_end(&p.body, err);
  uvllm__shape_free(&p.shape);
  return err;
}
