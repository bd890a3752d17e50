/* Foundation models, which come in one page, and token counts. */
#include "bedrock.h"


int uvllm__bedrock_models(uvllm__bedrock_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  const uvllm_json_t list = uvllm_json_get(root, "modelSummaries");
  uvllm_json_t entry;
  uint32_t it = 0;
  int err = 0;
  if (uvllm_json_type_of(list) != UVLLM_JSON_ARRAY)
    return uvllm__fault_strange(&s->head, root, "the answer has no list of models", emit);
  while (err == 0 && uvllm_json_next(list, &it, NULL, &entry)) {
    uvllm_event_t event = { .type = UVLLM_EVENT_MODEL };
    err = uvllm__shape_str(uvllm_json_get(entry, "modelId"), &event.u.model.id);
    if (err == 0)
      err = uvllm__shape_str(uvllm_json_get(entry, "providerName"), &event.u.model.owner);
    if (err == 0 && event.u.model.id.len != 0)
      uvllm_emit_event(emit, &event);
  }
  return err != 0 ? err : UVLLM_COMPLETE;
}


int uvllm__bedrock_count(uvllm__bedrock_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  const int64_t n = uvllm_json_int(uvllm_json_get(root, "inputTokens"), -1);
  uvllm_usage_t usage = { 0 };
  if (n < 0)
    return uvllm__fault_strange(&s->head, root, "the answer has no token count", emit);
  usage.input_tokens = (uint64_t) n;
  uvllm_emit_usage(emit, &usage);
  return UVLLM_COMPLETE;
}
