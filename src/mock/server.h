/* A hardened HTTP/1.1 server on a libuv loop: connections, limits, time-outs,
 * back-pressure. What is answered is its user's business.
 *
 * One request of a connection is answered at a time; what was pipelined waits.
 * A request that was begun (request_cb) ends in exactly one of: end() or abort()
 * by the user, gone_cb by the server. After any of the three the connection is
 * not the user's any more.
 */
#ifndef UVLLM_SRC_MOCK_SERVER_H
#define UVLLM_SRC_MOCK_SERVER_H

#include <uv.h>
#include "mock/http_in.h"

typedef struct uvllm__server_s uvllm__server_t;
typedef struct uvllm__conn_s uvllm__conn_t;

/* Zero fields of a number take the default. */
typedef struct uvllm__server_options_s {
  const char* host; /* an IP address; NULL: 127.0.0.1 */
  int port;         /* 0: a free one */
  uvllm__http_limits_t http;   /* 8 KiB, 100, 32 KiB, 32 MiB */
  uint32_t max_conns;          /* 20,000; beyond: closed at once */
  uint32_t idle_timeout_ms;    /* 60,000: between requests, silently */
  uint32_t head_timeout_ms;    /* 10,000: from a head's first byte to its last; 408 */
  uint32_t rate_window_ms;     /* 10,000: in each, a body that is sent and an answer */
  uint32_t rate_window_bytes;  /* 1,024: that is read must move so far, else dropped */
  uint32_t linger_timeout_ms;  /* 2,000: to read on after a refusal, so that it arrives */
  uint32_t accept_pause_ms;    /* 100: no descriptors are left: wait, do not spin */
  size_t write_high_water;     /* 1 MiB: uvllm__conn_full() */
  int any_origin;              /* take requests of browsers, and any Host */
  void (*request_cb)(uvllm__conn_t* conn); /* one whole request came */
  void (*drain_cb)(uvllm__conn_t* conn);   /* it was full, and is empty now */
  void (*gone_cb)(uvllm__conn_t* conn);    /* the peer went away, or the server closes */
  /* Append the body of a refusal that is the server's own; NULL: none. */
  void (*refuse_cb)(uvllm__server_t* server, uvllm__buf_t* body, int status, const char* text);
  void* data;
} uvllm__server_options_t;

typedef struct uvllm__server_stats_s {
  uint64_t accepted, refused, pauses; /* refused: over max_conns; pauses: of accepting */
  uint32_t open;
} uvllm__server_stats_t;

/* Listens from here on. `alloc` must outlive the server. */
int uvllm__server_start(uvllm__server_t** server, uv_loop_t* loop,
                        const uvllm__server_options_t* options, const uvllm_alloc_t* alloc);
/* gone_cb for each request in work, then, later, close_cb once and the memory is
 * free. */
void uvllm__server_close(uvllm__server_t* server, void (*close_cb)(void* data), void* data);
int uvllm__server_port(const uvllm__server_t* server);
void* uvllm__server_data(const uvllm__server_t* server);
const uvllm__server_stats_t* uvllm__server_stats(const uvllm__server_t* server);

/* Of the request in work. */
const uvllm__http_in_t* uvllm__conn_in(const uvllm__conn_t* conn);
void uvllm__conn_drop_body(uvllm__conn_t* conn);
uvllm__server_t* uvllm__conn_server(const uvllm__conn_t* conn);
void uvllm__conn_set_data(uvllm__conn_t* conn, void* data);
void* uvllm__conn_data(const uvllm__conn_t* conn);

/* Sent at once as far as the socket takes it, the rest kept. It cannot fail: if
 * the peer is gone, gone_cb comes later, from the loop. */
void uvllm__conn_write(uvllm__conn_t* conn, const char* data, size_t len);
/* Stop producing until drain_cb. */
int uvllm__conn_full(uvllm__conn_t* conn);
/* The answer is whole. With keep_alive the next request may begin inside this
 * call. Otherwise the connection ends once all is sent. */
void uvllm__conn_end(uvllm__conn_t* conn, int keep_alive);
/* Away at once, with a reset; what is not sent is lost. */
void uvllm__conn_reset(uvllm__conn_t* conn);

#endif
