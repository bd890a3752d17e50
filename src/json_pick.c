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
                                                         const uvllm_str_t* names, size_t n) {
  uvllm_str_t name;
  uint32_t it = at;
  uvllm_json_next(object, &it, &name, NULL);
  return name.len != 0 ? index_of(name.base, name.len, names, n) : n;
}


void uvllm__json_pick(uvllm_json_t object, const uvllm_str_t* names, size_t n,
                      uvllm_json_t* values) {
  const node_t* node = uvllm__json_node_as(object, UVLLM_JSON_OBJECT);
  memset(values, 0, n * sizeof(*values));
  if (node == NULL)
    return;
  const uvllm_json_parser_t* parser = object.parser;
  const node_t* nodes = parser->nodes;
  const node_t* end = nodes + node->next;
  for (const node_t* member = node + 1; member < end;) {
    const size_t len = member->end - member->start - 2;
    uvllm_json_t value = { parser, (uint32_t) (member + 1 - nodes) };
    size_t i = n;
    if ((member->kind & ~(uint32_t) UVLLM__JSON_TYPE) != 0)
      i = index_of_decoded(object, value.index - 1, names, n);
    else if (len != 0)
      i = index_of(parser->text + member->start + 1, len, names, n);
    if (i < n)
      values[i] = value;
    member = uvllm__json_behind(nodes, member + 1);
  }
}
