/* The request's body but for its turns: tools, generationConfig, embeddings, counts. */
#include "gemini.h"
#include "body.h"


static int wants_openapi(const uvllm_attempt_t* attempt) {
  const char* schema = uvllm_param(attempt->params, attempt->nparams, "schema");
  return schema != NULL && strcmp(schema, "openapi") == 0;
}


/* "models/gemini-2.5-flash", as bodies call it. */
static void write_model(uvllm__body_t* b, uvllm_str_t model) {
  static const char prefix[] = "models/";
  char name[256];
  const size_t n = model.len != 0 && memchr(model.base, '/', model.len) != NULL
                       ? 0 : sizeof(prefix) - 1;
  if (model.base == NULL || model.len + n > sizeof(name)) {
    uvllm__body_str(b, "model", model);
    return;
  }
  memcpy(name, prefix, n);
  memcpy(name + n, model.base, model.len);
  uvllm__body_str(b, "model", (uvllm_str_t) { name, n + model.len });
}


/* ---- Tools ---- */

static void write_tool(uvllm_json_writer_t* w, const uvllm__tool_t* tool, int openapi) {
  uvllm_json_begin_object(w);
  uvllm_json_name(w, "name");
  uvllm_json_write_str(w, tool->name);
  if (tool->description.base != NULL) {
    uvllm_json_name(w, "description");
    uvllm_json_write_str(w, tool->description);
  }
  if (tool->parameters.base != NULL) {
    uvllm_json_name(w, openapi ? "parameters" : "parametersJsonSchema");
    uvllm_json_write_raw(w, tool->parameters);
  }
  uvllm_json_end_object(w);
}


/* An empty list offers nothing, and is refused there. */
static int write_tools(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_attempt_t* attempt,
                       int* is_strict) {
  uvllm__list_t tools;
  uvllm__tool_t tool = { 0 };
  int rc = uvllm__tools_begin(&tools, s, attempt->request);
  if (rc == 0)
    rc = uvllm__tools_next(&tools, &tool);
  if (rc != 1 || !uvllm__body_begins(b, "tools"))
    return rc < 0 ? rc : 0;
  uvllm_json_begin_array(b->w);
  uvllm_json_begin_object(b->w);
  uvllm_json_name(b->w, "functionDeclarations");
  uvllm_json_begin_array(b->w);
  for (; rc == 1; rc = uvllm__tools_next(&tools, &tool)) {
    write_tool(b->w, &tool, wants_openapi(attempt));
    *is_strict |= tool.strict == 1;
  }
  uvllm_json_end_array(b->w);
  uvllm_json_end_object(b->w);
  uvllm_json_end_array(b->w);
  return rc;
}


/* `strict` promises arguments that follow the schema: VALIDATED is AUTO with that. */
static const char* mode_of(uvllm__choice_type type, int is_strict) {
  switch (type) {
    case UVLLM__CHOICE_NONE: return "NONE";
    case UVLLM__CHOICE_REQUIRED:
    case UVLLM__CHOICE_NAMED: return "ANY";
    case UVLLM__CHOICE_AUTO: return is_strict ? "VALIDATED" : "AUTO";
    case UVLLM__CHOICE_UNSET: break;
  }
  return is_strict ? "VALIDATED" : NULL;
}


static int write_choice(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_request_t* r,
                        int is_strict) {
  uvllm__choice_type type;
  uvllm_str_t name;
  const int err = uvllm__tool_choice(s, r, &type, &name);
  const char* mode = mode_of(type, is_strict);
  if (err != 0 || mode == NULL)
    return err;
  uvllm__body_open(b, "toolConfig");
  uvllm__body_open(b, "functionCallingConfig");
  uvllm__body_chars(b, "mode", mode);
  if (type == UVLLM__CHOICE_NAMED && uvllm__body_begins(b, "allowedFunctionNames")) {
    uvllm_json_begin_array(b->w);
    uvllm_json_write_str(b->w, name);
    uvllm_json_end_array(b->w);
  }
  uvllm__body_close(b);
  uvllm__body_close(b);
  return 0;
}


/* ---- generationConfig ---- */

static int write_schema(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_attempt_t* attempt) {
  uvllm__schema_t schema = { 0 };
  const int err = uvllm__schema(s, attempt->request, &schema);
  if (err != 0 || attempt->request->json_schema.base == NULL)
    return err;
  uvllm__body_chars(b, "responseMimeType", "application/json");
  if (!schema.is_any_object)
    uvllm__body_raw(b, wants_openapi(attempt) ? "responseSchema" : "responseJsonSchema",
                    schema.schema);
  return 0;
}


/* Up to 2.5 models have a budget of tokens, later ones levels; both know a budget of 0
 * as "do not think". The budgets are those of Google's own translation of OpenAI's
 * words. */
static int has_budget(uvllm_str_t model) {
  static const char* const old[] = { "gemini-1", "gemini-2" };
  for (size_t i = 0; i < 2; i++)
    for (size_t at = 0; at + 8 <= model.len; at++)
      if (memcmp(model.base + at, old[i], 8) == 0)
        return 1;
  return 0;
}


static void write_thinking(uvllm__body_t* b, const char* effort, uvllm_str_t model) {
  static const struct {
    const char *effort, *level;
    int budget;
  } efforts[] = { { "none", NULL, 0 },          { "minimal", "MINIMAL", 1024 },
                  { "low", "LOW", 1024 },       { "medium", "MEDIUM", 8192 },
                  { "high", "HIGH", 24576 } };
  for (size_t i = 0; effort != NULL && i < sizeof(efforts) / sizeof(efforts[0]); i++) {
    if (strcmp(effort, efforts[i].effort) != 0)
      continue;
    uvllm__body_open(b, "thinkingConfig");
    if (i != 0)
      uvllm__body_bool(b, "includeThoughts", 1);
    if (i != 0 && !has_budget(model))
      uvllm__body_chars(b, "thinkingLevel", efforts[i].level);
    else if (uvllm__body_begins(b, "thinkingBudget"))
      uvllm_json_write_int(b->w, efforts[i].budget);
    uvllm__body_close(b);
  }
}


static int write_config(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_attempt_t* attempt) {
  const uvllm_request_t* r = attempt->request;
  uvllm__body_open(b, "generationConfig");
  uvllm__body_num(b, "temperature", r->temperature);
  uvllm__body_num(b, "topP", r->top_p);
  uvllm__body_count(b, "candidateCount", r->n);
  uvllm__body_count(b, "maxOutputTokens", r->max_tokens);
  uvllm__body_stop(b, "stopSequences", r->stop);
  uvllm__body_seed(b, "seed", r->seed);
  uvllm__body_num(b, "presencePenalty", r->presence_penalty);
  uvllm__body_num(b, "frequencyPenalty", r->frequency_penalty);
  const int err = write_schema(b, s, attempt);
  write_thinking(b, r->reasoning_effort, attempt->model);
  uvllm__body_close(b);
  return err;
}


/* ---- Bodies ---- */

static const char* tier_of(const char* tier) {
  if (tier == NULL || strcmp(tier, "auto") == 0)
    return NULL;
  return strcmp(tier, "default") == 0 ? "standard" : tier;
}


static int has_system(const uvllm_request_t* r) {
  for (size_t i = 0; i < r->nmessages; i++)
    if (r->messages[i].role == UVLLM_SYSTEM)
      return 1;
  return 0;
}


static int write_chat(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_attempt_t* attempt) {
  const uvllm_request_t* r = attempt->request;
  int is_strict = 0, err = 0;
  if (has_system(r) && uvllm__body_begins(b, "systemInstruction"))
    err = uvllm__gemini_system(b->w, s, r);
  if (err == 0 && uvllm__body_begins(b, "contents"))
    err = uvllm__gemini_contents(b->w, r, s->alloc);
  if (err == 0)
    err = write_tools(b, s, attempt, &is_strict);
  if (err == 0)
    err = write_choice(b, s, r, is_strict);
  if (err == 0)
    err = write_config(b, s, attempt);
  uvllm__body_chars(b, "serviceTier", tier_of(r->service_tier));
  return err;
}


/* Contents alone are counted without the rest; the other form has all of it. */
static int write_count(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_attempt_t* attempt) {
  const uvllm_request_t* r = attempt->request;
  if (!has_system(r) && r->tools_json.base == NULL && r->json_schema.base == NULL)
    return uvllm__body_begins(b, "contents") ? uvllm__gemini_contents(b->w, r, s->alloc) : 0;
  uvllm__body_open(b, "generateContentRequest");
  write_model(b, attempt->model);
  const int err = write_chat(b, s, attempt);
  uvllm__body_close(b);
  return err;
}


/* extra_json goes into each (taskType, title). */
static int write_input(const uvllm_attempt_t* attempt, uvllm_http_t* http, size_t i) {
  const uvllm_request_t* r = attempt->request;
  uvllm__body_t b;
  const int err = uvllm__body_begin(&b, r, http);
  if (err == 0) {
    write_model(&b, attempt->model);
    uvllm__body_open(&b, "content");
    if (uvllm__body_begins(&b, "parts")) {
      uvllm_json_begin_array(b.w);
      uvllm_json_begin_object(b.w);
      uvllm_json_name(b.w, "text");
      uvllm_json_write_str(b.w, r->messages[i].text);
      uvllm_json_end_object(b.w);
      uvllm_json_end_array(b.w);
    }
    uvllm__body_close(&b);
    uvllm__body_count(&b, "outputDimensionality", r->dimensions);
  }
  return uvllm__body_end(&b, err);
}


static int write_inputs(const uvllm__gemini_t* s, const uvllm_attempt_t* attempt,
                        uvllm_http_t* http) {
  uvllm_json_writer_t* w = uvllm_http_json(http);
  int err = 0;
  if (attempt->request->nmessages == 1)
    return write_input(attempt, http, 0);
  uvllm_json_begin_object(w);
  uvllm_json_name(w, "requests");
  uvllm_json_begin_array(w);
  for (size_t i = 0; err == 0 && i < s->ninputs; i++)
    err = write_input(attempt, http, s->first + i);
  uvllm_json_end_array(w);
  uvllm_json_end_object(w);
  return err;
}


/* A request that was checked by another dialect may be one that is none here. */
int uvllm__gemini_body(const uvllm__gemini_t* state, const uvllm_attempt_t* attempt,
                       uvllm_http_t* http) {
  uvllm__shape_t s;
  uvllm__body_t b;
  if (attempt->request->op == UVLLM_EMBED)
    return write_inputs(state, attempt, http);
  if (attempt->request->op == UVLLM_COMPLETION)
    return UVLLM_EUNSUPPORTED;
  uvllm__shape_init(&s, uvllm_http_alloc(http));
  int err = uvllm__body_begin(&b, attempt->request, http);
  if (err == 0)
    err = attempt->request->op == UVLLM_COUNT_TOKENS ? write_count(&b, &s, attempt)
                                                     : write_chat(&b, &s, attempt);
  err = uvllm__body_end(&b, err);
  uvllm__shape_free(&s);
  return err;
}
