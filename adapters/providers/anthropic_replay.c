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
static void clear(replay_t* r, uvllm__buf_t* buf) {
  r->err = r->err != 0 ? r->err : buf->err;
  uvllm__buf_clear(buf);
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
    uvllm__buf_init(&r->deltas, uvllm_emit_alloc(emit), SIZE_MAX);
  }
  if (r->out.len == 0)
    LIT(&r->out, kBegin);
  clear(r, &r->late);
  clear(r, &r->deltas);
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
  clear(&s->replay, &s->replay.late);
  put(&s->replay.late, inside(signature));
}


void uvllm__anthropic_replay_input(uvllm__anthropic_t* s, uvllm_str_t piece) {
  if (!s->has_input)
    clear(&s->replay, &s->replay.late); /* what the block began with was a placeholder */
  s->has_input = 1;
  put(&s->replay.late, piece);
}


/* ---- Deltas of kinds that are not known ---- */

void uvllm__anthropic_replay_delta(uvllm__anthropic_t* s, uvllm_json_t delta) {
  static const uvllm_str_t null = UVLLM_STR("null");
  uvllm__buf_char(&s->replay.deltas, ',');
  put(&s->replay.deltas,
      uvllm_json_type_of(delta) == UVLLM_JSON_OBJECT ? uvllm_json_raw(delta) : null);
}


static int same(uvllm_str_t a, uvllm_str_t b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.base, b.base, a.len) == 0);
}


static uvllm_json_t find(uvllm_json_t object, uvllm_str_t name) {
  uvllm_json_t value, found = { NULL, 0 };
  uvllm_str_t member;
  uint32_t it = 0;
  while (uvllm_json_next(object, &it, &member, &value))
    if (same(member, name))
      found = value;
  return found;
}


/* The first delta, from number 1, that has a piece of this member of the block; 0: it
 * does not grow. */
static size_t grower(uvllm_json_t all, uvllm_str_t name) {
  uvllm_json_t element;
  uint32_t it = 0;
  for (size_t i = 0; uvllm_json_next(all, &it, NULL, &element); i++)
    if (i != 0 && !uvllm__str_eq(name, "type") &&
        uvllm_json_type_of(find(element, name)) == UVLLM_JSON_STRING)
      return i;
  return 0;
}


/* Pieces of strings go behind each other, as in all deltas that are known; of anything
 * else nobody can say what would become of it. */
static int can_grow(uvllm_json_t all) {
  const uvllm_json_t block = uvllm_json_at(all, 0);
  uvllm_json_t element, value;
  uvllm_str_t name;
  uint32_t it = 0, at;
  for (size_t i = 0; uvllm_json_next(all, &it, NULL, &element); i++) {
    if (uvllm_json_type_of(element) != UVLLM_JSON_OBJECT)
      return 0;
    for (at = 0; i != 0 && uvllm_json_next(element, &at, &name, &value);) {
      const uvllm_json_type has = uvllm_json_type_of(value);
      const uvllm_json_type had = uvllm_json_type_of(find(block, name));
      if ((has != UVLLM_JSON_STRING && has != UVLLM_JSON_NULL) ||
          (had > UVLLM_JSON_NULL && had != UVLLM_JSON_STRING))
        return 0;
    }
  }
  return 1;
}


static void put_grown(replay_t* r, uvllm_json_t all, uvllm_str_t name) {
  uvllm_json_t element;
  uint32_t it = 0;
  put_name(r, name);
  uvllm__buf_char(&r->out, '"');
  while (uvllm_json_next(all, &it, NULL, &element))
    put(&r->out, inside(find(element, name)));
  uvllm__buf_char(&r->out, '"');
}


/* The block's members, then those that deltas alone have brought; without its end. */
static void put_all_grown(replay_t* r, uvllm_json_t all) {
  const uvllm_json_t block = uvllm_json_at(all, 0);
  uvllm_json_t element, value;
  uvllm_str_t name;
  uint32_t it = 0, at;
  char before = '{';
  for (size_t i = 0; uvllm_json_next(all, &it, NULL, &element); i++)
    for (at = 0; uvllm_json_next(element, &at, &name, &value);) {
      const size_t first = grower(all, name);
      const int is_new = uvllm_json_type_of(find(block, name)) == UVLLM_JSON_NONE;
      if (i != 0 && (!is_new || first != i))
        continue;
      uvllm__buf_char(&r->out, before);
      before = ',';
      if (first != 0) {
        put_grown(r, all, name);
        continue;
      }
      put_name(r, name);
      put(&r->out, uvllm_json_raw(value));
    }
}


/* What was written of the block, and what came for it, as one array. */
static int parse_all(replay_t* r, uvllm_json_parser_t* parser, uvllm__buf_t* text,
                     uvllm_json_t* all) {
  const size_t start = r->start + (r->out.base[r->start] == ',');
  uvllm__buf_char(text, '[');
  uvllm__buf_append(text, r->out.base + start, r->out.len - start);
  uvllm__buf_char(text, '}');
  put(text, uvllm__buf_slice(&r->deltas));
  if (uvllm__buf_char(text, ']') != 0)
    return text->err;
  return uvllm_json_parse(parser, uvllm__buf_slice(text), all, NULL);
}


/* 1: the block has grown by its deltas; 0: it cannot. */
static int grow(replay_t* r) {
  uvllm_json_parser_t* parser;
  uvllm__buf_t text;
  uvllm_json_t all;
  int grows = 0;
  if (r->out.err != 0 || r->deltas.err != 0)
    return 0;
  uvllm__buf_init(&text, r->out.alloc, SIZE_MAX);
  int err = uvllm_json_parser_new(&parser, r->out.alloc);
  if (err == 0)
    err = parse_all(r, parser, &text, &all);
  if (err == 0 && can_grow(all)) {
    r->out.len = r->start + (r->out.base[r->start] == ',');
    put_all_grown(r, all);
    grows = 1;
  }
  uvllm_json_parser_free(parser);
  uvllm__buf_free(&text);
  r->err = r->err != 0 || err == UVLLM_EPROTO ? r->err : err;
  return grows;
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
  if (r->deltas.len != 0 && !grow(r)) { /* half a block is refused */
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
  clear(r, &r->late);
  clear(r, &r->deltas);
  const int err = r->err != 0 ? r->err : r->out.err;
  if (err == 0)
    uvllm_emit_replay(emit, 0, uvllm__buf_slice(&r->out));
  return err;
}


void uvllm__anthropic_free(uvllm__anthropic_t* s) {
  if (s->replay.out.alloc != NULL) {
    uvllm__buf_free(&s->replay.out);
    uvllm__buf_free(&s->replay.late);
    uvllm__buf_free(&s->replay.deltas);
  }
  if (s->last_id.alloc != NULL)
    uvllm__buf_free(&s->last_id);
}
