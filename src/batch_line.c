/* A line of OpenAI's batch format: what it asks for, or what is wrong with it.
 * And the two texts that the files are made of: ids, and answers on one line.
 * Pure; each line is parsed once, its body is handed on as it stands.
 */
#include "batch_parts.h"
#include "json_scan.h"
#include "json_writer.h"

#include <stdio.h>

typedef unsigned char byte_t;


int uvllm__fault(uvllm__fault_t* f, const char* code, const char* text, uvllm_str_t name) {
  size_t n = name.base != NULL && name.len < 100 ? name.len : 0;
  f->code = code;
  snprintf(f->text, sizeof(f->text), "%s%s%.*s%s", text, n != 0 ? ": '" : "", (int) n,
           n != 0 ? name.base : "", n != 0 ? "'" : "");
  return UVLLM_EREQUEST;
}


static int fault(uvllm__fault_t* f, const char* code, const char* text) {
  const uvllm_str_t nothing = { NULL, 0 };
  return uvllm__fault(f, code, text, nothing);
}


static int op_of(uvllm_str_t url, uvllm_op* op) {
  if (uvllm__str_eq(url, "/v1/chat/completions"))
    *op = UVLLM_CHAT;
  else if (uvllm__str_eq(url, "/v1/embeddings"))
    *op = UVLLM_EMBED;
  else if (uvllm__str_eq(url, "/v1/completions"))
    *op = UVLLM_COMPLETION;
  else
    return -1;
  return 0;
}


static int check_id(uvllm_json_t object, uvllm__line_t* line, uvllm__fault_t* f) {
  uvllm_json_t id = uvllm_json_get(object, "custom_id");
  if (uvllm_json_type_of(id) == UVLLM_JSON_NONE || uvllm_json_type_of(id) == UVLLM_JSON_NULL)
    return fault(f, "missing_custom_id", "there is no custom_id");
  if (uvllm_json_type_of(id) != UVLLM_JSON_STRING)
    return fault(f, "invalid_custom_id", "custom_id is not a string");
  line->id = uvllm_json_str(id);
  if (line->id.base == NULL)
    return UVLLM__ENOMEM;
  if (line->id.len == 0)
    return fault(f, "missing_custom_id", "custom_id is empty");
  return 0;
}


static int check_url(uvllm_json_t object, uvllm__line_t* line, uvllm__fault_t* f) {
  uvllm_json_t method = uvllm_json_get(object, "method"), url = uvllm_json_get(object, "url");
  if (uvllm_json_type_of(method) != UVLLM_JSON_NONE &&
      !uvllm__str_eq(uvllm_json_str(method), "POST"))
    return uvllm__fault(f, "invalid_method", "method is not POST", uvllm_json_str(method));
  if (op_of(uvllm_json_str(url), &line->op) != 0)
    return uvllm__fault(f, "invalid_url",
                        "url is not /v1/chat/completions, /v1/embeddings or /v1/completions",
                        uvllm_json_str(url));
  return 0;
}


static int check_body(uvllm_json_t object, uvllm__line_t* line, uvllm__fault_t* f) {
  uvllm_json_t body = uvllm_json_get(object, "body");
  if (uvllm_json_type_of(body) == UVLLM_JSON_NONE)
    return fault(f, "missing_body", "there is no body");
  if (uvllm_json_type_of(body) != UVLLM_JSON_OBJECT)
    return fault(f, "invalid_body", "body is not an object");
  line->body = uvllm_json_raw(body);
  uvllm_json_t model = uvllm_json_get(body, "model");
  if (uvllm_json_type_of(model) == UVLLM_JSON_NONE || uvllm_json_type_of(model) == UVLLM_JSON_NULL)
    return 0;
  line->model = uvllm_json_str(model);
  if (line->model.base == NULL && uvllm_json_type_of(model) == UVLLM_JSON_STRING)
    return UVLLM__ENOMEM;
  if (line->model.base == NULL || line->model.len == 0 ||
      memchr(line->model.base, '\0', line->model.len) != NULL)
    return fault(f, "invalid_model", "the body's model is not a name");
  return 0;
}


int uvllm__line_parse(uvllm_json_parser_t* parser, uvllm_str_t text, uvllm__line_t* line,
                      uvllm__fault_t* f) {
  uvllm_json_t object;
  size_t at = 0;
  memset(line, 0, sizeof(*line));
  int err = uvllm_json_parse(parser, text, &object, &at);
  if (err == UVLLM__ENOMEM)
    return err;
  if (err != 0) {
    fault(f, "invalid_json", "");
    snprintf(f->text, sizeof(f->text), "not JSON, from byte %zu of the line on", at + 1);
    return UVLLM_EREQUEST;
  }
  if (uvllm_json_type_of(object) != UVLLM_JSON_OBJECT)
    return fault(f, "invalid_line", "the line is not a JSON object");
  err = check_id(object, line, f);
  if (err == 0)
    err = check_url(object, line, f);
  if (err == 0)
    err = check_body(object, line, f);
  return err;
}


int uvllm__id_encode(uvllm_str_t id, uvllm__buf_t* out) {
  uvllm_json_writer_t w;
  uvllm__json_writer_init(&w, out);
  uvllm_json_write_str(&w, id);
  return uvllm_json_writer_error(&w);
}


/* A run without special bytes, but perhaps not UTF-8. */
static void append_run(const byte_t* p, const byte_t* end, unsigned int high, uvllm__buf_t* out) {
  while (high != 0 && p < end) {
    size_t bad = 1;
    const byte_t* good = uvllm__utf8_check(p, end);
    uvllm__buf_append(out, p, (size_t) (good - p));
    if (good == end)
      return;
    uvllm__utf8_sequence(good, end, &bad);
    uvllm__buf_str(out, UVLLM__UTF8_REPLACEMENT);
    p = good + bad;
  }
  uvllm__buf_append(out, p, (size_t) (end - p));
}


/* From behind the opening quote to behind the closing one. */
static const byte_t* append_string(const byte_t* p, const byte_t* end, uvllm__buf_t* out) {
  while (p < end) {
    unsigned int high = 0;
    const byte_t* stop = uvllm__json_plain(p, end, &high);
    append_run(p, stop, high, out);
    if (stop == end)
      return end;
    p = stop + 1;
    uvllm__buf_char(out, *stop < 0x20 ? ' ' : (char) *stop);
    if (*stop == '"')
      return p;
    if (*stop == '\\' && p < end)
      uvllm__buf_char(out, (char) *p++);
  }
  return p;
}


int uvllm__json_on_one_line(uvllm_str_t text, uvllm__buf_t* out) {
  const byte_t* p = (const byte_t*) text.base;
  const byte_t* end = p + text.len;
  if (text.len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
    p += 3;
  while (p < end) {
    const byte_t* run = p;
    while (p < end && *p > ' ' && *p != '"')
      p++;
    uvllm__buf_append(out, run, (size_t) (p - run));
    while (p < end && *p <= ' ')
      p++;
    if (p < end && *p == '"') {
      uvllm__buf_char(out, '"');
      p = append_string(p + 1, end, out);
    }
  }
  return out->err;
}
