/* A TCP relay on the loop: a proxy for CONNECT, or a plain one to a fixed port;
 * it may reset the client's side once so many bytes have come from there.
 */
#ifndef UVLLM_TESTS_RELAY_H
#define UVLLM_TESTS_RELAY_H

#include "test.h"

#include <sys/socket.h>
#include <uv.h>

typedef struct relay_s {
  uv_tcp_t listener;
  int port, target;
  int connects;         /* waits for a CONNECT first */
  size_t reset_after;   /* 0: never */
  int nconnections, nresets;
  char request[4096];   /* the last CONNECT */
} relay_t;

typedef struct relay_side_s {
  uv_tcp_t tcp;
  struct relay_pair_s* pair;
  struct relay_side_s* other;
} relay_side_t;

typedef struct relay_pair_s {
  relay_t* relay;
  relay_side_t client, server;
  uv_connect_t connect;
  size_t from_client;
  int tunnel, closed;
  char chunk[65536];
} relay_pair_t;

typedef struct relay_write_s {
  uv_write_t req;
  char data[];
} relay_write_t;

static inline void relay__free(uv_handle_t* h) {
  relay_side_t* side = h->data;
  if (++side->pair->closed == 2)
    free(side->pair);
}

static inline void relay__close(relay_pair_t* p) {
  if (!uv_is_closing((uv_handle_t*) &p->client.tcp))
    uv_close((uv_handle_t*) &p->client.tcp, relay__free);
  if (!uv_is_closing((uv_handle_t*) &p->server.tcp))
    uv_close((uv_handle_t*) &p->server.tcp, relay__free);
}

static inline void relay__reset(relay_pair_t* p) {
  p->relay->nresets++;
  uv_tcp_close_reset(&p->client.tcp, relay__free);
  relay__close(p);
}

static inline void relay__written(uv_write_t* req, int status) {
  (void) status;
  free(req);
}

static inline void relay__send(relay_side_t* to, const char* data, size_t len) {
  relay_write_t* w = malloc(sizeof(*w) + len);
  uv_buf_t b = uv_buf_init(w->data, (unsigned int) len);
  memcpy(w->data, data, len);
  if (uv_write(&w->req, (uv_stream_t*) &to->tcp, &b, 1, relay__written) != 0)
    free(w);
}

static inline void relay__alloc(uv_handle_t* h, size_t n, uv_buf_t* b) {
  relay_side_t* side = h->data;
  (void) n;
  *b = uv_buf_init(side->pair->chunk, sizeof(side->pair->chunk));
}

static inline void relay__read(uv_stream_t* s, ssize_t n, const uv_buf_t* b);

static inline void relay__connected(uv_connect_t* req, int status) {
  relay_pair_t* p = req->data;
  if (status != 0) {
    relay__close(p);
    return;
  }
  p->tunnel = 1;
  if (p->relay->connects)
    relay__send(&p->client, "HTTP/1.1 200 OK\r\n\r\n", 19);
  uv_read_start((uv_stream_t*) &p->client.tcp, relay__alloc, relay__read);
  uv_read_start((uv_stream_t*) &p->server.tcp, relay__alloc, relay__read);
}

static inline void relay__connect(relay_pair_t* p) {
  struct sockaddr_in addr;
  uv_ip4_addr("127.0.0.1", p->relay->target, &addr);
  uv_read_stop((uv_stream_t*) &p->client.tcp);
  p->connect.data = p;
  uv_tcp_connect(&p->connect, &p->server.tcp, (struct sockaddr*) &addr, relay__connected);
}

static inline void relay__read(uv_stream_t* s, ssize_t n, const uv_buf_t* b) {
  relay_side_t* side = s->data;
  relay_pair_t* p = side->pair;
  if (n < 0) {
    relay__close(p);
    return;
  }
  if (!p->tunnel) { /* a CONNECT comes in one read */
    snprintf(p->relay->request, sizeof(p->relay->request), "%.*s", (int) n, b->base);
    relay__connect(p);
    return;
  }
  p->from_client += side == &p->client ? (size_t) n : 0;
  if (p->relay->reset_after != 0 && p->from_client >= p->relay->reset_after)
    relay__reset(p);
  else
    relay__send(side->other, b->base, (size_t) n);
}

static inline void relay__accept(uv_stream_t* s, int status) {
  relay_t* relay = s->data;
  if (status != 0)
    return;
  relay_pair_t* p = calloc(1, sizeof(*p));
  p->relay = relay;
  p->client.pair = p->server.pair = p;
  p->client.other = &p->server;
  p->server.other = &p->client;
  uv_tcp_init(s->loop, &p->client.tcp);
  uv_tcp_init(s->loop, &p->server.tcp);
  p->client.tcp.data = &p->client;
  p->server.tcp.data = &p->server;
  uv_accept(s, (uv_stream_t*) &p->client.tcp);
  relay->nconnections++;
  if (relay->connects)
    uv_read_start((uv_stream_t*) &p->client.tcp, relay__alloc, relay__read);
  else
    relay__connect(p);
}

static inline void relay_start(relay_t* r, uv_loop_t* loop, int target, int connects) {
  struct sockaddr_in addr;
  int n = sizeof(addr);
  memset(r, 0, sizeof(*r));
  r->target = target;
  r->connects = connects;
  uv_tcp_init(loop, &r->listener);
  r->listener.data = r;
  uv_ip4_addr("127.0.0.1", 0, &addr);
  assert_int_equal(uv_tcp_bind(&r->listener, (struct sockaddr*) &addr, 0), 0);
  assert_int_equal(uv_listen((uv_stream_t*) &r->listener, 128, relay__accept), 0);
  uv_tcp_getsockname(&r->listener, (struct sockaddr*) &addr, &n);
  r->port = ntohs(addr.sin_port);
}

/* The connections end with their clients. */
static inline void relay_stop(relay_t* r) {
  uv_close((uv_handle_t*) &r->listener, NULL);
}

#endif
