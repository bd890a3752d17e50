/* The library as a program uses it, held against the two baselines: the same
 * modes, options and figures.
 *
 *   requests  n whole answers, inflight at a time
 *   bursts    n streamed answers, inflight at a time; every event parsed and handed over
 *   streams   n open streams, watched for some seconds
 *   ticks     the same, beside a timer of 1 ms that the program has on the loop
 *   tls       the same on https, each on a new connection: what one costs
 *   wire      n single requests to an idle client: from submit to the server's first byte
 *   limit     a full queue under --rpm or --tpm, watched for some seconds
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "bench.h"
#include "uvllm.h"

#define MODES "requests|bursts|streams|ticks|tls|wire|limit"

typedef struct stream_s {
  uint64_t read_ns; /* when its last event was read: two of one time came in one read */
  int started;
} stream_t;

static struct client_s {
  bench_t b;
  uv_loop_t* loop;
  uvllm_client_t* client;
  uv_timer_t timer;
  uvllm_request_t request;
  uvllm_message_t message;
  stream_t* streams;
  uint64_t nstarted, ndone, nevents, nreads, nstreaming, nattempts, n429, ntokens;
  uint64_t warm, limit;
  double rss_kib, cpu_us;
  int is_open, phase, is_closing;
  bench_mark_t from, to;
} c;


static void must(int err, const char* what) {
  if (err == 0)
    return;
  fprintf(stderr, "%s: %s\n", what, uvllm_strerror(err));
  exit(1);
}


static void mark(bench_mark_t* m) {
  bench_mark(m, c.ndone, c.nevents, c.nreads);
}


static void on_event(uvllm_req_t* req, const uvllm_event_t* event) {
  stream_t* s = uvllm_req_data(req);
  if (event->type != UVLLM_EVENT_TEXT)
    return;
  c.nevents++;
  c.nreads += s->read_ns != event->time_ns;
  s->read_ns = event->time_ns;
  if (!s->started) {
    s->started = 1;
    c.nstreaming++;
  }
}


static void on_done(uvllm_req_t* req, const uvllm_result_t* result);


static void start_one(stream_t* s) {
  uvllm_req_t* req;
  uvllm_event_cb event_cb = c.request.flags & UVLLM_STREAM ? on_event : NULL;
  must(uvllm_submit(c.client, &c.request, event_cb, on_done, s, &req), "uvllm_submit");
  c.nstarted++;
}


static void on_done(uvllm_req_t* req, const uvllm_result_t* result) {
  if (c.is_closing)
    return;
  if (result->status != 0) {
    fprintf(stderr, "%s: %.*s\n", uvllm_strerror(result->status), (int) result->message.len,
            result->message.base != NULL ? result->message.base : "");
    exit(1);
  }
  c.ndone++;
  if (c.ndone == c.warm)
    mark(&c.from);
  if (c.ndone == c.warm + c.b.n) {
    mark(&c.to);
    uv_stop(c.loop);
  }
  if (c.nstarted < c.limit)
    start_one(uvllm_req_data(req));
}


/* ---- ticks: how late the program's own timer is --------------------------------- */

static struct ticks_s {
  uv_timer_t timer;
  uint64_t last_ns, n;
  uint32_t bins[10000]; /* of 10 us between two ticks */
} t;


static void on_tick(uv_timer_t* timer) {
  uint64_t now = bench_now_ns(), bin = (now - t.last_ns) / 10000;
  (void) timer;
  if (t.last_ns != 0) {
    t.bins[bin < 10000 ? bin : 9999]++;
    t.n++;
  }
  t.last_ns = now;
}


static void report_ticks(void) {
  uint64_t seen = 0;
  uint32_t bin = 0;
  while (bin < 9999 && (seen += t.bins[bin]) * 100 < t.n * 99)
    bin++;
  bench_print("tick_p99", (bin + 1) / 100.0, "ms");
}


/* Open streams: all have begun, a second to settle, then the measured time. */
static void on_second(uv_timer_t* timer) {
  if (c.nstreaming < c.b.n)
    return;
  c.phase++;
  if (bench_is(&c.b, "tls")) {
    bench_print("cpu_per_connection", (bench_cpu_us() - c.cpu_us) / 1000 / c.b.n, "ms");
    bench_print("rss_per_connection", (bench_rss_kib() - c.rss_kib) / c.b.n, "KiB");
    uv_stop(c.loop);
  } else if (c.phase == 2) {
    mark(&c.from);
    if (bench_is(&c.b, "ticks"))
      uv_timer_start(&t.timer, on_tick, 1, 1);
    uv_timer_start(timer, on_second, c.b.seconds * 1000ull, 0); /* a new repeat would come late */
  } else if (c.phase == 3) {
    mark(&c.to);
    uv_stop(c.loop);
  }
}


/* A stream that ends before its time ends the program: on_done(). */
static void report_open(void) {
  double seconds = (double) (c.to.time_ns - c.from.time_ns) / 1e9;
  bench_print("rss", bench_rss_kib() / 1024, "MiB");
  bench_print("rss_per_stream", (bench_rss_kib() - c.rss_kib) / c.b.n, "KiB");
  bench_print("streams_lost", (double) (c.b.n - c.nstreaming + c.ndone), "");
  bench_print("events_per_stream_s", (double) (c.to.events - c.from.events) / seconds / c.b.n, "");
}


static void run_load(void) {
  uint32_t n = c.is_open ? c.b.n : c.b.inflight;
  c.warm = c.is_open ? UINT64_MAX / 2 : 2 * (uint64_t) c.b.inflight + c.b.n / 10;
  c.limit = c.is_open ? n : c.warm + c.b.n + c.b.inflight;
  c.streams = calloc(n, sizeof(*c.streams));
  if (c.streams == NULL)
    bench_die("out of memory");
  for (uint32_t i = 0; i < n; i++)
    start_one(&c.streams[i]);
  if (c.is_open)
    uv_timer_start(&c.timer, on_second, bench_is(&c.b, "tls") ? 100 : 1000, 1000);
  uv_run(c.loop, UV_RUN_DEFAULT);
  if (bench_is(&c.b, "tls"))
    return;
  bench_report(&c.from, &c.to);
  if (c.is_open)
    report_open();
  if (bench_is(&c.b, "ticks"))
    report_ticks();
}


/* ---- wire: a server of one thread that notes when bytes come ------------------- */

static struct wire_s {
  int listener;
  uint32_t nsamples;
  uint64_t submitted_ns, arrived_ns;
  double* samples_us;
} w;


static void answer(int fd) {
  static const char body[] =
      "{\"id\":\"1\",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":"
      "{\"role\":\"assistant\",\"content\":\"The Danube.\"},\"finish_reason\":\"stop\"}]}";
  char text[512];
  int n = snprintf(text, sizeof(text),
                   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   sizeof(body) - 1, body);
  if (send(fd, text, (size_t) n, MSG_NOSIGNAL) != n)
    perror("send");
}


static void* serve(void* unused) {
  static char bytes[65536];
  (void) unused;
  for (int fd; (fd = accept(w.listener, NULL, NULL)) >= 0; close(fd)) {
    size_t n = 0;
    for (ssize_t got; (got = recv(fd, bytes + n, sizeof(bytes) - 1 - n, 0)) > 0;) {
      if (n == 0)
        __atomic_store_n(&w.arrived_ns, bench_now_ns(), __ATOMIC_RELEASE);
      n += (size_t) got;
      bytes[n] = '\0';
      const char* end = strstr(bytes, "\r\n\r\n");
      const char* length = strcasestr(bytes, "\r\ncontent-length:");
      if (end != NULL && length != NULL && strlen(end + 4) >= strtoul(length + 17, NULL, 10)) {
        answer(fd);
        n = 0;
      }
    }
  }
  return NULL;
}


static int by_size(const void* a, const void* b) {
  double x = *(const double*) a, y = *(const double*) b;
  return (x > y) - (x < y);
}


static void on_wire_done(uvllm_req_t* req, const uvllm_result_t* result) {
  (void) req;
  must(result->status, "the wire request");
  uint64_t arrived = __atomic_load_n(&w.arrived_ns, __ATOMIC_ACQUIRE);
  w.samples_us[w.nsamples++] = (double) (arrived - w.submitted_ns) / 1000;
}


static void on_wire_timer(uv_timer_t* timer) {
  uvllm_req_t* req;
  if (w.nsamples == c.b.n) {
    uv_timer_stop(timer);
    return;
  }
  w.submitted_ns = bench_now_ns();
  must(uvllm_submit(c.client, &c.request, NULL, on_wire_done, NULL, &req), "uvllm_submit");
}


static void start_server(char* url, size_t size) {
  struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t len = sizeof(addr);
  pthread_t thread;
  w.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(w.listener, (struct sockaddr*) &addr, len) != 0 || listen(w.listener, 8) != 0 ||
      getsockname(w.listener, (struct sockaddr*) &addr, &len) != 0 ||
      pthread_create(&thread, NULL, serve, NULL) != 0)
    bench_die("no server");
  pthread_detach(thread);
  snprintf(url, size, "http://127.0.0.1:%d", ntohs(addr.sin_port));
}


static void run_wire(void) {
  w.samples_us = calloc(c.b.n, sizeof(double));
  if (w.samples_us == NULL)
    bench_die("out of memory");
  uv_timer_start(&c.timer, on_wire_timer, 0, 5);
  uv_run(c.loop, UV_RUN_DEFAULT);
  qsort(w.samples_us, w.nsamples, sizeof(double), by_size);
  bench_print("submit_to_wire_p50", w.samples_us[w.nsamples / 2], "us");
  bench_print("submit_to_wire_p99", w.samples_us[w.nsamples * 99 / 100], "us");
}


/* ---- limit ------------------------------------------------------------------------ */

static void on_limit_event(uvllm_req_t* req, const uvllm_event_t* event) {
  (void) req;
  c.nattempts += event->type == UVLLM_EVENT_ATTEMPT;
}


static void on_limit_done(uvllm_req_t* req, const uvllm_result_t* result) {
  (void) req;
  c.n429 += result->answers_429;
  if (c.is_closing)
    return;
  must(result->status, "a limited request");
  c.ndone++;
  c.ntokens += result->usage->input_tokens + result->usage->output_tokens;
}


static void on_limit_end(uv_timer_t* timer) {
  (void) timer;
  uv_stop(c.loop);
}


/* The first request is sent at once, so the watched time begins with it. */
static void run_limit(void) {
  uint64_t n = c.b.rpm != 0 ? 2ull * c.b.rpm * c.b.seconds / 60 + 100
                            : 2ull * c.b.tpm * c.b.seconds / 60 / c.b.tokens + 100;
  for (uint64_t i = 0; i < n; i++) {
    uvllm_req_t* req;
    must(uvllm_submit(c.client, &c.request, on_limit_event, on_limit_done, NULL, &req),
         "uvllm_submit");
  }
  uv_timer_start(&c.timer, on_limit_end, c.b.seconds * 1000ull, 0);
  uv_run(c.loop, UV_RUN_DEFAULT);
  double a_request = c.ndone > 0 ? (double) c.ntokens / (double) c.ndone : 0;
  double admitted = (double) c.nattempts * (c.b.rpm != 0 ? 1 : a_request);
  double limit = (double) (c.b.rpm != 0 ? c.b.rpm : c.b.tpm) * c.b.seconds / 60;
  bench_print("admitted", admitted, c.b.rpm != 0 ? "requests" : "tokens");
  bench_print("utilisation", 100 * admitted / limit, "%");
  bench_print("answers_429", (double) c.n429, "");
}


/* ---- all modes ----------------------------------------------------------------------- */

static uvllm_transport transport_of(const char* name) {
  if (name == NULL)
    return UVLLM_TRANSPORT_AUTO;
  if (strcmp(name, "curl") == 0)
    return UVLLM_TRANSPORT_CURL;
  if (strcmp(name, "plain") != 0)
    bench_die("--transport is curl or plain");
  return UVLLM_TRANSPORT_PLAIN;
}


static void set_provider(const char* url) {
  static char base_url[300], name[] = "x-mock";
  uvllm_kv_t header = { name, strchr(c.b.x_mock, ' ') + 1 };
  uvllm_provider_options_t p;
  uvllm_key_t key;
  uvllm_provider_options_init(&p);
  snprintf(base_url, sizeof(base_url), "%s/v1", url);
  p.name = "bench";
  p.dialect = "openai";
  p.base_url = base_url;
  p.headers = &header;
  p.nheaders = 1;
  p.ca_file = c.b.ca;
  p.transport = transport_of(c.b.transport);
  p.limits.requests_per_min = c.b.rpm;
  p.limits.tokens_per_min = c.b.tpm;
  must(uvllm_provider_set(c.client, &p), "uvllm_provider_set");
  uvllm_key_init(&key);
  key.key = "sk-bench";
  must(uvllm_key_set(c.client, "bench", &key), "uvllm_key_set");
}


static void set_request(void) {
  static const char prompt[] = "Which river flows through Vienna?";
  uvllm_request_init(&c.request);
  c.message.role = UVLLM_USER;
  c.message.text.base = prompt;
  c.message.text.len = sizeof(prompt) - 1;
  c.request.messages = &c.message;
  c.request.nmessages = 1;
  c.request.target.provider = "bench";
  c.request.target.model = "gpt-4o-mini";
  c.request.timeout_ms = 0;
  if (bench_is(&c.b, "limit"))
    c.request.max_tokens = c.b.tokens;
  else if (c.is_open || bench_is(&c.b, "bursts"))
    c.request.flags = UVLLM_STREAM | UVLLM_NO_COLLECT;
}


static void on_closed(void* data) {
  (void) data;
  uv_close((uv_handle_t*) &c.timer, NULL);
  uv_close((uv_handle_t*) &t.timer, NULL);
}


int main(int argc, char** argv) {
  uvllm_client_options_t options;
  char wire_url[64];
  bench_options(&c.b, argc, argv, MODES);
  c.is_open = bench_is(&c.b, "streams") || bench_is(&c.b, "ticks") || bench_is(&c.b, "tls");
  bench_raise_files();
  c.loop = uv_default_loop();
  c.rss_kib = bench_rss_kib();
  c.cpu_us = bench_cpu_us();
  uvllm_client_options_init(&options);
  options.max_inflight = options.max_queued = c.b.n > c.b.inflight ? c.b.n : c.b.inflight;
  options.max_queued += 10000;
  must(uvllm_client_new(&c.client, c.loop, &options), "uvllm_client_new");
  uv_timer_init(c.loop, &c.timer);
  uv_timer_init(c.loop, &t.timer);
  int wire = bench_is(&c.b, "wire");
  if (wire)
    start_server(wire_url, sizeof(wire_url));
  set_provider(wire ? wire_url : c.b.url);
  set_request();
  if (wire)
    run_wire();
  else if (bench_is(&c.b, "limit") && (c.b.rpm != 0 || c.b.tpm != 0))
    run_limit();
  else if (c.is_open || bench_is(&c.b, "requests") || bench_is(&c.b, "bursts"))
    run_load();
  else
    bench_usage(argv[0], MODES);
  c.is_closing = 1;
  uvllm_client_close(c.client, on_closed, NULL);
  uv_run(c.loop, UV_RUN_DEFAULT);
  free(c.streams);
  free(w.samples_us);
  return 0;
}
