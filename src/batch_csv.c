/* CSV by RFC 4180. The same states find where a record ends and, later,
 * where its fields do: a quote opens a field only at its start, elsewhere in an
 * unquoted field it is a character. Pure.
 */
#include "batch_parts.h"


static uvllm__csv_state step(uvllm__csv_state state, char c) {
  switch (state) {
    case UVLLM__CSV_QUOTED:
      return c == '"' ? UVLLM__CSV_QUOTE : UVLLM__CSV_QUOTED;
    case UVLLM__CSV_QUOTE:
      if (c == '"')
        return UVLLM__CSV_QUOTED;
      if (c == '\r')
        return UVLLM__CSV_QUOTE;
      return c == ',' ? UVLLM__CSV_START : UVLLM__CSV_BROKEN;
    case UVLLM__CSV_BROKEN:
      return UVLLM__CSV_BROKEN;
    case UVLLM__CSV_START:
      if (c == '"')
        return UVLLM__CSV_QUOTED;
      /* fallthrough */
    default:
      return c == ',' ? UVLLM__CSV_START : UVLLM__CSV_PLAIN;
  }
}


size_t uvllm__csv_scan(uvllm__csv_state* state, const char* data, size_t len) {
  uvllm__csv_state s = *state;
  size_t i = 0;
  for (; i < len && (data[i] != '\n' || s == UVLLM__CSV_QUOTED); i++)
    s = step(s, data[i]);
  *state = s;
  return i;
}


void uvllm__csv_row_init(uvllm__csv_row_t* row, const uvllm_alloc_t* alloc) {
  memset(row, 0, sizeof(*row));
  row->alloc = alloc;
  uvllm__buf_init(&row->text, alloc, SIZE_MAX);
}


void uvllm__csv_row_free(uvllm__csv_row_t* row) {
  uvllm__free(row->alloc, row->fields);
  uvllm__buf_free(&row->text);
  uvllm__csv_row_init(row, row->alloc);
}


static int add_field(uvllm__csv_row_t* row, size_t start) {
  if (row->nfields == row->cap) {
    size_t cap = row->cap == 0 ? 16 : row->cap * 2;
    uvllm_str_t* fields = uvllm__realloc(row->alloc, row->fields, cap * sizeof(*fields));
    if (fields == NULL)
      return UVLLM__ENOMEM;
    row->fields = fields;
    row->cap = cap;
  }
  uvllm_str_t field = { row->text.base + start, row->text.len - start };
  row->fields[row->nfields++] = field;
  return 0;
}


/* The text never grows beyond the record, so slices of it stay where they are. */
int uvllm__csv_split(uvllm__csv_row_t* row, uvllm_str_t record, const char** what) {
  uvllm__csv_state state = UVLLM__CSV_START;
  size_t start = 0;
  row->nfields = 0;
  uvllm__buf_clear(&row->text);
  if (uvllm__buf_reserve(&row->text, record.len + 1) != 0)
    return UVLLM__ENOMEM;
  for (size_t i = 0; i < record.len; i++) {
    char c = record.base[i];
    uvllm__csv_state was = state;
    state = step(state, c);
    if (state == UVLLM__CSV_BROKEN) {
      *what = "text after a closing quote";
      return UVLLM_EPROTO;
    }
    if (state == UVLLM__CSV_START) {
      if (add_field(row, start) != 0)
        return UVLLM__ENOMEM;
      start = row->text.len;
    } else if (state == UVLLM__CSV_PLAIN ||
               (state == UVLLM__CSV_QUOTED && was != UVLLM__CSV_START)) {
      row->text.base[row->text.len++] = c;
    }
  }
  if (state == UVLLM__CSV_QUOTED) {
    *what = "a quote is opened and never closed";
    return UVLLM_EPROTO;
  }
  return add_field(row, start);
}
