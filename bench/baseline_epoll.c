/* The floor: a client of bare epoll that finds the end of an answer, or counts
 * the ends of events, and does nothing else. Each connection carries one request
 * after the other.
 *
 *   requests  n whole answers, inflight at a time
 *   bursts    n streamed answers, inflight at a time, events counted
 *   streams   n open streams, watched for some seconds
 */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { MAX_HEAD = 2048, MAX_READ = 64 * 1024 };

typedef struct conn_s {
  int fd;
  int in_body, chunked;
  size_t left;        /* of a body of known length */
  size_t nhead;
  unsigned char newline, started;
  char last[5];       /* a chunked body ends with "0\r\n\r\n" */
  char head[MAX_HEAD];
} conn_t;

typedef struct client_s {
  bench_t b;
  struct sockaddr_in addr;
  char request[2048];
  size_t request_len;
  int epoll;
  conn_t* conns;
  uint64_t nstarted, ndone, nevents, nreads, nstreaming, limit;
} client_t;

static char bytes[MAX_READ];


static void send_request(client_t* c, conn_t* k) {
  k->in_body = k->chunked = 0;
  k->nhead = k->left = 0;
  k->newline = 0;
  memset(k->last, 0, sizeof(k->last));
  if (send(k->fd, c->request, c->request_len, MSG_NOSIGNAL) != (ssize_t) c->request_len)
    bench_die("a request could not be sent at once");
  c->nstarted++;
}


static void connect_one(client_t* c, conn_t* k) {
  int one = 1;
  k->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (k->fd < 0 || connect(k->fd, (struct sockaddr*) &c->addr, sizeof(c->addr)) != 0) {
    perror("connect");
    exit(1);
  }
  setsockopt(k->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  fcntl(k->fd, F_SETFL, O_NONBLOCK);
  struct epoll_event e = { EPOLLIN, { .ptr = k } };
  if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, k->fd, &e) != 0)
    bench_die("epoll_ctl failed");
}


/* How many of the bytes belong to the head; in_body once it is complete. */
static size_t take_head(conn_t* k, const char* data, size_t n) {
  size_t had = k->nhead, room = MAX_HEAD - 1 - had;
  size_t copied = n < room ? n : room;
  memcpy(k->head + had, data, copied);
  k->nhead += copied;
  k->head[k->nhead] = '\0';
  const char* end = strstr(k->head, "\r\n\r\n");
  if (end == NULL) {
    if (k->nhead == MAX_HEAD - 1)
      bench_die("a head of more than 2 KB");
    return n;
  }
  if (strncmp(k->head, "HTTP/1.1 200", 12) != 0)
    bench_die(k->head);
  const char* length = strcasestr(k->head, "\r\ncontent-length:");
  k->chunked = length == NULL || length > end;
  k->left = k->chunked ? 0 : strtoul(length + 17, NULL, 10);
  k->in_body = 1;
  return (size_t) (end + 4 - k->head) - had;
}


static int chunks_end(conn_t* k, const char* data, size_t n) {
  if (n >= 5)
    memcpy(k->last, data + n - 5, 5);
  else {
    memmove(k->last, k->last + n, 5 - n);
    memcpy(k->last + 5 - n, data, n);
  }
  return memcmp(k->last, "0\r\n\r\n", 5) == 0;
}


/* 1 when the answer is complete. */
static int take_body(client_t* c, conn_t* k, const char* data, size_t n) {
  if (!k->chunked) {
    k->left = n < k->left ? k->left - n : 0;
    return k->left == 0;
  }
  uint64_t nevents = bench_count_events(data, n, &k->newline);
  c->nevents += nevents;
  if (nevents > 0 && !k->started) {
    k->started = 1;
    c->nstreaming++;
  }
  return chunks_end(k, data, n);
}


static void on_readable(client_t* c, conn_t* k) {
  ssize_t got = recv(k->fd, bytes, sizeof(bytes), 0);
  if (got < 0 && errno == EAGAIN)
    return;
  if (got <= 0)
    bench_die("the server closed a connection");
  c->nreads++;
  size_t n = (size_t) got, head = k->in_body ? 0 : take_head(k, bytes, n);
  if (!k->in_body || (head == n && (k->chunked || k->left > 0)))
    return;
  if (!take_body(c, k, bytes + head, n - head))
    return;
  c->ndone++;
  if (c->nstarted < c->limit)
    send_request(c, k);
}


static void turn(client_t* c, int timeout_ms) {
  struct epoll_event events[512];
  int n = epoll_wait(c->epoll, events, 512, timeout_ms);
  for (int i = 0; i < n; i++)
    on_readable(c, events[i].data.ptr);
}


static void run_requests(client_t* c) {
  uint32_t nconns = c->b.inflight;
  uint64_t warm = 2 * (uint64_t) nconns + c->b.n / 10;
  bench_mark_t from, to;
  c->limit = warm + c->b.n + nconns; /* all in flight to the end of what is measured */
  for (uint32_t i = 0; i < nconns; i++) {
    connect_one(c, &c->conns[i]);
    send_request(c, &c->conns[i]);
  }
  while (c->ndone < warm)
    turn(c, 1000);
  bench_mark(&from, c->ndone, c->nevents, c->nreads);
  while (c->ndone < from.requests + c->b.n)
    turn(c, 1000);
  bench_mark(&to, c->ndone, c->nevents, c->nreads);
  bench_report(&from, &to);
}


static void turns_until(client_t* c, uint64_t time_ns) {
  for (uint64_t now; (now = bench_now_ns()) < time_ns;)
    turn(c, (int) ((time_ns - now) / 1000000) + 1);
}


static void run_streams(client_t* c) {
  bench_mark_t from, to;
  double before = bench_rss_kib();
  c->limit = UINT64_MAX;
  for (uint32_t i = 0; i < c->b.n; i++) {
    connect_one(c, &c->conns[i]);
    send_request(c, &c->conns[i]);
    if (i % 64 == 63)
      turn(c, 0);
  }
  while (c->nstreaming < c->b.n)
    turn(c, 1000);
  turns_until(c, bench_now_ns() + 1000000000u);
  bench_mark(&from, c->ndone, c->nevents, c->nreads);
  turns_until(c, from.time_ns + c->b.seconds * 1000000000ull);
  bench_mark(&to, c->ndone, c->nevents, c->nreads);
  bench_report(&from, &to);
  bench_print("rss_per_stream", (bench_rss_kib() - before) / c->b.n, "KiB");
}


int main(int argc, char** argv) {
  static client_t c;
  int a1, a2, a3, a4, port;
  bench_options(&c.b, argc, argv, "requests|bursts|streams");
  if (sscanf(c.b.url, "http://%d.%d.%d.%d:%d", &a1, &a2, &a3, &a4, &port) != 5)
    bench_die("--url must be http://A.B.C.D:PORT");
  bench_raise_files();
  c.addr.sin_family = AF_INET;
  c.addr.sin_port = htons((uint16_t) port);
  c.addr.sin_addr.s_addr = htonl((uint32_t) (a1 << 24 | a2 << 16 | a3 << 8 | a4));
  c.request_len = (size_t) snprintf(
      c.request, sizeof(c.request),
      "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: */*\r\n"
      "Authorization: Bearer sk-bench\r\nContent-Type: application/json\r\n%s\r\n"
      "Content-Length: %zu\r\n\r\n%s",
      port, c.b.x_mock, strlen(c.b.body), c.b.body);
  c.epoll = epoll_create1(EPOLL_CLOEXEC);
  int streams = bench_is(&c.b, "streams");
  c.conns = calloc(streams ? c.b.n : c.b.inflight, sizeof(*c.conns));
  if (c.epoll < 0 || c.conns == NULL)
    bench_die("out of memory");
  if (streams)
    run_streams(&c);
  else if (bench_is(&c.b, "requests") || bench_is(&c.b, "bursts"))
    run_requests(&c);
  else
    bench_usage(argv[0], "requests|bursts|streams");
  free(c.conns);
  return 0;
}
