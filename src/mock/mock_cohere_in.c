/* Reads Cohere's chats. */
#include "mock/mock_cohere.h"
#include "mock/mock_int.h"

enum { MAX_STOPS = 5 };


static int mistyped(const uvllm__answer_t* answer, uvllm__mock_error_t* error, const char* name,
                    const char* expected) {
  return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_TYPE, name, expected);
}


static int missing(const uvllm__answer_t* answer, uvllm__mock_error_t* error, const char* name) {
  return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MISSING, name, NULL);
}


int uvllm__mock_cohere_read_model(uvllm__answer_t* answer, uvllm_json_t root,
                                  uvllm__mock_error_t* error) {
  uvllm_json_t model = uvllm_json_get(root, "model");
  if (!uvllm__json_given(model))
    return missing(answer, error, "model");
  return uvllm__mock_read_model(answer, uvllm_json_str(model), error);
}


/* ---- Messages ---- */

static int read_items(uvllm__answer_t* answer, uvllm_json_t items, uvllm__mock_error_t* error) {
  uvllm_json_t item;
  uint32_t it = 0;
  while (uvllm_json_next(items, &it, NULL, &item)) {
    uvllm_json_t text = uvllm_json_get(item, "text");
    if (!uvllm__json_is(uvllm_json_get(item, "type"), UVLLM_JSON_STRING))
      return mistyped(answer, error, "messages.content", "a string or an array of typed items");
    if (uvllm__json_is(text, UVLLM_JSON_STRING))
      uvllm__mock_add_text(answer, uvllm_json_str(text));
    else
      uvllm__mock_add_other(answer, item);
  }
  return 0;
}


static int read_message(uvllm__answer_t* answer, uvllm_json_t message,
                        uvllm__mock_error_t* error) {
  static const char* const roles[] = { "system", "user", "assistant", "tool" };
  uvllm_str_t role = uvllm_json_str(uvllm_json_get(message, "role"));
  uvllm_json_t content = uvllm_json_get(message, "content");
  uvllm_json_t calls = uvllm_json_get(message, "tool_calls");
  int known = 0;
  for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
    known |= uvllm__str_eq(role, roles[i]);
  if (!known)
    return mistyped(answer, error, "messages.role", "one of system, user, assistant, tool");
  if (uvllm__str_eq(role, "tool") &&
      uvllm_json_str(uvllm_json_get(message, "tool_call_id")).len == 0)
    return missing(answer, error, "messages.tool_call_id");
  uvllm__mock_add_text(answer, uvllm_json_str(uvllm_json_get(message, "tool_plan")));
  if (uvllm__json_given(calls))
    uvllm__mock_add_other(answer, calls);
  if (uvllm__json_is(content, UVLLM_JSON_ARRAY))
    return read_items(answer, content, error);
  if (!uvllm__json_given(content) && !uvllm__json_given(calls))
    return missing(answer, error, "messages.content");
  if (uvllm__json_given(content) && !uvllm__json_is(content, UVLLM_JSON_STRING))
    return mistyped(answer, error, "messages.content", "a string or an array");
  uvllm__mock_add_text(answer, uvllm_json_str(content));
  return 0;
}


static int read_messages(uvllm__answer_t* answer, uvllm_json_t messages,
                         uvllm__mock_error_t* error) {
  uvllm_json_t message;
  uint32_t it = 0;
  if (!uvllm__json_is(messages, UVLLM_JSON_ARRAY) || uvllm_json_count(messages) == 0)
    return missing(answer, error, "messages");
  while (uvllm_json_next(messages, &it, NULL, &message))
    if (read_message(answer, message, error) != 0)
      return -1;
  return 0;
}


/* ---- What shapes the answer ---- */

static int read_tools(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  uvllm_json_t choice = uvllm_json_get(root, "tool_choice");
  uvllm__mock_tools_t tools = { uvllm_json_get(root, "tools"), "function.name",
                                "function.parameters", { NULL, 0 }, 0 };
  tools.required = uvllm__str_eq(uvllm_json_str(choice), "REQUIRED");
  if (uvllm__json_given(choice) && !tools.required &&
      !uvllm__str_eq(uvllm_json_str(choice), "NONE"))
    return mistyped(answer, error, "tool_choice", "REQUIRED or NONE");
  return uvllm__mock_answer_tools(answer, &tools, error);
}


static int read_format(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  uvllm_json_t format = uvllm_json_get(root, "response_format");
  uvllm_str_t type = uvllm_json_str(uvllm_json_get(format, "type"));
  if (!uvllm__json_given(format) || uvllm__str_eq(type, "text") || answer->ncalls != 0)
    return 0;
  if (!uvllm__str_eq(type, "json_object"))
    return mistyped(answer, error, "response_format.type", "text or json_object");
  uvllm__mock_answer_json(answer, uvllm_json_get(format, "json_schema"),
                          "{\"answer\":\"text\"}");
  return 0;
}


static int read_thinking(uvllm__answer_t* answer, uvllm_json_t root,
                         uvllm__mock_error_t* error) {
  uvllm_json_t thinking = uvllm_json_get(root, "thinking");
  uvllm_str_t type = uvllm_json_str(uvllm_json_get(thinking, "type"));
  uint64_t budget;
  answer->thinks = (uint8_t) uvllm__str_eq(type, "enabled");
  if (uvllm__json_given(thinking) && !answer->thinks && !uvllm__str_eq(type, "disabled"))
    return mistyped(answer, error, "thinking.type", "enabled or disabled");
  return uvllm__mock_read_int(answer, uvllm_json_get(thinking, "token_budget"),
                              "thinking.token_budget", 1, INT32_MAX, 0, &budget, error);
}


/* Numbers within [least, most], which have no effect. */
static int read_sampling(const uvllm__answer_t* answer, uvllm_json_t root,
                         uvllm__mock_error_t* error) {
  static const struct { const char* name; double least, most; } fields[] = {
    { "temperature", 0, 1 }, { "p", 0.01, 0.99 }, { "k", 0, 500 },
    { "frequency_penalty", 0, 1 }, { "presence_penalty", 0, 1 }
  };
  for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
    uvllm_json_t v = uvllm_json_get(root, fields[i].name);
    double n = uvllm_json_num(v, -1);
    if (uvllm__json_given(v) && (n < fields[i].least || n > fields[i].most))
      return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_VALUE, fields[i].name,
                              "within its range");
  }
  if (uvllm_json_count(uvllm_json_get(root, "stop_sequences")) > MAX_STOPS)
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_VALUE, "stop_sequences", "5 at most");
  return 0;
}


int uvllm__mock_cohere_read_chat(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                                 uvllm__mock_error_t* error) {
  uvllm_json_t root = request->root;
  if (uvllm__mock_cohere_read_model(answer, root, error) != 0 ||
      read_messages(answer, uvllm_json_get(root, "messages"), error) != 0 ||
      uvllm__mock_read_flag(answer, uvllm_json_get(root, "stream"), "stream", 0, &answer->stream,
                            error) != 0 ||
      uvllm__mock_read_int(answer, uvllm_json_get(root, "max_tokens"), "max_tokens", 1,
                           INT32_MAX, UINT64_MAX, &answer->max_tokens, error) != 0 ||
      read_sampling(answer, root, error) != 0 || read_thinking(answer, root, error) != 0 ||
      read_tools(answer, root, error) != 0)
    return -1;
  return read_format(answer, root, error);
}
