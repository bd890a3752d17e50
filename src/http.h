/* One exchange of bytes with a server: a request goes out, an answer comes
 * back. Knows nothing of language models. Two engines stand behind it: curl for
 * what crosses a network, plain sockets for http:// and Unix sockets.
 *
 * Callbacks come from the loop, never from inside cancel() or pause(), and from
 * inside start() only `sent`. `end` is the last one and comes once, unless the
 * exchange is cancelled. Inside callbacks only pause() may be called, and from
 * `end` start(); everything else waits for the client's drain.
 */
#ifndef UVLLM_SRC_HTTP_H
#define UVLLM_SRC_HTTP_H

#include <uv.h>
#include "http_build.h"
#include "http_head.h"
#include "origin.h"

typedef struct uvllm__exchange_s uvllm__exchange_t;
typedef struct uvllm__transport_s uvllm__transport_t;

typedef struct uvllm__exchange_cbs_s {
  /* The request goes onto a connection; again when the transport resends it by
   * itself because a kept-alive connection turned out to be dead. */
  void (*sent)(uvllm__exchange_t* x, uint64_t now);
  /* 0, or a code that ends the exchange; likewise body(). Not of 1xx. */
  int (*header)(uvllm__exchange_t* x, uvllm_str_t name, uvllm_str_t value);
  /* Behind the headers: the head is whole, and only now there is an answer. One
   * that breaks off within its head ends like one that never came. */
  void (*status)(uvllm__exchange_t* x, int http_status);
  int (*body)(uvllm__exchange_t* x, const char* data, size_t len);
  /* err: 0, UV_E* or UVLLM_E*; `message` says more, or is "". */
  void (*end)(uvllm__exchange_t* x, int err, const char* message);
} uvllm__exchange_cbs_t;

/* Embedded in its owner. The caller sets the first part and keeps it valid from
 * start() to `end` or cancel(). */
struct uvllm__exchange_s {
  const uvllm__exchange_cbs_t* cbs;
  uvllm__origin_t* origin;
  uvllm_http_t* http;
  int fresh; /* take no kept-alive connection */

  /* the transport's */
  uvllm__transport_t* transport;
  struct uvllm__engine_s* engine; /* who carries it */
  struct uvllm__dns_name_s* name; /* that it waits for, or NULL */
  uvllm__exchange_t* next;        /* among those that do */
  uvllm__exchange_t** prev;
  void* handle; /* the engine's */
  int phase;    /* likewise */
  uvllm__head_t head;
  int err;
  uint8_t in_body, want_pause, is_paused;
};

/* What the transport asks of the client, besides the exchange's callbacks. */
typedef struct uvllm__transport_host_s {
  uv_loop_t* loop;
  const uvllm_alloc_t* alloc;
  void (*schedule)(void* ctx);        /* transport_drain() is wanted this turn */
  /* Before each read: 1 if others want to run, and it is to wait for catch_up().
   * *now: the time of what is read now. */
  int (*begin_read)(void* ctx, uint64_t* now);
  /* After each, from a clean stack: what it led to may be seen to at once. */
  void (*end_read)(void* ctx);
  void* ctx;
} uvllm__transport_host_t;

int uvllm__transport_new(uvllm__transport_t** t, const uvllm__transport_host_t* host);
/* No exchange may be left. closed() runs when the loop has let go of it all. */
void uvllm__transport_close(uvllm__transport_t* t, void (*closed)(void* ctx), void* ctx);
/* Tell about exchanges that have ended. From a clean stack. */
void uvllm__transport_tell_ends(uvllm__transport_t* t);
/* And let those begin whose names are known now: some each time. */
void uvllm__transport_drain(uvllm__transport_t* t);
/* Before the loop polls: reads what begin_read() has refused before. */
void uvllm__transport_catch_up(uvllm__transport_t* t);

/* 0, or a code, and then no callback. */
int uvllm__exchange_start(uvllm__transport_t* t, uvllm__exchange_t* x, uint64_t now);
/* Drop it at once; no callback after this. Not from inside its callbacks. */
void uvllm__exchange_cancel(uvllm__exchange_t* x);
void uvllm__exchange_pause(uvllm__exchange_t* x);
/* From a clean stack: bytes, and the end, may come before it returns. */
void uvllm__exchange_resume(uvllm__exchange_t* x);

#endif
