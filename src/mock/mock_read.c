/* What the dialects' readers share: each error names the member that is wrong. The
 * text of a prompt is hashed and counted on the way, and not kept.
 */
#include "mock/mock_int.h"

#include <stdio.h>
#include <strings.h>

enum { MODEL_BYTES = 256 };


void uvllm__mock_add_text(uvllm__answer_t* answer, uvllm_str_t text) {
  answer->prompt_bytes += text.len;
  answer->hash = uvllm__hash_bytes(answer->hash, text.base, text.len);
}


void uvllm__mock_add_other(uvllm__answer_t* answer, uvllm_json_t v) {
  uvllm_str_t raw = uvllm_json_raw(v);
  answer->hash = uvllm__hash_bytes(answer->hash, raw.base, raw.len);
}


void uvllm__mock_add_token_id(uvllm__answer_t* answer, int64_t id) {
  answer->prompt_bytes += 4;
  answer->hash = uvllm__hash_bytes(answer->hash, &id, sizeof(id));
}


int uvllm__mock_read_int(const uvllm__answer_t* answer, uvllm_json_t v, const char* name,
                         int64_t least, int64_t most, uint64_t otherwise, uint64_t* out,
                         uvllm__mock_error_t* error) {
  char expected[80];
  *out = otherwise;
  if (!uvllm__json_given(v))
    return 0;
  if (!uvllm__json_is(v, UVLLM_JSON_NUMBER))
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_TYPE, name, "an integer");
  int64_t n = uvllm_json_int(v, -1);
  if (n < least || n > most || (double) n != uvllm_json_num(v, 0.5)) {
    snprintf(expected, sizeof(expected), "an integer from %lld to %lld", (long long) least,
             (long long) most);
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_VALUE, name, expected);
  }
  *out = (uint64_t) n;
  return 0;
}


int uvllm__mock_read_flag(const uvllm__answer_t* answer, uvllm_json_t v, const char* name,
                          int otherwise, uint8_t* out, uvllm__mock_error_t* error) {
  *out = (uint8_t) otherwise;
  if (!uvllm__json_given(v))
    return 0;
  if (!uvllm__json_is(v, UVLLM_JSON_BOOL))
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_TYPE, name, "a boolean");
  *out = (uint8_t) uvllm_json_bool(v, otherwise);
  return 0;
}


int uvllm__mock_read_model(uvllm__answer_t* answer, uvllm_str_t name,
                           uvllm__mock_error_t* error) {
  if (name.len == 0)
    return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_TYPE, "model", "a string");
  if (name.len > MODEL_BYTES)
    return uvllm__mock_fail_text(answer, error, UVLLM__MOCK_E_VALUE, "model",
                                 "The model's name is too long.");
  uvllm__buf_clear(&answer->model);
  uvllm__mock_put_string(&answer->model, name.base, name.len);
  return 0;
}


/* ---- Keys ---- */

static int same_secret(const char* a, size_t alen, const char* b, size_t blen) {
  unsigned char differs = alen != blen;
  for (size_t i = 0; i < alen; i++) /* always as long as what was sent */
    differs |= (unsigned char) (a[i] ^ b[blen != 0 ? i % blen : 0]);
  return !differs;
}


uvllm__mock_key uvllm__mock_check(uvllm_str_t sent, const char* required, uvllm_str_t* shown) {
  *shown = sent;
  if (sent.base == NULL)
    return UVLLM__KEY_MISSING;
  return same_secret(sent.base, sent.len, required, strlen(required)) ? UVLLM__KEY_RIGHT
                                                                      : UVLLM__KEY_WRONG;
}


uvllm_str_t uvllm__mock_bearer(const uvllm__mock_request_t* request) {
  uvllm_str_t value = uvllm__http_in_header(request->in, "authorization");
  uvllm_str_t none = { NULL, 0 };
  if (value.len < 7 || strncasecmp(value.base, "bearer ", 7) != 0)
    return none;
  value.base += 7;
  value.len -= 7;
  return value;
}
