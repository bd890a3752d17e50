/* The memory of a JSON parser: what it has grown to is kept for the next text. But
 * one large text must not hold its memory for ever: what is large is given back
 * when the new text is far smaller.
 */
#include "json_reader.h"

typedef uvllm__json_node_t node_t;

enum {
  NODES_MIN = 64,
  KEEP_BYTES = 1 << 20 /* more than this is not kept for texts that are much smaller */
};


static void scratch_free(uvllm_json_parser_t* s, uvllm__json_chunk_t* chunk) {
  while (chunk != NULL) {
    uvllm__json_chunk_t* next = chunk->next;
    uvllm__free(&s->alloc, chunk);
    chunk = next;
  }
}


void uvllm__json_forget(uvllm_json_parser_t* s, size_t len) {
  s->ndecoded = 0;
  if (s->scratch != NULL) {
    scratch_free(s, s->scratch->next);
    s->scratch->next = NULL;
    s->scratch->len = 0;
    if (s->scratch->cap > KEEP_BYTES && len < s->scratch->cap / 16) {
      scratch_free(s, s->scratch);
      s->scratch = NULL;
    }
  }
  if (s->decoded_cap > KEEP_BYTES / sizeof(*s->decoded) && len < s->decoded_cap / 16) {
    uvllm__free(&s->alloc, s->decoded);
    s->decoded = NULL;
    s->decoded_cap = 0;
  }
}


static void swap_nodes(uvllm_json_parser_t* s, uvllm__json_model_t* m) {
  node_t* nodes = s->nodes;
  const uint32_t n = s->n, cap = s->cap;
  s->nodes = m->nodes;
  s->n = m->n;
  s->cap = m->cap;
  m->nodes = nodes;
  m->n = n;
  m->cap = cap;
}


void uvllm__json_use(uvllm_json_parser_t* s, uvllm__json_model_t* m) {
  if (s->model != NULL)
    swap_nodes(s, s->model);
  if (m != NULL)
    swap_nodes(s, m);
  s->model = m;
}


void uvllm__json_forget_nodes(uvllm_json_parser_t* s, size_t len) {
  uvllm__json_use(s, NULL);
  s->n = 0;
  if (s->cap > KEEP_BYTES / sizeof(node_t) && len < s->cap / 16) {
    uvllm__free(&s->alloc, s->nodes);
    s->nodes = NULL;
    s->cap = 0;
  }
}


int uvllm_json_parser_new(uvllm_json_parser_t** parser, const uvllm_alloc_t* alloc) {
  const uvllm_alloc_t a = uvllm__alloc_or_default(alloc);
  uvllm_json_parser_t* s = uvllm__calloc(&a, 1, sizeof(*s));
  *parser = s;
  if (s == NULL)
    return UVLLM__ENOMEM;
  s->alloc = a;
  return 0;
}


void uvllm_json_parser_free(uvllm_json_parser_t* parser) {
  if (parser == NULL)
    return;
  const uvllm_alloc_t a = parser->alloc;
  scratch_free(parser, parser->scratch);
  uvllm__free(&a, parser->nodes);
  uvllm__free(&a, parser->decoded);
  for (size_t i = 0; i < UVLLM__JSON_MODELS && parser->models[i] != NULL; i++) {
    uvllm__free(&a, parser->models[i]->nodes);
    uvllm__free(&a, parser->models[i]);
  }
  uvllm__free(&a, parser);
}


int uvllm__json_grow(uvllm_json_parser_t* s) {
  const size_t cap = s->cap < NODES_MIN ? NODES_MIN : (size_t) s->cap * 2;
  node_t* nodes = NULL;
  if (cap <= UINT32_MAX && cap <= SIZE_MAX / sizeof(node_t))
    nodes = uvllm__realloc(&s->alloc, s->nodes, cap * sizeof(node_t));
  if (nodes == NULL)
    return UVLLM__ENOMEM;
  s->nodes = nodes;
  s->cap = (uint32_t) cap;
  return 0;
}
