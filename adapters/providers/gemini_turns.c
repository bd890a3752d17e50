/* Messages as Gemini's contents: turns of `user` and `model`, each a list of parts.
 *
 * What a model's turn consisted of is put together from its message and from what
 * gemini_replay.c kept of it: kept parts stand where they stood among text and calls,
 * and all that is not kept is written around them. Results of calls that were made
 * together go back in one turn.
 */
#include "gemini.h"

typedef struct writer_s {
  uvllm_json_writer_t* w;
  const uvllm_request_t* r;
  uvllm__shape_t s;    /* content and calls */
  uvllm__shape_t kept; /* replay_json, read beside them */
} writer_t;


static void member(uvllm_json_writer_t* w, const char* name, uvllm_str_t value) {
  uvllm_json_name(w, name);
  uvllm_json_write_str(w, value);
}


static void write_text(uvllm_json_writer_t* w, uvllm_str_t text) {
  uvllm_json_begin_object(w);
  member(w, "text", text);
  uvllm_json_end_object(w);
}


static void begin_turn(uvllm_json_writer_t* w, const char* role) {
  uvllm_json_begin_object(w);
  if (role != NULL)
    member(w, "role", uvllm__str(role));
  uvllm_json_name(w, "parts");
  uvllm_json_begin_array(w);
}


static void end_turn(uvllm_json_writer_t* w) {
  uvllm_json_end_array(w);
  uvllm_json_end_object(w);
}


/* ---- Content ---- */

static int write_part(uvllm_json_writer_t* w, const uvllm__part_t* part) {
  if (part->type == UVLLM__PART_TEXT) {
    write_text(w, part->text);
    return 0;
  }
  if (part->data.base != NULL && part->media_type.base == NULL)
    return UVLLM_EUNSUPPORTED;
  uvllm_json_begin_object(w);
  uvllm_json_name(w, part->data.base != NULL ? "inlineData" : "fileData");
  uvllm_json_begin_object(w);
  if (part->data.base != NULL) {
    member(w, "mimeType", part->media_type);
    member(w, "data", part->data);
  } else {
    member(w, "fileUri", part->url.base != NULL ? part->url : part->file_id);
  }
  uvllm_json_end_object(w);
  uvllm_json_end_object(w);
  return 0;
}


static int write_parts(uvllm_json_writer_t* w, uvllm__shape_t* s, const uvllm_request_t* r,
                       size_t i) {
  uvllm__parts_t parts;
  uvllm__part_t part = { 0 };
  int rc = uvllm__parts_begin(&parts, s, r, i);
  while (rc == 0 && (rc = uvllm__parts_next(&parts, &part)) == 1)
    rc = write_part(w, &part);
  return rc;
}


/* All of them in one, wherever they stand: there is no other place. */
int uvllm__gemini_system(uvllm_json_writer_t* w, uvllm__shape_t* s, const uvllm_request_t* r) {
  int err = 0;
  begin_turn(w, NULL);
  for (size_t i = 0; err == 0 && i < r->nmessages; i++)
    if (r->messages[i].role == UVLLM_SYSTEM)
      err = write_parts(w, s, r, i);
  end_turn(w);
  return err;
}


/* ---- The model's turns ---- */

typedef struct turn_s {
  writer_t* out;
  uvllm_str_t text;  /* not written yet */
  uint64_t written;  /* bytes of it that were */
  uint32_t ncalls;   /* written */
  uvllm__list_t calls;
  int is_as_told;    /* the text is as long as the one that was kept of */
} turn_t;


static void write_text_until(turn_t* t, uint64_t bytes) {
  const uint64_t due = !t->is_as_told ? t->text.len
                       : bytes > t->written ? bytes - t->written : 0;
  const size_t n = due < t->text.len ? (size_t) due : t->text.len;
  if (n != 0)
    write_text(t->out->w, (uvllm_str_t) { t->text.base, n });
  t->text.base += n;
  t->text.len -= n;
  t->written += n;
}


static void write_signature(uvllm_json_writer_t* w, uvllm_json_t kept) {
  const uvllm_json_t signature = uvllm_json_get(kept, "signature");
  if (uvllm_json_type_of(signature) == UVLLM_JSON_STRING) {
    uvllm_json_name(w, "thoughtSignature");
    uvllm_json_write_raw(w, uvllm_json_raw(signature));
  }
}


/* The next call; `kept`, which may be absent, has its id and signature. 1, or 0: there
 * are no more. */
static int write_call(turn_t* t, uvllm_json_t kept) {
  uvllm_json_writer_t* w = t->out->w;
  uvllm__call_t call = { 0 };
  const int rc = uvllm__calls_next(&t->calls, &call);
  if (rc != 1)
    return rc;
  if (!call.is_object)
    return UVLLM_EUNSUPPORTED;
  const uvllm_json_t id = uvllm_json_get(kept, "id");
  uvllm_json_begin_object(w);
  uvllm_json_name(w, "functionCall");
  uvllm_json_begin_object(w);
  if (uvllm_json_type_of(id) == UVLLM_JSON_STRING) {
    uvllm_json_name(w, "id");
    uvllm_json_write_raw(w, uvllm_json_raw(id));
  }
  member(w, "name", call.name);
  uvllm_json_name(w, "args");
  uvllm_json_write_raw(w, call.arguments);
  uvllm_json_end_object(w);
  write_signature(w, kept);
  uvllm_json_end_object(w);
  t->ncalls++;
  return 1;
}


static int write_calls_until(turn_t* t, int64_t ncalls) {
  static const uvllm_json_t none;
  int rc = 1;
  while (rc == 1 && (int64_t) t->ncalls < ncalls)
    rc = write_call(t, none);
  return rc < 0 ? rc : 0;
}


/* A text whose signature may stand alone, behind all of it. */
static void write_signed(turn_t* t, uvllm_json_t kept) {
  const int64_t bytes = t->is_as_told ? uvllm_json_int(uvllm_json_get(kept, "bytes"), 0) : 0;
  const size_t n = bytes > 0 && (uint64_t) bytes < t->text.len ? (size_t) bytes
                   : bytes > 0 ? t->text.len : 0;
  uvllm_json_begin_object(t->out->w);
  member(t->out->w, "text", (uvllm_str_t) { n != 0 ? t->text.base : "", n });
  write_signature(t->out->w, kept);
  uvllm_json_end_object(t->out->w);
  t->text.base += n;
  t->text.len -= n;
  t->written += n;
}


static int write_kept(turn_t* t, uvllm_json_t kept) {
  const uvllm_json_t part = uvllm_json_get(kept, "part");
  const int64_t text_bytes = uvllm_json_int(uvllm_json_get(kept, "text"), 0);
  const int64_t ncalls = uvllm_json_int(uvllm_json_get(kept, "calls"), 0);
  write_text_until(t, text_bytes > 0 ? (uint64_t) text_bytes : 0);
  const int err = write_calls_until(t, ncalls);
  if (err != 0)
    return err;
  if (uvllm_json_type_of(part) == UVLLM_JSON_OBJECT) {
    uvllm_json_write_raw(t->out->w, uvllm_json_raw(part));
    return 0;
  }
  if (uvllm_json_bool(uvllm_json_get(kept, "call"), 0)) {
    const int rc = write_call(t, kept);
    return rc < 0 ? rc : 0;
  }
  write_signed(t, kept);
  return 0;
}


/* Text in parts is written as it is: nobody has kept where signatures stood in it. */
static int write_content(turn_t* t, size_t i, int has_more) {
  const uvllm_message_t* m = &t->out->r->messages[i];
  if (m->parts_json.base != NULL)
    return write_parts(t->out->w, &t->out->s, t->out->r, i);
  t->text = m->text;
  if (m->text.base != NULL && m->text.len == 0 && !has_more)
    write_text(t->out->w, m->text);
  return 0;
}


static int write_model_turn(writer_t* out, size_t i) {
  uvllm_json_t replay, kept;
  uint32_t it = 0;
  turn_t t = { .out = out };
  int rc = uvllm__replay(&out->kept, out->r, i, "gemini", &replay);
  if (rc < 0)
    return rc;
  const uvllm_json_t parts = uvllm_json_get(replay, "parts");
  int err = write_content(&t, i, out->r->messages[i].tool_calls_json.base != NULL ||
                                     uvllm_json_count(parts) != 0);
  t.is_as_told = (uint64_t) uvllm_json_int(uvllm_json_get(replay, "bytes"), -1) == t.text.len;
  if (err == 0)
    err = uvllm__calls_begin(&t.calls, &out->s, out->r, i);
  while (err == 0 && uvllm_json_next(parts, &it, NULL, &kept))
    err = write_kept(&t, kept);
  if (err != 0)
    return err;
  t.is_as_told = 0;
  write_text_until(&t, 0);
  return write_calls_until(&t, INT64_MAX);
}


/* ---- Results of calls ---- */

/* The id goes back only if it was the server's own. */
static int write_result_id(writer_t* out, size_t i) {
  const uvllm_str_t wanted = out->r->messages[i].tool_call_id;
  size_t asked = i;
  while (asked != 0 && out->r->messages[asked].role != UVLLM_ASSISTANT)
    asked--;
  uvllm_json_t replay, kept;
  uint32_t it = 0;
  const int rc = uvllm__replay(&out->kept, out->r, asked, "gemini", &replay);
  while (rc == 1 && uvllm_json_next(uvllm_json_get(replay, "parts"), &it, NULL, &kept)) {
    uvllm_str_t id;
    const int err = uvllm__shape_str(uvllm_json_get(kept, "id"), &id);
    if (err != 0)
      return err;
    if (id.len != 0 && id.len == wanted.len && memcmp(id.base, wanted.base, id.len) == 0) {
      member(out->w, "id", id);
      return 0;
    }
  }
  return rc < 0 ? rc : 0;
}


/* The response has to be an object: what is none goes in as its "result". */
static int write_response(writer_t* out, uvllm_str_t text) {
  uvllm_json_t root;
  uvllm_json_parser_t** parser = &out->kept.value;
  int err = *parser == NULL ? uvllm_json_parser_new(parser, out->kept.alloc) : 0;
  if (err == 0)
    err = uvllm_json_parse(*parser, text, &root, NULL);
  if (err != 0 && err != UVLLM_EPROTO)
    return err;
  uvllm_json_name(out->w, "response");
  if (err == 0 && uvllm_json_type_of(root) == UVLLM_JSON_OBJECT) {
    uvllm_json_write_raw(out->w, uvllm_json_raw(root));
    return 0;
  }
  uvllm_json_begin_object(out->w);
  member(out->w, "result", text);
  uvllm_json_end_object(out->w);
  return 0;
}


static int write_responses(writer_t* out, size_t i) {
  uvllm__parts_t parts;
  uvllm__part_t part = { 0 };
  if (out->r->messages[i].text.base != NULL)
    return write_response(out, out->r->messages[i].text);
  int rc = uvllm__parts_begin(&parts, &out->s, out->r, i);
  uvllm_json_name(out->w, "response");
  uvllm_json_begin_object(out->w);
  uvllm_json_name(out->w, "result");
  uvllm_json_begin_array(out->w);
  while (rc == 0 && (rc = uvllm__parts_next(&parts, &part)) == 1) {
    uvllm_json_write_str(out->w, part.text);
    rc = part.type == UVLLM__PART_TEXT ? 0 : UVLLM_EUNSUPPORTED;
  }
  uvllm_json_end_array(out->w);
  uvllm_json_end_object(out->w);
  return rc;
}


static int write_result(writer_t* out, size_t i) {
  uvllm_str_t name = { NULL, 0 };
  uvllm_json_begin_object(out->w);
  uvllm_json_name(out->w, "functionResponse");
  uvllm_json_begin_object(out->w);
  int rc = write_result_id(out, i);
  if (rc == 0)
    rc = uvllm__call_name(&out->s, out->r, i, &name);
  if (rc != 1)
    return rc < 0 ? rc : UVLLM_EUNSUPPORTED;
  member(out->w, "name", name);
  rc = write_responses(out, i);
  uvllm_json_end_object(out->w);
  uvllm_json_end_object(out->w);
  return rc;
}


/* ---- All ---- */

/* The turn that begins with message *i, which becomes the last one in it. */
static int write_turn(writer_t* out, size_t* i) {
  const uvllm_message_t* m = out->r->messages;
  int err = 0;
  begin_turn(out->w, m[*i].role == UVLLM_ASSISTANT ? "model" : "user");
  if (m[*i].role == UVLLM_ASSISTANT)
    err = write_model_turn(out, *i);
  else if (m[*i].role == UVLLM_USER)
    err = write_parts(out->w, &out->s, out->r, *i);
  else
    err = write_result(out, *i);
  while (err == 0 && m[*i].role == UVLLM_TOOL && *i + 1 < out->r->nmessages &&
         m[*i + 1].role == UVLLM_TOOL)
    err = write_result(out, ++*i);
  end_turn(out->w);
  return err;
}


int uvllm__gemini_contents(uvllm_json_writer_t* w, const uvllm_request_t* r,
                           const uvllm_alloc_t* alloc) {
  writer_t out = { .w = w, .r = r };
  int err = 0;
  uvllm__shape_init(&out.s, alloc);
  uvllm__shape_init(&out.kept, alloc);
  uvllm_json_begin_array(w);
  for (size_t i = 0; err == 0 && i < r->nmessages; i++)
    if (r->messages[i].role != UVLLM_SYSTEM)
      err = write_turn(&out, &i);
  uvllm_json_end_array(w);
  uvllm__shape_free(&out.s);
  uvllm__shape_free(&out.kept);
  return err;
}
