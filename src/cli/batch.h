/* The parts of `uvllm batch` beside its options. */
#ifndef UVLLM_CLI_BATCH_H
#define UVLLM_CLI_BATCH_H

#include "common.h"
#include "uvllm/batch.h"

/* ---- The progress line (progress.c) ------------------------------------------------ */

enum { CLI_RATE_SAMPLES = 50 }; /* ten seconds of them */

typedef struct cli_progress_s {
  uv_timer_t timer;
  const uvllm_batch_t* batch;
  int to_terminal; /* painted; otherwise a log line now and then */
  int stopping;
  struct {
    uint64_t time_ns, done, tokens;
  } samples[CLI_RATE_SAMPLES];
  unsigned int nsamples; /* ever taken */
} cli_progress_t;

/* It reads `batch` until it is stopped; the loop is not kept alive by it. */
void cli_progress_start(cli_progress_t* p, uv_loop_t* loop, const uvllm_batch_t* batch,
                        int to_terminal);
void cli_progress_stop(cli_progress_t* p); /* also takes the line away */

/* "rate limit, retry": what requests wait for; "" if none does. Returns why. */
enum { CLI_WAITING = 64 };
const char* cli_waiting_for(const uvllm_batch_progress_t* b, char why[CLI_WAITING]);


/* ---- What -v says of a run (narrate.c) --------------------------------------------- */

typedef struct cli_narrator_s {
  uv_timer_t timer;
  const uvllm_batch_t* batch;
  char told[CLI_WAITING]; /* what requests wait for, as last said... */
  char seen[CLI_WAITING]; /* ...and as last seen */
} cli_narrator_t;

/* Whom it asks and within what bounds; then, until it is stopped, what requests
 * wait for when that changes. The loop is not kept alive by it. */
void cli_narrate_start(cli_narrator_t* n, cli_session_t* session,
                       const cli_session_options_t* options, const uvllm_batch_t* batch);
void cli_narrate_stop(cli_narrator_t* n);
void cli_narrate_end(const uvllm_batch_progress_t* p); /* the totals */


/* ---- The summary (summary.c) ----------------------------------------------------------- */

/* Aligned, on standard error. */
void cli_summary_print(const uvllm_batch_progress_t* p, int dry_run);
/* As a JSON object and a newline: 0, or CLI_USAGE after a message. */
int cli_summary_write(FILE* out, const char* name, const uvllm_batch_progress_t* p, int dry_run);

/* A file that is opened before anything is sent, and filled at the end. */
typedef struct cli_summary_file_s {
  const char* path; /* NULL: none */
  FILE* file;
} cli_summary_file_t;

int cli_summary_open(cli_summary_file_t* f, const char* path, const char* input);
int cli_summary_close(cli_summary_file_t* f, const uvllm_batch_progress_t* p, int dry_run);

#endif
