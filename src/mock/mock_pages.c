/* What belongs to no dialect: the mock's own pages, and what the server refuses before
 * there is a request. Errors are in OpenAI's form.
 */
#include "mock/mock_int.h"

#include <stdio.h>


static void put_refusal(uvllm__buf_t* body, int status, const char* text) {
  uvllm__mock_error_t error;
  memset(&error, 0, sizeof(error));
  error.status = status;
  error.type = "invalid_request_error";
  snprintf(error.message, sizeof(error.message), "%s", text);
  uvllm__mock_openai.put_error(NULL, &error, body);
}


void uvllm__mock_on_refuse(uvllm__server_t* server, uvllm__buf_t* body, int status,
                           const char* text) {
  uvllm__mock_count(uvllm__server_data(server), status);
  put_refusal(body, status, text);
}


void uvllm__mock_send_plain(uvllm_mock_t* mock, uvllm__conn_t* conn, int status) {
  int keep_alive = mock->event.err == 0;
  uvllm__mock_head(mock, NULL, NULL, status, "application/json", (int64_t) mock->event.len,
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


void uvllm__mock_on_page(uvllm_mock_t* mock, uvllm__conn_t* conn, uvllm_str_t path) {
  const uvllm__http_in_t* in = uvllm__conn_in(conn);
  int status = 200;
  uvllm__buf_clear(&mock->event);
  if (uvllm__str_eq(path, "/mock/stats") && uvllm__http_in_method(in) == HTTP_GET) {
    write_stats(mock, &mock->event);
  } else {
    status = 404;
    put_refusal(&mock->event, status, "There is only GET /mock/stats.");
  }
  uvllm__mock_send_plain(mock, conn, status);
}
