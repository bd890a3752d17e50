/* The JSON reader: one pass over the text, one node a value (json_reader.h).
 *
 * Not recursive: an open container keeps the index of the one around it where
 * its `next` will be. What is not JSON stops at the exact byte that cannot be.
 * Strings are only checked here, not decoded; bytes above 0x7f are noted and
 * looked at when somebody asks for the string. Linear in the text's length;
 * memory grows to what the largest text needed and is then reused.
 */
#include <assert.h>
#include "json_reader.h"
#include "json_scan.h"

typedef unsigned char byte_t;
typedef uvllm__json_node_t node_t;

_Static_assert(sizeof(node_t) == 16, "a value takes 16 bytes");

/* One parse. `at` moves forward only; functions give a negative number with `at`
 * on the byte that is wrong. All that take it are inlined into one, so that it
 * lives in registers: nothing else may get its address.
 *
 * Where the text ends with a bracket (and white space), no end needs to be looked
 * for but behind brackets: nothing else goes past one. That is `guarded`, known
 * when compiling, so that there is a fast run and one for all other texts. */
typedef struct run_s {
  int guarded;
  const byte_t* text;
  size_t at, len;
  node_t *nodes, *top; /* top: the next that is free */
  node_t* limit;       /* from here on there is no room */
  uint32_t depth;      /* how many containers are open */
  uint32_t open;       /* the innermost of them */
  int in_object;       /* what it is */
  int no_memory;
  uvllm__json_window_t* window;
  uvllm_json_parser_t* parser;
} run_t;

#define INLINE static inline __attribute__((always_inline))


INLINE void use_nodes(run_t* r, const uvllm_json_parser_t* s, size_t used) {
  r->nodes = s->nodes;
  r->top = s->cap != 0 ? s->nodes + used : NULL;
  r->limit = s->cap != 0 ? s->nodes + s->cap : NULL;
}


/* A node for what stands at r->at, NULL without memory. A scalar's end is the
 * caller's to set. */
INLINE node_t* push(run_t* r, uint32_t kind) {
  if (__builtin_expect(r->top >= r->limit, 0)) {
    const size_t used = (size_t) (r->top - r->nodes);
    r->no_memory = uvllm__json_grow(r->parser) != 0;
    if (r->no_memory)
      return NULL;
    use_nodes(r, r->parser, used);
  }
  node_t* node = r->top++;
  assert(node != NULL); /* below the limit there is memory */
  node->start = (uint32_t) r->at;
  node->kind = kind;
  return node;
}


INLINE int at_end(const run_t* r) {
  return !r->guarded && r->at == r->len;
}


INLINE int here(const run_t* r, byte_t c) {
  return !at_end(r) && r->text[r->at] == c;
}


INLINE void skip_space(run_t* r) {
  while (!at_end(r) && __builtin_expect(r->text[r->at] <= ' ', 0) &&
         uvllm__json_is_space(r->text[r->at]))
    r->at++;
}


static int is_hex(byte_t c) {
  return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}


/* *at is behind a backslash: moves it behind the escape, or to the byte that is
 * wrong. */
static int skip_escape(const uvllm__json_window_t* w, size_t* at) {
  switch (*at < w->len ? w->text[*at] : '\0') {
    case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
      ++*at;
      return 0;
    case 'u':
      break;
    default:
      return -1;
  }
  ++*at;
  for (int i = 0; i < 4; i++, ++*at)
    if (*at == w->len || !is_hex(w->text[*at]))
      return -1;
  return 0;
}


/* The rest of a string from `at` on: gives where the closing quote is and says in
 * the node what is in the string; for what is none, gives what is wrong and makes
 * the node's kind NONE. */
static __attribute__((noinline)) size_t read_rest(uvllm__json_window_t* w, size_t at,
                                                  node_t* node) {
  unsigned int high = 0;
  for (;;) {
    at = uvllm__json_window_find(w, at, &high);
    if (at < w->len && w->text[at] == '"')
      break;
    node->kind |= UVLLM__JSON_ESCAPED;
    if (at == w->len || w->text[at] != '\\' || (at++, skip_escape(w, &at)) != 0) {
      node->kind = UVLLM_JSON_NONE;
      break;
    }
  }
  if (high != 0)
    node->kind |= UVLLM__JSON_HIGH;
  return at;
}


/* r->at is on the opening quote. */
INLINE int read_string(run_t* r) {
  node_t* node = push(r, UVLLM_JSON_STRING);
  if (node == NULL)
    return -1;
  const size_t near = uvllm__json_window_near(r->window, r->at + 1);
  if (__builtin_expect(near != 0 && r->text[near] == '"', 1)) {
    r->at = near + 1;
  } else {
    r->at = read_rest(r->window, r->at + 1, node);
    if ((node->kind & UVLLM__JSON_TYPE) == UVLLM_JSON_NONE)
      return -1;
    r->at++;
    node->next = 0;
  }
  node->end = (uint32_t) r->at;
  return 0;
}


INLINE int read_digits(run_t* r) {
  const size_t first = r->at;
  while (!at_end(r) && (byte_t) (r->text[r->at] - '0') < 10)
    r->at++;
  return r->at != first ? 0 : -1;
}


/* RFC 8259, section 6; what it means is for the reader to find. r->at is on a minus or a digit. */
INLINE int read_number(run_t* r) {
  node_t* node = push(r, UVLLM_JSON_NUMBER);
  if (node == NULL)
    return -1;
  if (r->text[r->at] == '-')
    r->at++;
  if (here(r, '0'))
    r->at++;
  else if (read_digits(r) != 0)
    return -1;
  if (here(r, '.')) {
    r->at++;
    if (read_digits(r) != 0)
      return -1;
  }
  if (here(r, 'e') || here(r, 'E')) {
    r->at++;
    if (here(r, '+') || here(r, '-'))
      r->at++;
    if (read_digits(r) != 0)
      return -1;
  }
  node->end = (uint32_t) r->at;
  return 0;
}


INLINE int read_word(run_t* r, const char* word, size_t len, uvllm_json_type type) {
  node_t* node = push(r, type);
  if (node == NULL)
    return -1;
  if (r->len - r->at < len || memcmp(r->text + r->at, word, len) != 0) {
    for (; r->at < r->len && r->text[r->at] == (byte_t) *word; word++)
      r->at++;
    return -1;
  }
  r->at += len;
  node->end = (uint32_t) r->at;
  return 0;
}


/* r->at is on a bracket that opens. */
INLINE int open_container(run_t* r, uvllm_json_type type) {
  node_t* node = r->depth < UVLLM_JSON_DEPTH ? push(r, type) : NULL;
  if (node == NULL)
    return -1;
  node->next = r->open;
  r->open = (uint32_t) (node - r->nodes);
  r->in_object = type == UVLLM_JSON_OBJECT;
  r->depth++;
  r->at++;
  return 1;
}


/* r->at is on the bracket that closes the innermost container. */
INLINE void close_container(run_t* r) {
  node_t* node = &r->nodes[r->open];
  r->open = node->next; /* the root's is itself */
  r->in_object = r->nodes[r->open].kind == UVLLM_JSON_OBJECT;
  node->next = (uint32_t) (r->top - r->nodes);
  r->depth--;
  r->at++;
}


/* 1 if it is a container, which is open now. */
INLINE int read_value(run_t* r) {
  if (here(r, '"'))
    return read_string(r);
  switch (at_end(r) ? '\0' : r->text[r->at]) {
    case '{':
      return open_container(r, UVLLM_JSON_OBJECT);
    case '[':
      return open_container(r, UVLLM_JSON_ARRAY);
    case 't':
      return read_word(r, "true", 4, UVLLM_JSON_BOOL);
    case 'f':
      return read_word(r, "false", 5, UVLLM_JSON_BOOL);
    case 'n':
      return read_word(r, "null", 4, UVLLM_JSON_NULL);
    case '-': case '0': case '1': case '2': case '3': case '4':
    case '5': case '6': case '7': case '8': case '9':
      return read_number(r);
    default:
      return -1;
  }
}


/* A member's name, and the colon. */
INLINE int read_name(run_t* r) {
  if (!here(r, '"') || read_string(r) != 0)
    return -1;
  skip_space(r);
  if (!here(r, ':'))
    return -1;
  r->at++;
  skip_space(r);
  return 0;
}


/* In a container, after a value: the brackets that close here, and a comma where
 * more must come. */
INLINE int read_separator(run_t* r) {
  for (;;) {
    skip_space(r);
    if (here(r, ','))
      break;
    if (!here(r, r->in_object ? '}' : ']'))
      return -1;
    close_container(r);
    if (r->depth == 0)
      return 0;
    if (r->at == r->len)
      return -1;
  }
  r->at++;
  skip_space(r);
  return 0;
}


/* The root and all in it. */
INLINE int read_root(run_t* r) {
  for (;;) {
    const int got = read_value(r);
    if (got < 0)
      return -1;
    if (r->depth == 0)
      return 0;
    if (got == 1)
      skip_space(r);
    if (got == 0 || here(r, r->in_object ? '}' : ']')) {
      if (read_separator(r) != 0)
        return -1;
      if (r->depth == 0)
        return 0;
    }
    if (r->in_object && read_name(r) != 0)
      return -1;
  }
}


/* As a value in the deepest container there may be: so none opens. */
size_t uvllm__json_read_scalar(const byte_t* text, size_t at, size_t len, node_t* node) {
  uvllm__json_window_t window;
  run_t r = { .text = text, .at = at, .len = len, .nodes = node, .top = node, .limit = node + 1,
              .depth = UVLLM_JSON_DEPTH, .window = &window };
  uvllm__json_window_init(&window, text, len);
  return read_value(&r) == 0 ? r.at : 0;
}


/* Gives where it stopped; *err is not 0 if that is not the end of the value. */
INLINE size_t run(uvllm_json_parser_t* s, size_t at, size_t len, int guarded, int* err) {
  uvllm__json_window_t window;
  run_t r = { .guarded = guarded, .text = (const byte_t*) s->text, .at = at, .len = len,
              .window = &window, .parser = s };
  uvllm__json_window_init(&window, r.text, len);
  use_nodes(&r, s, 0);
  *err = read_root(&r) == 0 ? 0 : r.no_memory ? UVLLM__ENOMEM : UVLLM_EPROTO;
  s->n = (uint32_t) (r.top - r.nodes);
  return r.at;
}


static size_t run_guarded(uvllm_json_parser_t* s, size_t at, size_t len, int* err) {
  return run(s, at, len, 1, err);
}


static size_t run_checked(uvllm_json_parser_t* s, size_t at, size_t len, int* err) {
  return run(s, at, len, 0, err);
}


/* All of the text. Gives where it stopped. */
static size_t read_text(uvllm_json_parser_t* s, size_t len, int* err) {
  const byte_t* text = (const byte_t*) s->text;
  size_t at = 0, last = len;
  if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
    at = 3;
  while (at < len && uvllm__json_is_space(text[at]))
    at++;
  while (last > at && uvllm__json_is_space(text[last - 1]))
    last--;
  if (last - at > 1 && (text[at] == '{' || text[at] == '[') &&
      (text[last - 1] == '}' || text[last - 1] == ']'))
    at = run_guarded(s, at, last, err);
  else
    at = run_checked(s, at, last, err);
  if (*err != 0)
    return at != last ? at : len;
  while (at < last && uvllm__json_is_space(text[at]))
    at++;
  if (at != last)
    *err = UVLLM_EPROTO;
  return at;
}


int uvllm_json_parse(uvllm_json_parser_t* parser, uvllm_str_t text, uvllm_json_t* root,
                     size_t* error_at) {
  if (root != NULL)
    *root = (uvllm_json_t) { NULL, 0 };
  if (error_at != NULL)
    *error_at = 0;
  if (parser == NULL)
    return UVLLM__ENOMEM;
  uvllm__json_forget_nodes(parser, text.len);
  uvllm__json_forget(parser, text.len);
  if (text.len > UINT32_MAX)
    return UVLLM_ETOOLARGE;
  if (text.base == NULL)
    return UVLLM_EPROTO;
  parser->text = text.base;
  int err;
  const size_t at = read_text(parser, text.len, &err);
  if (err == 0 && root != NULL)
    *root = (uvllm_json_t) { parser, 0 };
  if (err != 0)
    parser->n = 0;
  if (err != 0 && error_at != NULL)
    *error_at = at;
  return err;
}
