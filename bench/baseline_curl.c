/* What the library is held against: the leanest client of curl_multi and libuv
 * that is still right. Same options of curl, easy handles set up once and used
 * again without a reset, no 1 ms timers, a watcher armed only when what curl
 * waits for changes. It counts ends of events and does nothing else.
 *
 *   requests  n whole answers, inflight at a time
 *   bursts    n streamed answers, inflight at a time, events counted
 *   streams   n open streams, watched for some seconds
 *   tls       the same on https, each on a new connection: what one costs
 */
#include "bench.h"

#include <curl/curl.h>
#include <sys/socket.h>
#include <uv.h>

enum { MAX_FDS = 65536, STARTS_A_TURN = 64 };

struct client_s;

typedef struct multi_s {
  CURLM* curl;
  uv_timer_t timer;
  int dirty;
} multi_t;

typedef struct sock_s {
  uv_poll_t poll;
  multi_t* multi;
  int fd, wanted, armed;
} sock_t;

typedef struct transfer_s {
  struct transfer_s* next; /* free ones, last in first out */
  CURL* easy;
  multi_t* multi;
  unsigned char newline, started;
  char error[CURL_ERROR_SIZE];
} transfer_t;

static struct client_s {
  bench_t b;
  uv_loop_t* loop;
  uv_check_t check;
  uv_timer_t pace; /* starts, then ends of measuring */
  multi_t* multis;
  transfer_t* transfers;
  transfer_t* idle;
  struct curl_slist* headers;
  CURLU* parts;
  char url[256];
  sock_t* socks[MAX_FDS];
  uint64_t nstarted, ndone, nevents, nreads, nstreaming, warm, limit;
  double rss_kib, cpu_us;
  int phase;
  bench_mark_t from, to;
} c;


static void drain(multi_t* m);


static void on_timeout(uv_timer_t* timer) {
  multi_t* m = timer->data;
  int running;
  curl_multi_socket_action(m->curl, CURL_SOCKET_TIMEOUT, 0, &running);
  drain(m); /* on_check() may come only after a long wait */
}


static int on_curl_timer(CURLM* curl, long ms, void* ctx) {
  multi_t* m = ctx;
  (void) curl;
  return ms < 0 ? uv_timer_stop(&m->timer)
                : uv_timer_start(&m->timer, on_timeout, (uint64_t) ms, 0);
}


static void on_poll(uv_poll_t* poll, int status, int events) {
  sock_t* k = poll->data;
  multi_t* m = k->multi;
  int running, flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
                       (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
  if (status < 0) {
    k->armed = 0; /* libuv stopped it */
    flags = CURL_CSELECT_ERR | CURL_CSELECT_IN | CURL_CSELECT_OUT;
  }
  c.nreads += (events & UV_READABLE) != 0;
  curl_multi_socket_action(m->curl, k->fd, flags, &running);
  m->dirty = 1;
}


static void arm(sock_t* k) {
  if (k->armed == k->wanted)
    return;
  k->armed = k->wanted;
  if (uv_poll_start(&k->poll, k->wanted, on_poll) != 0)
    bench_die("uv_poll_start failed");
}


static sock_t* add_sock(multi_t* m, int fd) {
  sock_t* k = calloc(1, sizeof(*k));
  if (k == NULL || fd >= MAX_FDS || uv_poll_init_socket(c.loop, &k->poll, fd) != 0)
    bench_die("a socket cannot be watched");
  k->poll.data = k;
  k->multi = m;
  k->fd = fd;
  c.socks[fd] = k;
  return k;
}


/* A socket that goes idle into curl's pool stays armed: it is wanted again at
 * once, and stopping it would cost two system calls a request. */
static int on_curl_socket(CURL* easy, curl_socket_t fd, int what, void* ctx, void* unused) {
  (void) easy;
  (void) unused;
  if (what == CURL_POLL_REMOVE)
    return 0;
  sock_t* k = c.socks[fd];
  if (k == NULL)
    k = add_sock(ctx, fd);
  k->wanted = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
  arm(k);
  return 0;
}


static void on_sock_closed(uv_handle_t* handle) {
  free(handle->data);
}


static int on_close_socket(void* ctx, curl_socket_t fd) {
  sock_t* k = c.socks[fd];
  (void) ctx;
  c.socks[fd] = NULL;
  if (k != NULL) {
    uv_poll_stop(&k->poll);
    uv_close((uv_handle_t*) &k->poll, on_sock_closed);
  }
  return close(fd);
}


static size_t on_write(char* data, size_t size, size_t n, void* ctx) {
  transfer_t* t = ctx;
  uint64_t nevents = bench_count_events(data, size * n, &t->newline);
  c.nevents += nevents;
  if (nevents > 0 && !t->started) {
    t->started = 1;
    c.nstreaming++;
  }
  return size * n;
}


/* A whole answer has no events to look for. */
static size_t on_write_whole(char* data, size_t size, size_t n, void* ctx) {
  (void) data;
  (void) ctx;
  return size * n;
}


static void set_up(transfer_t* t) {
  CURL* e = t->easy = curl_easy_init();
  if (e == NULL)
    bench_die("out of memory");
  curl_easy_setopt(e, CURLOPT_PRIVATE, t);
  curl_easy_setopt(e, CURLOPT_CURLU, c.parts); /* taken apart once, as ours is */
  curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(e, CURLOPT_NOPROGRESS, 1L);
  curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(e, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
  curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
  if (c.b.ca != NULL)
    curl_easy_setopt(e, CURLOPT_CAINFO, c.b.ca);
  curl_easy_setopt(e, CURLOPT_PROXY, "");
  curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, 30L);
  curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL, 15L);
  curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, 25L);
  curl_easy_setopt(e, CURLOPT_MAXLIFETIME_CONN, 600L);
  curl_easy_setopt(e, CURLOPT_DNS_CACHE_TIMEOUT, -1L);
  curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
  curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error);
  curl_easy_setopt(e, CURLOPT_HTTPHEADER, c.headers);
  curl_easy_setopt(e, CURLOPT_POST, 1L);
  curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) strlen(c.b.body));
  curl_easy_setopt(e, CURLOPT_POSTFIELDS, c.b.body);
  curl_easy_setopt(e, CURLOPT_WRITEFUNCTION,
                   bench_is(&c.b, "requests") ? on_write_whole : on_write);
  curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
  curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
}


static void start_one(void) {
  transfer_t* t = c.idle;
  c.idle = t->next;
  t->newline = 0;
  c.nstarted++;
  if (curl_multi_add_handle(t->multi->curl, t->easy) != CURLM_OK)
    bench_die("curl_multi_add_handle failed");
}


static void on_done(transfer_t* t, CURLcode code) {
  long status = 0;
  curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
  if (code != CURLE_OK || status != 200) {
    fprintf(stderr, "status %ld, curl: %s\n", status,
            t->error[0] != '\0' ? t->error : curl_easy_strerror(code));
    exit(1);
  }
  curl_multi_remove_handle(t->multi->curl, t->easy);
  t->next = c.idle;
  c.idle = t;
  c.ndone++;
  if (c.ndone == c.warm)
    bench_mark(&c.from, c.ndone, c.nevents, c.nreads);
  if (c.ndone == c.warm + c.b.n) {
    bench_mark(&c.to, c.ndone, c.nevents, c.nreads);
    uv_stop(c.loop);
  }
  if (c.nstarted < c.limit)
    start_one();
}


static void drain(multi_t* m) {
  CURLMsg* msg;
  int left;
  m->dirty = 0;
  while ((msg = curl_multi_info_read(m->curl, &left)) != NULL) {
    transfer_t* t = NULL;
    CURLcode code = msg->data.result;
    curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &t);
    on_done(t, code);
  }
}


/* Once a turn, not after every socket. */
static void on_check(uv_check_t* check) {
  (void) check;
  for (uint32_t i = 0; i < c.b.multis; i++)
    if (c.multis[i].dirty)
      drain(&c.multis[i]);
}


/* A few starts a turn, as curl does all it can of them at once. */
static void on_start_more(uv_timer_t* timer) {
  for (int i = 0; i < STARTS_A_TURN && c.idle != NULL; i++)
    start_one();
  if (c.idle == NULL)
    uv_timer_stop(timer);
}


static void on_second(uv_timer_t* timer) {
  if (c.nstreaming < c.b.n)
    return;
  if (c.phase++ == 0) {
    if (bench_is(&c.b, "tls")) {
      bench_print("cpu_per_connection", (bench_cpu_us() - c.cpu_us) / 1000 / c.b.n, "ms");
      bench_print("rss_per_connection", (bench_rss_kib() - c.rss_kib) / c.b.n, "KiB");
      uv_stop(c.loop);
    }
  } else if (c.phase == 2) {
    bench_mark(&c.from, c.ndone, c.nevents, c.nreads);
    uv_timer_start(timer, on_second, c.b.seconds * 1000ull, 0); /* a new repeat would come late */
  } else {
    bench_mark(&c.to, c.ndone, c.nevents, c.nreads);
    uv_stop(c.loop);
  }
}


static void init_multis(void) {
  c.multis = calloc(c.b.multis, sizeof(*c.multis));
  if (c.multis == NULL)
    bench_die("out of memory");
  for (uint32_t i = 0; i < c.b.multis; i++) {
    multi_t* m = &c.multis[i];
    m->curl = curl_multi_init();
    uv_timer_init(c.loop, &m->timer);
    m->timer.data = m;
    curl_multi_setopt(m->curl, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(m->curl, CURLMOPT_SOCKETDATA, m);
    curl_multi_setopt(m->curl, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(m->curl, CURLMOPT_TIMERDATA, m);
    curl_multi_setopt(m->curl, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    curl_multi_setopt(m->curl, CURLMOPT_MAXCONNECTS, 2L * (long) c.b.n);
  }
}


static void init_transfers(uint32_t n) {
  snprintf(c.url, sizeof(c.url), "%s/v1/chat/completions", c.b.url);
  c.parts = curl_url();
  if (curl_url_set(c.parts, CURLUPART_URL, c.url, 0) != CURLUE_OK)
    bench_die("not a URL");
  c.headers = curl_slist_append(NULL, "Authorization: Bearer sk-bench");
  curl_slist_append(c.headers, "Content-Type: application/json");
  curl_slist_append(c.headers, "Accept: application/json");
  curl_slist_append(c.headers, "User-Agent: bench/1.0");
  curl_slist_append(c.headers, c.b.x_mock);
  c.transfers = calloc(n, sizeof(*c.transfers));
  if (c.transfers == NULL)
    bench_die("out of memory");
  for (uint32_t i = 0; i < n; i++) {
    transfer_t* t = &c.transfers[i];
    t->multi = &c.multis[i % c.b.multis];
    set_up(t);
    t->next = c.idle;
    c.idle = t;
  }
}


int main(int argc, char** argv) {
  const char* modes = "requests|bursts|streams|tls";
  bench_options(&c.b, argc, argv, modes);
  int open = bench_is(&c.b, "streams") || bench_is(&c.b, "tls");
  if (!open && !bench_is(&c.b, "requests") && !bench_is(&c.b, "bursts"))
    bench_usage(argv[0], modes);
  bench_raise_files();
  curl_global_init(CURL_GLOBAL_DEFAULT);
  c.loop = uv_default_loop();
  c.rss_kib = bench_rss_kib();
  c.cpu_us = bench_cpu_us();
  init_multis();
  init_transfers(open ? c.b.n : c.b.inflight);
  c.warm = open ? UINT64_MAX / 2 : 2 * (uint64_t) c.b.inflight + c.b.n / 10;
  c.limit = open ? UINT64_MAX : c.warm + c.b.n + c.b.inflight;
  uv_check_init(c.loop, &c.check);
  uv_check_start(&c.check, on_check);
  uv_timer_init(c.loop, &c.pace);
  uv_timer_start(&c.pace, on_start_more, 0, 1);
  uv_timer_t second;
  uv_timer_init(c.loop, &second);
  if (open)
    uv_timer_start(&second, on_second, bench_is(&c.b, "tls") ? 100 : 1000, open ? 1000 : 0);
  uv_run(c.loop, UV_RUN_DEFAULT);
  if (bench_is(&c.b, "tls"))
    return 0;
  bench_report(&c.from, &c.to);
  if (open)
    bench_print("rss_per_stream", (bench_rss_kib() - c.rss_kib) / c.b.n, "KiB");
  return 0;
}
