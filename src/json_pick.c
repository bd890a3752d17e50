/* Several members of an object in one walk over the reader's nodes: what an
 * adapter does with every event. A name that needs decoding goes through the
 * reader.
 */
#include "json_pick.h"
#include "json_reader.h"

typedef uvllm__json_node_t node_t;


/* Which of the names this is, or n. Most differ in length or in the first byte. */
static inline size_t index_of(uvllm_str_t name, const uvllm_str_t* names, size_t n) {
  size_t i = 0;
  while (i < n && (names[i].len != name.len || names[i].base[0] != name.base[0] ||
                   memcmp(names[i].base, name.base, name.len) != 0))
    i++;
  return i;
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
  for (uint32_t at = object.index + 1; at < node->v.next;) {
    const uint32_t start = nodes[at].v.start;
    uvllm_str_t name = { parser->text + start + 1, nodes[at].v.end - start - 2 };
    uvllm_json_t value = { parser, at + 1 };
    uint32_t it = at;
    if ((nodes[at].v.kind & ~(uint32_t) UVLLM__JSON_TYPE) != 0)
      uvllm_json_next(object, &it, &name, &value);
    const size_t i = name.len != 0 ? index_of(name, names, n) : n;
    if (i < n)
      values[i] = value;
    at = behind(nodes, value.index);
  }
}
