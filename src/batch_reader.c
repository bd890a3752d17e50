/* Lines of a file or a pipe. One chunk is read in the thread pool while the one
 * before is cut into lines; when nobody takes lines, nothing is read. A line lies
 * whole in the window, so the window is a chunk, or the longest line and two.
 *
 * Pipes, sockets and terminals are read when they have something: a read that
 * waits would hold a thread of the pool, and could not be ended.
 */
#include "batch_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char bom[] = "\xef\xbb\xbf";


static int init_poll(uvllm__reader_t* r) {
  struct stat st;
  if (fstat(r->fd, &st) != 0)
    return -errno;
  if (S_ISREG(st.st_mode))
    return 0;
  r->flags_before = fcntl(r->fd, F_GETFL);
  int err = uv_poll_init(r->loop, &r->poll, r->fd);
  r->pollable = err == 0;
  r->poll.data = r;
  return err == UV_EPERM ? 0 : err; /* /dev/null and the like can always be read */
}


int uvllm__reader_init(uvllm__reader_t* r, const uvllm_alloc_t* alloc, uv_loop_t* loop, int fd,
                       int csv, size_t max_line) {
  memset(r, 0, sizeof(*r));
  r->alloc = alloc;
  r->loop = loop;
  r->fd = fd;
  r->csv = csv != 0;
  r->max_line = max_line;
  r->number = 1;
  uvllm__buf_init(&r->window, alloc, max_line + 2 * (size_t) UVLLM__CHUNK);
  r->chunk = uvllm__malloc(alloc, UVLLM__CHUNK);
  int err = r->chunk == NULL ? UVLLM__ENOMEM : init_poll(r);
  if (err != 0) {
    uvllm__free(alloc, r->chunk);
    close(fd);
  }
  return err;
}


static void finish_close(uvllm__reader_t* r) {
  if (r->pollable)
    fcntl(r->fd, F_SETFL, r->flags_before); /* others may share the descriptor */
  close(r->fd);
  uvllm__free(r->alloc, r->chunk);
  uvllm__buf_free(&r->window);
}


static void one_closed(uvllm__reader_t* r) {
  if (--r->nclosing != 0)
    return;
  finish_close(r);
  r->closed_cb(r);
}


static void on_poll_closed(uv_handle_t* handle) {
  one_closed(handle->data);
}


int uvllm__reader_close(uvllm__reader_t* r, void (*closed_cb)(uvllm__reader_t* r)) {
  r->closing = 1;
  r->closed_cb = closed_cb;
  r->nclosing = r->pollable + r->reading;
  if (r->pollable)
    uv_close((uv_handle_t*) &r->poll, on_poll_closed);
  if (r->nclosing != 0)
    return 0;
  finish_close(r);
  return 1;
}


static void tell(uvllm__reader_t* r) {
  if (!r->wanted)
    return;
  r->wanted = 0;
  r->ready_cb(r);
}


static int wait_readable(uvllm__reader_t* r);


static void on_read(uv_fs_t* fs) {
  uvllm__reader_t* r = fs->data;
  ssize_t n = fs->result;
  uv_fs_req_cleanup(fs);
  r->reading = 0;
  if (r->closing) {
    one_closed(r);
    return;
  }
  if (n == UV_EAGAIN && r->pollable)
    r->err = wait_readable(r);
  else if (n < 0)
    r->err = (int) n;
  else if (n == 0)
    r->eof = 1;
  else
    r->chunk_len = (size_t) n;
  if (!r->waiting)
    tell(r);
}


static int read_chunk(uvllm__reader_t* r) {
  uv_buf_t buf = uv_buf_init(r->chunk, UVLLM__CHUNK);
  r->fs.data = r;
  int err = uv_fs_read(r->loop, &r->fs, r->fd, &buf, 1, -1, on_read);
  r->reading = err == 0;
  return err;
}


static void on_readable(uv_poll_t* poll, int status, int events) {
  uvllm__reader_t* r = poll->data;
  (void) events;
  uv_poll_stop(poll);
  r->waiting = 0;
  r->err = status < 0 ? status : read_chunk(r);
  if (r->err != 0)
    tell(r);
}


static int wait_readable(uvllm__reader_t* r) {
  int err = uv_poll_start(&r->poll, UV_READABLE, on_readable);
  r->waiting = err == 0;
  return err;
}


static int ask_for_more(uvllm__reader_t* r) {
  if (r->eof || r->reading || r->waiting)
    return 0;
  return r->pollable ? wait_readable(r) : read_chunk(r);
}


/* The mark at the very beginning may come in pieces. What only looked like one
 * is put back. */
static size_t skip_bom(uvllm__reader_t* r) {
  size_t n = 0;
  while (r->bom < 3 && n < r->chunk_len && r->chunk[n] == bom[r->bom]) {
    n++;
    r->bom++;
  }
  r->offset += n;
  if (n < r->chunk_len && r->bom < 3) {
    r->offset -= r->bom;
    uvllm__buf_append(&r->window, bom, r->bom);
    r->bom = 3;
  }
  return n;
}


/* After a huge line the window is made small again. */
static void shrink(uvllm__reader_t* r) {
  const size_t cap = 2 * (size_t) UVLLM__CHUNK;
  if (r->window.cap <= 2 * cap || r->window.len > UVLLM__CHUNK)
    return;
  char* base = uvllm__realloc(r->alloc, r->window.base, cap);
  if (base == NULL)
    return;
  r->window.base = base;
  r->window.cap = cap;
}


static int take_chunk(uvllm__reader_t* r) {
  uvllm__buf_consume(&r->window, r->pos);
  r->offset += r->pos;
  r->scanned -= r->pos;
  r->pos = 0;
  shrink(r);
  size_t skip = r->bom < 3 ? skip_bom(r) : 0;
  int err = uvllm__buf_append(&r->window, r->chunk + skip, r->chunk_len - skip);
  r->chunk_len = 0;
  return err;
}


/* The newline that ends the line at pos. */
static int find_end(uvllm__reader_t* r, size_t* end) {
  const char* from = r->window.base + r->scanned;
  size_t left = r->window.len - r->scanned;
  size_t n = left;
  if (left == 0)
    return 0;
  if (r->csv && !r->skipping) {
    n = uvllm__csv_scan(&r->state, from, left);
  } else {
    const char* newline = memchr(from, '\n', left);
    if (newline != NULL)
      n = (size_t) (newline - from);
  }
  r->scanned += n;
  *end = r->scanned;
  return n < left;
}


static uint64_t count_newlines(const char* p, size_t len) {
  uint64_t n = 0;
  for (size_t i = 0; i < len; i++)
    n += p[i] == '\n';
  return n;
}


static int is_blank(uvllm_str_t s) {
  size_t i = 0;
  while (i < s.len && (s.base[i] == ' ' || s.base[i] == '\t' || s.base[i] == '\r'))
    i++;
  return i == s.len;
}


/* Takes [pos, end) and the newline behind it, if there is one. 0: it is blank. */
static int take_line(uvllm__reader_t* r, size_t end, uvllm__input_line_t* line, int err) {
  const char* base = r->window.base + r->pos;
  size_t len = end - r->pos;
  uint64_t inside = r->csv ? count_newlines(base, len) : 0;
  line->unterminated = end == r->window.len;
  line->number = r->number;
  line->err = r->skipping ? UVLLM_ETOOLARGE : err;
  if (r->skipping)
    len = 0;
  if (len != 0 && base[len - 1] == '\r')
    len--;
  line->text = (uvllm_str_t) { base, len };
  r->pos = r->scanned = end + !line->unterminated;
  line->end = r->offset + r->pos;
  r->number += 1 + inside;
  r->skipping = 0;
  r->state = UVLLM__CSV_START;
  return line->err != 0 || !is_blank(line->text);
}


/* The record at pos never ends, or not where a quote may: its first physical line
 * is the faulty one, and what follows is looked at again. */
static int take_broken(uvllm__reader_t* r, size_t end, uvllm__input_line_t* line) {
  size_t len = end - r->pos;
  const char* newline = r->csv ? memchr(r->window.base + r->pos, '\n', len) : NULL;
  if (newline != NULL)
    return take_line(r, (size_t) (newline - r->window.base), line, UVLLM_ETOOLARGE);
  r->skipping = 1;
  return 0;
}


static int cut(uvllm__reader_t* r, uvllm__input_line_t* line) {
  size_t end;
  while (find_end(r, &end)) {
    if (r->state == UVLLM__CSV_BROKEN && memchr(r->window.base + r->pos, '\n', end - r->pos))
      return take_broken(r, end, line);
    if (take_line(r, end, line, 0))
      return 1;
  }
  if (r->window.len - r->pos > r->max_line && !r->skipping &&
      take_broken(r, r->window.len, line))
    return 1;
  if (r->skipping)
    r->pos = r->scanned = r->window.len;
  return 0;
}


static int cut_last(uvllm__reader_t* r, uvllm__input_line_t* line) {
  if (r->pos == r->window.len && !r->skipping)
    return UV_EOF;
  int broken = r->state == UVLLM__CSV_QUOTED || r->state == UVLLM__CSV_BROKEN;
  if (broken && !r->skipping && take_broken(r, r->window.len, line))
    return 1;
  return take_line(r, r->window.len, line, 0) ? 1 : UV_EOF;
}


int uvllm__reader_next(uvllm__reader_t* r, uvllm__input_line_t* line) {
  for (;;) {
    if (cut(r, line))
      return 1;
    if (r->chunk_len != 0) {
      r->err = take_chunk(r);
    } else if (r->reading || r->waiting) {
      r->wanted = 1;
      return 0;
    } else if (r->eof && r->err == 0) {
      return cut_last(r, line);
    }
    if (r->err == 0)
      r->err = ask_for_more(r);
    if (r->err != 0)
      return r->err;
  }
}
