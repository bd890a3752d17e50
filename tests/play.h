/* A server that says to each request what it is told to say, in the pieces it is
 * told to: one goes out in a turn of the loop, so that the peer has read it before
 * the next one comes. Over TCP or a Unix socket.
 */
#ifndef UVLLM_TESTS_PLAY_H
#define UVLLM_TESTS_PLAY_H

#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "wire.h"

typedef enum { PLAY_KEEP, PLAY_CLOSE, PLAY_RESET } play_end;

/* What is said to one request. The bytes stay until they were said. */
typedef struct play_part_s {
  const char* bytes;
  size_t len;
  size_t piece;      /* at most so many at a time; 0: all */
  uint64_t random;   /* not 0: 1 to `piece` of them, drawn from here */
  unsigned int wait; /* so many turns before the end */
  play_end end;
} play_part_t;

typedef struct play_conn_s {
  uv_poll_t poll;
  struct play_s* play;
  struct play_conn_s *next, **prev;
  int fd;
  char* in;          /* of the request, NUL-terminated */
  size_t len, cap;
  play_part_t part;
  int playing, said_all;
  size_t said;
} play_conn_t;

typedef struct play_s {
  uv_loop_t* loop;
  uv_poll_t poll;
  uv_check_t check;
  uv_idle_t idle;
  int fd, port;
  play_conn_t* conns;
  int nopen, nplaying, nconnections, nrequests;
  int holds;           /* nobody is answered until play_go_on() */
  size_t answer_after; /* so many bytes of a request, and no more are read; 0: all of it */
  size_t read_size;    /* at most so many bytes in a turn */
  void (*answer)(play_conn_t* c, play_part_t* part);
  void* data;
} play_t;

static inline void play__free(uv_handle_t* h) {
  play_conn_t* c = h->data;
  free(c->in);
  free(c);
}

static inline void play__stop_playing(play_conn_t* c) {
  if (c->playing && --c->play->nplaying == 0)
    uv_idle_stop(&c->play->idle);
  c->playing = 0;
}

/* At once. */
static inline void play_drop(play_conn_t* c) {
  play__stop_playing(c);
  *c->prev = c->next;
  if (c->next != NULL)
    c->next->prev = c->prev;
  c->play->nopen--;
  uv_poll_stop(&c->poll);
  uv_close((uv_handle_t*) &c->poll, play__free);
  close(c->fd);
}

/* It is open until the peer has closed it, too; not so when it is reset. */
static inline void play_close(play_conn_t* c, play_end end) {
  struct linger at_once = { 1, 0 };
  play__stop_playing(c);
  c->said_all = 1;
  if (end == PLAY_CLOSE) {
    shutdown(c->fd, SHUT_WR);
    return;
  }
  setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  play_drop(c);
}

static inline void play__on_idle(uv_idle_t* idle) {
  (void) idle; /* keeps the loop from waiting */
}

/* `len` bytes are the request; what is behind them is the next one's. */
static inline void play__begin_part(play_conn_t* c, size_t len) {
  memset(&c->part, 0, sizeof(c->part));
  c->play->nrequests++;
  c->said = 0;
  c->play->answer(c, &c->part);
  c->len -= len;
  memmove(c->in, c->in + len, c->len + 1);
  c->playing = 1;
  if (c->play->nplaying++ == 0)
    uv_idle_start(&c->play->idle, play__on_idle);
}

/* It is not read any more, but for its end. */
static inline void play__on_hangup(uv_poll_t* poll, int status, int events) {
  (void) status, (void) events;
  play_drop(poll->data);
}

static inline void play__take(play_conn_t* c) {
  size_t len = wire_request_len(c->in, c->len);
  if (c->playing || c->said_all || c->play->holds)
    return;
  if (c->play->answer_after != 0 && c->len >= c->play->answer_after) {
    uv_poll_start(&c->poll, UV_DISCONNECT, play__on_hangup);
    play__begin_part(c, c->len);
  } else if (len != 0) {
    play__begin_part(c, len);
  }
}

static inline void play__on_readable(uv_poll_t* poll, int status, int events) {
  play_conn_t* c = poll->data;
  size_t room = c->play->read_size;
  (void) status, (void) events;
  if (c->cap < c->len + room + 1) {
    c->cap = 2 * c->cap + room + 1;
    c->in = realloc(c->in, c->cap);
    assert_non_null(c->in);
  }
  ssize_t n = recv(c->fd, c->in + c->len, room, MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN)
    return;
  if (n <= 0) {
    play_drop(c);
    return;
  }
  c->len += (size_t) n;
  c->in[c->len] = '\0';
  play__take(c);
}

static inline void play__add(play_t* p, int fd) {
  int yes = 1;
  play_conn_t* c = calloc(1, sizeof(*c));
  assert_non_null(c);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)); /* pieces go out as such */
  c->play = p;
  c->fd = fd;
  c->next = p->conns;
  c->prev = &p->conns;
  if (c->next != NULL)
    c->next->prev = &c->next;
  p->conns = c;
  p->nopen++;
  p->nconnections++;
  assert_int_equal(uv_poll_init(p->loop, &c->poll, fd), 0);
  c->poll.data = c;
  uv_poll_start(&c->poll, UV_READABLE, play__on_readable);
}

static inline void play__on_connection(uv_poll_t* poll, int status, int events) {
  play_t* p = poll->data;
  int fd;
  (void) status, (void) events;
  while ((fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
    play__add(p, fd);
}

static inline size_t play__piece(play_part_t* part, size_t left) {
  size_t n = part->piece != 0 ? part->piece : left;
  if (part->random != 0) {
    part->random = part->random * 6364136223846793005u + 1442695040888963407u;
    n = 1 + (size_t) (part->random >> 33) % n;
  }
  return n < left ? n : left;
}

/* A reset takes back what is still on its way. */
static inline int play__is_on_its_way(const play_conn_t* c) {
  int n = 0;
  return ioctl(c->fd, SIOCOUTQ, &n) == 0 && n > 0;
}

/* It was all said: the request is done with, and so may be the connection. */
static inline void play__end_part(play_conn_t* c) {
  play_end end = c->part.end;
  if (c->part.wait > 0) {
    c->part.wait--;
    return;
  }
  if (end == PLAY_RESET && play__is_on_its_way(c))
    return;
  play__stop_playing(c);
  if (end != PLAY_KEEP)
    play_close(c, end);
  else
    play__take(c);
}

static inline void play__go_on(play_conn_t* c) {
  size_t left = c->part.len - c->said;
  if (left == 0) {
    play__end_part(c);
    return;
  }
  size_t len = play__piece(&c->part, left);
  ssize_t n = send(c->fd, c->part.bytes + c->said, len, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n >= 0)
    c->said += (size_t) n;
  else if (errno != EAGAIN)
    play_drop(c);
  if (n == (ssize_t) left)
    play__end_part(c);
}

static inline void play__on_check(uv_check_t* check) {
  play_t* p = check->data;
  for (play_conn_t *c = p->conns, *next; c != NULL; c = next) {
    next = c->next;
    if (c->playing)
      play__go_on(c);
  }
}

/* Of a socket that is bound. */
static inline void play_start(play_t* p, uv_loop_t* loop, int fd,
                              void (*answer)(play_conn_t* c, play_part_t* part), void* data) {
  memset(p, 0, sizeof(*p));
  p->loop = loop;
  p->fd = fd;
  p->read_size = 65536;
  p->answer = answer;
  p->data = data;
  assert_int_equal(listen(fd, 1024), 0);
  assert_int_equal(uv_poll_init(loop, &p->poll, fd), 0);
  uv_check_init(loop, &p->check);
  uv_idle_init(loop, &p->idle);
  p->poll.data = p->check.data = p;
  uv_poll_start(&p->poll, UV_READABLE, play__on_connection);
  uv_check_start(&p->check, play__on_check);
  uv_unref((uv_handle_t*) &p->check);
  uv_unref((uv_handle_t*) &p->idle);
}

static inline int play_socket(int family) {
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  assert_true(fd >= 0);
  return fd;
}

static inline void play_start_tcp(play_t* p, uv_loop_t* loop, const char* ip,
                                  void (*answer)(play_conn_t* c, play_part_t* part),
                                  void* data) {
  struct sockaddr_in addr = { .sin_family = AF_INET };
  socklen_t n = sizeof(addr);
  int fd = play_socket(AF_INET);
  assert_int_equal(inet_pton(AF_INET, ip, &addr.sin_addr), 1);
  assert_int_equal(bind(fd, (struct sockaddr*) &addr, sizeof(addr)), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr*) &addr, &n), 0);
  play_start(p, loop, fd, answer, data);
  p->port = ntohs(addr.sin_port);
}

/* 0: there is no IPv6 here. */
static inline int play_start_v6(play_t* p, uv_loop_t* loop,
                                void (*answer)(play_conn_t* c, play_part_t* part), void* data) {
  struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  socklen_t n = sizeof(addr);
  int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || bind(fd, (struct sockaddr*) &addr, n) != 0) {
    close(fd);
    return 0;
  }
  assert_int_equal(getsockname(fd, (struct sockaddr*) &addr, &n), 0);
  play_start(p, loop, fd, answer, data);
  p->port = ntohs(addr.sin6_port);
  return 1;
}

static inline void play_go_on(play_t* p) {
  p->holds = 0;
  for (play_conn_t* c = p->conns; c != NULL; c = c->next)
    play__take(c);
}

static inline void play_close_all(play_t* p) {
  for (play_conn_t* c = p->conns; c != NULL; c = c->next)
    play_close(c, PLAY_CLOSE);
}

/* Its connections stay. */
static inline void play_stop_listening(play_t* p) {
  if (p->fd < 0)
    return;
  uv_poll_stop(&p->poll);
  uv_close((uv_handle_t*) &p->poll, NULL);
  close(p->fd);
  p->fd = -1;
}

static inline void play_stop(play_t* p) {
  while (p->conns != NULL)
    play_drop(p->conns);
  play_stop_listening(p);
  uv_close((uv_handle_t*) &p->check, NULL);
  uv_close((uv_handle_t*) &p->idle, NULL);
}

#endif
