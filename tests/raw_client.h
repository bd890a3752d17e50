/* A client of plain non-blocking sockets, driven on the loop of the server that it
 * talks to: what goes over the wire is written out in the tests. */
#ifndef UVLLM_TESTS_RAW_CLIENT_H
#define UVLLM_TESTS_RAW_CLIENT_H

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>
#include "test.h"

enum { RAW_PATIENCE_MS = 20000 }; /* a test that waits longer has failed */

typedef struct raw_client_s {
  uv_loop_t* loop;
  int fd;
  char* in; /* what was received, NUL-terminated */
  size_t len, cap;
  int ended; /* 0: open, 1: closed by the server, negative: -errno */
} raw_client_t;

static inline int raw_socket(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  return fd;
}

static inline void raw_connect(raw_client_t* c, uv_loop_t* loop, int fd, int port) {
  struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((uint16_t) port) };
  memset(c, 0, sizeof(*c));
  addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->loop = loop;
  c->fd = fd;
  assert_int_equal(connect(fd, (struct sockaddr*) &addr, sizeof(addr)), 0);
}

static inline void raw_open(raw_client_t* c, uv_loop_t* loop, int port) {
  raw_connect(c, loop, raw_socket(), port);
}

static inline void raw_turn(uv_loop_t* loop) {
  struct timespec ms = { 0, 300000 };
  uv_run(loop, UV_RUN_NOWAIT);
  nanosleep(&ms, NULL);
}

static inline void raw_receive(raw_client_t* c) {
  while (c->ended == 0) {
    if (c->cap - c->len < 65536) {
      c->cap = c->cap * 2 + 131072;
      c->in = realloc(c->in, c->cap);
      assert_non_null(c->in);
    }
    ssize_t n = recv(c->fd, c->in + c->len, c->cap - c->len - 1, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
      break;
    c->ended = n > 0 ? 0 : n == 0 ? 1 : -errno;
    c->len += n > 0 ? (size_t) n : 0;
  }
  if (c->in != NULL)
    c->in[c->len] = '\0';
}

/* All of it is sent, while the server reads; or as much as it took before it closed. */
static inline void raw_send(raw_client_t* c, const char* data, size_t len) {
  uint64_t start = uv_hrtime();
  while (len > 0) {
    ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN)
      return;
    data += n > 0 ? n : 0;
    len -= n > 0 ? (size_t) n : 0;
    if (n < 0)
      raw_turn(c->loop);
    assert_true(uv_hrtime() - start < RAW_PATIENCE_MS * 1000000ull);
  }
}

static inline void raw_say(raw_client_t* c, const char* text) {
  raw_send(c, text, strlen(text));
}

/* Until the server closes. */
static inline void raw_until_end(raw_client_t* c) {
  uint64_t start = uv_hrtime();
  for (raw_receive(c); c->ended == 0; raw_receive(c)) {
    raw_turn(c->loop);
    assert_true(uv_hrtime() - start < RAW_PATIENCE_MS * 1000000ull);
  }
}

static inline int raw_has(const raw_client_t* c, const char* text) {
  return c->in != NULL && memmem(c->in, c->len, text, strlen(text)) != NULL;
}

/* Until the text was received; 0: the server closed before. */
static inline int raw_until(raw_client_t* c, const char* text) {
  uint64_t start = uv_hrtime();
  for (raw_receive(c); !raw_has(c, text); raw_receive(c)) {
    if (c->ended != 0)
      return 0;
    raw_turn(c->loop);
    assert_true(uv_hrtime() - start < RAW_PATIENCE_MS * 1000000ull);
  }
  return 1;
}

static inline void raw_forget(raw_client_t* c) { /* what was received so far */
  c->len = 0;
}

static inline void raw_close(raw_client_t* c) {
  close(c->fd);
  free(c->in);
  c->in = NULL;
}

/* The status of the first response, 0 if there is none. */
static inline int raw_status(const raw_client_t* c) {
  return c->len > 12 && memcmp(c->in, "HTTP/1.1 ", 9) == 0 ? atoi(c->in + 9) : 0;
}

static inline int raw_count(const raw_client_t* c, const char* text) {
  int n = 0;
  for (const char* p = c->in; p != NULL && (p = strstr(p, text)) != NULL; p += strlen(text))
    n++;
  return n;
}

#endif
