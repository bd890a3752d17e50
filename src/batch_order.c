/* Lines are finished in any order and handed on in the input's: a ring of places
 * from the slowest line on. What does not fit into memory waits in a nameless
 * file beside OUTPUT, written and read in the thread pool, and read back in
 * pieces, since lines finish nearly in order.
 *
 * Only what was handed on counts after a crash; so nothing here is ever synced.
 */
#include "batch_io.h"

#include <unistd.h>

enum { EMPTY, GONE, IN_MEMORY, SPILLED };
enum { READ_BACK = 256 * 1024, SPILL_FULL = 8 * 1024 * 1024, FIRST_PLACES = 256 };


void uvllm__order_init(uvllm__order_t* o, const uvllm_alloc_t* alloc, uv_loop_t* loop,
                       uvllm__output_t* output, const char* path) {
  memset(o, 0, sizeof(*o));
  o->alloc = alloc;
  o->loop = loop;
  o->output = output;
  o->path = path;
  o->max_bytes = UVLLM__ORDER_MEMORY;
  o->spill.fd = -1;
  uvllm__buf_init(&o->spill.now, alloc, SIZE_MAX);
  uvllm__buf_init(&o->spill.next, alloc, SIZE_MAX);
  uvllm__buf_init(&o->spill.back, alloc, SIZE_MAX);
  o->spill.write_job.data = o->spill.read_job.data = o;
}


static uvllm__order_place_t* place_at(const uvllm__order_t* o, uint64_t place) {
  return &o->places[place & (o->cap - 1)];
}


void uvllm__order_free(uvllm__order_t* o) {
  for (; o->head < o->tail; o->head++)
    if (place_at(o, o->head)->state == IN_MEMORY)
      uvllm__free(o->alloc, place_at(o, o->head)->at.data);
  uvllm__free(o->alloc, o->places);
  uvllm__buf_free(&o->spill.now);
  uvllm__buf_free(&o->spill.next);
  uvllm__buf_free(&o->spill.back);
  if (o->spill.fd >= 0)
    close(o->spill.fd);
  o->places = NULL;
  o->spill.fd = -1;
}


int uvllm__order_busy(const uvllm__order_t* o) {
  return o->spill.writing || o->spill.reading;
}


int uvllm__order_full(const uvllm__order_t* o) {
  return o->tail - o->head >= UVLLM__ORDER_AHEAD || o->spill.next.len > SPILL_FULL;
}


/* ---- In the pool ---- */

static void spill_work(uv_work_t* job) {
  uvllm__order_t* o = job->data;
  uvllm__spill_t* s = &o->spill;
  s->done = 0;
  s->job_err = s->fd < 0 ? uvllm__file_temporary(o->path, &s->fd) : 0;
  if (s->job_err == 0 && s->truncate && ftruncate(s->fd, 0) != 0)
    s->job_err = -errno;
  if (s->job_err == 0 && lseek(s->fd, (off_t) s->flushed, SEEK_SET) < 0)
    s->job_err = -errno;
  if (s->job_err == 0)
    s->job_err = uvllm__file_write(s->fd, s->now.base, s->now.len, &s->done);
}


static void read_work(uv_work_t* job) {
  uvllm__order_t* o = job->data;
  uvllm__spill_t* s = &o->spill;
  s->read_err = 0;
  while (s->back.len < s->wanted) {
    ssize_t n = pread(s->fd, s->back.base + s->back.len, s->wanted - s->back.len,
                      (off_t) (s->back_offset + s->back.len));
    if (n > 0)
      s->back.len += (size_t) n;
    else if (n == 0 || errno != EINTR)
      s->read_err = n == 0 ? -EIO : -errno;
    if (s->read_err != 0)
      return;
  }
}


/* ---- On the loop ---- */

static void fail(uvllm__order_t* o, int err) {
  if (o->err == 0)
    o->err = err;
}


static void on_spilled(uv_work_t* job, int status);


static void write_spill(uvllm__order_t* o) {
  uvllm__spill_t* s = &o->spill;
  if (s->writing || s->now.len != 0 || s->next.len == 0)
    return;
  uvllm__buf_t empty = s->now;
  s->now = s->next;
  s->next = empty;
  s->writing = 1;
  uv_queue_work(o->loop, &s->write_job, spill_work, on_spilled);
}


/* After an error `now` stays, and what lies in it is found there. */
static void on_spilled(uv_work_t* job, int status) {
  uvllm__order_t* o = job->data;
  uvllm__spill_t* s = &o->spill;
  (void) status;
  s->writing = 0;
  s->no_room = s->job_err == UV_ENOSPC;
  if (s->job_err != 0 && !s->no_room) {
    fail(o, s->job_err);
  } else if (!s->no_room) {
    s->flushed += s->now.len;
    s->truncate = 0;
    uvllm__buf_clear(&s->now);
    write_spill(o);
  }
  uvllm__order_drain(o);
  o->moved_cb(o);
}


/* What was handed on from memory meanwhile needs no room any more. */
void uvllm__order_retry(uvllm__order_t* o) {
  uvllm__spill_t* s = &o->spill;
  if (!s->no_room || s->writing)
    return;
  if (s->alive != 0) {
    s->writing = 1;
    uv_queue_work(o->loop, &s->write_job, spill_work, on_spilled);
    return;
  }
  s->no_room = 0;
  uvllm__buf_clear(&s->now);
  uvllm__buf_clear(&s->next);
  o->moved_cb(o);
}


static void on_read_back(uv_work_t* job, int status) {
  uvllm__order_t* o = job->data;
  (void) status;
  o->spill.reading = 0;
  if (o->spill.read_err != 0) {
    fail(o, o->spill.read_err);
    uvllm__buf_clear(&o->spill.back);
  }
  uvllm__order_drain(o);
  o->moved_cb(o);
}


static void read_back(uvllm__order_t* o, uint64_t offset, size_t len) {
  uvllm__spill_t* s = &o->spill;
  uint64_t left = s->flushed - offset;
  if (len < READ_BACK)
    len = left < READ_BACK ? (size_t) left : READ_BACK;
  uvllm__buf_clear(&s->back);
  if (uvllm__buf_reserve(&s->back, len) != 0) {
    fail(o, UVLLM__ENOMEM);
    return;
  }
  s->back_offset = offset;
  s->wanted = len;
  s->reading = 1;
  uv_queue_work(o->loop, &s->read_job, read_work, on_read_back);
}


static const char* within(const uvllm__buf_t* b, uint64_t base, uint64_t offset, size_t len) {
  if (offset < base || offset + len > base + b->len)
    return NULL;
  return b->base + (offset - base);
}


/* NULL: not in memory, it is being read back now, or cannot be. */
static const char* find_spilled(uvllm__order_t* o, uint64_t offset, size_t len) {
  uvllm__spill_t* s = &o->spill;
  if (s->reading)
    return NULL;
  const char* p = within(&s->back, s->back_offset, offset, len);
  if (p == NULL)
    p = within(&s->now, s->flushed, offset, len);
  if (p == NULL)
    p = within(&s->next, s->flushed + s->now.len, offset, len);
  if (p == NULL && o->err == 0)
    read_back(o, offset, len);
  return p;
}


static int spill_line(uvllm__order_t* o, uvllm__order_place_t* place, uvllm_str_t line) {
  uvllm__spill_t* s = &o->spill;
  if (s->alive == 0 && !uvllm__order_busy(o) && s->now.len == 0 && s->flushed != 0) {
    s->flushed = 0; /* all was read: begin anew */
    s->truncate = 1;
    uvllm__buf_free(&s->back);
  }
  place->at.offset = s->flushed + s->now.len + s->next.len;
  if (uvllm__buf_append(&s->next, line.base, line.len) != 0) {
    s->next.err = 0;
    return UVLLM__ENOMEM;
  }
  place->state = SPILLED;
  s->alive++;
  write_spill(o);
  return 0;
}


static int keep_line(uvllm__order_t* o, uvllm__order_place_t* place, uvllm_str_t line) {
  place->at.data = uvllm__malloc(o->alloc, line.len);
  if (place->at.data == NULL)
    return UVLLM__ENOMEM;
  memcpy(place->at.data, line.base, line.len);
  place->state = IN_MEMORY;
  o->bytes += line.len;
  return 0;
}


static int grow_ring(uvllm__order_t* o) {
  uint32_t cap = o->cap == 0 ? FIRST_PLACES : o->cap * 2;
  uvllm__order_place_t* places = uvllm__calloc(o->alloc, cap, sizeof(*places));
  if (places == NULL)
    return UVLLM__ENOMEM;
  for (uint64_t i = o->head; i < o->tail; i++)
    places[i & (cap - 1)] = *place_at(o, i);
  uvllm__free(o->alloc, o->places);
  o->places = places;
  o->cap = cap;
  return 0;
}


int uvllm__order_enter(uvllm__order_t* o, uint64_t* place) {
  if (o->tail - o->head == o->cap && grow_ring(o) != 0)
    return UVLLM__ENOMEM;
  *place = o->tail++;
  memset(place_at(o, *place), 0, sizeof(*o->places));
  return 0;
}


int uvllm__order_fill(uvllm__order_t* o, uint64_t number, int which, uvllm_str_t line) {
  uvllm__order_place_t* place = place_at(o, number);
  int err = 0;
  place->which = (uint16_t) which;
  place->len = (uint32_t) line.len;
  place->state = GONE;
  if (line.base != NULL) {
    if (o->bytes + line.len > o->max_bytes && o->err == 0 && number != o->head)
      err = spill_line(o, place, line);
    else
      err = keep_line(o, place, line);
    o->nfinished += err == 0;
  }
  uvllm__order_drain(o);
  return err;
}


/* 0: it has to wait. */
static int hand_on(uvllm__order_t* o, uvllm__order_place_t* place) {
  const char* data = place->at.data;
  if (place->state == GONE)
    return 1;
  if (place->state == EMPTY || uvllm__output_full(o->output))
    return 0;
  if (place->state == SPILLED)
    data = find_spilled(o, place->at.offset, place->len);
  if (data == NULL)
    return 0;
  uvllm_str_t line = { data, place->len };
  if (uvllm__output_line(o->output, place->which, line) != 0) {
    fail(o, UVLLM__ENOMEM);
    return 0;
  }
  o->nfinished--;
  if (place->state == SPILLED) {
    o->spill.alive--;
  } else {
    o->bytes -= place->len;
    uvllm__free(o->alloc, place->at.data);
  }
  return 1;
}


void uvllm__order_drain(uvllm__order_t* o) {
  while (o->head < o->tail && hand_on(o, place_at(o, o->head)))
    o->head++;
}
