/* What OUTPUT and the errors file hold already: ids that are done, and lines of
 * the input that were reported by number. A last line without its newline was
 * never finished: it is cut off.
 */
#include "batch_internal.h"
#include "internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>


static void read_results(uvllm_batch_t* b);
static void read_errors(uvllm_batch_t* b);


static int add_id(uvllm_batch_t* b, uvllm_json_t record) {
  uvllm_str_t id = uvllm_json_str(uvllm_json_get(record, "custom_id"));
  if (id.base == NULL)
    return UVLLM_EPROTO;
  uvllm__buf_clear(&b->id);
  int err = uvllm__id_encode(id, &b->id);
  if (err == 0)
    err = uvllm__ids_done(&b->ids, uvllm__buf_slice(&b->id));
  return err < 0 ? err : 0;
}


/* Lines without an id of their own are known by their number. */
static int add_record(uvllm_batch_t* b, uvllm_str_t text) {
  uvllm_json_t record;
  int err = uvllm_json_parse(b->line_parser, text, &record, NULL);
  if (err != 0)
    return err;
  int64_t number = uvllm_json_int(uvllm_json_path(record, "error.line"), 0);
  if (number <= 0)
    return add_id(b, record);
  err = uvllm__ids_line_done(&b->ids, (uint64_t) number);
  return err < 0 ? err : 0;
}


/* 0: there is more to come. 1: all was read, or the batch has failed. */
static int take_records(uvllm_batch_t* b, const char* path, uint64_t* end, uint64_t* nlines) {
  uvllm__input_line_t line;
  int r;
  while ((r = uvllm__reader_next(&b->reader, &line)) == 1) {
    if (line.unterminated)
      continue;
    int err = line.err != 0 ? line.err : add_record(b, line.text);
    if (err == UVLLM__ENOMEM)
      uvllm__batch_fail(b, err, "no memory for the ids in %s", path);
    else if (err != 0)
      uvllm__batch_fail(b, UV_EEXIST,
                        "%s:%llu: not a line of a batch's results: repair or remove it, or begin "
                        "anew with --restart", path, (unsigned long long) line.number);
    if (err != 0)
      return 1;
    *end = line.end;
    ++*nlines;
  }
  if (r < 0 && r != UV_EOF)
    uvllm__batch_fail(b, r, "%s: %s", path, uvllm_strerror(r));
  return r != 0;
}


static void cut_work(uv_work_t* job) {
  uvllm_batch_t* b = job->data;
  uvllm__prepared_t* p = &b->prepared;
  p->err = 0;
  p->path = b->settings.output;
  if (p->results.fd >= 0 && p->results.len > p->results_end &&
      ftruncate(p->results.fd, (off_t) p->results_end) != 0)
    p->err = -errno;
  if (p->err == 0)
    p->path = b->settings.errors;
  if (p->err == 0 && p->errors.fd >= 0 && p->errors.len > p->errors_end &&
      ftruncate(p->errors.fd, (off_t) p->errors_end) != 0)
    p->err = -errno;
}


static void on_cut(uv_work_t* job, int status) {
  uvllm_batch_t* b = job->data;
  uvllm__prepared_t* p = &b->prepared;
  int err = status != 0 ? status : p->err;
  p->results.len = p->results_end;
  p->errors.len = p->errors_end;
  if (err != 0)
    uvllm__batch_fail(b, err, "%s: its torn last line cannot be cut off: %s", p->path,
                      uvllm_strerror(err));
  if (b->status != 0 || b->stopping)
    uvllm__batch_step(b);
  else
    uvllm__batch_run(b);
}


static void cut_torn(uvllm_batch_t* b) {
  const uvllm__prepared_t* p = &b->prepared;
  int torn = p->results.len > p->results_end || p->errors.len > p->errors_end;
  b->phase = UVLLM__CUTTING;
  if (!torn || uvllm__is_dry(b)) {
    uvllm__batch_run(b);
    return;
  }
  uvllm__log(b->client, UVLLM_LOG_INFO, "%s: its last line was torn, and is cut off",
             p->results.len > p->results_end ? b->settings.output : b->settings.errors);
  uv_queue_work(b->loop, &b->job, cut_work, on_cut);
}


static void on_results_closed(uvllm__reader_t* r) {
  uvllm_batch_t* b = r->data;
  b->reader_open = 0;
  if (b->status != 0 || b->stopping)
    uvllm__batch_step(b);
  else
    read_errors(b);
}


static void on_errors_closed(uvllm__reader_t* r) {
  uvllm_batch_t* b = r->data;
  b->reader_open = 0;
  if (b->status != 0 || b->stopping)
    uvllm__batch_step(b);
  else
    cut_torn(b);
}


static void close_reader(uvllm_batch_t* b, void (*closed_cb)(uvllm__reader_t* r)) {
  if (uvllm__reader_close(&b->reader, closed_cb))
    closed_cb(&b->reader);
}


static void on_results_ready(uvllm__reader_t* r) {
  uvllm_batch_t* b = r->data;
  uvllm__prepared_t* p = &b->prepared;
  if (b->stopping || take_records(b, b->settings.output, &p->results_end, &p->results_lines))
    close_reader(b, on_results_closed);
}


static void on_errors_ready(uvllm__reader_t* r) {
  uvllm_batch_t* b = r->data;
  uvllm__prepared_t* p = &b->prepared;
  if (b->stopping || take_records(b, b->settings.errors, &p->errors_end, &p->errors_lines))
    close_reader(b, on_errors_closed);
}


/* 0: it is being read. 1: there is nothing to read. */
static int start_reading(uvllm_batch_t* b, const uvllm__opened_t* file, const char* path,
                         void (*ready_cb)(uvllm__reader_t* r)) {
  if (file->fd < 0 || !file->regular || file->len == 0)
    return 1;
  int fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
  int err = fd < 0 ? -errno
                   : uvllm__reader_init(&b->reader, &b->alloc, b->loop, fd, 0, UVLLM__MAX_RECORD);
  if (err != 0) {
    uvllm__batch_fail(b, err, "%s: %s", path, uvllm_strerror(err));
    return 0;
  }
  b->reader.data = b;
  b->reader.ready_cb = ready_cb;
  b->reader_open = 1;
  return 0;
}


static void read_results(uvllm_batch_t* b) {
  b->phase = UVLLM__READING_RESULTS;
  if (start_reading(b, &b->prepared.results, b->settings.output, on_results_ready))
    read_errors(b);
  else if (b->status != 0)
    uvllm__batch_step(b);
  else
    on_results_ready(&b->reader);
}


static void read_errors(uvllm_batch_t* b) {
  b->phase = UVLLM__READING_ERRORS;
  if (start_reading(b, &b->prepared.errors, b->settings.errors, on_errors_ready))
    cut_torn(b);
  else if (b->status != 0)
    uvllm__batch_step(b);
  else
    on_errors_ready(&b->reader);
}


void uvllm__batch_resume(uvllm_batch_t* b) {
  read_results(b);
}
