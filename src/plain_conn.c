/* A connection of the plain engine: its memory, and bytes out.
 *
 * A request goes out as one vector over the pieces it was built in. What the
 * socket does not take at once is found again by counting.
 */
#include "plain.h"

#include <netinet/tcp.h>
#include <sys/uio.h>
#include <unistd.h>

enum { POOL = 256, PIECES = 7 };


static void set_option(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof(value)); /* it works without, too */
}


/* Against peers that are gone without a word: while it is silent, and while we
 * send. No meaning for a Unix socket. */
static void set_up(int fd) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
#ifdef TCP_KEEPIDLE
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 15);
#endif
#ifdef TCP_USER_TIMEOUT
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 30000);
#endif
}


static uvllm__plain_conn_t* take_memory(uvllm__plain_t* p) {
  uvllm__plain_conn_t* c = p->free_conns;
  if (c == NULL)
    return uvllm__calloc(p->alloc, 1, sizeof(*c));
  p->free_conns = c->next;
  p->nfree_conns--;
  memset(c, 0, sizeof(*c));
  return c;
}


static void give_memory(uvllm__plain_conn_t* c) {
  uvllm__plain_t* p = c->plain;
  if (p->nfree_conns >= POOL) {
    uvllm__free(p->alloc, c);
    return;
  }
  c->next = p->free_conns;
  p->free_conns = c;
  p->nfree_conns++;
}


void uvllm__plain_conns_free(uvllm__plain_t* p) {
  while (p->free_conns != NULL) {
    uvllm__plain_conn_t* c = p->free_conns;
    p->free_conns = c->next;
    uvllm__free(p->alloc, c);
  }
}


uvllm__plain_conn_t* uvllm__plain_conn_new(uvllm__plain_t* p, int fd) {
  uvllm__plain_conn_t* c = take_memory(p);
  if (c == NULL)
    return NULL;
  c->plain = p;
  if (uvllm__watch_init(&c->watch, p->base.transport, fd, uvllm__plain_on_ready) != 0) {
    give_memory(c);
    return NULL;
  }
  uvllm__buf_init(&c->line, p->alloc, SIZE_MAX);
  set_up(fd);
  return c;
}


static void on_closed(uv_handle_t* handle) {
  uvllm__plain_conn_t* c = uvllm__container(handle->data, uvllm__plain_conn_t, watch);
  uvllm__transport_t* t = c->watch.transport;
  give_memory(c);
  uvllm__transport_handle_closed(t);
}


void uvllm__plain_conn_close(uvllm__plain_conn_t* c) {
  uvllm__watch_close(&c->watch, on_closed);
  close(c->watch.fd);
  uvllm__buf_free(&c->line);
}


void uvllm__plain_conn_watch(uvllm__plain_conn_t* c) {
  int events = 0;
  if (c->x == NULL || !c->x->want_pause)
    events |= UV_READABLE;
  if (c->unsent && !c->broken)
    events |= UV_WRITABLE;
  uvllm__watch_want(&c->watch, events);
}


/* ---- Bytes out ----------------------------------------------------------------- */

static struct iovec piece(const char* base, size_t len) {
  struct iovec v = { (char*) base, len };
  return v;
}


/* "Content-Length: N" and the empty line, written from the end. */
static uvllm_str_t make_tail(uvllm__plain_conn_t* c, const uvllm_http_t* http, uvllm_str_t body) {
  static const char name[] = "Content-Length: ", end[] = "\r\n\r\n";
  char* last = c->tail + sizeof(c->tail);
  char* p = last - (sizeof(end) - 1);
  size_t n = body.len;
  memcpy(p, end, sizeof(end) - 1);
  if (!uvllm__http_has_length(http))
    return (uvllm_str_t) { p, 2 };
  do
    *--p = (char) ('0' + n % 10);
  while ((n /= 10) != 0);
  p -= sizeof(name) - 1;
  memcpy(p, name, sizeof(name) - 1);
  return (uvllm_str_t) { p, (size_t) (last - p) };
}


/* Returns the length of it all. */
static size_t make_vector(uvllm__plain_conn_t* c, struct iovec v[PIECES]) {
  uvllm_http_t* http = c->x->http;
  const uvllm__origin_t* o = c->x->origin;
  uvllm_str_t fields = uvllm__http_fields(http), body = uvllm__http_body(http);
  int needs_slash = o->target.len == 1 && (http->path.len == 0 || http->path.base[0] != '/');
  uvllm_str_t tail = make_tail(c, http, body);
  size_t len = 0;
  v[0] = piece(http->method, strlen(http->method));
  v[1] = needs_slash ? piece(" /", 2) : piece(o->target.base, o->target.len);
  v[2] = piece(http->path.base, http->path.len);
  v[3] = piece(o->host_line.base, o->host_line.len);
  v[4] = piece(fields.base, fields.len);
  v[5] = piece(tail.base, tail.len);
  v[6] = piece(body.base, body.len);
  for (int i = 0; i < PIECES; i++)
    len += v[i].iov_len;
  return len;
}


/* What was written is left out; returns how many pieces are left. */
static int skip_written(struct iovec* v, size_t written, struct iovec** rest) {
  int i = 0;
  while (i < PIECES && written >= v[i].iov_len)
    written -= v[i++].iov_len;
  if (i < PIECES)
    v[i] = piece((char*) v[i].iov_base + written, v[i].iov_len - written);
  *rest = &v[i];
  return PIECES - i;
}


/* Unless the peer has spoken before it left, poll has to find the end. */
static int break_off(uvllm__plain_conn_t* c, int no) {
  c->broken = 1;
  if (no != EPIPE && no != ECONNRESET)
    shutdown(c->watch.fd, SHUT_RDWR);
  return uv_translate_sys_error(no);
}


int uvllm__plain_conn_write(uvllm__plain_conn_t* c) {
  struct iovec v[PIECES];
  struct msghdr msg = { 0 };
  size_t len = make_vector(c, v);
  ssize_t n;
  msg.msg_iovlen = (size_t) skip_written(v, c->written, &msg.msg_iov);
  do
    n = sendmsg(c->watch.fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
    return break_off(c, errno);
  c->written += n > 0 ? (size_t) n : 0;
  c->unsent = c->written < len;
  return 0;
}
