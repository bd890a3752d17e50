/* Reads Gemini's requests as strictly as proto JSON is read there: a name that nobody
 * knows is an error. What models of its third generation demand is demanded: the
 * signature of a turn's first call.
 */
#include "mock/mock_gemini.h"
#include "mock/mock_int.h"

enum { MAX_CANDIDATES = 8 };


static int refuse(const uvllm__answer_t* answer, uvllm__mock_error_t* error, const char* text) {
  return uvllm__mock_fail_text(answer, error, UVLLM__MOCK_E_REQUEST, NULL, text);
}


static int check_names(const uvllm__answer_t* answer, uvllm_json_t object,
                       const char* const* known, size_t n, uvllm__mock_error_t* error) {
  char text[160];
  uint32_t it = 0;
  uvllm_str_t name;
  while (uvllm_json_next(object, &it, &name, NULL)) {
    size_t i = 0;
    while (i < n && !uvllm__str_eq(name, known[i]))
      i++;
    if (i < n)
      continue;
    snprintf(text, sizeof(text), "Invalid JSON payload received. Unknown name \"%.*s\": "
             "Cannot find field.", (int) (name.len < 60 ? name.len : 60), name.base);
    return refuse(answer, error, text);
  }
  return 0;
}


#define CHECK_NAMES(answer, object, known, error) \
  check_names(answer, object, known, sizeof(known) / sizeof((known)[0]), error)

/* ---- Contents ---- */

/* What a part is, by its one member; NULL: it is none. */
static const char* kind_of(uvllm_json_t part) {
  static const char* const kinds[] = { "text", "inlineData", "fileData", "functionCall",
                                       "functionResponse", "executableCode",
                                       "codeExecutionResult" };
  const char* kind = NULL;
  for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
    if (uvllm__json_given(uvllm_json_get(part, kinds[i]))) {
      if (kind != NULL)
        return NULL;
      kind = kinds[i];
    }
  return kind;
}


/* Of the members that a part of a kind needs, the one that is missing. */
static const char* lacks(uvllm_json_t part, const char* kind) {
  static const struct { const char *kind, *path; uvllm_json_type type; } needs[] = {
    { "text", "text", UVLLM_JSON_STRING },
    { "inlineData", "inlineData.mimeType", UVLLM_JSON_STRING },
    { "inlineData", "inlineData.data", UVLLM_JSON_STRING },
    { "fileData", "fileData.fileUri", UVLLM_JSON_STRING },
    { "functionCall", "functionCall.name", UVLLM_JSON_STRING },
    { "functionResponse", "functionResponse.name", UVLLM_JSON_STRING },
    { "functionResponse", "functionResponse.response", UVLLM_JSON_OBJECT }
  };
  for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
    if (strcmp(needs[i].kind, kind) == 0 &&
        !uvllm__json_is(uvllm_json_path(part, needs[i].path), needs[i].type))
      return needs[i].path;
  return NULL;
}


static int read_part(uvllm__answer_t* answer, uvllm_json_t part, uvllm__mock_error_t* error) {
  const char* kind = kind_of(part);
  if (kind == NULL)
    return refuse(answer, error, "contents.parts: a part must have exactly one initialized field.");
  const char* lacking = lacks(part, kind);
  if (lacking != NULL)
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MISSING, lacking, NULL);
  if (strcmp(kind, "text") == 0)
    uvllm__mock_add_text(answer, uvllm_json_str(uvllm_json_get(part, "text")));
  else
    uvllm__mock_add_other(answer, part);
  return 0;
}


int uvllm__mock_gemini_read_content(uvllm__answer_t* answer, uvllm_json_t content,
                                    const char* name, uvllm__mock_error_t* error) {
  uvllm_json_t parts = uvllm_json_get(content, "parts"), part;
  uvllm_json_t role = uvllm_json_get(content, "role");
  uint32_t it = 0;
  if (!uvllm__json_is(content, UVLLM_JSON_OBJECT))
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_TYPE, name, "an object");
  if (uvllm__json_given(role) && !uvllm__str_eq(uvllm_json_str(role), "user") &&
      !uvllm__str_eq(uvllm_json_str(role), "model") &&
      !uvllm__str_eq(uvllm_json_str(role), "function"))
    return refuse(answer, error, "Please use a valid role: user, model.");
  if (uvllm_json_count(parts) == 0 || !uvllm__json_is(parts, UVLLM_JSON_ARRAY))
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MISSING, "contents.parts", NULL);
  while (uvllm_json_next(parts, &it, NULL, &part))
    if (read_part(answer, part, error) != 0)
      return -1;
  return 0;
}


static uint32_t count_parts(uvllm_json_t content, const char* kind) {
  uvllm_json_t part;
  uint32_t it = 0, n = 0;
  while (uvllm_json_next(uvllm_json_get(content, "parts"), &it, NULL, &part))
    n += uvllm__json_given(uvllm_json_get(part, kind)) != 0;
  return n;
}


static int check_signature(const uvllm__answer_t* answer, uvllm_json_t content,
                           uvllm__mock_error_t* error) {
  uvllm_json_t part;
  uint32_t it = 0;
  while ((answer->flags & UVLLM__GEMINI_SIGNS) != 0 &&
         uvllm_json_next(uvllm_json_get(content, "parts"), &it, NULL, &part)) {
    if (!uvllm__json_given(uvllm_json_get(part, "functionCall")))
      continue;
    if (uvllm_json_str(uvllm_json_get(part, "thoughtSignature")).len != 0)
      return 0;
    return refuse(answer, error, "Function call is missing a thought_signature in functionCall "
                                 "parts. This is required for tools to work correctly.");
  }
  return 0;
}


int uvllm__mock_gemini_read_contents(uvllm__answer_t* answer, uvllm_json_t contents,
                                     uvllm__mock_error_t* error) {
  uvllm_json_t content;
  uint32_t it = 0, ncalls = 0;
  if (uvllm_json_count(contents) == 0 || !uvllm__json_is(contents, UVLLM_JSON_ARRAY))
    return refuse(answer, error, "GenerateContentRequest.contents: contents is not specified");
  while (uvllm_json_next(contents, &it, NULL, &content)) {
    if (uvllm__mock_gemini_read_content(answer, content, "contents", error) != 0 ||
        check_signature(answer, content, error) != 0)
      return -1;
    if (count_parts(content, "functionResponse") != ncalls)
      return refuse(answer, error, "Please ensure that the number of function response parts is "
                                   "equal to the number of function call parts of the function "
                                   "call turn.");
    ncalls = count_parts(content, "functionCall");
  }
  return 0;
}


int uvllm__mock_gemini_read_prompt(uvllm__answer_t* answer, uvllm_json_t root,
                                   uvllm__mock_error_t* error) {
  static const char* const known[] = { "model", "contents", "systemInstruction", "tools",
                                       "toolConfig", "safetySettings", "generationConfig",
                                       "cachedContent", "serviceTier", "labels", "store" };
  uvllm_json_t system = uvllm_json_get(root, "systemInstruction");
  if (CHECK_NAMES(answer, root, known, error) != 0 ||
      (uvllm__json_given(system) &&
       uvllm__mock_gemini_read_content(answer, system, "systemInstruction", error) != 0))
    return -1;
  if (uvllm__json_given(uvllm_json_get(root, "tools")))
    uvllm__mock_add_other(answer, uvllm_json_get(root, "tools"));
  return uvllm__mock_gemini_read_contents(answer, uvllm_json_get(root, "contents"), error);
}


/* ---- Tools and configuration ---- */

static uvllm_json_t declarations_of(uvllm_json_t tools) {
  uvllm_json_t tool, none = { NULL, 0 };
  uint32_t it = 0;
  while (uvllm_json_next(tools, &it, NULL, &tool)) {
    uvllm_json_t list = uvllm_json_get(tool, "functionDeclarations");
    if (uvllm__json_is(list, UVLLM_JSON_ARRAY))
      return list;
  }
  return none;
}


static int read_tools(uvllm__answer_t* answer, uvllm_json_t root, uvllm__mock_error_t* error) {
  uvllm_json_t config = uvllm_json_path(root, "toolConfig.functionCallingConfig");
  uvllm_json_t names = uvllm_json_get(config, "allowedFunctionNames");
  uvllm_str_t mode = uvllm_json_str(uvllm_json_get(config, "mode"));
  uvllm__mock_tools_t tools = { declarations_of(uvllm_json_get(root, "tools")), "name",
                                "parametersJsonSchema", { NULL, 0 }, 0 };
  if (uvllm__json_given(uvllm_json_get(uvllm_json_at(tools.list, 0), "parameters")))
    tools.schema = "parameters";
  tools.required = uvllm__str_eq(mode, "ANY");
  if (uvllm_json_count(names) != 0 && !tools.required && !uvllm__str_eq(mode, "VALIDATED"))
    return refuse(answer, error, "allowed_function_names should only be set when the function "
                                 "calling mode is ANY.");
  if (tools.required && uvllm_json_count(names) == 1)
    tools.named = uvllm_json_str(uvllm_json_at(names, 0));
  return uvllm__mock_answer_tools(answer, &tools, error);
}


static int read_format(uvllm__answer_t* answer, uvllm_json_t config, uvllm__mock_error_t* error) {
  uvllm_str_t type = uvllm_json_str(uvllm_json_get(config, "responseMimeType"));
  uvllm_json_t schema = uvllm_json_get(config, "responseJsonSchema");
  int is_json = uvllm__str_eq(type, "application/json");
  if (!uvllm__json_given(schema))
    schema = uvllm_json_get(config, "responseSchema");
  if (uvllm__json_given(schema) && !is_json)
    return refuse(answer, error, "Setting a response schema requires the response mime type "
                                 "application/json.");
  if (is_json && answer->ncalls == 0)
    uvllm__mock_answer_json(answer, schema, "{\"answer\":\"text\"}");
  return 0;
}


static int read_config(uvllm__answer_t* answer, uvllm_json_t config, uvllm__mock_error_t* error) {
  static const char* const known[] = {
    "temperature", "topP", "topK", "candidateCount", "maxOutputTokens", "stopSequences", "seed",
    "presencePenalty", "frequencyPenalty", "responseMimeType", "responseSchema",
    "responseJsonSchema", "responseLogprobs", "logprobs", "thinkingConfig", "responseModalities",
    "speechConfig", "mediaResolution", "imageConfig", "enableEnhancedCivicAnswers"
  };
  uint64_t n;
  if (uvllm__json_given(config) && !uvllm__json_is(config, UVLLM_JSON_OBJECT))
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_TYPE, "generationConfig", "an object");
  if (CHECK_NAMES(answer, config, known, error) != 0 ||
      uvllm__mock_read_int(answer, uvllm_json_get(config, "candidateCount"),
                           "generationConfig.candidateCount", 1, MAX_CANDIDATES, 1, &n,
                           error) != 0 ||
      uvllm__mock_read_int(answer, uvllm_json_get(config, "maxOutputTokens"),
                           "generationConfig.maxOutputTokens", 1, INT32_MAX, UINT64_MAX,
                           &answer->max_tokens, error) != 0)
    return -1;
  answer->nchoices = (uint32_t) n;
  answer->thinks =
      (uint8_t) uvllm_json_bool(uvllm_json_path(config, "thinkingConfig.includeThoughts"), 0);
  return read_format(answer, config, error);
}


/* A stream is one of events only if it is asked for by alt=sse. */
static void read_framing(uvllm__answer_t* answer, const uvllm__mock_request_t* request) {
  char alt[8];
  answer->stream = answer->variant == UVLLM__GEMINI_STREAM;
  answer->frame.crlf = 1;
  if (uvllm__path_query(request->query, "alt", alt, sizeof(alt)) < 0 || strcmp(alt, "sse") != 0)
    answer->frame.framing = UVLLM__FRAME_ARRAY;
}


int uvllm__mock_gemini_read_chat(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                                 uvllm__mock_error_t* error) {
  read_framing(answer, request);
  answer->flags = strncmp(request->param, "gemini-3", 8) == 0 ? UVLLM__GEMINI_SIGNS : 0;
  if (uvllm__mock_read_model(answer, uvllm__str(request->param), error) != 0 ||
      uvllm__mock_gemini_read_prompt(answer, request->root, error) != 0 ||
      read_tools(answer, request->root, error) != 0)
    return -1;
  return read_config(answer, uvllm_json_get(request->root, "generationConfig"), error);
}
