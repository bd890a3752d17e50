/* What of an answer goes back with the next turn: its thoughts, encrypted by the
 * provider, as they came, and between them the places of texts and calls:
 *
 *   [{"type":"reasoning",...}, {"type":"function_call","call_id":"call_A1"},
 *    {"type":"message","phase":"final_answer"}]
 *
 * Nothing is told of an answer without thoughts and phases: its order says nothing.
 */
#include "openai_responses.h"


static int is(uvllm_str_t type, const char* name) {
  return uvllm__str_eq(type, name);
}


/* Without the encrypted content, or the open one of models that run at home, a thought
 * is a reference to what the provider has not stored. */
static int is_wanted_back(uvllm_json_t reasoning) {
  return uvllm_json_str(uvllm_json_get(reasoning, "encrypted_content")).len != 0 ||
         uvllm_json_count(uvllm_json_get(reasoning, "content")) != 0;
}


static void put_place(uvllm_json_writer_t* w, uvllm_str_t type, const char* name,
                      uvllm_json_t value) {
  uvllm_json_begin_object(w);
  uvllm_json_name(w, "type");
  uvllm_json_write_str(w, type);
  if (uvllm_json_type_of(value) == UVLLM_JSON_STRING) {
    uvllm_json_name(w, name);
    uvllm_json_write_raw(w, uvllm_json_raw(value));
  }
  uvllm_json_end_object(w);
}


static int open_array(uvllm__responses_t* s, uvllm_emit_t* emit) {
  if (s->replay != NULL)
    return 0;
  const int err = uvllm_json_writer_new(&s->replay, uvllm_emit_alloc(emit));
  if (err != 0)
    return err;
  uvllm_json_begin_object(s->replay);
  uvllm_json_name(s->replay, UVLLM__RESPONSES);
  uvllm_json_begin_array(s->replay);
  return 0;
}


int uvllm__responses_keep(uvllm__responses_t* s, uvllm_json_t item, uvllm_emit_t* emit) {
  const uvllm_json_t phase = uvllm_json_get(item, "phase");
  uvllm_str_t type;
  int err = uvllm__shape_str(uvllm_json_get(item, "type"), &type);
  const int thinks = is(type, "reasoning"), says = is(type, "message");
  if (err != 0 || (thinks ? !is_wanted_back(item) : !says && !is(type, "function_call")))
    return err;
  err = open_array(s, emit);
  if (err != 0)
    return err;
  s->keeps |= thinks || uvllm_json_type_of(phase) == UVLLM_JSON_STRING;
  if (thinks)
    uvllm_json_write_raw(s->replay, uvllm_json_raw(item));
  else if (says)
    put_place(s->replay, type, "phase", phase);
  else
    put_place(s->replay, type, "call_id", uvllm_json_get(item, "call_id"));
  return uvllm_json_writer_error(s->replay);
}


int uvllm__responses_tell_kept(uvllm__responses_t* s, uvllm_emit_t* emit) {
  if (!s->keeps)
    return 0;
  uvllm_json_end_array(s->replay);
  uvllm_json_end_object(s->replay);
  const int err = uvllm_json_writer_error(s->replay);
  if (err == 0)
    uvllm_emit_replay(emit, 0, uvllm_json_writer_text(s->replay));
  return err;
}
