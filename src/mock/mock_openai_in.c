/* Reads OpenAI's requests: what is checked is what a client can get wrong (a
 * missing member, a wrong type), and each error names the member. The text of the
 * prompt is hashed and counted on the way, and not kept.
 */
#define _GNU_SOURCE /* memmem */
#include "mock/mock_int.h"
#include "mock/mock_openai.h"

enum { MAX_CHOICES = 128, MAX_INPUTS = 2048 };

static const int64_t MAX_LENGTH = INT64_MAX / 4;


/* An error whose code is no other reason's. */
static int bad(const uvllm__answer_t* answer, uvllm__mock_error_t* error, const char* param,
               const char* code, const char* what) {
  uvllm__mock_fail_text(answer, error, UVLLM__MOCK_E_REQUEST, param, what);
  error->code = code;
  return -1;
}


static int missing(const uvllm__answer_t* answer, uvllm__mock_error_t* error, const char* param) {
  return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MISSING, param, NULL);
}


static int mistyped(const uvllm__answer_t* answer, uvllm__mock_error_t* error, const char* param,
                    const char* expected) {
  return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_TYPE, param, expected);
}


static int read_count(const uvllm__answer_t* answer, uvllm_json_t root, const char* name,
                      int64_t least, int64_t most, uint64_t otherwise, uint64_t* out,
                      uvllm__mock_error_t* error) {
  return uvllm__mock_read_int(answer, uvllm_json_get(root, name), name, least, most, otherwise,
                              out, error);
}


int uvllm__mock_openai_read_model(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                                  uvllm__mock_error_t* error) {
  uvllm_json_t model = uvllm_json_get(request->root, "model");
  if (uvllm__mock_azure_check(answer, request, error) != 0)
    return -1;
  if (request->param != NULL)
    return uvllm__mock_read_model(answer, uvllm__str(request->param), error);
  if (!uvllm__json_given(model))
    return bad(answer, error, NULL, NULL, "you must provide a model parameter");
  if (uvllm_json_str(model).len > 256)
    return bad(answer, error, "model", "string_above_max_length",
               "The model's name is too long.");
  return uvllm__mock_read_model(answer, uvllm_json_str(model), error);
}


static int read_stream(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  uvllm_json_t options = uvllm_json_get(root, "stream_options");
  uint8_t has_usage, is_padded;
  if (uvllm__mock_read_flag(answer, uvllm_json_get(root, "stream"), "stream", 0, &answer->stream,
                            error) != 0)
    return -1;
  answer->flags = answer->stream ? UVLLM__OPENAI_OBFUSCATE : 0;
  if (!uvllm__json_given(options))
    return 0;
  if (!uvllm__json_is(options, UVLLM_JSON_OBJECT))
    return mistyped(answer, error, "stream_options", "an object");
  if (!answer->stream)
    return bad(answer, error, "stream_options", NULL,
               "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
  if (uvllm__mock_read_flag(answer, uvllm_json_get(options, "include_usage"),
                            "stream_options.include_usage", 0, &has_usage, error) != 0 ||
      uvllm__mock_read_flag(answer, uvllm_json_get(options, "include_obfuscation"),
                            "stream_options.include_obfuscation", 1, &is_padded, error) != 0)
    return -1;
  answer->flags = (uint8_t) ((has_usage ? UVLLM__OPENAI_USAGE : 0) |
                             (is_padded ? UVLLM__OPENAI_OBFUSCATE : 0));
  return 0;
}


/* ---- Chat ---- */

static int read_parts(uvllm__answer_t* answer, uvllm_json_t parts, uvllm__mock_error_t* error) {
  uint32_t it = 0;
  uvllm_str_t name;
  uvllm_json_t part;
  while (uvllm_json_next(parts, &it, &name, &part)) {
    if (!uvllm__json_is(uvllm_json_get(part, "type"), UVLLM_JSON_STRING))
      return mistyped(answer, error, "messages[].content", "a string, or an array of typed parts");
    uvllm_json_t text = uvllm_json_get(part, "text");
    if (uvllm__json_is(text, UVLLM_JSON_STRING))
      uvllm__mock_add_text(answer, uvllm_json_str(text));
    else
      uvllm__mock_add_other(answer, part);
  }
  return 0;
}


static int read_message(uvllm__answer_t* answer, uvllm_json_t message,
                        uvllm__mock_error_t* error) {
  if (!uvllm__json_is(message, UVLLM_JSON_OBJECT))
    return mistyped(answer, error, "messages[]", "an object");
  if (!uvllm__json_is(uvllm_json_get(message, "role"), UVLLM_JSON_STRING))
    return missing(answer, error, "messages[].role");
  uvllm_json_t content = uvllm_json_get(message, "content");
  if (uvllm__json_is(content, UVLLM_JSON_STRING)) {
    uvllm__mock_add_text(answer, uvllm_json_str(content));
    return 0;
  }
  if (uvllm__json_is(content, UVLLM_JSON_ARRAY))
    return read_parts(answer, content, error);
  if (!uvllm__json_given(content) && (uvllm__json_given(uvllm_json_get(message, "tool_calls")) ||
                             uvllm__json_given(uvllm_json_get(message, "function_call"))))
    return 0;
  if (uvllm__json_given(content))
    return mistyped(answer, error, "messages[].content", "a string or an array");
  return missing(answer, error, "messages[].content");
}


/* ---- Tools and JSON output ---- */

static int read_tools(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  uvllm_json_t choice = uvllm_json_get(root, "tool_choice");
  uvllm__mock_tools_t tools = { uvllm_json_get(root, "tools"), "function.name",
                                "function.parameters", { NULL, 0 }, 0 };
  uvllm_json_t tool;
  uint32_t it = 0;
  while (uvllm_json_next(tools.list, &it, NULL, &tool))
    if (!uvllm__json_is(uvllm_json_get(tool, "type"), UVLLM_JSON_STRING))
      return bad(answer, error, "tools", "invalid_value",
                 "Missing required parameter: 'tools[].type'.");
  tools.named = uvllm_json_str(uvllm_json_path(choice, "function.name"));
  tools.required = uvllm__str_eq(uvllm_json_str(choice), "required") ||
                   uvllm__str_eq(uvllm_json_str(uvllm_json_path(choice, "allowed_tools.mode")),
                                 "required");
  return uvllm__mock_answer_tools(answer, &tools, error);
}


static int read_format(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  uvllm_json_t format = uvllm_json_get(root, "response_format");
  uvllm_json_t schema = { NULL, 0 };
  uvllm_str_t type = uvllm_json_str(uvllm_json_get(format, "type"));
  if (type.base == NULL || uvllm__str_eq(type, "text"))
    return 0;
  int has_schema = uvllm__str_eq(type, "json_schema");
  if (!has_schema && !uvllm__str_eq(type, "json_object"))
    return bad(answer, error, "response_format", "invalid_value",
               "Invalid value for 'response_format.type'.");
  if (has_schema &&
      !uvllm__json_is(uvllm_json_path(format, "json_schema.name"), UVLLM_JSON_STRING))
    return bad(answer, error, "response_format", "invalid_value",
               "Missing parameter: response_format.json_schema.name.");
  if (has_schema)
    schema = uvllm_json_path(format, "json_schema.schema");
  uvllm__mock_answer_json(answer, schema, has_schema ? "{}" : "{\"answer\":\"text\"}");
  return 0;
}


static int read_chat(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  uvllm_json_t messages = uvllm_json_get(root, "messages");
  uvllm_json_t message;
  uvllm_str_t name;
  uint32_t it = 0;
  uint64_t n, old;
  if (!uvllm__json_given(messages))
    return missing(answer, error, "messages");
  if (!uvllm__json_is(messages, UVLLM_JSON_ARRAY))
    return mistyped(answer, error, "messages", "an array");
  while (uvllm_json_next(messages, &it, &name, &message))
    if (read_message(answer, message, error) != 0)
      return -1;
  if (it == 0)
    return bad(answer, error, "messages", "empty_array",
               "'messages' must have at least one message.");
  if (read_count(answer, root, "n", 1, MAX_CHOICES, 1, &n, error) != 0 ||
      read_count(answer, root, "max_tokens", 1, MAX_LENGTH, UINT64_MAX, &old, error) != 0 ||
      read_count(answer, root, "max_completion_tokens", 1, MAX_LENGTH, old, &answer->max_tokens,
                 error) != 0)
    return -1;
  answer->nchoices = (uint32_t) n;
  if (read_stream(answer, root, error) != 0)
    return -1;
  if (read_tools(answer, root, error) != 0)
    return -1;
  return answer->ncalls != 0 ? 0 : read_format(answer, root, error);
}


/* ---- Completions and embeddings: the prompts ---- */

static int all_integers(uvllm_json_t array) {
  uint32_t it = 0;
  uvllm_str_t name;
  uvllm_json_t v;
  while (uvllm_json_next(array, &it, &name, &v))
    if (!uvllm__json_is(v, UVLLM_JSON_NUMBER))
      return 0;
  return it != 0;
}


static void add_tokens(uvllm__answer_t* answer, uvllm_json_t array) {
  uint32_t it = 0;
  uvllm_str_t name;
  uvllm_json_t v;
  while (uvllm_json_next(array, &it, &name, &v))
    uvllm__mock_add_token_id(answer, uvllm_json_int(v, 0));
}


static int read_one_prompt(uvllm__answer_t* answer, uvllm_json_t v, const char* param,
                           uvllm__mock_error_t* error) {
  if (uvllm__json_is(v, UVLLM_JSON_STRING)) {
    if (uvllm_json_str(v).len == 0 && answer->kind == UVLLM__MOCK_EMBED)
      return bad(answer, error, param, NULL, "An input must not be empty.");
    uvllm__mock_add_text(answer, uvllm_json_str(v));
    return 0;
  }
  if (!uvllm__json_is(v, UVLLM_JSON_ARRAY) || !all_integers(v))
    return mistyped(answer, error, param, "a string, an array of strings, or arrays of token ids");
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
  if (!uvllm__json_given(prompts))
    return missing(answer, error, param);
  answer->nprompts = 1;
  if (!uvllm__json_is(prompts, UVLLM_JSON_ARRAY) || all_integers(prompts))
    return read_one_prompt(answer, prompts, param, error);
  answer->nprompts = 0;
  while (uvllm_json_next(prompts, &it, &name, &v)) {
    if (++answer->nprompts > MAX_INPUTS)
      return bad(answer, error, param, "array_above_max_length", "At most 2048 inputs are taken.");
    if (read_one_prompt(answer, v, param, error) != 0)
      return -1;
  }
  return answer->nprompts != 0 ? 0 : bad(answer, error, param, "empty_array", "There is no input.");
}


static int read_completion(uvllm__answer_t* answer, uvllm_json_t root,
                           uvllm__mock_error_t* error) {
  uint64_t n;
  if (read_prompts(answer, root, "prompt", error) != 0 ||
      read_count(answer, root, "n", 1, MAX_CHOICES, 1, &n, error) != 0 ||
      read_count(answer, root, "max_tokens", 1, MAX_LENGTH, UINT64_MAX, &answer->max_tokens,
                 error) != 0)
    return -1;
  answer->nchoices = (uint32_t) n * answer->nprompts;
  if (answer->nchoices > MAX_INPUTS)
    return bad(answer, error, "n", "invalid_value", "At most 2048 choices are given in all.");
  return read_stream(answer, root, error);
}


static int read_embed(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  uvllm_json_t format = uvllm_json_get(root, "encoding_format");
  uvllm_str_t model = uvllm__buf_slice(&answer->model);
  uint64_t n, most = memmem(model.base, model.len, "large", 5) != NULL ? 3072 : 1536;
  if (read_prompts(answer, root, "input", error) != 0 ||
      read_count(answer, root, "dimensions", 1, (int64_t) most, most, &n, error) != 0)
    return -1;
  answer->dimensions = (uint32_t) n;
  answer->max_tokens = 0;
  if (!uvllm__json_given(format))
    return 0;
  if (!uvllm__json_is(format, UVLLM_JSON_STRING))
    return mistyped(answer, error, "encoding_format", "a string");
  answer->flags = uvllm__str_eq(uvllm_json_str(format), "base64") ? UVLLM__OPENAI_BASE64 : 0;
  if (answer->flags == 0 && !uvllm__str_eq(uvllm_json_str(format), "float"))
    return bad(answer, error, "encoding_format", "invalid_value",
               "Invalid value for 'encoding_format': expected 'float' or 'base64'.");
  return 0;
}


/* ---- The endpoints ---- */

int uvllm__mock_openai_read_chat(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                                 uvllm__mock_error_t* error) {
  if (uvllm__mock_openai_read_model(answer, request, error) != 0)
    return -1;
  return read_chat(answer, request->root, error);
}


int uvllm__mock_openai_read_completion(uvllm__answer_t* answer,
                                       const uvllm__mock_request_t* request,
                                       uvllm__mock_error_t* error) {
  if (uvllm__mock_openai_read_model(answer, request, error) != 0)
    return -1;
  return read_completion(answer, request->root, error);
}


int uvllm__mock_openai_read_embed(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                                  uvllm__mock_error_t* error) {
  if (uvllm__mock_openai_read_model(answer, request, error) != 0)
    return -1;
  return read_embed(answer, request->root, error);
}
