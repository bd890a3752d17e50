/* Writes OpenAI's answers: whole bodies, stream events, errors.
 *
 * All members of a chunk that its stream has in common are rendered once
 * (`prefix`); an event is then a few copies. Functions that make an event return
 * whether they did.
 */
#include "mock/mock_int.h"

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)

enum { CREATED = 1790000000 }; /* the same answer is the same bytes on every day */


static void put_id(uvllm__answer_t* answer, uvllm__buf_t* out) {
  if (answer->kind == UVLLM__MOCK_CHAT)
    LIT(out, "{\"id\":\"chatcmpl-");
  else
    LIT(out, "{\"id\":\"cmpl-");
  uvllm__buf_hex(out, answer->id);
}


static void put_common(uvllm__answer_t* answer, uvllm__buf_t* out, int chunk) {
  put_id(answer, out);
  if (answer->kind == UVLLM__MOCK_COMPLETION)
    LIT(out, "\",\"object\":\"text_completion\",\"created\":");
  else if (chunk)
    LIT(out, "\",\"object\":\"chat.completion.chunk\",\"created\":");
  else
    LIT(out, "\",\"object\":\"chat.completion\",\"created\":");
  uvllm__buf_uint(out, CREATED);
  LIT(out, ",\"model\":");
  uvllm__buf_append(out, answer->model.base, answer->model.len);
  if (chunk && answer->kind == UVLLM__MOCK_CHAT)
    LIT(out, ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_5f6d6f636b\"");
  LIT(out, ",\"choices\":[");
}


void uvllm__mock_openai_prefix(uvllm__answer_t* answer) {
  uvllm__buf_clear(&answer->prefix);
  put_common(answer, &answer->prefix, 1);
}


/* ---- Text ---- */

static uint64_t choice_hash(const uvllm__answer_t* answer, uint32_t choice) {
  return uvllm__mix(answer->hash ^ ((uint64_t) choice * 0xd6e8feb86659fd93u));
}


static void put_string(uvllm__buf_t* out, const char* base, size_t len) {
  uvllm_json_writer_t w;
  uvllm_str_t s = { base, len };
  uvllm__json_writer_init(&w, out);
  uvllm_json_write_str(&w, s);
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


/* `big` and `bad-utf8` go into the first token of the first choice. */
static void put_extras(uvllm__answer_t* answer, uint32_t choice, uint64_t i, uvllm__buf_t* out) {
  if (choice != 0 || i != 0)
    return;
  if (answer->ask.bad_utf8 > 0)
    LIT(out, "\xff\xc3(\xe2\x82");
  if (answer->ask.big > 0) {
    answer->filler_at = out->len;
    answer->filler = (uint64_t) answer->ask.big;
  }
}


/* Token i of the content as a JSON string, quotes and all. */
static void put_token(uvllm__answer_t* answer, uint32_t choice, uint64_t i, uvllm__buf_t* out) {
  if (answer->has_script) {
    uvllm_str_t piece = piece_of(answer, &answer->calls[0], i, 1);
    put_string(out, piece.base, piece.len);
    out->len -= out->err == 0; /* the closing quote comes after the extras */
  } else {
    uvllm_str_t word = uvllm__mock_token(choice_hash(answer, choice), (uint32_t) i);
    uvllm__buf_char(out, '"');
    uvllm__buf_append(out, word.base, word.len);
  }
  put_extras(answer, choice, i, out);
  uvllm__buf_char(out, '"');
}


static void put_text(uvllm__answer_t* answer, uint32_t choice, uvllm__buf_t* out) {
  if (answer->has_script) {
    uvllm_str_t all = piece_of(answer, &answer->calls[0], 0, answer->ntokens);
    put_string(out, all.base, all.len);
    out->len -= out->err == 0;
    put_extras(answer, choice, 0, out);
  } else {
    uint64_t hash = choice_hash(answer, choice);
    uvllm__buf_char(out, '"');
    for (uint64_t i = 0; i < answer->ntokens; i++) {
      uvllm_str_t word = uvllm__mock_token(hash, (uint32_t) i);
      uvllm__buf_append(out, word.base, word.len);
      put_extras(answer, choice, i, out);
    }
  }
  uvllm__buf_char(out, '"');
}


static uint64_t total_tokens(const uvllm__answer_t* answer) {
  uint64_t n = answer->ntokens;
  for (uint32_t i = 0; i < answer->ncalls; i++)
    n = answer->calls[i].first + answer->calls[i].ntokens;
  return answer->has_script ? answer->calls[0].ntokens : n;
}


static void put_reason(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  if (answer->cut_short)
    LIT(out, "\"length\"");
  else if (answer->ncalls != 0 && !answer->named_tool)
    LIT(out, "\"tool_calls\"");
  else
    LIT(out, "\"stop\"");
}


static void put_usage(const uvllm__answer_t* answer, uint64_t ntokens, uvllm__buf_t* out) {
  uint64_t prompt = (answer->prompt_bytes + 3) / 4;
  LIT(out, "\"usage\":{\"prompt_tokens\":");
  uvllm__buf_uint(out, prompt);
  if (answer->kind != UVLLM__MOCK_EMBED) {
    LIT(out, ",\"completion_tokens\":");
    uvllm__buf_uint(out, ntokens);
  }
  LIT(out, ",\"total_tokens\":");
  uvllm__buf_uint(out, prompt + ntokens);
  if (answer->kind == UVLLM__MOCK_CHAT)
    LIT(out, ",\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},"
             "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0,"
             "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}");
  uvllm__buf_char(out, '}');
}


/* ---- Tool calls ---- */

static void put_call_id(const uvllm__answer_t* answer, uint32_t choice, uint32_t i,
                        uvllm__buf_t* out) {
  LIT(out, "\"call_");
  uvllm__buf_hex(out, uvllm__mix(answer->id + (uint64_t) choice * UVLLM__MOCK_MAX_CALLS + i));
  uvllm__buf_char(out, '"');
}


/* How much of the call's text the answer's length allows. */
static uint64_t call_pieces(const uvllm__answer_t* answer, const uvllm__mock_call_t* call) {
  uint64_t n = answer->ntokens > call->first ? answer->ntokens - call->first : 0;
  return n < call->ntokens ? n : call->ntokens;
}


static void put_calls(uvllm__answer_t* answer, uint32_t choice, uvllm__buf_t* out) {
  LIT(out, "\"tool_calls\":[");
  for (uint32_t i = 0; i < answer->ncalls; i++) {
    const uvllm__mock_call_t* call = &answer->calls[i];
    uint64_t n = call_pieces(answer, call);
    if (n == 0)
      break;
    uvllm_str_t text = piece_of(answer, call, 0, n);
    if (i != 0)
      uvllm__buf_char(out, ',');
    LIT(out, "{\"id\":");
    put_call_id(answer, choice, i, out);
    LIT(out, ",\"type\":\"function\",\"function\":{\"name\":");
    put_string(out, answer->script.base + call->name, call->name_len);
    LIT(out, ",\"arguments\":");
    put_string(out, text.base, text.len);
    LIT(out, "}}");
  }
  uvllm__buf_char(out, ']');
}


/* ---- Whole answers ---- */

static void put_choice(uvllm__answer_t* answer, uint32_t choice, uvllm__buf_t* out) {
  if (answer->kind == UVLLM__MOCK_COMPLETION) {
    LIT(out, "{\"text\":");
    put_text(answer, choice, out);
    LIT(out, ",\"index\":");
    uvllm__buf_uint(out, choice);
    LIT(out, ",\"logprobs\":null,\"finish_reason\":");
  } else {
    LIT(out, "{\"index\":");
    uvllm__buf_uint(out, choice);
    LIT(out, ",\"message\":{\"role\":\"assistant\",\"content\":");
    if (answer->ncalls != 0) {
      LIT(out, "null,");
      put_calls(answer, choice, out);
    } else {
      put_text(answer, choice, out);
    }
    LIT(out, ",\"refusal\":null,\"annotations\":[]},\"logprobs\":null,\"finish_reason\":");
  }
  put_reason(answer, out);
  uvllm__buf_char(out, '}');
}


void uvllm__mock_openai_whole(uvllm__answer_t* answer, uvllm__buf_t* out) {
  put_common(answer, out, 0);
  for (uint32_t i = 0; i < answer->nchoices; i++) {
    if (i != 0)
      uvllm__buf_char(out, ',');
    put_choice(answer, i, out);
  }
  LIT(out, "],");
  put_usage(answer, answer->ntokens * answer->nchoices, out);
  if (answer->kind == UVLLM__MOCK_CHAT)
    LIT(out, ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_5f6d6f636b\"");
  uvllm__buf_char(out, '}');
}


/* ---- Streams ---- */

static void open_choice(uvllm__answer_t* answer, uint32_t choice, uvllm__buf_t* out) {
  uvllm__buf_append(out, answer->prefix.base, answer->prefix.len);
  if (answer->kind == UVLLM__MOCK_CHAT)
    LIT(out, "{\"index\":");
  else
    LIT(out, "{\"text\":");
  if (answer->kind == UVLLM__MOCK_CHAT)
    uvllm__buf_uint(out, choice);
}


/* Padding whose length hides that of the token. */
static void put_padding(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  static const char padding[] = "Qup1ByhzapOh9R4kTmW";
  if (!answer->obfuscate || answer->kind != UVLLM__MOCK_CHAT)
    return;
  LIT(out, ",\"obfuscation\":\"");
  uvllm__buf_append(out, padding, uvllm__mix(answer->id + out->len) & 15);
  uvllm__buf_char(out, '"');
}


static void close_event(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  uvllm__buf_char(out, ']');
  if (answer->include_usage)
    LIT(out, ",\"usage\":null");
  put_padding(answer, out);
  uvllm__buf_char(out, '}');
}


static void close_choice(const uvllm__answer_t* answer, int finish, uvllm__buf_t* out) {
  LIT(out, ",\"logprobs\":null,\"finish_reason\":");
  if (finish)
    put_reason(answer, out);
  else
    LIT(out, "null");
  uvllm__buf_char(out, '}');
  close_event(answer, out);
}


int uvllm__mock_openai_first(uvllm__answer_t* answer, uint32_t choice, uvllm__buf_t* out) {
  if (answer->kind != UVLLM__MOCK_CHAT || answer->ncalls != 0)
    return 0; /* with calls the role comes with the first of them */
  open_choice(answer, choice, out);
  LIT(out, ",\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}");
  close_choice(answer, 0, out);
  return 1;
}


static void put_call_start(uvllm__answer_t* answer, uint32_t choice, uint32_t i,
                           uvllm__buf_t* out) {
  const uvllm__mock_call_t* call = &answer->calls[i];
  open_choice(answer, choice, out);
  if (i == 0)
    LIT(out, ",\"delta\":{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"index\":");
  else
    LIT(out, ",\"delta\":{\"tool_calls\":[{\"index\":");
  uvllm__buf_uint(out, i);
  LIT(out, ",\"id\":");
  put_call_id(answer, choice, i, out);
  LIT(out, ",\"type\":\"function\",\"function\":{\"name\":");
  put_string(out, answer->script.base + call->name, call->name_len);
  LIT(out, ",\"arguments\":\"\"}}]");
  if (i == 0)
    LIT(out, ",\"refusal\":null");
  uvllm__buf_char(out, '}');
  close_choice(answer, 0, out);
}


static uint32_t call_of(const uvllm__answer_t* answer, uint64_t token) {
  uint32_t i = 0;
  while (i + 1 < answer->ncalls && token >= answer->calls[i + 1].first)
    i++;
  return i;
}


static void put_call_piece(uvllm__answer_t* answer, uint32_t choice, uint64_t token,
                           uvllm__buf_t* out) {
  uint32_t i = call_of(answer, token);
  const uvllm__mock_call_t* call = &answer->calls[i];
  uvllm_str_t piece = piece_of(answer, call, token - call->first, 1);
  open_choice(answer, choice, out);
  LIT(out, ",\"delta\":{\"tool_calls\":[{\"index\":");
  uvllm__buf_uint(out, i);
  LIT(out, ",\"function\":{\"arguments\":");
  put_string(out, piece.base, piece.len);
  LIT(out, "}}]}");
  close_choice(answer, 0, out);
}


int uvllm__mock_openai_call(uvllm__answer_t* answer, uint32_t choice, uint64_t i,
                            uvllm__buf_t* out) {
  if (answer->ncalls == 0 || answer->calls[call_of(answer, i)].first != i)
    return 0;
  put_call_start(answer, choice, call_of(answer, i), out);
  return 1;
}


int uvllm__mock_openai_token(uvllm__answer_t* answer, uint32_t choice, uint64_t i,
                             uvllm__buf_t* out) {
  if (answer->ncalls != 0) {
    put_call_piece(answer, choice, i, out);
    return 1;
  }
  open_choice(answer, choice, out);
  if (answer->kind == UVLLM__MOCK_CHAT) {
    LIT(out, ",\"delta\":{\"content\":");
    put_token(answer, choice, i, out);
    uvllm__buf_char(out, '}');
    close_choice(answer, 0, out);
    return 1;
  }
  put_token(answer, choice, i, out);
  LIT(out, ",\"index\":");
  uvllm__buf_uint(out, choice); /* here the last text and the reason share an event */
  close_choice(answer, i + 1 == answer->ntokens && answer->ask.no_finish < 0, out);
  return 1;
}


int uvllm__mock_openai_last(uvllm__answer_t* answer, uint32_t choice, uvllm__buf_t* out) {
  if (answer->kind != UVLLM__MOCK_CHAT)
    return 0;
  open_choice(answer, choice, out);
  LIT(out, ",\"delta\":{}");
  close_choice(answer, 1, out);
  return 1;
}


int uvllm__mock_openai_usage(uvllm__answer_t* answer, uvllm__buf_t* out) {
  if (!answer->include_usage)
    return 0;
  uvllm__buf_append(out, answer->prefix.base, answer->prefix.len);
  LIT(out, "],");
  put_usage(answer, answer->sent_tokens, out);
  put_padding(answer, out);
  uvllm__buf_char(out, '}');
  return 1;
}


/* ---- Errors ---- */

static void put_or_null(uvllm__buf_t* out, const char* s) {
  if (s != NULL)
    put_string(out, s, strlen(s));
  else
    LIT(out, "null");
}


void uvllm__mock_openai_error(uvllm__buf_t* out, const uvllm__mock_error_t* error) {
  LIT(out, "{\"error\":{\"message\":");
  put_string(out, error->message, strlen(error->message));
  LIT(out, ",\"type\":");
  put_or_null(out, error->type);
  LIT(out, ",\"param\":");
  put_or_null(out, error->param);
  LIT(out, ",\"code\":");
  put_or_null(out, error->code);
  LIT(out, "}}");
}


uint64_t uvllm__mock_openai_length(const uvllm__answer_t* answer) {
  return total_tokens(answer);
}
