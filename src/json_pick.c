/* Several members of an object in one walk over the reader's nodes: what an
 * adapter does with every event. A name that needs decoding goes through the
 * reader.
 */
#include "json_pick.h"
#include "json_reader.h"

typedef uvllm__json_node_t node_t;


/* Which of the names this is, or n. Most differ in length or in the first byte. */
static inline size_t index_of(const char* base, size_t len, const uvllm_str_t* names, size_t n) {
  size_t i = 0;
  while (i < n && (names[i].len != len || names[i].base[0] != base[0] ||
                   memcmp(names[i].base, base, len) != 0))
    i++;
  return i;
}


/* A name with escapes or beyond ASCII. */
static __attribute__((noinline)) size_t index_of_decoded(uvllm_json_t object, uint32_t at,
                                                         const uvllm_str_t* names, size_t n,
                                                         uvllm_json_t* value) {
  uvllm_str_t name;
  uint32_t it = at;
  uvllm_json_next(object, &it, &name, value);
  return name.len != 0 ? index_of(name.base, name.len, names, n) : n;
}


/* The index of the node behind a value. */
static inline uint32_t behind(const node_t* nodes, uint32_t at) {
  const uint32_t kind = nodes[at].v.kind;
  if ((kind & UVLLM__JSON_TYPE) >= UVLLM_JSON_ARRAY)
    return nodes[at].v.next;
  return at + ((kind & (UVLLM__JSON_ESCAPED | UVLLM__JSON_HIGH)) != 0 ? 2 : 1);
}


void uvllm__json_pick(uvllm_json_t object, const uvllm_str_t* names, size_t n,
                      uvllm_json_t* values) {
  const node_t* node = uvllm__json_node_as(object, UVLLM_JSON_OBJECT);
  memset(values, 0, n * sizeof(*values));
  if (node == NULL)
    return;
  const uvllm_json_parser_t* parser = object.parser;
  const node_t* nodes = parser->nodes;
  const uint32_t end = node->v.next;
  for (uint32_t at = object.index + 1; at < end;) {
    const node_t* member = &nodes[at];
    const size_t len = member->v.end - member->v.start - 2;
    uvllm_json_t value = { parser, at + 1 };
    size_t i = n;
    if ((member->v.kind & ~(uint32_t) UVLLM__JSON_TYPE) != 0)
      i = index_of_decoded(object, at, names, n, &value);
    else if (len != 0)
      i = index_of(parser->text + member->v.start + 1, len, names, n);
    if (i < n)
      values[i] = value;
    at = behind(nodes, value.index);
  }
}
