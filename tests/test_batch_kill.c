/* kill -9 at random moments of a batch, then the same again until it is done: all
 * ids exactly once, and none asked for after it was recorded.
 *
 * The server runs here and knows what it was asked; the batch runs in a child,
 * which is this program with arguments.
 */
#define _GNU_SOURCE /* strcasestr */
#include "test.h"

#include <signal.h>
#include <unistd.h>

#include "provider_init.h"
#include "uvllm/batch.h"

enum { NLINES = 1500, NKILLS = 20, MAX_REQUEST = 8192 };

/* ---- The child ---- */

static uvllm_client_t* client;

static void on_done(uvllm_batch_t* batch, int status, const uvllm_batch_progress_t* p) {
  if (status != 0)
    fprintf(stderr, "%d %s\n", status, uvllm_batch_error(batch));
  *(int*) uvllm_batch_data(batch) = status != 0 || p->failed != 0;
  uvllm_client_close(client, NULL, NULL);
}

static int child(const char* port, const char* input, const char* flags) {
  char url[64];
  int failed = 1;
  uvllm_client_options_t c;
  uvllm_provider_options_t p;
  uvllm_batch_options_t o;
  uvllm_batch_t* batch;
  uvllm_request_t defaults;
  uvllm_client_options_init(&c);
  core_provider_init(&p);
  uvllm_batch_options_init(&o);
  uvllm_request_init(&defaults);
  snprintf(url, sizeof(url), "http://127.0.0.1:%s/v1", port);
  c.max_inflight = o.concurrency = 16;
  p.name = "openai";
  p.base_url = url;
  defaults.max_attempts = 1;
  o.input = input;
  o.defaults = &defaults;
  o.flags = (unsigned int) atoi(flags);
  if (uvllm_client_new(&client, uv_default_loop(), &c) != 0 ||
      uvllm_provider_set(client, &p) != 0 ||
      uvllm_batch_start(&batch, uv_default_loop(), client, &o, on_done, &failed) != 0)
    return 2;
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
  return failed;
}

/* ---- The server ---- */

typedef struct conn_s {
  uv_tcp_t tcp;
  uv_timer_t delay;
  uv_write_t write;
  char in[MAX_REQUEST];
  size_t len;
  int nhandles;
} conn_t;

static struct {
  uv_loop_t loop;
  uv_tcp_t listener;
  uv_process_t process;
  uv_timer_t killer;
  uint64_t random;
  int nrequests;             /* in all */
  int nthis;                 /* since the child was started */
  int kill_at;               /* requests; 0: never */
  int exit_status, term_signal, running;
  int nafter;                /* asked for although recorded: must stay 0 */
  unsigned char recorded[NLINES + 1];
} world;

static uint32_t dice(uint32_t n) { /* xorshift64*, seeded: the same moments each time */
  world.random ^= world.random >> 12;
  world.random ^= world.random << 25;
  world.random ^= world.random >> 27;
  return (uint32_t) ((world.random * UINT64_C(2685821657736338717)) >> 33) % n;
}

static const char answer[] =
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 200\r\n\r\n"
    "{\"id\":\"x\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":["
    "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"yes\"},"
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"total_tokens\":2}}";

static void on_conn_closed(uv_handle_t* handle) {
  conn_t* c = handle->data;
  if (--c->nhandles == 0)
    free(c);
}

static void close_conn(conn_t* c) {
  if (uv_is_closing((uv_handle_t*) &c->tcp))
    return;
  uv_close((uv_handle_t*) &c->tcp, on_conn_closed);
  uv_close((uv_handle_t*) &c->delay, on_conn_closed);
}

static void on_delay(uv_timer_t* timer) {
  conn_t* c = timer->data;
  uv_buf_t buf = uv_buf_init((char*) answer, sizeof(answer) - 1);
  uv_write(&c->write, (uv_stream_t*) &c->tcp, &buf, 1, NULL);
}

static void on_request(conn_t* c, const char* body) {
  const char* at = strstr(body, "Question ");
  assert_non_null(at);
  int id = atoi(at + 9);
  assert_in_range(id, 1, NLINES);
  world.nafter += world.recorded[id];
  world.nrequests++;
  if (++world.nthis == world.kill_at)
    uv_timer_start(&world.killer, world.killer.timer_cb, dice(4), 0);
  uv_timer_start(&c->delay, on_delay, dice(5), 0);
}

static void on_bytes(uv_stream_t* stream, ssize_t n, const uv_buf_t* buf) {
  conn_t* c = stream->data;
  (void) buf;
  if (n < 0) {
    close_conn(c);
    return;
  }
  c->len += (size_t) n;
  c->in[c->len] = '\0';
  const char* body = strstr(c->in, "\r\n\r\n");
  const char* length = strcasestr(c->in, "content-length:");
  if (body == NULL || length == NULL)
    return;
  body += 4;
  if (c->len < (size_t) (body - c->in) + (size_t) atoi(length + 15))
    return;
  on_request(c, body);
  c->len = 0;
}

static void on_room(uv_handle_t* handle, size_t suggested, uv_buf_t* buf) {
  conn_t* c = handle->data;
  (void) suggested;
  *buf = uv_buf_init(c->in + c->len, (unsigned int) (MAX_REQUEST - 1 - c->len));
}

static void on_connection(uv_stream_t* listener, int status) {
  assert_int_equal(status, 0);
  conn_t* c = calloc(1, sizeof(*c));
  assert_non_null(c);
  uv_tcp_init(&world.loop, &c->tcp);
  uv_timer_init(&world.loop, &c->delay);
  c->tcp.data = c->delay.data = c;
  c->nhandles = 2;
  assert_int_equal(uv_accept(listener, (uv_stream_t*) &c->tcp), 0);
  uv_read_start((uv_stream_t*) &c->tcp, on_room, on_bytes);
}

/* ---- The murders ---- */

static void on_kill(uv_timer_t* timer) {
  (void) timer;
  if (world.running)
    uv_process_kill(&world.process, SIGKILL);
}

static void on_exit_cb(uv_process_t* process, int64_t exit_status, int term_signal) {
  world.exit_status = (int) exit_status;
  world.term_signal = term_signal;
  world.running = 0;
  uv_timer_stop(&world.killer);
  uv_close((uv_handle_t*) process, NULL);
}

static void run_child(const char* input, unsigned int flags, int kill_at) {
  char self[256], port[16], flag_text[16];
  size_t len = sizeof(self);
  struct sockaddr_in address;
  int address_len = sizeof(address);
  uv_stdio_container_t stdio[3];
  assert_int_equal(uv_exepath(self, &len), 0);
  uv_tcp_getsockname(&world.listener, (struct sockaddr*) &address, &address_len);
  snprintf(port, sizeof(port), "%d", ntohs(address.sin_port));
  snprintf(flag_text, sizeof(flag_text), "%u", flags);
  char* args[] = { self, port, (char*) input, flag_text, NULL };
  uv_process_options_t options;
  memset(&options, 0, sizeof(options));
  memset(stdio, 0, sizeof(stdio));
  stdio[1].flags = stdio[2].flags = UV_INHERIT_FD;
  stdio[1].data.fd = stdio[2].data.fd = 2;
  options.file = self;
  options.args = args;
  options.exit_cb = on_exit_cb;
  options.stdio = stdio;
  options.stdio_count = 3;
  world.nthis = 0;
  world.kill_at = kill_at;
  world.running = 1;
  assert_int_equal(uv_spawn(&world.loop, &world.process, &options), 0);
  while (world.running)
    uv_run(&world.loop, UV_RUN_ONCE);
}

/* Whole lines of a file; counts[id] goes up for each. A torn last line is none. */
static void count_records(const char* path, int* counts) {
  char line[4096];
  FILE* f = fopen(path, "r");
  if (f == NULL)
    return;
  while (fgets(line, sizeof(line), f) != NULL) {
    const char* id = strstr(line, "\"custom_id\":\"r");
    if (strchr(line, '\n') == NULL)
      break;
    assert_non_null(id);
    assert_in_range(atoi(id + 14), 1, NLINES);
    counts[atoi(id + 14)]++;
  }
  fclose(f);
}

static int look_at_files(const char* folder, int last) {
  static int counts[NLINES + 1];
  char path[128];
  int n = 0;
  memset(counts, 0, sizeof(counts));
  snprintf(path, sizeof(path), "%s/in.results.jsonl", folder);
  count_records(path, counts);
  snprintf(path, sizeof(path), "%s/in.errors.jsonl", folder);
  count_records(path, counts);
  for (int i = 1; i <= NLINES; i++) {
    assert_in_range(counts[i], last || world.recorded[i], 1);
    world.recorded[i] = counts[i] != 0;
    n += counts[i];
  }
  return n;
}

static void write_input(const char* path) {
  FILE* f = fopen(path, "w");
  assert_non_null(f);
  for (int i = 1; i <= NLINES; i++)
    fprintf(f, "{\"custom_id\":\"r%d\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\","
               "\"body\":{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
               "\"Question %d\"}]}}\n", i, i);
  fclose(f);
}

static void kill_and_resume(unsigned int flags, uint64_t seed) {
  char folder[64] = "/tmp/uvllm-kill-XXXXXX", input[128], command[128];
  struct sockaddr_in address;
  memset(&world, 0, sizeof(world));
  world.random = seed;
  assert_non_null(mkdtemp(folder));
  snprintf(input, sizeof(input), "%s/in.jsonl", folder);
  write_input(input);
  assert_int_equal(uv_loop_init(&world.loop), 0);
  uv_timer_init(&world.loop, &world.killer);
  uv_timer_start(&world.killer, on_kill, 0, 0); /* so that it knows what to do */
  uv_timer_stop(&world.killer);
  uv_tcp_init(&world.loop, &world.listener);
  uv_ip4_addr("127.0.0.1", 0, &address);
  assert_int_equal(uv_tcp_bind(&world.listener, (struct sockaddr*) &address, 0), 0);
  assert_int_equal(uv_listen((uv_stream_t*) &world.listener, 128, on_connection), 0);
  int nkilled = 0, nrecorded = 0;
  for (int i = 0; i < NKILLS; i++) {
    run_child(input, flags, 1 + (int) dice(2 * NLINES / NKILLS));
    nkilled += world.term_signal == SIGKILL;
    nrecorded = look_at_files(folder, 0);
    assert_int_equal(world.nafter, 0);
  }
  assert_true(nkilled >= NKILLS / 2);
  run_child(input, flags, 0);
  assert_int_equal(world.term_signal, 0);
  assert_int_equal(world.exit_status, 0);
  assert_int_equal(look_at_files(folder, 1), NLINES);
  assert_int_equal(world.nafter, 0);
  print_message("%d killed with %d of %d recorded; %d requests\n", nkilled, nrecorded, NLINES,
                world.nrequests);
  uv_close((uv_handle_t*) &world.listener, NULL);
  uv_close((uv_handle_t*) &world.killer, NULL);
  uv_run(&world.loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&world.loop), 0);
  snprintf(command, sizeof(command), "rm -rf '%s'", folder);
  assert_int_equal(system(command), 0);
}

static void killed_at_any_moment_it_goes_on(void** state) {
  (void) state;
  kill_and_resume(0, 20260101);
}

static void killed_at_any_moment_it_goes_on_in_order(void** state) {
  (void) state;
  kill_and_resume(UVLLM_BATCH_ORDERED, 20260102);
}

int main(int argc, char** argv) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(killed_at_any_moment_it_goes_on),
    cmocka_unit_test(killed_at_any_moment_it_goes_on_in_order),
  };
  if (argc == 4)
    return child(argv[1], argv[2], argv[3]);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
