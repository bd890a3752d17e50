/* What of a turn has to come back with the next one: {"gemini":{"parts":[...],"bytes":N}}.
 *
 * Text and calls are in the message already, so only what they lack is kept: where
 * signatures belong, the server's own ids, and parts that no event tells, as they
 * came (code and its outcome, images). A part says how much of the turn's text
 * ("text", bytes) and how many calls ("calls") stand before it; N is all the text,
 * by which an edited one is known.
 */
#include "gemini.h"
#include "json_writer.h"


static void number(uvllm_json_writer_t* w, const char* name, uint64_t n) {
  uvllm_json_name(w, name);
  uvllm_json_write_int(w, n < INT64_MAX ? (int64_t) n : INT64_MAX);
}


static void raw(uvllm_json_writer_t* w, const char* name, uvllm_json_t v) {
  uvllm_json_name(w, name);
  uvllm_json_write_raw(w, uvllm_json_raw(v));
}


static int is_kept(uvllm_json_t v) {
  return uvllm_json_type_of(v) == UVLLM_JSON_STRING && uvllm_json_raw(v).len > 2;
}


static void begin_part(uvllm__gemini_t* s, uvllm__buf_t* buf, uvllm_json_writer_t* w,
                       uvllm__gemini_place_t at) {
  if (buf->alloc == NULL) {
    uvllm__buf_init(buf, &s->alloc, SIZE_MAX);
    uvllm__buf_str(buf, "{\"gemini\":{\"parts\":[");
  } else {
    uvllm__buf_char(buf, ',');
  }
  uvllm__json_writer_init(w, buf);
  uvllm_json_begin_object(w);
  number(w, "text", at.text_bytes);
  number(w, "calls", at.ncalls);
}


static int end_part(uvllm_json_writer_t* w) {
  uvllm_json_end_object(w);
  return uvllm_json_writer_error(w);
}


int uvllm__gemini_keep_text(uvllm__gemini_t* s, uint32_t choice, uvllm__gemini_place_t at,
                            uint64_t bytes, uvllm_json_t signature) {
  uvllm_json_writer_t w;
  if (!is_kept(signature))
    return 0;
  begin_part(s, &s->choices[choice].replay, &w, at);
  number(&w, "bytes", bytes);
  raw(&w, "signature", signature);
  return end_part(&w);
}


int uvllm__gemini_keep_call(uvllm__gemini_t* s, uint32_t choice, uvllm__gemini_place_t at,
                            uvllm_json_t id, uvllm_json_t signature) {
  uvllm_json_writer_t w;
  if (!is_kept(id) && !is_kept(signature))
    return 0;
  begin_part(s, &s->choices[choice].replay, &w, at);
  uvllm_json_name(&w, "call");
  uvllm_json_write_bool(&w, 1);
  if (is_kept(id))
    raw(&w, "id", id);
  if (is_kept(signature))
    raw(&w, "signature", signature);
  return end_part(&w);
}


int uvllm__gemini_keep_part(uvllm__gemini_t* s, uint32_t choice, uvllm__gemini_place_t at,
                            uvllm_json_t part) {
  uvllm_json_writer_t w;
  begin_part(s, &s->choices[choice].replay, &w, at);
  raw(&w, "part", part);
  return end_part(&w);
}


int uvllm__gemini_replay(uvllm__gemini_t* s, uint32_t choice, uvllm_emit_t* emit) {
  uvllm__buf_t* buf = &s->choices[choice].replay;
  if (buf->alloc == NULL)
    return 0;
  uvllm__buf_str(buf, "],\"bytes\":");
  uvllm__buf_uint(buf, s->choices[choice].text_bytes);
  if (uvllm__buf_str(buf, "}}") != 0)
    return buf->err;
  uvllm_emit_replay(emit, choice, uvllm__buf_slice(buf));
  return 0;
}
