/* The mock: its options, its figures, its beginning and end. Nothing is published
 * before the server listens; after that only stop() frees it, once both of its
 * handles, the server and the timer, are closed.
 */
#include "mock/mock_int.h"

#include <math.h>

/* ---- Figures ---- */

void uvllm__mock_stats(uvllm_mock_t* mock, uvllm_mock_stats_t* stats, size_t size) {
  const uvllm__server_stats_t* server = uvllm__server_stats(mock->server);
  uvllm_mock_stats_t s = mock->stats;
  s.max_admitted_60s = mock->window.max_requests;
  s.max_admitted_tokens_60s = mock->window.max_tokens;
  s.connections = server->accepted;
  s.open_connections = server->open;
  s.lag_p99_us = uvllm__mock_lag_p99_us(mock);
  memset(stats, 0, size);
  memcpy(stats, &s, size < sizeof(s) ? size : sizeof(s));
}


/* ---- Start and stop ---- */

static void on_drain(uvllm__conn_t* conn) {
  uvllm__answer_t* answer = uvllm__conn_data(conn);
  if (answer != NULL)
    uvllm__answer_step(answer);
}


static void on_gone(uvllm__conn_t* conn) {
  uvllm__answer_t* answer = uvllm__conn_data(conn);
  if (answer != NULL)
    uvllm__answer_gone(answer);
}


void uvllm__mock_options_init(uvllm_mock_options_t* o, size_t size) {
  memset(o, 0, size);
  o->size = size;
  o->ntokens = 16;
}


static int is_rate(double rate) {
  return isfinite(rate) && rate >= 0 && rate <= 1;
}


static int read_options(uvllm_mock_options_t* o, const uvllm_mock_options_t* given) {
  uvllm_mock_options_init(o);
  if (given != NULL)
    memcpy(o, given, given->size < sizeof(*o) ? given->size : sizeof(*o));
  if (!is_rate(o->jitter) || !is_rate(o->error_rate) || !is_rate(o->stall_rate) ||
      !is_rate(o->cut_rate) || !is_rate(o->malformed_rate))
    return UV_EINVAL;
  if (o->ntokens == 0 || o->port < 0 || o->port > 65535)
    return UV_EINVAL;
  return o->require_key != NULL && *o->require_key == '\0' ? UV_EINVAL : 0;
}


static void destroy(uvllm_mock_t* mock) {
  uvllm_alloc_t alloc = mock->alloc;
  while (mock->pool != NULL) {
    uvllm__answer_t* answer = mock->pool;
    mock->pool = answer->next;
    uvllm__answer_destroy(answer);
  }
  uvllm_queue_free(mock->queue);
  uvllm_json_parser_free(mock->parser);
  uvllm__peak_free(&mock->window);
  uvllm__mock_seen_free(mock);
  uvllm__buf_free(&mock->out);
  uvllm__buf_free(&mock->event);
  uvllm__buf_free(&mock->broken);
  uvllm__buf_free(&mock->date);
  uvllm__free_secret(&alloc, mock->require_key);
  uvllm__free(&alloc, mock);
}


static int start_server(uvllm_mock_t* mock) {
  uvllm__server_options_t o;
  memset(&o, 0, sizeof(o));
  o.host = mock->options.host;
  o.port = mock->options.port;
  o.request_cb = uvllm__mock_on_request;
  o.drain_cb = on_drain;
  o.gone_cb = on_gone;
  o.refuse_cb = uvllm__mock_on_refuse;
  o.data = mock;
  return uvllm__server_start(&mock->server, mock->loop, &o, &mock->alloc);
}


static int start_parts(uvllm_mock_t* mock) {
  int err = uvllm_queue_new(&mock->queue, 0, &mock->alloc);
  if (err == 0)
    err = uvllm_json_parser_new(&mock->parser, &mock->alloc);
  if (err == 0 && mock->options.require_key != NULL) {
    mock->require_key = uvllm__strdup(&mock->alloc, mock->options.require_key);
    err = mock->require_key == NULL ? UV_ENOMEM : 0;
  }
  return err == 0 ? start_server(mock) : err;
}


int uvllm_mock_start(uvllm_mock_t** out, uv_loop_t* loop, const uvllm_mock_options_t* options) {
  uvllm_mock_options_t o;
  int err = read_options(&o, options);
  if (err != 0)
    return err;
  uvllm_alloc_t alloc = uvllm__alloc_or_default(o.alloc);
  uvllm_mock_t* mock = uvllm__calloc(&alloc, 1, sizeof(*mock));
  if (mock == NULL)
    return UV_ENOMEM;
  mock->alloc = alloc;
  mock->loop = loop;
  mock->options = o;
  mock->timer_due = UINT64_MAX;
  mock->date_second = -1;
  uvllm__bucket_init(&mock->requests, o.requests_per_min);
  uvllm__bucket_init(&mock->tokens, o.tokens_per_min);
  uvllm__peak_init(&mock->window, &mock->alloc);
  uvllm__buf_init(&mock->out, &mock->alloc, SIZE_MAX);
  uvllm__buf_init(&mock->event, &mock->alloc, SIZE_MAX);
  uvllm__buf_init(&mock->broken, &mock->alloc, SIZE_MAX);
  uvllm__buf_init(&mock->date, &mock->alloc, SIZE_MAX);
  if ((err = start_parts(mock)) != 0) {
    destroy(mock);
    return err;
  }
  uv_timer_init(loop, &mock->timer);
  mock->timer.data = mock;
  mock->options.host = mock->options.require_key = NULL; /* the caller's */
  mock->options.alloc = NULL;
  *out = mock;
  return 0;
}


int uvllm_mock_port(const uvllm_mock_t* mock) {
  return uvllm__server_port(mock->server);
}


static void part_closed(uvllm_mock_t* mock) {
  void (*stop_cb)(void*) = mock->stop_cb;
  void* data = mock->stop_data;
  if (--mock->nclosing != 0)
    return;
  destroy(mock);
  if (stop_cb != NULL)
    stop_cb(data);
}


static void on_server_closed(void* data) {
  part_closed(data);
}


static void on_timer_closed(uv_handle_t* handle) {
  part_closed(handle->data);
}


void uvllm_mock_stop(uvllm_mock_t* mock, void (*stop_cb)(void*), void* data) {
  mock->closing = 1;
  mock->nclosing = 2;
  mock->stop_cb = stop_cb;
  mock->stop_data = data;
  uvllm__server_close(mock->server, on_server_closed, mock);
  uv_close((uv_handle_t*) &mock->timer, on_timer_closed);
}
