/* From a request to an answer: who may ask, what is asked, what the limits say.
 *
 * A request becomes an answer at once, also where it is refused, so that all of
 * them are counted and logged in one place.
 */
#include "mock/mock_int.h"

#include <stdio.h>
#include <strings.h>

typedef struct route_s {
  const char* path;
  uvllm__mock_kind kind;
} route_t;

static const route_t posts[] = {
  { "/v1/chat/completions", UVLLM__MOCK_CHAT },
  { "/v1/completions", UVLLM__MOCK_COMPLETION },
  { "/v1/embeddings", UVLLM__MOCK_EMBED }
};


/* ---- Errors ---- */

static void set_error(uvllm__mock_error_t* error, int status, const char* type,
                      const char* code) {
  memset(error, 0, sizeof(*error));
  error->status = status;
  error->type = type;
  error->code = code;
}


void uvllm__mock_on_refuse(uvllm__server_t* server, uvllm__buf_t* body, int status,
                           const char* text) {
  uvllm__mock_error_t error;
  uvllm__mock_count(uvllm__server_data(server), status);
  set_error(&error, status, "invalid_request_error", NULL);
  snprintf(error.message, sizeof(error.message), "%s", text);
  uvllm__mock_openai_error(body, &error);
}


/* ---- Who may ask ---- */

static int same_secret(const char* a, size_t alen, const char* b, size_t blen) {
  unsigned char differs = alen != blen;
  for (size_t i = 0; i < alen; i++) /* always as long as what was sent */
    differs |= (unsigned char) (a[i] ^ b[blen != 0 ? i % blen : 0]);
  return !differs;
}


static int check_key(uvllm_mock_t* mock, const uvllm__http_in_t* in, uvllm__mock_error_t* error) {
  uvllm_str_t value = uvllm__http_in_header(in, "authorization");
  if (mock->require_key == NULL)
    return 0;
  set_error(error, 401, "invalid_request_error", NULL);
  if (value.len < 7 || strncasecmp(value.base, "bearer ", 7) != 0) {
    snprintf(error->message, sizeof(error->message),
             "You didn't provide an API key. You need to provide your API key in an "
             "Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).");
    return -1;
  }
  uvllm_str_t key = { value.base + 7, value.len - 7 };
  if (same_secret(key.base, key.len, mock->require_key, strlen(mock->require_key)))
    return 0;
  error->code = "invalid_api_key";
  int shown = key.len >= 12 ? 2 : 0;
  snprintf(error->message, sizeof(error->message),
           "Incorrect API key provided: %.*s****%.*s. You can find your API key in your settings.",
           shown, key.base, shown, key.base + key.len - (size_t) shown);
  return -1;
}


/* ---- Limits ---- */

static uint64_t charge_of(const uvllm__answer_t* answer) {
  uint64_t prompt = (answer->prompt_bytes + 3) / 4;
  return prompt + (answer->max_tokens != UINT64_MAX ? answer->max_tokens
                                                    : answer->mock->options.ntokens);
}


static int refuse_inflight(uvllm__answer_t* answer, uvllm__mock_error_t* error) {
  set_error(error, 429, "requests", "rate_limit_exceeded");
  snprintf(error->message, sizeof(error->message),
           "Too many concurrent requests: at most %u are answered at once. Please try again "
           "in 1s.", answer->mock->options.max_inflight);
  answer->retry_ns = 1000000000;
  return -1;
}


static int refuse_rate(uvllm__answer_t* answer, int64_t now, int64_t wait, uint64_t charge,
                       uvllm__mock_error_t* error) {
  uvllm_mock_t* mock = answer->mock;
  int by_tokens = (answer->refused & 2) != 0;
  const uvllm__bucket_t* bucket = by_tokens ? &mock->tokens : &mock->requests;
  uint64_t used = bucket->per_min - uvllm__bucket_remaining(bucket, now);
  set_error(error, 429, by_tokens ? "tokens" : "requests", "rate_limit_exceeded");
  snprintf(error->message, sizeof(error->message),
           "Rate limit reached on %s per min (%s): Limit %llu, Used %llu, Requested %llu. Please "
           "try again in %.3fs.", by_tokens ? "tokens" : "requests", by_tokens ? "TPM" : "RPM",
           (unsigned long long) bucket->per_min, (unsigned long long) used,
           (unsigned long long) (by_tokens ? charge : 1), (double) wait / 1e9);
  answer->retry_ns = wait;
  return -1;
}


/* All or nothing; nothing is given back later. */
static int admit(uvllm__answer_t* answer, uvllm__mock_error_t* error) {
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
  if (uvllm__peak_add(&mock->window, now, charge) != 0) {
    set_error(error, 503, "service_unavailable_error", "server_is_overloaded");
    snprintf(error->message, sizeof(error->message), "Out of memory.");
    return -1;
  }
  uvllm__bucket_take(&mock->requests, now, 1);
  uvllm__bucket_take(&mock->tokens, now, charge);
  answer->admitted = 1;
  mock->stats.input_tokens += (answer->prompt_bytes + 3) / 4;
  if (++mock->inflight > mock->stats.max_inflight)
    mock->stats.max_inflight = mock->inflight;
  return 0;
}


/* ---- Routes ---- */

static int read_ask(uvllm__answer_t* answer, uvllm_str_t words, uvllm__mock_error_t* error) {
  set_error(error, 400, "invalid_request_error", "invalid_value");
  if (words.base == NULL ||
      uvllm__ask_parse(&answer->ask, words, error->message, sizeof(error->message)) == 0)
    return 0;
  uvllm__ask_init(&answer->ask);
  return -1;
}


static int read_post(uvllm__answer_t* answer, const uvllm__http_in_t* in,
                     uvllm__mock_error_t* error) {
  uvllm_str_t words = uvllm__http_in_header(in, "x-mock");
  uvllm_str_t body = uvllm__http_in_body(in);
  if (read_ask(answer, words, error) != 0)
    return -1;
  if (uvllm__mock_openai_read(answer, body, error) != 0)
    return -1;
  if (answer->ask.times > 0) {
    uint64_t key = uvllm__hash_bytes(answer->hash, words.base, words.len);
    if (uvllm__mock_seen(answer->mock, key) >= (uint64_t) answer->ask.times) {
      uvllm__answer_forget(answer);
      uvllm__ask_init(&answer->ask);
      return uvllm__mock_openai_read(answer, body, error);
    }
  }
  return 0;
}


static int has_prefix(uvllm_str_t s, const char* prefix, uvllm_str_t* rest) {
  size_t n = strlen(prefix);
  if (s.len < n || memcmp(s.base, prefix, n) != 0)
    return 0;
  rest->base = s.base + n;
  rest->len = s.len - n;
  return 1;
}


static int read_get(uvllm__answer_t* answer, const uvllm__http_in_t* in, uvllm_str_t path,
                    uvllm__mock_error_t* error) {
  uvllm_str_t id = { NULL, 0 }, none = { NULL, 0 };
  answer->kind = UVLLM__MOCK_GET;
  answer->max_tokens = 0;
  if (!uvllm__str_eq(path, "/v1/models"))
    has_prefix(path, "/v1/models/", &id);
  if (read_ask(answer, uvllm__http_in_header(in, "x-mock"), error) != 0)
    return -1;
  if (uvllm__mock_openai_models(id.base != NULL ? id : none, &answer->script) == 0)
    return 0;
  set_error(error, 404, "invalid_request_error", "model_not_found");
  error->param = "model";
  snprintf(error->message, sizeof(error->message), "The model '%.*s' does not exist",
           (int) (id.len < 200 ? id.len : 200), id.base);
  return -1;
}


static int wrong_method(const uvllm__http_in_t* in, uvllm_str_t path,
                        uvllm__mock_error_t* error) {
  set_error(error, 405, "invalid_request_error", "method_not_supported");
  snprintf(error->message, sizeof(error->message), "Not allowed to %s on %.*s",
           llhttp_method_name((llhttp_method_t) uvllm__http_in_method(in)),
           (int) (path.len < 200 ? path.len : 200), path.base);
  return -1;
}


static int read_request(uvllm__answer_t* answer, const uvllm__http_in_t* in, uvllm_str_t path,
                        uvllm__mock_error_t* error) {
  unsigned int method = uvllm__http_in_method(in);
  uvllm_str_t rest;
  for (size_t i = 0; i < sizeof(posts) / sizeof(posts[0]); i++) {
    if (!uvllm__str_eq(path, posts[i].path))
      continue;
    if (method != HTTP_POST)
      return wrong_method(in, path, error);
    answer->kind = (uint8_t) posts[i].kind;
    return read_post(answer, in, error) != 0 ? -1 : admit(answer, error);
  }
  if (uvllm__str_eq(path, "/v1/models") || has_prefix(path, "/v1/models/", &rest))
    return method != HTTP_GET ? wrong_method(in, path, error) : read_get(answer, in, path, error);
  set_error(error, 404, "invalid_request_error", NULL);
  snprintf(error->message, sizeof(error->message), "Invalid URL (%s %.*s)",
           llhttp_method_name((llhttp_method_t) method), (int) (path.len < 200 ? path.len : 200),
           path.base);
  return -1;
}


/* ---- The mock's own pages ---- */

static void send_plain(uvllm_mock_t* mock, uvllm__conn_t* conn, int status) {
  int keep_alive = mock->event.err == 0;
  uvllm__mock_head(mock, NULL, status, "application/json", (int64_t) mock->event.len,
                   keep_alive);
  if (uvllm__http_in_method(uvllm__conn_in(conn)) != HTTP_HEAD)
    uvllm__buf_append(&mock->out, mock->event.base, mock->event.len);
  if (mock->out.err == 0)
    uvllm__conn_write(conn, mock->out.base, mock->out.len);
  keep_alive &= mock->out.err == 0;
  uvllm__buf_clear(&mock->out);
  uvllm__conn_end(conn, keep_alive);
}


static void write_stats(uvllm_mock_t* mock, uvllm__buf_t* out) {
  uvllm_mock_stats_t s;
  uvllm_json_writer_t w;
  uvllm_mock_stats(mock, &s);
  const struct { const char* name; uint64_t value; } fields[] = {
    { "requests", s.requests }, { "streams", s.streams }, { "answers_429", s.answers_429 },
    { "answers_4xx", s.answers_4xx }, { "answers_5xx", s.answers_5xx },
    { "max_inflight", s.max_inflight }, { "max_admitted_60s", s.max_admitted_60s },
    { "max_admitted_tokens_60s", s.max_admitted_tokens_60s },
    { "input_tokens", s.input_tokens }, { "output_tokens", s.output_tokens },
    { "cancelled", s.cancelled }, { "connections", s.connections },
    { "open_connections", s.open_connections }, { "open_streams", s.open_streams },
    { "events", s.events }, { "lag_p99_us", s.lag_p99_us }
  };
  uvllm__json_writer_init(&w, out);
  uvllm_json_begin_object(&w);
  for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
    uvllm_json_name(&w, fields[i].name);
    uvllm_json_write_int(&w, (int64_t) fields[i].value);
  }
  uvllm_json_end_object(&w);
}


static void on_own_page(uvllm_mock_t* mock, uvllm__conn_t* conn, uvllm_str_t path) {
  const uvllm__http_in_t* in = uvllm__conn_in(conn);
  uvllm__mock_error_t error;
  int status = 200;
  uvllm__buf_clear(&mock->event);
  if (uvllm__str_eq(path, "/mock/stats") && uvllm__http_in_method(in) == HTTP_GET) {
    write_stats(mock, &mock->event);
  } else {
    status = 404;
    set_error(&error, status, "invalid_request_error", NULL);
    snprintf(error.message, sizeof(error.message), "There is only GET /mock/stats.");
    uvllm__mock_openai_error(&mock->event, &error);
  }
  send_plain(mock, conn, status);
}


void uvllm__mock_on_request(uvllm__conn_t* conn) {
  uvllm_mock_t* mock = uvllm__server_data(uvllm__conn_server(conn));
  const uvllm__http_in_t* in = uvllm__conn_in(conn);
  uvllm_str_t path = uvllm__http_in_target(in), rest;
  uvllm__mock_error_t error;
  const char* query = memchr(path.base, '?', path.len);
  if (query != NULL)
    path.len = (size_t) (query - path.base);
  if (has_prefix(path, "/mock/", &rest)) {
    uvllm__conn_set_data(conn, NULL);
    on_own_page(mock, conn, path);
    return;
  }
  mock->stats.requests++;
  uvllm__answer_t* answer = uvllm__answer_new(mock, conn);
  if (answer == NULL) {
    uvllm__conn_set_data(conn, NULL);
    uvllm__mock_count(mock, 503);
    uvllm__buf_clear(&mock->event);
    send_plain(mock, conn, 503);
    return;
  }
  int refused = check_key(mock, in, &error) != 0 || read_request(answer, in, path, &error) != 0;
  uvllm__conn_drop_body(conn);
  if (refused)
    uvllm__answer_refuse(answer, &error);
  else
    uvllm__answer_start(answer);
}
