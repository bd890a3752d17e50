/* uvllm mock: the mock provider as a server, until it is told to end (^C, SIGTERM).
 */
#include <errno.h>
#include <signal.h>

#include "common.h"
#include "uvllm/mock.h"

enum {
  OPT_PORT = 256,
  OPT_TTFT_MS,
  OPT_ITL_MS,
  OPT_JITTER,
  OPT_TOKENS,
  OPT_RPM,
  OPT_TPM,
  OPT_MAX_INFLIGHT,
  OPT_ERROR_RATE,
  OPT_STALL_RATE,
  OPT_CUT_RATE,
  OPT_MALFORMED_RATE,
  OPT_SEED,
  OPT_REQUIRE_KEY,
  OPT_BUSY_POLL,
  OPT_LOG
};

static const cli_option_t options[] = {
  { "port", OPT_PORT, "N", "listen there (0: a free one)" },
  { "ttft-ms", OPT_TTFT_MS, "N", "milliseconds to the first token (0)" },
  { "itl-ms", OPT_ITL_MS, "N", "milliseconds between tokens (0: all at once)" },
  { "jitter", OPT_JITTER, "P", "these times vary by up to this fraction, 0 to 1 (0)" },
  { "tokens", OPT_TOKENS, "N", "tokens of an answer (16)" },
  { "rpm", OPT_RPM, "N", "requests a minute; beyond: 429" },
  { "tpm", OPT_TPM, "N", "tokens a minute; beyond: 429" },
  { "max-inflight", OPT_MAX_INFLIGHT, "N", "requests at once; beyond: 429" },
  { "error-rate", OPT_ERROR_RATE, "P", "fraction of the requests that end in 500 or 503" },
  { "stall-rate", OPT_STALL_RATE, "P", "fraction that stop in the middle for ever" },
  { "cut-rate", OPT_CUT_RATE, "P", "fraction that are cut off in the middle" },
  { "malformed-rate", OPT_MALFORMED_RATE, "P", "fraction that have broken JSON" },
  { "seed", OPT_SEED, "N", "other answers; the same for a seed and a prompt" },
  { "require-key", OPT_REQUIRE_KEY, "KEY", "let in this bearer alone" },
  { "busy-poll", OPT_BUSY_POLL, NULL, "never sleep: takes a core, for benchmarks of clients" },
  { "log", OPT_LOG, "FILE", "append a line for each request" },
  { NULL, 0, NULL, NULL }
};

typedef struct server_s {
  cli_common_t common;
  uvllm_mock_options_t options;
  const char* log_path;
  FILE* log; /* NULL: none */
  uv_loop_t loop;
  uvllm_mock_t* mock;
  uv_signal_t signals[2];
  int busy_poll;
  uv_idle_t idle;
} server_t;


static int take_rate(server_t* s, int id, const char* value) {
  switch (id) {
    case OPT_JITTER: return cli_take_number("--jitter", value, 0, 1, &s->options.jitter);
    case OPT_ERROR_RATE:
      return cli_take_number("--error-rate", value, 0, 1, &s->options.error_rate);
    case OPT_STALL_RATE:
      return cli_take_number("--stall-rate", value, 0, 1, &s->options.stall_rate);
    case OPT_CUT_RATE: return cli_take_number("--cut-rate", value, 0, 1, &s->options.cut_rate);
    default: return cli_take_number("--malformed-rate", value, 0, 1, &s->options.malformed_rate);
  }
}


static int take_port(server_t* s, const char* value) {
  uint64_t port = 0;
  int status = cli_take_count("--port", value, 0, 65535, &port);
  s->options.port = (int) port;
  return status;
}


static int take_key(server_t* s, const char* value) {
  s->options.require_key = value;
  if (*value != '\0')
    return 0;
  cli_error("--require-key: the key is empty");
  return CLI_USAGE;
}


static int take(void* into, int id, const char* value) {
  server_t* s = into;
  uvllm_mock_options_t* o = &s->options;
  switch (id) {
    case OPT_PORT: return take_port(s, value);
    case OPT_TTFT_MS: return cli_take_count32("--ttft-ms", value, 0, &o->ttft_ms);
    case OPT_ITL_MS: return cli_take_count32("--itl-ms", value, 0, &o->itl_ms);
    case OPT_TOKENS: return cli_take_count32("--tokens", value, 1, &o->ntokens);
    case OPT_RPM: return cli_take_count32("--rpm", value, 1, &o->requests_per_min);
    case OPT_TPM: return cli_take_count("--tpm", value, 1, UINT64_C(1) << 40, &o->tokens_per_min);
    case OPT_MAX_INFLIGHT: return cli_take_count32("--max-inflight", value, 1, &o->max_inflight);
    case OPT_SEED: return cli_take_count("--seed", value, 0, UINT64_MAX, &o->seed);
    case OPT_REQUIRE_KEY: return take_key(s, value);
    case OPT_BUSY_POLL: s->busy_poll = 1; return 0;
    case OPT_LOG: s->log_path = value; return 0;
    default: return take_rate(s, id, value);
  }
}


/* ---- The server ---------------------------------------------------------------------- */

/* A full disk must not end the server: the log does. */
static void on_log(void* data, const char* line) {
  server_t* s = data;
  cli_note(UVLLM_LOG_INFO, "%s", line);
  if (s->log == NULL || fprintf(s->log, "%s\n", line) >= 0)
    return;
  cli_error("--log: %s cannot be written any more: %s", s->log_path, strerror(errno));
  fclose(s->log);
  s->log = NULL;
}


static int open_log(server_t* s) {
  if (s->log_path != NULL) {
    s->log = fopen(s->log_path, "ae");
    if (s->log == NULL) {
      cli_error("--log: %s cannot be opened: %s", s->log_path, strerror(errno));
      return CLI_USAGE;
    }
    setvbuf(s->log, NULL, _IOLBF, 0);
  }
  if (s->log != NULL || s->common.verbosity > 0) {
    s->options.log_cb = on_log;
    s->options.log_data = s;
  }
  return 0;
}


static int print_listening(const server_t* s) {
  printf(s->common.json ? "{\"listening\":\"http://127.0.0.1:%d\"}\n"
                        : "listening http://127.0.0.1:%d\n",
         uvllm_mock_port(s->mock));
  return cli_flush(stdout, "standard output");
}


static void put(uvllm_json_writer_t* w, const char* name, uint64_t n) {
  uvllm_json_name(w, name);
  uvllm_json_write_int(w, (int64_t) n);
}


/* With --json: what it saw, as GET /mock/stats tells it. */
static void print_stats(const server_t* s) {
  uvllm_mock_stats_t t;
  uvllm_json_writer_t* w;
  if (!s->common.json || uvllm_json_writer_new(&w, NULL) != 0)
    return;
  uvllm_mock_stats(s->mock, &t);
  uvllm_json_begin_object(w);
  put(w, "requests", t.requests);
  put(w, "streams", t.streams);
  put(w, "answers_429", t.answers_429);
  put(w, "answers_5xx", t.answers_5xx);
  put(w, "max_inflight", t.max_inflight);
  put(w, "max_admitted_60s", t.max_admitted_60s);
  put(w, "input_tokens", t.input_tokens);
  put(w, "output_tokens", t.output_tokens);
  put(w, "cancelled", t.cancelled);
  uvllm_json_end_object(w);
  uvllm_str_t text = uvllm_json_writer_text(w);
  if (text.base != NULL)
    printf("%.*s\n", (int) text.len, text.base);
  uvllm_json_writer_free(w);
}


static void stop(server_t* s) {
  if (s->mock == NULL)
    return;
  print_stats(s);
  uvllm_mock_stop(s->mock, NULL, NULL);
  s->mock = NULL;
  for (int i = 0; i < 2; i++)
    uv_close((uv_handle_t*) &s->signals[i], NULL);
  if (s->busy_poll)
    uv_close((uv_handle_t*) &s->idle, NULL);
}


static void on_signal(uv_signal_t* handle, int number) {
  (void) number;
  stop(handle->data);
}


static void start_signals(server_t* s) {
  static const int numbers[] = { SIGINT, SIGTERM };
  for (int i = 0; i < 2; i++) {
    uv_signal_init(&s->loop, &s->signals[i]);
    s->signals[i].data = s;
    uv_signal_start(&s->signals[i], on_signal, numbers[i]);
  }
}


static void on_idle(uv_idle_t* idle) {
  (void) idle; /* that it runs keeps the loop from blocking */
}


/* A client that sends to a process asleep pays for waking it up, which it does not
 * where the server is another machine. */
static void start_busy_poll(server_t* s) {
  if (!s->busy_poll)
    return;
  uv_idle_init(&s->loop, &s->idle);
  uv_idle_start(&s->idle, on_idle);
}


static int serve(server_t* s) {
  int err = uv_loop_init(&s->loop);
  if (err != 0) {
    cli_error("no event loop: %s", uv_strerror(err));
    return CLI_USAGE;
  }
  int status = 0;
  err = uvllm_mock_start(&s->mock, &s->loop, &s->options);
  if (err == 0) {
    start_signals(s);
    start_busy_poll(s);
    status = print_listening(s);
    if (status != 0)
      stop(s);
  } else {
    cli_error("port %d of 127.0.0.1 cannot be listened on: %s%s", s->options.port, uv_strerror(err),
              err == UV_EADDRINUSE ? " (--port 0 takes a free one)" : "");
    status = CLI_USAGE;
  }
  uv_run(&s->loop, UV_RUN_DEFAULT);
  uv_loop_close(&s->loop);
  return status == 0 ? cli_flush(stdout, "standard output") : status;
}


static int run(int argc, char** argv) {
  server_t s;
  memset(&s, 0, sizeof(s));
  uvllm_mock_options_init(&s.options);
  int status = cli_parse(&cli_mock, argc, argv, &s.common, take, &s);
  if (status != CLI_GO_ON)
    return status;
  if (s.common.noperands > 0) {
    cli_error("'%s' is no option (see uvllm mock --help)", s.common.operands[0]);
    status = CLI_USAGE;
  } else {
    cli_raise_descriptors();
    status = open_log(&s);
    if (status == 0)
      status = serve(&s);
  }
  if (s.log != NULL)
    fclose(s.log);
  cli_common_free(&s.common);
  return status;
}


const cli_command_t cli_mock = {
  "mock",
  "run the mock provider as a server",
  "[OPTIONS]",
  "Runs the mock provider on loopback and prints where it listens; it speaks OpenAI's\n"
  "dialect, Azure's (/openai), Ollama's (/api) and Bedrock's (/model). ^C ends it. GET\n"
  "/mock/stats tells what it saw; the request header\n"
  "x-mock: ttft=200,itl=5,tokens=50,status=503,retry-after=2,cut=10,stall=3,malformed,drip\n"
  "asks for one behaviour.",
  "uvllm mock --port 8080 --ttft-ms 200 --itl-ms 20 --error-rate 0.05",
  options,
  0,
  run
};
