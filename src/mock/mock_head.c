/* Response heads: what every answer has, what the limits tell, and what x-mock
 * asked for. */
#include "mock/mock_int.h"

#include <time.h>

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)

static const int64_t MS = 1000000;


static void put_field(uvllm__buf_t* out, const char* name, uint64_t n) {
  uvllm__buf_str(out, name);
  uvllm__buf_uint(out, n);
  LIT(out, "\r\n");
}


static void put_time(uvllm__buf_t* out, time_t when) {
  static const char days[] = "SunMonTueWedThuFriSat";
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  struct tm tm;
  char text[48];
  gmtime_r(&when, &tm); /* the names must not follow the locale */
  snprintf(text, sizeof(text), "%.3s, %02d %.3s %d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday,
           tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
           tm.tm_sec);
  uvllm__buf_str(out, text);
}


/* As Go prints a duration: 12ms, 1.5s, 6m0s; rounded up to milliseconds. */
static void put_duration(uvllm__buf_t* out, int64_t ns) {
  uint64_t ms = (uint64_t) ((ns + MS - 1) / MS);
  uint64_t seconds = ms / 1000, fraction = ms % 1000;
  if (ms < 1000) {
    uvllm__buf_uint(out, ms);
    uvllm__buf_str(out, ms != 0 ? "ms" : "s");
    return;
  }
  if (seconds >= 3600) {
    uvllm__buf_uint(out, seconds / 3600);
    uvllm__buf_char(out, 'h');
  }
  if (seconds >= 60) {
    uvllm__buf_uint(out, seconds / 60 % 60);
    uvllm__buf_char(out, 'm');
  }
  uvllm__buf_uint(out, seconds % 60);
  for (uint64_t unit = 100; fraction != 0; fraction %= unit, unit /= 10) {
    if (unit == 100)
      uvllm__buf_char(out, '.');
    uvllm__buf_char(out, (char) ('0' + fraction / unit));
  }
  uvllm__buf_char(out, 's');
}


static void put_limit(uvllm__buf_t* out, const uvllm__bucket_t* bucket, int64_t now,
                      const char* what, int refused) {
  if (bucket->per_min == 0)
    return;
  LIT(out, "x-ratelimit-limit-");
  uvllm__buf_str(out, what);
  put_field(out, ": ", bucket->per_min);
  LIT(out, "x-ratelimit-remaining-");
  uvllm__buf_str(out, what);
  put_field(out, ": ", refused ? 0 : uvllm__bucket_remaining(bucket, now));
  LIT(out, "x-ratelimit-reset-");
  uvllm__buf_str(out, what);
  LIT(out, ": ");
  put_duration(out, uvllm__bucket_reset(bucket, now));
  LIT(out, "\r\n");
}


static void put_asked(uvllm__buf_t* out, const uvllm__ask_t* ask) {
  if (ask->retry_after >= 0)
    put_field(out, "retry-after: ", (uint64_t) ask->retry_after);
  if (ask->retry_after_ms >= 0)
    put_field(out, "retry-after-ms: ", (uint64_t) ask->retry_after_ms);
  if (ask->retry_after_date >= 0) {
    LIT(out, "retry-after: ");
    put_time(out, time(NULL) + (time_t) ask->retry_after_date);
    LIT(out, "\r\n");
  }
  if (ask->should_retry >= 0)
    uvllm__buf_str(out, ask->should_retry ? "x-should-retry: true\r\n"
                                          : "x-should-retry: false\r\n");
  if (ask->header >= 0) {
    LIT(out, "x-filler: ");
    if (uvllm__buf_reserve(out, (size_t) ask->header) == 0) {
      memset(out->base + out->len, 'x', (size_t) ask->header);
      out->len += (size_t) ask->header;
    }
    LIT(out, "\r\n");
  }
}


/* Whole seconds, at least 1, and exact milliseconds. */
static void put_retry(uvllm__buf_t* out, int64_t ns) {
  uint64_t ms = (uint64_t) ((ns + MS - 1) / MS);
  put_field(out, "retry-after: ", ms > 1000 ? (ms + 999) / 1000 : 1);
  put_field(out, "retry-after-ms: ", ms);
}


static void put_date(uvllm_mock_t* mock) {
  time_t now = time(NULL);
  if (now != mock->date_second) {
    mock->date_second = now;
    uvllm__buf_clear(&mock->date);
    LIT(&mock->date, "date: ");
    put_time(&mock->date, now);
    LIT(&mock->date, "\r\n");
  }
  uvllm__buf_append(&mock->out, mock->date.base, mock->date.len);
}


static void put_status(uvllm__buf_t* out, int status) {
  if (status == 200) {
    LIT(out, "HTTP/1.1 200 OK\r\n");
    return;
  }
  LIT(out, "HTTP/1.1 ");
  uvllm__buf_uint(out, (uint64_t) status);
  uvllm__buf_char(out, ' ');
  uvllm__buf_str(out, uvllm__http_reason(status));
  LIT(out, "\r\n");
}


static void put_length(uvllm__buf_t* out, int status, int64_t length) {
  if (status == 304)
    return;
  if (length >= 0)
    put_field(out, "content-length: ", (uint64_t) length);
  else if (length == UVLLM__LENGTH_CHUNKED)
    LIT(out, "transfer-encoding: chunked\r\n");
}


void uvllm__mock_head(uvllm_mock_t* mock, const uvllm__answer_t* answer, int status,
                      const char* type, int64_t length, int keep_alive) {
  uvllm__buf_t* out = &mock->out;
  uint64_t id = mock->nrequest_ids++;
  int64_t now = (int64_t) uv_hrtime();
  put_status(out, status);
  put_date(mock);
  LIT(out, "content-type: ");
  uvllm__buf_str(out, type);
  LIT(out, "\r\n");
  put_length(out, status, length);
  LIT(out, "x-request-id: req_");
  uvllm__buf_hex(out, uvllm__mix(mock->options.seed ^ id));
  uvllm__buf_hex(out, uvllm__mix(~mock->options.seed ^ id));
  LIT(out, "\r\nopenai-version: 2020-10-01\r\nopenai-processing-ms: ");
  uvllm__buf_uint(out, answer != NULL ? (uint64_t) (now - (int64_t) answer->began) / 1000000 : 0);
  LIT(out, "\r\n");
  if (answer != NULL) {
    put_limit(out, &mock->requests, now, "requests", answer->refused & 1);
    put_limit(out, &mock->tokens, now, "tokens", answer->refused & 2);
    if (answer->retry_ns > 0)
      put_retry(out, answer->retry_ns);
    put_asked(out, &answer->ask);
  }
  if (status == 405)
    LIT(out, "allow: GET, POST\r\n");
  if (status >= 300 && status < 400)
    LIT(out, "location: /v1/models\r\n");
  if (!keep_alive)
    LIT(out, "connection: close\r\n");
  LIT(out, "\r\n");
}
