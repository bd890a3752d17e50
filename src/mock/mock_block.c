/* What an answer consists of: blocks of tokens, their texts, and what they cost. All
 * is computed from the answer, so that any token is known without those before it.
 */
#include "mock/mock_int.h"

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)

enum { THOUGHTS = 8 }; /* tokens, where only the request asks for reasoning */


/* ---- Length ---- */

static uint64_t content_length(const uvllm__answer_t* answer) {
  if (answer->ncalls != 0) {
    const uvllm__mock_call_t* last = &answer->calls[answer->ncalls - 1];
    return last->first + last->ntokens;
  }
  if (answer->has_script)
    return answer->calls[0].ntokens;
  return answer->ask.tokens > 0 ? (uint64_t) answer->ask.tokens : answer->mock->options.ntokens;
}


void uvllm__answer_set_length(uvllm__answer_t* answer) {
  answer->nreasoning = 0;
  answer->ntokens = answer->kind == UVLLM__MOCK_PROGRESS ? answer->nsteps : 0;
  if (answer->kind != UVLLM__MOCK_GENERATE)
    return;
  if (answer->ask.reasoning >= 0)
    answer->nreasoning = (uint64_t) answer->ask.reasoning;
  else if (answer->thinks)
    answer->nreasoning = THOUGHTS;
  answer->ntokens = answer->nreasoning + content_length(answer);
  answer->cut_short = answer->max_tokens < answer->ntokens;
  if (answer->cut_short)
    answer->ntokens = answer->max_tokens;
}


/* ---- Blocks ---- */

static int set_range(const uvllm__answer_t* answer, uvllm__block_t* block, uint64_t first,
                     uint64_t ntokens) {
  uint64_t left = answer->ntokens > first ? answer->ntokens - first : 0;
  block->first = first;
  block->ntokens = ntokens < left ? ntokens : left;
  return block->ntokens != 0;
}


int uvllm__mock_block(const uvllm__answer_t* answer, uint32_t choice, uint32_t i,
                      uvllm__block_t* block) {
  block->choice = choice;
  block->index = i;
  block->call = 0;
  if (answer->kind == UVLLM__MOCK_PROGRESS) {
    block->kind = UVLLM__BLOCK_STEP;
    return i == 0 && set_range(answer, block, 0, answer->ntokens);
  }
  if (answer->nreasoning != 0) {
    if (i == 0) {
      block->kind = UVLLM__BLOCK_REASONING;
      return set_range(answer, block, 0, answer->nreasoning);
    }
    i--;
  }
  if (answer->ncalls != 0) {
    block->kind = UVLLM__BLOCK_CALL;
    block->call = i;
    return i < answer->ncalls && set_range(answer, block, answer->nreasoning +
                                           answer->calls[i].first, answer->calls[i].ntokens);
  }
  block->kind = answer->ask.refusal > 0 ? UVLLM__BLOCK_REFUSAL : UVLLM__BLOCK_TEXT;
  return i == 0 && set_range(answer, block, answer->nreasoning, UINT64_MAX);
}


/* ---- Text ---- */

static uint64_t words_of(const uvllm__answer_t* answer, const uvllm__block_t* block) {
  uint64_t hash = uvllm__mix(answer->hash ^ ((uint64_t) block->choice * 0xd6e8feb86659fd93u));
  return block->kind == UVLLM__BLOCK_REASONING ? uvllm__mix(~hash) : hash;
}


/* Whether the block's text is cut from a script, and from which; else it is words. */
static int has_script(const uvllm__answer_t* answer, const uvllm__block_t* block,
                      const uvllm__mock_call_t** script) {
  const int is_call = block->kind == UVLLM__BLOCK_CALL;
  *script = &answer->calls[is_call ? block->call : 0];
  return is_call || (block->kind == UVLLM__BLOCK_TEXT && answer->has_script);
}


/* A script is cut into pieces of a few bytes, but not within a character. */
static uint32_t piece_at(const uvllm__answer_t* answer, const uvllm__mock_call_t* call,
                         uint64_t i) {
  const unsigned char* text = (const unsigned char*) answer->script.base + call->text;
  uint64_t at = i * UVLLM__MOCK_PIECE;
  while (at < call->text_len && (text[at] & 0xc0) == 0x80)
    at++;
  return (uint32_t) (at < call->text_len ? at : call->text_len);
}


static uvllm_str_t piece_of(const uvllm__answer_t* answer, const uvllm__mock_call_t* call,
                            uint64_t i, uint64_t n) {
  uint32_t from = piece_at(answer, call, i);
  uint32_t to = piece_at(answer, call, i + n);
  uvllm_str_t s = { answer->script.base + call->text + from, to - from };
  return s;
}


void uvllm__mock_put_string(uvllm__buf_t* out, const char* base, size_t len) {
  uvllm_json_writer_t w;
  uvllm_str_t s = { base, len };
  uvllm__json_writer_init(&w, out);
  uvllm_json_write_str(&w, s);
}


/* `big` and `bad-utf8` go behind the first token of the first choice's text. */
static void put_extras(uvllm__answer_t* answer, const uvllm__block_t* block, uvllm__buf_t* out) {
  static const uint64_t most = UINT64_C(1) << 30; /* lengths have 32 bits there */
  if (block->choice != 0 || block->kind == UVLLM__BLOCK_CALL ||
      block->kind == UVLLM__BLOCK_REASONING)
    return;
  if (answer->ask.bad_utf8 > 0)
    LIT(out, "\xff\xc3(\xe2\x82");
  if (answer->ask.big > 0) {
    answer->filler_at = out->len;
    answer->filler = (uint64_t) answer->ask.big;
    if (answer->stream && answer->frame.framing == UVLLM__FRAME_AWS && answer->filler > most)
      answer->filler = most;
  }
}


void uvllm__mock_put_token(uvllm__answer_t* answer, const uvllm__block_t* block, uint64_t i,
                           uvllm__buf_t* out) {
  const uvllm__mock_call_t* script;
  if (has_script(answer, block, &script)) {
    uvllm_str_t piece = piece_of(answer, script, i, 1);
    uvllm__mock_put_string(out, piece.base, piece.len);
    out->len -= out->err == 0; /* the closing quote comes after the extras */
  } else {
    uvllm_str_t word = uvllm__mock_token(words_of(answer, block), (uint32_t) i);
    uvllm__buf_char(out, '"');
    uvllm__buf_append(out, word.base, word.len);
  }
  if (i == 0)
    put_extras(answer, block, out);
  uvllm__buf_char(out, '"');
}


/* The extras are in a stream's tokens, and not once more where it tells all of them. */
void uvllm__mock_put_text(uvllm__answer_t* answer, const uvllm__block_t* block,
                          uvllm__buf_t* out) {
  const uvllm__mock_call_t* script;
  if (has_script(answer, block, &script)) {
    uvllm_str_t all = piece_of(answer, script, 0, block->ntokens);
    uvllm__mock_put_string(out, all.base, all.len);
    out->len -= out->err == 0;
    if (!answer->stream)
      put_extras(answer, block, out);
  } else {
    uint64_t hash = words_of(answer, block);
    uvllm__buf_char(out, '"');
    for (uint64_t i = 0; i < block->ntokens; i++) {
      uvllm_str_t word = uvllm__mock_token(hash, (uint32_t) i);
      uvllm__buf_append(out, word.base, word.len);
      if (i == 0 && !answer->stream)
        put_extras(answer, block, out);
    }
  }
  uvllm__buf_char(out, '"');
}


/* ---- Tool calls ---- */

uvllm_str_t uvllm__mock_call_name(const uvllm__answer_t* answer, const uvllm__block_t* block) {
  const uvllm__mock_call_t* call = &answer->calls[block->call];
  uvllm_str_t s = { answer->script.base + call->name, call->name_len };
  return s;
}


uvllm_str_t uvllm__mock_call_args(const uvllm__answer_t* answer, const uvllm__block_t* block,
                                  int* is_whole) {
  const uvllm__mock_call_t* call = &answer->calls[block->call];
  *is_whole = block->ntokens == call->ntokens;
  return piece_of(answer, call, 0, block->ntokens);
}


void uvllm__mock_put_call_id(const uvllm__answer_t* answer, const uvllm__block_t* block,
                             uvllm__buf_t* out) {
  uvllm__buf_hex(out, uvllm__mix(answer->id + (uint64_t) block->choice * UVLLM__MOCK_MAX_CALLS +
                                 block->call));
}


/* ---- What it comes to ---- */

uvllm__finish uvllm__mock_finish(const uvllm__answer_t* answer) {
  if (answer->ask.filter > 0)
    return UVLLM__FINISH_FILTER;
  if (answer->cut_short)
    return UVLLM__FINISH_LENGTH;
  if (answer->ncalls != 0)
    return UVLLM__FINISH_TOOLS;
  return answer->ask.refusal > 0 ? UVLLM__FINISH_REFUSAL : UVLLM__FINISH_STOP;
}


void uvllm__mock_usage(const uvllm__answer_t* answer, uvllm__mock_usage_t* usage) {
  uint64_t thoughts = answer->nreasoning * answer->nchoices;
  usage->input = (answer->prompt_bytes + 3) / 4;
  usage->output = answer->stream ? answer->sent_tokens : answer->ntokens * answer->nchoices;
  usage->reasoning = thoughts < usage->output ? thoughts : usage->output;
  usage->cached = answer->ask.cached > 0 ? (uint64_t) answer->ask.cached : 0;
  if (usage->cached > usage->input)
    usage->cached = usage->input;
}
