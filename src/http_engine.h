/* What http.c and the engines that carry exchanges know of each other.
 *
 * An engine is made when the first exchange needs it. It counts the handles that
 * libuv still has to let go of in its transport, which is freed after the last.
 */
#ifndef UVLLM_SRC_HTTP_ENGINE_H
#define UVLLM_SRC_HTTP_ENGINE_H

#include "dns.h"
#include "watch.h"

typedef struct uvllm__engine_s uvllm__engine_t;

typedef struct uvllm__engine_ops_s {
  int (*create)(uvllm__transport_t* t, uvllm__engine_t** engine);
  /* 1: it goes out on a connection that stands, and needs no addresses. NULL:
   * start() does that too. */
  int (*reuse)(uvllm__engine_t* engine, uvllm__exchange_t* x, uint64_t now);
  /* name: where the origin's host is to be looked up; else NULL. */
  int (*start)(uvllm__engine_t* engine, uvllm__exchange_t* x, uvllm__dns_name_t* name,
               uint64_t now);
  void (*cancel)(uvllm__exchange_t* x);
  void (*pause)(uvllm__exchange_t* x);
  void (*resume)(uvllm__exchange_t* x);
  void (*drain)(uvllm__engine_t* engine);
  /* Handles that it closes are counted by uvllm__transport_closing(). */
  void (*close)(uvllm__engine_t* engine);
  void (*destroy)(uvllm__engine_t* engine);
} uvllm__engine_ops_t;

extern const uvllm__engine_ops_t uvllm__curl_engine;
extern const uvllm__engine_ops_t uvllm__plain_engine;

struct uvllm__engine_s { /* embedded, first */
  const uvllm__engine_ops_t* ops;
  uvllm__transport_t* transport;
};

struct uvllm__transport_s {
  uvllm__transport_host_t host;
  uvllm__dns_t* dns;
  uvllm__engine_t *curl, *plain; /* NULL: not needed so far */
  uvllm__late_t late;
  uint64_t read_ns;      /* when the bytes in hand were read */
  unsigned int nclosing; /* handles that libuv still has */
  int closing;
  void (*closed)(void* ctx);
  void* closed_ctx;
};

static inline void uvllm__transport_schedule(const uvllm__transport_t* t) {
  t->host.schedule(t->host.ctx);
}

static inline int uvllm__transport_begin_read(uvllm__transport_t* t) {
  return t->host.begin_read(t->host.ctx, &t->read_ns);
}

/* A handle is being closed; and it is. */
static inline void uvllm__transport_closing(uvllm__transport_t* t) {
  t->nclosing++;
}

void uvllm__transport_handle_closed(uvllm__transport_t* t);

/* The empty line was read: 0, or a code. */
int uvllm__exchange_head_end(uvllm__exchange_t* x);

/* Once more, on no connection that stands: for what was lost with one. */
int uvllm__exchange_start_anew(uvllm__exchange_t* x, uint64_t now);

#endif
