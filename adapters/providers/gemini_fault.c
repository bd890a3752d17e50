/* Errors: what google.rpc's details say beyond status and words. How long to wait
 * stands there or in the message, and nowhere else; a quota of a day is spent, not a
 * rate; a bad key is a 400.
 */
#include "gemini.h"
#include "http_text.h"

#include <stdio.h>

typedef struct details_s {
  int has_wait, is_daily, is_minute, is_bad_key;
  uint64_t wait_ms;
} details_t;


static int contains(uvllm_str_t s, const char* word) {
  const size_t n = strlen(word);
  for (size_t at = 0; s.base != NULL && at + n <= s.len; at++)
    if (memcmp(s.base + at, word, n) == 0)
      return 1;
  return 0;
}


static void read_violations(details_t* d, uvllm_json_t violations) {
  uvllm_json_t violation;
  uint32_t it = 0;
  if (uvllm_json_type_of(violations) != UVLLM_JSON_ARRAY)
    return;
  while (uvllm_json_next(violations, &it, NULL, &violation)) {
    const uvllm_str_t id = uvllm_json_str(uvllm_json_get(violation, "quotaId"));
    d->is_daily |= contains(id, "PerDay") || contains(id, "Daily");
    d->is_minute |= contains(id, "PerMinute");
  }
}


static void read_wait(details_t* d, uvllm_str_t duration) {
  if (duration.base != NULL && uvllm__parse_duration(duration, &d->wait_ms) == 0)
    d->has_wait = 1;
}


static void read_detail(details_t* d, uvllm_json_t detail) {
  const uvllm_str_t reason = uvllm_json_str(uvllm_json_get(detail, "reason"));
  read_violations(d, uvllm_json_get(detail, "violations"));
  read_wait(d, uvllm_json_str(uvllm_json_get(detail, "retryDelay")));
  d->is_bad_key |= uvllm__str_eq(reason, "API_KEY_INVALID");
}


/* "... Please retry in 34.07s." */
static void read_message(details_t* d, uvllm_str_t message) {
  static const char words[] = "Please retry in ";
  const size_t n = sizeof(words) - 1;
  for (size_t at = 0; !d->has_wait && message.base != NULL && at + n < message.len; at++) {
    if (memcmp(message.base + at, words, n) != 0)
      continue;
    uvllm_str_t rest = { message.base + at + n, 0 };
    while (at + n + rest.len < message.len && rest.base[rest.len] != ' ')
      rest.len++;
    while (rest.len != 0 && (rest.base[rest.len - 1] == '.' || rest.base[rest.len - 1] == ','))
      rest.len--;
    read_wait(d, rest);
  }
}


static void read_details(details_t* d, uvllm_json_t root) {
  const uvllm_json_t object = uvllm_json_type_of(root) == UVLLM_JSON_ARRAY
                                  ? uvllm_json_at(root, 0) : root;
  const uvllm_json_t error = uvllm_json_get(object, "error");
  const uvllm_json_t details = uvllm_json_get(error, "details");
  uvllm_json_t detail;
  uint32_t it = 0;
  memset(d, 0, sizeof(*d));
  if (uvllm_json_type_of(details) == UVLLM_JSON_ARRAY)
    while (uvllm_json_next(details, &it, NULL, &detail))
      read_detail(d, detail);
  read_message(d, uvllm_json_str(uvllm_json_get(error, "message")));
  if (!d->has_wait && d->is_minute) {
    d->has_wait = 1;
    d->wait_ms = 60 * 1000;
  }
}


static int apply(const details_t* d, int err, uvllm_emit_t* emit) {
  if (d->is_bad_key)
    return UVLLM_EAUTH;
  if (err == UVLLM_ERATELIMIT && d->is_daily)
    return UVLLM_EQUOTA;
  if (d->has_wait)
    uvllm_emit_retry_after(emit, d->wait_ms);
  return err;
}


int uvllm__gemini_error(const uvllm__headers_t* h, int http_status, uvllm_str_t body,
                        uvllm_emit_t* emit) {
  details_t d = { 0 };
  uvllm_json_t root;
  if (uvllm_json_parse(uvllm_emit_parser(emit), body, &root, NULL) == 0)
    read_details(&d, root);
  return apply(&d, uvllm__fault_error(h, http_status, body, emit), emit);
}


int uvllm__gemini_fault(const uvllm__headers_t* h, uvllm_json_t root, uvllm_emit_t* emit) {
  details_t d;
  read_details(&d, root);
  return apply(&d, uvllm__fault_inside(h, root, emit), emit);
}
