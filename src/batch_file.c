/* The system calls of a batch that may wait for a disk. They run in libuv's
 * thread pool, allocate nothing, and return 0 or -errno.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_TMPFILE */
#endif
#include "batch_io.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>


/* A quota is a disk of one's own; libuv has no name for its error. */
static int without_quota(int err) {
  return err == -EDQUOT ? -ENOSPC : err;
}


static void describe(const struct stat* st, int fd, uvllm__opened_t* opened) {
  opened->fd = fd;
  opened->regular = S_ISREG(st->st_mode);
  opened->len = opened->regular ? (uint64_t) st->st_size : 0;
  opened->dev = (uint64_t) st->st_dev;
  opened->ino = (uint64_t) st->st_ino;
}


static int close_with(int fd, int err) {
  close(fd);
  return err;
}


/* 1: the file has been replaced since it was opened. */
static int lock(int fd, const char* path, uvllm__opened_t* opened) {
  struct stat st, named;
  if (fstat(fd, &st) != 0)
    return -errno;
  if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
    return UVLLM__EINVAL;
  describe(&st, fd, opened);
  if (!opened->regular)
    return 0;
  if (flock(fd, LOCK_EX | LOCK_NB) != 0)
    return errno == EWOULDBLOCK ? -EBUSY : -errno;
  if (stat(path, &named) != 0 || named.st_ino != st.st_ino || named.st_dev != st.st_dev)
    return 1;
  if (fstat(fd, &st) != 0) /* its length, now that nobody else writes */
    return -errno;
  describe(&st, fd, opened);
  return 0;
}


int uvllm__file_open_locked(const char* path, int create, uvllm__opened_t* opened) {
  for (int tries = 0; tries < 100; tries++) {
    int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK |
                            (create ? O_CREAT : 0), 0666);
    if (fd < 0)
      return without_quota(-errno);
    int err = lock(fd, path, opened);
    if (err == 0)
      return 0;
    close(fd);
    if (err < 0)
      return err;
  }
  return -EBUSY;
}


int uvllm__file_open_input(const char* path, uvllm__opened_t* opened) {
  struct stat st;
  int fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                                  : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0)
    return -errno;
  if (fstat(fd, &st) != 0)
    return close_with(fd, -errno);
  if (S_ISDIR(st.st_mode))
    return close_with(fd, -EISDIR);
  describe(&st, fd, opened);
  return 0;
}


static int write_all(int fd, const char* data, size_t len, size_t* done) {
  while (*done < len) {
    ssize_t n = write(fd, data + *done, len - *done);
    if (n > 0)
      *done += (size_t) n;
    else if (n == 0)
      return -EIO;
    else if (errno != EINTR)
      return -errno;
  }
  return 0;
}


/* A file-size limit sends SIGXFSZ to the thread that writes: it is held back,
 * and taken away before it can be delivered. */
int uvllm__file_write(int fd, const char* data, size_t len, size_t* done) {
  sigset_t held, before;
  const struct timespec now = { 0, 0 };
  sigemptyset(&held);
  sigaddset(&held, SIGXFSZ);
  sigaddset(&held, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &held, &before);
  *done = 0;
  int err = write_all(fd, data, len, done);
  if (err == -EFBIG || err == -EPIPE)
    while (sigtimedwait(&held, NULL, &now) > 0 || errno == EINTR)
      continue;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return without_quota(err);
}


int uvllm__file_sync(int fd) {
  int err;
  do
    err = fdatasync(fd) == 0 ? 0 : -errno;
  while (err == -EINTR);
  return err == -EINVAL || err == -EROFS || err == -ENOTSUP ? 0 : err;
}


static int open_parent(const char* path, int flags, mode_t mode) {
  char folder[PATH_MAX];
  const char* slash = strrchr(path, '/');
  size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t) (slash - path);
  if (len >= sizeof(folder))
    return -ENAMETOOLONG;
  memcpy(folder, slash == NULL ? "." : path, len == 0 ? 1 : len);
  folder[len == 0 ? 1 : len] = '\0';
  int fd = open(folder, flags | O_CLOEXEC, mode);
  return fd < 0 ? -errno : fd;
}


int uvllm__file_sync_parent(const char* path) {
  int fd = open_parent(path, O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0)
    return fd;
  int err = fsync(fd) == 0 || errno == EINVAL || errno == EROFS ? 0 : -errno;
  return close_with(fd, err);
}


int uvllm__file_replace(const char* path, const char* data, size_t len) {
  char temporary[PATH_MAX];
  size_t done;
  if ((size_t) snprintf(temporary, sizeof(temporary), "%s.uvllm.tmp", path) >= sizeof(temporary))
    return -ENAMETOOLONG;
  int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (fd < 0)
    return -errno;
  int err = uvllm__file_write(fd, data, len, &done);
  if (err == 0)
    err = uvllm__file_sync(fd);
  if (close(fd) != 0 && err == 0)
    err = -errno;
  if (err == 0 && rename(temporary, path) != 0)
    err = -errno;
  if (err != 0) {
    unlink(temporary);
    return err;
  }
  return uvllm__file_sync_parent(path);
}


int uvllm__file_temporary(const char* path, int* out) {
  char name[PATH_MAX];
  int fd = open_parent(path, O_TMPFILE | O_RDWR, 0600);
  if (fd < 0) { /* not every file system has nameless files */
    if ((size_t) snprintf(name, sizeof(name), "%s.XXXXXX", path) >= sizeof(name))
      return -ENAMETOOLONG;
    fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0)
      return without_quota(-errno);
    unlink(name);
  }
  *out = fd;
  return 0;
}


int uvllm__file_read_small(const char* path, char* data, size_t cap, size_t* len) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0)
    return -errno;
  *len = 0;
  for (;;) {
    ssize_t n = read(fd, data + *len, cap - *len);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return close_with(fd, -errno);
    *len += (size_t) n;
    if (*len == cap)
      return close_with(fd, -EFBIG);
    if (n == 0)
      return close_with(fd, 0);
  }
}
