/* The progress line of a batch: built of parts, painted five times a second. What
 * does not fit the terminal goes, the least needed part first, so that the line
 * is never longer than the terminal is wide.
 */
#include <inttypes.h>
#include <unistd.h>

#include "batch.h"

enum { PAINT_MS = 200, LOG_MS = 10000, MAX_PARTS = 12, MAX_PART = 80 };

_Static_assert((int) CLI_WAITING < MAX_PART, "the reasons are part of a part");

#define SECOND 1000000000.0

typedef struct part_s {
  const char* color; /* "" for none */
  int rank;          /* the highest one goes first */
  char text[MAX_PART];
} part_t;

typedef struct line_s {
  part_t parts[MAX_PARTS];
  int nparts;
} line_t;


static void add(line_t* line, int rank, const char* color, const char* format, ...)
    __attribute__((format(printf, 4, 5)));

static void add(line_t* line, int rank, const char* color, const char* format, ...) {
  if (line->nparts == MAX_PARTS)
    return;
  part_t* part = &line->parts[line->nparts++];
  va_list args;
  va_start(args, format);
  vsnprintf(part->text, sizeof(part->text), format, args);
  va_end(args);
  part->rank = rank;
  part->color = color;
}


/* ---- Rates over the last seconds -------------------------------------------------- */

static uint64_t done_of(const uvllm_batch_progress_t* b) {
  return b->succeeded + b->failed + b->skipped;
}


/* Those that were sent: what is skipped or malformed says nothing about the pace. */
static uint64_t sent_of(const uvllm_batch_progress_t* b) {
  return b->succeeded + b->failed - b->malformed;
}


static void take_sample(cli_progress_t* p, const uvllm_batch_progress_t* b) {
  unsigned int at = p->nsamples++ % CLI_RATE_SAMPLES;
  p->samples[at].time_ns = b->duration_ns;
  p->samples[at].done = sent_of(b);
  p->samples[at].tokens = b->usage.input_tokens + b->usage.output_tokens;
}


static void find_rates(const cli_progress_t* p, double* per_s, double* tokens_per_s) {
  unsigned int newest = (p->nsamples - 1) % CLI_RATE_SAMPLES;
  unsigned int oldest = p->nsamples > CLI_RATE_SAMPLES ? p->nsamples % CLI_RATE_SAMPLES : 0;
  double s = (double) (p->samples[newest].time_ns - p->samples[oldest].time_ns) / SECOND;
  *per_s = *tokens_per_s = 0;
  if (s <= 0)
    return;
  *per_s = (double) (p->samples[newest].done - p->samples[oldest].done) / s;
  *tokens_per_s = (double) (p->samples[newest].tokens - p->samples[oldest].tokens) / s;
}


/* ---- Parts ----------------------------------------------------------------------------- */

/* "0", "8.5", "312", "41k" */
static const char* short_number(double n, char text[CLI_MONEY]) {
  static const char units[] = { 0, 'k', 'M', 'G' };
  int unit = 0;
  while (n >= 9999.5 && unit < 3) {
    n /= 1000;
    unit++;
  }
  snprintf(text, CLI_MONEY, n > 0 && n < 99.95 ? "%.1f" : "%.0f", n);
  size_t len = strlen(text);
  if (units[unit] != 0)
    snprintf(text + len, CLI_MONEY - len, "%c", units[unit]);
  return text;
}


static const char* short_time(double s, char text[CLI_MONEY]) {
  uint64_t n = (uint64_t) (s + 0.5);
  if (n < 60)
    snprintf(text, CLI_MONEY, "%" PRIu64 "s", n);
  else if (n < 3600)
    snprintf(text, CLI_MONEY, "%" PRIu64 "m%02" PRIu64 "s", n / 60, n % 60);
  else
    snprintf(text, CLI_MONEY, "%" PRIu64 "h%02" PRIu64 "m", n / 3600, n / 60 % 60);
  return text;
}


static void add_done(line_t* line, const uvllm_batch_progress_t* b) {
  uint64_t done = done_of(b);
  if (b->total == 0)
    add(line, 0, "1", "%" PRIu64 " done", done);
  else
    add(line, 0, "1", "%" PRIu64 "/%" PRIu64 " %u%%", done, b->total,
        (unsigned int) (done * 100 / b->total));
}


const char* cli_waiting_for(const uvllm_batch_progress_t* b, char why[CLI_WAITING]) {
  size_t n = 0;
  const struct {
    uint64_t count;
    const char* name;
  } reasons[] = { { b->waiting_for_limit, "rate limit" },
                  { b->waiting_for_retry, "retry" },
                  { b->waiting_for_budget, "budget" },
                  { b->waiting_for_provider, "provider fails" } };
  why[0] = '\0';
  for (int i = 0; i < 4; i++)
    if (reasons[i].count > 0)
      n += (size_t) snprintf(why + n, CLI_WAITING - n, "%s%s", n > 0 ? ", " : "",
                             reasons[i].name);
  return why;
}


static void add_waiting(line_t* line, const uvllm_batch_progress_t* b) {
  char why[CLI_WAITING];
  if (*cli_waiting_for(b, why) != '\0')
    add(line, 6, "33", "%" PRIu64 " waiting (%s)", b->waiting, why);
  else if (b->waiting > 0)
    add(line, 7, "2", "%" PRIu64 " waiting", b->waiting);
}


/* What is left costs what was answered so far did, one by one. */
static void add_cost(line_t* line, const uvllm_batch_progress_t* b, uint64_t left) {
  char cost[CLI_MONEY], projected[CLI_MONEY];
  uint64_t priced = sent_of(b) - (b->unpriced < sent_of(b) ? b->unpriced : sent_of(b));
  cli_money(b->usage.cost_pusd, cost);
  if (priced == 0 && b->unpriced > 0)
    add(line, 3, "", "unpriced");
  else if (b->total > 0 && sent_of(b) > 0 && left > 0) {
    double each = (double) b->usage.cost_pusd / (double) sent_of(b);
    cli_money(b->usage.cost_pusd + (int64_t) (each * (double) left), projected);
    add(line, 3, "32", "%s of ~%s", cost, projected);
  } else
    add(line, 3, "32", "%s", cost);
}


static void build(line_t* line, const cli_progress_t* p, const uvllm_batch_progress_t* b) {
  double per_s, tokens_per_s;
  char text[CLI_MONEY];
  uint64_t done = done_of(b);
  uint64_t left = b->total > done ? b->total - done : 0;
  find_rates(p, &per_s, &tokens_per_s);
  line->nparts = 0;
  add_done(line, b);
  if (p->stopping)
    add(line, 1, "33", p->stopping == 1 ? "stopping" : "cancelling");
  add(line, 4, "", "%s/s", short_number(per_s, text));
  add(line, 8, "", "%s tok/s", short_number(tokens_per_s, text));
  add(line, 5, "", "%" PRIu64 " in flight", b->inflight);
  add_waiting(line, b);
  if (b->waiting_for_space > 0)
    add(line, 0, "31", "disk full, %" PRIu64 " answers wait", b->waiting_for_space);
  if (b->failed > 0)
    add(line, 2, "31", "%" PRIu64 " error%s", b->failed, b->failed == 1 ? "" : "s");
  add_cost(line, b, left);
  if (b->total > 0 && left > 0 && per_s > 0)
    add(line, 1, "", "%s left", short_time((double) left / per_s, text));
}


/* ---- On one line ------------------------------------------------------------------------- */

enum { GAP = 2 };


static void drop_least(line_t* line) {
  int least = 0;
  for (int i = 1; i < line->nparts; i++)
    if (line->parts[i].rank >= line->parts[least].rank)
      least = i;
  memmove(&line->parts[least], &line->parts[least + 1],
          (size_t) (line->nparts - least - 1) * sizeof(line->parts[0]));
  line->nparts--;
}


static void fit(line_t* line, size_t width) {
  for (;;) {
    size_t used = 0;
    for (int i = 0; i < line->nparts; i++)
      used += strlen(line->parts[i].text) + (i > 0 ? GAP : 0);
    if (used <= width)
      return;
    if (line->nparts > 1)
      drop_least(line);
    else
      line->parts[0].text[width] = '\0';
  }
}


static void join(const line_t* line, int color, char* out, size_t size) {
  size_t n = 0;
  out[0] = '\0';
  for (int i = 0; i < line->nparts && n < size; i++) {
    const part_t* part = &line->parts[i];
    int painted = color && *part->color != '\0';
    n += (size_t) snprintf(out + n, size - n, "%s%s%s%s%s%s", i > 0 ? "  " : "",
                           painted ? "\033[" : "", painted ? part->color : "", painted ? "m" : "",
                           part->text, painted ? "\033[0m" : "");
  }
}


static void on_time(uv_timer_t* timer) {
  cli_progress_t* p = timer->data;
  uvllm_batch_progress_t b;
  line_t line;
  char text[MAX_PARTS * (MAX_PART + 16)];
  uvllm_batch_progress(p->batch, &b);
  take_sample(p, &b);
  build(&line, p, &b);
  if (p->to_terminal)
    fit(&line, cli_width(STDERR_FILENO) - 1); /* a full last column would wrap */
  join(&line, p->to_terminal && cli_has_color(STDERR_FILENO), text, sizeof(text));
  if (p->to_terminal)
    cli_status_paint(text);
  else
    cli_note(UVLLM_LOG_INFO, "%s", text);
}


void cli_progress_start(cli_progress_t* p, uv_loop_t* loop, const uvllm_batch_t* batch,
                        int to_terminal) {
  const uint64_t ms = to_terminal ? PAINT_MS : LOG_MS;
  memset(p, 0, sizeof(*p));
  p->batch = batch;
  p->to_terminal = to_terminal;
  uv_timer_init(loop, &p->timer);
  p->timer.data = p;
  uv_timer_start(&p->timer, on_time, ms, ms);
  uv_unref((uv_handle_t*) &p->timer);
}


void cli_progress_stop(cli_progress_t* p) {
  uv_close((uv_handle_t*) &p->timer, NULL);
  cli_status_clear();
}
