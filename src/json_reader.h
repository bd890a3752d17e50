/* The inside of uvllm_json_parser_t: what json.c leaves and json_value.c reads.
 *
 * A value is one node; the values within a container follow it, and its `next` is
 * the index of the node behind them. A member is the node of its name, then that
 * of its value. A string that is not plain (escapes, or bytes above 0x7f) has a
 * second node behind it, where its decoded form is kept once somebody asked for it.
 */
#ifndef UVLLM_SRC_JSON_READER_H
#define UVLLM_SRC_JSON_READER_H

#include "mem.h"
#include "uvllm/json.h"

enum {
  UVLLM__JSON_TYPE = 0xff,     /* a uvllm_json_type */
  UVLLM__JSON_ESCAPED = 0x100, /* of a string: has a backslash */
  UVLLM__JSON_HIGH = 0x200     /* of a string: has bytes above 0x7f, not checked yet */
};

typedef union uvllm__json_node_u {
  struct {
    uint32_t start, end; /* in the text; of a string with its quotes */
    uint32_t next;       /* of a container; while it is open: what it stands in */
    uint32_t kind;       /* the type and what the flags say */
  } v;
  uvllm_str_t decoded; /* the second node of a string; base NULL: not yet */
} uvllm__json_node_t;

/* Decoded strings lie in chunks that never move; the head is the largest. */
typedef struct uvllm__json_chunk_s {
  struct uvllm__json_chunk_s* next;
  size_t cap, len;
  char bytes[];
} uvllm__json_chunk_t;

struct uvllm_json_parser_s {
  const char* text;
  uvllm__json_node_t* nodes; /* the root is node 0 */
  uint32_t n, cap;           /* n is 0 after a failed parse: all values are absent */
  uvllm__json_chunk_t* scratch;
  uvllm_alloc_t alloc;
};

/* NULL if v is absent or void. */
static inline uvllm__json_node_t* uvllm__json_node(uvllm_json_t v) {
  return v.parser != NULL && v.index < v.parser->n ? &v.parser->nodes[v.index] : NULL;
}

static inline uvllm_json_type uvllm__json_type(const uvllm__json_node_t* node) {
  return (uvllm_json_type) (node->v.kind & UVLLM__JSON_TYPE);
}

static inline uvllm__json_node_t* uvllm__json_node_as(uvllm_json_t v, uvllm_json_type type) {
  uvllm__json_node_t* node = uvllm__json_node(v);
  return node != NULL && uvllm__json_type(node) == type ? node : NULL;
}

#endif
