/* Messages as Converse has them: blocks with exactly one member, and users and
 * assistants in turn. System messages stand apart; results of tools are a user's, and
 * what follows each other in one role becomes one message.
 */
#include "bedrock.h"

#include <stdio.h>

typedef struct put_s {
  uvllm_json_writer_t* w;
  uvllm__shape_t* shape;
  const uvllm_request_t* r;
} put_t;


static void member(uvllm_json_writer_t* w, const char* name, uvllm_str_t value) {
  uvllm_json_name(w, name);
  uvllm_json_write_str(w, value);
}


static void begin(uvllm_json_writer_t* w, const char* name) {
  uvllm_json_name(w, name);
  uvllm_json_begin_object(w);
}


/* ---- Formats ---- */

static int is_among(uvllm_str_t s, const char* const* names) {
  for (; *names != NULL; names++)
    if (uvllm__str_eq(s, *names))
      return 1;
  return 0;
}


static uvllm_str_t behind(uvllm_str_t s, char mark) {
  for (size_t i = s.len; i != 0; i--)
    if (s.base[i - 1] == mark)
      return (uvllm_str_t) { s.base + i, s.len - i };
  return (uvllm_str_t) { NULL, 0 };
}


static uvllm_str_t image_format(const uvllm__part_t* part) {
  static const char* const formats[] = { "png", "jpeg", "gif", "webp", NULL };
  const uvllm_str_t format = behind(part->media_type, '/'), none = { NULL, 0 };
  if (uvllm__str_eq(format, "jpg"))
    return uvllm__str("jpeg");
  return is_among(format, formats) ? format : none;
}


static uvllm_str_t audio_format(const uvllm__part_t* part) {
  static const char* const formats[] = { "mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv",
                                         "m4a", "pcm", "webm", NULL };
  const uvllm_str_t none = { NULL, 0 };
  return is_among(part->format, formats) ? part->format : none;
}


/* By the media type, else by the file's name. */
static uvllm_str_t document_format(const uvllm__part_t* part) {
  static const char* const formats[] = { "pdf", "csv", "doc", "docx", "xls", "xlsx", "html",
                                         "txt", "md", NULL };
  static const struct {
    const char* type;
    const char* format;
  } types[] = {
    { "text/plain", "txt" }, { "text/markdown", "md" }, { "application/msword", "doc" },
    { "application/vnd.ms-excel", "xls" },
    { "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx" },
    { "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx" }
  };
  const uvllm_str_t none = { NULL, 0 };
  for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
    if (uvllm__str_eq(part->media_type, types[i].type))
      return uvllm__str(types[i].format);
  if (is_among(behind(part->media_type, '/'), formats))
    return behind(part->media_type, '/');
  return is_among(behind(part->filename, '.'), formats) ? behind(part->filename, '.') : none;
}


static uvllm_str_t format_of(const uvllm__part_t* part) {
  return part->type == UVLLM__PART_IMAGE   ? image_format(part)
         : part->type == UVLLM__PART_AUDIO ? audio_format(part)
                                           : document_format(part);
}


/* ---- Blocks ---- */

int uvllm__bedrock_cache_point(uvllm_json_writer_t* w, uvllm_json_t v) {
  const uvllm_json_t control = uvllm_json_get(v, "cache_control");
  uvllm_str_t ttl;
  if (uvllm_json_type_of(control) != UVLLM_JSON_OBJECT)
    return 0;
  const int err = uvllm__shape_str(uvllm_json_get(control, "ttl"), &ttl);
  uvllm_json_begin_object(w);
  begin(w, "cachePoint");
  member(w, "type", uvllm__str("default"));
  if (ttl.base != NULL)
    member(w, "ttl", ttl);
  uvllm_json_end_object(w);
  uvllm_json_end_object(w);
  return err;
}


/* Letters, digits, single blanks, hyphens, parentheses and brackets are allowed there;
 * what else stands in a name, and its ending, is left out. */
static void write_name(uvllm_json_writer_t* w, uvllm_str_t filename) {
  char name[64];
  size_t n = 0;
  const uvllm_str_t ending = behind(filename, '.');
  const size_t len = ending.base != NULL ? filename.len - ending.len - 1 : filename.len;
  for (size_t i = 0; i < len && n < sizeof(name) - 1; i++) {
    const char c = filename.base[i];
    const int letter = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    if (letter || (c != '\0' && strchr("-()[]", c) != NULL))
      name[n++] = c;
    else if (n != 0 && name[n - 1] != ' ')
      name[n++] = ' ';
  }
  while (n != 0 && name[n - 1] == ' ')
    n--;
  name[n] = '\0';
  member(w, "name", uvllm__str(n != 0 ? name : "document"));
}


static void write_media(uvllm_json_writer_t* w, const uvllm__part_t* part) {
  static const char* const names[] = { "text", "image", "audio", "document" };
  begin(w, names[part->type]);
  member(w, "format", format_of(part));
  if (part->type == UVLLM__PART_FILE)
    write_name(w, part->filename);
  begin(w, "source");
  member(w, "bytes", part->data);
  uvllm_json_end_object(w);
  uvllm_json_end_object(w);
}


/* An empty text is refused there, so it is none beside others. */
static int write_parts(const put_t* p, size_t i, int may_be_empty) {
  uvllm__parts_t parts;
  uvllm__part_t part = { 0 };
  int rc = uvllm__parts_begin(&parts, p->shape, p->r, i);
  while (rc == 0 && (rc = uvllm__parts_next(&parts, &part)) == 1) {
    rc = 0;
    if (part.type == UVLLM__PART_TEXT && part.text.len == 0 && may_be_empty)
      continue;
    if (part.type != UVLLM__PART_TEXT && format_of(&part).base == NULL)
      return UVLLM_EUNSUPPORTED; /* passed by another dialect's check() */
    uvllm_json_begin_object(p->w);
    if (part.type == UVLLM__PART_TEXT)
      member(p->w, "text", part.text);
    else
      write_media(p->w, &part);
    uvllm_json_end_object(p->w);
    rc = uvllm__bedrock_cache_point(p->w, part.json);
  }
  return rc;
}


static int write_calls(const put_t* p, size_t i) {
  uvllm__list_t calls;
  uvllm__call_t call = { 0 };
  int rc = uvllm__calls_begin(&calls, p->shape, p->r, i);
  while (rc == 0 && (rc = uvllm__calls_next(&calls, &call)) == 1) {
    if (!call.is_object)
      return UVLLM_EUNSUPPORTED;
    uvllm_json_begin_object(p->w);
    begin(p->w, "toolUse");
    member(p->w, "toolUseId", call.id);
    member(p->w, "name", call.name);
    uvllm_json_name(p->w, "input");
    uvllm_json_write_raw(p->w, call.arguments);
    uvllm_json_end_object(p->w);
    uvllm_json_end_object(p->w);
    rc = 0;
  }
  return rc;
}


/* Reasoning comes first: the provider insists on it. */
static int write_replay(const put_t* p, size_t i) {
  uvllm_json_t blocks, block;
  uint32_t it = 0;
  const int rc = uvllm__replay(p->shape, p->r, i, "bedrock", &blocks);
  if (rc != 1)
    return rc;
  if (uvllm_json_type_of(blocks) == UVLLM_JSON_ARRAY)
    while (uvllm_json_next(blocks, &it, NULL, &block))
      uvllm_json_write_raw(p->w, uvllm_json_raw(block));
  return 0;
}


static int write_result(const put_t* p, size_t i) {
  uvllm_json_begin_object(p->w);
  begin(p->w, "toolResult");
  member(p->w, "toolUseId", p->r->messages[i].tool_call_id);
  uvllm_json_name(p->w, "content");
  uvllm_json_begin_array(p->w);
  const int err = write_parts(p, i, 0);
  uvllm_json_end_array(p->w);
  uvllm_json_end_object(p->w);
  uvllm_json_end_object(p->w);
  return err;
}


static int write_content(const put_t* p, size_t i) {
  const uvllm_message_t* m = &p->r->messages[i];
  if (m->role == UVLLM_TOOL)
    return write_result(p, i);
  int err = write_replay(p, i);
  if (err == 0)
    err = write_parts(p, i, m->tool_calls_json.base != NULL);
  return err != 0 ? err : write_calls(p, i);
}


/* ---- Messages ---- */

static int is_assistant(const uvllm_message_t* m) {
  return m->role == UVLLM_ASSISTANT;
}


static int write_turns(const put_t* p) {
  const uvllm_message_t* open = NULL;
  int err = 0;
  uvllm_json_begin_array(p->w);
  for (size_t i = 0; err == 0 && i < p->r->nmessages; i++) {
    const uvllm_message_t* m = &p->r->messages[i];
    if (m->role == UVLLM_SYSTEM)
      continue;
    if (open != NULL && is_assistant(open) != is_assistant(m)) {
      uvllm_json_end_array(p->w);
      uvllm_json_end_object(p->w);
      open = NULL;
    }
    if (open == NULL) {
      uvllm_json_begin_object(p->w);
      member(p->w, "role", uvllm__str(is_assistant(m) ? "assistant" : "user"));
      uvllm_json_name(p->w, "content");
      uvllm_json_begin_array(p->w);
    }
    open = m;
    err = write_content(p, i);
  }
  if (open != NULL) {
    uvllm_json_end_array(p->w);
    uvllm_json_end_object(p->w);
  }
  uvllm_json_end_array(p->w);
  return err;
}


static int has_system(const uvllm_request_t* r) {
  for (size_t i = 0; i < r->nmessages; i++)
    if (r->messages[i].role == UVLLM_SYSTEM)
      return 1;
  return 0;
}


static int write_system(const put_t* p) {
  int err = 0;
  uvllm_json_begin_array(p->w);
  for (size_t i = 0; err == 0 && i < p->r->nmessages; i++)
    if (p->r->messages[i].role == UVLLM_SYSTEM)
      err = write_parts(p, i, 0);
  uvllm_json_end_array(p->w);
  return err;
}


int uvllm__bedrock_messages(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_request_t* r) {
  const put_t p = { b->w, s, r };
  int err = 0;
  if (uvllm__body_begins(b, "messages"))
    err = write_turns(&p);
  if (err == 0 && has_system(r) && uvllm__body_begins(b, "system"))
    err = write_system(&p);
  return err;
}


/* ---- Checking ---- */

static int refuse(uvllm_emit_t* emit, size_t i, const char* what) {
  char message[128];
  snprintf(message, sizeof(message), "messages[%zu] %s", i, what);
  return uvllm__refuse_with(emit, UVLLM_EUNSUPPORTED, message);
}


static int check_parts(const uvllm_request_t* r, size_t i, uvllm__shape_t* s,
                       uvllm_emit_t* emit) {
  static const char* const what[] = { "", "has an image that is no png, jpeg, gif or webp",
                                      "has audio of a format that bedrock does not take",
                                      "has a file of a format that bedrock does not take" };
  uvllm__parts_t parts;
  uvllm__part_t part = { 0 };
  int rc = uvllm__parts_begin(&parts, s, r, i);
  while (rc == 0 && (rc = uvllm__parts_next(&parts, &part)) == 1) {
    if (part.type != UVLLM__PART_TEXT && format_of(&part).base == NULL)
      return refuse(emit, i, what[part.type]);
    rc = 0;
  }
  return uvllm__shape_tell(s, rc, emit);
}


static int check_calls(const uvllm_request_t* r, size_t i, uvllm__shape_t* s,
                       uvllm_emit_t* emit) {
  uvllm__list_t calls;
  uvllm__call_t call = { 0 };
  int rc = uvllm__calls_begin(&calls, s, r, i);
  while (rc == 0 && (rc = uvllm__calls_next(&calls, &call)) == 1) {
    if (!call.is_object)
      return refuse(emit, i, "has a tool call whose arguments are no JSON object");
    rc = 0;
  }
  return uvllm__shape_tell(s, rc, emit);
}


int uvllm__bedrock_check_parts(const uvllm_request_t* r, uvllm__shape_t* s, uvllm_emit_t* emit) {
  int err = 0;
  for (size_t i = 0; err == 0 && i < r->nmessages; i++) {
    err = check_parts(r, i, s, emit);
    if (err == 0)
      err = check_calls(r, i, s, emit);
  }
  return err;
}
