/* Which fragment of a stream belongs to which tool call.
 *
 * OpenAI numbers the calls. Others leave the number out, start at one, give every
 * call number 0 and a new id, or a new id to each fragment of one call. The calls
 * seen last are remembered in a ring, which is enough: calls come one after the
 * other, and only those that are still open are asked for.
 */
#include "openai.h"

enum { NO_INDEX = -1 };

typedef struct fragment_s {
  uint32_t choice, wire, key;
  int has_index, has_id;
  uvllm_str_t id, name, json;
} fragment_t;

typedef uvllm__openai_call_t call_t;


/* FNV-1a; never 0. */
static uint32_t hash(uvllm_str_t s) {
  uint32_t h = 2166136261u;
  for (size_t i = 0; i < s.len; i++)
    h = (h ^ (unsigned char) s.base[i]) * 16777619u;
  return h != 0 ? h : 1;
}


/* The i-th call from the last one back, or NULL. */
static call_t* recent(uvllm__openai_t* s, uint32_t i) {
  const uint32_t kept = s->ncalls < UVLLM__OPENAI_CALLS ? s->ncalls : UVLLM__OPENAI_CALLS;
  return i < kept ? &s->calls[(s->ncalls - 1 - i) % UVLLM__OPENAI_CALLS] : NULL;
}


static call_t* find_key(uvllm__openai_t* s, const fragment_t* f) {
  call_t* call;
  for (uint32_t i = 0; (call = recent(s, i)) != NULL; i++)
    if (call->choice == f->choice && call->key == f->key)
      return call;
  return NULL;
}


static call_t* find_wire(uvllm__openai_t* s, const fragment_t* f) {
  call_t* call;
  for (uint32_t i = 0; (call = recent(s, i)) != NULL; i++)
    if (call->choice == f->choice && call->wire == f->wire)
      return call;
  return NULL;
}


/* The number sent, unless a call of the choice has it: then the next free one. */
static uint32_t free_index(uvllm__openai_t* s, const fragment_t* f) {
  uint32_t next = 0;
  int taken = 0;
  call_t* call;
  for (uint32_t i = 0; (call = recent(s, i)) != NULL; i++)
    if (call->choice == f->choice) {
      taken |= call->index == f->wire;
      next = call->index >= next ? call->index + 1 : next;
    }
  return taken || !f->has_index ? next : f->wire;
}


static call_t* remember(uvllm__openai_t* s, const fragment_t* f) {
  const call_t call = { f->choice, f->wire, free_index(s, f), f->key };
  call_t* slot = &s->calls[s->ncalls++ % UVLLM__OPENAI_CALLS];
  *slot = call;
  return slot;
}


/* A new id on a known number is a new call if a name comes with it, or if there
 * are no numbers. A name that differs is so where there are neither. */
static int is_another(const call_t* call, const fragment_t* f) {
  if (f->key == 0 || call->key == 0 || call->key == f->key)
    return 0;
  return f->name.len != 0 || !f->has_index;
}


/* NULL: an empty fragment that belongs to nothing. */
static call_t* call_of(uvllm__openai_t* s, const fragment_t* f) {
  call_t* call = f->has_id && !f->has_index ? find_key(s, f) : NULL;
  if (call != NULL)
    return call;
  call = find_wire(s, f);
  if (call == NULL && f->key == 0 && f->name.len == 0 && f->json.len == 0)
    return NULL;
  if (call == NULL || is_another(call, f))
    return remember(s, f);
  if (call->key == 0)
    call->key = f->key;
  return call;
}


/* Arguments are a string that holds JSON; some send the object itself. The input
 * of a custom tool is any text. */
static void read_function(uvllm__openai_t* s, fragment_t* f, uvllm_json_t tool) {
  static const uvllm_str_t names[] = { UVLLM_STR("name"), UVLLM_STR("arguments"),
                                       UVLLM_STR("input") };
  uvllm_json_t v[3];
  uvllm_json_t function = uvllm_json_get(tool, "function");
  if (uvllm_json_type_of(function) != UVLLM_JSON_OBJECT)
    function = uvllm_json_get(tool, "custom");
  UVLLM__JSON_PICK(function, names, v);
  const uvllm_json_t arguments = uvllm_json_type_of(v[1]) > UVLLM_JSON_NULL ? v[1] : v[2];
  f->name = uvllm__openai_str(s, v[0]);
  f->json = uvllm_json_type_of(arguments) >= UVLLM_JSON_ARRAY
                ? uvllm_json_raw(arguments)
                : uvllm__openai_str(s, arguments);
}


static fragment_t read_fragment(uvllm__openai_t* s, uint32_t choice, uint32_t position,
                                uvllm_json_t tool) {
  fragment_t f = { .choice = choice };
  const int64_t index = uvllm_json_int(uvllm_json_get(tool, "index"), NO_INDEX);
  read_function(s, &f, tool);
  f.id = uvllm__openai_str(s, uvllm_json_get(tool, "id"));
  f.has_index = index >= 0 && index < UINT32_MAX;
  f.has_id = f.id.len != 0;
  f.wire = f.has_index ? (uint32_t) index : position;
  if (f.has_id)
    f.key = hash(f.id);
  else if (!f.has_index && f.name.len != 0)
    f.key = hash(f.name);
  return f;
}


static void keep_extra(uvllm__openai_t* s, const fragment_t* f, uvllm_json_t extra,
                       uvllm_emit_t* emit) {
  if (s->replay == UVLLM__REPLAY_EXTRA && f->has_id &&
      uvllm_json_type_of(extra) == UVLLM_JSON_OBJECT)
    uvllm__openai_keep_extra(s, f->choice, f->id, extra, emit);
}


int uvllm__openai_tools(uvllm__openai_t* s, uint32_t choice, uvllm_json_t calls, int whole,
                        uvllm_emit_t* emit) {
  uvllm_json_t tool;
  uint32_t it = 0;
  int any = 0;
  if (uvllm_json_type_of(calls) != UVLLM_JSON_ARRAY)
    return 0;
  for (uint32_t position = 0; uvllm_json_next(calls, &it, NULL, &tool); position++) {
    if (uvllm_json_type_of(tool) != UVLLM_JSON_OBJECT)
      continue;
    const fragment_t f = read_fragment(s, choice, position, tool);
    const call_t* call = whole ? NULL : call_of(s, &f);
    if (!whole && call == NULL)
      continue;
    uvllm_emit_tool(emit, choice, whole ? position : call->index, f.id, f.name, f.json);
    keep_extra(s, &f, uvllm_json_get(tool, "extra_content"), emit);
    any = 1;
  }
  return any;
}
