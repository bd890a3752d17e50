/* Connections that wait for the next exchange, by host. The last one that came is
 * the first to go, so that those that are not needed grow old and are closed.
 *
 * Invariant: an idle connection is watched, so one that the peer closes, or that
 * says something unasked, is gone with the next turn of the loop.
 */
#include "plain.h"

#define MAX_IDLE_NS (25 * UINT64_C(1000000000))  /* below what load balancers allow */
#define MAX_AGE_NS (600 * UINT64_C(1000000000))  /* addresses change */

enum {
  MAX_IDLE = 1024, /* of one host */
  CLOSES_PER_TURN = 64
};


static const char* host_of(const uvllm__origin_t* o) {
  return o->unix_path != NULL ? o->unix_path : o->host;
}


static unsigned int port_of(const uvllm__origin_t* o) {
  return o->unix_path != NULL ? 0 : o->port;
}


static uvllm__plain_pool_t* add_pool(uvllm__plain_t* p, const uvllm__origin_t* o) {
  size_t n = strlen(host_of(o)) + 1;
  uvllm__plain_pool_t* pool = uvllm__calloc(p->alloc, 1, sizeof(*pool) + n);
  if (pool == NULL)
    return NULL;
  memcpy(pool->host, host_of(o), n);
  pool->port = port_of(o);
  pool->next = p->pools;
  p->pools = pool;
  return pool;
}


uvllm__plain_pool_t* uvllm__plain_pool_of(uvllm__plain_t* p, const uvllm__origin_t* o) {
  uvllm__plain_pool_t* pool = p->pools;
  while (pool != NULL && (pool->port != port_of(o) || strcmp(pool->host, host_of(o)) != 0))
    pool = pool->next;
  return pool != NULL ? pool : add_pool(p, o);
}


void uvllm__plain_pool_remove(uvllm__plain_conn_t* c) {
  uvllm__plain_pool_t* pool = c->pool;
  *(c->prev != NULL ? &c->prev->next : &pool->newest) = c->next;
  *(c->next != NULL ? &c->next->prev : &pool->oldest) = c->prev;
  pool->nidle--;
}


static void close_oldest(uvllm__plain_pool_t* pool) {
  uvllm__plain_conn_t* c = pool->oldest;
  uvllm__plain_pool_remove(c);
  uvllm__plain_conn_close(c);
}


/* The loop may not have come to see that the peer has left: a look costs less than
 * a request that is sent twice. */
static int is_alive(const uvllm__plain_conn_t* c, uint64_t now) {
  char byte;
  return now - c->idle_ns < MAX_IDLE_NS &&
         recv(c->watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}


uvllm__plain_conn_t* uvllm__plain_pool_take(uvllm__plain_pool_t* pool, uint64_t now) {
  uvllm__plain_conn_t* c;
  while ((c = pool->newest) != NULL) {
    uvllm__plain_pool_remove(c);
    if (is_alive(c, now))
      return c;
    uvllm__plain_conn_close(c);
  }
  return NULL;
}


void uvllm__plain_pool_put(uvllm__plain_conn_t* c, uint64_t now) {
  uvllm__plain_pool_t* pool = c->pool;
  if (pool == NULL || now - c->born_ns >= MAX_AGE_NS) {
    uvllm__plain_conn_close(c);
    return;
  }
  c->idle_ns = now;
  c->prev = NULL;
  c->next = pool->newest;
  *(pool->newest != NULL ? &pool->newest->prev : &pool->oldest) = c;
  pool->newest = c;
  if (++pool->nidle > MAX_IDLE)
    close_oldest(pool);
  uvllm__plain_arm(c->plain, now + MAX_IDLE_NS);
}


int uvllm__plain_pool_close_oldest(uvllm__plain_t* p) {
  uvllm__plain_pool_t* oldest = NULL;
  for (uvllm__plain_pool_t* pool = p->pools; pool != NULL; pool = pool->next)
    if (pool->oldest != NULL &&
        (oldest == NULL || pool->oldest->idle_ns < oldest->oldest->idle_ns))
      oldest = pool;
  if (oldest == NULL)
    return 0;
  close_oldest(oldest);
  return 1;
}


static uint64_t end_of(const uvllm__plain_conn_t* c) {
  return c->plain->base.transport->closing ? 0 : c->idle_ns + MAX_IDLE_NS;
}


unsigned int uvllm__plain_pool_on_time(uvllm__plain_t* p, uint64_t now) {
  unsigned int nleft = 0, nclosed = 0;
  for (uvllm__plain_pool_t* pool = p->pools; pool != NULL; pool = pool->next) {
    while (pool->oldest != NULL && now >= end_of(pool->oldest) && nclosed++ < CLOSES_PER_TURN)
      close_oldest(pool);
    if (pool->oldest != NULL)
      uvllm__plain_arm(p, end_of(pool->oldest));
    nleft += pool->nidle;
  }
  return nleft;
}


void uvllm__plain_pools_free(uvllm__plain_t* p) {
  while (p->pools != NULL) {
    uvllm__plain_pool_t* pool = p->pools;
    p->pools = pool->next;
    uvllm__free(p->alloc, pool);
  }
}
