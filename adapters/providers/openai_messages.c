/* The messages of a chat: the request's, or those of body_json, which are copied as
 * they are unless the server takes no ids of tool calls but its own kind.
 *
 * Such ids are mapped by their hash: a call and its result meet again, in every
 * request of a conversation, whoever made the id.
 */
#include "openai.h"
#include "hash.h"
#include "openai_quirks.h"
#include "shape_internal.h"

typedef struct put_s {
  uvllm_json_writer_t* w;
  const uvllm_request_t* r;
  uvllm__shape_t* shape;
  uvllm__openai_replay replay;
  size_t id_len; /* of ids of tool calls; 0: any */
} put_t;


static void put_member(uvllm_json_writer_t* w, const char* name, uvllm_str_t value) {
  if (value.base == NULL)
    return;
  uvllm_json_name(w, name);
  uvllm_json_write_str(w, value);
}


/* ---- Ids of tool calls ---- */

static int is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}


static int is_taken(const put_t* p, uvllm_str_t id) {
  size_t n = 0;
  while (n < id.len && is_alphanumeric(id.base[n]))
    n++;
  return p->id_len == 0 || id.len == 0 || (n == id.len && n == p->id_len);
}


static void put_id(const put_t* p, uvllm_str_t id) {
  static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  char mapped[UVLLM__QUIRK_ID];
  if (is_taken(p, id)) {
    uvllm_json_write_str(p->w, id);
    return;
  }
  uint64_t h = uvllm__hash_end(uvllm__hash_add(UVLLM__HASH_INIT, id.base, id.len));
  for (size_t i = 0; i < p->id_len; i++, h /= 62)
    mapped[i] = digits[h % 62];
  uvllm_json_write_str(p->w, (uvllm_str_t) { mapped, p->id_len });
}


/* The member of this name, which may be any string. */
static uvllm_json_t find(uvllm_json_t object, uvllm_str_t wanted) {
  uvllm_json_t value, found = { NULL, 0 };
  uvllm_str_t name;
  uint32_t it = 0;
  while (uvllm_json_next(object, &it, &name, &value))
    if (name.len == wanted.len && (name.len == 0 || memcmp(name.base, wanted.base, name.len) == 0))
      found = value;
  return found;
}


/* What came with a call goes with it again, unless it is there already. */
static void put_extra(const put_t* p, uvllm_json_t call, uvllm_json_t extras) {
  const uvllm_json_t extra = find(extras, uvllm_json_str(uvllm_json_get(call, "id")));
  if (uvllm_json_type_of(extra) != UVLLM_JSON_OBJECT ||
      uvllm_json_type_of(uvllm_json_get(call, "extra_content")) != UVLLM_JSON_NONE)
    return;
  uvllm_json_name(p->w, "extra_content");
  uvllm_json_write_raw(p->w, uvllm_json_raw(extra));
}


/* An object as it is, but for the id that stands under `name`, and what is by this id in
 * `extras`. */
static int put_with_id(const put_t* p, uvllm_json_t object, const char* name,
                       uvllm_json_t extras) {
  const uvllm_json_t none = { NULL, 0 };
  uvllm_json_t value;
  uvllm_str_t member, id;
  uint32_t it = 0;
  uvllm_json_begin_object(p->w);
  while (uvllm_json_next(object, &it, &member, &value)) {
    const int is_id = uvllm__str_eq(member, name) &&
                      uvllm_json_type_of(value) == UVLLM_JSON_STRING;
    if (member.base == NULL || uvllm__shape_str(is_id ? value : none, &id) != 0)
      return UVLLM__ENOMEM;
    uvllm_json_name_str(p->w, member);
    if (is_id)
      put_id(p, id);
    else
      uvllm_json_write_raw(p->w, uvllm_json_raw(value));
  }
  put_extra(p, object, extras);
  uvllm_json_end_object(p->w);
  return 0;
}


static int put_calls(const put_t* p, uvllm_json_t calls, uvllm_json_t extras) {
  uvllm_json_t call;
  uint32_t it = 0;
  int err = 0;
  uvllm_json_begin_array(p->w);
  while (err == 0 && uvllm_json_next(calls, &it, NULL, &call))
    if (uvllm_json_type_of(call) == UVLLM_JSON_OBJECT)
      err = put_with_id(p, call, "id", extras);
    else
      uvllm_json_write_raw(p->w, uvllm_json_raw(call));
  uvllm_json_end_array(p->w);
  return err;
}


/* ---- The request's ---- */

static int put_tool_calls(const put_t* p, size_t i) {
  const uvllm_str_t json = p->r->messages[i].tool_calls_json;
  uvllm_json_t calls, extras = { NULL, 0 };
  if (json.base == NULL)
    return 0;
  int err = p->replay == UVLLM__REPLAY_EXTRA
                ? uvllm__openai_replayed(p->shape, p->r, i, p->replay, &extras)
                : 0;
  uvllm_json_name(p->w, "tool_calls");
  if (err != 0 || (p->id_len == 0 && uvllm_json_type_of(extras) == UVLLM_JSON_NONE)) {
    uvllm_json_write_raw(p->w, json);
    return err;
  }
  err = uvllm__shape_parse(p->shape, &p->shape->value, json, &calls);
  return err == 0 ? put_calls(p, calls, extras) : err;
}


static int put_message(const put_t* p, size_t i) {
  static const char* const roles[] = { "system", "user", "assistant", "tool" };
  const uvllm_message_t* m = &p->r->messages[i];
  uvllm_json_begin_object(p->w);
  put_member(p->w, "role", uvllm__str(roles[m->role]));
  put_member(p->w, "name", m->name);
  if (m->tool_call_id.base != NULL) {
    uvllm_json_name(p->w, "tool_call_id");
    put_id(p, m->tool_call_id);
  }
  uvllm_json_name(p->w, "content");
  if (m->parts_json.base != NULL)
    uvllm_json_write_raw(p->w, m->parts_json);
  else
    uvllm_json_write_str(p->w, m->text); /* null beside tool calls alone */
  int err = uvllm__openai_put_replay(p->w, p->shape, p->r, i, p->replay);
  if (err == 0)
    err = put_tool_calls(p, i);
  uvllm_json_end_object(p->w);
  return err;
}


/* ---- body_json's ---- */

static int put_caller(const put_t* p, uvllm_json_t message, uvllm_json_t calls) {
  const uvllm_json_t none = { NULL, 0 };
  uvllm_json_t value;
  uvllm_str_t name;
  uint32_t it = 0;
  int err = 0;
  uvllm_json_begin_object(p->w);
  while (err == 0 && uvllm_json_next(message, &it, &name, &value)) {
    if (name.base == NULL)
      return UVLLM__ENOMEM;
    uvllm_json_name_str(p->w, name);
    if (value.index == calls.index)
      err = put_calls(p, calls, none);
    else
      uvllm_json_write_raw(p->w, uvllm_json_raw(value));
  }
  uvllm_json_end_object(p->w);
  return err;
}


static int put_given(const put_t* p, uvllm_json_t message) {
  const uvllm_json_t none = { NULL, 0 };
  const uvllm_json_t calls = uvllm_json_get(message, "tool_calls");
  if (uvllm_json_type_of(message) != UVLLM_JSON_OBJECT) {
    uvllm_json_write_raw(p->w, uvllm_json_raw(message));
    return 0;
  }
  return uvllm_json_type_of(calls) == UVLLM_JSON_ARRAY
             ? put_caller(p, message, calls)
             : put_with_id(p, message, "tool_call_id", none);
}


static int put_all_given(const put_t* p, uvllm__body_t* body) {
  const uvllm_json_t messages = uvllm__body_given(body, "messages");
  uvllm_json_t message;
  uint32_t it = 0;
  int err = 0;
  if (uvllm_json_type_of(messages) != UVLLM_JSON_ARRAY || !uvllm__body_begins(body, "messages"))
    return 0;
  uvllm_json_begin_array(p->w);
  while (err == 0 && uvllm_json_next(messages, &it, NULL, &message))
    err = put_given(p, message);
  uvllm_json_end_array(p->w);
  return err;
}


int uvllm__openai_messages(uvllm__body_t* body, const uvllm_attempt_t* a, uvllm__shape_t* shape) {
  const put_t p = { .w = body->w, .r = a->request, .shape = shape,
                    .replay = uvllm__openai_replay_of(uvllm_param(a->params, a->nparams, "replay")),
                    .id_len = uvllm__quirk_id_len(uvllm_param(a->params, a->nparams, "tool_ids")) };
  int err = 0;
  if (a->request->nmessages == 0)
    return p.id_len != 0 ? put_all_given(&p, body) : 0;
  if (!uvllm__body_begins(body, "messages"))
    return 0;
  uvllm_json_begin_array(p.w);
  for (size_t i = 0; err == 0 && i < a->request->nmessages; i++)
    err = put_message(&p, i);
  uvllm_json_end_array(p.w);
  return err;
}
