/* Reads Anthropic's requests: what is checked is what a client can get wrong, which
 * here is also what it hands back: results belong to the calls of the turn before, and
 * thoughts must be as they were.
 */
#include "mock/mock_anthropic.h"
#include "mock/mock_int.h"

#include <stdio.h>

static const int64_t MAX_LENGTH = INT64_MAX / 4;
static const char NEW_VERSION[] = "2026-10-21";

typedef struct turns_s { /* a request being read */
  uvllm__answer_t* answer;
  uvllm__mock_error_t* error;
  uvllm_json_t before; /* the content of the turn before, if it was the assistant's */
} turns_t;


static int refuse(turns_t* t, const char* text) {
  return uvllm__mock_fail_text(t->answer, t->error, UVLLM__MOCK_E_REQUEST, NULL, text);
}


static int missing(turns_t* t, const char* name) {
  return uvllm__mock_fail(t->answer, t->error, UVLLM__MOCK_E_MISSING, name, NULL);
}


static int mistyped(turns_t* t, const char* name, const char* expected) {
  return uvllm__mock_fail(t->answer, t->error, UVLLM__MOCK_E_TYPE, name, expected);
}


static int is_new(const uvllm__mock_request_t* request) {
  return uvllm__str_eq(uvllm__http_in_header(request->in, "anthropic-version"), NEW_VERSION);
}


int uvllm__mock_anthropic_read_version(const uvllm__answer_t* answer,
                                       const uvllm__mock_request_t* request,
                                       uvllm__mock_error_t* error) {
  const uvllm_str_t version = uvllm__http_in_header(request->in, "anthropic-version");
  if (uvllm__str_eq(version, "2023-06-01") || is_new(request))
    return 0;
  return uvllm__mock_fail_text(answer, error, UVLLM__MOCK_E_REQUEST, NULL,
                               version.base == NULL
                                   ? "anthropic-version: header is required"
                                   : "anthropic-version: is not a valid version");
}


/* ---- Content ---- */

void uvllm__mock_anthropic_sign(uvllm_str_t thought, uvllm__buf_t* out) {
  uvllm__buf_hex(out, uvllm__hash_bytes(0, thought.base, thought.len));
}


static int read_thought(turns_t* t, uvllm_json_t block) {
  uvllm__buf_t* scratch = &t->answer->prefix;
  uvllm_str_t raw = uvllm_json_raw(uvllm_json_get(block, "thinking"));
  const uvllm_str_t signature = uvllm_json_str(uvllm_json_get(block, "signature"));
  if (raw.len < 2)
    return missing(t, "messages.content.thinking.thinking");
  raw.base++;
  raw.len -= 2;
  uvllm__buf_clear(scratch);
  uvllm__mock_anthropic_sign(raw, scratch);
  const int is_right = signature.len == scratch->len && scratch->len != 0 &&
                       memcmp(signature.base, scratch->base, scratch->len) == 0;
  uvllm__buf_clear(scratch);
  uvllm__mock_add_other(t->answer, block);
  return is_right ? 0 : refuse(t, "messages.content: Invalid `signature` in `thinking` block");
}


/* Whether the turn before made that call. */
static int was_called(const turns_t* t, uvllm_str_t id) {
  uvllm_json_t block;
  uint32_t it = 0;
  while (uvllm_json_next(t->before, &it, NULL, &block)) {
    const uvllm_str_t made = uvllm_json_str(uvllm_json_get(block, "id"));
    if (uvllm__str_eq(uvllm_json_str(uvllm_json_get(block, "type")), "tool_use") &&
        made.len == id.len && memcmp(made.base, id.base, id.len) == 0)
      return 1;
  }
  return 0;
}


static int read_content(turns_t* t, uvllm_json_t content, int is_assistant);


static int read_result(turns_t* t, uvllm_json_t block) {
  const uvllm_str_t id = uvllm_json_str(uvllm_json_get(block, "tool_use_id"));
  const uvllm_json_t content = uvllm_json_get(block, "content");
  if (id.len == 0)
    return missing(t, "messages.content.tool_result.tool_use_id");
  if (!was_called(t, id))
    return refuse(t, "messages.content: unexpected `tool_use_id` found in `tool_result` blocks");
  return uvllm__json_given(content) ? read_content(t, content, 0) : 0;
}


static int read_call(turns_t* t, uvllm_json_t block) {
  if (uvllm_json_str(uvllm_json_get(block, "id")).len == 0)
    return missing(t, "messages.content.tool_use.id");
  if (!uvllm__json_is(uvllm_json_get(block, "input"), UVLLM_JSON_OBJECT))
    return mistyped(t, "messages.content.tool_use.input", "an object");
  uvllm__mock_add_other(t->answer, block);
  return 0;
}


static int read_block(turns_t* t, uvllm_json_t block, int is_assistant) {
  const uvllm_str_t type = uvllm_json_str(uvllm_json_get(block, "type"));
  if (type.len == 0)
    return mistyped(t, "messages.content", "a string or an array of blocks that have a type");
  if (uvllm__str_eq(type, "tool_result"))
    return read_result(t, block);
  if (uvllm__str_eq(type, "tool_use"))
    return read_call(t, block);
  if (uvllm__str_eq(type, "thinking") && is_assistant)
    return read_thought(t, block);
  if (!uvllm__str_eq(type, "text")) {
    uvllm__mock_add_other(t->answer, block);
    return 0;
  }
  const uvllm_str_t text = uvllm_json_str(uvllm_json_get(block, "text"));
  if (text.len == 0)
    return refuse(t, "messages: text content blocks must be non-empty");
  uvllm__mock_add_text(t->answer, text);
  return 0;
}


static int read_content(turns_t* t, uvllm_json_t content, int is_assistant) {
  uvllm_json_t block;
  uint32_t it = 0;
  if (uvllm__json_is(content, UVLLM_JSON_STRING)) {
    uvllm__mock_add_text(t->answer, uvllm_json_str(content));
    return 0;
  }
  if (!uvllm__json_is(content, UVLLM_JSON_ARRAY))
    return mistyped(t, "messages.content", "a string or an array");
  while (uvllm_json_next(content, &it, NULL, &block))
    if (read_block(t, block, is_assistant) != 0)
      return -1;
  return 0;
}


/* ---- Messages ---- */

/* Each call of the turn before has its result in this one. */
static int check_results(turns_t* t, uvllm_json_t content) {
  uvllm_json_t call, block;
  uint32_t it = 0;
  while (uvllm_json_next(t->before, &it, NULL, &call)) {
    const uvllm_str_t id = uvllm_json_str(uvllm_json_get(call, "id"));
    uint32_t at = 0;
    int has = !uvllm__str_eq(uvllm_json_str(uvllm_json_get(call, "type")), "tool_use");
    while (!has && uvllm_json_next(content, &at, NULL, &block)) {
      const uvllm_str_t given = uvllm_json_str(uvllm_json_get(block, "tool_use_id"));
      has = given.len == id.len && given.len != 0 && memcmp(given.base, id.base, id.len) == 0;
    }
    if (!has)
      return refuse(t, "messages: `tool_use` ids were found without `tool_result` blocks "
                       "immediately after");
  }
  return 0;
}


static int read_message(turns_t* t, uvllm_json_t message) {
  const uvllm_json_t none = { NULL, 0 };
  const uvllm_str_t role = uvllm_json_str(uvllm_json_get(message, "role"));
  const uvllm_json_t content = uvllm_json_get(message, "content");
  const int is_assistant = uvllm__str_eq(role, "assistant");
  if (!is_assistant && !uvllm__str_eq(role, "user") && !uvllm__str_eq(role, "system"))
    return mistyped(t, "messages.role", "'user' or 'assistant'");
  if (!uvllm__json_given(content))
    return missing(t, "messages.content");
  if (read_content(t, content, is_assistant) != 0 || check_results(t, content) != 0)
    return -1;
  t->before = is_assistant ? content : none;
  return 0;
}


static int read_messages(turns_t* t, uvllm_json_t root) {
  const uvllm_json_t none = { NULL, 0 };
  const uvllm_json_t system = uvllm_json_get(root, "system");
  const uvllm_json_t messages = uvllm_json_get(root, "messages");
  uvllm_json_t message;
  uint32_t it = 0;
  t->before = none;
  if (uvllm__json_given(system) && read_content(t, system, 0) != 0)
    return -1;
  if (!uvllm__json_given(messages))
    return missing(t, "messages");
  if (!uvllm__json_is(messages, UVLLM_JSON_ARRAY))
    return mistyped(t, "messages", "an array");
  while (uvllm_json_next(messages, &it, NULL, &message))
    if (read_message(t, message) != 0)
      return -1;
  if (it == 0)
    return refuse(t, "messages: at least one message is required");
  return check_results(t, none);
}


/* ---- Tools, thinking, JSON output ---- */

static int read_tools(turns_t* t, uvllm_json_t root) {
  const uvllm_json_t choice = uvllm_json_get(root, "tool_choice");
  const uvllm_str_t type = uvllm_json_str(uvllm_json_get(choice, "type"));
  uvllm__mock_tools_t tools = { uvllm_json_get(root, "tools"), "name", "input_schema",
                                { NULL, 0 }, uvllm__str_eq(type, "any") };
  uvllm_json_t tool;
  uint32_t it = 0;
  while (uvllm_json_next(tools.list, &it, NULL, &tool))
    if (!uvllm__str_eq(uvllm_json_str(uvllm_json_path(tool, "input_schema.type")), "object") &&
        !uvllm__json_given(uvllm_json_get(tool, "type")))
      return mistyped(t, "tools.input_schema", "a schema whose type is 'object'");
  if (uvllm__json_given(choice) && type.len == 0)
    return mistyped(t, "tool_choice", "an object with a type");
  if (uvllm__str_eq(type, "tool"))
    tools.named = uvllm_json_str(uvllm_json_get(choice, "name"));
  return uvllm__mock_answer_tools(t->answer, &tools, t->error);
}


static int read_thinking(turns_t* t, uvllm_json_t root) {
  const uvllm_json_t thinking = uvllm_json_get(root, "thinking");
  const uvllm_str_t type = uvllm_json_str(uvllm_json_get(thinking, "type"));
  uint64_t budget;
  t->answer->thinks = uvllm__str_eq(type, "adaptive");
  if (!uvllm__str_eq(type, "enabled"))
    return 0;
  if (uvllm__mock_read_int(t->answer, uvllm_json_get(thinking, "budget_tokens"),
                           "thinking.enabled.budget_tokens", 1024, MAX_LENGTH, 0, &budget,
                           t->error) != 0)
    return -1;
  if (budget == 0)
    return missing(t, "thinking.enabled.budget_tokens");
  t->answer->thinks = 1;
  return budget < t->answer->max_tokens
             ? 0
             : refuse(t, "`max_tokens` must be greater than `thinking.budget_tokens`");
}


static int read_format(turns_t* t, uvllm_json_t root) {
  const uvllm_json_t format = uvllm_json_path(root, "output_config.format");
  if (!uvllm__json_given(format) || t->answer->ncalls != 0)
    return 0;
  if (!uvllm__str_eq(uvllm_json_str(uvllm_json_get(format, "type")), "json_schema"))
    return mistyped(t, "output_config.format.type", "'json_schema'");
  if (!uvllm__json_is(uvllm_json_get(format, "schema"), UVLLM_JSON_OBJECT))
    return missing(t, "output_config.format.schema");
  uvllm__mock_answer_json(t->answer, uvllm_json_get(format, "schema"), "{}");
  return 0;
}


/* ---- The endpoints ---- */

static int check_sampling(turns_t* t, const uvllm__mock_request_t* request) {
  static const char* const names[] = { "temperature", "top_p", "top_k" };
  for (size_t i = 0; is_new(request) && i < sizeof(names) / sizeof(names[0]); i++)
    if (uvllm__json_given(uvllm_json_get(request->root, names[i])))
      return refuse(t, "temperature, top_p and top_k: Extra inputs are not permitted");
  return 0;
}


static int read_model(turns_t* t, uvllm_json_t root) {
  const uvllm_json_t model = uvllm_json_get(root, "model");
  if (!uvllm__json_given(model))
    return missing(t, "model");
  return uvllm__mock_read_model(t->answer, uvllm_json_str(model), t->error);
}


int uvllm__mock_anthropic_read_chat(uvllm__answer_t* answer,
                                    const uvllm__mock_request_t* request,
                                    uvllm__mock_error_t* error) {
  const uvllm_json_t root = request->root;
  turns_t t = { .answer = answer, .error = error };
  if (uvllm__mock_anthropic_read_version(answer, request, error) != 0 ||
      read_model(&t, root) != 0)
    return -1;
  if (!uvllm__json_given(uvllm_json_get(root, "max_tokens")))
    return missing(&t, "max_tokens");
  if (uvllm__mock_read_int(answer, uvllm_json_get(root, "max_tokens"), "max_tokens", 0,
                           MAX_LENGTH, 0, &answer->max_tokens, error) != 0 ||
      uvllm__mock_read_flag(answer, uvllm_json_get(root, "stream"), "stream", 0, &answer->stream,
                            error) != 0 ||
      check_sampling(&t, request) != 0 || read_messages(&t, root) != 0 ||
      read_thinking(&t, root) != 0 || read_tools(&t, root) != 0)
    return -1;
  return read_format(&t, root);
}


int uvllm__mock_anthropic_read_count(uvllm__answer_t* answer,
                                     const uvllm__mock_request_t* request,
                                     uvllm__mock_error_t* error) {
  turns_t t = { .answer = answer, .error = error };
  if (uvllm__mock_anthropic_read_version(answer, request, error) != 0 ||
      read_model(&t, request->root) != 0)
    return -1;
  if (uvllm__json_given(uvllm_json_get(request->root, "max_tokens")))
    return refuse(&t, "max_tokens: Extra inputs are not permitted");
  if (read_messages(&t, request->root) != 0)
    return -1;
  uvllm__buf_str(&answer->script, "{\"input_tokens\":");
  uvllm__buf_uint(&answer->script, (answer->prompt_bytes + 3) / 4);
  uvllm__buf_char(&answer->script, '}');
  return 0;
}
