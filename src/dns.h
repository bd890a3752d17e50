/* Names to addresses, off the loop: each name is asked for once, however many
 * requests wait for it, and again when its time is up. Those who waited are told
 * by tell(), in their order and as many at a time as the caller likes.
 */
#ifndef UVLLM_SRC_DNS_H
#define UVLLM_SRC_DNS_H

#include "http.h"

enum { UVLLM__DNS_SLOTS = 64 }; /* users of the answers that keep a copy (shards) */

typedef struct uvllm__dns_s uvllm__dns_t;

typedef struct uvllm__dns_name_s {
  struct uvllm__dns_name_s* next;
  uvllm__dns_t* dns;
  char* host;
  unsigned int port;
  char* line;            /* "host:port:address,address", for CURLOPT_RESOLVE; or NULL */
  uvllm__addresses_t addresses; /* the same, in the order to try them */
  uint64_t generation;   /* counts the answers, from 1 */
  unsigned int users;    /* who point here: it stays */
  uint64_t expires_ns;
  int asking, stale;     /* stale: an address did not work, wait for new ones */
  int err;               /* what the last question came to */
  uv_getaddrinfo_t req;
  uvllm__exchange_t *waiting, **waiting_tail;
  uint64_t applied[UVLLM__DNS_SLOTS]; /* the generation each slot has */
} uvllm__dns_name_t;

/* answered() runs from the loop when tell() is wanted. */
int uvllm__dns_new(uvllm__dns_t** dns, uv_loop_t* loop, const uvllm_alloc_t* alloc,
                   void (*answered)(void* ctx), void* ctx);
/* closed() runs once no question is open any more. No exchange may wait. */
void uvllm__dns_close(uvllm__dns_t* dns, void (*closed)(void* ctx), void* ctx);

/* 0: *name has a line. UV_EAGAIN: x waits until tell(). Or an error. */
int uvllm__dns_lookup(uvllm__dns_t* dns, const uvllm__origin_t* origin, uvllm__exchange_t* x,
                      uvllm__dns_name_t** name);
/* An address of it did not work: ask again before the next use. */
void uvllm__dns_distrust(uvllm__dns_t* dns, const uvllm__origin_t* origin);
void uvllm__dns_forget_waiter(uvllm__exchange_t* x);
/* ready() runs for at most `max` exchanges whose answer is there; err: 0 or
 * UV_EAI_*. If there are more, answered() runs again. */
void uvllm__dns_tell(uvllm__dns_t* dns, int max,
                     void (*ready)(uvllm__exchange_t* x, uvllm__dns_name_t* name, int err));

#endif
