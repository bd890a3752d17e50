/* What the limits say to a request. All or nothing is taken, and nothing is given back
 * later. */
#include "mock/mock_int.h"

#include <stdio.h>


static uint64_t charge_of(const uvllm__answer_t* answer) {
  uint64_t prompt = (answer->prompt_bytes + 3) / 4;
  return prompt + (answer->max_tokens != UINT64_MAX ? answer->max_tokens
                                                    : answer->mock->options.ntokens);
}


static int refuse_inflight(uvllm__answer_t* answer, uvllm__mock_error_t* error) {
  char text[160];
  snprintf(text, sizeof(text), "Too many concurrent requests: at most %u are answered at once. "
           "Please try again in 1s.", answer->mock->options.max_inflight);
  answer->retry_ns = 1000000000;
  return uvllm__mock_fail(answer, error, UVLLM__MOCK_E_BUSY, NULL, text);
}


static int refuse_rate(uvllm__answer_t* answer, int64_t now, int64_t wait, uint64_t charge,
                       uvllm__mock_error_t* error) {
  uvllm_mock_t* mock = answer->mock;
  int by_tokens = (answer->refused & 2) != 0;
  const uvllm__bucket_t* bucket = by_tokens ? &mock->tokens : &mock->requests;
  uint64_t used = bucket->per_min - uvllm__bucket_remaining(bucket, now);
  char text[240];
  snprintf(text, sizeof(text),
           "Rate limit reached on %s per min (%s): Limit %llu, Used %llu, Requested %llu. Please "
           "try again in %.3fs.", by_tokens ? "tokens" : "requests", by_tokens ? "TPM" : "RPM",
           (unsigned long long) bucket->per_min, (unsigned long long) used,
           (unsigned long long) (by_tokens ? charge : 1), (double) wait / 1e9);
  answer->retry_ns = wait;
  return uvllm__mock_fail(answer, error, by_tokens ? UVLLM__MOCK_E_RATE_TOKENS
                                                   : UVLLM__MOCK_E_RATE, NULL, text);
}


int uvllm__mock_admit(uvllm__answer_t* answer, uvllm__mock_error_t* error) {
  uvllm_mock_t* mock = answer->mock;
  int64_t now = (int64_t) answer->began;
  uint64_t charge = charge_of(answer);
  if (mock->options.max_inflight != 0 && mock->inflight >= mock->options.max_inflight)
    return refuse_inflight(answer, error);
  int64_t wait_requests = uvllm__bucket_wait(&mock->requests, now, 1);
  int64_t wait_tokens = uvllm__bucket_wait(&mock->tokens, now, charge);
  if (wait_requests > 0 || wait_tokens > 0) {
    answer->refused = (uint8_t) ((wait_requests > 0) | (wait_tokens > 0) << 1);
    return refuse_rate(answer, now, wait_requests > wait_tokens ? wait_requests : wait_tokens,
                       charge, error);
  }
  if (uvllm__peak_add(&mock->window, now, charge) != 0)
    return uvllm__mock_fail_text(answer, error, UVLLM__MOCK_E_OVERLOADED, NULL, "Out of memory.");
  uvllm__bucket_take(&mock->requests, now, 1);
  uvllm__bucket_take(&mock->tokens, now, charge);
  answer->admitted = 1;
  mock->stats.input_tokens += (answer->prompt_bytes + 3) / 4;
  if (++mock->inflight > mock->stats.max_inflight)
    mock->stats.max_inflight = mock->inflight;
  return 0;
}
