/* The batch's inside: a reader of lines, a client that answers them, an output.
 *
 *   batch.c          its life: start, phases, the end
 *   batch_progress.c what the caller may ask: to stop, how far it is
 *   batch_options.c  copies what the caller says, names the files
 *   batch_prepare.c  opens, locks and checks the files before anything is changed
 *   batch_resume.c   what stands in the files already
 *   batch_feed.c     lines in: skipped, refused or submitted
 *   batch_dry_run.c  lines in, and only counted
 *   batch_answer.c   results out: one line each
 *   batch_space.c    a full disk: waits for room
 *   batch_run.c      OUTPUT.run.json
 *
 * A line of the input is in one place at a time: not read, in flight (an item),
 * in the order, in the output's buffers, in a file.
 */
#ifndef UVLLM_SRC_BATCH_INTERNAL_H
#define UVLLM_SRC_BATCH_INTERNAL_H

#include "batch_io.h"
#include "uvllm/batch.h"
#include "uvllm/usage.h"

enum {
  UVLLM__RUN_JSON_MAX = 64 * 1024,
  UVLLM__WINDOW_BYTES = 16 * 1024 * 1024, /* of bodies handed over beyond `concurrency` */
  UVLLM__BUDGET_REFUSALS = 32,            /* in a row: the rest is not tried */
  UVLLM__QUICK_MS = 100,                  /* a line that went out so soon: hand over more */
  UVLLM__SLOW_MS = 1000,                  /* later than this: fewer */
  UVLLM__RETRY_MS = 50,                   /* the client is full, and not of ours */
  UVLLM__SPACE_RETRY_MS = 1000,           /* the disk is */
  UVLLM__SPACE_WAIT_MS = 60 * 1000        /* for so long, with nothing in flight any more */
};

typedef struct uvllm__settings_s {
  char *input, *output, *errors, *run; /* paths */
  char *provider, *model;              /* model NULL: each line's own */
  char* template_text;
  char *prices_json, *price_as;
  uvllm_request_t* defaults;
  size_t defaults_bytes;
  uint64_t limit;
  uint32_t concurrency, window;
  unsigned int flags;
  int csv;
} uvllm__settings_t;

int uvllm__settings_copy(uvllm__settings_t* s, const uvllm_alloc_t* alloc,
                         const uvllm_batch_options_t* options);
void uvllm__settings_free(uvllm__settings_t* s, const uvllm_alloc_t* alloc);

/* ---- OUTPUT.run.json ---- */

typedef struct uvllm__run_s {
  const uvllm__settings_t* settings;
  char created[32];     /* ISO 8601; kept over resumes */
  int known;            /* the input's facts are */
  uint64_t bytes, nlines, hash;
} uvllm__run_t;

int uvllm__run_write(const uvllm__run_t* run, uvllm__buf_t* out);
/* Reads the one of before: keeps `created`, and what the input was. UV_EEXIST
 * and the reason: OUTPUT was made with something else. */
int uvllm__run_check(uvllm_json_parser_t* parser, uvllm_str_t text, uvllm__run_t* run,
                     char* reason, size_t reason_size);

/* ---- The batch ---- */

typedef enum {
  UVLLM__PREPARING,
  UVLLM__READING_RESULTS,
  UVLLM__READING_ERRORS,
  UVLLM__CUTTING,
  UVLLM__RUNS,
  UVLLM__STOPPING_PARTS, /* reader, scan, order */
  UVLLM__WRITING_REST,
  UVLLM__TIDYING,        /* sort, run.json, close */
  UVLLM__CLOSING
} uvllm__phase;

typedef struct uvllm__item_s uvllm__item_t;
struct uvllm__item_s { /* a line in flight */
  uvllm__item_t *prev, *next;
  uvllm_batch_t* batch;
  uvllm_req_t* req;
  uint64_t number; /* of the line */
  uint64_t place;  /* in the order */
  uint64_t submitted_ns;
  size_t bytes;    /* of what was submitted */
  int sent;        /* its first attempt has begun: it finishes even when the batch stops */
  size_t id_len;
  char* id;        /* behind it; as it stands in the files: a JSON string */
};

typedef struct uvllm__prepared_s { /* what the pool found, before and after */
  uvllm__opened_t input, results, errors; /* fd -1: none */
  int has_run;
  char* run_text;     /* UVLLM__RUN_JSON_MAX */
  size_t run_len;
  uvllm__buf_t new_run;
  int err;
  const char* path;   /* of what failed */
  const char* what;   /* and why, if errno does not say it */
  int truncate_results, truncate_errors;
  uint64_t results_end, errors_end; /* behind the last whole line */
  uint64_t results_lines, errors_lines;
} uvllm__prepared_t;

typedef struct uvllm__tidy_s {
  uvllm__sort_line_t* lines;
  size_t cap;
  char* buffers;
  int sort, err;
  const char* path;
} uvllm__tidy_t;

typedef struct uvllm__space_s { /* while the disk is full */
  uv_timer_t timer;
  int lacking, gave_up;
  uint64_t retry_ms, wait_ms; /* UVLLM__SPACE_*; tests have less time */
  uint64_t since_ns;    /* nothing in flight, and no room; 0: not yet */
  uint64_t seen_bytes;  /* stood in the files when last looked at */
} uvllm__space_t;

struct uvllm_batch_s {
  uvllm_alloc_t alloc;
  uv_loop_t* loop;
  uvllm_client_t* client;
  uvllm_batch_done_cb done_cb;
  void* data;
  uvllm__settings_t settings;

  uvllm__phase phase;
  int status;          /* the first error that ended it */
  char error[512];
  int stopping;        /* how often it was asked to */
  uv_work_t job;       /* one at a time, of the phase */
  uvllm__prepared_t prepared;
  uvllm__run_t run;
  uvllm__tidy_t tidy;
  uint32_t nonce;      /* part of the ids that this run gives */

  uvllm__reader_t reader;
  int reader_open;
  int attached;        /* the files are the output's */
  uvllm__scan_t scan;
  uvllm__ids_t ids;
  uvllm__output_t output;
  uvllm__order_t order;
  uvllm_json_parser_t* line_parser;   /* what it holds lives until the next line */
  uvllm_json_parser_t* answer_parser;
  uvllm__template_t* template;
  uvllm__csv_row_t row;
  int has_header;
  uvllm_prices_t* prices;             /* dry run */

  uvllm__buf_t id;      /* of the line in hand, encoded */
  uvllm__buf_t text;    /* its message, with a template */
  uvllm__buf_t model;   /* its model, NUL-terminated */
  uvllm__buf_t record;  /* the line being composed for a file */
  uvllm__line_t line;
  uint64_t number;
  int has_line;         /* in hand, and yet to be submitted */
  int input_done;

  uvllm__item_t items;  /* ring */
  uint32_t ninflight;
  uint32_t nwaiting;    /* of them: not sent yet */
  uint32_t ahead;       /* how many may wait, see on_event() */
  size_t inflight_bytes;
  int unsent;           /* stopped before some lines were sent */
  uint32_t refusals;    /* by the budget, in a row */
  uvllm__space_t space;
  uv_timer_t retry_timer;
  int nhandles;

  uvllm_batch_progress_t progress; /* what is counted here */
  uint64_t lost;        /* answers for which there was no memory */
  uint64_t began_ns, ended_ns;
  uvllm__hist_t latency, first_token; /* microseconds */
};

/* The first one counts. The text is for the user: what, where, what to do. */
void uvllm__batch_fail(uvllm_batch_t* b, int err, const char* format, ...)
    __attribute__((format(printf, 3, 4)));
/* In each phase: is it over, and what comes next. */
void uvllm__batch_step(uvllm_batch_t* b);

/* batch_prepare.c: opens and checks, then calls uvllm__batch_resume(). */
void uvllm__batch_prepare(uvllm_batch_t* b);
int uvllm__is_dry(const uvllm_batch_t* b);

/* batch_resume.c: reads the files, then calls uvllm__batch_run(). */
void uvllm__batch_resume(uvllm_batch_t* b);

/* batch.c */
void uvllm__batch_run(uvllm_batch_t* b);

/* batch_feed.c */
int uvllm__batch_configure(uvllm_batch_t* b); /* templates, prices: the error is set */
void uvllm__batch_pump(uvllm_batch_t* b);
void uvllm__batch_request(const uvllm_batch_t* b, uvllm_request_t* r, uvllm_message_t* message);

/* batch_dry_run.c */
int uvllm__dry_run_configure(uvllm_batch_t* b);
void uvllm__dry_run_line(uvllm_batch_t* b);

/* batch_space.c: a write has ended, or the spill's: is there room? */
void uvllm__batch_look_for_space(uvllm_batch_t* b);
/* The files hold all that they will: everything is written, or never will be. */
int uvllm__batch_is_written(const uvllm_batch_t* b);
uint64_t uvllm__batch_unwritten(const uvllm_batch_t* b); /* answers */

/* batch_progress.c: all that no attempt is under way for. */
void uvllm__batch_cancel_waiting(uvllm_batch_t* b);

/* batch_answer.c */
void uvllm__batch_on_done(uvllm_req_t* req, const uvllm_result_t* result);
/* How an error is called in the files: "etimefirst", "econnrefused". */
enum { UVLLM__CODE_TEXT = 48 };
void uvllm__batch_code(int err, char code[UVLLM__CODE_TEXT]);
/* A line of the errors file for the line in hand. with_line: it is known by its
 * number, since it has no id of its own. place as uvllm__batch_emit(). */
void uvllm__batch_refuse(uvllm_batch_t* b, const char* code, const char* text, int with_line);
int uvllm__batch_enter(uvllm_batch_t* b, uint64_t* place);
/* b->record goes where it belongs; which < 0: there is no line for this place. */
void uvllm__batch_emit(uvllm_batch_t* b, uint64_t place, int which);

#endif
