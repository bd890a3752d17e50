/* The limits that the mock enforces, and the most it let pass in 60 s. Pure: time
 * is an argument, in nanoseconds.
 */
#ifndef UVLLM_SRC_MOCK_MOCK_LIMIT_H
#define UVLLM_SRC_MOCK_MOCK_LIMIT_H

#include "mem.h"

/* A bucket that holds one second of the rate, at least what is asked for, and is
 * refilled continuously. */
typedef struct uvllm__bucket_s {
  uint64_t per_min; /* 0: no limit */
  int64_t full_at;  /* when it is full again, in ns */
} uvllm__bucket_t;

void uvllm__bucket_init(uvllm__bucket_t* bucket, uint64_t per_min);
/* 0: n are there. Else in how many ns they will be. */
int64_t uvllm__bucket_wait(const uvllm__bucket_t* bucket, int64_t now, uint64_t n);
void uvllm__bucket_take(uvllm__bucket_t* bucket, int64_t now, uint64_t n);
/* What a provider tells: the limit a minute less what is not refilled yet. */
uint64_t uvllm__bucket_remaining(const uvllm__bucket_t* bucket, int64_t now);
int64_t uvllm__bucket_reset(const uvllm__bucket_t* bucket, int64_t now); /* ns until full */

/* Sums over the last 60 s. What comes within 1 ms is one entry and leaves with
 * its youngest, so the maximum is never below the truth. */
typedef struct uvllm__peak_entry_s {
  int64_t first, last;
  uint64_t requests, tokens;
} uvllm__peak_entry_t;

typedef struct uvllm__peak_s {
  const uvllm_alloc_t* alloc;
  uvllm__peak_entry_t* ring;
  size_t cap, head, len; /* cap: a power of two */
  uint64_t requests, tokens, max_requests, max_tokens;
} uvllm__peak_t;

void uvllm__peak_init(uvllm__peak_t* window, const uvllm_alloc_t* alloc);
void uvllm__peak_free(uvllm__peak_t* window);
/* 0 or UV_ENOMEM, and then nothing was counted. */
int uvllm__peak_add(uvllm__peak_t* window, int64_t now, uint64_t tokens);

#endif
