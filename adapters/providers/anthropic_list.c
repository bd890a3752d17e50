/* The model list, page by page, and the count of a chat's tokens. */
#include "anthropic.h"
#include "check.h"


int uvllm__anthropic_count(uvllm__anthropic_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  const int64_t n = uvllm_json_int(uvllm_json_get(root, "input_tokens"), -1);
  if (uvllm__is_fault(uvllm_json_get(root, "error"), uvllm_json_get(root, "type")))
    return uvllm__fault_inside(&s->head, root, emit);
  if (n < 0)
    return uvllm__fault_strange(&s->head, root, "the answer has no count of tokens", emit);
  const uvllm_usage_t usage = { .input_tokens = (uint64_t) n };
  uvllm_emit_usage(emit, &usage);
  return UVLLM_COMPLETE;
}


static int take_model(uvllm_json_t entry, uvllm_str_t* id, uvllm_emit_t* emit) {
  const int64_t context = uvllm_json_int(uvllm_json_get(entry, "max_input_tokens"), 0);
  uvllm_event_t event = { .type = UVLLM_EVENT_MODEL };
  const int err = uvllm__shape_str(uvllm_json_get(entry, "id"), &event.u.model.id);
  event.u.model.context_tokens = context > 0 ? (uint64_t) context : 0;
  if (err != 0 || event.u.model.id.len == 0)
    return err;
  *id = event.u.model.id;
  uvllm_emit_event(emit, &event);
  return 0;
}


/* A list that says of itself that it goes on, but not where, would never end. */
static int next_page(uvllm__anthropic_t* s, uvllm_str_t last, uvllm_emit_t* emit) {
  const uvllm_str_t before = uvllm__buf_slice(&s->last_id);
  if (last.len == 0 || (last.len == before.len && memcmp(last.base, before.base, last.len) == 0))
    return uvllm__refuse_with(emit, UVLLM_EPROTO,
                              "the list of models does not say where it goes on");
  if (s->last_id.alloc == NULL)
    uvllm__buf_init(&s->last_id, uvllm_emit_alloc(emit), SIZE_MAX);
  uvllm__buf_clear(&s->last_id);
  const int err = uvllm__buf_append(&s->last_id, last.base, last.len);
  return err != 0 ? err : UVLLM_NEXT;
}


int uvllm__anthropic_models(uvllm__anthropic_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  const uvllm_json_t data = uvllm_json_get(root, "data");
  uvllm_json_t entry;
  uvllm_str_t last = { NULL, 0 }, said;
  uint32_t it = 0;
  int err = 0;
  if (uvllm__is_fault(uvllm_json_get(root, "error"), uvllm_json_get(root, "type")))
    return uvllm__fault_inside(&s->head, root, emit);
  if (uvllm_json_type_of(data) != UVLLM_JSON_ARRAY)
    return uvllm__fault_strange(&s->head, root, "the answer has no list of models", emit);
  while (err == 0 && uvllm_json_next(data, &it, NULL, &entry))
    err = take_model(entry, &last, emit);
  if (err == 0)
    err = uvllm__shape_str(uvllm_json_get(root, "last_id"), &said);
  if (err != 0)
    return err;
  if (!uvllm_json_bool(uvllm_json_get(root, "has_more"), 0))
    return UVLLM_COMPLETE;
  return next_page(s, said.len != 0 ? said : last, emit);
}
