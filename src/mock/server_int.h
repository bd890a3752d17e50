/* What server.c and conn.c share. */
#ifndef UVLLM_SRC_MOCK_SERVER_INT_H
#define UVLLM_SRC_MOCK_SERVER_INT_H

#include "mock/server.h"

typedef enum {
  UVLLM__TIME_NONE, /* in work: no clock runs */
  UVLLM__TIME_IDLE,
  UVLLM__TIME_HEAD,
  UVLLM__TIME_BODY,
  UVLLM__TIME_WRITE,
  UVLLM__TIME_LINGER,
  UVLLM__NTIMES
} uvllm__time_kind;

typedef enum {
  UVLLM__CONN_READING, /* a request, or waiting for one */
  UVLLM__CONN_BUSY,    /* request_cb ran, the answer is not whole */
  UVLLM__CONN_FLUSHING,/* the last answer is whole, and not all sent */
  UVLLM__CONN_LINGER,  /* all sent, our side closed: what comes is thrown away */
  UVLLM__CONN_CLOSED
} uvllm__conn_phase;

struct uvllm__conn_s {
  uv_poll_t poll;
  uvllm__server_t* server;
  uvllm__conn_t *prev, *next;   /* all that are open; `next`: also the pool */
  uvllm__conn_t *tprev, *tnext; /* those of the same time_kind, soonest first */
  uint64_t deadline;
  uint64_t moved;    /* bytes in this rate window */
  void* data;
  uvllm__http_in_t in;
  uvllm__buf_t out;     /* not sent yet, from out_pos on */
  uvllm__buf_t pending; /* pipelined behind the request in work */
  size_t out_pos;
  int fd;
  uint8_t phase, time_kind, feeding, broken, was_full, lingers, half_closed;
  int events; /* what is polled for */
};

typedef struct uvllm__time_list_s {
  uvllm__conn_t *first, *last;
} uvllm__time_list_t;

struct uvllm__server_s {
  uv_loop_t* loop;
  uvllm_alloc_t alloc;
  uvllm__server_options_t options;
  uvllm__server_stats_t stats;
  uv_poll_t listener;
  uv_timer_t timer;
  uint64_t timer_due; /* UINT64_MAX: not running */
  uint64_t accept_at; /* accepting pauses until then; 0: it does not */
  uvllm__conn_t* conns;
  uvllm__conn_t* pool;
  uint32_t npool;
  uint32_t nhandles;
  uvllm__time_list_t times[UVLLM__NTIMES];
  uvllm__buf_t scratch; /* for the server's own answers */
  int fd, port, loopback, closing;
  void (*close_cb)(void* data);
  void* close_data;
  char read_buf[64 * 1024]; /* one for all connections */
};

/* The connection owns fd from here on, also if this fails. */
void uvllm__conn_open(uvllm__server_t* server, int fd);
void uvllm__conn_close(uvllm__conn_t* conn); /* tells gone_cb if a request is in work */
void uvllm__conn_expired(uvllm__conn_t* conn);
/* Start the clock of that kind anew. */
void uvllm__server_arm(uvllm__conn_t* conn, uvllm__time_kind kind);
void uvllm__server_disarm(uvllm__conn_t* conn);
void uvllm__server_wake_at(uvllm__server_t* server, uint64_t when);
void uvllm__server_handle_closed(uvllm__server_t* server);
int uvllm__server_check(const uvllm__http_in_t* in, const char** text);

#endif
