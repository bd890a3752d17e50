/* How many lines the input has, and its hash: read once more, in the thread pool
 * and beside the run, in steps that leave the pool to others in between.
 */
#include "batch_io.h"

#include <unistd.h>

enum { CHUNKS_PER_STEP = 16 };

static const uint64_t no_key[2] = { 0, 0 };


static int is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}


/* A line counts with its first byte that is no white space. */
static const char* begin_line(uvllm__scan_t* s, const char* p, const char* end) {
  for (; p < end && (is_space(*p) || *p == '\n'); p++)
    s->state = *p == '\n' ? UVLLM__CSV_START : UVLLM__CSV_PLAIN;
  if (p < end) {
    s->in_line = 1;
    s->nlines++;
  }
  return p;
}


void uvllm__scan_count(uvllm__scan_t* s, const char* p, size_t len) {
  const char* end = p + len;
  while (p < end) {
    if (!s->in_line) {
      p = begin_line(s, p, end);
      continue;
    }
    const char* newline = s->csv ? p + uvllm__csv_scan(&s->state, p, (size_t) (end - p))
                                 : memchr(p, '\n', (size_t) (end - p));
    if (newline == NULL || newline == end)
      return;
    p = newline + 1;
    s->in_line = 0;
    s->state = UVLLM__CSV_START;
  }
}


static void hash_chunk(uvllm__scan_t* s, size_t len) {
  uint64_t to_prefix = s->prefix - s->offset;
  if (s->prefix >= s->offset && to_prefix <= len) {
    uvllm__sip_update(&s->hash, s->chunk, (size_t) to_prefix);
    s->prefix_hash = uvllm__sip_final(&s->hash);
    uvllm__sip_update(&s->hash, s->chunk + to_prefix, len - (size_t) to_prefix);
  } else {
    uvllm__sip_update(&s->hash, s->chunk, len);
  }
  s->offset += len;
}


static void scan_work(uv_work_t* job) {
  uvllm__scan_t* s = job->data;
  for (int i = 0; i < CHUNKS_PER_STEP && !s->complete && s->err == 0; i++) {
    ssize_t n = pread(s->fd, s->chunk, UVLLM__CHUNK, (off_t) (s->start + s->offset));
    if (n < 0 && errno != EINTR)
      s->err = -errno;
    if (n == 0)
      s->complete = 1;
    if (n <= 0)
      continue;
    uvllm__scan_count(s, s->chunk, (size_t) n);
    hash_chunk(s, (size_t) n);
  }
}


static void on_step(uv_work_t* job, int status) {
  uvllm__scan_t* s = job->data;
  (void) status;
  if (s->complete || s->err != 0 || s->stop ||
      uv_queue_work(s->loop, &s->job, scan_work, on_step) != 0) {
    s->running = 0;
    s->ended_cb(s);
  }
}


int uvllm__scan_start(uvllm__scan_t* s, const uvllm_alloc_t* alloc, uv_loop_t* loop, int fd,
                      int csv, uint64_t prefix, void (*ended_cb)(uvllm__scan_t* s)) {
  off_t start = lseek(fd, 0, SEEK_CUR);
  memset(s, 0, sizeof(*s));
  s->loop = loop;
  s->alloc = alloc;
  s->ended_cb = ended_cb;
  s->fd = fd;
  s->csv = csv;
  s->prefix = prefix;
  s->start = start > 0 ? (uint64_t) start : 0;
  s->job.data = s;
  uvllm__sip_init(&s->hash, no_key);
  s->chunk = uvllm__malloc(alloc, UVLLM__CHUNK);
  int err = s->chunk == NULL ? UVLLM__ENOMEM : uv_queue_work(loop, &s->job, scan_work, on_step);
  s->running = err == 0;
  if (err != 0)
    uvllm__scan_free(s);
  return err;
}


void uvllm__scan_free(uvllm__scan_t* s) {
  if (s->alloc == NULL)
    return;
  uvllm__free(s->alloc, s->chunk);
  if (s->fd >= 0)
    close(s->fd);
  s->alloc = NULL;
}
