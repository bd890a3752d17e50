/* What of a message is to be handed back, put together while it comes (anthropic.h).
 *
 * Strings are copied as they stand in the JSON, without their quotes: pieces of one
 * value make it up again, and nothing is changed that a signature covers. An answer
 * of text and calls alone costs a few bytes a block, and is not told.
 */
#include "anthropic.h"
#include "json_writer.h"

#define LIT(buf, text) uvllm__buf_append((buf), (text), sizeof(text) - 1)

static const char kBegin[] = "{\"anthropic\":{\"content\":[";

typedef uvllm__anthropic_replay_t replay_t;


static void put(uvllm__buf_t* buf, uvllm_str_t s) {
  uvllm__buf_append(buf, s.base, s.len);
}


/* Emptying forgets an error, which must not get lost. */
static void clear_late(replay_t* r) {
  r->err = r->err != 0 ? r->err : r->late.err;
  uvllm__buf_clear(&r->late);
}


static uvllm_str_t inside(uvllm_json_t string) {
  uvllm_str_t raw = uvllm_json_raw(string);
  if (uvllm_json_type_of(string) != UVLLM_JSON_STRING)
    return (uvllm_str_t) { NULL, 0 };
  raw.base++;
  raw.len -= 2;
  return raw;
}


static void begin_element(replay_t* r, uvllm_emit_t* emit) {
  if (r->out.alloc == NULL) {
    uvllm__buf_init(&r->out, uvllm_emit_alloc(emit), SIZE_MAX);
    uvllm__buf_init(&r->late, uvllm_emit_alloc(emit), SIZE_MAX);
  }
  if (r->out.len == 0)
    LIT(&r->out, kBegin);
  clear_late(r);
  r->start = r->out.len;
  if (r->start != sizeof(kBegin) - 1)
    uvllm__buf_char(&r->out, ',');
}


/* Who called is of interest only if it was not the model itself. */
static void begin_call(replay_t* r, uvllm_json_t block) {
  const uvllm_json_t id = uvllm_json_get(block, "id");
  const uvllm_json_t caller = uvllm_json_get(block, "caller");
  const uvllm_json_t input = uvllm_json_get(block, "input");
  LIT(&r->out, "{\"call\":\"");
  put(&r->out, inside(id));
  uvllm__buf_char(&r->out, '"');
  if (uvllm_json_type_of(caller) == UVLLM_JSON_OBJECT &&
      !uvllm__str_eq(uvllm_json_str(uvllm_json_get(caller, "type")), "direct")) {
    LIT(&r->out, ",\"caller\":");
    put(&r->out, uvllm_json_raw(caller));
    r->needed = 1;
  }
  if (uvllm_json_count(input) != 0)
    put(&r->late, uvllm_json_raw(input));
}


static void begin_thought(replay_t* r, uvllm_json_t block) {
  LIT(&r->out, "{\"type\":\"thinking\",\"thinking\":\"");
  put(&r->out, inside(uvllm_json_get(block, "thinking")));
  put(&r->late, inside(uvllm_json_get(block, "signature")));
}


static void put_name(replay_t* r, uvllm_str_t name) {
  uvllm_json_writer_t w;
  uvllm__json_writer_init(&w, &r->out);
  uvllm_json_write_str(&w, name);
  uvllm__buf_char(&r->out, ':');
  if (name.base == NULL)
    r->err = UVLLM__ENOMEM;
}


/* All members but the input, which deltas may replace. */
static void begin_other(replay_t* r, uvllm_json_t block) {
  uvllm_json_t value;
  uvllm_str_t name;
  uint32_t it = 0;
  int n = 0;
  uvllm__buf_char(&r->out, '{');
  while (uvllm_json_next(block, &it, &name, &value)) {
    if (uvllm__str_eq(name, "input")) {
      put(&r->late, uvllm_json_raw(value));
      continue;
    }
    if (n++ != 0)
      uvllm__buf_char(&r->out, ',');
    put_name(r, name);
    put(&r->out, uvllm_json_raw(value));
  }
  r->needed = 1;
}


void uvllm__anthropic_replay_citation(uvllm__anthropic_t* s, uvllm_json_t citation) {
  if (uvllm_json_type_of(citation) != UVLLM_JSON_OBJECT)
    return;
  if (s->replay.late.len != 0)
    uvllm__buf_char(&s->replay.late, ',');
  put(&s->replay.late, uvllm_json_raw(citation));
}


static void begin_text(uvllm__anthropic_t* s, uvllm_json_t block) {
  const uvllm_json_t citations = uvllm_json_get(block, "citations");
  uvllm_json_t citation;
  uint32_t it = 0;
  while (uvllm_json_next(citations, &it, NULL, &citation))
    uvllm__anthropic_replay_citation(s, citation);
}


void uvllm__anthropic_replay_begin(uvllm__anthropic_t* s, uvllm_json_t block,
                                   uvllm_emit_t* emit) {
  begin_element(&s->replay, emit);
  switch (s->block) {
    case UVLLM__BLOCK_SAYS: begin_text(s, block); break;
    case UVLLM__BLOCK_CALLS: begin_call(&s->replay, block); break;
    case UVLLM__BLOCK_THINKS: begin_thought(&s->replay, block); break;
    default: begin_other(&s->replay, block);
  }
}


void uvllm__anthropic_replay_thought(uvllm__anthropic_t* s, uvllm_json_t text) {
  put(&s->replay.out, inside(text));
}


/* A signature: the last one counts. */
void uvllm__anthropic_replay_signature(uvllm__anthropic_t* s, uvllm_json_t signature) {
  clear_late(&s->replay);
  put(&s->replay.late, inside(signature));
}


void uvllm__anthropic_replay_input(uvllm__anthropic_t* s, uvllm_str_t piece) {
  if (!s->has_input)
    clear_late(&s->replay); /* what the block began with was a placeholder */
  s->has_input = 1;
  put(&s->replay.late, piece);
}


/* ---- Ends ---- */

static void end_text(uvllm__anthropic_t* s) {
  replay_t* r = &s->replay;
  if (s->text_bytes == 0) {
    r->out.len = r->start;
    return;
  }
  LIT(&r->out, "{\"text\":");
  uvllm__buf_uint(&r->out, s->text_bytes);
  if (r->late.len != 0) {
    LIT(&r->out, ",\"citations\":[");
    put(&r->out, uvllm__buf_slice(&r->late));
    uvllm__buf_char(&r->out, ']');
    r->needed = 1;
  }
  uvllm__buf_char(&r->out, '}');
}


/* Without a signature none is made up. */
static void end_thought(replay_t* r) {
  if (r->late.len != 0) {
    LIT(&r->out, "\",\"signature\":\"");
    put(&r->out, uvllm__buf_slice(&r->late));
  }
  LIT(&r->out, "\"}");
  r->needed = 1;
}


/* With a parser of its own: what the other one gave may still be in use. */
static int is_json(replay_t* r, uvllm_str_t text) {
  uvllm_json_parser_t* parser;
  int err = uvllm_json_parser_new(&parser, r->out.alloc);
  if (err == 0)
    err = uvllm_json_parse(parser, text, NULL, NULL);
  uvllm_json_parser_free(parser);
  if (err != UVLLM_EPROTO && r->err == 0)
    r->err = err;
  return err == 0;
}


/* An input that was cut off is none. */
static void end_other(uvllm__anthropic_t* s) {
  replay_t* r = &s->replay;
  const uvllm_str_t input = uvllm__buf_slice(&r->late);
  if (s->is_partial) { /* half a block is refused */
    r->out.len = r->start;
    return;
  }
  if (input.len != 0) {
    LIT(&r->out, ",\"input\":");
    put(&r->out, !s->has_input || is_json(r, input) ? input : (uvllm_str_t) UVLLM_STR("{}"));
  }
  uvllm__buf_char(&r->out, '}');
}


void uvllm__anthropic_replay_end(uvllm__anthropic_t* s) {
  switch (s->block) {
    case UVLLM__BLOCK_SAYS: end_text(s); break;
    case UVLLM__BLOCK_CALLS: uvllm__buf_char(&s->replay.out, '}'); break;
    case UVLLM__BLOCK_THINKS: end_thought(&s->replay); break;
    default: end_other(s);
  }
}


int uvllm__anthropic_replay_tell(uvllm__anthropic_t* s, uvllm_emit_t* emit) {
  replay_t* r = &s->replay;
  if (!r->needed && !s->is_paused)
    return r->err != 0 ? r->err : r->out.err;
  if (r->out.len == 0)
    begin_element(r, emit);
  uvllm__buf_char(&r->out, ']');
  if (s->is_paused)
    LIT(&r->out, ",\"stop_reason\":\"pause_turn\"");
  LIT(&r->out, "}}");
  const int err = r->err != 0 ? r->err : r->late.err != 0 ? r->late.err : r->out.err;
  if (err == 0)
    uvllm_emit_replay(emit, 0, uvllm__buf_slice(&r->out));
  return err;
}


void uvllm__anthropic_free(uvllm__anthropic_t* s) {
  if (s->replay.out.alloc != NULL) {
    uvllm__buf_free(&s->replay.out);
    uvllm__buf_free(&s->replay.late);
  }
  if (s->last_id.alloc != NULL)
    uvllm__buf_free(&s->last_id);
}
