/* A file of our lines into the input's order, when earlier runs left holes that
 * this one filled at the end. The ids tell the line of the input; the file is
 * indexed (16 bytes a line, the caller's), written anew beside itself and put in
 * its place by rename(2): at any moment one whole file has the name.
 */
#include "batch_io.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LEN_BITS = 30, HEAD = 64 };

static const char head[] = "{\"id\":\"batch_req_";

typedef struct window_s { /* a part of the old file */
  int fd;
  char* base;
  uint64_t offset;
  size_t len;
} window_t;


static int load(window_t* w, uint64_t offset) {
  ssize_t n;
  do
    n = pread(w->fd, w->base, UVLLM__CHUNK, (off_t) offset);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return -errno;
  w->offset = offset;
  w->len = (size_t) n;
  return 0;
}


/* Eight digits of the run, then twelve of the line. */
static uint64_t key_of(const char* line, size_t len, uint64_t otherwise) {
  uint64_t key = 0;
  const char* p = line + sizeof(head) - 1 + 8;
  if (len < sizeof(head) - 1 + 20 || memcmp(line, head, sizeof(head) - 1) != 0)
    return otherwise;
  for (int i = 0; i < 12; i++) {
    if (p[i] < '0' || p[i] > '9')
      return otherwise;
    key = key * 10 + (uint64_t) (p[i] - '0');
  }
  return key < UINT64_C(1) << (64 - LEN_BITS) ? key : otherwise;
}


/* The line at offset, through the window. 1: the file ends there. */
static int next_line(window_t* w, uint64_t offset, uint64_t* key, uint64_t* len) {
  size_t at = (size_t) (offset - w->offset);
  if (at + HEAD > w->len) {
    int err = load(w, offset);
    if (err != 0)
      return err;
    at = 0;
  }
  if (at == w->len)
    return 1;
  *key = key_of(w->base + at, w->len - at, *key);
  *len = 0;
  for (;;) {
    const char* newline = memchr(w->base + at, '\n', w->len - at);
    if (newline != NULL) {
      *len += (uint64_t) (newline - w->base) - at + 1;
      return *len >> LEN_BITS == 0 ? 0 : -EFBIG;
    }
    *len += w->len - at;
    int err = load(w, offset + *len);
    if (err != 0 || w->len == 0)
      return err != 0 ? err : 1; /* half a line: not ours to move */
    at = 0;
  }
}


static int build_index(window_t* w, uvllm__sort_line_t* lines, size_t cap, size_t* n,
                       int* in_order) {
  uint64_t offset = 0, key = 0, last = 0, len;
  int err;
  *n = 0;
  *in_order = 1;
  while ((err = next_line(w, offset, &key, &len)) == 0) {
    if (*n == cap)
      return UVLLM__EINVAL;
    if (key < last)
      *in_order = 0;
    last = key;
    lines[*n].key_len = key << LEN_BITS | len;
    lines[(*n)++].offset = offset;
    offset += len;
  }
  return err < 0 ? err : 0;
}


static int is_before(const uvllm__sort_line_t* a, const uvllm__sort_line_t* b) {
  uint64_t key_a = a->key_len >> LEN_BITS, key_b = b->key_len >> LEN_BITS;
  return key_a != key_b ? key_a < key_b : a->offset < b->offset;
}


static void sift(uvllm__sort_line_t* lines, size_t i, size_t n) {
  uvllm__sort_line_t line = lines[i];
  for (size_t child; (child = 2 * i + 1) < n; i = child) {
    if (child + 1 < n && is_before(&lines[child], &lines[child + 1]))
      child++;
    if (!is_before(&line, &lines[child]))
      break;
    lines[i] = lines[child];
  }
  lines[i] = line;
}


/* qsort(3) may take as much memory again; this takes none. */
static void heap_sort(uvllm__sort_line_t* lines, size_t n) {
  for (size_t i = n / 2; i-- > 0;)
    sift(lines, i, n);
  while (n > 1) {
    uvllm__sort_line_t first = lines[0];
    lines[0] = lines[--n];
    lines[n] = first;
    sift(lines, 0, n);
  }
}


static int copy_range(int from, int to, uint64_t offset, uint64_t len, char* buffer) {
  while (len != 0) {
    size_t done, want = len < UVLLM__CHUNK ? (size_t) len : UVLLM__CHUNK;
    ssize_t n = pread(from, buffer, want, (off_t) offset);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return n == 0 ? -EIO : -errno;
    int err = uvllm__file_write(to, buffer, (size_t) n, &done);
    if (err != 0)
      return err;
    offset += (uint64_t) n;
    len -= (uint64_t) n;
  }
  return 0;
}


/* Neighbours that stay neighbours are copied together. */
static int copy_sorted(int from, int to, const uvllm__sort_line_t* lines, size_t n,
                       char* buffer) {
  const uint64_t len_mask = (UINT64_C(1) << LEN_BITS) - 1;
  for (size_t i = 0; i < n;) {
    uint64_t offset = lines[i].offset, end = offset;
    for (; i < n && lines[i].offset == end; i++)
      end += lines[i].key_len & len_mask;
    int err = copy_range(from, to, offset, end - offset, buffer);
    if (err != 0)
      return err;
  }
  return 0;
}


static int write_sorted(const char* path, int* fd, const uvllm__sort_line_t* lines, size_t n,
                        char* buffer) {
  char temporary[PATH_MAX], real[PATH_MAX];
  struct stat st;
  if (realpath(path, real) == NULL) /* a symbolic link stays one */
    return -errno;
  path = real;
  if ((size_t) snprintf(temporary, sizeof(temporary), "%s.uvllm.tmp", path) >= sizeof(temporary))
    return -ENAMETOOLONG;
  int to = open(temporary, O_RDWR | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (to < 0)
    return -errno;
  int err = flock(to, LOCK_EX | LOCK_NB) != 0 ? -errno : 0;
  if (err == 0)
    err = copy_sorted(*fd, to, lines, n, buffer);
  if (err == 0 && (fstat(*fd, &st) != 0 || fchmod(to, st.st_mode & 07777) != 0))
    err = -errno;
  if (err == 0)
    err = uvllm__file_sync(to);
  if (err == 0 && rename(temporary, path) != 0)
    err = -errno;
  if (err != 0) {
    unlink(temporary);
    close(to);
    return err;
  }
  close(*fd);
  *fd = to;
  return uvllm__file_sync_parent(path);
}


int uvllm__sort_file(const char* path, int* fd, uvllm__sort_line_t* lines, size_t cap,
                     char* buffers) {
  window_t w = { *fd, buffers, 0, 0 };
  size_t n;
  int in_order;
  int err = build_index(&w, lines, cap, &n, &in_order);
  if (err != 0 || in_order)
    return err;
  heap_sort(lines, n);
  return write_sorted(path, fd, lines, n, buffers + UVLLM__CHUNK);
}
