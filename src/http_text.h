/* Times as servers write them in headers: Retry-After in all its forms, Go
 * durations, RFC 3339, HTTP dates. Pure: the wall clock is an argument.
 *
 * All return 0, or UV_EINVAL and leave their result alone. No wait is longer
 * than UVLLM__WAIT_MAX_MS (31 years), so that callers may count it in
 * nanoseconds.
 */
#ifndef UVLLM_SRC_HTTP_TEXT_H
#define UVLLM_SRC_HTTP_TEXT_H

#include "mem.h"

#define UVLLM__WAIT_MAX_MS UINT64_C(1000000000000)

/* Retry-After: seconds, also with decimals (rounded up to a millisecond), or an
 * HTTP date; one in the past is 0. */
int uvllm__parse_retry_after(uvllm_str_t text, uint64_t unix_ms, uint64_t* wait_ms);
/* Retry-After-Ms: milliseconds, also with decimals (rounded up). */
int uvllm__parse_retry_after_ms(uvllm_str_t text, uint64_t* wait_ms);

/* X-RateLimit-Reset-*: a duration ("6m0s", "88ms", "1h2m3.5s"), plain seconds,
 * a Unix time in seconds or milliseconds, an RFC 3339 time or an HTTP date.
 * *wait_ms: from now; 0 for the past, -1 for "-1": not known. */
int uvllm__parse_reset(uvllm_str_t text, uint64_t unix_ms, int64_t* wait_ms);

/* Go's time.Duration, without a sign; "0" needs no unit. */
int uvllm__parse_duration(uvllm_str_t text, uint64_t* ms);
/* RFC 3339 5.6: "2026-11-21T08:49:37.5+01:00". Fractions below 1 ms are cut. */
int uvllm__parse_rfc3339(uvllm_str_t text, int64_t* unix_ms);
/* The three forms of RFC 9110 5.6.7. The year of the obsolete form of RFC 850
 * is the one less than 50 years in the future, hence unix_ms. */
int uvllm__parse_http_date(uvllm_str_t text, uint64_t unix_ms, int64_t* date_ms);

#endif
