/* Several members of an object in one walk over the reader's nodes: what an
 * adapter does with every answer.
 */
#include "json_pick.h"
#include "json_reader.h"
#include "json_scan.h"

typedef uvllm__json_node_t node_t;
typedef uvllm__json_picked_t picked_t;


/* Which of the names this is, or n. */
static inline size_t index_of(const char* base, size_t len, const uvllm_str_t* names, size_t n) {
  size_t i = 0;
  while (i < n && (names[i].len != len || !uvllm__json_same_name(names[i].base, base, len)))
    i++;
  return i;
}


/* A name with escapes or beyond ASCII goes through the reader. */
static __attribute__((noinline)) size_t index_of_decoded(uvllm_json_t object, uint32_t at,
                                                         const uvllm_str_t* names, size_t n) {
  uvllm_str_t name;
  uint32_t it = at;
  uvllm_json_next(object, &it, &name, NULL);
  return name.len != 0 ? index_of(name.base, name.len, names, n) : n;
}


/* 1 if all names are plain: then none was missed for want of memory. */
static int walk(uvllm_json_t object, const node_t* node, const uvllm_str_t* names, size_t n,
                uint64_t lengths, uvllm_json_t* values) {
  const uvllm_json_parser_t* parser = object.parser;
  const node_t *nodes = parser->nodes, *end = nodes + node->next;
  int all_plain = 1;
  for (const node_t* member = node + 1; member < end;
       member = uvllm__json_behind(nodes, member + 1)) {
    const uint32_t len = member->end - member->start - 2;
    const int plain = member->kind == UVLLM_JSON_STRING;
    if (plain && (lengths >> len % 64 & 1) == 0)
      continue;
    const uint32_t at = (uint32_t) (member - nodes);
    const size_t i = plain ? index_of(parser->text + member->start + 1, len, names, n)
                           : index_of_decoded(object, at, names, n);
    if (i < n)
      values[i] = (uvllm_json_t) { parser, at + 1 };
    all_plain &= plain;
  }
  return all_plain;
}


static void copy(uvllm_json_t* to, const uvllm_json_t* from, size_t n) {
  for (size_t i = 0; i < n; i++)
    to[i] = from[i];
}


/* A text of a shape is asked the same in the same order as the one before. */
void uvllm__json_pick_from(uvllm_json_t object, const uvllm_str_t* names, size_t n,
                           uint64_t lengths, uvllm_json_t* values) {
  const node_t* node = uvllm__json_node_as(object, UVLLM_JSON_OBJECT);
  if (node == NULL)
    return;
  uvllm__json_model_t* m = object.parser->model;
  if (m == NULL || !m->followed || n > UVLLM__JSON_PICKED) {
    walk(object, node, names, n, lengths, values);
    return;
  }
  picked_t* p = &m->picked[m->npicks++ % UVLLM__JSON_PICKS];
  if (p->shape == m->shape && p->names == names && p->object == object.index) {
    copy(values, p->values, n);
  } else if (walk(object, node, names, n, lengths, values)) {
    *p = (picked_t) { .shape = m->shape, .names = names, .object = object.index };
    copy(p->values, values, n);
  }
}
