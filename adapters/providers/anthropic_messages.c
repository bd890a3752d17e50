/* What is said to the model: "system", and the turns of the user, among which are the
 * results of tools.
 *
 * System messages have no place between the turns of most models: wherever they stand,
 * they go to the front, as the provider's own OpenAI endpoint has it. The results of
 * calls that were made at once belong into one turn, and before what else is in it.
 */
#include "anthropic.h"


void uvllm__anthropic_member(uvllm_json_writer_t* w, const char* name, uvllm_str_t value) {
  uvllm_json_name(w, name);
  uvllm_json_write_str(w, value);
}


void uvllm__anthropic_pass(uvllm_json_writer_t* w, uvllm_json_t from, const char* const* names) {
  for (; *names != NULL; names++) {
    const uvllm_json_t v = uvllm_json_get(from, *names);
    if (uvllm_json_type_of(v) <= UVLLM_JSON_NULL)
      continue;
    uvllm_json_name(w, *names);
    uvllm_json_write_raw(w, uvllm_json_raw(v));
  }
}


/* ---- Blocks ---- */


static void write_source(uvllm_json_writer_t* w, const uvllm__part_t* part) {
  static const uvllm_str_t pdf = UVLLM_STR("application/pdf");
  uvllm_json_name(w, "source");
  uvllm_json_begin_object(w);
  if (part->data.base != NULL) {
    uvllm__anthropic_member(w, "type", uvllm__str("base64"));
    uvllm__anthropic_member(w, "media_type",
                            part->media_type.base != NULL ? part->media_type : pdf);
    uvllm__anthropic_member(w, "data", part->data);
  } else if (part->url.base != NULL) {
    uvllm__anthropic_member(w, "type", uvllm__str("url"));
    uvllm__anthropic_member(w, "url", part->url);
  } else {
    uvllm__anthropic_member(w, "type", uvllm__str("file"));
    uvllm__anthropic_member(w, "file_id", part->file_id);
  }
  uvllm_json_end_object(w);
}


static int write_block(uvllm_json_writer_t* w, const uvllm__part_t* part) {
  static const char* const types[] = { "text", "image", NULL, "document" };
  static const char* const passed[] = { "cache_control", "citations", "context", NULL };
  if (part->type == UVLLM__PART_AUDIO)
    return UVLLM_EUNSUPPORTED;
  if (part->type == UVLLM__PART_TEXT && part->text.len == 0)
    return 0;
  uvllm_json_begin_object(w);
  uvllm__anthropic_member(w, "type", uvllm__str(types[part->type]));
  if (part->type == UVLLM__PART_TEXT)
    uvllm__anthropic_member(w, "text", part->text);
  else
    write_source(w, part);
  if (part->type == UVLLM__PART_FILE && part->filename.len != 0)
    uvllm__anthropic_member(w, "title", part->filename);
  uvllm__anthropic_pass(w, part->json, passed);
  uvllm_json_end_object(w);
  return 0;
}


int uvllm__anthropic_blocks(uvllm__anthropic_put_t* p, size_t i) {
  uvllm__parts_t parts;
  uvllm__part_t part = { 0 };
  int rc = uvllm__parts_begin(&parts, &p->shape, p->r, i);
  if (rc != 0)
    return rc;
  while ((rc = uvllm__parts_next(&parts, &part)) == 1)
    if ((rc = write_block(p->w, &part)) != 0)
      break;
  return rc;
}


static int write_content(uvllm__anthropic_put_t* p, size_t i) {
  const uvllm_message_t* m = &p->r->messages[i];
  uvllm_json_name(p->w, "content");
  if (m->parts_json.base == NULL) {
    uvllm_json_write_str(p->w, m->text);
    return 0;
  }
  uvllm_json_begin_array(p->w);
  const int err = uvllm__anthropic_blocks(p, i);
  uvllm_json_end_array(p->w);
  return err;
}


/* ---- System ---- */

/* How many system messages there are, and the last of them. */
static size_t count_system(const uvllm_request_t* r, const uvllm_message_t** last) {
  size_t n = 0;
  for (size_t i = 0; i < r->nmessages; i++)
    if (r->messages[i].role == UVLLM_SYSTEM) {
      *last = &r->messages[i];
      n++;
    }
  return n;
}


int uvllm__anthropic_has_system(const uvllm_request_t* r) {
  const uvllm_message_t* last = NULL;
  const size_t n = count_system(r, &last);
  return n > 1 || (n == 1 && (last->parts_json.base != NULL || last->text.len != 0));
}


int uvllm__anthropic_system(uvllm__anthropic_put_t* p) {
  const uvllm_message_t* last = NULL;
  int err = 0;
  if (count_system(p->r, &last) == 1 && last->parts_json.base == NULL) {
    uvllm_json_write_str(p->w, last->text);
    return 0;
  }
  uvllm_json_begin_array(p->w);
  for (size_t i = 0; err == 0 && i < p->r->nmessages; i++)
    if (p->r->messages[i].role == UVLLM_SYSTEM)
      err = uvllm__anthropic_blocks(p, i);
  uvllm_json_end_array(p->w);
  return err;
}


/* ---- The user's turns ---- */

static int write_result(uvllm__anthropic_put_t* p, size_t i) {
  uvllm_json_begin_object(p->w);
  uvllm__anthropic_member(p->w, "type", uvllm__str("tool_result"));
  uvllm__anthropic_member(p->w, "tool_use_id", p->r->messages[i].tool_call_id);
  const int err = write_content(p, i);
  uvllm_json_end_object(p->w);
  return err;
}


static void begin_turn(uvllm_json_writer_t* w) {
  uvllm_json_begin_object(w);
  uvllm__anthropic_member(w, "role", uvllm__str("user"));
}


/* Results from message *i on, and what the user says behind them; *i goes behind. */
static int write_results(uvllm__anthropic_put_t* p, size_t* i) {
  const uvllm_message_t* m = p->r->messages;
  uvllm_role last = UVLLM_TOOL;
  int err = 0;
  begin_turn(p->w);
  uvllm_json_name(p->w, "content");
  uvllm_json_begin_array(p->w);
  for (; err == 0 && *i < p->r->nmessages; ++*i) {
    if (m[*i].role == UVLLM_SYSTEM)
      continue;
    if (m[*i].role == UVLLM_ASSISTANT || (m[*i].role == UVLLM_TOOL && last == UVLLM_USER))
      break;
    last = m[*i].role;
    err = last == UVLLM_TOOL ? write_result(p, *i) : uvllm__anthropic_blocks(p, *i);
  }
  uvllm_json_end_array(p->w);
  uvllm_json_end_object(p->w);
  return err;
}


static int write_turn(uvllm__anthropic_put_t* p, size_t* i) {
  int err = 0;
  switch (p->r->messages[*i].role) {
    case UVLLM_SYSTEM: break;
    case UVLLM_ASSISTANT: err = uvllm__anthropic_turn(p, *i); break;
    case UVLLM_TOOL: return write_results(p, i);
    case UVLLM_USER:
      begin_turn(p->w);
      err = write_content(p, *i);
      uvllm_json_end_object(p->w);
      break;
  }
  ++*i;
  return err;
}


int uvllm__anthropic_messages(uvllm__anthropic_put_t* p) {
  int err = 0;
  uvllm_json_begin_array(p->w);
  for (size_t i = 0; err == 0 && i < p->r->nmessages;)
    err = write_turn(p, &i);
  uvllm_json_end_array(p->w);
  return err;
}
