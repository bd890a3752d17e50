/* Chat and text completions, as chunks of a stream or whole: both are read by the
 * same code, since servers send either in place of the other.
 *
 * Everything may be absent, null or of another type, and is then nothing. What
 * ends a choice is told once, after its content. Most events of a stream tell a
 * text, and differ from the one before in this and in what nobody asks for: they
 * are noticed, and not taken apart again.
 */
#include "openai.h"
#include "check.h"

typedef uvllm__openai_set_t set_t;


static int set_has(const set_t* set, uint32_t i) {
  return i < UVLLM__OPENAI_CHOICES && (set->bits[i / 64] >> i % 64 & 1) != 0;
}


static void set_add(set_t* set, uint32_t i) {
  if (i < UVLLM__OPENAI_CHOICES)
    set->bits[i / 64] |= UINT64_C(1) << i % 64;
}


/* Most of what is asked for is absent. */
static inline int is_a(uvllm_json_type type, uvllm_json_t v) {
  return v.parser != NULL && uvllm_json_type_of(v) == type;
}


static inline int is_object(uvllm_json_t v) {
  return is_a(UVLLM_JSON_OBJECT, v);
}


/* ---- Usage ---- */

static uint64_t count(uvllm_json_t v) {
  const int64_t n = v.parser != NULL ? uvllm_json_int(v, 0) : 0;
  return n > 0 ? (uint64_t) n : 0;
}


static uint64_t larger(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}


static uint64_t part_of(uint64_t part, uint64_t whole) {
  return part < whole ? part : whole;
}


static void read_details(uvllm_usage_t* u, uvllm_json_t input, uvllm_json_t output) {
  enum { CACHED, WRITTEN, AUDIO_INPUT, IMAGE, NIN };
  enum { REASONING, AUDIO_OUTPUT, NOUT };
  static const uvllm_str_t in_names[NIN] = { UVLLM_STR("cached_tokens"),
                                             UVLLM_STR("cache_write_tokens"),
                                             UVLLM_STR("audio_tokens"),
                                             UVLLM_STR("image_tokens") };
  static const uvllm_str_t out_names[NOUT] = { UVLLM_STR("reasoning_tokens"),
                                               UVLLM_STR("audio_tokens") };
  uvllm_json_t in[NIN], out[NOUT];
  UVLLM__JSON_PICK(input, in_names, in);
  UVLLM__JSON_PICK(output, out_names, out);
  u->cached_input_tokens = part_of(count(in[CACHED]), u->input_tokens);
  u->cache_write_tokens = part_of(count(in[WRITTEN]), u->input_tokens);
  u->audio_input_tokens = part_of(count(in[AUDIO_INPUT]), u->input_tokens);
  u->image_input_tokens = part_of(count(in[IMAGE]), u->input_tokens);
  u->reasoning_tokens = part_of(count(out[REASONING]), u->output_tokens);
  u->audio_output_tokens = part_of(count(out[AUDIO_OUTPUT]), u->output_tokens);
}


/* Where the total is more than the sum, tokens of reasoning were left out of the
 * completion (xAI). Zeros alone are a placeholder (Ollama), not a measurement. */
void uvllm__openai_usage(uvllm_json_t usage, uvllm_emit_t* emit) {
  enum { PROMPT, INPUT, COMPLETION, OUTPUT, TOTAL, PROMPT_DETAILS, INPUT_DETAILS,
         COMPLETION_DETAILS, OUTPUT_DETAILS, CACHE_HIT, N };
  static const uvllm_str_t names[N] = {
    UVLLM_STR("prompt_tokens"), UVLLM_STR("input_tokens"), UVLLM_STR("completion_tokens"),
    UVLLM_STR("output_tokens"), UVLLM_STR("total_tokens"), UVLLM_STR("prompt_tokens_details"),
    UVLLM_STR("input_tokens_details"), UVLLM_STR("completion_tokens_details"),
    UVLLM_STR("output_tokens_details"), UVLLM_STR("prompt_cache_hit_tokens")
  };
  uvllm_json_t v[N];
  uvllm_usage_t u = { 0 };
  if (!is_object(usage))
    return;
  UVLLM__JSON_PICK(usage, names, v);
  u.input_tokens = larger(count(v[PROMPT]), count(v[INPUT]));
  u.output_tokens = larger(count(v[COMPLETION]), count(v[OUTPUT]));
  if (count(v[TOTAL]) > u.input_tokens && u.input_tokens != 0)
    u.output_tokens = larger(u.output_tokens, count(v[TOTAL]) - u.input_tokens);
  read_details(&u, is_object(v[PROMPT_DETAILS]) ? v[PROMPT_DETAILS] : v[INPUT_DETAILS],
               is_object(v[COMPLETION_DETAILS]) ? v[COMPLETION_DETAILS] : v[OUTPUT_DETAILS]);
  u.cached_input_tokens =
      larger(u.cached_input_tokens, part_of(count(v[CACHE_HIT]), u.input_tokens));
  if (u.input_tokens != 0 || u.output_tokens != 0)
    uvllm_emit_usage(emit, &u);
}


/* ---- Content ---- */

/* A string that is not empty is told. Gives its length, 0 for anything else. */
static size_t emit(uvllm__openai_t* s, uint32_t choice, uvllm_event_type type, uvllm_json_t v,
                   uvllm_emit_t* to) {
  if (v.parser == NULL)
    return 0;
  const uvllm_str_t text = uvllm__openai_str(s, v);
  if (text.len != 0) {
    s->told = (uvllm__openai_told_t) { s->told.ntexts + 1, s->told.others, v, choice, type };
    uvllm_emit_text(to, choice, type, text);
    if (type == UVLLM_EVENT_REASONING)
      uvllm__openai_keep_text(s, choice, text, to);
  }
  return text.len;
}


static void take_refusal(uvllm__openai_t* s, uint32_t choice, uvllm_json_t refusal,
                         uvllm_emit_t* to) {
  if (emit(s, choice, UVLLM_EVENT_REFUSAL, refusal, to) == 0)
    return;
  set_add(&s->refused, choice);
  s->told.others = 1;
}


/* "thinking" of a part: a string, or an array of text parts. */
static void take_thinking(uvllm__openai_t* s, uint32_t choice, uvllm_json_t thinking,
                          uvllm_emit_t* to) {
  uvllm_json_t part;
  uint32_t it = 0;
  emit(s, choice, UVLLM_EVENT_REASONING, thinking, to);
  if (is_a(UVLLM_JSON_ARRAY, thinking))
    while (uvllm_json_next(thinking, &it, NULL, &part))
      emit(s, choice, UVLLM_EVENT_REASONING, uvllm_json_get(part, "text"), to);
}


static void take_parts(uvllm__openai_t* s, uint32_t choice, uvllm_json_t parts,
                       uvllm_emit_t* to) {
  static const uvllm_str_t names[] = { UVLLM_STR("text"), UVLLM_STR("thinking"),
                                       UVLLM_STR("refusal") };
  uvllm_json_t part, v[3];
  uint32_t it = 0;
  while (uvllm_json_next(parts, &it, NULL, &part)) {
    UVLLM__JSON_PICK(part, names, v);
    emit(s, choice, UVLLM_EVENT_TEXT, v[0], to);
    take_thinking(s, choice, v[1], to);
    take_refusal(s, choice, v[2], to);
  }
}


/* What is said in audio counts as text where no text is given. */
static void take_content(uvllm__openai_t* s, uint32_t choice, uvllm_json_t content,
                         uvllm_json_t audio, uvllm_emit_t* to) {
  if (emit(s, choice, UVLLM_EVENT_TEXT, content, to) != 0)
    return;
  if (is_a(UVLLM_JSON_ARRAY, content))
    take_parts(s, choice, content, to);
  else if (is_object(audio))
    emit(s, choice, UVLLM_EVENT_TEXT, uvllm_json_get(audio, "transcript"), to);
}


/* The predecessor of tool calls: one, without an id. */
static void take_function_call(uvllm__openai_t* s, uint32_t choice, uvllm_json_t call,
                               uvllm_emit_t* to) {
  const uvllm_str_t none = { NULL, 0 };
  if (!is_object(call))
    return;
  const uvllm_json_t arguments = uvllm_json_get(call, "arguments");
  uvllm_emit_tool(to, choice, 0, none, uvllm__openai_str(s, uvllm_json_get(call, "name")),
                  is_object(arguments) ? uvllm_json_raw(arguments)
                                       : uvllm__openai_str(s, arguments));
  set_add(&s->tools, choice);
}


/* A delta, or a whole message. Reasoning comes under two names, at some servers
 * under both with the same text. */
static void take_message(uvllm__openai_t* s, uint32_t choice, uvllm_json_t message, int whole,
                         uvllm_emit_t* to) {
  enum { CONTENT, REASONING_CONTENT, REASONING, REFUSAL, TOOL_CALLS, FUNCTION_CALL, AUDIO, DETAILS,
         N };
  static const uvllm_str_t names[N] = {
    UVLLM_STR("content"), UVLLM_STR("reasoning_content"), UVLLM_STR("reasoning"),
    UVLLM_STR("refusal"), UVLLM_STR("tool_calls"), UVLLM_STR("function_call"),
    UVLLM_STR("audio"), UVLLM_STR("reasoning_details")
  };
  uvllm_json_t v[N];
  UVLLM__JSON_PICK(message, names, v);
  if (emit(s, choice, UVLLM_EVENT_REASONING, v[REASONING_CONTENT], to) == 0)
    emit(s, choice, UVLLM_EVENT_REASONING, v[REASONING], to);
  uvllm__openai_keep_details(s, choice, v[DETAILS], to);
  take_content(s, choice, v[CONTENT], v[AUDIO], to);
  take_refusal(s, choice, v[REFUSAL], to);
  s->told.others |= is_a(UVLLM_JSON_ARRAY, v[TOOL_CALLS]) || is_object(v[FUNCTION_CALL]);
  if (uvllm__openai_tools(s, choice, v[TOOL_CALLS], whole, to))
    set_add(&s->tools, choice);
  else
    take_function_call(s, choice, v[FUNCTION_CALL], to);
}


/* ---- Ends ---- */

static uvllm_stop_reason stop_of(uvllm_str_t reason) {
  static const struct {
    const char* name;
    uvllm_stop_reason stop;
  } reasons[] = {
    { "length", UVLLM_STOP_LENGTH },        { "model_length", UVLLM_STOP_LENGTH },
    { "max_tokens", UVLLM_STOP_LENGTH },    { "tool_calls", UVLLM_STOP_TOOL },
    { "function_call", UVLLM_STOP_TOOL },   { "content_filter", UVLLM_STOP_FILTER },
    { "stop_sequence", UVLLM_STOP_SEQUENCE }
  };
  for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
    if (uvllm__str_eq(reason, reasons[i].name))
      return reasons[i].stop;
  return UVLLM_STOP_END;
}


/* "stop" is also said behind tool calls and refusals. */
static void finish(uvllm__openai_t* s, uint32_t choice, uvllm_stop_reason stop,
                   uvllm_emit_t* to) {
  s->told.others = 1;
  if (set_has(&s->finished, choice))
    return;
  set_add(&s->finished, choice);
  if (stop == UVLLM_STOP_END && set_has(&s->tools, choice))
    stop = UVLLM_STOP_TOOL;
  else if (stop == UVLLM_STOP_END && set_has(&s->refused, choice))
    stop = UVLLM_STOP_REFUSAL;
  if (set_has(&s->tools, choice))
    uvllm__openai_tell_kept(s, choice, to);
  uvllm_emit_stop(to, choice, stop);
}


/* Reasons that are failures; 0 for all others. */
static int failure_of(uvllm_str_t reason) {
  if (uvllm__str_eq(reason, "error"))
    return UVLLM_EPROVIDER;
  return uvllm__str_eq(reason, "insufficient_system_resource") ? UVLLM_EOVERLOAD : 0;
}


static int take_end(uvllm__openai_t* s, uint32_t choice, uvllm_json_t finish_reason,
                    uvllm_emit_t* to) {
  const uvllm_str_t reason = uvllm__openai_str(s, finish_reason);
  if (reason.len == 0) {
    if (s->framing == UVLLM_FRAME_BODY)
      finish(s, choice, UVLLM_STOP_END, to);
    return 0;
  }
  const int failure = failure_of(reason);
  if (failure != 0)
    return uvllm__refuse_with(to, failure, "the provider broke the answer off");
  finish(s, choice, stop_of(reason), to);
  return 0;
}


static uint32_t index_of(uvllm_json_t index, uint32_t position) {
  const int64_t i = uvllm_json_int(index, -1);
  return i >= 0 && i < UINT32_MAX ? (uint32_t) i : position;
}


static void see(uvllm__openai_t* s, uint32_t choice) {
  set_add(&s->seen, choice);
  s->beyond |= choice >= UVLLM__OPENAI_CHOICES;
}


static int take_choice(uvllm__openai_t* s, uvllm_json_t choice, uint32_t position,
                       uvllm_emit_t* to) {
  enum { INDEX, DELTA, MESSAGE, TEXT, FINISH_REASON, ERROR, N };
  static const uvllm_str_t names[N] = { UVLLM_STR("index"), UVLLM_STR("delta"),
                                        UVLLM_STR("message"), UVLLM_STR("text"),
                                        UVLLM_STR("finish_reason"), UVLLM_STR("error") };
  const uvllm_json_t none = { NULL, 0 };
  uvllm_json_t v[N];
  UVLLM__JSON_PICK(choice, names, v);
  if (uvllm__is_fault(v[ERROR], none))
    return uvllm__fault_inside(&s->head, choice, to);
  const uint32_t i = index_of(v[INDEX], position);
  const int only_text = s->op == UVLLM_COMPLETION && is_a(UVLLM_JSON_STRING, v[TEXT]);
  see(s, i);
  if (!only_text && is_object(v[DELTA])) /* a message beside it would say all again */
    take_message(s, i, v[DELTA], 0, to);
  else if (!only_text && is_object(v[MESSAGE]))
    take_message(s, i, v[MESSAGE], 1, to);
  else
    emit(s, i, UVLLM_EVENT_TEXT, v[TEXT], to);
  return take_end(s, i, v[FINISH_REASON], to);
}


static int take_choices(uvllm__openai_t* s, uvllm_json_t choices, uint32_t* n,
                        uvllm_emit_t* to) {
  uvllm_json_t choice;
  uint32_t it = 0;
  int err = 0;
  if (!is_a(UVLLM_JSON_ARRAY, choices))
    return 0;
  while (err == 0 && uvllm_json_next(choices, &it, NULL, &choice))
    if (is_object(choice))
      err = take_choice(s, choice, (*n)++, to);
  return err;
}


/* ---- Events like the one before ---- */

enum { NOTED_CHOICE, NOTED_TYPE, NOTED_OP };


static uint64_t bit_of(uvllm_json_t v) {
  return v.index < 64 ? UINT64_C(1) << v.index : 0;
}


/* The values beside what was picked: nobody looks at them. */
static uint64_t bits_of_others(uvllm_json_t root, const uvllm_json_t* picked, size_t n) {
  uvllm_json_t member;
  uint64_t bits = 0, used = 0;
  uint32_t it = 0;
  for (size_t i = 0; i < n; i++)
    used |= bit_of(picked[i]);
  while (uvllm_json_next(root, &it, NULL, &member))
    if (uvllm_json_type_of(member) < UVLLM_JSON_ARRAY)
      bits |= bit_of(member);
  return bits & ~used;
}


/* An event of one choice that told one text, and nothing else, says how those like
 * it are told. */
static void note(const uvllm__openai_t* s, uvllm_json_t root, const uvllm_json_t* picked,
                 size_t n) {
  uvllm__json_note_t* note = uvllm__json_note(root);
  const uvllm__openai_told_t* told = &s->told;
  const uint64_t text = bit_of(told->value);
  if (note == NULL || told->ntexts != 1 || told->others || text == 0)
    return;
  note->varies = text | bits_of_others(root, picked, n);
  note->value = told->value;
  note->words[NOTED_CHOICE] = told->choice;
  note->words[NOTED_TYPE] = told->type;
  note->words[NOTED_OP] = s->op;
}


/* 1 if it is such an event, and was told. Where the text is none, or empty, another
 * may be meant. */
static int tell_as_noted(uvllm__openai_t* s, uvllm_json_t root, uvllm_emit_t* to) {
  const uvllm__json_note_t* note = uvllm__json_note(root);
  if (note == NULL || note->varies == 0 || note->words[NOTED_OP] != s->op)
    return 0;
  const uvllm_str_t text = uvllm_json_str(note->value);
  if (text.len == 0)
    return 0;
  see(s, note->words[NOTED_CHOICE]);
  uvllm_emit_text(to, note->words[NOTED_CHOICE], note->words[NOTED_TYPE], text);
  if (note->words[NOTED_TYPE] == UVLLM_EVENT_REASONING)
    uvllm__openai_keep_text(s, note->words[NOTED_CHOICE], text, to);
  return 1;
}


/* ---- The whole ---- */

int uvllm__openai_chat(uvllm__openai_t* s, const uvllm_frame_t* frame, uvllm_json_t root,
                       uvllm_emit_t* to) {
  enum { CHOICES, USAGE, ERROR, OBJECT, X_GROQ, N };
  static const uvllm_str_t names[N] = { UVLLM_STR("choices"), UVLLM_STR("usage"),
                                        UVLLM_STR("error"), UVLLM_STR("object"),
                                        UVLLM_STR("x_groq") };
  const int streams = s->framing == UVLLM_FRAME_SSE;
  const int is_error = uvllm__str_eq(frame->event, "error");
  uvllm_json_t v[N];
  uint32_t nchoices = 0;
  if (streams && !is_error && tell_as_noted(s, root, to))
    return UVLLM_GO_ON;
  UVLLM__JSON_PICK(root, names, v);
  if (is_error || uvllm__is_fault(v[ERROR], v[OBJECT]))
    return uvllm__fault_inside(&s->head, root, to);
  s->told.ntexts = s->told.others = 0;
  const int err = take_choices(s, v[CHOICES], &nchoices, to);
  if (err != 0)
    return err;
  const uvllm_json_t usage = is_object(v[USAGE]) ? v[USAGE] : uvllm_json_get(v[X_GROQ], "usage");
  uvllm__openai_usage(usage, to);
  if (streams && nchoices == 1 && usage.parser == NULL)
    note(s, root, v, N);
  if (streams)
    return UVLLM_GO_ON;
  return nchoices != 0 ? UVLLM_COMPLETE
                       : uvllm__fault_strange(&s->head, root, "the answer has no choices", to);
}


static int is_empty(const set_t* set) {
  uint64_t any = 0;
  for (size_t i = 0; i < sizeof(set->bits) / sizeof(set->bits[0]); i++)
    any |= set->bits[i];
  return any == 0;
}


/* A choice may be without its reason: some servers never say one. */
int uvllm__openai_done(uvllm__openai_t* s, uvllm_emit_t* to) {
  const int wants_choices = s->op == UVLLM_CHAT || s->op == UVLLM_COMPLETION;
  if (!wants_choices || (is_empty(&s->seen) && !s->beyond))
    return uvllm__refuse_with(to, UVLLM_ETRUNCATED, "the stream ended without an answer");
  for (uint32_t i = 0; i < UVLLM__OPENAI_CHOICES; i++)
    if (set_has(&s->seen, i))
      finish(s, i, UVLLM_STOP_END, to);
  s->done = 1;
  return UVLLM_COMPLETE;
}


int uvllm__openai_is_finished(const uvllm__openai_t* s) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < UVLLM__OPENAI_CHOICES; i++) {
    if (set_has(&s->seen, i) && !set_has(&s->finished, i))
      return 0;
    n += (uint32_t) set_has(&s->seen, i);
  }
  return n != 0 && n >= s->expected && !s->beyond;
}
