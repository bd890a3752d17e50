/* Answers that follow what the request brought: tool calls, and JSON output. */
#include "mock/mock_int.h"


static void count_tokens(uvllm__mock_call_t* call, uint32_t first) {
  call->first = first;
  call->ntokens = (call->text_len + UVLLM__MOCK_PIECE - 1) / UVLLM__MOCK_PIECE;
}


static void put_value(uvllm__answer_t* answer, uvllm_json_t schema, const char* otherwise) {
  if (uvllm__json_is(schema, UVLLM_JSON_OBJECT))
    uvllm__mock_schema_value(schema, schema, &answer->script);
  else
    uvllm__buf_str(&answer->script, otherwise);
}


void uvllm__mock_answer_json(uvllm__answer_t* answer, uvllm_json_t schema, const char* otherwise) {
  uvllm__mock_call_t* text = &answer->calls[0];
  answer->has_script = 1;
  text->text = (uint32_t) answer->script.len;
  put_value(answer, schema, otherwise);
  text->text_len = (uint32_t) answer->script.len - text->text;
  count_tokens(text, 0);
}


/* ---- Tool calls ---- */

static void add_call(uvllm__answer_t* answer, uvllm_str_t name, uvllm_json_t schema) {
  uvllm__mock_call_t* call = &answer->calls[answer->ncalls];
  call->name = (uint32_t) answer->script.len;
  call->name_len = (uint32_t) name.len;
  uvllm__buf_append(&answer->script, name.base, name.len);
  call->text = (uint32_t) answer->script.len;
  put_value(answer, schema, "{}");
  call->text_len = (uint32_t) answer->script.len - call->text;
  uvllm__mock_call_t* before = answer->ncalls != 0 ? call - 1 : NULL;
  count_tokens(call, before != NULL ? before->first + before->ntokens : 0);
  answer->ncalls++;
}


static int call_named(uvllm__answer_t* answer, const uvllm__mock_tools_t* tools,
                      uvllm__mock_error_t* error) {
  uint32_t it = 0;
  uvllm_json_t tool;
  while (uvllm_json_next(tools->list, &it, NULL, &tool)) {
    uvllm_str_t own = uvllm_json_str(uvllm_json_path(tool, tools->name));
    if (own.base == NULL || own.len != tools->named.len ||
        memcmp(own.base, tools->named.base, own.len) != 0)
      continue;
    answer->named_tool = 1;
    add_call(answer, own, uvllm_json_path(tool, tools->schema));
    return 0;
  }
  return uvllm__mock_fail_text(answer, error, UVLLM__MOCK_E_VALUE, "tool_choice",
                               "Tool choice names a function that is not in 'tools'.");
}


int uvllm__mock_answer_tools(uvllm__answer_t* answer, const uvllm__mock_tools_t* tools,
                             uvllm__mock_error_t* error) {
  if (tools->named.base != NULL)
    return call_named(answer, tools, error);
  if (!tools->required && answer->ask.tool <= 0)
    return 0;
  size_t ntools = uvllm_json_count(tools->list);
  if (ntools == 0)
    return uvllm__mock_fail_text(answer, error, UVLLM__MOCK_E_VALUE, "tools",
                                 "A tool call was required, and there are no 'tools'.");
  size_t ncalls = answer->ask.tool > 0 ? (size_t) answer->ask.tool : 1;
  for (size_t i = 0; i < ncalls; i++) {
    uvllm_json_t tool = uvllm_json_at(tools->list, i % ntools);
    uvllm_str_t name = uvllm_json_str(uvllm_json_path(tool, tools->name));
    if (name.base == NULL)
      return uvllm__mock_fail_text(answer, error, UVLLM__MOCK_E_VALUE, "tools",
                                   "A tool has no name.");
    add_call(answer, name, uvllm_json_path(tool, tools->schema));
  }
  return 0;
}
