/* A server that misbehaves by script: it reads one whole request, then writes
 * given bytes, and closes, resets or holds the connection.
 */
#ifndef UVLLM_TESTS_SCRIPT_H
#define UVLLM_TESTS_SCRIPT_H

#include "test.h"

#include <sys/socket.h>
#include <uv.h>

#include "wire.h"

typedef enum { SCRIPT_CLOSE, SCRIPT_RESET, SCRIPT_HOLD, SCRIPT_KEEP } script_end;

typedef struct script_s {
  uv_tcp_t listener;
  int port;
  const char* bytes; /* of the answer; NULL: none */
  size_t len;
  script_end end;
  size_t read_at_most; /* of a request, then it stops reading; 0: all */
  int nconnections, nrequests;
  char request[4096];  /* the last one's beginning */
  struct script_conn_s* conns;
} script_t;

typedef struct script_conn_s {
  uv_tcp_t tcp;
  uv_write_t write;
  script_t* script;
  struct script_conn_s* next;
  char* in;
  size_t len;
  char chunk[65536];
} script_conn_t;

static inline void script__free(uv_handle_t* h) {
  script_conn_t* k = h->data;
  script_conn_t** p = &k->script->conns;
  while (*p != k)
    p = &(*p)->next;
  *p = k->next;
  free(k->in);
  free(k);
}

static inline void script__end(script_conn_t* k) {
  if (uv_is_closing((uv_handle_t*) &k->tcp))
    return;
  if (k->script->end == SCRIPT_RESET) {
    if (uv_tcp_close_reset(&k->tcp, script__free) == 0)
      return;
  }
  if (k->script->end == SCRIPT_RESET || k->script->end == SCRIPT_CLOSE)
    uv_close((uv_handle_t*) &k->tcp, script__free);
}

static inline void script__written(uv_write_t* w, int status) {
  script_conn_t* k = w->data;
  (void) status;
  script__end(k);
}

static inline void script__answer(script_conn_t* k) {
  uv_buf_t b = uv_buf_init((char*) k->script->bytes, (unsigned int) k->script->len);
  size_t n = k->len < sizeof(k->script->request) ? k->len : sizeof(k->script->request) - 1;
  memcpy(k->script->request, k->in, n);
  k->script->request[n] = '\0';
  k->script->nrequests++;
  k->len = 0;
  if (k->script->bytes == NULL) {
    script__end(k);
    return;
  }
  k->write.data = k;
  if (uv_write(&k->write, (uv_stream_t*) &k->tcp, &b, 1, script__written) != 0)
    script__end(k);
}

static inline void script__alloc(uv_handle_t* h, size_t n, uv_buf_t* b) {
  script_conn_t* k = h->data;
  (void) n;
  *b = uv_buf_init(k->chunk, sizeof(k->chunk));
}

static inline void script__read(uv_stream_t* s, ssize_t n, const uv_buf_t* b) {
  script_conn_t* k = s->data;
  if (n < 0) {
    if (!uv_is_closing((uv_handle_t*) s))
      uv_close((uv_handle_t*) s, script__free);
    return;
  }
  k->in = realloc(k->in, k->len + (size_t) n + 1);
  memcpy(k->in + k->len, b->base, (size_t) n);
  k->len += (size_t) n;
  if (k->script->read_at_most != 0 && k->len >= k->script->read_at_most) {
    uv_read_stop(s);
    script__answer(k);
  } else if (wire_request_len(k->in, k->len) != 0) {
    script__answer(k);
  }
}

static inline void script__accept(uv_stream_t* s, int status) {
  script_t* script = s->data;
  if (status != 0)
    return;
  script_conn_t* k = calloc(1, sizeof(*k));
  k->script = script;
  uv_tcp_init(s->loop, &k->tcp);
  k->tcp.data = k;
  k->next = script->conns;
  script->conns = k;
  uv_accept(s, (uv_stream_t*) &k->tcp);
  script->nconnections++;
  uv_read_start((uv_stream_t*) &k->tcp, script__alloc, script__read);
}

static inline void script_start(script_t* s, uv_loop_t* loop, const char* bytes, size_t len,
                                script_end end) {
  struct sockaddr_in addr;
  int n = sizeof(addr);
  memset(s, 0, sizeof(*s));
  s->bytes = bytes;
  s->len = len;
  s->end = end;
  uv_tcp_init(loop, &s->listener);
  s->listener.data = s;
  uv_ip4_addr("127.0.0.1", 0, &addr);
  assert_int_equal(uv_tcp_bind(&s->listener, (struct sockaddr*) &addr, 0), 0);
  assert_int_equal(uv_listen((uv_stream_t*) &s->listener, 128, script__accept), 0);
  uv_tcp_getsockname(&s->listener, (struct sockaddr*) &addr, &n);
  s->port = ntohs(addr.sin_port);
}

static inline void script_stop(script_t* s) {
  uv_close((uv_handle_t*) &s->listener, NULL);
  for (script_conn_t* k = s->conns; k != NULL; k = k->next)
    if (!uv_is_closing((uv_handle_t*) &k->tcp))
      uv_close((uv_handle_t*) &k->tcp, script__free);
}

#endif
