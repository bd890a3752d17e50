/* The life of a batch: prepare, read what is done, run, write the rest, tidy up,
 * close, done_cb. Each phase ends in uvllm__batch_step(); nothing calls the user
 * before the last handle is closed, and that is always a loop turn later.
 */
#include "batch_internal.h"
#include "internal.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>


void uvllm__batch_fail(uvllm_batch_t* b, int err, const char* format, ...) {
  va_list args;
  if (b->status != 0)
    return;
  b->status = err;
  va_start(args, format);
  vsnprintf(b->error, sizeof(b->error), format, args);
  va_end(args);
  for (char* p = b->error; *p != '\0'; p++)
    if ((unsigned char) *p < 0x20 || *p == 0x7f) /* a provider's words may have lines */
      *p = ' ';
}


/* ---- The parts tell ---- */

static void look_at_files(uvllm_batch_t* b) {
  uvllm__batch_look_for_space(b);
  if (b->output.err != 0)
    uvllm__batch_fail(b, b->output.err, "%s: %s", b->output.err_path,
                      uvllm_strerror(b->output.err));
  if (b->order.err != 0)
    uvllm__batch_fail(b, b->order.err, "the temporary file beside %s: %s", b->settings.output,
                      uvllm_strerror(b->order.err));
}


static void on_written(uvllm__output_t* o) {
  uvllm_batch_t* b = o->data;
  uvllm__order_drain(&b->order);
  look_at_files(b);
  uvllm__batch_pump(b);
}


static void on_moved(uvllm__order_t* o) {
  look_at_files(o->data);
  uvllm__batch_pump(o->data);
}


static void on_input_ready(uvllm__reader_t* r) {
  uvllm__batch_pump(r->data);
}


static void on_input_closed(uvllm__reader_t* r) {
  uvllm_batch_t* b = r->data;
  b->reader_open = 0;
  uvllm__batch_step(b);
}


/* The input is still OUTPUT's if lines were only added to it. */
static int has_changed(const uvllm__run_t* run, const uvllm__scan_t* s) {
  return run->known &&
         (s->offset < run->bytes || (run->bytes != 0 && s->prefix_hash != run->hash));
}


static void on_scanned(uvllm__scan_t* s) {
  uvllm_batch_t* b = s->data;
  uint64_t limit = b->settings.limit, nlines = s->nlines;
  if (s->complete) {
    nlines -= b->settings.csv && nlines != 0;
    b->progress.input_changed = has_changed(&b->run, s);
    b->run.known = 1;
    b->run.bytes = s->offset;
    b->run.nlines = nlines;
    b->run.hash = uvllm__sip_final(&s->hash);
    if (!b->input_done)
      b->progress.total = limit != 0 && limit < nlines ? limit : nlines;
  }
  uvllm__scan_free(s);
  uvllm__batch_step(b);
}


/* ---- Running ---- */

static void attach_files(uvllm_batch_t* b) {
  if (uvllm__is_dry(b))
    return;
  uvllm__output_attach(&b->output, UVLLM__OUT_RESULTS, b->settings.output,
                       &b->prepared.results);
  uvllm__output_attach(&b->output, UVLLM__OUT_ERRORS, b->settings.errors, &b->prepared.errors);
  b->attached = 1;
}


/* It goes without: the total is known later then, that is all. */
static void start_scan(uvllm_batch_t* b) {
  int fd = b->prepared.input.regular && !uvllm__is_dry(b)
               ? fcntl(b->prepared.input.fd, F_DUPFD_CLOEXEC, 0) : -1;
  if (fd < 0)
    return;
  if (uvllm__scan_start(&b->scan, &b->alloc, b->loop, fd, b->settings.csv,
                        b->run.known ? b->run.bytes : UINT64_MAX, on_scanned) == 0)
    b->scan.data = b;
}


static void tell_beginning(const uvllm_batch_t* b) {
  const uvllm__prepared_t* p = &b->prepared;
  if (p->results_lines + p->errors_lines == 0)
    uvllm__log(b->client, UVLLM_LOG_INFO, "%s: a new run", b->settings.output);
  else
    uvllm__log(b->client, UVLLM_LOG_INFO,
               "%s: goes on; %llu answers and %llu failures stand there, their lines are skipped",
               b->settings.output, (unsigned long long) p->results_lines,
               (unsigned long long) p->errors_lines);
}


void uvllm__batch_run(uvllm_batch_t* b) {
  b->phase = UVLLM__RUNS;
  if (!uvllm__is_dry(b))
    tell_beginning(b);
  b->began_ns = uv_hrtime();
  attach_files(b);
  start_scan(b);
  int fd = b->prepared.input.fd;
  b->prepared.input.fd = -1;
  int err = uvllm__reader_init(&b->reader, &b->alloc, b->loop, fd, b->settings.csv,
                               b->settings.csv ? UVLLM__MAX_ROW : UVLLM__MAX_LINE);
  if (err != 0)
    uvllm__batch_fail(b, err, "%s: %s", b->settings.input, uvllm_strerror(err));
  b->reader.data = b;
  b->reader.ready_cb = on_input_ready;
  b->reader_open = err == 0;
  uvllm__batch_pump(b);
}


static int run_is_over(const uvllm_batch_t* b) {
  int no_more = b->input_done || b->status != 0 || b->stopping ||
                b->refusals >= UVLLM__BUDGET_REFUSALS;
  return no_more && b->ninflight == 0 && uvllm__batch_is_written(b);
}


/* ---- The end ---- */

static void stop_parts(uvllm_batch_t* b) {
  b->phase = UVLLM__STOPPING_PARTS;
  uv_timer_stop(&b->retry_timer);
  uv_timer_stop(&b->space.timer);
  b->scan.stop = 1;
  if (b->reader_open && uvllm__reader_close(&b->reader, on_input_closed))
    b->reader_open = 0;
}


static void conclude(uvllm_batch_t* b) {
  const uvllm_batch_progress_t* p = &b->progress;
  uint64_t unwritten = uvllm__batch_unwritten(b) + b->lost;
  b->progress.unwritten = unwritten;
  b->ended_ns = uv_hrtime();
  if (unwritten != 0) {
    uvllm__batch_fail(b, UV_ENOSPC, "%s: %s", b->settings.output, uvllm_strerror(UV_ENOSPC));
    size_t n = strlen(b->error);
    snprintf(b->error + n, sizeof(b->error) - n, "; %llu answers could not be written, the next "
             "run asks for them again", (unsigned long long) unwritten);
  }
  if (b->stopping && (p->cancelled != 0 || b->unsent || !b->input_done))
    uvllm__batch_fail(b, UV_ECANCELED, "stopped; run it again to go on");
  if (p->unaffordable != 0)
    uvllm__batch_fail(b, UVLLM_EBUDGET, "the budget is exhausted; run it again with one of "
                      "its own to go on");
}


static void tidy_work(uv_work_t* job) {
  uvllm_batch_t* b = job->data;
  uvllm__tidy_t* t = &b->tidy;
  const char* paths[] = { b->settings.output, b->settings.errors };
  for (int i = 0; i < 2 && t->sort && t->err == 0; i++) {
    t->path = paths[i];
    if (b->output.files[i].fd >= 0)
      t->err = uvllm__sort_file(paths[i], &b->output.files[i].fd, t->lines, t->cap, t->buffers);
  }
  uvllm__prepared_t* p = &b->prepared;
  if (t->err == 0 && p->new_run.len != 0) {
    t->path = b->settings.run;
    t->err = uvllm__file_replace(t->path, p->new_run.base, p->new_run.len);
  }
  int fds[] = { b->attached ? b->output.files[0].fd : p->results.fd,
                b->attached ? b->output.files[1].fd : p->errors.fd, p->input.fd };
  for (int i = 0; i < 3; i++)
    if (fds[i] >= 0)
      close(fds[i]);
}


/* Earlier runs may have left holes that this one filled at the end. */
static int prepare_sort(uvllm_batch_t* b) {
  const uvllm__prepared_t* p = &b->prepared;
  uvllm__tidy_t* t = &b->tidy;
  uint64_t results = p->results_lines + b->output.files[0].nlines;
  uint64_t errors = p->errors_lines + b->output.files[1].nlines;
  if ((b->settings.flags & UVLLM_BATCH_ORDERED) == 0 || !b->attached || b->output.err != 0 ||
      !p->results.regular || p->results_lines + p->errors_lines == 0)
    return 0;
  t->cap = (size_t) (results > errors ? results : errors);
  t->lines = uvllm__calloc(&b->alloc, t->cap, sizeof(*t->lines));
  t->buffers = uvllm__malloc(&b->alloc, UVLLM__SORT_BUFFERS);
  t->sort = t->lines != NULL && t->buffers != NULL;
  return t->sort ? 0 : UVLLM__ENOMEM;
}


static void on_closed(uv_handle_t* handle);


static void on_tidied(uv_work_t* job, int status) {
  uvllm_batch_t* b = job->data;
  uvllm__tidy_t* t = &b->tidy;
  (void) status;
  if (t->err != 0)
    uvllm__batch_fail(b, t->err, "%s: %s%s", t->path,
                      t->path == b->settings.run ? "" : "not put in the input's order: ",
                      uvllm_strerror(t->err));
  b->phase = UVLLM__CLOSING;
  uv_handle_t* handles[] = { (uv_handle_t*) &b->retry_timer, (uv_handle_t*) &b->space.timer,
                             (uv_handle_t*) &b->output.write_timer,
                             (uv_handle_t*) &b->output.sync_timer };
  b->nhandles = 4;
  for (int i = 0; i < 4; i++) {
    handles[i]->data = b;
    uv_close(handles[i], on_closed);
  }
}


static void on_finished(uvllm__output_t* o) {
  uvllm_batch_t* b = o->data;
  uvllm__prepared_t* p = &b->prepared;
  look_at_files(b); /* the last write and sync may have been the first to fail */
  conclude(b);
  b->phase = UVLLM__TIDYING;
  uvllm__ids_free(&b->ids);
  uvllm__buf_clear(&p->new_run);
  if (prepare_sort(b) != 0 ||
      (b->attached && p->results.regular && b->run.known &&
       uvllm__run_write(&b->run, &p->new_run) != 0)) {
    uvllm__buf_clear(&p->new_run);
    uvllm__batch_fail(b, UV_ENOMEM, "no memory to put the files in order");
  }
  uv_queue_work(b->loop, &b->job, tidy_work, on_tidied);
}


void uvllm__batch_step(uvllm_batch_t* b) {
  if (b->phase < UVLLM__RUNS || (b->phase == UVLLM__RUNS && run_is_over(b)))
    stop_parts(b);
  if (b->phase == UVLLM__STOPPING_PARTS && !b->reader_open && !b->scan.running &&
      !uvllm__order_busy(&b->order)) {
    b->phase = UVLLM__WRITING_REST;
    uvllm__output_finish(&b->output, on_finished);
  }
}


static void free_batch(uvllm_batch_t* b) {
  uvllm_alloc_t a = b->alloc;
  uvllm__free(&a, b->tidy.lines);
  uvllm__free(&a, b->tidy.buffers);
  uvllm__free(&a, b->prepared.run_text);
  uvllm__buf_free(&b->prepared.new_run);
  uvllm__ids_free(&b->ids);
  uvllm__order_free(&b->order);
  uvllm__output_free(&b->output);
  uvllm__template_free(b->template);
  uvllm__csv_row_free(&b->row);
  uvllm_prices_free(b->prices);
  uvllm_json_parser_free(b->line_parser);
  uvllm_json_parser_free(b->answer_parser);
  uvllm__buf_free(&b->id);
  uvllm__buf_free(&b->text);
  uvllm__buf_free(&b->model);
  uvllm__buf_free(&b->record);
  uvllm__settings_free(&b->settings, &a);
  uvllm__free(&a, b);
}


static void on_closed(uv_handle_t* handle) {
  uvllm_batch_t* b = handle->data;
  uvllm_batch_progress_t p;
  if (--b->nhandles != 0)
    return;
  uvllm_batch_progress(b, &p);
  b->done_cb(b, b->status, &p);
  free_batch(b);
}


/* ---- The beginning ---- */

static void init_parts(uvllm_batch_t* b) {
  uint64_t random[3] = { uv_hrtime(), (uint64_t) (uintptr_t) b, (uint64_t) getpid() };
  time_t now = time(NULL);
  struct tm utc;
  uv_random(NULL, NULL, random, sizeof(random), 0, NULL);
  b->nonce = (uint32_t) random[2];
  uvllm__ids_init(&b->ids, &b->alloc, random);
  uvllm__csv_row_init(&b->row, &b->alloc);
  uvllm__buf_init(&b->prepared.new_run, &b->alloc, UVLLM__RUN_JSON_MAX);
  uvllm__buf_init(&b->id, &b->alloc, SIZE_MAX);
  uvllm__buf_init(&b->text, &b->alloc, SIZE_MAX);
  uvllm__buf_init(&b->model, &b->alloc, SIZE_MAX);
  uvllm__buf_init(&b->record, &b->alloc, SIZE_MAX);
  b->prepared.input.fd = b->prepared.results.fd = b->prepared.errors.fd = -1;
  b->order.spill.fd = -1;
  b->items.prev = b->items.next = &b->items;
  b->ahead = 1;
  b->job.data = b;
  b->run.settings = &b->settings;
  if (gmtime_r(&now, &utc) != NULL)
    strftime(b->run.created, sizeof(b->run.created), "%Y-%m-%dT%H:%M:%SZ", &utc);
}


static int allocate_parts(uvllm_batch_t* b) {
  b->prepared.run_text = uvllm__malloc(&b->alloc, UVLLM__RUN_JSON_MAX);
  if (b->prepared.run_text == NULL)
    return UV_ENOMEM;
  int err = uvllm_json_parser_new(&b->line_parser, &b->alloc);
  return err != 0 ? err : uvllm_json_parser_new(&b->answer_parser, &b->alloc);
}


static void init_handles(uvllm_batch_t* b) {
  uv_timer_init(b->loop, &b->retry_timer);
  uv_timer_init(b->loop, &b->space.timer);
  b->retry_timer.data = b->space.timer.data = b;
  b->space.retry_ms = UVLLM__SPACE_RETRY_MS;
  b->space.wait_ms = UVLLM__SPACE_WAIT_MS;
  uvllm__output_init(&b->output, &b->alloc, b->loop);
  b->output.data = b;
  b->output.written_cb = on_written;
  uvllm__order_init(&b->order, &b->alloc, b->loop, &b->output, b->settings.output);
  b->order.data = b;
  b->order.moved_cb = on_moved;
}


int uvllm_batch_start(uvllm_batch_t** out, uv_loop_t* loop, uvllm_client_t* client,
                      const uvllm_batch_options_t* options, uvllm_batch_done_cb done_cb,
                      void* data) {
  uvllm_alloc_t a = uvllm__alloc_or_default(options->alloc);
  *out = NULL;
  uvllm_batch_t* b = uvllm__calloc(&a, 1, sizeof(*b));
  if (b == NULL)
    return UV_ENOMEM;
  b->alloc = a;
  b->loop = loop;
  b->client = client;
  b->done_cb = done_cb;
  b->data = data;
  init_parts(b);
  int err = uvllm__settings_copy(&b->settings, &b->alloc, options);
  if (err == 0)
    err = allocate_parts(b);
  if (err != 0) {
    free_batch(b);
    return err;
  }
  init_handles(b);
  *out = b;
  if (uvllm__batch_configure(b) != 0)
    uvllm__batch_step(b);
  else
    uvllm__batch_prepare(b);
  return 0;
}
