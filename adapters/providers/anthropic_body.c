/* The body of a message request, or of a count of its tokens, which takes what is part
 * of the prompt and refuses the rest.
 */
#include "anthropic.h"
#include "body.h"

#include <stdlib.h>

typedef struct put_s {
  uvllm__body_t body;
  const uvllm_attempt_t* attempt;
  uvllm__anthropic_put_t p;
} put_t;


static uint32_t max_tokens_of(const uvllm_attempt_t* a) {
  const char* own = uvllm_param(a->params, a->nparams, "max_tokens");
  if (a->request->max_tokens != 0)
    return a->request->max_tokens;
  return own != NULL ? (uint32_t) strtoul(own, NULL, 10) : uvllm__anthropic_max_tokens(a->model);
}


/* ---- Thinking and structured output ---- */

static void write_thinking(uvllm_json_writer_t* w, const uvllm__anthropic_effort_t* e) {
  static const char* const types[] = { "disabled", "enabled", "adaptive" };
  uvllm_json_begin_object(w);
  uvllm__anthropic_member(w, "type", uvllm__str(types[e->thinking]));
  if (e->thinking == UVLLM__ANTHROPIC_BUDGET) {
    uvllm_json_name(w, "budget_tokens");
    uvllm_json_write_int(w, e->budget);
  } else if (e->thinking == UVLLM__ANTHROPIC_ADAPTIVE) {
    uvllm__anthropic_member(w, "display", uvllm__str("summarized")); /* else it is not told */
  }
  uvllm_json_end_object(w);
}


static int put_effort(put_t* p, uvllm__anthropic_effort_t* e) {
  const uvllm_attempt_t* a = p->attempt;
  if (a->request->reasoning_effort == NULL)
    return 0;
  *e = uvllm__anthropic_effort(a->request->reasoning_effort,
                               uvllm_param(a->params, a->nparams, "thinking"), a->model,
                               max_tokens_of(a));
  if (e->thinking == UVLLM__ANTHROPIC_UNKNOWN ||
      (e->thinking == UVLLM__ANTHROPIC_BUDGET && e->budget == 0))
    return UVLLM_EUNSUPPORTED;
  if (uvllm__body_begins(&p->body, "thinking"))
    write_thinking(p->p.w, e);
  return 0;
}


static int put_schema(put_t* p) {
  uvllm__schema_t schema = { 0 };
  uvllm_json_writer_t* w = p->p.w;
  const int err = uvllm__schema(&p->p.shape, p->p.r, &schema);
  if (err != 0 || schema.schema.base == NULL || !uvllm__body_begins(&p->body, "format"))
    return err;
  uvllm_json_begin_object(w);
  uvllm__anthropic_member(w, "type", uvllm__str("json_schema"));
  uvllm_json_name(w, "schema");
  uvllm_json_write_raw(w, schema.schema);
  uvllm_json_end_object(w);
  return 0;
}


static int put_output(put_t* p) {
  uvllm__anthropic_effort_t e = { .thinking = UVLLM__ANTHROPIC_UNKNOWN };
  int err = put_effort(p, &e);
  if (err != 0)
    return err;
  uvllm__body_open(&p->body, "output_config");
  if (e.thinking == UVLLM__ANTHROPIC_ADAPTIVE)
    uvllm__body_chars(&p->body, "effort", e.effort);
  err = put_schema(p);
  uvllm__body_close(&p->body);
  return err;
}


/* ---- Tools ---- */

static void write_tool(uvllm_json_writer_t* w, const uvllm__tool_t* tool) {
  static const uvllm_str_t anything = UVLLM_STR("{\"type\":\"object\",\"properties\":{}}");
  static const char* const passed[] = { "cache_control", "eager_input_streaming",
                                        "input_examples", "defer_loading", "allowed_callers",
                                        NULL };
  uvllm_json_begin_object(w);
  uvllm__anthropic_member(w, "name", tool->name);
  if (tool->description.base != NULL)
    uvllm__anthropic_member(w, "description", tool->description);
  uvllm_json_name(w, "input_schema");
  uvllm_json_write_raw(w, tool->parameters.base != NULL ? tool->parameters : anything);
  if (tool->strict >= 0) {
    uvllm_json_name(w, "strict");
    uvllm_json_write_bool(w, tool->strict);
  }
  uvllm__anthropic_pass(w, tool->json, passed);
  uvllm_json_end_object(w);
}


static int put_tools(put_t* p) {
  uvllm__list_t tools;
  uvllm__tool_t tool = { 0 };
  if (p->p.r->tools_json.base == NULL || !uvllm__body_begins(&p->body, "tools"))
    return 0;
  int rc = uvllm__tools_begin(&tools, &p->p.shape, p->p.r);
  if (rc != 0)
    return rc;
  uvllm_json_begin_array(p->p.w);
  while ((rc = uvllm__tools_next(&tools, &tool)) == 1)
    write_tool(p->p.w, &tool);
  uvllm_json_end_array(p->p.w);
  return rc;
}


static int put_tool_choice(put_t* p) {
  static const char* const types[] = { NULL, "auto", "none", "any", "tool" };
  uvllm__choice_type type;
  uvllm_str_t name;
  const int err = uvllm__tool_choice(&p->p.shape, p->p.r, &type, &name);
  if (err != 0 || type == UVLLM__CHOICE_UNSET)
    return err;
  uvllm__body_open(&p->body, "tool_choice"); /* disable_parallel_tool_use is merged in */
  uvllm__body_chars(&p->body, "type", types[type]);
  uvllm__body_str(&p->body, "name", name);
  uvllm__body_close(&p->body);
  return 0;
}


/* ---- The whole ---- */

static void put_sampling(put_t* p) {
  const uvllm_request_t* r = p->p.r;
  if (r->op == UVLLM_COUNT_TOKENS)
    return;
  uvllm__body_count(&p->body, "max_tokens", max_tokens_of(p->attempt));
  if ((r->flags & UVLLM_STREAM) != 0)
    uvllm__body_bool(&p->body, "stream", 1);
  uvllm__body_num(&p->body, "temperature", r->temperature);
  uvllm__body_num(&p->body, "top_p", r->top_p);
  uvllm__body_stop(&p->body, "stop_sequences", r->stop);
  if (r->service_tier != NULL)
    uvllm__body_chars(&p->body, "service_tier", uvllm__anthropic_tier(r->service_tier));
}


static int put_fields(put_t* p) {
  int err = 0;
  uvllm__body_str(&p->body, "model", p->attempt->model);
  put_sampling(p);
  if (uvllm__anthropic_has_system(p->p.r) && uvllm__body_begins(&p->body, "system"))
    err = uvllm__anthropic_system(&p->p);
  if (err == 0 && uvllm__body_begins(&p->body, "messages"))
    err = uvllm__anthropic_messages(&p->p);
  if (err == 0)
    err = put_output(p);
  if (err == 0)
    err = put_tools(p);
  return err == 0 ? put_tool_choice(p) : err;
}


int uvllm__anthropic_body(const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  put_t p = { .attempt = attempt, .p = { .r = attempt->request } };
  uvllm__shape_init(&p.p.shape, uvllm_http_alloc(http));
  uvllm__shape_init(&p.p.replay, uvllm_http_alloc(http));
  int err = uvllm__body_begin(&p.body, attempt->request, http);
  p.p.w = p.body.w;
  if (err == 0)
    err = put_fields(&p);
  err = uvllm__body_end(&p.body, err);
  uvllm__shape_free(&p.p.shape);
  uvllm__shape_free(&p.p.replay);
  return err;
}
