/* The files of a batch before the first line: opened, locked and looked at in
 * one job, which changes nothing; refused or accepted on the loop; then emptied
 * where that was asked for, and OUTPUT.run.json put in place, in a second job.
 *
 * Crashes in between: a restart empties OUTPUT, then the errors file, then
 * replaces run.json, so that no answer ever stands beside a run.json it was not
 * made with. --retry-failed empties the errors file at once: what stood in it
 * then stands in no file, and whatever run comes next takes it up.
 */
#include "batch_internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>


int uvllm__is_dry(const uvllm_batch_t* b) {
  return (b->settings.flags & UVLLM_BATCH_DRY_RUN) != 0;
}


/* ---- In the pool ---- */

static int is_same_file(const uvllm__opened_t* a, const uvllm__opened_t* b) {
  return a->fd >= 0 && b->fd >= 0 && a->regular && b->regular && a->dev == b->dev &&
         a->ino == b->ino;
}


static int failed(uvllm__prepared_t* p, int err, const char* path, const char* what) {
  if (err == 0)
    return 0;
  p->err = err;
  p->path = path;
  p->what = what;
  return -1;
}


/* A dry run only reads, and does not lock. */
static int open_file(uvllm_batch_t* b, const char* path, int create, uvllm__opened_t* opened) {
  const char* what = NULL;
  int err = uvllm__is_dry(b) ? uvllm__file_open_input(path, opened)
                             : uvllm__file_open_locked(path, create, opened);
  if (err == UV_ENOENT && !create)
    return 0;
  if (err == UV_ENOENT && uvllm__is_dry(b))
    return 0;
  if (err == UV_EBUSY)
    what = "another run is using it";
  if (err == UV_EINVAL)
    what = "neither a file nor a device";
  return failed(&b->prepared, err, path, what);
}


static void open_work(uv_work_t* job) {
  uvllm_batch_t* b = job->data;
  uvllm__prepared_t* p = &b->prepared;
  const uvllm__settings_t* s = &b->settings;
  if (failed(p, uvllm__file_open_input(s->input, &p->input), s->input, NULL) != 0)
    return;
  if (s->output == NULL)
    return;
  if (open_file(b, s->output, 1, &p->results) != 0 ||
      open_file(b, s->errors, 0, &p->errors) != 0)
    return;
  if (is_same_file(&p->input, &p->results) || is_same_file(&p->input, &p->errors)) {
    failed(p, UV_EINVAL, is_same_file(&p->input, &p->results) ? s->output : s->errors,
           "it is the input, too: name another output");
    return;
  }
  int err = uvllm__file_read_small(s->run, p->run_text, UVLLM__RUN_JSON_MAX, &p->run_len);
  p->has_run = err != UV_ENOENT;
  if (p->has_run)
    failed(p, err, s->run, err == UV_EFBIG ? "too large to be ours" : NULL);
}


static int empty(uvllm__opened_t* o) {
  if (o->fd < 0 || !o->regular)
    return 0;
  if (ftruncate(o->fd, 0) != 0)
    return -errno;
  o->len = 0;
  return 0;
}


static void settle_work(uv_work_t* job) {
  uvllm_batch_t* b = job->data;
  uvllm__prepared_t* p = &b->prepared;
  const uvllm__settings_t* s = &b->settings;
  if (p->truncate_results && failed(p, empty(&p->results), s->output, NULL) != 0)
    return;
  if (p->truncate_errors && failed(p, empty(&p->errors), s->errors, NULL) != 0)
    return;
  if (p->new_run.len != 0)
    failed(p, uvllm__file_replace(s->run, p->new_run.base, p->new_run.len), s->run, NULL);
}


/* ---- On the loop ---- */

static int has_failed(uvllm_batch_t* b, int status) {
  const uvllm__prepared_t* p = &b->prepared;
  int err = status != 0 ? status : p->err;
  if (err == 0)
    return 0;
  uvllm__batch_fail(b, err, "%s: %s", p->path != NULL ? p->path : b->settings.input,
                    p->what != NULL ? p->what : uvllm_strerror(err));
  return 1;
}


static void on_settled(uv_work_t* job, int status) {
  uvllm_batch_t* b = job->data;
  if (has_failed(b, status) || b->stopping) {
    uvllm__batch_step(b);
    return;
  }
  uvllm__batch_resume(b);
}


/* Whether the files may be gone on with; else the reason is set. */
static int may_go_on(uvllm_batch_t* b) {
  uvllm__prepared_t* p = &b->prepared;
  char reason[360];
  int restart = (b->settings.flags & UVLLM_BATCH_RESTART) != 0;
  if (restart || (p->results.len == 0 && p->errors.len == 0))
    return 1;
  if (!p->has_run) {
    uvllm__batch_fail(b, UV_EEXIST,
                      "%s: it exists, and no batch has made it (%s is not there): name another "
                      "output, or begin anew with --restart",
                      p->results.len != 0 ? b->settings.output : b->settings.errors,
                      b->settings.run);
    return 0;
  }
  uvllm_str_t text = { p->run_text, p->run_len };
  int err = uvllm__run_check(b->line_parser, text, &b->run, reason, sizeof(reason));
  if (err == UVLLM__ENOMEM)
    uvllm__batch_fail(b, err, "no memory");
  else if (err != 0)
    uvllm__batch_fail(b, err, "%s: it %s: name another output, or begin anew with --restart",
                      b->settings.output, reason);
  return err == 0;
}


static void on_opened(uv_work_t* job, int status) {
  uvllm_batch_t* b = job->data;
  uvllm__prepared_t* p = &b->prepared;
  int restart = (b->settings.flags & UVLLM_BATCH_RESTART) != 0;
  if (has_failed(b, status) || b->stopping || !may_go_on(b)) {
    uvllm__batch_step(b);
    return;
  }
  p->truncate_results = restart;
  p->truncate_errors = restart || (b->settings.flags & UVLLM_BATCH_RETRY_FAILED) != 0;
  if (uvllm__is_dry(b)) {
    if (p->truncate_results)
      p->results.len = 0; /* as if they were */
    if (p->truncate_errors)
      p->errors.len = 0;
    uvllm__batch_resume(b);
    return;
  }
  if (p->results.regular && uvllm__run_write(&b->run, &p->new_run) != 0)
    uvllm__batch_fail(b, UV_ENOMEM, "no memory");
  if (b->status != 0) {
    uvllm__batch_step(b);
    return;
  }
  uv_queue_work(b->loop, &b->job, settle_work, on_settled);
}


void uvllm__batch_prepare(uvllm_batch_t* b) {
  uv_queue_work(b->loop, &b->job, open_work, on_opened);
}
