/* What -v says of a run, for who reads in the morning what the night was like:
 * whom it asked and within what bounds, what it waited for, and the totals. The
 * library's own log says the rest: what was resumed, retried, frozen.
 */
#include <inttypes.h>

#include "batch.h"

enum { LOOK_MS = 1000, MAX_LINE = 512 };

#define SECOND 1000000000.0

typedef struct line_s {
  char text[MAX_LINE];
  size_t len;
} line_t;


static void put(line_t* line, const char* format, ...) __attribute__((format(printf, 2, 3)));

static void put(line_t* line, const char* format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(line->text + line->len, sizeof(line->text) - line->len, format, args);
  va_end(args);
  line->len += (size_t) n;
  if (line->len >= sizeof(line->text))
    line->len = sizeof(line->text) - 1;
}


/* ---- The beginning -------------------------------------------------------------------- */

/* The path of a URL may be anybody's secret. */
static void put_host(line_t* line, const char* url) {
  const char* host = strstr(url, "://");
  host = host != NULL ? host + 3 : url;
  put(line, " at %.*s", (int) (host - url + (int) strcspn(host, "/?#")), url);
}


static void put_target(line_t* line, const cli_session_t* s, const cli_session_options_t* o) {
  put(line, "asks %s", o->provider);
  if (o->model != NULL)
    put(line, "/%s", o->model);
  else
    put(line, " for each line's own model");
  if (s->mock != NULL)
    put(line, ", the embedded one");
  else if (s->base_url != NULL)
    put_host(line, s->base_url);
}


static void put_bounds(line_t* line, const cli_session_options_t* o) {
  char n[CLI_MONEY];
  put(line, "; at most %s in flight", cli_grouped(o->max_inflight, n));
  if (o->limits.requests_per_min != 0)
    put(line, ", %s requests a minute", cli_grouped(o->limits.requests_per_min, n));
  if (o->limits.tokens_per_min != 0)
    put(line, ", %s tokens a minute", cli_grouped(o->limits.tokens_per_min, n));
  if (o->budget_pusd != 0)
    put(line, ", %s to spend", cli_money(o->budget_pusd, n));
}


/* ---- Meanwhile ------------------------------------------------------------------------ */

/* Only what lasts is a change: requests pass through a wait all the time. */
static void on_time(uv_timer_t* timer) {
  cli_narrator_t* n = timer->data;
  uvllm_batch_progress_t p;
  char now[CLI_WAITING];
  uvllm_batch_progress(n->batch, &p);
  cli_waiting_for(&p, now);
  if (strcmp(now, n->seen) == 0 && strcmp(now, n->told) != 0) {
    if (now[0] != '\0')
      cli_note(UVLLM_LOG_INFO, "requests wait: %s", now);
    else
      cli_note(UVLLM_LOG_INFO, "no request waits any more");
    memcpy(n->told, now, sizeof(now));
  }
  memcpy(n->seen, now, sizeof(now));
}


void cli_narrate_start(cli_narrator_t* n, cli_session_t* session,
                       const cli_session_options_t* options, const uvllm_batch_t* batch) {
  line_t line = { "", 0 };
  memset(n, 0, sizeof(*n));
  n->batch = batch;
  put_target(&line, session, options);
  put_bounds(&line, options);
  cli_note(UVLLM_LOG_INFO, "%s", line.text);
  uv_timer_init(&session->loop, &n->timer);
  n->timer.data = n;
  uv_timer_start(&n->timer, on_time, LOOK_MS, LOOK_MS);
  uv_unref((uv_handle_t*) &n->timer);
}


void cli_narrate_stop(cli_narrator_t* n) {
  uv_close((uv_handle_t*) &n->timer, NULL);
}


/* ---- The end ---------------------------------------------------------------------------- */

void cli_narrate_end(const uvllm_batch_progress_t* p) {
  line_t line = { "", 0 };
  char a[CLI_MONEY], b[CLI_MONEY];
  put(&line, "%s succeeded, %s failed", cli_grouped(p->succeeded, a), cli_grouped(p->failed, b));
  put(&line, ", %s skipped in %.1f s", cli_grouped(p->skipped, a),
      (double) p->duration_ns / SECOND);
  put(&line, "; %s tokens in, %s out", cli_grouped(p->usage.input_tokens, a),
      cli_grouped(p->usage.output_tokens, b));
  put(&line, "; %s", cli_money(p->usage.cost_pusd, a));
  if (p->unpriced > 0)
    put(&line, " and %s unpriced", cli_grouped(p->unpriced, a));
  put(&line, "; %s attempts, %s retries", cli_grouped(p->attempts, a),
      cli_grouped(p->retries, b));
  put(&line, ", %s answers 429", cli_grouped(p->http_429, a));
  cli_note(UVLLM_LOG_INFO, "%s", line.text);
}
