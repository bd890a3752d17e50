/* The listening socket, the clocks and the end of the server; conn.c has the
 * connections.
 *
 * Sockets are polled (uv_poll_t) and written by send() with MSG_NOSIGNAL, since
 * libuv's own writes raise SIGPIPE on a reset socket. Each kind of time-out has
 * one constant length, so its list is ordered by itself and one timer serves all.
 */
#define _GNU_SOURCE /* accept4 */
#include "mock/server_int.h"

#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPTS_A_TURN = 64, BACKLOG = 4096 };


/* ---- Clocks ---- */

static uint32_t time_length(const uvllm__server_t* server, uvllm__time_kind kind) {
  const uvllm__server_options_t* o = &server->options;
  switch (kind) {
  case UVLLM__TIME_IDLE: return o->idle_timeout_ms;
  case UVLLM__TIME_HEAD: return o->head_timeout_ms;
  case UVLLM__TIME_LINGER: return o->linger_timeout_ms;
  default: return o->rate_window_ms;
  }
}


static void on_timer(uv_timer_t* timer);


void uvllm__server_wake_at(uvllm__server_t* server, uint64_t when) {
  if (when >= server->timer_due || server->closing)
    return;
  uint64_t now = uv_now(server->loop);
  server->timer_due = when;
  uv_timer_start(&server->timer, on_timer, when > now ? when - now : 0, 0);
}


void uvllm__server_disarm(uvllm__conn_t* conn) {
  if (conn->time_kind == UVLLM__TIME_NONE)
    return;
  uvllm__time_list_t* list = &conn->server->times[conn->time_kind];
  if (conn->tprev != NULL)
    conn->tprev->tnext = conn->tnext;
  else
    list->first = conn->tnext;
  if (conn->tnext != NULL)
    conn->tnext->tprev = conn->tprev;
  else
    list->last = conn->tprev;
  conn->time_kind = UVLLM__TIME_NONE;
}


void uvllm__server_arm(uvllm__conn_t* conn, uvllm__time_kind kind) {
  uvllm__server_t* server = conn->server;
  uvllm__server_disarm(conn);
  uvllm__time_list_t* list = &server->times[kind];
  conn->deadline = uv_now(server->loop) + time_length(server, kind);
  conn->time_kind = (uint8_t) kind;
  conn->moved = 0;
  conn->tnext = NULL;
  conn->tprev = list->last;
  if (list->last != NULL)
    list->last->tnext = conn;
  else
    list->first = conn;
  list->last = conn;
  uvllm__server_wake_at(server, conn->deadline);
}


static void resume_accepting(uvllm__server_t* server);


static void on_timer(uv_timer_t* timer) {
  uvllm__server_t* server = timer->data;
  uint64_t now = uv_now(server->loop);
  server->timer_due = UINT64_MAX;
  if (server->accept_at != 0 && server->accept_at <= now)
    resume_accepting(server);
  for (int kind = UVLLM__TIME_IDLE; kind < UVLLM__NTIMES && !server->closing; kind++) {
    uvllm__conn_t* conn;
    while ((conn = server->times[kind].first) != NULL && conn->deadline <= now)
      uvllm__conn_expired(conn); /* rearms it later, or takes it off the list */
    if (conn != NULL)
      uvllm__server_wake_at(server, conn->deadline);
  }
  if (server->accept_at != 0)
    uvllm__server_wake_at(server, server->accept_at);
}


/* ---- Accepting ---- */

static void pause_accepting(uvllm__server_t* server) {
  server->stats.pauses++;
  uv_poll_stop(&server->listener);
  uv_ref((uv_handle_t*) &server->timer); /* in its place: the loop must live on */
  server->accept_at = uv_now(server->loop) + server->options.accept_pause_ms;
  uvllm__server_wake_at(server, server->accept_at);
}


/* 0: there may be more. */
static int accept_one(uvllm__server_t* server) {
  int fd = accept4(server->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
      pause_accepting(server);
    return errno == ECONNABORTED || errno == EINTR ? 0 : -1;
  }
  if (server->stats.open >= server->options.max_conns) {
    server->stats.refused++;
    close(fd);
    return 0;
  }
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  uvllm__conn_open(server, fd);
  return 0;
}


static void on_listener(uv_poll_t* poll, int status, int events) {
  uvllm__server_t* server = poll->data;
  (void) events;
  if (status < 0) {
    pause_accepting(server);
    return;
  }
  for (int i = 0; i < ACCEPTS_A_TURN && accept_one(server) == 0; i++)
    continue;
}


static void resume_accepting(uvllm__server_t* server) {
  server->accept_at = 0;
  uv_unref((uv_handle_t*) &server->timer);
  if (uv_poll_start(&server->listener, UV_READABLE, on_listener) != 0)
    pause_accepting(server);
}


/* ---- Who may ask ---- */

static int is_loopback(const char* host) {
  return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}


/* A page in a browser must not reach us, neither by its own name that was bound
 * anew to our address (then its Host is a name), nor directly (then it has an
 * Origin). */
static int host_is_local(uvllm_str_t host) {
  char name[64];
  struct sockaddr_in a4;
  struct sockaddr_in6 a6;
  size_t len = host.len;
  if (len > 0 && host.base[0] == '[') {
    const char* end = memchr(host.base, ']', len);
    host.base++;
    len = end != NULL ? (size_t) (end - host.base) : 0;
  } else if (len > 0 && memchr(host.base, ':', len) != NULL) {
    len = (size_t) ((const char*) memchr(host.base, ':', len) - host.base);
  }
  if (len == 0 || len >= sizeof(name))
    return 0;
  memcpy(name, host.base, len);
  name[len] = '\0';
  return strcasecmp(name, "localhost") == 0 || uv_ip4_addr(name, 0, &a4) == 0 ||
         uv_ip6_addr(name, 0, &a6) == 0;
}


int uvllm__server_check(const uvllm__http_in_t* in, const char** text) {
  const uvllm__conn_t* conn = in->data;
  if (conn->server->options.any_origin)
    return 0;
  if (uvllm__http_in_header(in, "origin").base != NULL) {
    *text = "Requests from web pages are refused.";
    return 403;
  }
  uvllm_str_t host = uvllm__http_in_header(in, "host");
  if (conn->server->loopback && host.base != NULL && !host_is_local(host)) {
    *text = "The Host must be localhost or an address.";
    return 403;
  }
  return 0;
}


/* ---- Start and end ---- */

static void set_default(uint32_t* field, uint32_t value) {
  if (*field == 0)
    *field = value;
}


static void set_defaults(uvllm__server_options_t* o) {
  set_default(&o->http.max_line_bytes, 8 * 1024);
  set_default(&o->http.max_headers, 100);
  set_default(&o->http.max_header_bytes, 32 * 1024);
  if (o->http.max_body_bytes == 0)
    o->http.max_body_bytes = 32u << 20;
  set_default(&o->max_conns, 20000);
  set_default(&o->idle_timeout_ms, 60000);
  set_default(&o->head_timeout_ms, 10000);
  set_default(&o->rate_window_ms, 10000);
  set_default(&o->rate_window_bytes, 1024);
  set_default(&o->linger_timeout_ms, 2000);
  set_default(&o->accept_pause_ms, 100);
  if (o->write_high_water == 0)
    o->write_high_water = 1u << 20;
}


static int address_of(const char* host, int port, struct sockaddr_storage* addr) {
  memset(addr, 0, sizeof(*addr));
  if (port < 0 || port > 65535)
    return UV_EINVAL;
  if (uv_ip4_addr(host, port, (struct sockaddr_in*) addr) == 0)
    return 0;
  return uv_ip6_addr(host, port, (struct sockaddr_in6*) addr);
}


static int listen_on(uvllm__server_t* server, const char* host, int port) {
  struct sockaddr_storage addr;
  socklen_t len = sizeof(addr);
  int on = 1;
  int err = address_of(host, port, &addr);
  if (err != 0)
    return err;
  int fd = socket(addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -errno;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  socklen_t bound = addr.ss_family == AF_INET ? sizeof(struct sockaddr_in)
                                              : sizeof(struct sockaddr_in6);
  if (bind(fd, (struct sockaddr*) &addr, bound) != 0 || listen(fd, BACKLOG) != 0 ||
      getsockname(fd, (struct sockaddr*) &addr, &len) != 0) {
    err = -errno;
    close(fd);
    return err;
  }
  server->port = ntohs(addr.ss_family == AF_INET ? ((struct sockaddr_in*) &addr)->sin_port
                                                 : ((struct sockaddr_in6*) &addr)->sin6_port);
  server->fd = fd;
  return 0;
}


int uvllm__server_start(uvllm__server_t** out, uv_loop_t* loop,
                        const uvllm__server_options_t* options, const uvllm_alloc_t* alloc) {
  uvllm__server_t* server = uvllm__calloc(alloc, 1, sizeof(*server));
  if (server == NULL)
    return UV_ENOMEM;
  server->loop = loop;
  server->alloc = *alloc;
  server->options = *options;
  server->timer_due = UINT64_MAX;
  set_defaults(&server->options);
  const char* host = options->host != NULL ? options->host : "127.0.0.1";
  server->options.host = NULL; /* the caller's, and not needed again */
  server->loopback = is_loopback(host);
  uvllm__buf_init(&server->scratch, &server->alloc, SIZE_MAX);
  int err = listen_on(server, host, options->port);
  if (err != 0)
    goto fail;
  if ((err = uv_poll_init(loop, &server->listener, server->fd)) != 0)
    goto fail_fd;
  server->listener.data = server->timer.data = server;
  uv_timer_init(loop, &server->timer);
  uv_unref((uv_handle_t*) &server->timer);
  server->nhandles = 2;
  uv_poll_start(&server->listener, UV_READABLE, on_listener);
  *out = server;
  return 0;

fail_fd:
  close(server->fd);
fail:
  uvllm__free(alloc, server);
  return err;
}


static void destroy(uvllm__server_t* server) {
  uvllm_alloc_t alloc = server->alloc;
  void (*close_cb)(void*) = server->close_cb;
  void* data = server->close_data;
  while (server->pool != NULL) {
    uvllm__conn_t* conn = server->pool;
    server->pool = conn->next;
    uvllm__free(&alloc, conn);
  }
  uvllm__buf_free(&server->scratch);
  uvllm__free(&alloc, server);
  if (close_cb != NULL)
    close_cb(data);
}


void uvllm__server_handle_closed(uvllm__server_t* server) {
  if (--server->nhandles == 0)
    destroy(server);
}


static void on_own_closed(uv_handle_t* handle) {
  uvllm__server_handle_closed(handle->data);
}


void uvllm__server_close(uvllm__server_t* server, void (*close_cb)(void*), void* data) {
  server->closing = 1;
  server->close_cb = close_cb;
  server->close_data = data;
  uv_poll_stop(&server->listener);
  uv_close((uv_handle_t*) &server->listener, on_own_closed);
  close(server->fd);
  uv_timer_stop(&server->timer);
  uv_close((uv_handle_t*) &server->timer, on_own_closed);
  while (server->conns != NULL)
    uvllm__conn_close(server->conns);
}


int uvllm__server_port(const uvllm__server_t* server) {
  return server->port;
}


void* uvllm__server_data(const uvllm__server_t* server) {
  return server->options.data;
}


const uvllm__server_stats_t* uvllm__server_stats(const uvllm__server_t* server) {
  return &server->stats;
}
