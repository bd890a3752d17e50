/* Messages as input items: a message each, and an item each for calls, their results,
 * and the thoughts that an answer had before.
 *
 * Where an assistant's message brings replay_json, its items stand in the order that
 * the model made them in: a thought counts only right before what it led to. Texts and
 * calls are the message's own, so that what a caller has changed or taken out is so.
 */
#include "openai_responses.h"


static void member(uvllm_json_writer_t* w, const char* name, uvllm_str_t value) {
  uvllm_json_name(w, name);
  uvllm_json_write_str(w, value);
}


static void raw_member(uvllm_json_writer_t* w, const char* name, uvllm_json_t value) {
  uvllm_json_name(w, name);
  uvllm_json_write_raw(w, uvllm_json_raw(value));
}


/* ---- Parts ---- */

static void put_image(uvllm_json_writer_t* w, const uvllm__part_t* part) {
  const uvllm_json_t image = uvllm_json_get(part->json, "image_url");
  const int is_url = uvllm_json_type_of(image) == UVLLM_JSON_STRING;
  member(w, "type", uvllm__str("input_image"));
  raw_member(w, "image_url", is_url ? image : uvllm_json_get(image, "url"));
  if (part->detail.len != 0)
    member(w, "detail", part->detail);
}


/* Exactly one of the three: what a part has besides an uploaded file's id is left. */
static void put_file(uvllm_json_writer_t* w, const uvllm__part_t* part) {
  const uvllm_json_t data = uvllm_json_path(part->json, "file.file_data");
  member(w, "type", uvllm__str("input_file"));
  if (part->data.base == NULL && part->url.base == NULL) {
    member(w, "file_id", part->file_id);
    return;
  }
  if (part->filename.base != NULL)
    member(w, "filename", part->filename);
  raw_member(w, part->url.base != NULL ? "file_url" : "file_data", data);
}


static int put_part(uvllm_json_writer_t* w, uvllm_role role, const uvllm__part_t* part) {
  const int is_refusal =
      uvllm__str_eq(uvllm_json_str(uvllm_json_get(part->json, "type")), "refusal");
  if (part->type == UVLLM__PART_AUDIO)
    return UVLLM_EUNSUPPORTED;
  uvllm_json_begin_object(w);
  if (part->type == UVLLM__PART_IMAGE) {
    put_image(w, part);
  } else if (part->type == UVLLM__PART_FILE) {
    put_file(w, part);
  } else if (is_refusal) {
    member(w, "type", uvllm__str("refusal"));
    member(w, "refusal", part->text);
  } else {
    member(w, "type", uvllm__str(role == UVLLM_ASSISTANT ? "output_text" : "input_text"));
    member(w, "text", part->text);
  }
  uvllm_json_end_object(w);
  return 0;
}


/* Text, or an array of parts. */
static int put_content(uvllm_json_writer_t* w, uvllm__shape_t* s, const uvllm_request_t* r,
                       size_t i) {
  uvllm__parts_t parts;
  uvllm__part_t part = { 0 };
  if (r->messages[i].parts_json.base == NULL) {
    uvllm_json_write_str(w, r->messages[i].text);
    return 0;
  }
  int rc = uvllm__parts_begin(&parts, s, r, i);
  uvllm_json_begin_array(w);
  while (rc == 0 && (rc = uvllm__parts_next(&parts, &part)) == 1)
    rc = put_part(w, r->messages[i].role, &part);
  uvllm_json_end_array(w);
  return rc;
}


/* ---- Items ---- */

static int put_message(uvllm_json_writer_t* w, uvllm__shape_t* s, const uvllm_request_t* r,
                       size_t i, uvllm_str_t phase) {
  static const char* const roles[] = { "system", "user", "assistant" };
  uvllm_json_begin_object(w);
  member(w, "role", uvllm__str(roles[r->messages[i].role]));
  if (phase.base != NULL)
    member(w, "phase", phase);
  uvllm_json_name(w, "content");
  const int err = put_content(w, s, r, i);
  uvllm_json_end_object(w);
  return err;
}


static int put_result(uvllm_json_writer_t* w, uvllm__shape_t* s, const uvllm_request_t* r,
                      size_t i) {
  uvllm_json_begin_object(w);
  member(w, "type", uvllm__str("function_call_output"));
  member(w, "call_id", r->messages[i].tool_call_id);
  uvllm_json_name(w, "output");
  const int err = put_content(w, s, r, i);
  uvllm_json_end_object(w);
  return err;
}


static void put_call(uvllm_json_writer_t* w, const uvllm__call_t* call) {
  uvllm_json_begin_object(w);
  member(w, "type", uvllm__str("function_call"));
  member(w, "call_id", call->id);
  member(w, "name", call->name);
  member(w, "arguments", call->arguments);
  uvllm_json_end_object(w);
}


/* ---- An assistant's turn ---- */

enum { MAX_PLACED = 64 }; /* calls of one turn that can be put between thoughts */

typedef struct turn_s {
  uvllm_json_writer_t* w;
  uvllm__shape_t* shape;
  const uvllm_request_t* r;
  size_t message;
  int has_text; /* it is still to be written */
  uint64_t placed; /* bit i: call number i was written */
} turn_t;


static int same(uvllm_str_t a, uvllm_str_t b) {
  return a.len == b.len && a.len != 0 && memcmp(a.base, b.base, a.len) == 0;
}


static int put_text(turn_t* t, uvllm_str_t phase) {
  if (!t->has_text)
    return 0;
  t->has_text = 0;
  return put_message(t->w, t->shape, t->r, t->message, phase);
}


/* The calls not written yet: all of them, or the one of this id. */
static int put_calls(turn_t* t, uvllm_str_t id) {
  uvllm__list_t calls;
  uvllm__call_t call = { 0 };
  int rc = uvllm__calls_begin(&calls, t->shape, t->r, t->message);
  for (uint32_t i = 0; rc == 0 && (rc = uvllm__calls_next(&calls, &call)) == 1; i++) {
    const uint64_t bit = i < MAX_PLACED ? UINT64_C(1) << i : 0;
    rc = 0;
    if ((t->placed & bit) != 0 || (id.base != NULL && (bit == 0 || !same(id, call.id))))
      continue;
    put_call(t->w, &call);
    t->placed |= bit;
  }
  return rc;
}


/* An entry of what openai_responses_replay.c has kept. */
static int put_kept(turn_t* t, uvllm_json_t item) {
  uvllm_str_t type, id, phase;
  int err = uvllm__shape_str(uvllm_json_get(item, "type"), &type);
  if (err == 0)
    err = uvllm__shape_str(uvllm_json_get(item, "call_id"), &id);
  if (err == 0)
    err = uvllm__shape_str(uvllm_json_get(item, "phase"), &phase);
  if (err != 0)
    return err;
  if (uvllm__str_eq(type, "message"))
    return put_text(t, phase);
  if (uvllm__str_eq(type, "function_call"))
    return id.base != NULL ? put_calls(t, id) : 0;
  if (uvllm__str_eq(type, "reasoning"))
    uvllm_json_write_raw(t->w, uvllm_json_raw(item));
  return 0;
}


/* Lists of the shape are read within, so the kept items have a parser of their own. */
static int put_replay(turn_t* t) {
  uvllm__shape_t kept;
  uvllm_json_t items, item;
  uint32_t it = 0;
  uvllm__shape_init(&kept, t->shape->alloc);
  int rc = uvllm__replay(&kept, t->r, t->message, UVLLM__RESPONSES, &items);
  if (rc == 1) {
    rc = 0;
    while (rc == 0 && uvllm_json_next(items, &it, NULL, &item))
      rc = put_kept(t, item);
  }
  uvllm__shape_free(&kept);
  return rc;
}


static int put_assistant(uvllm_json_writer_t* w, uvllm__shape_t* s, const uvllm_request_t* r,
                         size_t i) {
  const uvllm_message_t* m = &r->messages[i];
  const uvllm_str_t none = { NULL, 0 };
  turn_t t = { .w = w, .shape = s, .r = r, .message = i };
  t.has_text = m->parts_json.base != NULL ||
               (m->text.base != NULL && (m->text.len != 0 || m->tool_calls_json.base == NULL));
  int err = put_replay(&t);
  if (err == 0)
    err = put_text(&t, none);
  return err == 0 ? put_calls(&t, none) : err;
}


int uvllm__responses_input(uvllm_json_writer_t* w, uvllm__shape_t* s, const uvllm_request_t* r) {
  const uvllm_str_t none = { NULL, 0 };
  int err = 0;
  uvllm_json_begin_array(w);
  for (size_t i = 0; err == 0 && i < r->nmessages; i++) {
    if (r->messages[i].role == UVLLM_ASSISTANT)
      err = put_assistant(w, s, r, i);
    else if (r->messages[i].role == UVLLM_TOOL)
      err = put_result(w, s, r, i);
    else
      err = put_message(w, s, r, i, none);
  }
  uvllm_json_end_array(w);
  return err;
}


int uvllm__responses_has_replay(uvllm__shape_t* s, const uvllm_request_t* r, int* has) {
  uvllm_json_t items;
  *has = 0;
  for (size_t i = 0; !*has && i < r->nmessages; i++) {
    const int rc = uvllm__replay(s, r, i, UVLLM__RESPONSES, &items);
    if (rc < 0)
      return rc;
    *has = rc == 1;
  }
  return 0;
}
