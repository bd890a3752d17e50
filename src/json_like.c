/* A text is compared with the last ones of a few shapes, and where it differs from
 * one within a scalar, that scalar is read again: see json_like.h.
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


static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}


/* ---- Where they differ ------------------------------------------------------------ */

typedef struct nodes_s {
  node_t* base;
  uint32_t n;
} nodes_t;


/* Whether node k is the last one that begins at or before a place in the text. */
static int is_node_at(const nodes_t* nodes, uint32_t k, size_t place) {
  return k < nodes->n && nodes->base[k].start <= place &&
         (k + 1 == nodes->n || nodes->base[k + 1].start > place);
}


/* That node, from `first` on; first - 1 if there is none. */
static uint32_t node_at(const nodes_t* nodes, uint32_t first, size_t place, uint32_t guess) {
  uint32_t low = first, high = nodes->n;
  if (guess >= first && is_node_at(nodes, guess, place))
    return guess;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (nodes->base[middle].start <= place)
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


/* Whether a scalar with this place in it, or at its end, may be another one. */
static int may_change(const model_t* m, const node_t* node, size_t place) {
  return !uvllm__json_is_container(node) && place <= node->end && !is_name(m, node);
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


/* Reads the scalars that are others in `text` than in the model. Gives how many; or
 * -1 if anything else is. What changed last time is guessed to have changed again. */
static int read_changes(model_t* m, const nodes_t* nodes, const byte_t* text, size_t len) {
  size_t i = 0, j = 0; /* in the model and in the text: so far they are alike */
  uint32_t first = 0;
  for (int n = 0; n < UVLLM__JSON_CHANGES; n++) {
    change_t* change = &m->changes[n];
    const size_t same = uvllm__json_same(m->text + i, text + j, least(m->len - i, len - j));
    if (i + same == m->len && j + same == len)
      return n;
    const uint32_t k = node_at(nodes, first, i + same, change->node);
    if (k + 1 == first || !may_change(m, &nodes->base[k], i + same))
      return -1;
    const size_t start = nodes->base[k].start + (j - i);
    i = nodes->base[k].end;
    j = read_scalar(text, start, len, &change->now);
    if (j == 0)
      return -1;
    change->node = k;
    change->by = (uint32_t) (j - i);
    first = k + 1;
  }
  return -1;
}


/* ---- A model becomes the new text --------------------------------------------------- */

static void change_nodes(node_t* nodes, uint32_t nnodes, const change_t* changes, int n) {
  for (int i = 0; i < n; i++) {
    const uint32_t end = i + 1 < n ? changes[i + 1].node : nnodes, by = changes[i].by;
    nodes[changes[i].node] = changes[i].now;
    for (uint32_t k = changes[i].node + 1; by != 0 && k < end; k++) {
      nodes[k].start += by;
      nodes[k].end += by;
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


/* Whether the text could be read by its likeness to the model. */
static int follow(uvllm_json_parser_t* s, model_t* m, uvllm_str_t text) {
  const nodes_t nodes = { s->model == m ? s->nodes : m->nodes, s->model == m ? s->n : m->n };
  const int n = read_changes(m, &nodes, (const byte_t*) text.base, text.len);
  if (n < 0)
    return 0;
  change_nodes(nodes.base, nodes.n, m->changes, n);
  if (n != 0)
    keep_from(m, nodes.base[m->changes[0].node].start, text);
  check_note(m, n);
  m->followed = 1;
  m->npicks = 0;
  if (s->model != m)
    uvllm__json_use(s, m);
  uvllm__json_forget(s, text.len);
  s->text = text.base;
  return 1;
}


/* ---- The models ----------------------------------------------------------------------- */

static void move_to_front(uvllm_json_parser_t* s, size_t i) {
  model_t* m = s->models[i];
  for (; i != 0; i--)
    s->models[i] = s->models[i - 1];
  s->models[0] = m;
}


/* A new one at the front, or that which was not used for longest; NULL: no memory. */
static model_t* take_model(uvllm_json_parser_t* s) {
  size_t i = 0;
  while (i < UVLLM__JSON_MODELS - 1 && s->models[i] != NULL)
    i++;
  if (s->models[i] == NULL)
    s->models[i] = uvllm__calloc(&s->alloc, 1, sizeof(model_t));
  if (s->models[i] == NULL)
    return NULL;
  move_to_front(s, i);
  return s->models[0];
}


/* What was just parsed is of a new shape. */
static void add_shape(uvllm_json_parser_t* s, uvllm_str_t text) {
  model_t* m = take_model(s);
  if (m == NULL)
    return; /* it goes without, too */
  keep_from(m, 0, text);
  m->shape++;
  m->followed = 0;
  m->note.varies = 0;
  m->n = 0; /* its nodes are the parser's own now, and the other way round */
  s->model = m;
}


int uvllm__json_parse_like(uvllm_json_parser_t* s, uvllm_str_t text, uvllm_json_t* root,
                           size_t* error_at) {
  const int fits = s != NULL && text.base != NULL && text.len <= UVLLM__JSON_MODEL_BYTES;
  for (size_t i = 0; fits && i < UVLLM__JSON_MODELS && s->models[i] != NULL; i++)
    if (follow(s, s->models[i], text)) {
      move_to_front(s, i);
      *root = (uvllm_json_t) { s, 0 };
      return 0;
    }
  const int err = uvllm_json_parse(s, text, root, error_at);
  if (fits && err == 0)
    add_shape(s, text);
  return err;
}


uvllm__json_note_t* uvllm__json_note(uvllm_json_t root) {
  model_t* m = root.parser != NULL ? root.parser->model : NULL;
  return m != NULL && m->followed ? &m->note : NULL;
}
