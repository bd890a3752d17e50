/* The inside of uvllm_json_parser_t: what json.c leaves and json_value.c reads.
 *
 * A value is one node; the values within a container follow it, and its `next` is
 * the index of the node behind them. A member is the node of its name, then that
 * of its value. So what a string holds does not change where the nodes behind it
 * are; its decoded form, once somebody asked for it, is kept elsewhere.
 */
#ifndef UVLLM_SRC_JSON_READER_H
#define UVLLM_SRC_JSON_READER_H

#include "json_like.h"
#include "mem.h"

enum {
  UVLLM__JSON_TYPE = 0xff,     /* a uvllm_json_type */
  UVLLM__JSON_ESCAPED = 0x100, /* of a string: has a backslash */
  UVLLM__JSON_HIGH = 0x200     /* of a string: has bytes above 0x7f, not checked yet */
};

typedef struct uvllm__json_node_s {
  uint32_t start, end; /* in the text; of a string with its quotes; of a container
                          there is only the start */
  uint32_t next;       /* of a container; while it is open: what it stands in.
                          Of a string that is not plain: where it is in `decoded`,
                          if what is there says that it is this node's */
  uint32_t kind;       /* the type and what the flags say */
} uvllm__json_node_t;

typedef struct uvllm__json_decoded_s {
  uvllm_str_t text;
  uint32_t node;
} uvllm__json_decoded_t;

/* Decoded strings lie in chunks that never move; the head is the largest. */
typedef struct uvllm__json_chunk_s {
  struct uvllm__json_chunk_s* next;
  size_t cap, len;
  char bytes[];
} uvllm__json_chunk_t;

enum {
  UVLLM__JSON_MODELS = 4, /* a stream has events of about as many shapes */
  UVLLM__JSON_MODEL_BYTES = 4096,
  UVLLM__JSON_CHANGES = 32, /* in one text; with more it is rather another one */
  UVLLM__JSON_PICKS = 8,    /* of one text */
  UVLLM__JSON_PICKED = 10   /* members of one pick */
};

/* Where two texts differ: what a node has become, and how far all behind it move. */
typedef struct uvllm__json_change_s {
  uint32_t node, by;
  uvllm__json_node_t now;
} uvllm__json_change_t;

/* What json_pick.c found in a text of this shape. */
typedef struct uvllm__json_picked_s {
  uint64_t shape;
  const uvllm_str_t* names;
  uint32_t object;
  uvllm_json_t values[UVLLM__JSON_PICKED];
} uvllm__json_picked_t;

/* What json_like.c keeps of the last text of a shape: of one kind of brackets and
 * names. Its nodes; while they are the parser's, the parser's own ones are here. */
typedef struct uvllm__json_model_s {
  uvllm__json_node_t* nodes;
  uint32_t n, cap;
  uint64_t shape; /* a number for the shape; not 0 */
  int followed;   /* a text before was of this shape, too */
  uint32_t npicks;
  uvllm__json_picked_t picked[UVLLM__JSON_PICKS]; /* in the order of the picks */
  uvllm__json_note_t note;
  uvllm__json_change_t changes[UVLLM__JSON_CHANGES]; /* from the text before */
  uint32_t len;
  unsigned char text[UVLLM__JSON_MODEL_BYTES];
} uvllm__json_model_t;

struct uvllm_json_parser_s {
  const char* text;
  uvllm__json_node_t* nodes; /* the root is node 0 */
  uint32_t n, cap;           /* n is 0 after a failed parse: all values are absent */
  uvllm__json_decoded_t* decoded;
  uint32_t ndecoded, decoded_cap;
  uvllm__json_chunk_t* scratch;
  uvllm__json_model_t* models[UVLLM__JSON_MODELS]; /* the one used last is the first */
  uvllm__json_model_t* model; /* whose nodes they are; NULL: the parser's own */
  uvllm_alloc_t alloc;
};

/* What was decoded, and what was parsed, becomes void. A text of `len` bytes comes
 * next. */
void uvllm__json_forget(uvllm_json_parser_t* s, size_t len);
void uvllm__json_forget_nodes(uvllm_json_parser_t* s, size_t len);
/* The parser's nodes become the model's; NULL: its own. */
void uvllm__json_use(uvllm_json_parser_t* s, uvllm__json_model_t* m);
/* Room for one more node at least: 0 or UV_ENOMEM. */
int uvllm__json_grow(uvllm_json_parser_t* s);
/* The scalar at `at`: fills in the node, gives where it ends; 0 if there is none. */
size_t uvllm__json_read_scalar(const unsigned char* text, size_t at, size_t len,
                               uvllm__json_node_t* node);

/* NULL if v is absent or void. */
static inline uvllm__json_node_t* uvllm__json_node(uvllm_json_t v) {
  return v.parser != NULL && v.index < v.parser->n ? &v.parser->nodes[v.index] : NULL;
}

static inline uvllm_json_type uvllm__json_type(const uvllm__json_node_t* node) {
  return (uvllm_json_type) (node->kind & UVLLM__JSON_TYPE);
}

static inline int uvllm__json_is_container(const uvllm__json_node_t* node) {
  return (node->kind & UVLLM__JSON_TYPE) >= UVLLM_JSON_ARRAY;
}

/* The node behind a value. A member's value is the node behind its name. */
static inline const uvllm__json_node_t* uvllm__json_behind(const uvllm__json_node_t* nodes,
                                                           const uvllm__json_node_t* value) {
  return uvllm__json_is_container(value) ? nodes + value->next : value + 1;
}

static inline uvllm__json_node_t* uvllm__json_node_as(uvllm_json_t v, uvllm_json_type type) {
  uvllm__json_node_t* node = uvllm__json_node(v);
  return node != NULL && uvllm__json_type(node) == type ? node : NULL;
}

#endif
