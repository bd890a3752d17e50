/* Errors in a dialect's words: its table says how it tells a reason. */
#include "mock/mock_int.h"

#include <stdio.h>


static const uvllm__mock_fault_t* find_reason(const uvllm__mock_dialect_t* dialect,
                                              uvllm__mock_reason reason) {
  for (size_t i = 0; i < dialect->nfaults; i++)
    if (dialect->faults[i].reason == reason)
      return &dialect->faults[i];
  return NULL;
}


/* What a dialect does not tell apart is told as something more general. */
static const uvllm__mock_fault_t* row_of(const uvllm__mock_dialect_t* dialect,
                                         uvllm__mock_reason reason) {
  static const uint8_t general[] = {
    [UVLLM__MOCK_E_NO_BODY] = UVLLM__MOCK_E_JSON, [UVLLM__MOCK_E_NO_KEY] = UVLLM__MOCK_E_KEY,
    [UVLLM__MOCK_E_RATE_TOKENS] = UVLLM__MOCK_E_RATE, [UVLLM__MOCK_E_BUSY] = UVLLM__MOCK_E_RATE,
    [UVLLM__MOCK_E_QUOTA] = UVLLM__MOCK_E_RATE,
    [UVLLM__MOCK_E_OVERLOADED] = UVLLM__MOCK_E_SERVER
  };
  const uvllm__mock_fault_t* row;
  while ((row = find_reason(dialect, reason)) == NULL && reason != UVLLM__MOCK_E_REQUEST)
    reason = reason < sizeof(general) ? general[reason] : UVLLM__MOCK_E_REQUEST;
  return row;
}


static void fill(uvllm__mock_error_t* error, const uvllm__mock_fault_t* row, const char* text,
                 const char* param, const char* detail) {
  size_t n = 0, most = sizeof(error->message) - 1;
  error->reason = row->reason;
  error->status = row->status;
  error->type = row->type;
  error->code = row->code;
  error->param = NULL;
  for (; *text != '\0' && n < most; text++) {
    const char* value = text[0] == '$' && text[1] == '1' ? param
                      : text[0] == '$' && text[1] == '2' ? detail : NULL;
    if (value == NULL) {
      error->message[n++] = *text;
      continue;
    }
    size_t len = strlen(value);
    len = len < most - n ? len : most - n;
    memcpy(error->message + n, value, len);
    n += len;
    text++;
  }
  error->message[n] = '\0';
}


static int fail(const uvllm__answer_t* answer, uvllm__mock_error_t* error,
                uvllm__mock_reason reason, const char* text, const char* param,
                const char* detail) {
  const uvllm__mock_fault_t* row = row_of(answer->dialect, reason);
  if (text == NULL)
    text = row->message != NULL ? row->message : "$2";
  fill(error, row, text, param != NULL ? param : "", detail != NULL ? detail : "");
  error->reason = reason;
  if (reason <= UVLLM__MOCK_E_VALUE)
    error->param = param;
  return -1;
}


int uvllm__mock_fail(const uvllm__answer_t* answer, uvllm__mock_error_t* error,
                     uvllm__mock_reason reason, const char* param, const char* detail) {
  return fail(answer, error, reason, NULL, param, detail);
}


int uvllm__mock_fail_text(const uvllm__answer_t* answer, uvllm__mock_error_t* error,
                          uvllm__mock_reason reason, const char* param, const char* text) {
  return fail(answer, error, reason, "$2", param, text);
}


/* ---- Errors that were asked for ---- */

static uvllm__mock_reason reason_of(const uvllm__answer_t* answer, int status) {
  switch (status) {
  case 401: return UVLLM__MOCK_E_KEY;
  case 403: return UVLLM__MOCK_E_FORBIDDEN;
  case 404: return UVLLM__MOCK_E_MODEL;
  case 429: return answer->ask.quota > 0 ? UVLLM__MOCK_E_QUOTA : UVLLM__MOCK_E_RATE;
  case 503: case 529: return UVLLM__MOCK_E_OVERLOADED;
  default: return status >= 500 ? UVLLM__MOCK_E_SERVER : UVLLM__MOCK_E_REQUEST;
  }
}


/* The reason's row with that status, else any with it, else the reason's. */
static const uvllm__mock_fault_t* row_with(const uvllm__mock_dialect_t* dialect,
                                           uvllm__mock_reason reason, int status, int* has) {
  const uvllm__mock_fault_t* any = NULL;
  *has = 1;
  for (size_t i = 0; i < dialect->nfaults; i++) {
    const uvllm__mock_fault_t* row = &dialect->faults[i];
    if (row->status != status)
      continue;
    if (row->reason == reason)
      return row;
    if (any == NULL)
      any = row;
  }
  *has = any != NULL;
  return any != NULL && status != 400 ? any : row_of(dialect, reason);
}


int uvllm__mock_error_of(const uvllm__answer_t* answer, int status, uvllm__mock_error_t* error) {
  static const char asked[] = "x-mock asked for this error.";
  uvllm__mock_reason reason = reason_of(answer, status);
  uvllm_str_t model = uvllm__buf_slice(&answer->model); /* with its quotes */
  char name[200] = "";
  int has;
  const uvllm__mock_fault_t* row = row_with(answer->dialect, reason, status, &has);
  if (reason == UVLLM__MOCK_E_MODEL && model.len > 2)
    snprintf(name, sizeof(name), "%.*s", (int) (model.len - 2), model.base + 1);
  if (reason == UVLLM__MOCK_E_KEY)
    snprintf(name, sizeof(name), "****");
  int own_words = row->message != NULL && row->reason == reason &&
                  (reason != UVLLM__MOCK_E_MODEL || name[0] != '\0');
  fill(error, row, own_words ? row->message : "$2", name, asked);
  error->reason = reason;
  error->status = status;
  return has;
}
