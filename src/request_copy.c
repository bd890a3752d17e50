/* A request's deep copy in one block: measured first, then filled by the same
 * walk, so that the two cannot disagree. The block is wiped when it is freed:
 * headers may hold secrets, and prompts are nobody's business.
 */
#include "internal.h"

typedef struct cursor_s {
  char* base; /* NULL: only measure; nothing is written */
  size_t at;
} cursor_t;


static void* take(cursor_t* c, const void* from, size_t size, size_t align) {
  c->at = (c->at + align - 1) & ~(align - 1);
  void* to = c->base != NULL ? c->base + c->at : NULL;
  c->at += size;
  if (to != NULL && size != 0)
    memcpy(to, from, size);
  return to;
}


static void copy_chars(cursor_t* c, const char** s) {
  if (*s == NULL)
    return;
  const char* to = take(c, *s, strlen(*s) + 1, 1);
  if (to != NULL)
    *s = to;
}


static void copy_str(cursor_t* c, uvllm_str_t* s) {
  if (s->base == NULL)
    return;
  const char* to = take(c, s->base, s->len, 1);
  if (to != NULL)
    s->base = to;
}


static void copy_messages(cursor_t* c, uvllm_request_t* r) {
  if (r->nmessages == 0)
    return;
  uvllm_message_t* to =
      take(c, r->messages, r->nmessages * sizeof(*r->messages), _Alignof(uvllm_message_t));
  for (size_t i = 0; i < r->nmessages; i++) {
    uvllm_message_t scratch = r->messages[i];
    uvllm_message_t* m = to != NULL ? &to[i] : &scratch;
    copy_str(c, &m->text);
    copy_str(c, &m->parts_json);
    copy_str(c, &m->tool_calls_json);
    copy_str(c, &m->tool_call_id);
    copy_str(c, &m->name);
    copy_str(c, &m->replay_json);
  }
  if (to != NULL)
    r->messages = to;
}


static void copy_headers(cursor_t* c, uvllm_request_t* r) {
  if (r->nheaders == 0)
    return;
  uvllm_kv_t* to = take(c, r->headers, r->nheaders * sizeof(*r->headers), _Alignof(uvllm_kv_t));
  for (size_t i = 0; i < r->nheaders; i++) {
    uvllm_kv_t scratch = r->headers[i];
    uvllm_kv_t* kv = to != NULL ? &to[i] : &scratch;
    copy_chars(c, &kv->name);
    copy_chars(c, &kv->value);
  }
  if (to != NULL)
    r->headers = to;
}


static void copy_stop(cursor_t* c, uvllm_request_t* r) {
  size_t n = 0;
  if (r->stop == NULL)
    return;
  while (r->stop[n] != NULL)
    n++;
  const char** to = take(c, r->stop, (n + 1) * sizeof(*r->stop), _Alignof(const char*));
  for (size_t i = 0; i < n; i++) {
    const char* scratch = r->stop[i];
    copy_chars(c, to != NULL ? &to[i] : &scratch);
  }
  if (to != NULL)
    r->stop = to;
}


static void walk(cursor_t* c, uvllm_request_t* r) {
  copy_chars(c, &r->target.provider);
  copy_chars(c, &r->target.model);
  copy_messages(c, r);
  copy_headers(c, r);
  copy_stop(c, r);
  copy_str(c, &r->body_json);
  copy_chars(c, &r->reasoning_effort);
  copy_chars(c, &r->service_tier);
  copy_str(c, &r->json_schema);
  copy_str(c, &r->tools_json);
  copy_str(c, &r->tool_choice_json);
  copy_str(c, &r->extra_json);
  copy_chars(c, &r->raw_method);
  copy_chars(c, &r->raw_path);
  copy_str(c, &r->raw_body);
  copy_chars(c, &r->tag);
}


int uvllm__request_copy(const uvllm_request_t* in, const uvllm_alloc_t* alloc,
                        uvllm_request_t** out, size_t* bytes) {
  cursor_t c = { NULL, sizeof(uvllm_request_t) };
  walk(&c, (uvllm_request_t*) in);
  char* block = uvllm__malloc(alloc, c.at);
  if (block == NULL)
    return UV_ENOMEM;
  *bytes = c.at;
  *out = (uvllm_request_t*) (void*) block;
  **out = *in;
  c.base = block;
  c.at = sizeof(uvllm_request_t);
  walk(&c, *out);
  return 0;
}


void uvllm__request_free(const uvllm_alloc_t* alloc, uvllm_request_t* request, size_t bytes) {
  if (request != NULL)
    explicit_bzero(request, bytes);
  uvllm__free(alloc, request);
}
