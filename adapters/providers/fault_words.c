/* What an error body says, whatever its shape: {"error":{...}}, {"error":"text"},
 * flat objects, problem details, FastAPI's list, an array around any of them, and
 * JSON within a message.
 *
 * All is copied, cut to fit and never longer than one line's worth of text, so
 * that neither the body nor the parser needs to live on.
 */
#include "fault.h"
#include "json_pick.h"

#include <stdio.h>

typedef uvllm__words_t words_t;

/* An object may stand in a message that stands in an object...: so many times. */
enum { MAX_DEPTH = 3 };

static void read_value(words_t* w, uvllm_json_t v, int depth);


/* Cut between characters; what is below a space becomes one. */
static void copy(char* to, size_t size, uvllm_str_t s) {
  size_t n = s.len < size - 1 ? s.len : size - 1;
  if (n < s.len)
    while (n != 0 && ((unsigned char) s.base[n] & 0xc0) == 0x80)
      n--;
  for (size_t i = 0; i < n; i++)
    to[i] = (unsigned char) s.base[i] < ' ' ? ' ' : s.base[i];
  to[n] = '\0';
}


/* The first word counts: inner objects are read before outer ones. */
static void keep(char* to, size_t size, uvllm_str_t s) {
  if (to[0] == '\0' && s.base != NULL)
    copy(to, size, s);
}


#define KEEP(w, field, text) keep((w)->field, sizeof((w)->field), (text))


/* Codes are strings, or numbers, which may be an HTTP status; where that has a word
 * beside it (Google), the word is the code. */
static void read_code(words_t* w, uvllm_json_t v, int has_word) {
  if (uvllm_json_type_of(v) == UVLLM_JSON_NUMBER && !has_word)
    KEEP(w, code, uvllm_json_raw(v));
  KEEP(w, code, uvllm_json_str(v));
}


static int status_of(uvllm_json_t v) {
  int64_t n = uvllm_json_int(v, 0);
  const uvllm_str_t text = uvllm_json_str(v);
  if (text.len == 3)
    for (size_t i = 0; i < 3; i++)
      n = text.base[i] >= '0' && text.base[i] <= '9' ? n * 10 + (text.base[i] - '0') : -1000;
  return n >= 400 && n <= 599 ? (int) n : 0;
}


static void read_status(words_t* w, uvllm_json_t v) {
  if (w->status == 0)
    w->status = status_of(v);
}


/* As much of it as there is room for; a character may be cut, which copy() mends. */
static void append(char* text, size_t size, const char* separator, uvllm_str_t s) {
  const size_t len = strlen(text);
  snprintf(text + len, size - len, "%s%.*s", len != 0 ? separator : "",
           (int) (s.len < size ? s.len : size), s.base != NULL ? s.base : "");
}


/* {"loc":["body","user"],"msg":"Extra inputs are not permitted"}, or text alone. */
static void append_detail(char* text, size_t size, uvllm_json_t detail) {
  uvllm_json_t part;
  uint32_t it = 0;
  const char* separator = "; ";
  while (uvllm_json_next(uvllm_json_get(detail, "loc"), &it, NULL, &part)) {
    const uvllm_str_t name = uvllm_json_str(part);
    append(text, size, separator, name.base != NULL ? name : uvllm_json_raw(part));
    separator = ".";
  }
  const uvllm_json_t msg = uvllm_json_get(detail, "msg");
  const int is_text = uvllm_json_type_of(detail) == UVLLM_JSON_STRING;
  const uvllm_str_t words = uvllm_json_str(is_text ? detail : msg);
  if (words.len != 0)
    append(text, size, it != 0 ? ": " : "; ", words);
}


static void read_details(words_t* w, uvllm_json_t list) {
  uvllm_json_t detail;
  uint32_t it = 0;
  char text[sizeof(w->message) + 4] = "";
  while (strlen(text) < sizeof(w->message) && uvllm_json_next(list, &it, NULL, &detail))
    append_detail(text, sizeof(text), detail);
  if (text[0] != '\0')
    KEEP(w, message, uvllm__str(text));
}


/* A member that holds words: text, an object with text in it, or a list. */
static void read_text(words_t* w, uvllm_json_t v, int depth) {
  if (uvllm_json_type_of(v) == UVLLM_JSON_OBJECT && depth < MAX_DEPTH)
    read_value(w, v, depth + 1);
  else if (uvllm_json_type_of(v) == UVLLM_JSON_ARRAY)
    read_details(w, v);
  else if (uvllm_json_str(v).len != 0)
    KEEP(w, message, uvllm_json_str(v));
}


static void read_object(words_t* w, uvllm_json_t object, int depth) {
  enum { ERROR, MESSAGE, DETAIL, TITLE, TYPE, ERROR_TYPE, CODE, STATUS, STATUS_CODE,
         HTTP_STATUS_CODE, RAW_STATUS_CODE, INNER, ESTIMATED_TIME, N };
  static const uvllm_str_t names[N] = {
    UVLLM_STR("error"), UVLLM_STR("message"), UVLLM_STR("detail"), UVLLM_STR("title"),
    UVLLM_STR("type"), UVLLM_STR("error_type"), UVLLM_STR("code"), UVLLM_STR("status"),
    UVLLM_STR("statusCode"), UVLLM_STR("http_status_code"), UVLLM_STR("raw_status_code"),
    UVLLM_STR("innererror"), UVLLM_STR("estimated_time")
  };
  uvllm_json_t v[N];
  UVLLM__JSON_PICK(object, names, v);
  read_text(w, v[ERROR], depth);
  read_text(w, v[MESSAGE], depth);
  read_text(w, v[DETAIL], depth);
  KEEP(w, message, uvllm_json_str(v[TITLE]));
  KEEP(w, message, uvllm_json_str(uvllm_json_get(object, "Message"))); /* Amazon */
  KEEP(w, type, uvllm_json_str(v[TYPE]));
  KEEP(w, type, uvllm_json_str(v[ERROR_TYPE]));
  if (w->wait_s == 0)
    w->wait_s = uvllm_json_num(v[ESTIMATED_TIME], 0);
  const int has_word = uvllm_json_type_of(v[STATUS]) == UVLLM_JSON_STRING &&
                       status_of(v[STATUS]) == 0;
  read_code(w, v[CODE], has_word);
  if (has_word)
    KEEP(w, type, uvllm_json_str(v[STATUS])); /* Google: "RESOURCE_EXHAUSTED" */
  if (w->code[0] == '\0')
    read_code(w, uvllm_json_get(v[INNER], "code"), 0);
  if (w->code[0] == '\0')
    read_code(w, uvllm_json_path(object, "details.error_code"), 0); /* Anthropic */
  for (size_t i = CODE; i <= RAW_STATUS_CODE; i++)
    read_status(w, v[i]);
}


static void read_value(words_t* w, uvllm_json_t v, int depth) {
  if (uvllm_json_type_of(v) == UVLLM_JSON_ARRAY) {
    const uvllm_json_t first = uvllm_json_at(v, 0);
    if (uvllm_json_type_of(first) == UVLLM_JSON_OBJECT && depth < MAX_DEPTH)
      read_value(w, first, depth + 1);
  } else if (uvllm_json_type_of(v) == UVLLM_JSON_OBJECT) {
    read_object(w, v, depth);
  } else {
    KEEP(w, message, uvllm_json_str(v));
  }
}


/* A gateway hands on the error of whom it asked, as text. */
static void read_nested(words_t* w, uvllm_json_parser_t* parser) {
  words_t inner = { .message = "" };
  uvllm_json_t root;
  const char* start = strchr(w->message, '{');
  if (start == NULL)
    return;
  /* The object may have words before it, as in "Error: {...}". */
  if (uvllm_json_parse(parser, uvllm__str(start), &root, NULL) != 0)
    return;
  read_value(&inner, root, 0);
  if (inner.message[0] == '\0')
    return;
  memcpy(w->message, inner.message, sizeof(w->message));
  KEEP(w, type, uvllm__str(inner.type));
  KEEP(w, code, uvllm__str(inner.code));
  w->status = w->status != 0 ? w->status : inner.status;
}


void uvllm__words_read(words_t* words, uvllm_json_t root, uvllm_json_parser_t* parser) {
  memset(words, 0, sizeof(*words));
  read_value(words, root, 0);
  read_nested(words, parser);
}


/* Truthy as the official clients have it: null, false, 0 and "" are no error. */
int uvllm__is_fault(uvllm_json_t error, uvllm_json_t object) {
  switch (uvllm_json_type_of(error)) {
    case UVLLM_JSON_OBJECT:
    case UVLLM_JSON_ARRAY:
      return 1;
    case UVLLM_JSON_STRING:
      if (uvllm_json_raw(error).len > 2)
        return 1;
      break;
    case UVLLM_JSON_NUMBER:
      if (uvllm_json_num(error, 0) != 0)
        return 1;
      break;
    case UVLLM_JSON_BOOL:
      if (uvllm_json_bool(error, 0))
        return 1;
      break;
    default:
      break;
  }
  return uvllm__str_eq(uvllm_json_str(object), "error");
}
