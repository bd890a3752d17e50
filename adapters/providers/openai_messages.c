/* The messages of a chat. Those of body_json are copied as they are. */
#include "openai.h"

typedef struct put_s {
  uvllm_json_writer_t* w;
  const uvllm_request_t* r;
  uvllm__shape_t* shape;
  uvllm__openai_replay replay;
} put_t;


static void put_member(uvllm_json_writer_t* w, const char* name, uvllm_str_t value) {
  if (value.base == NULL)
    return;
  uvllm_json_name(w, name);
  uvllm_json_write_str(w, value);
}


static int put_message(const put_t* p, size_t i) {
  static const char* const roles[] = { "system", "user", "assistant", "tool" };
  const uvllm_message_t* m = &p->r->messages[i];
  uvllm_json_begin_object(p->w);
  put_member(p->w, "role", uvllm__str(roles[m->role]));
  put_member(p->w, "name", m->name);
  put_member(p->w, "tool_call_id", m->tool_call_id);
  uvllm_json_name(p->w, "content");
  if (m->parts_json.base != NULL)
    uvllm_json_write_raw(p->w, m->parts_json);
  else
    uvllm_json_write_str(p->w, m->text); /* null beside tool calls alone */
  const int err = uvllm__openai_put_replay(p->w, p->shape, p->r, i, p->replay);
  if (m->tool_calls_json.base != NULL) {
    uvllm_json_name(p->w, "tool_calls");
    uvllm_json_write_raw(p->w, m->tool_calls_json);
  }
  uvllm_json_end_object(p->w);
  return err;
}


int uvllm__openai_messages(uvllm__body_t* body, const uvllm_attempt_t* a, uvllm__shape_t* shape) {
  const put_t p = { .w = body->w, .r = a->request, .shape = shape,
                    .replay = uvllm__openai_replay_of(uvllm_param(a->params, a->nparams, "replay")) };
  int err = 0;
  if (a->request->nmessages == 0 || !uvllm__body_begins(body, "messages"))
    return 0;
  uvllm_json_begin_array(p.w);
  for (size_t i = 0; err == 0 && i < a->request->nmessages; i++)
    err = put_message(&p, i);
  uvllm_json_end_array(p.w);
  return err;
}
