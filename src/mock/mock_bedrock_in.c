/* Reads Converse requests: blocks with exactly one member, users and assistants in turn,
 * tools where tools were used. The text of the prompt is hashed and counted on the way.
 */
#include "mock/mock_bedrock.h"
#include "mock/mock_int.h"

static int mistyped(const uvllm__answer_t* answer, uvllm__mock_error_t* error, const char* name,
                    const char* expected) {
  return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_TYPE, name, expected);
}


static int refuse(const uvllm__answer_t* answer, uvllm__mock_error_t* error, const char* text) {
  return uvllm__mock_fail_text(answer, error, UVLLM__MOCK_E_REQUEST, NULL, text);
}


/* ---- Blocks ---- */

/* The one member of a union, and its name; 0: it is no object with one member. */
static int member_of(uvllm_json_t block, uvllm_str_t* name, uvllm_json_t* value) {
  uint32_t it = 0;
  return uvllm_json_count(block) == 1 && uvllm__json_is(block, UVLLM_JSON_OBJECT) &&
         uvllm_json_next(block, &it, name, value);
}


static int is_among(uvllm_str_t name, const char* const* names) {
  for (; *names != NULL; names++)
    if (uvllm__str_eq(name, *names))
      return 1;
  return 0;
}


static int is_blank(uvllm_str_t s) {
  for (size_t i = 0; i < s.len; i++)
    if ((unsigned char) s.base[i] > ' ')
      return 0;
  return 1;
}


static int read_result(uvllm__answer_t* answer, uvllm_json_t result, uvllm__mock_error_t* error) {
  static const char* const known[] = { "json", "text", "image", "document", "video",
                                       "searchResult", NULL };
  uvllm_json_t block, value, list = uvllm_json_get(result, "content");
  uvllm_str_t name;
  uint32_t it = 0;
  if (uvllm_json_str(uvllm_json_get(result, "toolUseId")).len == 0)
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MISSING, "toolResult.toolUseId", NULL);
  if (!uvllm__json_is(list, UVLLM_JSON_ARRAY))
    return mistyped(answer, error, "toolResult.content", "an array");
  while (uvllm_json_next(list, &it, NULL, &block)) {
    if (!member_of(block, &name, &value) || !is_among(name, known))
      return mistyped(answer, error, "toolResult.content", "blocks with one known member");
    if (uvllm__str_eq(name, "text"))
      uvllm__mock_add_text(answer, uvllm_json_str(value));
    else
      uvllm__mock_add_other(answer, value);
  }
  return 0;
}


static int read_block(uvllm__answer_t* answer, uvllm_json_t block, int* has_tools,
                      uvllm__mock_error_t* error) {
  static const char* const known[] = {
    "text", "image", "document", "video", "audio", "toolUse", "toolResult", "guardContent",
    "cachePoint", "reasoningContent", "citationsContent", "searchResult", NULL
  };
  uvllm_json_t value;
  uvllm_str_t name;
  if (!member_of(block, &name, &value) || !is_among(name, known))
    return mistyped(answer, error, "messages.content", "blocks with one known member");
  *has_tools |= uvllm__str_eq(name, "toolUse") || uvllm__str_eq(name, "toolResult");
  if (uvllm__str_eq(name, "toolResult"))
    return read_result(answer, value, error);
  if (uvllm__str_eq(name, "toolUse") &&
      !uvllm__json_is(uvllm_json_get(value, "input"), UVLLM_JSON_OBJECT))
    return mistyped(answer, error, "toolUse.input", "an object");
  if (!uvllm__str_eq(name, "text")) {
    uvllm__mock_add_other(answer, value);
    return 0;
  }
  if (!uvllm__json_is(value, UVLLM_JSON_STRING))
    return mistyped(answer, error, "messages.content.text", "a string");
  if (is_blank(uvllm_json_str(value)))
    return refuse(answer, error, "The text field in the ContentBlock object at messages is blank. "
                                 "Add text to the text field, and try again.");
  uvllm__mock_add_text(answer, uvllm_json_str(value));
  return 0;
}


/* ---- Messages ---- */

static int read_message(uvllm__answer_t* answer, uvllm_json_t message, int is_users,
                        int* has_tools, uvllm__mock_error_t* error) {
  uvllm_json_t block, content = uvllm_json_get(message, "content");
  uvllm_str_t role = uvllm_json_str(uvllm_json_get(message, "role"));
  uint32_t it = 0;
  if (!uvllm__str_eq(role, "user") && !uvllm__str_eq(role, "assistant"))
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_VALUE, "messages.role",
                            "user or assistant");
  if (uvllm__str_eq(role, "user") != is_users)
    return refuse(answer, error, "A conversation must start with a user message and alternate "
                                 "between user and assistant roles. Make sure the conversation "
                                 "does so, and try again.");
  if (!uvllm__json_is(content, UVLLM_JSON_ARRAY) || uvllm_json_count(content) == 0)
    return mistyped(answer, error, "messages.content", "an array that is not empty");
  while (uvllm_json_next(content, &it, NULL, &block))
    if (read_block(answer, block, has_tools, error) != 0)
      return -1;
  return 0;
}


static int read_system(uvllm__answer_t* answer, uvllm_json_t system, uvllm__mock_error_t* error) {
  static const char* const known[] = { "text", "guardContent", "cachePoint", NULL };
  uvllm_json_t block, value;
  uvllm_str_t name;
  uint32_t it = 0;
  if (uvllm__json_given(system) && !uvllm__json_is(system, UVLLM_JSON_ARRAY))
    return mistyped(answer, error, "system", "an array");
  while (uvllm_json_next(system, &it, NULL, &block)) {
    if (!member_of(block, &name, &value) || !is_among(name, known))
      return mistyped(answer, error, "system", "blocks with one known member");
    if (uvllm__str_eq(name, "text"))
      uvllm__mock_add_text(answer, uvllm_json_str(value));
  }
  return 0;
}


/* Of a Converse, and of a token count: where `root` has messages. */
static int read_prompt(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  uvllm_json_t message, messages = uvllm_json_get(root, "messages");
  uint32_t it = 0;
  int is_users = 1, has_tools = 0;
  if (!uvllm__json_given(messages))
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MISSING, "messages", NULL);
  if (!uvllm__json_is(messages, UVLLM_JSON_ARRAY) || uvllm_json_count(messages) == 0)
    return mistyped(answer, error, "messages", "an array that is not empty");
  for (; uvllm_json_next(messages, &it, NULL, &message); is_users = !is_users)
    if (read_message(answer, message, is_users, &has_tools, error) != 0)
      return -1;
  if (has_tools && !uvllm__json_given(uvllm_json_path(root, "toolConfig.tools")))
    return refuse(answer, error, "The toolConfig field must be defined when using toolUse and "
                                 "toolResult content blocks.");
  return read_system(answer, uvllm_json_get(root, "system"), error);
}


/* ---- The rest ---- */

static int read_tools(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  uvllm_json_t config = uvllm_json_get(root, "toolConfig");
  uvllm_json_t choice = uvllm_json_get(config, "toolChoice"), value = { NULL, 0 };
  uvllm__mock_tools_t tools = { uvllm_json_get(config, "tools"), "toolSpec.name",
                                "toolSpec.inputSchema.json", { NULL, 0 }, 0 };
  uvllm_str_t name = { NULL, 0 };
  uint32_t it = 0;
  uvllm_json_t tool;
  if (uvllm__json_given(config) && uvllm_json_count(tools.list) == 0)
    return mistyped(answer, error, "toolConfig.tools", "an array that is not empty");
  while (uvllm_json_next(tools.list, &it, NULL, &tool))
    if (uvllm__json_given(uvllm_json_get(tool, "toolSpec")) &&
        !uvllm__json_is(uvllm_json_path(tool, tools.schema), UVLLM_JSON_OBJECT))
      return mistyped(answer, error, "toolSpec.inputSchema.json", "an object");
  if (uvllm__json_given(choice) && !member_of(choice, &name, &value))
    return mistyped(answer, error, "toolConfig.toolChoice", "an object with one member");
  if (uvllm__json_given(choice)) {
    tools.required = uvllm__str_eq(name, "any");
    tools.named = uvllm_json_str(uvllm_json_get(value, "name"));
  }
  return uvllm__mock_answer_tools(answer, &tools, error);
}


/* The schema is JSON within a string. */
static int read_format(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  uvllm_json_t text = uvllm_json_path(root, "outputConfig.textFormat.structure.jsonSchema.schema");
  uvllm_json_parser_t* parser = NULL;
  uvllm_json_t schema;
  if (!uvllm__json_given(text) || answer->ncalls != 0)
    return 0;
  int err = uvllm_json_parser_new(&parser, &answer->mock->alloc);
  if (err == 0)
    err = uvllm_json_parse(parser, uvllm_json_str(text), &schema, NULL);
  if (err == 0)
    uvllm__mock_answer_json(answer, schema, "{\"answer\":\"text\"}");
  uvllm_json_parser_free(parser);
  return err == 0 ? 0 : mistyped(answer, error, "outputConfig.textFormat", "a schema in a string");
}


static int read_model(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                      uvllm__mock_error_t* error) {
  return uvllm__mock_read_model(answer, uvllm__str(request->param), error);
}


int uvllm__mock_bedrock_read_converse(uvllm__answer_t* answer,
                                      const uvllm__mock_request_t* request,
                                      uvllm__mock_error_t* error) {
  uvllm_json_t root = request->root, config = uvllm_json_get(root, "inferenceConfig");
  if (read_model(answer, request, error) != 0 || read_prompt(answer, root, error) != 0)
    return -1;
  if (uvllm__json_given(config) && !uvllm__json_is(config, UVLLM_JSON_OBJECT))
    return mistyped(answer, error, "inferenceConfig", "an object");
  if (uvllm__mock_read_int(answer, uvllm_json_get(config, "maxTokens"),
                           "inferenceConfig.maxTokens", 1, INT32_MAX, UINT64_MAX,
                           &answer->max_tokens, error) != 0)
    return -1;
  answer->stream = answer->variant == UVLLM__BEDROCK_STREAM;
  answer->thinks = (uint8_t) uvllm__str_eq(
      uvllm_json_str(uvllm_json_path(root, "additionalModelRequestFields.thinking.type")),
      "enabled");
  return read_tools(answer, root, error) != 0 ? -1 : read_format(answer, root, error);
}


int uvllm__mock_bedrock_read_count(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                                   uvllm__mock_error_t* error) {
  uvllm_json_t converse = uvllm_json_path(request->root, "input.converse");
  if (read_model(answer, request, error) != 0)
    return -1;
  if (!uvllm__json_given(converse))
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MISSING, "input.converse", NULL);
  if (read_prompt(answer, converse, error) != 0)
    return -1;
  uvllm__buf_str(&answer->script, "{\"inputTokens\":");
  uvllm__buf_uint(&answer->script, (answer->prompt_bytes + 3) / 4);
  uvllm__buf_char(&answer->script, '}');
  return 0;
}
