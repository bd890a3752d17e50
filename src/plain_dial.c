/* From addresses to a connection: one is tried after the other, the next one as
 * soon as one fails, or after a short head start (RFC 8305). The first that is
 * made carries the exchange, the others are closed.
 */
#include "plain.h"

#include <stdio.h>
#include <unistd.h>

#define HEAD_START_NS (200 * UINT64_C(1000000)) /* curl's, too */

enum { POOL = 256 };


/* ---- Lists and memory ------------------------------------------------------------ */

static void enlist(uvllm__plain_dials_t* list, uvllm__plain_dial_t* d) {
  d->list = list;
  d->next = NULL;
  d->prev = list->last;
  *(list->last != NULL ? &list->last->next : &list->first) = d;
  list->last = d;
}


static void delist(uvllm__plain_dial_t* d) {
  uvllm__plain_dials_t* list = d->list;
  if (list == NULL)
    return;
  *(d->prev != NULL ? &d->prev->next : &list->first) = d->next;
  *(d->next != NULL ? &d->next->prev : &list->last) = d->prev;
  d->list = NULL;
}


static uvllm__plain_dial_t* get_dial(uvllm__plain_t* p) {
  uvllm__plain_dial_t* d = p->free_dials;
  if (d == NULL)
    return uvllm__calloc(p->alloc, 1, sizeof(*d));
  p->free_dials = d->next;
  p->nfree_dials--;
  memset(d, 0, sizeof(*d));
  return d;
}


static void put_dial(uvllm__plain_dial_t* d) {
  uvllm__plain_t* p = d->plain;
  delist(d);
  if (d->name != NULL)
    d->name->users--;
  if (p->nfree_dials >= POOL) {
    uvllm__free(p->alloc, d);
    return;
  }
  d->next = p->free_dials;
  p->free_dials = d;
  p->nfree_dials++;
}


void uvllm__plain_dials_free(uvllm__plain_t* p) {
  while (p->free_dials != NULL) {
    uvllm__plain_dial_t* d = p->free_dials;
    p->free_dials = d->next;
    uvllm__free(p->alloc, d);
  }
}


static void unlink_conn(uvllm__plain_conn_t* c) {
  *(c->prev != NULL ? &c->prev->next : &c->dial->conns) = c->next;
  if (c->next != NULL)
    c->next->prev = c->prev;
  c->dial = NULL;
}


static void close_conns(uvllm__plain_dial_t* d) {
  while (d->conns != NULL) {
    uvllm__plain_conn_t* c = d->conns;
    unlink_conn(c);
    uvllm__plain_conn_close(c);
  }
}


void uvllm__plain_dial_stop(uvllm__plain_dial_t* d) {
  close_conns(d);
  put_dial(d);
}


/* ---- One address ------------------------------------------------------------------ */

/* Out of descriptors, one that is only kept can be spared. */
static int open_socket(uvllm__plain_t* p, int family) {
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 && (errno == EMFILE || errno == ENFILE) && uvllm__plain_pool_close_oldest(p))
    fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  return fd;
}


static void link_conn(uvllm__plain_dial_t* d, uvllm__plain_conn_t* c) {
  c->pool = d->pool;
  c->dial = d;
  c->prev = NULL;
  c->next = d->conns;
  if (d->conns != NULL)
    d->conns->prev = c;
  d->conns = c;
}


/* 0: under way and watched; 1: made at once; or a code. */
static int begin_connect(uvllm__plain_conn_t* c, const struct sockaddr* to, socklen_t len) {
  if (connect(c->watch.fd, to, len) == 0)
    return 1;
  if (errno == EAGAIN) /* a Unix socket's queue is full */
    return UV_ECONNREFUSED;
  if (errno != EINPROGRESS && errno != EINTR)
    return uv_translate_sys_error(errno);
  return uvllm__watch_want(&c->watch, UV_WRITABLE);
}


/* The same; *out is one of the dial's, or stays as it was after an error. */
static int connect_to(uvllm__plain_dial_t* d, const struct sockaddr* to, socklen_t len,
                      uvllm__plain_conn_t** out) {
  int fd = open_socket(d->plain, to->sa_family);
  if (fd < 0)
    return uv_translate_sys_error(errno);
  uvllm__plain_conn_t* c = uvllm__plain_conn_new(d->plain, fd);
  if (c == NULL) {
    close(fd);
    return UV_ENOMEM;
  }
  int rc = begin_connect(c, to, len);
  if (rc < 0) {
    uvllm__plain_conn_close(c);
    return rc;
  }
  link_conn(d, c);
  *out = c;
  return rc;
}


static int try_unix(uvllm__plain_dial_t* d, uvllm__plain_conn_t** c) {
  struct sockaddr_un un = { .sun_family = AF_UNIX };
  strncpy(un.sun_path, d->x->origin->unix_path, sizeof(un.sun_path) - 1);
  return connect_to(d, (struct sockaddr*) &un, sizeof(un), c);
}


static int try_address(uvllm__plain_dial_t* d, uvllm__plain_conn_t** c) {
  if (d->to == NULL)
    return try_unix(d, c);
  const uvllm__address_t* to = &d->to->list[d->tried];
  return connect_to(d, &to->any, uvllm__address_len(to), c);
}


static unsigned int addresses_left(const uvllm__plain_dial_t* d) {
  unsigned int n = d->to != NULL ? d->to->n : 1;
  return d->tried < n ? n - d->tried : 0;
}


/* ---- The race ------------------------------------------------------------------------ */

/* From the drain, since start() may still be on the stack. */
static void fail(uvllm__plain_dial_t* d) {
  enlist(&d->plain->failed, d);
  uvllm__transport_schedule(d->plain->base.transport);
}


static void win(uvllm__plain_dial_t* d, uvllm__plain_conn_t* c, uint64_t now) {
  uvllm__exchange_t* x = d->x;
  unlink_conn(c);
  uvllm__plain_dial_stop(d);
  c->born_ns = now;
  uvllm__plain_carry(c, x, now);
}


/* The last one's; but what went wrong here explains more than what a peer said. */
static void note_error(uvllm__plain_dial_t* d, int err) {
  if (d->err != UV_ENOMEM)
    d->err = err;
}


static void wait_for_next(uvllm__plain_dial_t* d, uint64_t now) {
  d->next_ns = now + HEAD_START_NS;
  enlist(&d->plain->waiting, d);
  uvllm__plain_arm(d->plain, d->next_ns);
}


static void try_next(uvllm__plain_dial_t* d, uint64_t now) {
  delist(d);
  while (addresses_left(d) != 0) {
    uvllm__plain_conn_t* c = NULL;
    int rc = try_address(d, &c);
    d->tried++;
    if (c == NULL) {
      note_error(d, rc);
      continue;
    }
    if (rc == 1)
      win(d, c, now);
    else if (addresses_left(d) != 0)
      wait_for_next(d, now);
    return;
  }
  if (d->conns == NULL)
    fail(d);
}


int uvllm__plain_dial(uvllm__plain_t* p, uvllm__exchange_t* x, uvllm__dns_name_t* name,
                      uint64_t now) {
  uvllm__plain_dial_t* d = get_dial(p);
  if (d == NULL)
    return UV_ENOMEM;
  d->plain = p;
  d->pool = uvllm__plain_pool_of(p, x->origin);
  d->x = x;
  d->name = name;
  d->to = name != NULL ? &name->addresses : x->origin->addresses;
  if (name != NULL)
    name->users++;
  x->handle = d;
  x->phase = UVLLM__DIALING;
  try_next(d, now);
  return 0;
}


static int error_of(int fd, int status) {
  int no = 0;
  socklen_t n = sizeof(no);
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &no, &n) != 0)
    no = errno;
  return no != 0 ? uv_translate_sys_error(no) : status < 0 ? UV_ECONNRESET : 0;
}


void uvllm__plain_dial_ready(uvllm__plain_conn_t* c, int status) {
  uvllm__plain_dial_t* d = c->dial;
  uint64_t now = c->watch.transport->read_ns;
  int err = error_of(c->watch.fd, status);
  if (err == 0) {
    win(d, c, now);
    return;
  }
  note_error(d, err);
  unlink_conn(c);
  uvllm__plain_conn_close(c);
  try_next(d, now);
}


void uvllm__plain_dial_on_time(uvllm__plain_t* p, uint64_t now) {
  while (p->waiting.first != NULL && p->waiting.first->next_ns <= now)
    try_next(p->waiting.first, now);
  if (p->waiting.first != NULL)
    uvllm__plain_arm(p, p->waiting.first->next_ns);
}


static void tell(uvllm__plain_dial_t* d) {
  uvllm__exchange_t* x = d->x;
  const uvllm__origin_t* o = x->origin;
  char message[256];
  int err = d->err;
  if (o->unix_path != NULL)
    snprintf(message, sizeof(message), "%s: %s", o->unix_path, uv_strerror(err));
  else
    snprintf(message, sizeof(message), "Failed to connect to %s port %u: %s", o->host, o->port,
             uv_strerror(err));
  if (o->needs_dns)
    uvllm__dns_distrust(x->transport->dns, o);
  uvllm__plain_dial_stop(d);
  x->handle = NULL;
  x->cbs->end(x, err, message);
}


/* Only those that were there on entry: who fails now is told next. */
void uvllm__plain_dial_tell_failed(uvllm__plain_t* p) {
  uvllm__plain_dial_t* last = p->failed.last;
  for (uvllm__plain_dial_t* d = p->failed.first; d != NULL; d = p->failed.first) {
    int was_last = d == last;
    tell(d);
    if (was_last)
      return;
  }
}
