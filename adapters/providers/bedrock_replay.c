/* Reasoning that has a signature, or that was redacted, has to come back with the next
 * turn as it was: {"bedrock":[{"reasoningContent":{...}},...]}, put together while it
 * comes. What has neither is nobody's to bring back, and is taken out again.
 *
 * Strings are copied as they stand in the JSON, so nothing is decoded or escaped.
 */
#include "bedrock.h"

typedef uvllm__bedrock_replay_t replay_t;


/* The inside of a string, still escaped. */
static void put_inside(uvllm__buf_t* out, uvllm_json_t string) {
  const uvllm_str_t raw = uvllm_json_raw(string);
  if (uvllm_json_type_of(string) == UVLLM_JSON_STRING && raw.len > 2)
    uvllm__buf_append(out, raw.base + 1, raw.len - 2);
}


static void prepare(replay_t* r, uvllm_emit_t* emit) {
  if (r->json.alloc != NULL)
    return;
  uvllm__buf_init(&r->json, uvllm_emit_alloc(emit), SIZE_MAX);
  uvllm__buf_init(&r->signature, uvllm_emit_alloc(emit), SIZE_MAX);
  uvllm__buf_str(&r->json, "{\"bedrock\":[");
}


static void close_block(replay_t* r) {
  if (!r->is_open)
    return;
  r->is_open = 0;
  if (r->signature.len == 0) {
    r->json.len = r->start;
    return;
  }
  uvllm__buf_str(&r->json, "\",\"signature\":\"");
  uvllm__buf_append(&r->json, r->signature.base, r->signature.len);
  uvllm__buf_str(&r->json, "\"}}}");
  r->signature.len = 0;
  r->has_any = 1;
}


static void open_block(replay_t* r, int64_t block, const char* text) {
  close_block(r);
  r->start = r->json.len;
  if (r->has_any)
    uvllm__buf_char(&r->json, ',');
  uvllm__buf_str(&r->json, text);
  r->block = block;
}


static void need_text(replay_t* r, int64_t block, uvllm_emit_t* emit) {
  prepare(r, emit);
  if (r->is_open && r->block == block)
    return;
  open_block(r, block, "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"");
  r->is_open = 1;
}


void uvllm__bedrock_replay_text(uvllm__bedrock_t* s, int64_t block, uvllm_json_t text,
                                uvllm_emit_t* emit) {
  if (uvllm_json_type_of(text) != UVLLM_JSON_STRING)
    return;
  need_text(&s->replay, block, emit);
  put_inside(&s->replay.json, text);
}


void uvllm__bedrock_replay_signature(uvllm__bedrock_t* s, int64_t block, uvllm_json_t signature,
                                     uvllm_emit_t* emit) {
  if (uvllm_json_type_of(signature) != UVLLM_JSON_STRING)
    return;
  need_text(&s->replay, block, emit);
  put_inside(&s->replay.signature, signature);
}


void uvllm__bedrock_replay_redacted(uvllm__bedrock_t* s, int64_t block, uvllm_json_t bytes,
                                    uvllm_emit_t* emit) {
  replay_t* r = &s->replay;
  if (uvllm_json_type_of(bytes) != UVLLM_JSON_STRING)
    return;
  prepare(r, emit);
  open_block(r, block, "{\"reasoningContent\":{\"redactedContent\":\"");
  put_inside(&r->json, bytes);
  uvllm__buf_str(&r->json, "\"}}");
  r->has_any = 1;
}


int uvllm__bedrock_replay_end(uvllm__bedrock_t* s, uvllm_emit_t* emit) {
  replay_t* r = &s->replay;
  if (r->json.alloc == NULL)
    return 0;
  close_block(r);
  uvllm__buf_str(&r->json, "]}");
  if (r->json.err != 0 || r->signature.err != 0)
    return r->json.err != 0 ? r->json.err : r->signature.err;
  if (r->has_any)
    uvllm_emit_replay(emit, 0, uvllm__buf_slice(&r->json));
  return 0;
}
