/* A text is compared with the one before, and where they differ within a scalar,
 * that scalar is read again: see json_like.h.
 *
 * Why what comes out is what parsing would give: between scalars both texts are
 * the same bytes, a scalar is one node whatever it holds, and each that differs
 * was read by the parser's own rules, ending where the same bytes follow. Names
 * must be the same too: then what was found by name before is there again.
 *
 * Linear in the text's length.
 */
#include "json_like.h"
#include "json_reader.h"
#include "json_scan.h"

typedef unsigned char byte_t;
typedef uvllm__json_node_t node_t;
typedef uvllm__json_model_t model_t;
typedef uvllm__json_change_t change_t;

static const node_t no_scalar = { .kind = UVLLM_JSON_OBJECT };


static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}


/* ---- Where they differ ------------------------------------------------------------ */

/* Whether node k is the last one that begins at or before a place in the text. */
static int is_node_at(const uvllm_json_parser_t* s, uint32_t k, size_t place) {
  return k < s->n && s->nodes[k].start <= place &&
         (k + 1 == s->n || s->nodes[k + 1].start > place);
}


/* That node, from `first` on; first - 1 if there is none. */
static uint32_t node_at(const uvllm_json_parser_t* s, uint32_t first, size_t place,
                        uint32_t guess) {
  uint32_t low = first, high = s->n;
  if (guess >= first && is_node_at(s, guess, place))
    return guess;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (s->nodes[middle].start <= place)
      low = middle + 1;
    else
      high = middle;
  }
  return low - 1;
}


/* Whether a colon follows. */
static int is_name(const model_t* m, const node_t* node) {
  size_t at = node->end;
  while (at < m->len && uvllm__json_is_space(m->text[at]))
    at++;
  return at < m->len && m->text[at] == ':';
}


/* Where the scalar at `at` ends, or 0. Most are strings that are plain. */
static size_t read_scalar(const byte_t* text, size_t at, size_t len, node_t* node) {
  unsigned int high = 0;
  if (at < len && text[at] == '"') {
    const size_t stop = uvllm__json_plain_in(text, at + 1, len, &high);
    if (stop < len && text[stop] == '"' && high == 0) {
      *node = (node_t) { (uint32_t) at, (uint32_t) stop + 1, 0, UVLLM_JSON_STRING };
      return stop + 1;
    }
  }
  return uvllm__json_read_scalar(text, at, len, node);
}


/* Reads the scalars that are others in `text`. Gives how many; or -1 if anything
 * else is: then the nodes are worth nothing. What changed last time is guessed to
 * have changed again. */
static int read_changes(uvllm_json_parser_t* s, const byte_t* text, size_t len) {
  model_t* m = s->model;
  size_t i = 0, j = 0; /* in the model and in the text: so far they are alike */
  uint32_t first = 0;
  for (int n = 0; n < UVLLM__JSON_CHANGES; n++) {
    const size_t same = uvllm__json_same(m->text + i, text + j, least(m->len - i, len - j));
    if (i + same == m->len && j + same == len)
      return n;
    const uint32_t k = node_at(s, first, i + same, m->changes[n].node);
    const node_t was = k + 1 != first ? s->nodes[k] : no_scalar;
    if (uvllm__json_is_container(&was) || i + same > was.end)
      return -1;
    j = read_scalar(text, was.start + (j - i), len, &s->nodes[k]);
    i = was.end;
    if (j == 0 || is_name(m, &was))
      return -1;
    m->changes[n] = (change_t) { k, (uint32_t) (j - i) };
    first = k + 1;
  }
  return -1;
}


/* ---- The model becomes the new text ------------------------------------------------- */

static void move_nodes(uvllm_json_parser_t* s, int n) {
  const change_t* changes = s->model->changes;
  for (int i = 0; i < n; i++) {
    const uint32_t end = i + 1 < n ? changes[i + 1].node : s->n, by = changes[i].by;
    for (uint32_t k = changes[i].node + 1; by != 0 && k < end; k++) {
      s->nodes[k].start += by;
      s->nodes[k].end += by;
    }
  }
}


/* Not inlined: where compilers know that it is not much, they copy it slowly. */
static __attribute__((noinline)) void keep_from(model_t* m, size_t at, uvllm_str_t text) {
  memcpy(m->text + at, text.base + at, text.len - at);
  m->len = (uint32_t) text.len;
}


static void check_note(model_t* m, int n) {
  for (int i = 0; i < n; i++) {
    const uint32_t k = m->changes[i].node;
    if (k >= 64 || (m->note.varies >> k & 1) == 0)
      m->note.varies = 0;
  }
}


/* Whether the nodes could be made those of the text. */
static int follow(uvllm_json_parser_t* s, uvllm_str_t text) {
  model_t* m = s->model;
  const int n = s->modelled ? read_changes(s, (const byte_t*) text.base, text.len) : -1;
  if (n < 0)
    return 0;
  move_nodes(s, n);
  if (n != 0)
    keep_from(m, s->nodes[m->changes[0].node].start, text);
  check_note(m, n);
  uvllm__json_forget(s, text.len);
  s->text = text.base;
  m->followed = 1;
  m->npicks = 0;
  return 1;
}


static int has_model(uvllm_json_parser_t* s) {
  if (s->model == NULL)
    s->model = uvllm__calloc(&s->alloc, 1, sizeof(*s->model));
  return s->model != NULL; /* it goes without, too */
}


int uvllm__json_parse_like(uvllm_json_parser_t* s, uvllm_str_t text, uvllm_json_t* root,
                           size_t* error_at) {
  const int fits =
      s != NULL && text.base != NULL && text.len <= UVLLM__JSON_MODEL_BYTES && has_model(s);
  if (fits && follow(s, text)) {
    *root = (uvllm_json_t) { s, 0 };
    return 0;
  }
  const int err = uvllm_json_parse(s, text, root, error_at);
  if (fits && err == 0) {
    model_t* m = s->model;
    keep_from(m, 0, text);
    m->note.varies = 0;
    m->followed = 0;
    m->shape++;
    s->modelled = 1;
  }
  return err;
}


uvllm__json_note_t* uvllm__json_note(uvllm_json_t root) {
  const uvllm_json_parser_t* s = root.parser;
  return s != NULL && s->modelled && s->model->followed ? &s->model->note : NULL;
}
