/* Reads Ollama's chats and generations. An answer streams unless it must not; a
 * request without a prompt loads the model, and is answered at once and whole.
 */
#include "mock/mock_int.h"
#include "mock/mock_ollama.h"

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)


static int refuse(const uvllm__answer_t* answer, uvllm__mock_error_t* error, const char* text) {
  return uvllm__mock_fail_text(answer, error, UVLLM__MOCK_E_REQUEST, NULL, text);
}


/* ---- What both have ---- */

static int is_digit(char c) {
  return (c >= '0' && c <= '9') || c == '.';
}


static int is_unit(uvllm_str_t s) {
  static const char* const units[] = { "ns", "us", "ms", "s", "m", "h" };
  for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
    if (uvllm__str_eq(s, units[i]))
      return 1;
  return 0;
}


/* As Go reads them: 1h30m, -1s. Only 0 may be without a unit. */
static int is_duration(uvllm_str_t s) {
  size_t i = s.len != 0 && (s.base[0] == '-' || s.base[0] == '+');
  if (uvllm__str_eq(s, "0"))
    return 1;
  if (i == s.len)
    return 0;
  while (i < s.len) {
    size_t from = i;
    while (i < s.len && is_digit(s.base[i]))
      i++;
    size_t digits = i;
    while (i < s.len && !is_digit(s.base[i]))
      i++;
    uvllm_str_t unit = { s.base + digits, i - digits };
    if (digits == from || !is_unit(unit))
      return 0;
  }
  return 1;
}


static int read_keep_alive(const uvllm__answer_t* answer, uvllm_json_t v, int* is_zero,
                           uvllm__mock_error_t* error) {
  uvllm_str_t s = uvllm_json_str(v);
  char text[96];
  *is_zero = uvllm__json_is(v, UVLLM_JSON_NUMBER) && uvllm_json_num(v, 1) == 0;
  if (s.base == NULL)
    return 0;
  *is_zero = uvllm__str_eq(s, "0") || uvllm__str_eq(s, "0s") || uvllm__str_eq(s, "0m");
  if (s.len < 40 && is_duration(s))
    return 0;
  snprintf(text, sizeof(text), "time: invalid duration \"%.*s\"",
           (int) (s.len < 40 ? s.len : 40), s.base);
  return refuse(answer, error, text);
}


static int read_think(uvllm__answer_t* answer, uvllm_json_t v, uvllm__mock_error_t* error) {
  static const char* const levels[] = { "low", "medium", "high", "max" };
  uvllm_str_t s = uvllm_json_str(v);
  answer->thinks = (uint8_t) uvllm_json_bool(v, 0);
  for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
    answer->thinks |= (uint8_t) uvllm__str_eq(s, levels[i]);
  if (!uvllm__json_given(v) || uvllm__json_is(v, UVLLM_JSON_BOOL) || answer->thinks)
    return 0;
  return refuse(answer, error, "invalid think value: must be \"high\", \"medium\", \"low\", "
                               "\"max\", true, or false");
}


static int read_format(uvllm__answer_t* answer, uvllm_json_t v, uvllm__mock_error_t* error) {
  if (!uvllm__json_given(v) || answer->ncalls != 0)
    return 0;
  if (!uvllm__json_is(v, UVLLM_JSON_OBJECT) && !uvllm__str_eq(uvllm_json_str(v), "json"))
    return refuse(answer, error, "invalid format: expected \"json\" or a JSON schema");
  uvllm__mock_answer_json(answer, v, "{\"answer\":\"text\"}");
  return 0;
}


static int read_common(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  uvllm_json_t options = uvllm_json_get(root, "options");
  uint64_t top;
  if (uvllm__json_given(options) && !uvllm__json_is(options, UVLLM_JSON_OBJECT))
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_TYPE, "options", "an object");
  if (uvllm__mock_read_flag(answer, uvllm_json_get(root, "stream"), "stream", 1, &answer->stream,
                            error) != 0 ||
      uvllm__mock_read_int(answer, uvllm_json_get(root, "top_logprobs"), "top_logprobs", 0, 20, 0,
                           &top, error) != 0 ||
      uvllm__mock_read_int(answer, uvllm_json_get(options, "num_predict"), "num_predict", -2,
                           INT32_MAX, UINT64_MAX, &answer->max_tokens, error) != 0)
    return -1;
  if ((int64_t) answer->max_tokens <= 0) /* none is said */
    answer->max_tokens = UINT64_MAX;
  return read_think(answer, uvllm_json_get(root, "think"), error);
}


/* ---- Loading ---- */

static void answer_load(uvllm__answer_t* answer, int is_zero) {
  uvllm__buf_t* out = &answer->script;
  answer->kind = UVLLM__MOCK_FIXED;
  answer->stream = 0;
  uvllm__mock_ollama_open(answer, 0, out);
  if (answer->shape == &uvllm__mock_ollama_chat)
    LIT(out, ",\"message\":{\"role\":\"assistant\",\"content\":\"\"}");
  else
    LIT(out, ",\"response\":\"\"");
  uvllm__buf_str(out, is_zero ? ",\"done\":true,\"done_reason\":\"unload\"}"
                              : ",\"done\":true,\"done_reason\":\"load\"}");
}


/* ---- Chat ---- */

static int read_message(uvllm__answer_t* answer, uvllm_json_t message,
                        uvllm__mock_error_t* error) {
  uvllm_json_t content = uvllm_json_get(message, "content");
  uvllm_json_t images = uvllm_json_get(message, "images");
  if (!uvllm__json_is(message, UVLLM_JSON_OBJECT))
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_TYPE, "messages", "an array of objects");
  if (!uvllm__json_is(uvllm_json_get(message, "role"), UVLLM_JSON_STRING))
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_TYPE, "messages.role", "a string");
  if (uvllm__json_given(content) && !uvllm__json_is(content, UVLLM_JSON_STRING))
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_TYPE, "messages.content", "a string");
  uvllm__mock_add_text(answer, uvllm_json_str(content));
  if (uvllm__json_given(images))
    uvllm__mock_add_other(answer, images);
  return 0;
}


static int read_messages(uvllm__answer_t* answer, uvllm_json_t messages, uint32_t* it,
                         uvllm__mock_error_t* error) {
  uvllm_json_t message;
  if (uvllm__json_given(messages) && !uvllm__json_is(messages, UVLLM_JSON_ARRAY))
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_TYPE, "messages", "an array");
  while (uvllm_json_next(messages, it, NULL, &message))
    if (read_message(answer, message, error) != 0)
      return -1;
  return 0;
}


int uvllm__mock_ollama_read_chat(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                                 uvllm__mock_error_t* error) {
  uvllm_str_t model = uvllm_json_str(uvllm_json_get(request->root, "model"));
  uvllm__mock_tools_t tools = { uvllm_json_get(request->root, "tools"), "function.name",
                                "function.parameters", { NULL, 0 }, 0 };
  uint32_t it = 0;
  int is_zero;
  if (model.len == 0)
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MISSING, "model", NULL);
  if (uvllm__mock_read_model(answer, model, error) != 0 ||
      read_keep_alive(answer, uvllm_json_get(request->root, "keep_alive"), &is_zero, error) != 0 ||
      read_common(answer, request->root, error) != 0 ||
      read_messages(answer, uvllm_json_get(request->root, "messages"), &it, error) != 0)
    return -1;
  if (it == 0) {
    answer_load(answer, is_zero);
    return 0;
  }
  if (uvllm__mock_answer_tools(answer, &tools, error) != 0)
    return -1;
  return read_format(answer, uvllm_json_get(request->root, "format"), error);
}


/* ---- Generate ---- */

static int read_prompt(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  uvllm_json_t prompt = uvllm_json_get(root, "prompt");
  int is_shaped = uvllm_json_str(uvllm_json_get(root, "system")).len != 0 ||
                  uvllm_json_str(uvllm_json_get(root, "template")).len != 0 ||
                  uvllm_json_count(uvllm_json_get(root, "context")) != 0;
  if (uvllm__json_given(prompt) && !uvllm__json_is(prompt, UVLLM_JSON_STRING))
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_TYPE, "prompt", "a string");
  if (uvllm_json_bool(uvllm_json_get(root, "raw"), 0) && is_shaped)
    return refuse(answer, error, "raw mode does not support template, system, or context");
  uvllm__mock_add_text(answer, uvllm_json_str(prompt));
  uvllm__mock_add_text(answer, uvllm_json_str(uvllm_json_get(root, "system")));
  if (uvllm__json_given(uvllm_json_get(root, "images")))
    uvllm__mock_add_other(answer, uvllm_json_get(root, "images"));
  return 0;
}


int uvllm__mock_ollama_read_generate(uvllm__answer_t* answer,
                                     const uvllm__mock_request_t* request,
                                     uvllm__mock_error_t* error) {
  uvllm_str_t model = uvllm_json_str(uvllm_json_get(request->root, "model"));
  int is_zero;
  if (model.len == 0)
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MODEL, "", NULL);
  if (uvllm__mock_read_model(answer, model, error) != 0 ||
      read_keep_alive(answer, uvllm_json_get(request->root, "keep_alive"), &is_zero, error) != 0 ||
      read_common(answer, request->root, error) != 0 ||
      read_prompt(answer, request->root, error) != 0)
    return -1;
  if (uvllm_json_str(uvllm_json_get(request->root, "prompt")).len == 0) {
    answer_load(answer, is_zero);
    return 0;
  }
  return read_format(answer, uvllm_json_get(request->root, "format"), error);
}
