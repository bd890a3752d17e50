/* The messages of a chat: as OpenAI has them, and what a server wants besides: its
 * model's thoughts back with the calls that came of them (the param "replay"), and ids
 * of calls as it makes them itself (the param "tool_ids").
 */
#include "openai.h"
#include "body.h"
#include "hash.h"
#include "shape.h"

enum { TOOL_ID = 9 };

typedef struct turn_s {
  uvllm_json_writer_t* w;
  uvllm__shape_t* shape;
  const uvllm_request_t* r;
  const char* replay; /* the member that goes back, or NULL */
  int short_ids;
} turn_t;


static void put_member(uvllm_json_writer_t* w, const char* name, uvllm_str_t value) {
  if (value.base == NULL)
    return;
  uvllm_json_name(w, name);
  uvllm_json_write_str(w, value);
}


/* ---- Ids ---- */

static int is_short_id(uvllm_str_t id) {
  for (size_t i = 0; i < id.len; i++) {
    const char c = id.base[i];
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
      return 0;
  }
  return id.len == TOOL_ID;
}


/* Nine letters and digits: of another's id always the same ones. */
static uvllm_str_t short_id(uvllm_str_t id, char text[TOOL_ID]) {
  static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  if (is_short_id(id))
    return id;
  uint64_t h = uvllm__hash_end(uvllm__hash_add(UVLLM__HASH_INIT, id.base, id.len));
  for (int i = 0; i < TOOL_ID; i++, h /= 62)
    text[i] = digits[h % 62];
  return (uvllm_str_t) { text, TOOL_ID };
}


static void put_id(const turn_t* t, const char* name, uvllm_str_t id) {
  char text[TOOL_ID];
  if (id.base != NULL)
    put_member(t->w, name, t->short_ids ? short_id(id, text) : id);
}


/* Each call as it is, but for its id. */
static void put_call(const turn_t* t, uvllm_json_t call) {
  uvllm_json_t value;
  uvllm_str_t name;
  uint32_t it = 0;
  uvllm_json_begin_object(t->w);
  while (uvllm_json_next(call, &it, &name, &value)) {
    if (uvllm__str_eq(name, "id") && uvllm_json_type_of(value) == UVLLM_JSON_STRING) {
      put_id(t, "id", uvllm_json_str(value));
      continue;
    }
    uvllm_json_name_str(t->w, name);
    uvllm_json_write_raw(t->w, uvllm_json_raw(value));
  }
  uvllm_json_end_object(t->w);
}


static int put_calls(const turn_t* t, size_t i) {
  const uvllm_message_t* m = &t->r->messages[i];
  uvllm__list_t calls;
  uvllm__call_t call;
  if (m->tool_calls_json.base == NULL)
    return 0;
  uvllm_json_name(t->w, "tool_calls");
  if (!t->short_ids) {
    uvllm_json_write_raw(t->w, m->tool_calls_json);
    return 0;
  }
  int rc = uvllm__calls_begin(&calls, t->shape, t->r, i);
  if (rc != 0)
    return rc;
  uvllm_json_begin_array(t->w);
  while ((rc = uvllm__calls_next(&calls, &call)) == 1)
    put_call(t, call.json);
  uvllm_json_end_array(t->w);
  return rc;
}


/* ---- Messages ---- */

static int put_replay(const turn_t* t, size_t i) {
  uvllm_json_t kept;
  const int rc = t->replay != NULL ? uvllm__replay(t->shape, t->r, i, "openai", &kept) : 0;
  if (rc <= 0)
    return rc;
  const uvllm_json_t value = uvllm_json_get(kept, t->replay);
  if (uvllm_json_type_of(value) == UVLLM_JSON_NONE)
    return 0;
  uvllm_json_name(t->w, t->replay);
  uvllm_json_write_raw(t->w, uvllm_json_raw(value));
  return 0;
}


static int put_message(const turn_t* t, size_t i) {
  static const char* const roles[] = { "system", "user", "assistant", "tool" };
  const uvllm_message_t* m = &t->r->messages[i];
  uvllm_json_begin_object(t->w);
  put_member(t->w, "role", uvllm__str(roles[m->role]));
  put_member(t->w, "name", m->name);
  put_id(t, "tool_call_id", m->tool_call_id);
  uvllm_json_name(t->w, "content");
  if (m->parts_json.base != NULL)
    uvllm_json_write_raw(t->w, m->parts_json);
  else
    uvllm_json_write_str(t->w, m->text); /* null beside tool calls alone */
  int err = put_replay(t, i);
  if (err == 0)
    err = put_calls(t, i);
  uvllm_json_end_object(t->w);
  return err;
}


int uvllm__openai_put_messages(uvllm_json_writer_t* w, uvllm__shape_t* shape,
                               const uvllm_attempt_t* a) {
  const turn_t t = {
    w, shape, a->request,
    a->nparams != 0 ? uvllm_param(a->params, a->nparams, "replay") : NULL,
    a->nparams != 0 && uvllm_param(a->params, a->nparams, "tool_ids") != NULL
  };
  int err = 0;
  uvllm_json_begin_array(w);
  for (size_t i = 0; err == 0 && i < a->request->nmessages; i++)
    err = put_message(&t, i);
  uvllm_json_end_array(w);
  return err;
}
