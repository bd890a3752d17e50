/* Response heads: what every answer has, what its dialect adds, and what x-mock asked
 * for. */
#include "mock/mock_int.h"

#include <time.h>

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)

static const int64_t MS = 1000000;


void uvllm__mock_put_field(uvllm__buf_t* out, const char* name, uint64_t n) {
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


void uvllm__mock_put_duration(uvllm__buf_t* out, int64_t ns) {
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


static void put_asked(uvllm__buf_t* out, const uvllm__ask_t* ask) {
  if (ask->retry_after >= 0)
    uvllm__mock_put_field(out, "retry-after: ", (uint64_t) ask->retry_after);
  if (ask->retry_after_ms >= 0)
    uvllm__mock_put_field(out, "retry-after-ms: ", (uint64_t) ask->retry_after_ms);
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


void uvllm__mock_put_retry(uvllm__buf_t* out, int64_t ns) {
  int64_t seconds = (ns + 1000 * MS - 1) / (1000 * MS);
  uvllm__mock_put_field(out, "retry-after: ", seconds > 1 ? (uint64_t) seconds : 1);
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
    uvllm__mock_put_field(out, "content-length: ", (uint64_t) length);
  else if (length == UVLLM__LENGTH_CHUNKED)
    LIT(out, "transfer-encoding: chunked\r\n");
}


/* A limit that refused has nothing left, whatever its bucket still holds. */
static void set_limit(uvllm__mock_limit_t* limit, const uvllm__bucket_t* bucket, int64_t now,
                      int refused) {
  memset(limit, 0, sizeof(*limit));
  if (bucket->per_min == 0)
    return;
  limit->limit = bucket->per_min;
  limit->remaining = refused ? 0 : uvllm__bucket_remaining(bucket, now);
  limit->reset = uvllm__bucket_reset(bucket, now);
}


static void put_dialect(uvllm_mock_t* mock, const uvllm__answer_t* answer,
                        const uvllm__mock_error_t* error) {
  const uvllm__mock_dialect_t* dialect = answer != NULL ? answer->dialect : &uvllm__mock_openai;
  uvllm__mock_head_t head;
  uint64_t id = mock->nrequest_ids++;
  int64_t now = (int64_t) uv_hrtime();
  head.answer = answer;
  head.error = error;
  head.id[0] = uvllm__mix(mock->options.seed ^ id);
  head.id[1] = uvllm__mix(~mock->options.seed ^ id);
  head.took_ms = answer != NULL ? (now - (int64_t) answer->began) / MS : 0;
  head.requests.limit = head.tokens.limit = 0;
  head.retry_ns = answer != NULL ? answer->retry_ns : 0;
  if (answer != NULL) {
    set_limit(&head.requests, &mock->requests, now, answer->refused & 1);
    set_limit(&head.tokens, &mock->tokens, now, answer->refused & 2);
  }
  dialect->put_head(&head, &mock->out);
}


void uvllm__mock_head(uvllm_mock_t* mock, const uvllm__answer_t* answer,
                      const uvllm__mock_error_t* error, int status, const char* type,
                      int64_t length, int keep_alive) {
  uvllm__buf_t* out = &mock->out;
  put_status(out, status);
  put_date(mock);
  LIT(out, "content-type: ");
  uvllm__buf_str(out, type);
  LIT(out, "\r\n");
  put_length(out, status, length);
  put_dialect(mock, answer, error);
  if (answer != NULL)
    put_asked(out, &answer->ask);
  if (status == 405)
    LIT(out, "allow: GET, POST\r\n");
  if (status >= 300 && status < 400)
    LIT(out, "location: /v1/models\r\n");
  if (!keep_alive)
    LIT(out, "connection: close\r\n");
  LIT(out, "\r\n");
}
