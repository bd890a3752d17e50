/* What an adapter tells, handed on to whoever receives it. Empty text is told by
 * many dialects (a first chunk with a role only) and means nothing: it is
 * dropped here, so that no receiver sees it. `attempt` and `time_ns` of an event
 * are the receiver's to fill in.
 */
#include "emit.h"
#include "mem.h"


static int is_text(uvllm_event_type type) {
  return type == UVLLM_EVENT_TEXT || type == UVLLM_EVENT_REASONING ||
         type == UVLLM_EVENT_REFUSAL || type == UVLLM_EVENT_RAW;
}


uvllm_json_parser_t* uvllm_emit_parser(uvllm_emit_t* emit) {
  return emit->parser;
}


const uvllm_alloc_t* uvllm_emit_alloc(const uvllm_emit_t* emit) {
  return emit->alloc != NULL ? emit->alloc : &uvllm__alloc_default;
}


const char* uvllm_emit_param(const uvllm_emit_t* emit, const char* name) {
  return uvllm_param(emit->params, emit->nparams, name);
}


void uvllm_emit_event(uvllm_emit_t* emit, const uvllm_event_t* event) {
  if (is_text(event->type) && event->u.text.len == 0)
    return;
  emit->ops->event(emit, event);
}


void uvllm_emit_text(uvllm_emit_t* emit, uint32_t choice, uvllm_event_type type,
                     uvllm_str_t text) {
  uvllm_event_t event = { .type = type, .choice = choice };
  event.u.text = text;
  uvllm_emit_event(emit, &event);
}


void uvllm_emit_tool(uvllm_emit_t* emit, uint32_t choice, uint32_t index, uvllm_str_t id,
                     uvllm_str_t name, uvllm_str_t json) {
  emit->ops->tool(emit, choice, index, id, name, json);
}


void uvllm_emit_usage(uvllm_emit_t* emit, const uvllm_usage_t* totals) {
  uvllm_event_t event = { .type = UVLLM_EVENT_USAGE };
  event.u.usage = totals;
  emit->ops->event(emit, &event);
}


void uvllm_emit_stop(uvllm_emit_t* emit, uint32_t choice, uvllm_stop_reason stop) {
  emit->ops->stop(emit, choice, stop);
}


void uvllm_emit_replay(uvllm_emit_t* emit, uint32_t choice, uvllm_str_t json) {
  if (json.len != 0)
    emit->ops->replay(emit, choice, json);
}


void uvllm_emit_request_id(uvllm_emit_t* emit, uvllm_str_t id) {
  emit->ops->request_id(emit, id);
}


void uvllm_emit_error(uvllm_emit_t* emit, uvllm_str_t code, uvllm_str_t message,
                      int should_retry) {
  emit->ops->error(emit, code, message, should_retry);
}


void uvllm_emit_retry_after(uvllm_emit_t* emit, uint64_t ms) {
  emit->ops->retry_after(emit, ms);
}


void uvllm_emit_limit(uvllm_emit_t* emit, uvllm_limit_kind kind, int64_t limit,
                      int64_t remaining, int64_t reset_ms) {
  emit->ops->limit(emit, kind, limit, remaining, reset_ms);
}
