/* What a batch came to: a table for the eye on standard error, and JSON for
 * --summary and --json. What is not known is null there, never 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "batch.h"

#define SECOND 1000000000.0


static uint64_t answered(const uvllm_batch_progress_t* p) {
  return p->succeeded + p->failed - p->malformed;
}


static double per_second(const uvllm_batch_progress_t* p) {
  return p->duration_ns > 0 ? (double) answered(p) * SECOND / (double) p->duration_ns : 0;
}


/* ---- For the eye -------------------------------------------------------------------- */

static void row(const char* name, const char* format, ...) __attribute__((format(printf, 2, 3)));

static void row(const char* name, const char* format, ...) {
  va_list args;
  va_start(args, format);
  fprintf(stderr, "  %-14s", name);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
}


static void count_row(const char* name, uint64_t n, const char* note) {
  char text[CLI_MONEY];
  if (n > 0)
    row(name, "%s%s", cli_grouped(n, text), note);
}


/* Milliseconds; below ten with one place. */
static const char* milliseconds(double ms, char text[CLI_MONEY]) {
  snprintf(text, CLI_MONEY, ms < 9.95 ? "%.1f ms" : "%.0f ms", ms);
  return text;
}


static void times_row(const char* name, const uvllm_batch_times_t* t) {
  char p50[CLI_MONEY], p90[CLI_MONEY], p99[CLI_MONEY], max[CLI_MONEY];
  row(name, "p50 %s  p90 %s  p99 %s  max %s", milliseconds(t->p50, p50),
      milliseconds(t->p90, p90), milliseconds(t->p99, p99), milliseconds(t->max, max));
}


static void token_rows(const uvllm_usage_t* u) {
  char n[CLI_MONEY], part[CLI_MONEY];
  if (u->cached_input_tokens > 0)
    row("tokens in", "%s, %s of them cached", cli_grouped(u->input_tokens, n),
        cli_grouped(u->cached_input_tokens, part));
  else
    row("tokens in", "%s", cli_grouped(u->input_tokens, n));
  if (u->reasoning_tokens > 0)
    row("tokens out", "%s, %s of them reasoning", cli_grouped(u->output_tokens, n),
        cli_grouped(u->reasoning_tokens, part));
  else
    row("tokens out", "%s", cli_grouped(u->output_tokens, n));
}


static void cost_row(const char* cost, uint64_t nunpriced, uint64_t nall) {
  char n[CLI_MONEY];
  if (nunpriced == 0)
    row("cost", "%s", cost);
  else if (nunpriced >= nall)
    row("cost", "not known: no price for the model (see --prices)");
  else
    row("cost", "%s, and %s requests without a known price", cost, cli_grouped(nunpriced, n));
}


static void file_rows(const uvllm_batch_progress_t* p) {
  row("output", "%s", p->output);
  if (p->failed > 0)
    row("errors", "%s", p->errors);
}


static void print_dry_run(const uvllm_batch_progress_t* p) {
  char n[CLI_MONEY], likely[CLI_MONEY], worst[CLI_MONEY], cost[3 * CLI_MONEY];
  fprintf(stderr, "nothing was sent; these would be\n");
  row("requests", "%s", cli_grouped(p->requests, n));
  count_row("malformed", p->malformed, "");
  count_row("skipped", p->skipped, " (answered before)");
  row("tokens in", "about %s", cli_grouped(p->estimate.input_tokens, n));
  row("tokens out", "%s %s", p->unbounded > 0 ? "about" : "at most",
      cli_grouped(p->estimate.output_tokens, n));
  count_row("unbounded", p->unbounded,
            " (no max_tokens: 256 of the tokens, at worst all that the model can answer)");
  snprintf(cost, sizeof(cost), "about %s, at worst %s", cli_money(p->likely_pusd, likely),
           cli_money(p->estimate.cost_pusd, worst));
  cost_row(cost, p->unpriced, p->requests);
  row("output", "%s", p->output);
}


static void print_run(const uvllm_batch_progress_t* p) {
  char n[CLI_MONEY], total[CLI_MONEY], cost[CLI_MONEY];
  if (p->total > 0)
    row("succeeded", "%s of %s", cli_grouped(p->succeeded, n), cli_grouped(p->total, total));
  else
    row("succeeded", "%s", cli_grouped(p->succeeded, n));
  count_row("failed", p->failed, "");
  count_row("malformed", p->malformed, " of the failed");
  count_row("skipped", p->skipped, " (in the files before)");
  count_row("unaffordable", p->unaffordable, " (the next run takes them up)");
  count_row("rejected", p->rejected, " for the key or its quota (the next run takes them up)");
  count_row("cancelled", p->cancelled, " (the next run takes them up)");
  count_row("not written", p->unwritten, " (the next run takes them up)");
  row("time", "%.*f s, %.1f requests/s", p->duration_ns < 10 * SECOND ? 2 : 0,
      (double) p->duration_ns / SECOND, per_second(p));
  token_rows(&p->usage);
  cost_row(cli_money(p->usage.cost_pusd, cost), p->unpriced, answered(p));
  row("attempts", "%s", cli_grouped(p->attempts, n));
  count_row("retries", p->retries, "");
  count_row("429 answers", p->http_429, "");
  if (p->succeeded > 0) /* answers come whole: the first token would say the same */
    times_row("latency", &p->latency);
  file_rows(p);
}


void cli_summary_print(const uvllm_batch_progress_t* p, int dry_run) {
  if (dry_run)
    print_dry_run(p);
  else
    print_run(p);
}


/* ---- As JSON --------------------------------------------------------------------------- */

static void put_count(uvllm_json_writer_t* w, const char* name, uint64_t n) {
  uvllm_json_name(w, name);
  uvllm_json_write_int(w, n > INT64_MAX ? INT64_MAX : (int64_t) n);
}


/* Three places: more would be noise. */
static void put_decimal(uvllm_json_writer_t* w, const char* name, double n) {
  char text[64];
  int len = snprintf(text, sizeof(text), "%.3f", n);
  uvllm_json_name(w, name);
  uvllm_json_write_raw(w, (uvllm_str_t){ text, (size_t) len });
}


static void put_cost(uvllm_json_writer_t* w, const char* name, int64_t pusd, uint64_t nunpriced,
                     uint64_t nall) {
  char text[CLI_MONEY];
  uvllm_json_name(w, name);
  if (nunpriced > 0 && nunpriced >= nall)
    uvllm_json_write_null(w);
  else
    uvllm_json_write_raw(w, (uvllm_str_t){ cli_money_exact(pusd, text), strlen(text) });
}


static void put_times(uvllm_json_writer_t* w, const char* name, const uvllm_batch_times_t* t,
                      uint64_t nsucceeded) {
  static const char* const names[] = { "p50", "p90", "p99", "max" };
  const double values[] = { t->p50, t->p90, t->p99, t->max };
  uvllm_json_name(w, name);
  uvllm_json_begin_object(w);
  for (int i = 0; i < 4; i++) {
    if (nsucceeded > 0) {
      put_decimal(w, names[i], values[i]);
      continue;
    }
    uvllm_json_name(w, names[i]);
    uvllm_json_write_null(w);
  }
  uvllm_json_end_object(w);
}


static double seconds(struct timeval t) {
  return (double) t.tv_sec + (double) t.tv_usec / 1e6;
}


static void put_process(uvllm_json_writer_t* w) {
  struct rusage u;
  memset(&u, 0, sizeof(u));
  getrusage(RUSAGE_SELF, &u);
  put_decimal(w, "cpu_s", seconds(u.ru_utime) + seconds(u.ru_stime));
  put_count(w, "peak_rss_bytes", (uint64_t) u.ru_maxrss * 1024);
}


static void put_run(uvllm_json_writer_t* w, const uvllm_batch_progress_t* p) {
  put_count(w, "total", p->total);
  put_count(w, "succeeded", p->succeeded);
  put_count(w, "failed", p->failed);
  put_count(w, "skipped", p->skipped);
  put_count(w, "rejected", p->rejected);
  put_decimal(w, "duration_s", (double) p->duration_ns / SECOND);
  put_decimal(w, "requests_per_s", per_second(p));
  put_count(w, "input_tokens", p->usage.input_tokens);
  put_count(w, "cached_input_tokens", p->usage.cached_input_tokens);
  put_count(w, "output_tokens", p->usage.output_tokens);
  put_count(w, "reasoning_tokens", p->usage.reasoning_tokens);
  put_cost(w, "cost_usd", p->usage.cost_pusd, p->unpriced, answered(p));
  put_count(w, "unpriced", p->unpriced);
  put_count(w, "attempts", p->attempts);
  put_count(w, "retries", p->retries);
  put_count(w, "http_429", p->http_429);
  put_times(w, "latency_ms", &p->latency, p->succeeded);
  put_times(w, "first_token_ms", &p->first_token, p->succeeded);
  put_process(w);
}


static void put_dry_run(uvllm_json_writer_t* w, const uvllm_batch_progress_t* p) {
  uvllm_json_name(w, "dry_run");
  uvllm_json_write_bool(w, 1);
  put_count(w, "total", p->total);
  put_count(w, "requests", p->requests);
  put_count(w, "malformed", p->malformed);
  put_count(w, "skipped", p->skipped);
  put_count(w, "input_tokens", p->estimate.input_tokens);
  put_count(w, "output_tokens", p->estimate.output_tokens);
  put_count(w, "unbounded", p->unbounded);
  put_cost(w, "cost_usd", p->estimate.cost_pusd, p->unpriced, p->requests);
  put_cost(w, "likely_cost_usd", p->likely_pusd, p->unpriced, p->requests);
  put_count(w, "unpriced", p->unpriced);
}


int cli_summary_write(FILE* out, const char* name, const uvllm_batch_progress_t* p, int dry_run) {
  uvllm_json_writer_t* w;
  int err = uvllm_json_writer_new(&w, NULL);
  if (err == 0) {
    uvllm_json_begin_object(w);
    if (dry_run)
      put_dry_run(w, p);
    else
      put_run(w, p);
    uvllm_json_end_object(w);
    err = uvllm_json_writer_error(w);
  }
  if (err == 0) {
    uvllm_str_t text = uvllm_json_writer_text(w);
    fprintf(out, "%.*s\n", (int) text.len, text.base);
  } else
    cli_error("no summary for %s: %s", name, uvllm_strerror(err));
  uvllm_json_writer_free(w);
  return err == 0 ? cli_flush(out, name) : CLI_USAGE;
}


/* ---- In a file ----------------------------------------------------------------------------- */

static int is_same(const struct stat* a, const char* path) {
  struct stat b;
  return path != NULL && stat(path, &b) == 0 && a->st_dev == b.st_dev && a->st_ino == b.st_ino;
}


/* What stood in it stays until there is something to put in its place. */
int cli_summary_open(cli_summary_file_t* f, const char* path, const char* input) {
  struct stat st;
  f->path = path;
  f->file = NULL;
  if (path == NULL)
    return 0;
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0 || fstat(fd, &st) != 0 || (f->file = fdopen(fd, "r+")) == NULL) {
    cli_error("--summary: %s cannot be written: %s", path, strerror(errno));
    if (fd >= 0)
      close(fd);
    return CLI_USAGE;
  }
  if (!is_same(&st, input))
    return 0;
  cli_error("--summary: %s is the input", path);
  fclose(f->file);
  return CLI_USAGE;
}


int cli_summary_close(cli_summary_file_t* f, const uvllm_batch_progress_t* p, int dry_run) {
  struct stat st;
  int status = CLI_USAGE;
  if (f->path == NULL)
    return 0;
  if (p == NULL)
    status = 0; /* there is nothing to tell */
  else if (fstat(fileno(f->file), &st) != 0)
    cli_error("--summary: %s: %s", f->path, strerror(errno));
  else if (is_same(&st, p->output) || is_same(&st, p->errors))
    cli_error("--summary: %s is a file of answers; the summary is not written", f->path);
  else if (S_ISREG(st.st_mode) && ftruncate(fileno(f->file), 0) != 0)
    cli_error("--summary: %s cannot be emptied: %s", f->path, strerror(errno));
  else
    status = cli_summary_write(f->file, f->path, p, dry_run);
  fclose(f->file);
  return status;
}
