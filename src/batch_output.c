/* OUTPUT and the errors file: whole lines appended, one write(2) for all that
 * were gathered meanwhile, in the thread pool; fdatasync(2) a second after.
 *
 * The files always end with a whole line, as far as that is in our hands: what
 * a failed write left behind is cut off. A full disk is waited for, as long as its
 * owner wants to; after any other error nothing more is written. What is gathered
 * stays until uvllm__output_finish() has tried once more.
 */
#include "batch_io.h"

#include <unistd.h>

enum { WRITE_AT_ONCE = 256 * 1024, KEEP = 1024 * 1024 };


void uvllm__output_init(uvllm__output_t* o, const uvllm_alloc_t* alloc, uv_loop_t* loop) {
  memset(o, 0, sizeof(*o));
  o->alloc = alloc;
  o->loop = loop;
  for (int i = 0; i < UVLLM__OUT_FILES; i++) {
    o->files[i].fd = -1;
    uvllm__buf_init(&o->files[i].next, alloc, SIZE_MAX);
    uvllm__buf_init(&o->files[i].now, alloc, SIZE_MAX);
  }
  uv_timer_init(loop, &o->write_timer);
  uv_timer_init(loop, &o->sync_timer);
  o->write_timer.data = o->sync_timer.data = o;
  o->write_job.data = o->sync_job.data = o;
}


void uvllm__output_attach(uvllm__output_t* o, int which, const char* path,
                          const uvllm__opened_t* opened) {
  uvllm__out_file_t* f = &o->files[which];
  f->path = path;
  f->fd = opened->fd;
  f->regular = opened->fd < 0 || opened->regular;
  f->len = opened->fd < 0 ? 0 : opened->len;
}


void uvllm__output_free(uvllm__output_t* o) {
  for (int i = 0; i < UVLLM__OUT_FILES; i++) {
    uvllm__buf_free(&o->files[i].next);
    uvllm__buf_free(&o->files[i].now);
  }
}


/* ---- In the pool ---- */

static int make_file(uvllm__out_file_t* f) {
  uvllm__opened_t opened;
  int err = uvllm__file_open_locked(f->path, 1, &opened);
  if (err != 0)
    return err;
  f->fd = opened.fd;
  f->regular = opened.regular;
  f->len = opened.len;
  return uvllm__file_sync_parent(f->path);
}


/* Back to the last whole line. */
static void cut_off(uvllm__out_file_t* f) {
  size_t keep = f->done;
  while (keep != 0 && f->now.base[keep - 1] != '\n')
    keep--;
  if (keep == f->done)
    return;
  f->done = keep;
  f->torn = !f->regular || ftruncate(f->fd, (off_t) (f->len + keep)) != 0;
}


static int write_file(uvllm__out_file_t* f) {
  f->done = 0;
  if (f->now.len == 0)
    return 0;
  if (f->torn)
    return -EIO;
  int err = f->fd < 0 ? make_file(f) : 0;
  if (err == 0)
    err = uvllm__file_write(f->fd, f->now.base, f->now.len, &f->done);
  if (err != 0)
    cut_off(f);
  return err;
}


static void write_work(uv_work_t* job) {
  uvllm__output_t* o = job->data;
  o->job_err = o->job_no_room = 0;
  for (int i = 0; i < UVLLM__OUT_FILES; i++) {
    uvllm__out_file_t* f = &o->files[i];
    int err = write_file(f);
    if (err == 0 || (o->job_err != 0 && !o->job_no_room))
      continue;
    o->job_err = err;
    o->job_no_room = err == -ENOSPC && f->regular; /* a device never gets room */
    o->job_path = f->path;
  }
}


static void sync_work(uv_work_t* job) {
  uvllm__output_t* o = job->data;
  o->sync_err = 0;
  for (int i = 0; i < UVLLM__OUT_FILES; i++) {
    uvllm__out_file_t* f = &o->files[i];
    int err = f->syncing ? uvllm__file_sync(f->fd) : 0;
    if (err == 0 || o->sync_err != 0)
      continue;
    o->sync_err = err;
    o->sync_path = f->path;
  }
}


/* ---- On the loop ---- */

static void step_finish(uvllm__output_t* o);
static void start_write(uvllm__output_t* o);


static void fail(uvllm__output_t* o, int err, const char* path) {
  if (err == 0 || o->err != 0)
    return;
  o->err = err;
  o->err_path = path;
}


static int is_dirty(const uvllm__output_t* o) {
  return o->files[0].dirty || o->files[1].dirty;
}


static size_t gathered(const uvllm__output_t* o) {
  return o->files[0].next.len + o->files[1].next.len;
}


static void on_sync_due(uv_timer_t* timer);


static void arm_sync(uvllm__output_t* o) {
  if (is_dirty(o) && !o->syncing && !o->finishing && !uv_is_active((uv_handle_t*) &o->sync_timer))
    uv_timer_start(&o->sync_timer, on_sync_due, UVLLM__OUT_SYNC_MS, 0);
}


static void on_synced(uv_work_t* job, int status) {
  uvllm__output_t* o = job->data;
  o->syncing = 0;
  fail(o, status != 0 ? status : o->sync_err, o->sync_path);
  if (o->finishing) {
    step_finish(o);
    return;
  }
  arm_sync(o);
  o->written_cb(o);
}


static void start_sync(uvllm__output_t* o) {
  for (int i = 0; i < UVLLM__OUT_FILES; i++) {
    o->files[i].syncing = o->files[i].dirty;
    o->files[i].dirty = 0;
  }
  o->syncing = 1;
  uv_queue_work(o->loop, &o->sync_job, sync_work, on_synced);
}


static void on_sync_due(uv_timer_t* timer) {
  uvllm__output_t* o = timer->data;
  if (o->err == 0)
    start_sync(o);
}


static uint64_t count_lines(const char* p, size_t len) {
  uint64_t n = 0;
  for (const char* end = p + len; p < end; n++) {
    const char* newline = memchr(p, '\n', (size_t) (end - p));
    p = newline != NULL ? newline + 1 : end;
  }
  return n;
}


static void settle_file(uvllm__out_file_t* f) {
  if (f->done == 0)
    return;
  f->nlines += count_lines(f->now.base, f->done);
  f->len += f->done;
  f->dirty = 1;
  uvllm__buf_consume(&f->now, f->done);
  f->done = 0;
  if (f->now.len == 0 && f->now.cap > KEEP)
    uvllm__buf_free(&f->now);
}


static void on_write_due(uv_timer_t* timer) {
  start_write(timer->data);
}


static void arm_write(uvllm__output_t* o) {
  if (gathered(o) == 0 || o->writing || o->finishing || o->no_room || o->err != 0)
    return;
  if (gathered(o) >= WRITE_AT_ONCE)
    start_write(o);
  else if (!uv_is_active((uv_handle_t*) &o->write_timer))
    uv_timer_start(&o->write_timer, on_write_due, UVLLM__OUT_GATHER_MS, 0);
}


static void on_written(uv_work_t* job, int status) {
  uvllm__output_t* o = job->data;
  o->writing = 0;
  o->no_room = status == 0 && o->job_no_room && !o->finishing;
  if (!o->no_room)
    fail(o, status != 0 ? status : o->job_err, o->job_path);
  o->gave_up = o->finishing && o->job_err != 0;
  settle_file(&o->files[0]);
  settle_file(&o->files[1]);
  if (o->finishing) {
    step_finish(o);
    return;
  }
  arm_sync(o);
  arm_write(o);
  o->written_cb(o);
}


static void start_write(uvllm__output_t* o) {
  uv_timer_stop(&o->write_timer);
  if (o->writing || (o->err != 0 && !o->finishing))
    return;
  for (int i = 0; i < UVLLM__OUT_FILES; i++) {
    uvllm__out_file_t* f = &o->files[i];
    if (f->now.len != 0)
      continue;
    uvllm__buf_t empty = f->now;
    f->now = f->next;
    f->next = empty;
  }
  o->writing = 1;
  uv_queue_work(o->loop, &o->write_job, write_work, on_written);
}


void uvllm__output_retry(uvllm__output_t* o) {
  if (o->no_room && !o->writing)
    start_write(o);
}


int uvllm__output_line(uvllm__output_t* o, int which, uvllm_str_t line) {
  uvllm__buf_t* next = &o->files[which].next;
  int err = uvllm__buf_append(next, line.base, line.len);
  if (err != 0) {
    next->err = 0; /* what it holds is whole */
    return err;
  }
  arm_write(o);
  return 0;
}


int uvllm__output_full(const uvllm__output_t* o) {
  return gathered(o) > UVLLM__OUT_FULL;
}


int uvllm__output_idle(const uvllm__output_t* o) {
  return gathered(o) == 0 && !o->writing && o->files[0].now.len + o->files[1].now.len == 0;
}


uint64_t uvllm__output_unwritten(const uvllm__output_t* o) {
  uint64_t n = 0;
  for (int i = 0; i < UVLLM__OUT_FILES; i++)
    n += count_lines(o->files[i].now.base, o->files[i].now.len) +
         count_lines(o->files[i].next.base, o->files[i].next.len);
  return n;
}


static void step_finish(uvllm__output_t* o) {
  size_t left = gathered(o) + o->files[0].now.len + o->files[1].now.len;
  if (o->writing || o->syncing)
    return;
  if (left != 0 && !o->gave_up) {
    start_write(o);
  } else if (!o->last_sync) {
    o->last_sync = 1;
    start_sync(o);
  } else {
    o->finished_cb(o);
  }
}


void uvllm__output_finish(uvllm__output_t* o, void (*finished_cb)(uvllm__output_t* o)) {
  o->finishing = 1;
  o->finished_cb = finished_cb;
  uv_timer_stop(&o->write_timer);
  uv_timer_stop(&o->sync_timer);
  step_finish(o);
}
