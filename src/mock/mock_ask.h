/* The words of an x-mock header; uvllm/mock.h says what they mean. Pure. */
#ifndef UVLLM_SRC_MOCK_MOCK_ASK_H
#define UVLLM_SRC_MOCK_MOCK_ASK_H

#include "mem.h"

/* -1: not asked for. */
typedef struct uvllm__ask_s {
  int64_t ttft, itl, tokens, tool, status, quota, retry_after, retry_after_ms, retry_after_date;
  int64_t should_retry, times, cut, reset, stall, error_event, malformed, bad_utf8, big, header;
  int64_t html, empty, no_done, no_finish, crlf, comments, eof, close, drip, split;
  int64_t reasoning, cached, filter, refusal, models;
} uvllm__ask_t;

void uvllm__ask_init(uvllm__ask_t* ask);
/* 0, or UVLLM__EINVAL and in `why` what is wrong, one sentence. */
int uvllm__ask_parse(uvllm__ask_t* ask, uvllm_str_t header, char* why, size_t why_size);

#endif
