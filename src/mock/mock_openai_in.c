/* Reads OpenAI's requests: what is checked is what a client can get wrong (a
 * missing member, a wrong type), and each error names the member. The text of the
 * prompt is hashed and counted on the way, and not kept.
 */
#define _GNU_SOURCE /* memmem */
#include "mock/mock_int.h"

enum { MAX_CHOICES = 128, MAX_INPUTS = 2048 };


static int bad(uvllm__mock_error_t* error, const char* param, const char* code, const char* what) {
  error->status = 400;
  error->type = "invalid_request_error";
  error->param = param;
  error->code = code;
  snprintf(error->message, sizeof(error->message), "%s", what);
  return -1;
}


static int missing(uvllm__mock_error_t* error, const char* param) {
  char what[128];
  snprintf(what, sizeof(what), "Missing required parameter: '%s'.", param);
  return bad(error, param, "missing_required_parameter", what);
}


static int mistyped(uvllm__mock_error_t* error, const char* param, const char* expected) {
  char what[160];
  snprintf(what, sizeof(what), "Invalid type for '%s': expected %s.", param, expected);
  return bad(error, param, "invalid_type", what);
}


static void add_text(uvllm__answer_t* answer, uvllm_json_t v) {
  uvllm_str_t s = uvllm_json_str(v);
  answer->prompt_bytes += s.len;
  answer->hash = uvllm__hash_bytes(answer->hash, s.base, s.len);
}


static int is_a(uvllm_json_t v, uvllm_json_type type) {
  return uvllm_json_type_of(v) == type;
}


static int is_given(uvllm_json_t v) {
  return !is_a(v, UVLLM_JSON_NONE) && !is_a(v, UVLLM_JSON_NULL);
}


/* An integer within [least, most], or `otherwise` where it is absent or null. */
static int read_count(uvllm_json_t root, const char* name, int64_t least, int64_t most,
                      uint64_t otherwise, uint64_t* out, uvllm__mock_error_t* error) {
  uvllm_json_t v = uvllm_json_get(root, name);
  char what[160];
  *out = otherwise;
  if (!is_given(v))
    return 0;
  if (!is_a(v, UVLLM_JSON_NUMBER))
    return mistyped(error, name, "an integer");
  int64_t n = uvllm_json_int(v, -1);
  if (n < least || n > most || (double) n != uvllm_json_num(v, 0.5)) {
    snprintf(what, sizeof(what), "Invalid value for '%s': expected an integer from %lld to %lld.",
             name, (long long) least, (long long) most);
    return bad(error, name, "invalid_value", what);
  }
  *out = (uint64_t) n;
  return 0;
}


static int read_flag(uvllm_json_t v, const char* name, int otherwise, uint8_t* out,
                     uvllm__mock_error_t* error) {
  *out = (uint8_t) otherwise;
  if (!is_given(v))
    return 0;
  if (!is_a(v, UVLLM_JSON_BOOL))
    return mistyped(error, name, "a boolean");
  *out = (uint8_t) uvllm_json_bool(v, otherwise);
  return 0;
}


static int read_model(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  uvllm_json_t model = uvllm_json_get(root, "model");
  uvllm_json_writer_t w;
  if (!is_given(model))
    return bad(error, NULL, NULL, "you must provide a model parameter");
  if (!is_a(model, UVLLM_JSON_STRING) || uvllm_json_str(model).len == 0)
    return mistyped(error, "model", "a string");
  if (uvllm_json_str(model).len > 256)
    return bad(error, "model", "string_above_max_length", "The model's name is too long.");
  uvllm__buf_clear(&answer->model);
  uvllm__json_writer_init(&w, &answer->model);
  uvllm_json_write_str(&w, uvllm_json_str(model));
  return 0;
}


static int read_stream(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  uvllm_json_t options = uvllm_json_get(root, "stream_options");
  if (read_flag(uvllm_json_get(root, "stream"), "stream", 0, &answer->stream, error) != 0)
    return -1;
  answer->obfuscate = answer->stream;
  if (!is_given(options))
    return 0;
  if (!is_a(options, UVLLM_JSON_OBJECT))
    return mistyped(error, "stream_options", "an object");
  if (!answer->stream)
    return bad(error, "stream_options", NULL,
               "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
  if (read_flag(uvllm_json_get(options, "include_usage"), "stream_options.include_usage", 0,
                &answer->include_usage, error) != 0)
    return -1;
  return read_flag(uvllm_json_get(options, "include_obfuscation"),
                   "stream_options.include_obfuscation", 1, &answer->obfuscate, error);
}


/* ---- Chat ---- */

static int read_parts(uvllm__answer_t* answer, uvllm_json_t parts, uvllm__mock_error_t* error) {
  uint32_t it = 0;
  uvllm_str_t name;
  uvllm_json_t part;
  while (uvllm_json_next(parts, &it, &name, &part)) {
    if (!is_a(part, UVLLM_JSON_OBJECT) || !is_a(uvllm_json_get(part, "type"), UVLLM_JSON_STRING))
      return mistyped(error, "messages[].content", "a string, or an array of typed parts");
    uvllm_json_t text = uvllm_json_get(part, "text");
    if (is_a(text, UVLLM_JSON_STRING))
      add_text(answer, text);
    else /* not text: it makes a difference, and costs nothing */
      answer->hash = uvllm__hash_bytes(answer->hash, uvllm_json_raw(part).base,
                                       uvllm_json_raw(part).len);
  }
  return 0;
}


static int read_message(uvllm__answer_t* answer, uvllm_json_t message,
                        uvllm__mock_error_t* error) {
  if (!is_a(message, UVLLM_JSON_OBJECT))
    return mistyped(error, "messages[]", "an object");
  if (!is_a(uvllm_json_get(message, "role"), UVLLM_JSON_STRING))
    return missing(error, "messages[].role");
  uvllm_json_t content = uvllm_json_get(message, "content");
  if (is_a(content, UVLLM_JSON_STRING)) {
    add_text(answer, content);
    return 0;
  }
  if (is_a(content, UVLLM_JSON_ARRAY))
    return read_parts(answer, content, error);
  if (!is_given(content) && (is_given(uvllm_json_get(message, "tool_calls")) ||
                             is_given(uvllm_json_get(message, "function_call"))))
    return 0;
  return is_given(content) ? mistyped(error, "messages[].content", "a string or an array")
                           : missing(error, "messages[].content");
}


static int read_chat(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  uvllm_json_t messages = uvllm_json_get(root, "messages");
  uvllm_json_t message;
  uvllm_str_t name;
  uint32_t it = 0;
  uint64_t n, old;
  if (!is_given(messages))
    return missing(error, "messages");
  if (!is_a(messages, UVLLM_JSON_ARRAY))
    return mistyped(error, "messages", "an array");
  while (uvllm_json_next(messages, &it, &name, &message))
    if (read_message(answer, message, error) != 0)
      return -1;
  if (it == 0)
    return bad(error, "messages", "empty_array", "'messages' must have at least one message.");
  if (read_count(root, "n", 1, MAX_CHOICES, 1, &n, error) != 0 ||
      read_count(root, "max_tokens", 1, INT64_MAX / 4, UINT64_MAX, &old, error) != 0 ||
      read_count(root, "max_completion_tokens", 1, INT64_MAX / 4, old, &answer->max_tokens,
                 error) != 0)
    return -1;
  answer->nchoices = (uint32_t) n;
  if (read_stream(answer, root, error) != 0)
    return -1;
  return uvllm__mock_openai_script(answer, root, error);
}


/* ---- Completions and embeddings: the prompts ---- */

static int all_integers(uvllm_json_t array) {
  uint32_t it = 0;
  uvllm_str_t name;
  uvllm_json_t v;
  while (uvllm_json_next(array, &it, &name, &v))
    if (!is_a(v, UVLLM_JSON_NUMBER))
      return 0;
  return it != 0;
}


static void add_tokens(uvllm__answer_t* answer, uvllm_json_t array) {
  uint32_t it = 0;
  uvllm_str_t name;
  uvllm_json_t v;
  while (uvllm_json_next(array, &it, &name, &v)) {
    int64_t id = uvllm_json_int(v, 0);
    answer->prompt_bytes += 4;
    answer->hash = uvllm__hash_bytes(answer->hash, &id, sizeof(id));
  }
}


static int read_one_prompt(uvllm__answer_t* answer, uvllm_json_t v, const char* param,
                           uvllm__mock_error_t* error) {
  if (is_a(v, UVLLM_JSON_STRING)) {
    if (uvllm_json_str(v).len == 0 && answer->kind == UVLLM__MOCK_EMBED)
      return bad(error, param, NULL, "An input must not be empty.");
    add_text(answer, v);
    return 0;
  }
  if (!is_a(v, UVLLM_JSON_ARRAY) || !all_integers(v))
    return mistyped(error, param, "a string, an array of strings, or arrays of token ids");
  add_tokens(answer, v);
  return 0;
}


/* A string, token ids, or an array of either. */
static int read_prompts(uvllm__answer_t* answer, uvllm_json_t root, const char* param,
                        uvllm__mock_error_t* error) {
  uvllm_json_t prompts = uvllm_json_get(root, param);
  uint32_t it = 0;
  uvllm_str_t name;
  uvllm_json_t v;
  if (!is_given(prompts))
    return missing(error, param);
  answer->nprompts = 1;
  if (!is_a(prompts, UVLLM_JSON_ARRAY) || all_integers(prompts))
    return read_one_prompt(answer, prompts, param, error);
  answer->nprompts = 0;
  while (uvllm_json_next(prompts, &it, &name, &v)) {
    if (++answer->nprompts > MAX_INPUTS)
      return bad(error, param, "array_above_max_length", "At most 2048 inputs are taken.");
    if (read_one_prompt(answer, v, param, error) != 0)
      return -1;
  }
  return answer->nprompts != 0 ? 0 : bad(error, param, "empty_array", "There is no input.");
}


static int read_completion(uvllm__answer_t* answer, uvllm_json_t root,
                           uvllm__mock_error_t* error) {
  uint64_t n;
  if (read_prompts(answer, root, "prompt", error) != 0 ||
      read_count(root, "n", 1, MAX_CHOICES, 1, &n, error) != 0 ||
      read_count(root, "max_tokens", 1, INT64_MAX / 4, UINT64_MAX, &answer->max_tokens,
                 error) != 0)
    return -1;
  answer->nchoices = (uint32_t) n * answer->nprompts;
  if (answer->nchoices > MAX_INPUTS)
    return bad(error, "n", "invalid_value", "At most 2048 choices are given in all.");
  return read_stream(answer, root, error);
}


static int read_embed(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  uvllm_json_t format = uvllm_json_get(root, "encoding_format");
  uvllm_str_t model = uvllm__buf_slice(&answer->model);
  uint64_t n, most = memmem(model.base, model.len, "large", 5) != NULL ? 3072 : 1536;
  if (read_prompts(answer, root, "input", error) != 0 ||
      read_count(root, "dimensions", 1, (int64_t) most, most, &n, error) != 0)
    return -1;
  answer->dimensions = (uint32_t) n;
  answer->max_tokens = 0;
  if (!is_given(format))
    return 0;
  if (!is_a(format, UVLLM_JSON_STRING))
    return mistyped(error, "encoding_format", "a string");
  answer->base64 = uvllm__str_eq(uvllm_json_str(format), "base64");
  if (!answer->base64 && !uvllm__str_eq(uvllm_json_str(format), "float"))
    return bad(error, "encoding_format", "invalid_value",
               "Invalid value for 'encoding_format': expected 'float' or 'base64'.");
  return 0;
}


static int read_body(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  if (!is_a(root, UVLLM_JSON_OBJECT))
    return bad(error, NULL, NULL, "The body must be a JSON object.");
  if (read_model(answer, root, error) != 0)
    return -1;
  answer->hash = uvllm__mix(answer->mock->options.seed);
  if (answer->kind == UVLLM__MOCK_CHAT)
    return read_chat(answer, root, error);
  if (answer->kind == UVLLM__MOCK_COMPLETION)
    return read_completion(answer, root, error);
  return read_embed(answer, root, error);
}


int uvllm__mock_openai_read(uvllm__answer_t* answer, uvllm_str_t body, uvllm__mock_error_t* error) {
  uvllm_json_t root;
  size_t at = 0;
  char what[160];
  int err = uvllm_json_parse(answer->mock->parser, body, &root, &at);
  if (err == UVLLM_EPROTO) {
    snprintf(what, sizeof(what), "We could not parse the JSON body of your request (at byte %zu).",
             at);
    return bad(error, NULL, "invalid_json", what);
  }
  if (err == 0 && read_body(answer, root, error) != 0)
    return -1;
  if (err == 0 && answer->model.err == 0 && answer->script.err == 0)
    return 0;
  error->status = 503;
  error->type = "service_unavailable_error";
  error->code = "server_is_overloaded";
  error->param = NULL;
  snprintf(error->message, sizeof(error->message), "Out of memory.");
  return -1;
}
