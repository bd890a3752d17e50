/* A message's content as parts: text, images, audio, files. Data URLs are cut into
 * media type and base64, since no other dialect takes them whole.
 */
#include "shape_internal.h"

#include <stdio.h>


int uvllm__parts_begin(uvllm__parts_t* parts, uvllm__shape_t* s, const uvllm_request_t* r,
                       size_t message) {
  const uvllm_message_t* m = &r->messages[message];
  memset(parts, 0, sizeof(*parts));
  parts->shape = s;
  parts->message = message;
  parts->text = m->text;
  if (m->parts_json.base == NULL)
    return 0;
  snprintf(s->where, sizeof(s->where), "messages[%zu].parts_json", message);
  return uvllm__shape_list(s, m->parts_json, &parts->list);
}


static int fail(uvllm__parts_t* parts, int err, const char* what) {
  snprintf(parts->shape->where, sizeof(parts->shape->where), "messages[%zu].parts_json",
           parts->message);
  return uvllm__shape_fail_at(parts->shape, err, parts->position - 1, what);
}


int uvllm__replay(uvllm__shape_t* s, const uvllm_request_t* r, size_t message,
                  const char* dialect, uvllm_json_t* value) {
  const uvllm_message_t* m = &r->messages[message];
  uvllm_json_t root;
  memset(value, 0, sizeof(*value));
  if (m->role != UVLLM_ASSISTANT || m->replay_json.base == NULL)
    return 0;
  snprintf(s->where, sizeof(s->where), "messages[%zu].replay_json", message);
  const int err = uvllm__shape_parse(s, &s->list, m->replay_json, &root);
  if (err != 0)
    return err;
  if (uvllm_json_type_of(root) != UVLLM_JSON_OBJECT)
    return uvllm__shape_fail(s, UVLLM__EINVAL, "is no JSON object");
  *value = uvllm_json_get(root, dialect);
  return uvllm_json_type_of(*value) != UVLLM_JSON_NONE;
}


/* ---- Data URLs ---- */

static int starts_with(uvllm_str_t s, const char* prefix) {
  const size_t n = strlen(prefix);
  return s.len >= n && memcmp(s.base, prefix, n) == 0;
}


static int ends_with(uvllm_str_t s, const char* suffix) {
  const size_t n = strlen(suffix);
  return s.len >= n && memcmp(s.base + s.len - n, suffix, n) == 0;
}


static uvllm_str_t until(uvllm_str_t s, char c) {
  const char* end = s.len != 0 ? memchr(s.base, c, s.len) : NULL;
  return (uvllm_str_t) { s.base, end != NULL ? (size_t) (end - s.base) : s.len };
}


/* "data:image/png;base64,iVBO..." (RFC 2397); only base64 can be handed on. */
static int cut_data_url(uvllm__parts_t* parts, uvllm__part_t* part) {
  const uvllm_str_t url = { part->url.base + 5, part->url.len - 5 };
  const uvllm_str_t head = until(url, ',');
  if (head.len == url.len)
    return fail(parts, UVLLM__EINVAL, "has a data URL without data");
  if (!ends_with(head, ";base64"))
    return fail(parts, UVLLM_EUNSUPPORTED, "has a data URL that is not in base64");
  part->media_type = until(head, ';');
  if (part->media_type.len == 0)
    part->media_type.base = NULL;
  part->data = (uvllm_str_t) { head.base + head.len + 1, url.len - head.len - 1 };
  part->url = (uvllm_str_t) { NULL, 0 };
  return 0;
}


static int cut_url(uvllm__parts_t* parts, uvllm__part_t* part) {
  return starts_with(part->url, "data:") ? cut_data_url(parts, part) : 0;
}


/* ---- Kinds ---- */

static int read_text(uvllm__parts_t* parts, uvllm_json_t v, uvllm__part_t* part) {
  part->type = UVLLM__PART_TEXT;
  const int err = uvllm__shape_str(v, &part->text);
  if (err != 0 || part->text.base != NULL)
    return err;
  return fail(parts, UVLLM__EINVAL, "has no text");
}


/* "image_url" is an object with a URL in it, or the URL. */
static int read_image(uvllm__parts_t* parts, uvllm_json_t image, uvllm__part_t* part) {
  const int is_url = uvllm_json_type_of(image) == UVLLM_JSON_STRING;
  part->type = UVLLM__PART_IMAGE;
  int err = uvllm__shape_str(is_url ? image : uvllm_json_get(image, "url"), &part->url);
  if (err == 0)
    err = uvllm__shape_str(uvllm_json_get(image, "detail"), &part->detail);
  if (err != 0)
    return err;
  return part->url.len != 0 ? cut_url(parts, part) : fail(parts, UVLLM__EINVAL, "has no URL");
}


static uvllm_str_t audio_type(uvllm_str_t format) {
  static const struct {
    const char* format;
    uvllm_str_t type;
  } types[] = { { "wav", UVLLM_STR("audio/wav") },   { "mp3", UVLLM_STR("audio/mpeg") },
                { "flac", UVLLM_STR("audio/flac") }, { "ogg", UVLLM_STR("audio/ogg") },
                { "opus", UVLLM_STR("audio/opus") }, { "aac", UVLLM_STR("audio/aac") } };
  for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
    if (uvllm__str_eq(format, types[i].format))
      return types[i].type;
  return (uvllm_str_t) { NULL, 0 };
}


static int read_audio(uvllm__parts_t* parts, uvllm_json_t audio, uvllm__part_t* part) {
  part->type = UVLLM__PART_AUDIO;
  int err = uvllm__shape_str(uvllm_json_get(audio, "data"), &part->data);
  if (err == 0)
    err = uvllm__shape_str(uvllm_json_get(audio, "format"), &part->format);
  part->media_type = audio_type(part->format);
  if (err != 0)
    return err;
  return part->data.len != 0 ? 0 : fail(parts, UVLLM__EINVAL, "has no audio data");
}


/* file_data is a data URL; plain base64 is taken too. */
static int read_file(uvllm__parts_t* parts, uvllm_json_t file, uvllm__part_t* part) {
  part->type = UVLLM__PART_FILE;
  int err = uvllm__shape_str(uvllm_json_get(file, "file_data"), &part->url);
  if (err == 0)
    err = uvllm__shape_str(uvllm_json_get(file, "file_id"), &part->file_id);
  if (err == 0)
    err = uvllm__shape_str(uvllm_json_get(file, "filename"), &part->filename);
  if (err != 0)
    return err;
  if (part->url.len == 0 && part->file_id.len == 0)
    return fail(parts, UVLLM__EINVAL, "has no file");
  if (part->url.len != 0 && !starts_with(part->url, "data:") &&
      !starts_with(part->url, "https:") && !starts_with(part->url, "http:")) {
    part->data = part->url;
    part->url = (uvllm_str_t) { NULL, 0 };
  }
  return part->url.len != 0 ? cut_url(parts, part) : 0;
}


static int read_part(uvllm__parts_t* parts, uvllm__part_t* part) {
  const uvllm_str_t type = uvllm_json_str(uvllm_json_get(part->json, "type"));
  if (uvllm_json_type_of(part->json) != UVLLM_JSON_OBJECT)
    return fail(parts, UVLLM__EINVAL, "is no JSON object");
  if (uvllm__str_eq(type, "text"))
    return read_text(parts, uvllm_json_get(part->json, "text"), part);
  if (uvllm__str_eq(type, "refusal"))
    return read_text(parts, uvllm_json_get(part->json, "refusal"), part);
  if (uvllm__str_eq(type, "image_url"))
    return read_image(parts, uvllm_json_get(part->json, "image_url"), part);
  if (uvllm__str_eq(type, "input_audio"))
    return read_audio(parts, uvllm_json_get(part->json, "input_audio"), part);
  if (uvllm__str_eq(type, "file"))
    return read_file(parts, uvllm_json_get(part->json, "file"), part);
  return fail(parts, UVLLM_EUNSUPPORTED, "is of a type that has no counterpart");
}


int uvllm__parts_next(uvllm__parts_t* parts, uvllm__part_t* part) {
  memset(part, 0, sizeof(*part));
  if (parts->text.base != NULL) {
    part->text = parts->text;
    parts->text.base = NULL;
    return 1;
  }
  if (!uvllm_json_next(parts->list, &parts->it, NULL, &part->json))
    return 0;
  parts->position++;
  const int err = read_part(parts, part);
  return err != 0 ? err : 1;
}
