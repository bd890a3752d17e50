/* One connection: bytes in, requests out, answers back.
 *
 * Invariant: while a request is in work (BUSY), what else arrives waits in
 * `pending` and nothing is parsed. conn_close() is the only way out; the memory
 * stays until libuv has let go of the handle, so callers up the stack may still
 * look at `phase`.
 */
#include "mock/server_int.h"

#include <sys/socket.h>
#include <unistd.h>

enum {
  MAX_PENDING = 64 * 1024,   /* pipelined bytes; beyond, the socket is not read */
  MAX_LINGER = 4 << 20,      /* thrown away after a refusal */
  KEEP_OUT = 16 * 1024,
  POOL = 256
};

static void on_poll(uv_poll_t* poll, int status, int events);


static void poll_for(uvllm__conn_t* conn, int events) {
  if (conn->events == events || conn->phase == UVLLM__CONN_CLOSED)
    return;
  conn->events = events;
  uv_poll_start(&conn->poll, events, on_poll);
}


static void update_poll(uvllm__conn_t* conn) {
  int events = conn->half_closed ? 0 : UV_DISCONNECT;
  if (conn->pending.len < MAX_PENDING && !conn->half_closed)
    events |= UV_READABLE;
  if (conn->out.len != conn->out_pos && !conn->broken)
    events |= UV_WRITABLE;
  poll_for(conn, events);
}


/* ---- Opening and closing ---- */

static uvllm__conn_t* take_conn(uvllm__server_t* server) {
  uvllm__conn_t* conn = server->pool;
  if (conn == NULL)
    return uvllm__calloc(&server->alloc, 1, sizeof(*conn));
  server->pool = conn->next;
  server->npool--;
  memset(conn, 0, sizeof(*conn));
  return conn;
}


static void give_conn(uvllm__conn_t* conn) {
  uvllm__server_t* server = conn->server;
  if (server->npool == POOL || server->closing) {
    uvllm__free(&server->alloc, conn);
    return;
  }
  conn->next = server->pool;
  server->pool = conn;
  server->npool++;
}


void uvllm__conn_open(uvllm__server_t* server, int fd) {
  uvllm__conn_t* conn = take_conn(server);
  if (conn == NULL) {
    close(fd);
    return;
  }
  conn->server = server;
  conn->fd = fd;
  if (uv_poll_init(server->loop, &conn->poll, fd) != 0) {
    close(fd);
    give_conn(conn);
    return;
  }
  conn->poll.data = conn;
  server->nhandles++;
  server->stats.accepted++;
  server->stats.open++;
  uvllm__http_in_init(&conn->in, &server->options.http, &server->alloc);
  conn->in.check_cb = uvllm__server_check;
  conn->in.data = conn;
  uvllm__buf_init(&conn->out, &server->alloc, SIZE_MAX);
  uvllm__buf_init(&conn->pending, &server->alloc, SIZE_MAX);
  conn->next = server->conns;
  if (server->conns != NULL)
    server->conns->prev = conn;
  server->conns = conn;
  uvllm__server_arm(conn, UVLLM__TIME_IDLE);
  update_poll(conn);
}


static void on_closed(uv_handle_t* handle) {
  uvllm__conn_t* conn = handle->data;
  uvllm__server_t* server = conn->server;
  give_conn(conn);
  uvllm__server_handle_closed(server);
}


void uvllm__conn_close(uvllm__conn_t* conn) {
  uvllm__server_t* server = conn->server;
  int was_busy = conn->phase == UVLLM__CONN_BUSY;
  if (conn->phase == UVLLM__CONN_CLOSED)
    return;
  conn->phase = UVLLM__CONN_CLOSED;
  uvllm__server_disarm(conn);
  if (conn->prev != NULL)
    conn->prev->next = conn->next;
  else
    server->conns = conn->next;
  if (conn->next != NULL)
    conn->next->prev = conn->prev;
  server->stats.open--;
  if (was_busy)
    server->options.gone_cb(conn);
  uv_poll_stop(&conn->poll);
  uv_close((uv_handle_t*) &conn->poll, on_closed);
  close(conn->fd);
  uvllm__http_in_free(&conn->in);
  uvllm__buf_free(&conn->out);
  uvllm__buf_free(&conn->pending);
}


/* ---- Writing ---- */

static void mark_broken(uvllm__conn_t* conn) {
  conn->broken = 1;
  uvllm__buf_free(&conn->out);
  conn->out_pos = 0;
  shutdown(conn->fd, SHUT_RDWR); /* so that the poll tells us, from the loop */
  poll_for(conn, UV_READABLE | UV_DISCONNECT);
}


/* How many bytes went, 0 if none can now. */
static size_t send_some(uvllm__conn_t* conn, const char* data, size_t len) {
  ssize_t n;
  do
    n = send(conn->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
    mark_broken(conn);
  return n > 0 ? (size_t) n : 0;
}


static void keep_rest(uvllm__conn_t* conn, const char* data, size_t len) {
  if (conn->out_pos > conn->out.len / 2) {
    uvllm__buf_consume(&conn->out, conn->out_pos);
    conn->out_pos = 0;
  }
  if (uvllm__buf_append(&conn->out, data, len) != 0) {
    mark_broken(conn); /* no memory: half an answer is worse than none */
    return;
  }
  if (conn->time_kind != UVLLM__TIME_WRITE)
    uvllm__server_arm(conn, UVLLM__TIME_WRITE);
  update_poll(conn);
}


void uvllm__conn_write(uvllm__conn_t* conn, const char* data, size_t len) {
  if (conn->broken || conn->phase == UVLLM__CONN_CLOSED)
    return;
  size_t sent = conn->out.len == 0 ? send_some(conn, data, len) : 0;
  if (sent < len && !conn->broken)
    keep_rest(conn, data + sent, len - sent);
}


static int over_water(const uvllm__conn_t* conn) {
  return conn->out.len - conn->out_pos >= conn->server->options.write_high_water;
}


int uvllm__conn_full(uvllm__conn_t* conn) {
  int full = over_water(conn);
  conn->was_full |= (uint8_t) full;
  return full;
}


static void start_linger(uvllm__conn_t* conn) {
  shutdown(conn->fd, SHUT_WR);
  conn->phase = UVLLM__CONN_LINGER;
  uvllm__buf_free(&conn->pending);
  uvllm__server_arm(conn, UVLLM__TIME_LINGER);
  update_poll(conn);
}


/* All was said. Closing with unread input would reset the connection, and the
 * answer could be lost on its way: so read on for a while where input is likely. */
static void finish(uvllm__conn_t* conn) {
  if (conn->lingers || conn->pending.len != 0)
    start_linger(conn);
  else
    uvllm__conn_close(conn);
}


static void feed_pending(uvllm__conn_t* conn);
static void watch_input(uvllm__conn_t* conn);


static void all_sent(uvllm__conn_t* conn) {
  if (conn->out.cap > KEEP_OUT)
    uvllm__buf_free(&conn->out);
  uvllm__buf_clear(&conn->out);
  conn->out_pos = 0;
  update_poll(conn);
  if (conn->phase == UVLLM__CONN_FLUSHING) {
    finish(conn);
    return;
  }
  uvllm__server_disarm(conn);
  if (conn->phase == UVLLM__CONN_READING) {
    if (conn->pending.len != 0)
      feed_pending(conn);
    else
      watch_input(conn);
  } else if (conn->was_full) {
    conn->was_full = 0;
    conn->server->options.drain_cb(conn);
  }
}


static void do_write(uvllm__conn_t* conn) {
  size_t len = conn->out.len - conn->out_pos;
  if (len == 0 || conn->broken)
    return;
  size_t sent = send_some(conn, conn->out.base + conn->out_pos, len);
  conn->moved += sent;
  conn->out_pos += sent;
  if (sent == len)
    all_sent(conn);
}


/* ---- Reading ---- */

static void refuse(uvllm__conn_t* conn, int status, const char* text) {
  uvllm__server_t* server = conn->server;
  uvllm__buf_t* s = &server->scratch;
  uvllm__buf_t body;
  char line[160];
  uvllm__buf_init(&body, &server->alloc, SIZE_MAX);
  if (server->options.refuse_cb != NULL)
    server->options.refuse_cb(server, &body, status, text);
  snprintf(line, sizeof(line),
           "HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n"
           "connection: close\r\n\r\n", status, uvllm__http_reason(status), body.len);
  uvllm__buf_clear(s);
  uvllm__buf_str(s, line);
  if (conn->in.parser.method != HTTP_HEAD)
    uvllm__buf_append(s, body.base, body.len);
  conn->phase = UVLLM__CONN_FLUSHING;
  conn->lingers = 1;
  if (s->err == 0 && body.err == 0)
    uvllm__conn_write(conn, s->base, s->len);
  uvllm__buf_free(&body);
  if (conn->out.len == 0)
    finish(conn);
}


static void stash(uvllm__conn_t* conn, const char* data, size_t len) {
  if (uvllm__buf_append(&conn->pending, data, len) != 0)
    uvllm__conn_close(conn);
  else
    update_poll(conn);
}


static void watch_input(uvllm__conn_t* conn) {
  uvllm__time_kind kind = UVLLM__TIME_IDLE;
  if (conn->in.state == UVLLM__HTTP_IN_HEAD)
    kind = UVLLM__TIME_HEAD;
  else if (conn->in.state == UVLLM__HTTP_IN_BODY)
    kind = UVLLM__TIME_BODY;
  if (conn->time_kind != kind && conn->time_kind != UVLLM__TIME_WRITE)
    uvllm__server_arm(conn, kind);
}


static void say_continue(uvllm__conn_t* conn) {
  static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
  conn->in.wants_continue = 0;
  uvllm__conn_write(conn, text, sizeof(text) - 1);
}


static void feed(uvllm__conn_t* conn, const char* data, size_t len) {
  conn->feeding = 1;
  while (len > 0 && conn->phase == UVLLM__CONN_READING && !over_water(conn)) {
    size_t n = uvllm__http_in_feed(&conn->in, data, len);
    data += n;
    len -= n;
    conn->moved += n;
    if (conn->in.state == UVLLM__HTTP_IN_FAILED) {
      refuse(conn, conn->in.fail_status, conn->in.fail_text);
    } else if (conn->in.state == UVLLM__HTTP_IN_READY) {
      if (conn->out.len == 0)
        uvllm__server_disarm(conn); /* else the clock of the answer before runs on */
      conn->phase = UVLLM__CONN_BUSY;
      conn->server->options.request_cb(conn);
    } else if (conn->in.wants_continue) {
      say_continue(conn);
    }
  }
  conn->feeding = 0;
  if (conn->phase == UVLLM__CONN_READING)
    watch_input(conn);
  if (len > 0 && conn->phase <= UVLLM__CONN_BUSY)
    stash(conn, data, len);
}


static void feed_pending(uvllm__conn_t* conn) {
  uvllm__buf_t mine = conn->pending;
  uvllm__buf_init(&conn->pending, mine.alloc, mine.max);
  update_poll(conn);
  feed(conn, mine.base, mine.len);
  uvllm__buf_free(&mine);
}


void uvllm__conn_end(uvllm__conn_t* conn, int keep_alive) {
  if (conn->phase != UVLLM__CONN_BUSY)
    return;
  conn->was_full = 0;
  if (!keep_alive || !uvllm__http_in_keeps_alive(&conn->in)) {
    conn->phase = UVLLM__CONN_FLUSHING;
    if (conn->out.len == 0)
      finish(conn);
    return;
  }
  uvllm__http_in_next(&conn->in);
  conn->phase = UVLLM__CONN_READING;
  if (conn->out.len == 0)
    uvllm__server_arm(conn, UVLLM__TIME_IDLE);
  if (!conn->feeding && conn->pending.len != 0)
    feed_pending(conn);
}


void uvllm__conn_reset(uvllm__conn_t* conn) {
  struct linger hard = { 1, 0 };
  setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
  conn->phase = UVLLM__CONN_FLUSHING; /* no gone_cb: it is the user who ends it */
  uvllm__conn_close(conn);
}


static void do_read(uvllm__conn_t* conn) {
  uvllm__server_t* server = conn->server;
  ssize_t n = recv(conn->fd, server->read_buf, sizeof(server->read_buf), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n == 0 && conn->phase == UVLLM__CONN_FLUSHING) {
    conn->half_closed = 1; /* it asks no more, but may still read the rest */
    conn->lingers = 0;
    uvllm__buf_free(&conn->pending);
    update_poll(conn);
    return;
  }
  if (n <= 0) {
    uvllm__conn_close(conn);
    return;
  }
  if (conn->phase == UVLLM__CONN_READING && conn->pending.len == 0) {
    feed(conn, server->read_buf, (size_t) n);
  } else if (conn->phase <= UVLLM__CONN_BUSY) {
    stash(conn, server->read_buf, (size_t) n);
  } else {
    conn->moved += (uint64_t) n;
    if (conn->phase == UVLLM__CONN_LINGER && conn->moved > MAX_LINGER)
      uvllm__conn_close(conn);
  }
}


static void on_poll(uv_poll_t* poll, int status, int events) {
  uvllm__conn_t* conn = poll->data;
  if (status < 0 || events == 0) {
    uvllm__conn_close(conn); /* a reset, mostly; or both sides are shut */
    return;
  }
  if (events & UV_READABLE)
    do_read(conn);
  else if (events & UV_DISCONNECT)
    uvllm__conn_close(conn);
  if ((events & UV_WRITABLE) && conn->phase != UVLLM__CONN_CLOSED)
    do_write(conn);
}


void uvllm__conn_expired(uvllm__conn_t* conn) {
  uvllm__time_kind kind = conn->time_kind;
  uint32_t least = conn->server->options.rate_window_bytes;
  if (kind == UVLLM__TIME_HEAD)
    refuse(conn, 408, "The request's head did not come in time.");
  else if (kind == UVLLM__TIME_BODY && conn->moved < least)
    refuse(conn, 408, "The request's body comes too slowly.");
  else if (kind == UVLLM__TIME_BODY || (kind == UVLLM__TIME_WRITE && conn->moved >= least))
    uvllm__server_arm(conn, kind);
  else
    uvllm__conn_close(conn);
}


/* ---- Of the request in work ---- */

const uvllm__http_in_t* uvllm__conn_in(const uvllm__conn_t* conn) {
  return &conn->in;
}


void uvllm__conn_drop_body(uvllm__conn_t* conn) {
  uvllm__http_in_drop_body(&conn->in);
}


uvllm__server_t* uvllm__conn_server(const uvllm__conn_t* conn) {
  return conn->server;
}


void uvllm__conn_set_data(uvllm__conn_t* conn, void* data) {
  conn->data = data;
}


void* uvllm__conn_data(const uvllm__conn_t* conn) {
  return conn->data;
}
