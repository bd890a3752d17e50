/* Reads requests of OpenAI's Responses API: typed items, and what a client gets wrong
 * there: members of the other API, results without calls and calls without results,
 * thoughts that nobody has stored.
 */
#include "mock/mock_int.h"
#include "mock/mock_openai.h"

#include <stdio.h>

static const int64_t MAX_LENGTH = INT64_MAX / 4;
enum { LEAST_LENGTH = 16 };


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


static int is_string(uvllm_json_t object, const char* name) {
  return uvllm__json_is(uvllm_json_get(object, name), UVLLM_JSON_STRING);
}


static int same(uvllm_json_t a, uvllm_json_t b) {
  uvllm_str_t s = uvllm_json_str(a), t = uvllm_json_str(b);
  return s.base != NULL && s.len == t.len && memcmp(s.base, t.base, s.len) == 0;
}


/* ---- Members ---- */

static int check_names(const uvllm__answer_t* answer, uvllm_json_t root,
                       uvllm__mock_error_t* error) {
  static const struct { const char *name, *instead; } moved[] = {
    { "messages", "input" }, { "response_format", "text.format" },
    { "max_tokens", "max_output_tokens" }, { "max_completion_tokens", "max_output_tokens" },
    { "reasoning_effort", "reasoning.effort" }, { "n", NULL }, { "stop", NULL },
    { "seed", NULL }, { "logit_bias", NULL }, { "presence_penalty", NULL },
    { "frequency_penalty", NULL }
  };
  char text[200];
  for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++) {
    if (!uvllm__json_given(uvllm_json_get(root, moved[i].name)))
      continue;
    if (moved[i].instead == NULL)
      snprintf(text, sizeof(text), "Unknown parameter: '%s'.", moved[i].name);
    else
      snprintf(text, sizeof(text), "Unsupported parameter: '%s'. In the Responses API, this "
               "parameter has moved to '%s'.", moved[i].name, moved[i].instead);
    return bad(answer, error, moved[i].name,
               moved[i].instead != NULL ? "unsupported_parameter" : "unknown_parameter", text);
  }
  return 0;
}


static int wants_encrypted(uvllm_json_t root) {
  uvllm_json_t entry;
  uint32_t it = 0;
  while (uvllm_json_next(uvllm_json_get(root, "include"), &it, NULL, &entry))
    if (uvllm__str_eq(uvllm_json_str(entry), "reasoning.encrypted_content"))
      return 1;
  return 0;
}


static int read_options(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  uvllm_str_t effort = uvllm_json_str(uvllm_json_path(root, "reasoning.effort"));
  uint8_t stores, is_padded;
  if (uvllm__mock_read_int(answer, uvllm_json_get(root, "max_output_tokens"), "max_output_tokens",
                           LEAST_LENGTH, MAX_LENGTH, UINT64_MAX, &answer->max_tokens,
                           error) != 0 ||
      uvllm__mock_read_flag(answer, uvllm_json_get(root, "stream"), "stream", 0, &answer->stream,
                            error) != 0 ||
      uvllm__mock_read_flag(answer, uvllm_json_get(root, "store"), "store", 1, &stores,
                            error) != 0 ||
      uvllm__mock_read_flag(answer, uvllm_json_path(root, "stream_options.include_obfuscation"),
                            "stream_options.include_obfuscation", 1, &is_padded, error) != 0)
    return -1;
  answer->thinks = effort.len != 0 && !uvllm__str_eq(effort, "none");
  answer->flags = (uint8_t) ((stores ? UVLLM__OPENAI_STORE : 0) |
                             (is_padded ? UVLLM__OPENAI_OBFUSCATE : 0) |
                             (wants_encrypted(root) ? UVLLM__OPENAI_ENCRYPT : 0));
  return 0;
}


/* ---- Items ---- */

static int read_parts(uvllm__answer_t* answer, uvllm_json_t parts, uvllm__mock_error_t* error) {
  static const char* const types[] = { "input_text", "output_text", "refusal", "input_image",
                                       "input_file" };
  uvllm_json_t part;
  uint32_t it = 0;
  while (uvllm_json_next(parts, &it, NULL, &part)) {
    uvllm_str_t type = uvllm_json_str(uvllm_json_get(part, "type"));
    uvllm_json_t text = uvllm_json_get(part, "text");
    size_t i = 0;
    while (i < sizeof(types) / sizeof(types[0]) && !uvllm__str_eq(type, types[i]))
      i++;
    if (i == sizeof(types) / sizeof(types[0]))
      return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_VALUE, "input[].content[].type",
                              "'input_text', 'input_image', 'output_text', 'refusal' or "
                              "'input_file'");
    if (uvllm__json_is(text, UVLLM_JSON_STRING))
      uvllm__mock_add_text(answer, uvllm_json_str(text));
    else
      uvllm__mock_add_other(answer, part);
  }
  return 0;
}


static int read_content(uvllm__answer_t* answer, uvllm_json_t content, const char* name,
                        uvllm__mock_error_t* error) {
  if (uvllm__json_is(content, UVLLM_JSON_ARRAY))
    return read_parts(answer, content, error);
  if (!uvllm__json_is(content, UVLLM_JSON_STRING))
    return uvllm__json_given(content) ? mistyped(answer, error, name, "a string or an array")
                                      : missing(answer, error, name);
  uvllm__mock_add_text(answer, uvllm_json_str(content));
  return 0;
}


/* Whether the input has an item of this type for the call. */
static int has_partner(uvllm_json_t input, const char* type, uvllm_json_t call_id) {
  uvllm_json_t item;
  uint32_t it = 0;
  while (uvllm_json_next(input, &it, NULL, &item))
    if (uvllm__str_eq(uvllm_json_str(uvllm_json_get(item, "type")), type) &&
        same(uvllm_json_get(item, "call_id"), call_id))
      return 1;
  return 0;
}


static int check_partner(const uvllm__answer_t* answer, uvllm_json_t input, uvllm_json_t item,
                         int is_call, uvllm__mock_error_t* error) {
  uvllm_json_t id = uvllm_json_get(item, "call_id");
  uvllm_str_t s = uvllm_json_str(id);
  char text[200];
  if (s.base == NULL)
    return missing(answer, error, "input[].call_id");
  if (has_partner(input, is_call ? "function_call_output" : "function_call", id))
    return 0;
  snprintf(text, sizeof(text),
           is_call ? "No tool output found for function call %.*s."
                   : "No tool call found for function call output with call_id %.*s.",
           (int) (s.len < 64 ? s.len : 64), s.base);
  return bad(answer, error, "input", NULL, text);
}


static int read_call(uvllm__answer_t* answer, uvllm_json_t input, uvllm_json_t item,
                     uvllm__mock_error_t* error) {
  if (!is_string(item, "name"))
    return missing(answer, error, "input[].name");
  if (!is_string(item, "arguments"))
    return missing(answer, error, "input[].arguments");
  uvllm__mock_add_text(answer, uvllm_json_str(uvllm_json_get(item, "arguments")));
  return check_partner(answer, input, item, 1, error);
}


static int read_result(uvllm__answer_t* answer, uvllm_json_t input, uvllm_json_t item,
                       uvllm__mock_error_t* error) {
  if (check_partner(answer, input, item, 0, error) != 0)
    return -1;
  return read_content(answer, uvllm_json_get(item, "output"), "input[].output", error);
}


/* The mock stores nothing: a thought must come with its content. */
static int read_reasoning(uvllm__answer_t* answer, uvllm_json_t item,
                          uvllm__mock_error_t* error) {
  uvllm_str_t id = uvllm_json_str(uvllm_json_get(item, "id"));
  char text[200];
  if (!uvllm__json_is(uvllm_json_get(item, "summary"), UVLLM_JSON_ARRAY))
    return missing(answer, error, "input[].summary");
  if (uvllm_json_str(uvllm_json_get(item, "encrypted_content")).len != 0) {
    uvllm__mock_add_other(answer, item);
    return 0;
  }
  snprintf(text, sizeof(text), "Item with id '%.*s' not found. Items are not persisted when "
           "`store` is set to false.", (int) (id.len < 64 ? id.len : 64),
           id.base != NULL ? id.base : "");
  uvllm__mock_fail_text(answer, error, UVLLM__MOCK_E_REQUEST, "input", text);
  error->status = 404;
  return -1;
}


static int read_item(uvllm__answer_t* answer, uvllm_json_t input, uvllm_json_t item,
                     uvllm__mock_error_t* error) {
  uvllm_str_t type = uvllm_json_str(uvllm_json_get(item, "type"));
  if (!uvllm__json_is(item, UVLLM_JSON_OBJECT))
    return mistyped(answer, error, "input[]", "an object");
  if (uvllm__str_eq(type, "function_call"))
    return read_call(answer, input, item, error);
  if (uvllm__str_eq(type, "function_call_output"))
    return read_result(answer, input, item, error);
  if (uvllm__str_eq(type, "reasoning"))
    return read_reasoning(answer, item, error);
  if (type.len != 0 && !uvllm__str_eq(type, "message"))
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_VALUE, "input[].type",
                            "'message', 'function_call', 'function_call_output' or 'reasoning'");
  if (!is_string(item, "role"))
    return missing(answer, error, "input[].role");
  return read_content(answer, uvllm_json_get(item, "content"), "input[].content", error);
}


static int read_input(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  uvllm_json_t input = uvllm_json_get(root, "input");
  uvllm_json_t item;
  uint32_t it = 0;
  uvllm__mock_add_text(answer, uvllm_json_str(uvllm_json_get(root, "instructions")));
  if (!uvllm__json_given(input))
    return missing(answer, error, "input");
  if (!uvllm__json_is(input, UVLLM_JSON_ARRAY))
    return read_content(answer, input, "input", error);
  while (uvllm_json_next(input, &it, NULL, &item))
    if (read_item(answer, input, item, error) != 0)
      return -1;
  return it != 0 ? 0 : bad(answer, error, "input", "empty_array", "There is no input.");
}


/* ---- Tools and JSON output ---- */

static int read_tools(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  uvllm_json_t choice = uvllm_json_get(root, "tool_choice");
  uvllm__mock_tools_t tools = { uvllm_json_get(root, "tools"), "name", "parameters",
                                { NULL, 0 }, 0 };
  uvllm_json_t tool;
  uint32_t it = 0;
  while (uvllm_json_next(tools.list, &it, NULL, &tool)) {
    if (!is_string(tool, "type"))
      return missing(answer, error, "tools[].type");
    if (uvllm__str_eq(uvllm_json_str(uvllm_json_get(tool, "type")), "function") &&
        !is_string(tool, "name"))
      return missing(answer, error, "tools[].name");
  }
  tools.named = uvllm_json_str(uvllm_json_get(choice, "name"));
  tools.required = uvllm__str_eq(uvllm_json_str(choice), "required") ||
                   uvllm__str_eq(uvllm_json_str(uvllm_json_get(choice, "mode")), "required");
  return uvllm__mock_answer_tools(answer, &tools, error);
}


static int read_format(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  uvllm_json_t format = uvllm_json_path(root, "text.format");
  uvllm_json_t schema = { NULL, 0 };
  uvllm_str_t type = uvllm_json_str(uvllm_json_get(format, "type"));
  if (answer->ncalls != 0 || type.base == NULL || uvllm__str_eq(type, "text"))
    return 0;
  int has_schema = uvllm__str_eq(type, "json_schema");
  if (!has_schema && !uvllm__str_eq(type, "json_object"))
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_VALUE, "text.format.type",
                            "'text', 'json_object' or 'json_schema'");
  if (has_schema && !is_string(format, "name"))
    return missing(answer, error, "text.format.name");
  if (has_schema && !uvllm__json_is(uvllm_json_get(format, "schema"), UVLLM_JSON_OBJECT))
    return missing(answer, error, "text.format.schema");
  if (has_schema)
    schema = uvllm_json_get(format, "schema");
  uvllm__mock_answer_json(answer, schema, has_schema ? "{}" : "{\"answer\":\"text\"}");
  return 0;
}


/* ---- The whole ---- */

static int check_state(const uvllm__answer_t* answer, uvllm_json_t root,
                       uvllm__mock_error_t* error) {
  uvllm_json_t previous = uvllm_json_get(root, "previous_response_id");
  uvllm_str_t id = uvllm_json_str(previous);
  char text[128];
  if (uvllm_json_bool(uvllm_json_get(root, "background"), 0))
    return bad(answer, error, "background", "unsupported_parameter",
               "The mock has no background mode.");
  if (!uvllm__json_given(previous))
    return 0;
  snprintf(text, sizeof(text), "Previous response with id '%.*s' not found.",
           (int) (id.len < 64 ? id.len : 64), id.base != NULL ? id.base : "");
  return bad(answer, error, "previous_response_id", "previous_response_not_found", text);
}


int uvllm__mock_responses_read(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                               uvllm__mock_error_t* error) {
  uvllm_json_t root = request->root;
  if (uvllm__mock_openai_read_model(answer, request, error) != 0 ||
      check_names(answer, root, error) != 0 || check_state(answer, root, error) != 0 ||
      read_options(answer, root, error) != 0 || read_input(answer, root, error) != 0 ||
      read_tools(answer, root, error) != 0)
    return -1;
  return read_format(answer, root, error);
}
