/* TGI's generations: an object, an array with it, or an event a token, of which the
 * last one has the whole text.
 */
#include "mock/mock_int.h"
#include "mock/mock_tgi.h"

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)

enum { MAX_STOPS = 4, FIRST_ID = 200, DETAILED = 1 /* a flag of the answer */ };


/* ---- Reading ---- */

static int read_grammar(uvllm__answer_t* answer, uvllm_json_t grammar,
                        uvllm__mock_error_t* error) {
  uvllm_json_t value = uvllm_json_get(grammar, "value");
  uvllm_str_t type = uvllm_json_str(uvllm_json_get(grammar, "type"));
  if (!uvllm__json_given(grammar) || uvllm__str_eq(type, "regex"))
    return 0;
  if (uvllm__str_eq(type, "json_schema"))
    value = uvllm_json_get(value, "schema");
  else if (!uvllm__str_eq(type, "json"))
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_TYPE, "grammar",
                            "`json`, `regex` or `json_schema`");
  uvllm__mock_answer_json(answer, value, "{\"answer\":\"text\"}");
  return 0;
}


static int read_sampling(const uvllm__answer_t* answer, uvllm_json_t parameters,
                         uvllm__mock_error_t* error) {
  double temperature = uvllm_json_num(uvllm_json_get(parameters, "temperature"), 1);
  double top_p = uvllm_json_num(uvllm_json_get(parameters, "top_p"), 0.5);
  if (temperature <= 0)
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_VALUE, "temperature",
                            "strictly positive");
  if (top_p <= 0 || top_p >= 1)
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_VALUE, "top_p", "> 0.0 and < 1.0");
  if (uvllm_json_count(uvllm_json_get(parameters, "stop")) > MAX_STOPS)
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_VALUE, "stop", "4 sequences at most");
  return 0;
}


static int read_stream(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  answer->stream = answer->variant == UVLLM__TGI_STREAM;
  if (answer->variant != UVLLM__TGI_EITHER)
    return 0;
  return uvllm__mock_read_flag(answer, uvllm_json_get(root, "stream"), "stream", 0,
                               &answer->stream, error);
}


static int read_generate(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                         uvllm__mock_error_t* error) {
  uvllm_json_t inputs = uvllm_json_get(request->root, "inputs");
  uvllm_json_t parameters = uvllm_json_get(request->root, "parameters");
  uint8_t has_details;
  if (!uvllm__json_is(inputs, UVLLM_JSON_STRING))
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MISSING, "inputs", NULL);
  uvllm__mock_add_text(answer, uvllm_json_str(inputs));
  if (uvllm__mock_read_model(answer, uvllm__str(request->param != NULL ? request->param : "tgi"),
                             error) != 0 ||
      read_stream(answer, request->root, error) != 0 ||
      uvllm__mock_read_flag(answer, uvllm_json_get(parameters, "details"), "details", 0,
                            &has_details, error) != 0 ||
      uvllm__mock_read_int(answer, uvllm_json_get(parameters, "max_new_tokens"),
                           "max_new_tokens", 1, INT32_MAX, UINT64_MAX, &answer->max_tokens,
                           error) != 0 ||
      read_sampling(answer, parameters, error) != 0)
    return -1;
  answer->flags = has_details ? DETAILED : 0;
  return read_grammar(answer, uvllm_json_get(parameters, "grammar"), error);
}


/* ---- Writing ---- */

static void put_reason(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  uvllm__mock_usage_t usage;
  uvllm__mock_usage(answer, &usage);
  LIT(out, "{\"finish_reason\":\"");
  uvllm__buf_str(out, uvllm__mock_finish(answer) == UVLLM__FINISH_LENGTH ? "length"
                                                                         : "eos_token");
  LIT(out, "\",\"generated_tokens\":");
  uvllm__buf_uint(out, usage.output);
  LIT(out, ",\"seed\":null");
}


static void put_token(uvllm__answer_t* answer, const uvllm__block_t* block, uint64_t i,
                      uvllm__buf_t* out) {
  LIT(out, "{\"id\":");
  uvllm__buf_uint(out, FIRST_ID + i);
  LIT(out, ",\"text\":");
  uvllm__mock_put_token(answer, block, i, out);
  LIT(out, ",\"logprob\":-0.25,\"special\":false}");
}


static void put_tokens(uvllm__answer_t* answer, const uvllm__block_t* block, uvllm__buf_t* out) {
  uint64_t filler = answer->filler; /* a token has no extras a second time */
  int64_t bad_utf8 = answer->ask.bad_utf8, big = answer->ask.big;
  size_t filler_at = answer->filler_at;
  answer->ask.bad_utf8 = answer->ask.big = -1;
  for (uint64_t i = 0; i < block->ntokens; i++) {
    if (i != 0)
      uvllm__buf_char(out, ',');
    put_token(answer, block, i, out);
  }
  answer->ask.bad_utf8 = bad_utf8;
  answer->ask.big = big;
  answer->filler = filler;
  answer->filler_at = filler_at;
}


static void whole(uvllm__answer_t* answer, uvllm__buf_t* out) {
  uvllm__block_t block;
  int has = uvllm__mock_block(answer, 0, 0, &block);
  if (answer->variant == UVLLM__TGI_EITHER)
    uvllm__buf_char(out, '[');
  LIT(out, "{\"generated_text\":");
  if (has)
    uvllm__mock_put_text(answer, &block, out);
  else
    LIT(out, "\"\"");
  if (answer->flags & DETAILED) {
    LIT(out, ",\"details\":");
    put_reason(answer, out);
    LIT(out, ",\"prefill\":[],\"tokens\":[");
    if (has)
      put_tokens(answer, &block, out);
    LIT(out, "]}");
  }
  uvllm__buf_char(out, '}');
  if (answer->variant == UVLLM__TGI_EITHER)
    uvllm__buf_char(out, ']');
}


static void put_number(uvllm__buf_t* out, uint64_t n) {
  LIT(out, "{\"index\":");
  uvllm__buf_uint(out, n);
  LIT(out, ",\"token\":");
}


static void token(uvllm__answer_t* answer, const uvllm__block_t* block, uint64_t i) {
  uvllm__buf_t* out = uvllm__mock_open(answer, NULL);
  put_number(out, i + 1);
  put_token(answer, block, i, out);
  LIT(out, ",\"generated_text\":null,\"details\":null}");
  uvllm__mock_close(answer);
}


/* The end's own token is special, and no text. With extras the whole text is not what
 * the tokens were: it is told without them. */
static void done(uvllm__answer_t* answer) {
  uvllm__mock_usage_t usage;
  uvllm__block_t block;
  uvllm__buf_t* out = uvllm__mock_open(answer, NULL);
  uvllm__mock_usage(answer, &usage);
  put_number(out, answer->ntokens + 1);
  LIT(out, "{\"id\":2,\"text\":\"</s>\",\"logprob\":null,\"special\":true},"
           "\"generated_text\":");
  if (uvllm__mock_block(answer, 0, 0, &block))
    uvllm__mock_put_text(answer, &block, out);
  else
    LIT(out, "\"\"");
  LIT(out, ",\"details\":");
  put_reason(answer, out);
  LIT(out, ",\"input_length\":");
  uvllm__buf_uint(out, usage.input);
  LIT(out, "}}");
  uvllm__mock_close(answer);
}


const uvllm__mock_shape_t uvllm__mock_tgi_generate = {
  .read = read_generate, .whole = whole, .token = token, .done = done
};
