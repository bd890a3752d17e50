/* What else Hugging Face's servers answer: embeddings, the model, counts of tokens. */
#include "mock/mock_int.h"
#include "mock/mock_tgi.h"

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)

enum { DIMENSIONS = 384, MAX_INPUTS = 2048, TOKEN_BYTES = 4 };


/* ---- Embeddings ---- */

static int read_embed(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                      uvllm__mock_error_t* error) {
  uvllm_json_t inputs = uvllm_json_get(request->root, "inputs"), text = inputs;
  uint32_t it = 0;
  int is_right = uvllm__json_is(inputs, UVLLM_JSON_STRING);
  answer->dimensions = DIMENSIONS;
  answer->max_tokens = 0;
  answer->nprompts = (uint32_t) is_right;
  uvllm__mock_add_text(answer, uvllm_json_str(inputs));
  while (uvllm_json_next(inputs, &it, NULL, &text)) {
    is_right = uvllm__json_is(text, UVLLM_JSON_STRING) && ++answer->nprompts <= MAX_INPUTS;
    if (!is_right)
      break;
    uvllm__mock_add_text(answer, uvllm_json_str(text));
  }
  if (!is_right)
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_TYPE, "inputs", "a text or texts");
  return uvllm__mock_read_model(answer,
                                uvllm__str(request->param != NULL ? request->param : "tei"),
                                error);
}


static void put_embeddings(uvllm__answer_t* answer, uvllm__buf_t* out) {
  uvllm__buf_char(out, '[');
  for (uint32_t i = 0; i < answer->nprompts; i++) {
    if (i != 0)
      uvllm__buf_char(out, ',');
    uvllm__mock_put_vector(answer, i, out);
  }
  uvllm__buf_char(out, ']');
}


/* ---- The server ---- */

static int read_info(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                     uvllm__mock_error_t* error) {
  (void) request;
  (void) error;
  LIT(&answer->script, "{\"model_id\":\"mock/tgi\",\"model_sha\":null,\"model_pipeline_tag\":"
                       "\"text-generation\",\"max_concurrent_requests\":128,\"max_best_of\":2,"
                       "\"max_stop_sequences\":4,\"max_input_tokens\":4095,"
                       "\"max_total_tokens\":4096,\"router\":\"mock\",\"version\":\"3.3.0\"}");
  return 0;
}


static int read_health(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                       uvllm__mock_error_t* error) {
  (void) answer;
  (void) request;
  (void) error;
  return 0;
}


/* ---- Tokens ---- */

/* As many as a prompt costs; their texts do not matter. */
static void put_tokens(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  uvllm__buf_char(out, '[');
  for (uint64_t at = 0; at < answer->prompt_bytes; at += TOKEN_BYTES) {
    uint64_t stop = at + TOKEN_BYTES;
    uvllm__buf_str(out, at == 0 ? "{\"id\":" : ",{\"id\":");
    uvllm__buf_uint(out, at / TOKEN_BYTES);
    LIT(out, ",\"text\":\"\",\"start\":");
    uvllm__buf_uint(out, at);
    LIT(out, ",\"stop\":");
    uvllm__buf_uint(out, stop < answer->prompt_bytes ? stop : answer->prompt_bytes);
    uvllm__buf_char(out, '}');
  }
  uvllm__buf_char(out, ']');
}


static int read_tokenize(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                         uvllm__mock_error_t* error) {
  uvllm_json_t inputs = uvllm_json_get(request->root, "inputs");
  if (!uvllm__json_is(inputs, UVLLM_JSON_STRING))
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MISSING, "inputs", NULL);
  uvllm__mock_add_text(answer, uvllm_json_str(inputs));
  put_tokens(answer, &answer->script);
  return 0;
}


static void add_content(uvllm__answer_t* answer, uvllm_json_t content) {
  uvllm_json_t part;
  uint32_t it = 0;
  uvllm__mock_add_text(answer, uvllm_json_str(content));
  while (uvllm_json_next(content, &it, NULL, &part))
    uvllm__mock_add_text(answer, uvllm_json_str(uvllm_json_get(part, "text")));
}


static int read_chat_tokenize(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
                              uvllm__mock_error_t* error) {
  uvllm_json_t messages = uvllm_json_get(request->root, "messages"), message;
  uint32_t it = 0;
  if (!uvllm__json_is(messages, UVLLM_JSON_ARRAY))
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_MISSING, "messages", NULL);
  while (uvllm_json_next(messages, &it, NULL, &message))
    add_content(answer, uvllm_json_get(message, "content"));
  LIT(&answer->script, "{\"tokenize_response\":");
  put_tokens(answer, &answer->script);
  LIT(&answer->script, ",\"templated_text\":\"\"}");
  return 0;
}


const uvllm__mock_shape_t uvllm__mock_tgi_embed = { .read = read_embed,
                                                    .whole = put_embeddings };
const uvllm__mock_shape_t uvllm__mock_tgi_info = { .read = read_info };
const uvllm__mock_shape_t uvllm__mock_tgi_health = { .read = read_health };
const uvllm__mock_shape_t uvllm__mock_tgi_tokenize = { .read = read_tokenize };
const uvllm__mock_shape_t uvllm__mock_tgi_chat_tokenize = { .read = read_chat_tokenize };
