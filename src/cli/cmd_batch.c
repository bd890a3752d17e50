/* uvllm batch: a thin face on uvllm/batch.h. Options become its options; signals
 * stop it; its end becomes the summary and the exit status.
 */
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "batch.h"

enum {
  OPT_CONCURRENCY = 256,
  OPT_RPM,
  OPT_TPM,
  OPT_BUDGET,
  OPT_TIMEOUT,
  OPT_MAX_ATTEMPTS,
  OPT_ORDERED,
  OPT_LIMIT,
  OPT_RETRY_FAILED,
  OPT_RESTART,
  OPT_DRY_RUN,
  OPT_TEMPLATE,
  OPT_TAG,
  OPT_SUMMARY,
  OPT_NO_PROGRESS,
  OPT_ALLOW_UNPRICED
};

static const cli_option_t options[] = {
  { "output", 'o', "FILE",
    "answers (default: INPUT with .results.jsonl); failures go\n"
    "to the same name with .errors.jsonl" },
  { "concurrency", OPT_CONCURRENCY, "N", "requests in flight (64)" },
  { "rpm", OPT_RPM, "N", "requests in any minute" },
  { "tpm", OPT_TPM, "N", "tokens in any minute, input and output together" },
  { "budget", OPT_BUDGET, "USD", "spend no more than this" },
  { "allow-unpriced", OPT_ALLOW_UNPRICED, NULL,
    "under a budget: let models without a known price\n"
    "run uncounted" },
  { "timeout", OPT_TIMEOUT, "S",
    "seconds for a request, its waiting and retries included\n"
    "(600)" },
  { "max-attempts", OPT_MAX_ATTEMPTS, "N", "how often a request is tried (5)" },
  { "ordered", OPT_ORDERED, NULL, "write answers in the input's order" },
  { "limit", OPT_LIMIT, "N", "the first N lines only" },
  { "retry-failed", OPT_RETRY_FAILED, NULL, "run what stands in the errors file again" },
  { "restart", OPT_RESTART, NULL, "begin anew: overwrite the answers of a run before" },
  { "dry-run", OPT_DRY_RUN, NULL, "check and estimate; send and write nothing" },
  { "template", OPT_TEMPLATE, "TEXT|@FILE",
    "the prompt; {field} is replaced from the\n"
    "line: any JSON object, or a row of a .csv file" },
  { "tag", OPT_TAG, "NAME", "account to this tag" },
  { "summary", OPT_SUMMARY, "FILE", "write the summary as JSON" },
  { "no-progress", OPT_NO_PROGRESS, NULL, "no progress line" },
  { NULL, 0, NULL, NULL }
};

typedef struct batch_args_s {
  cli_common_t common;
  const char *output, *template_text, *tag, *summary;
  uvllm_str_t template_file; /* what template_text points to, if it was @FILE */
  uint32_t concurrency, rpm, max_attempts;
  uint64_t tpm, timeout_ms, limit;
  int64_t budget_pusd;
  unsigned int flags;
  int no_progress, allow_unpriced;
} batch_args_t;

typedef struct run_s {
  const batch_args_t* args;
  cli_session_t session;
  uvllm_batch_t* batch; /* NULL: it has ended */
  cli_progress_t progress;
  int has_progress;
  cli_narrator_t narrator;
  int narrates;
  uv_signal_t signals[2];
  int nsignals; /* how often it was asked to stop */
  cli_summary_file_t summary;
  int status;
} run_t;


/* ---- Options -------------------------------------------------------------------------- */

static int take_template(batch_args_t* a, const char* value) {
  if (value[0] != '@') {
    a->template_text = value;
    return 0;
  }
  free((char*) a->template_file.base);
  a->template_file.base = NULL;
  int status = cli_read_file(value + 1, &a->template_file);
  if (status == 0 && strlen(a->template_file.base) != a->template_file.len) {
    cli_error("--template: %s is not a text: there is a zero byte in it", value + 1);
    status = CLI_USAGE;
  }
  a->template_text = a->template_file.base;
  return status;
}


static int take_flag(batch_args_t* a, int id) {
  switch (id) {
    case OPT_ORDERED: a->flags |= UVLLM_BATCH_ORDERED; break;
    case OPT_RETRY_FAILED: a->flags |= UVLLM_BATCH_RETRY_FAILED; break;
    case OPT_RESTART: a->flags |= UVLLM_BATCH_RESTART; break;
    case OPT_DRY_RUN: a->flags |= UVLLM_BATCH_DRY_RUN; break;
    case OPT_NO_PROGRESS: a->no_progress = 1; break;
    default: a->allow_unpriced = 1; break;
  }
  return 0;
}


static int take(void* into, int id, const char* value) {
  batch_args_t* a = into;
  switch (id) {
    case 'o': a->output = value; return 0;
    case OPT_TAG: a->tag = value; return 0;
    case OPT_SUMMARY: a->summary = value; return 0;
    case OPT_TEMPLATE: return take_template(a, value);
    case OPT_CONCURRENCY: return cli_take_count32("--concurrency", value, 1, &a->concurrency);
    case OPT_RPM: return cli_take_count32("--rpm", value, 1, &a->rpm);
    case OPT_TPM: return cli_take_count("--tpm", value, 1, UINT64_C(1) << 40, &a->tpm);
    case OPT_BUDGET: return cli_take_dollars("--budget", value, &a->budget_pusd);
    case OPT_TIMEOUT: return cli_take_seconds("--timeout", value, &a->timeout_ms);
    case OPT_MAX_ATTEMPTS: return cli_take_count32("--max-attempts", value, 1, &a->max_attempts);
    case OPT_LIMIT: return cli_take_count("--limit", value, 1, UINT64_MAX, &a->limit);
    default: return take_flag(a, id);
  }
}


static int check(const batch_args_t* a) {
  if (a->common.noperands != 1) {
    cli_error("%s (see uvllm batch --help)", a->common.noperands == 0
                                                 ? "INPUT is missing: a file of requests, or -"
                                                 : "one INPUT at a time");
    return CLI_USAGE;
  }
  if (a->template_text != NULL && a->common.model == NULL) {
    cli_error("--template needs -m: its lines name no model");
    return CLI_USAGE;
  }
  return 0;
}


/* ---- The run ------------------------------------------------------------------------------ */

static void on_signal(uv_signal_t* handle, int number) {
  run_t* r = handle->data;
  (void) number;
  if (++r->nsignals > 2)
    _exit(CLI_INTERRUPTED); /* what is finished is written */
  if (r->batch == NULL)
    return;
  if (r->nsignals == 1) {
    uvllm_batch_progress_t p;
    uvllm_batch_progress(r->batch, &p);
    cli_note(UVLLM_LOG_WARN,
             "interrupted: nothing new is sent, %" PRIu64
             " in flight may finish; once more "
             "cancels them",
             p.inflight);
  }
  if (r->has_progress)
    r->progress.stopping = r->nsignals;
  uvllm_batch_stop(r->batch);
}


/* A dry run writes no failures: the malformed are all it can know. */
static int exit_status(int err, const uvllm_batch_progress_t* p) {
  switch (err) {
    case 0: return p->failed + p->malformed > 0 ? CLI_FAILED : CLI_OK;
    case UV_ECANCELED: return CLI_INTERRUPTED;
    case UVLLM_EBUDGET: return CLI_BUDGET;
    case UVLLM_EAUTH:
    case UVLLM_EQUOTA: return CLI_FAILED;
    default: return CLI_USAGE;
  }
}


/* Where it did not even begin there is nothing to sum up. */
static int has_begun(int err, const uvllm_batch_progress_t* p) {
  return err == 0 || err == UV_ECANCELED || err == UVLLM_EBUDGET || err == UVLLM_EAUTH ||
         err == UVLLM_EQUOTA || p->succeeded + p->failed > 0;
}


static void tell_error(const run_t* r, int err) {
  const char* why = uvllm_batch_error(r->batch);
  char* variable = cli_key_variable(r->session.provider);
  if (*why == '\0')
    why = uvllm_strerror(err);
  if (err == UVLLM_EUNPRICED)
    cli_error("%s; --prices FILE adds some, --allow-unpriced lets it run uncounted", why);
  else if (err == UVLLM_ENOKEY || err == UVLLM_EAUTH || err == UVLLM_EQUOTA)
    cli_error("%s; the key is read from %s", why, variable);
  else
    cli_error("%s", why);
  free(variable);
}


static void report(run_t* r, int err, const uvllm_batch_progress_t* p) {
  const int dry_run = (r->args->flags & UVLLM_BATCH_DRY_RUN) != 0;
  const int tells = has_begun(err, p);
  if (err != 0)
    tell_error(r, err);
  if (p->input_changed)
    cli_note(UVLLM_LOG_WARN, "%s is not the input that %s was begun with",
             r->args->common.operands[0], p->output);
  if (tells && r->narrates)
    cli_narrate_end(p);
  int status = cli_summary_close(&r->summary, tells ? p : NULL, dry_run);
  if (tells && r->args->common.json)
    status = cli_summary_write(stdout, "standard output", p, dry_run) != 0 ? CLI_USAGE : status;
  else if (tells)
    cli_summary_print(p, dry_run);
  r->status = status != 0 ? status : exit_status(err, p);
}


static void on_done(uvllm_batch_t* batch, int err, const uvllm_batch_progress_t* p) {
  run_t* r = uvllm_batch_data(batch);
  if (r->has_progress)
    cli_progress_stop(&r->progress);
  if (r->narrates)
    cli_narrate_stop(&r->narrator);
  report(r, err, p);
  for (int i = 0; i < 2; i++)
    uv_close((uv_handle_t*) &r->signals[i], NULL);
  r->batch = NULL;
}


static void start_signals(run_t* r) {
  static const int numbers[] = { SIGINT, SIGTERM };
  for (int i = 0; i < 2; i++) {
    uv_signal_init(&r->session.loop, &r->signals[i]);
    r->signals[i].data = r;
    uv_signal_start(&r->signals[i], on_signal, numbers[i]);
    uv_unref((uv_handle_t*) &r->signals[i]);
  }
}


static int start_batch(run_t* r) {
  const batch_args_t* a = r->args;
  uvllm_batch_options_t o;
  uvllm_request_t defaults;
  uvllm_request_init(&defaults);
  defaults.max_attempts = a->max_attempts;
  defaults.timeout_ms = a->timeout_ms;
  defaults.tag = a->tag;
  uvllm_batch_options_init(&o);
  o.input = a->common.operands[0];
  o.output = a->output;
  o.target.provider = a->common.provider;
  o.target.model = a->common.model;
  o.defaults = &defaults;
  o.template_text = a->template_text;
  o.limit = a->limit;
  o.concurrency = a->concurrency;
  o.prices_json = r->session.prices_json;
  o.price_as = r->session.price_as;
  o.flags = a->flags;
  int err = uvllm_batch_start(&r->batch, &r->session.loop, r->session.client, &o, on_done, r);
  if (err != 0)
    cli_error("the batch cannot be started: %s", uvllm_strerror(err));
  return err == 0 ? 0 : CLI_USAGE;
}


static void start_progress(run_t* r) {
  int to_terminal = cli_is_terminal(STDERR_FILENO);
  if (r->args->no_progress || (!to_terminal && r->args->common.verbosity == 0))
    return;
  r->has_progress = 1;
  cli_progress_start(&r->progress, &r->session.loop, r->batch, to_terminal);
}


static void start_narrator(run_t* r, const cli_session_options_t* o) {
  r->narrates = r->args->common.verbosity > 0 && (r->args->flags & UVLLM_BATCH_DRY_RUN) == 0;
  if (r->narrates)
    cli_narrate_start(&r->narrator, &r->session, o, r->batch);
}


static int run_with(run_t* r) {
  const batch_args_t* a = r->args;
  cli_session_options_t o = { a->common.provider != NULL ? a->common.provider : "openai",
                              a->common.model,
                              a->concurrency,
                              { 0 },
                              a->budget_pusd,
                              a->allow_unpriced,
                              (a->flags & UVLLM_BATCH_DRY_RUN) != 0 };
  o.limits.requests_per_min = a->rpm;
  o.limits.tokens_per_min = a->tpm;
  int status = cli_summary_open(&r->summary, a->summary, a->common.operands[0]);
  if (status != 0)
    return status;
  status = cli_session_open(&r->session, &a->common, &o);
  if (status == 0) {
    status = start_batch(r);
    if (status == 0) {
      start_signals(r);
      start_progress(r);
      start_narrator(r, &o);
      uv_run(&r->session.loop, UV_RUN_DEFAULT);
      status = r->status;
      r->summary.path = NULL; /* closed by report() */
    }
    cli_session_close(&r->session);
  }
  cli_summary_close(&r->summary, NULL, 0);
  return status;
}


static int run(int argc, char** argv) {
  batch_args_t a;
  run_t r;
  memset(&a, 0, sizeof(a));
  memset(&r, 0, sizeof(r));
  a.concurrency = 64;
  a.max_attempts = 5;
  a.timeout_ms = 600000;
  int status = cli_parse(&cli_batch, argc, argv, &a.common, take, &a);
  if (status == CLI_GO_ON) {
    r.args = &a;
    status = check(&a);
    if (status == 0)
      status = run_with(&r);
    cli_common_free(&a.common);
  }
  free((char*) a.template_file.base);
  return status;
}


const cli_command_t cli_batch = {
  "batch",
  "run a file of requests; run again, it goes on where it ended",
  "INPUT [OPTIONS]",
  "Sends every line of INPUT and writes one line an answer; run again, it goes on where\n"
  "it ended. A line is a request in OpenAI's batch format; - is standard input.",
  "uvllm batch prompts.jsonl -m openai/gpt-4o-mini --rpm 500 --budget 5",
  options,
  CLI_HAS_MODEL | CLI_HAS_PROVIDER,
  run
};
