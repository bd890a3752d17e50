/* curl's sockets and timers on the loop, by libcurl's multi_socket interface.
 *
 * Invariants: a descriptor that curl has open is in socks[]; its watcher is
 * stopped before the loop polls a descriptor that was closed, or a number that
 * is reused (libuv aborts on both); curl's timeout 0 is a timer of 0, never a
 * call from inside curl's callback.
 */
#include "http_curl.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>


/* Codes beside these say that curl itself does not know how it stands. */
static int is_harmless(CURLMcode code) {
  return code == CURLM_OK || code == CURLM_BAD_SOCKET || code == CURLM_RECURSIVE_API_CALL;
}


static void act(uvllm__shard_t* s, int fd, int flags) {
  int running;
  CURLMcode code = curl_multi_socket_action(s->multi, fd, flags, &running);
  if (!is_harmless(code))
    s->broken = code;
  s->dirty = 1;
  uvllm__transport_schedule(s->engine->base.transport);
}


static void on_timeout(uv_timer_t* timer) {
  uvllm__shard_t* s = timer->data;
  uvllm__transport_begin_read(s->engine->base.transport);
  act(s, CURL_SOCKET_TIMEOUT, 0);
}


int uvllm__on_curl_timer(CURLM* multi, long ms, void* ctx) {
  uvllm__shard_t* s = ctx;
  (void) multi;
  if (s->engine->base.transport->closing)
    return 0;
  if (ms < 0)
    return uv_timer_stop(&s->timer);
  if (ms > 0)
    uv_update_time(s->engine->base.transport->host.loop);
  return uv_timer_start(&s->timer, on_timeout, (uint64_t) ms, 0);
}


static uvllm__sock_t* sock_of(uvllm__watch_t* w) {
  return uvllm__container(w, uvllm__sock_t, watch);
}


/* libuv has stopped watching without a word: arm it again, a few times, unless
 * curl has closed the socket meanwhile. */
static void after_poll_error(uvllm__curl_t* t, uvllm__sock_t* k, int fd) {
  if (t->socks[fd] == k && ++k->errors <= 3)
    uvllm__watch_want(&k->watch, k->watch.wanted);
}


static void on_ready(uvllm__watch_t* w, int status, int events) {
  uvllm__sock_t* k = sock_of(w);
  uvllm__shard_t* s = k->shard;
  int fd = w->fd, flags = 0;
  if (status < 0)
    flags = CURL_CSELECT_ERR | CURL_CSELECT_IN | CURL_CSELECT_OUT;
  else
    k->errors = 0;
  if (events & UV_READABLE)
    flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE)
    flags |= CURL_CSELECT_OUT;
  act(s, fd, flags);
  if (status < 0)
    after_poll_error(s->engine, k, fd);
}


/* On a kept connection: the peer leaves, or says what nobody asked for, which curl
 * 7.88 would take for the next answer. It looks for a connection's end before it
 * uses it again, so that is what it gets. */
static int spoil(uvllm__watch_t* w) {
  char bytes[4096];
  if (!sock_of(w)->kept)
    return 1;
  if (recv(w->fd, bytes, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
    return 0; /* it was the answer's last bytes, which curl has read by itself */
  shutdown(w->fd, SHUT_RDWR); /* nothing more is received from here on */
  while (recv(w->fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
    continue;
  return 1;
}


static void on_sock_closed(uv_handle_t* handle) {
  uvllm__sock_t* k = sock_of(handle->data);
  uvllm__curl_t* t = k->shard->engine;
  k->next = t->free_socks;
  t->free_socks = k;
  uvllm__transport_handle_closed(t->base.transport);
}


void uvllm__drop_sock(uvllm__curl_t* t, int fd) {
  uvllm__sock_t* k = fd >= 0 && fd < t->nsocks ? t->socks[fd] : NULL;
  if (k == NULL)
    return;
  t->socks[fd] = NULL;
  uvllm__watch_close(&k->watch, on_sock_closed);
}


static int grow_socks(uvllm__curl_t* t, int fd) {
  if (fd < t->nsocks)
    return 0;
  int n = t->nsocks < 64 ? 64 : t->nsocks;
  while (n <= fd)
    n *= 2;
  uvllm__sock_t** socks = uvllm__realloc(t->alloc, t->socks, (size_t) n * sizeof(*socks));
  if (socks == NULL)
    return UV_ENOMEM;
  memset(socks + t->nsocks, 0, (size_t) (n - t->nsocks) * sizeof(*socks));
  t->socks = socks;
  t->nsocks = n;
  return 0;
}


/* Of an open socket; no other one ever has the same. */
static uint64_t cookie_of(int fd) {
#ifdef SO_COOKIE
  uint64_t cookie = 0;
  socklen_t n = sizeof(cookie);
  if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &n) == 0)
    return cookie;
#endif
  (void) fd;
  return 0;
}


static uvllm__sock_t* add_sock(uvllm__shard_t* s, int fd) {
  uvllm__curl_t* t = s->engine;
  if (grow_socks(t, fd) != 0)
    return NULL;
  uvllm__sock_t* k = t->free_socks;
  if (k != NULL)
    t->free_socks = k->next;
  else if ((k = uvllm__malloc(t->alloc, sizeof(*k))) == NULL)
    return NULL;
  memset(k, 0, sizeof(*k));
  if (uvllm__watch_init(&k->watch, t->base.transport, fd, on_ready) != 0) {
    k->next = t->free_socks;
    t->free_socks = k;
    return NULL;
  }
  k->shard = s;
  k->watch.unasked = spoil;
  k->cookie = cookie_of(fd);
  t->socks[fd] = k;
  return k;
}


/* The connection goes to curl's pool, where its watcher may stay; or it was never
 * made, and then curl 7.88 has closed the socket already, without telling. */
static void unwant(uvllm__curl_t* t, uvllm__sock_t* k, int paused) {
  k->watch.wanted = 0;
  k->kept = k->stands && !paused;
  if (!k->stands && (k->cookie == 0 || cookie_of(k->watch.fd) != k->cookie))
    uvllm__drop_sock(t, k->watch.fd);
}


/* Whose socket curl talks of; NULL: nobody's any more. */
static uvllm__easy_t* user_of(CURL* curl) {
  uvllm__easy_t* e = NULL;
  curl_easy_getinfo(curl, CURLINFO_PRIVATE, &e);
  return e != NULL && e->x != NULL ? e : NULL;
}


static void mark(CURL* curl, uvllm__mark what) {
  uvllm__easy_t* e = user_of(curl);
  if (e != NULL)
    uvllm__easy_mark(e, what);
}


static int is_paused(CURL* curl) {
  uvllm__easy_t* e = user_of(curl);
  return e != NULL && e->x->is_paused;
}


/* Failing here would poison the whole multi handle for good: the transfer whose
 * socket cannot be watched is ended by drain() instead. */
int uvllm__on_curl_socket(CURL* curl, curl_socket_t fd, int what, void* ctx, void* sock) {
  uvllm__shard_t* s = ctx;
  uvllm__curl_t* t = s->engine;
  (void) sock;
  uvllm__sock_t* k = fd < t->nsocks ? t->socks[fd] : NULL;
  if (what == CURL_POLL_REMOVE) {
    if (k != NULL && !k->stands)
      mark(curl, UVLLM__NUDGE);
    if (k != NULL)
      unwant(t, k, is_paused(curl));
    return 0;
  }
  if (t->base.transport->closing)
    return 0;
  if (k == NULL && (k = add_sock(s, fd)) == NULL) {
    mark(curl, UVLLM__DOOM);
    return 0;
  }
  k->stands |= what == CURL_POLL_IN;
  k->kept = 0;
  uvllm__watch_want(&k->watch, ((what & CURL_POLL_IN) ? UV_READABLE : 0) |
                                   ((what & CURL_POLL_OUT) ? UV_WRITABLE : 0));
  return 0;
}


/* A number that is watched was closed without a word, and curl tries the next
 * address by it: to curl nothing has changed, the watcher is to be a new one. */
static int watch_anew(uvllm__curl_t* t, int fd) {
  uvllm__sock_t* k = fd < t->nsocks ? t->socks[fd] : NULL;
  if (k == NULL)
    return 0;
  uvllm__shard_t* s = k->shard;
  int wanted = k->watch.wanted;
  uvllm__drop_sock(t, fd);
  if (wanted == 0)
    return 0;
  if ((k = add_sock(s, fd)) == NULL)
    return ENOMEM;
  return uvllm__watch_want(&k->watch, wanted);
}


/* No descriptor is left: connections of the pool that are shut down look dead to
 * curl, which closes them before it makes the next one. */
static void shut_idle(uvllm__curl_t* t) {
  for (int fd = 0; fd < t->nsocks; fd++)
    if (t->socks[fd] != NULL && t->socks[fd]->watch.wanted == 0)
      shutdown(fd, SHUT_RDWR);
}


static int set_up_socket(int fd) {
#ifdef TCP_USER_TIMEOUT
  unsigned int ms = 30000; /* a peer that is gone while we send */
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
#endif
  return fd;
}


curl_socket_t uvllm__open_socket(void* ctx, curlsocktype purpose, struct curl_sockaddr* addr) {
  uvllm__easy_t* e = ctx;
  uvllm__curl_t* t = e->shard->engine;
  (void) purpose;
  int fd = socket(addr->family, addr->socktype | SOCK_CLOEXEC, addr->protocol);
  if (fd < 0) {
    e->socket_errno = errno;
    if (errno == EMFILE || errno == ENFILE)
      shut_idle(t);
    return CURL_SOCKET_BAD;
  }
  if (watch_anew(t, fd) != 0) {
    e->socket_errno = ENOMEM;
    close(fd);
    return CURL_SOCKET_BAD;
  }
  return set_up_socket(fd);
}


int uvllm__close_socket(void* ctx, curl_socket_t fd) {
  uvllm__drop_sock(ctx, fd);
  return close(fd);
}
