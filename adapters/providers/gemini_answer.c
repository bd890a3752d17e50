/* Candidates, streamed or whole, and what they cost.
 *
 * Everything may be absent, null or of another type, and is then nothing. Why a
 * candidate finished is told when the answer ends: only then it is known whether a
 * function was called.
 */
#include "gemini.h"
#include "check.h"

#include <stdio.h>

typedef uvllm__gemini_t gemini_t;


static int is_object(uvllm_json_t v) {
  return uvllm_json_type_of(v) == UVLLM_JSON_OBJECT;
}


static int is_string(uvllm_json_t v) {
  return uvllm_json_type_of(v) == UVLLM_JSON_STRING;
}


/* ---- Usage ---- */

uint64_t uvllm__gemini_number(uvllm_json_t v) {
  const uvllm_str_t text = uvllm_json_str(v);
  int64_t n = uvllm_json_int(v, 0);
  for (size_t i = 0; i < text.len && n < INT64_MAX / 100; i++) {
    if (text.base[i] < '0' || text.base[i] > '9')
      return 0;
    n = n * 10 + (text.base[i] - '0');
  }
  return n > 0 ? (uint64_t) n : 0;
}


static uint64_t count(uvllm_json_t v) {
  return uvllm__gemini_number(v);
}


static uint64_t sum(uint64_t a, uint64_t b) {
  return a < INT64_MAX && b < INT64_MAX ? a + b : a > b ? a : b;
}


static uint64_t part_of(uint64_t part, uint64_t whole) {
  return part < whole ? part : whole;
}


static uint64_t tokens_of(uvllm_json_t details, const char* modality, uint64_t whole) {
  uvllm_json_t entry;
  uint32_t it = 0;
  if (uvllm_json_type_of(details) != UVLLM_JSON_ARRAY)
    return 0;
  while (uvllm_json_next(details, &it, NULL, &entry))
    if (uvllm__str_eq(uvllm_json_str(uvllm_json_get(entry, "modality")), modality))
      return part_of(count(uvllm_json_get(entry, "tokenCount")), whole);
  return 0;
}


/* The prompt's tokens include cached ones; what tools put into it and thoughts are
 * counted apart. */
void uvllm__gemini_usage(uvllm_json_t usage, uvllm_emit_t* emit) {
  enum { PROMPT, CACHED, CANDIDATES, THOUGHTS, TOOLS, PROMPT_DETAILS, CANDIDATES_DETAILS, N };
  static const uvllm_str_t names[N] = {
    UVLLM_STR("promptTokenCount"), UVLLM_STR("cachedContentTokenCount"),
    UVLLM_STR("candidatesTokenCount"), UVLLM_STR("thoughtsTokenCount"),
    UVLLM_STR("toolUsePromptTokenCount"), UVLLM_STR("promptTokensDetails"),
    UVLLM_STR("candidatesTokensDetails")
  };
  uvllm_json_t v[N];
  uvllm_usage_t u = { 0 };
  UVLLM__JSON_PICK(usage, names, v);
  u.input_tokens = sum(count(v[PROMPT]), count(v[TOOLS]));
  u.output_tokens = sum(count(v[CANDIDATES]), count(v[THOUGHTS]));
  u.cached_input_tokens = part_of(count(v[CACHED]), u.input_tokens);
  u.reasoning_tokens = part_of(count(v[THOUGHTS]), u.output_tokens);
  u.audio_input_tokens = tokens_of(v[PROMPT_DETAILS], "AUDIO", u.input_tokens);
  u.image_input_tokens = tokens_of(v[PROMPT_DETAILS], "IMAGE", u.input_tokens);
  u.audio_output_tokens = tokens_of(v[CANDIDATES_DETAILS], "AUDIO", u.output_tokens);
  if (u.input_tokens != 0 || u.output_tokens != 0)
    uvllm_emit_usage(emit, &u);
}


/* ---- Parts ---- */

enum { TEXT, THOUGHT, CALL, SIGNATURE, NPART };


static uvllm__gemini_place_t place(const uvllm__gemini_choice_t* c) {
  return (uvllm__gemini_place_t) { c->text_bytes, c->ncalls };
}


static int take_text(gemini_t* s, uint32_t choice, uvllm_json_t part, const uvllm_json_t* v,
                     uvllm_emit_t* emit) {
  uvllm__gemini_choice_t* c = &s->choices[choice];
  const int is_thought = uvllm_json_bool(v[THOUGHT], 0);
  const uvllm__gemini_place_t at = place(c);
  uvllm_str_t text;
  const int err = uvllm__shape_str(v[TEXT], &text);
  if (err != 0)
    return err;
  uvllm_emit_text(emit, choice, is_thought ? UVLLM_EVENT_REASONING : UVLLM_EVENT_TEXT, text);
  if (is_thought)
    return is_string(v[SIGNATURE]) ? uvllm__gemini_keep_part(s, choice, at, part) : 0;
  c->text_bytes += text.len;
  return uvllm__gemini_keep_text(s, choice, at, text.len, v[SIGNATURE]);
}


/* A call comes whole. Without arguments there is no member for them. */
static int take_call(gemini_t* s, uint32_t choice, const uvllm_json_t* v, uvllm_emit_t* emit) {
  static const uvllm_str_t nothing = UVLLM_STR("{}");
  uvllm__gemini_choice_t* c = &s->choices[choice];
  const uvllm_json_t args = uvllm_json_get(v[CALL], "args");
  const uvllm_json_t id = uvllm_json_get(v[CALL], "id");
  uvllm_str_t call_id, name, text;
  int err = uvllm__shape_str(id, &call_id);
  if (err == 0)
    err = uvllm__shape_str(uvllm_json_get(v[CALL], "name"), &name);
  if (err == 0)
    err = uvllm__shape_str(args, &text);
  if (err == 0)
    err = uvllm__gemini_keep_call(s, choice, place(c), id, v[SIGNATURE]);
  if (err != 0)
    return err;
  if (text.base == NULL)
    text = uvllm_json_type_of(args) <= UVLLM_JSON_NULL ? nothing : uvllm_json_raw(args);
  uvllm_emit_tool(emit, choice, c->ncalls++, call_id, name, text.len != 0 ? text : nothing);
  return 0;
}


static int take_part(gemini_t* s, uint32_t choice, uvllm_json_t part, uvllm_emit_t* emit) {
  static const uvllm_str_t names[NPART] = { UVLLM_STR("text"), UVLLM_STR("thought"),
                                            UVLLM_STR("functionCall"),
                                            UVLLM_STR("thoughtSignature") };
  uvllm_json_t v[NPART];
  UVLLM__JSON_PICK(part, names, v);
  if (is_object(v[CALL]))
    return take_call(s, choice, v, emit);
  if (is_string(v[TEXT]))
    return take_text(s, choice, part, v, emit);
  const size_t n = uvllm_json_count(part);
  if (n == 0 || (n == 1 && uvllm_json_type_of(v[TEXT]) == UVLLM_JSON_NULL) || !is_object(part))
    return 0;
  return uvllm__gemini_keep_part(s, choice, place(&s->choices[choice]), part);
}


/* ---- Ends ---- */

static int is_among(uvllm_str_t word, const char* const* words, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (uvllm__str_eq(word, words[i]))
      return 1;
  return 0;
}


#define IS_AMONG(word, words) is_among((word), (words), sizeof(words) / sizeof((words)[0]))

static uvllm_stop_reason stop_of(uvllm_str_t reason) {
  static const char* const lengths[] = { "MAX_TOKENS", "CONTINUATION" };
  static const char* const filters[] = { "SAFETY", "RECITATION", "BLOCKLIST",
                                         "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY",
                                         "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION" };
  if (IS_AMONG(reason, lengths))
    return UVLLM_STOP_LENGTH;
  return IS_AMONG(reason, filters) ? UVLLM_STOP_FILTER : UVLLM_STOP_END;
}


/* Reasons that are failures. What nobody knows yet is an end like another. */
static int is_failure(uvllm_str_t reason) {
  static const char* const failures[] = { "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL",
                                          "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE", "OTHER",
                                          "LANGUAGE", "NO_IMAGE", "IMAGE_OTHER",
                                          "FINISH_REASON_UNSPECIFIED" };
  return IS_AMONG(reason, failures);
}


static int fail(uvllm_str_t reason, uvllm_json_t words, uvllm_emit_t* emit) {
  uvllm_str_t message;
  const int err = uvllm__shape_str(words, &message);
  if (message.len == 0)
    message = uvllm__str("the provider broke the answer off");
  uvllm_emit_error(emit, reason, message, -1);
  return err != 0 ? err : UVLLM_EPROVIDER;
}


static int take_candidate(gemini_t* s, uvllm_json_t candidate, int64_t position,
                          uvllm_emit_t* emit) {
  enum { INDEX, CONTENT, REASON, WORDS, N };
  static const uvllm_str_t names[N] = { UVLLM_STR("index"), UVLLM_STR("content"),
                                        UVLLM_STR("finishReason"), UVLLM_STR("finishMessage") };
  uvllm_json_t v[N], part;
  uvllm_str_t reason;
  uint32_t it = 0;
  UVLLM__JSON_PICK(candidate, names, v);
  const int64_t i = uvllm_json_int(v[INDEX], position);
  if (i < 0 || i >= UVLLM__GEMINI_CHOICES)
    return uvllm__refuse_with(emit, UVLLM_EPROTO, "the answer has more than 8 candidates");
  uvllm__gemini_choice_t* c = &s->choices[i];
  const uvllm_json_t parts = uvllm_json_get(v[CONTENT], "parts");
  int err = uvllm__shape_str(v[REASON], &reason);
  c->seen = 1;
  while (err == 0 && uvllm_json_type_of(parts) == UVLLM_JSON_ARRAY &&
         uvllm_json_next(parts, &it, NULL, &part))
    err = take_part(s, (uint32_t) i, part, emit);
  if (err != 0 || reason.len == 0)
    return err;
  if (is_failure(reason))
    return fail(reason, v[WORDS], emit);
  if (!c->finished)
    c->stop = stop_of(reason);
  c->finished = 1;
  return 0;
}


/* ---- Answers ---- */

/* `index` is absent where it is 0, so the position counts only if no candidate of the
 * list has one. */
static int take_candidates(gemini_t* s, uvllm_json_t candidates, uvllm_emit_t* emit) {
  uvllm_json_t candidate;
  uint32_t it = 0;
  int64_t position = 0, has_index = 0;
  int err = 0;
  if (uvllm_json_type_of(candidates) != UVLLM_JSON_ARRAY)
    return 0;
  while (uvllm_json_next(candidates, &it, NULL, &candidate))
    has_index |= uvllm_json_int(uvllm_json_get(candidate, "index"), -1) > 0;
  it = 0;
  for (; err == 0 && uvllm_json_next(candidates, &it, NULL, &candidate); position++)
    if (is_object(candidate))
      err = take_candidate(s, candidate, has_index ? 0 : position, emit);
  return err;
}


/* A prompt that is blocked has no candidates. */
static void take_feedback(gemini_t* s, uvllm_json_t feedback) {
  const uvllm_str_t reason = uvllm_json_str(uvllm_json_get(feedback, "blockReason"));
  if (reason.len == 0)
    return;
  s->blocked = 1;
  if (!s->choices[0].finished)
    s->choices[0].stop = UVLLM_STOP_FILTER;
  s->choices[0].seen = s->choices[0].finished = 1;
}


static int take_id(gemini_t* s, uvllm_json_t id, uvllm_emit_t* emit) {
  uvllm_str_t text;
  if (s->has_id)
    return 0;
  const int err = uvllm__shape_str(id, &text);
  s->has_id = text.len != 0;
  if (s->has_id)
    uvllm_emit_request_id(emit, text);
  return err;
}


static int take_response(gemini_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  enum { CANDIDATES, FEEDBACK, USAGE, ID, ERROR, N };
  static const uvllm_str_t names[N] = { UVLLM_STR("candidates"), UVLLM_STR("promptFeedback"),
                                        UVLLM_STR("usageMetadata"), UVLLM_STR("responseId"),
                                        UVLLM_STR("error") };
  static const uvllm_json_t none;
  uvllm_json_t v[N];
  UVLLM__JSON_PICK(root, names, v);
  if (uvllm__is_fault(v[ERROR], none))
    return uvllm__gemini_fault(&s->head, root, emit);
  int err = take_id(s, v[ID], emit);
  if (is_object(v[USAGE])) /* before what may fail: it was paid for */
    uvllm__gemini_usage(v[USAGE], emit);
  if (err == 0)
    err = take_candidates(s, v[CANDIDATES], emit);
  take_feedback(s, v[FEEDBACK]);
  return err;
}


/* A call is seen by its part, not by the reason. */
static int tell_end(gemini_t* s, uint32_t choice, uvllm_emit_t* emit) {
  uvllm__gemini_choice_t* c = &s->choices[choice];
  if (!c->finished || c->told)
    return 0;
  c->told = 1;
  const int err = uvllm__gemini_replay(s, choice, emit);
  uvllm_emit_stop(emit, choice,
                  c->stop == UVLLM_STOP_END && c->ncalls != 0 ? UVLLM_STOP_TOOL : c->stop);
  return err;
}


int uvllm__gemini_end(gemini_t* s, uvllm_emit_t* emit) {
  uint32_t nseen = 0, nfinished = 0;
  int err = 0;
  for (uint32_t i = 0; err == 0 && i < UVLLM__GEMINI_CHOICES; i++) {
    nseen += s->choices[i].seen;
    nfinished += s->choices[i].finished;
    err = tell_end(s, i, emit);
  }
  if (err != 0)
    return err;
  return nfinished != 0 && nfinished == nseen && (s->blocked || nseen >= s->expected)
             ? UVLLM_COMPLETE : UVLLM_ETRUNCATED;
}


/* One answer may lack its reason, and candidates that were asked for. */
static int take_whole(gemini_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  int nseen = 0, err = take_response(s, root, emit);
  if (err != 0)
    return err;
  for (size_t i = 0; i < UVLLM__GEMINI_CHOICES; i++) {
    uvllm__gemini_choice_t* c = &s->choices[i];
    if (c->seen && !c->finished)
      c->stop = UVLLM_STOP_END;
    c->finished = c->seen;
    nseen += c->seen;
  }
  if (nseen == 0)
    return uvllm__fault_strange(&s->head, root, "the answer has no candidates", emit);
  s->expected = 0;
  return uvllm__gemini_end(s, emit);
}


/* A stream as one array, or an event that is wrapped so. */
static int take_array(gemini_t* s, uvllm_json_t array, uvllm_emit_t* emit) {
  uvllm_json_t root;
  uint32_t it = 0;
  int err = 0;
  while (err == 0 && uvllm_json_next(array, &it, NULL, &root))
    err = take_response(s, root, emit);
  if (it == 0)
    return uvllm__refuse_with(emit, UVLLM_EPROTO, "the answer has no candidates");
  return err != 0 || s->framing == UVLLM_FRAME_SSE ? err : uvllm__gemini_end(s, emit);
}


int uvllm__gemini_chat(gemini_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  if (uvllm_json_type_of(root) == UVLLM_JSON_ARRAY)
    return take_array(s, root, emit);
  return s->framing == UVLLM_FRAME_SSE ? take_response(s, root, emit)
                                       : take_whole(s, root, emit);
}
