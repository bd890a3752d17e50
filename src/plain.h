/* The inside of the plain engine: HTTP/1.1 on sockets of its own, without TLS and
 * proxies.
 *
 * http_plain.c    the engine, and an exchange's life on it
 * plain_dial.c    from addresses to a connection
 * plain_pool.c    connections that wait for the next exchange
 * plain_conn.c    a connection: its memory, and bytes out
 * plain_answer.c  bytes in: llhttp, made stricter
 *
 * Sockets are watched by uv_poll and written by sendmsg(2): libuv 1.44's own
 * writes raise SIGPIPE.
 */
#ifndef UVLLM_SRC_PLAIN_H
#define UVLLM_SRC_PLAIN_H

#include <llhttp.h>

#include "http_engine.h"

typedef struct uvllm__plain_s uvllm__plain_t;
typedef struct uvllm__plain_conn_s uvllm__plain_conn_t;
typedef struct uvllm__plain_dial_s uvllm__plain_dial_t;

enum { /* an exchange's phase: what its handle is */
  UVLLM__DIALING, /* a dial */
  UVLLM__CARRIED  /* a connection */
};

/* Those that wait for the next exchange to one host. */
typedef struct uvllm__plain_pool_s {
  struct uvllm__plain_pool_s* next;
  unsigned int port; /* 0: `host` is the path of a Unix socket */
  unsigned int nidle;
  uvllm__plain_conn_t *newest, *oldest;
  char host[];
} uvllm__plain_pool_t;

struct uvllm__plain_conn_s {
  uvllm__watch_t watch;
  uvllm__plain_t* plain;
  uvllm__plain_pool_t* pool; /* NULL: there was no memory for it */
  uvllm__plain_dial_t* dial; /* while it is being made */
  uvllm__exchange_t* x;      /* that it carries; with neither it is idle */
  uvllm__plain_conn_t *next, *prev; /* in the pool, from newest to oldest; of a dial */
  uint64_t born_ns, idle_ns;

  size_t written;            /* of the request */
  char tail[40];             /* its head's end: the length and the empty line */

  llhttp_t parser;
  uint32_t line_len;         /* of the line at hand, in a head */
  uvllm__buf_t line;         /* a field that comes in several reads */
  uvllm_str_t name, value;   /* of the field at hand; once in `line` only the lengths count */

  uint8_t reused, heard;     /* it has carried another before; bytes of the answer came */
  uint8_t unsent;            /* some of the request is still to be written */
  uint8_t broken;            /* writing failed: only reading may tell more */
  uint8_t cr;                /* the last byte of the line was one */
  uint8_t in_fields, head_ended; /* behind the status line; behind the empty line */
  uint8_t whole, surplus;    /* surplus: bytes came behind the answer */
  uint8_t stashed;           /* the field at hand is in `line` */
};

/* A connection in the making: addresses in their order, the next one tried when
 * one fails, or when it has not come about for a while (RFC 8305). */
struct uvllm__plain_dial_s {
  uvllm__plain_dial_t *next, *prev;
  struct uvllm__plain_dials_s* list; /* that it is in, or NULL */
  uvllm__plain_t* plain;
  uvllm__plain_pool_t* pool;
  uvllm__exchange_t* x;
  uvllm__dns_name_t* name;        /* where the addresses are from, or NULL */
  const uvllm__addresses_t* to;   /* NULL: the origin's Unix socket */
  uvllm__plain_conn_t* conns;     /* under way */
  unsigned int tried;
  int err;                        /* what the last one that failed came to */
  uint64_t next_ns;               /* when the next one is tried anyway */
};

typedef struct uvllm__plain_dials_s {
  uvllm__plain_dial_t *first, *last;
} uvllm__plain_dials_t;

enum { UVLLM__PLAIN_READ = 64 * 1024 };

struct uvllm__plain_s {
  uvllm__engine_t base;
  const uvllm_alloc_t* alloc;
  uv_timer_t timer;             /* for the next address, and for old connections */
  uint64_t armed_ns;
  uvllm__plain_pool_t* pools;
  uvllm__plain_dials_t waiting; /* with addresses left, by next_ns */
  uvllm__plain_dials_t failed;  /* to be told */
  uvllm__plain_dial_t* free_dials;
  uvllm__plain_conn_t* free_conns;
  unsigned int nfree_dials, nfree_conns;
  char read[UVLLM__PLAIN_READ]; /* one for all: what is read is used at once */
};

/* http_plain.c */
/* The exchange goes onto a connection that is made or taken. 0: it may have been
 * written, at least in part. Else nothing was, and the connection is no good. */
int uvllm__plain_carry(uvllm__plain_conn_t* c, uvllm__exchange_t* x, uint64_t now);
void uvllm__plain_on_ready(uvllm__watch_t* w, int status, int events);
void uvllm__plain_arm(uvllm__plain_t* p, uint64_t when_ns);

/* plain_dial.c */
int uvllm__plain_dial(uvllm__plain_t* p, uvllm__exchange_t* x, uvllm__dns_name_t* name,
                      uint64_t now);
void uvllm__plain_dial_ready(uvllm__plain_conn_t* c, int status);
void uvllm__plain_dial_stop(uvllm__plain_dial_t* d);
/* The next address for those that have waited for long enough. */
void uvllm__plain_dial_on_time(uvllm__plain_t* p, uint64_t now);
void uvllm__plain_dial_tell_failed(uvllm__plain_t* p);
void uvllm__plain_dials_free(uvllm__plain_t* p);

/* plain_pool.c */
uvllm__plain_pool_t* uvllm__plain_pool_of(uvllm__plain_t* p, const uvllm__origin_t* o);
uvllm__plain_conn_t* uvllm__plain_pool_take(uvllm__plain_pool_t* pool, uint64_t now);
void uvllm__plain_pool_put(uvllm__plain_conn_t* c, uint64_t now);
void uvllm__plain_pool_remove(uvllm__plain_conn_t* c);
int uvllm__plain_pool_close_oldest(uvllm__plain_t* p); /* 1: there was one */
/* Closes those that are too old, or all when the transport closes; a few at a
 * time, and then the timer is armed. How many are left. */
unsigned int uvllm__plain_pool_on_time(uvllm__plain_t* p, uint64_t now);
void uvllm__plain_pools_free(uvllm__plain_t* p);

/* plain_conn.c */
uvllm__plain_conn_t* uvllm__plain_conn_new(uvllm__plain_t* p, int fd);
void uvllm__plain_conn_close(uvllm__plain_conn_t* c);
/* Whether it is watched for reading and writing follows from what it carries. */
void uvllm__plain_conn_watch(uvllm__plain_conn_t* c);
/* 0, or a code: then nothing more can be written. */
int uvllm__plain_conn_write(uvllm__plain_conn_t* c);
void uvllm__plain_conns_free(uvllm__plain_t* p);

/* plain_answer.c */
void uvllm__plain_answer_begin(uvllm__plain_conn_t* c);
/* 1: the answer is whole; 0: more is to come; or a code. */
int uvllm__plain_answer_feed(uvllm__plain_conn_t* c, const char* data, size_t len);
/* The peer has sent all: 1, or a code. */
int uvllm__plain_answer_eof(uvllm__plain_conn_t* c);
int uvllm__plain_answer_keeps_alive(const uvllm__plain_conn_t* c);

#endif
