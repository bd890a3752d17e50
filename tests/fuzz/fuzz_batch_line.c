/* Lines of a batch, as requests, as data of a template, as rows of CSV: whatever
 * they are, they are refused with words or become a request. And of what is
 * written: an answer on one line is one line, valid UTF-8, and the same JSON; an
 * id is read back from a file as the id it was hashed as.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "batch_parts.h"
#include "json_scan.h"

#define CHECK(condition)                                                                  \
  do {                                                                                    \
    if (!(condition))                                                                     \
      abort();                                                                            \
  } while (0)

static uvllm_json_parser_t *parser, *other;
static uvllm__buf_t out, again;


static int is_utf8(uvllm_str_t s) {
  const unsigned char* p = (const unsigned char*) s.base;
  return s.len == 0 || uvllm__utf8_check(p, p + s.len) == p + s.len;
}


static void check_fault(const uvllm__fault_t* f) {
  CHECK(f->code != NULL && f->code[0] != '\0');
  CHECK(strlen(f->text) > 0 && strlen(f->text) < sizeof(f->text));
}


/* What a later run reads from the file must be the same id. */
static void check_id(uvllm_str_t id) {
  uvllm_json_t v;
  uvllm__buf_clear(&out);
  uvllm__buf_clear(&again);
  CHECK(uvllm__id_encode(id, &out) == 0);
  CHECK(memchr(out.base, '\n', out.len) == NULL);
  CHECK(uvllm_json_parse(other, uvllm__buf_slice(&out), &v, NULL) == 0);
  CHECK(uvllm_json_type_of(v) == UVLLM_JSON_STRING);
  CHECK(uvllm__id_encode(uvllm_json_str(v), &again) == 0);
  CHECK(out.len == again.len && memcmp(out.base, again.base, out.len) == 0);
}


static void try_line(uvllm_str_t text) {
  uvllm__line_t line;
  uvllm__fault_t fault;
  int err = uvllm__line_parse(parser, text, &line, &fault);
  CHECK(err == 0 || err == UVLLM_EREQUEST);
  if (line.id.base != NULL)
    check_id(line.id);
  if (err != 0) {
    check_fault(&fault);
    return;
  }
  CHECK(line.id.len != 0);
  CHECK(line.body.len >= 2 && line.body.base[0] == '{');
  CHECK(line.model.base == NULL || line.model.len != 0);
}


/* The first line is the template, the second the data. */
static void try_template(uvllm_str_t text) {
  uvllm__template_t* t;
  uvllm__fault_t fault;
  uvllm_json_t object;
  uvllm_str_t id, data = { NULL, 0 };
  const char* newline = memchr(text.base, '\n', text.len);
  if (newline != NULL) {
    data.base = newline + 1;
    data.len = text.len - (size_t) (newline - text.base) - 1;
    text.len = (size_t) (newline - text.base);
  }
  int err = uvllm__template_new(&t, NULL, text, &fault);
  CHECK(err == 0 || err == UVLLM_EREQUEST);
  if (err != 0) {
    check_fault(&fault);
    return;
  }
  uvllm__buf_clear(&out);
  if (data.base != NULL && uvllm_json_parse(parser, data, &object, NULL) == 0) {
    err = uvllm__template_render_json(t, object, &out, &id, &fault);
    CHECK(err == 0 || err == UVLLM_EREQUEST);
    if (err != 0)
      check_fault(&fault);
    else if (id.base != NULL)
      check_id(id);
  }
  uvllm__template_free(t);
}


/* A record that ends where its quotes do has fields that hold all its commas. */
static void try_csv(uvllm_str_t text) {
  uvllm__csv_state state = UVLLM__CSV_START, in_pieces = UVLLM__CSV_START;
  uvllm__csv_row_t row;
  const char* what = NULL;
  size_t n = uvllm__csv_scan(&state, text.base, text.len), m = 0;
  while (m < text.len && uvllm__csv_scan(&in_pieces, text.base + m, 1) == 1)
    m++;
  CHECK(m == n && in_pieces == state);
  CHECK(n == text.len || text.base[n] == '\n');
  uvllm__csv_row_init(&row, &uvllm__alloc_default);
  text.len = n;
  int err = uvllm__csv_split(&row, text, &what);
  CHECK(err == 0 || (err == UVLLM_EPROTO && what != NULL));
  CHECK((err != 0) == (state == UVLLM__CSV_QUOTED || state == UVLLM__CSV_BROKEN));
  size_t total = 0;
  for (size_t i = 0; err == 0 && i < row.nfields; i++)
    total += row.fields[i].len + 1;
  CHECK(err != 0 || (row.nfields != 0 && total <= n + 1));
  uvllm__csv_row_free(&row);
}


static void compare(uvllm_json_t a, uvllm_json_t b) {
  uvllm_json_t x, y;
  uvllm_str_t name_x, name_y;
  uint32_t i = 0, j = 0;
  CHECK(uvllm_json_type_of(a) == uvllm_json_type_of(b));
  switch (uvllm_json_type_of(a)) {
    case UVLLM_JSON_STRING:
      name_x = uvllm_json_str(a);
      name_y = uvllm_json_str(b);
      CHECK(name_x.len == name_y.len && memcmp(name_x.base, name_y.base, name_x.len) == 0);
      return;
    case UVLLM_JSON_ARRAY:
    case UVLLM_JSON_OBJECT:
      while (uvllm_json_next(a, &i, &name_x, &x)) {
        CHECK(uvllm_json_next(b, &j, &name_y, &y));
        CHECK(name_x.len == name_y.len);
        CHECK(name_x.len == 0 || memcmp(name_x.base, name_y.base, name_x.len) == 0);
        compare(x, y);
      }
      CHECK(!uvllm_json_next(b, &j, &name_y, &y));
      return;
    default:
      name_x = uvllm_json_raw(a);
      name_y = uvllm_json_raw(b);
      CHECK(name_x.len == name_y.len && memcmp(name_x.base, name_y.base, name_x.len) == 0);
  }
}


static void try_answer(uvllm_str_t text) {
  uvllm_json_t before, after;
  if (uvllm_json_parse(parser, text, &before, NULL) != 0)
    return;
  uvllm__buf_clear(&out);
  CHECK(uvllm__json_on_one_line(text, &out) == 0);
  uvllm_str_t line = uvllm__buf_slice(&out);
  CHECK(memchr(line.base, '\n', line.len) == NULL && memchr(line.base, '\r', line.len) == NULL);
  CHECK(is_utf8(line));
  CHECK(uvllm_json_parse(other, line, &after, NULL) == 0);
  compare(before, after);
}


int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uvllm_str_t text = { (const char*) data + 1, size - 1 };
  if (size == 0)
    return 0;
  if (parser == NULL) {
    CHECK(uvllm_json_parser_new(&parser, NULL) == 0 && uvllm_json_parser_new(&other, NULL) == 0);
    uvllm__buf_init(&out, &uvllm__alloc_default, SIZE_MAX);
    uvllm__buf_init(&again, &uvllm__alloc_default, SIZE_MAX);
  }
  switch (data[0]) {
    case 'l': try_line(text); break;
    case 't': try_template(text); break;
    case 'c': try_csv(text); break;
    case 'a': try_answer(text); break;
    default: break;
  }
  return 0;
}
