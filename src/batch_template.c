/* "Translate {text}" and a line of data become a message. The text is cut once
 * into pieces, literal or a field; with a CSV header each field knows its
 * column. Pure.
 */
#include "batch_parts.h"

#include <stdio.h>

enum { NO_COLUMN = -1 };

typedef struct piece_s {
  uvllm_str_t text; /* of `source`; a field's is NUL-terminated there */
  int is_field;
  int column;
} piece_t;

struct uvllm__template_s {
  uvllm_alloc_t alloc;
  char* source; /* a copy that the pieces point into */
  piece_t* pieces;
  size_t npieces, cap;
  size_t ncolumns;
  int id_columns[2]; /* custom_id, id */
};

static const uvllm_str_t absent = { NULL, 0 };


static int add_piece(uvllm__template_t* t, const char* base, size_t len, int is_field) {
  if (len == 0)
    return 0;
  if (t->npieces == t->cap) {
    size_t cap = t->cap == 0 ? 8 : t->cap * 2;
    piece_t* pieces = uvllm__realloc(&t->alloc, t->pieces, cap * sizeof(*pieces));
    if (pieces == NULL)
      return UVLLM__ENOMEM;
    t->pieces = pieces;
    t->cap = cap;
  }
  piece_t piece = { { base, len }, is_field, NO_COLUMN };
  t->pieces[t->npieces++] = piece;
  return 0;
}


static int brace_fault(uvllm__fault_t* fault, const char* what, size_t at) {
  uvllm__fault(fault, "invalid_template", "", absent);
  snprintf(fault->text, sizeof(fault->text),
           "%s, at byte %zu of the template; {{ and }} are braces", what, at + 1);
  return UVLLM_EREQUEST;
}


/* p stands behind the opening brace; the closing one becomes the NUL. */
static int add_field(uvllm__template_t* t, char* p, char* end, char** next,
                     uvllm__fault_t* fault) {
  char* close = memchr(p, '}', (size_t) (end - p));
  size_t at = (size_t) (p - t->source) - 1;
  if (close == NULL)
    return brace_fault(fault, "'{' is not closed", at);
  if (close == p || memchr(p, '{', (size_t) (close - p)) != NULL ||
      memchr(p, '\0', (size_t) (close - p)) != NULL)
    return brace_fault(fault, "'{' is not followed by the name of a field", at);
  *close = '\0';
  *next = close + 1;
  return add_piece(t, p, (size_t) (close - p), 1);
}


static int compile(uvllm__template_t* t, size_t len, uvllm__fault_t* fault) {
  char* p = t->source;
  char* end = p + len;
  char* start = p;
  int err = 0;
  while (p < end && err == 0) {
    if (*p != '{' && *p != '}') {
      p++;
    } else if (p + 1 < end && p[1] == p[0]) {
      err = add_piece(t, start, (size_t) (p + 1 - start), 0);
      start = p += 2;
    } else if (*p == '}') {
      return brace_fault(fault, "'}' closes nothing", (size_t) (p - t->source));
    } else {
      err = add_piece(t, start, (size_t) (p - start), 0);
      if (err == 0)
        err = add_field(t, p + 1, end, &p, fault);
      start = p;
    }
  }
  return err != 0 ? err : add_piece(t, start, (size_t) (end - start), 0);
}


int uvllm__template_new(uvllm__template_t** out, const uvllm_alloc_t* alloc, uvllm_str_t text,
                        uvllm__fault_t* fault) {
  uvllm_alloc_t a = uvllm__alloc_or_default(alloc);
  *out = NULL;
  uvllm__template_t* t = uvllm__calloc(&a, 1, sizeof(*t));
  if (t == NULL)
    return UVLLM__ENOMEM;
  t->alloc = a;
  t->id_columns[0] = t->id_columns[1] = NO_COLUMN;
  t->source = uvllm__strndup(&a, text);
  int err = t->source == NULL ? UVLLM__ENOMEM : compile(t, text.len, fault);
  if (err == 0 && t->npieces == 0)
    err = uvllm__fault(fault, "invalid_template", "the template is empty", absent);
  if (err != 0) {
    uvllm__template_free(t);
    return err;
  }
  *out = t;
  return 0;
}


void uvllm__template_free(uvllm__template_t* t) {
  if (t == NULL)
    return;
  uvllm_alloc_t a = t->alloc;
  uvllm__free(&a, t->pieces);
  uvllm__free(&a, t->source);
  uvllm__free(&a, t);
}


static int same(uvllm_str_t a, uvllm_str_t b) {
  return a.len == b.len && memcmp(a.base, b.base, a.len) == 0;
}


static int column_of(const uvllm__csv_row_t* header, uvllm_str_t name) {
  for (size_t i = 0; i < header->nfields; i++)
    if (same(header->fields[i], name))
      return (int) i;
  return NO_COLUMN;
}


int uvllm__template_header(uvllm__template_t* t, const uvllm__csv_row_t* header,
                           uvllm__fault_t* fault) {
  const uvllm_str_t custom_id = UVLLM_STR("custom_id"), id = UVLLM_STR("id");
  t->ncolumns = header->nfields;
  t->id_columns[0] = column_of(header, custom_id);
  t->id_columns[1] = column_of(header, id);
  for (size_t i = 0; i < t->npieces; i++) {
    piece_t* p = &t->pieces[i];
    if (!p->is_field)
      continue;
    p->column = column_of(header, p->text);
    if (p->column == NO_COLUMN)
      return uvllm__fault(fault, "unknown_field", "the header has no such column", p->text);
  }
  return 0;
}


/* Strings as they are, everything else as its JSON text. */
static uvllm_str_t text_of(uvllm_json_t v) {
  return uvllm_json_type_of(v) == UVLLM_JSON_STRING ? uvllm_json_str(v) : uvllm_json_raw(v);
}


static uvllm_str_t id_of(uvllm_json_t object) {
  uvllm_json_t v = uvllm_json_get(object, "custom_id");
  if (uvllm_json_type_of(v) == UVLLM_JSON_NONE || uvllm_json_type_of(v) == UVLLM_JSON_NULL)
    v = uvllm_json_get(object, "id");
  if (uvllm_json_type_of(v) == UVLLM_JSON_NONE || uvllm_json_type_of(v) == UVLLM_JSON_NULL)
    return absent;
  uvllm_str_t id = text_of(v);
  return id.len != 0 ? id : absent;
}


int uvllm__template_render_json(uvllm__template_t* t, uvllm_json_t object, uvllm__buf_t* out,
                                uvllm_str_t* id, uvllm__fault_t* fault) {
  *id = id_of(object);
  for (size_t i = 0; i < t->npieces; i++) {
    const piece_t* p = &t->pieces[i];
    uvllm_str_t text = p->text;
    if (p->is_field) {
      uvllm_json_t v = uvllm_json_get(object, p->text.base);
      if (uvllm_json_type_of(v) == UVLLM_JSON_NONE)
        return uvllm__fault(fault, "unknown_field", "the line has no such field", p->text);
      text = text_of(v);
      if (text.base == NULL)
        return UVLLM__ENOMEM;
    }
    if (uvllm__buf_append(out, text.base, text.len) != 0)
      return out->err;
  }
  return 0;
}


static uvllm_str_t csv_id(const uvllm__template_t* t, const uvllm__csv_row_t* row) {
  for (int i = 0; i < 2; i++) {
    int column = t->id_columns[i];
    if (column != NO_COLUMN && row->fields[column].len != 0)
      return row->fields[column];
  }
  return absent;
}


int uvllm__template_render_csv(uvllm__template_t* t, const uvllm__csv_row_t* row,
                               uvllm__buf_t* out, uvllm_str_t* id, uvllm__fault_t* fault) {
  *id = absent;
  if (row->nfields != t->ncolumns) {
    uvllm__fault(fault, "invalid_row", "", absent);
    snprintf(fault->text, sizeof(fault->text), "the row has %zu fields, the header %zu",
             row->nfields, t->ncolumns);
    return UVLLM_EREQUEST;
  }
  *id = csv_id(t, row);
  for (size_t i = 0; i < t->npieces; i++) {
    const piece_t* p = &t->pieces[i];
    uvllm_str_t text = p->is_field ? row->fields[p->column] : p->text;
    if (uvllm__buf_append(out, text.base, text.len) != 0)
      return out->err;
  }
  return 0;
}
