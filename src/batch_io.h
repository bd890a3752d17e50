/* The parts of a batch that read and write files. Everything that may wait for
 * storage happens in libuv's thread pool; nothing there allocates.
 */
#ifndef UVLLM_SRC_BATCH_IO_H
#define UVLLM_SRC_BATCH_IO_H

#include <uv.h>
#include "batch_parts.h"

/* ---- Lines of a file or pipe (batch_reader.c) ---- */

enum {
  UVLLM__CHUNK = 256 * 1024,            /* bytes asked for at once */
  UVLLM__MAX_LINE = 64 * 1024 * 1024,   /* of input */
  UVLLM__MAX_ROW = 16 * 1024 * 1024,    /* of CSV: an open quote costs no more */
  UVLLM__MAX_RECORD = 1024 * 1024 * 1024 /* of our own files */
};

typedef struct uvllm__input_line_s {
  uvllm_str_t text;   /* without its end; valid until the next call */
  uint64_t number;    /* counts from 1, as an editor does */
  uint64_t end;       /* offset behind its newline */
  int err;            /* UVLLM_ETOOLARGE: text is not all of it */
  int unterminated;   /* the file ends without a newline */
} uvllm__input_line_t;

typedef struct uvllm__reader_s uvllm__reader_t;
struct uvllm__reader_s {
  const uvllm_alloc_t* alloc;
  uv_loop_t* loop;
  void (*ready_cb)(uvllm__reader_t* r);
  void (*closed_cb)(uvllm__reader_t* r);
  void* data;
  size_t max_line;
  int fd;             /* owned */
  int flags_before;   /* of a descriptor that others share; -1: leave them */
  int err;
  unsigned int csv : 1, pollable : 1, wanted : 1, eof : 1, skipping : 1, closing : 1;
  unsigned int waiting : 1; /* for something to read */
  unsigned int reading : 1; /* in the pool */
  int nclosing;             /* what still has to end */
  unsigned int bom;   /* bytes of it seen; 3: past */
  uv_fs_t fs;
  uv_poll_t poll;
  char* chunk;        /* being read, or full */
  size_t chunk_len;
  uvllm__buf_t window; /* not taken yet */
  size_t pos, scanned; /* in the window: the line begins, and has no end before */
  uvllm__csv_state state;
  uint64_t offset;    /* of the window in the file */
  uint64_t number;    /* of the line at pos */
};

/* Takes fd over, also when it fails. UV_ENOMEM, or why it cannot be polled. */
int uvllm__reader_init(uvllm__reader_t* r, const uvllm_alloc_t* alloc, uv_loop_t* loop, int fd,
                       int csv, size_t max_line);
/* 1: a line that is not blank. 0: not yet, ready_cb will say when. UV_EOF, or why
 * it cannot be read, for good. */
int uvllm__reader_next(uvllm__reader_t* r, uvllm__input_line_t* line);
/* 1: closed. 0: closed_cb will say when. */
int uvllm__reader_close(uvllm__reader_t* r, void (*closed_cb)(uvllm__reader_t* r));

/* ---- What blocks, for the pool only (batch_file.c) ---- */

typedef struct uvllm__opened_s {
  int fd;
  int regular;
  uint64_t len;
  uint64_t dev, ino; /* what it is, whatever it is called */
} uvllm__opened_t;

/* Read and append, locked. UV_EBUSY: another run has it. UV_EINVAL: neither a
 * file nor a device. UV_ENOENT without create. */
int uvllm__file_open_locked(const char* path, int create, uvllm__opened_t* opened);
/* To read; "-" is standard input. A FIFO is opened without waiting. */
int uvllm__file_open_input(const char* path, uvllm__opened_t* opened);
/* All of it, or an error and how much went out. UV_ENOSPC stands for a quota, too.
 * No signal comes of it. */
int uvllm__file_write(int fd, const char* data, size_t len, size_t* done);
int uvllm__file_sync(int fd); /* fdatasync(2); 0 where there is nothing to sync */
int uvllm__file_sync_parent(const char* path);
/* Whole or not at all, and on disk: a file beside it, then rename(2). */
int uvllm__file_replace(const char* path, const char* data, size_t len);
/* A nameless file in the same folder. */
int uvllm__file_temporary(const char* path, int* fd);
/* UV_ENOENT; UV_EFBIG: more than cap. */
int uvllm__file_read_small(const char* path, char* data, size_t cap, size_t* len);

/* ---- OUTPUT and the errors file (batch_output.c) ---- */

enum {
  UVLLM__OUT_RESULTS,
  UVLLM__OUT_ERRORS,
  UVLLM__OUT_FILES,
  UVLLM__OUT_FULL = 8 * 1024 * 1024, /* gathered: wait until some is written */
  UVLLM__OUT_GATHER_MS = 2,
  UVLLM__OUT_SYNC_MS = 1000
};

typedef struct uvllm__out_file_s {
  const char* path;   /* the owner's */
  int fd;             /* -1: made by the first write */
  int regular;
  uint64_t len;       /* whole lines in the file */
  uint64_t nlines;    /* written by this run */
  uvllm__buf_t next;  /* gathered */
  uvllm__buf_t now;   /* being written, or what an error left of it */
  size_t done;        /* of `now`, by the job */
  int dirty;          /* written since the last sync began */
  int syncing;        /* is part of the one that runs */
  int torn;           /* half a line stands at the end and cannot be cut off */
} uvllm__out_file_t;

typedef struct uvllm__output_s uvllm__output_t;
struct uvllm__output_s {
  const uvllm_alloc_t* alloc;
  uv_loop_t* loop;
  void (*written_cb)(uvllm__output_t* o); /* some was written, or failed */
  void (*finished_cb)(uvllm__output_t* o);
  void* data;
  uvllm__out_file_t files[UVLLM__OUT_FILES];
  uv_work_t write_job, sync_job;
  uv_timer_t write_timer, sync_timer;
  int writing, syncing;
  int finishing, gave_up, last_sync;
  int no_room;         /* for job_path: it waits for uvllm__output_retry() */
  int err;             /* the first; nothing is written after it but by finish */
  const char* err_path;
  int job_err, job_no_room, sync_err;
  const char* job_path;
  const char* sync_path;
};

/* The timers live as long as the loop's owner closes them. */
void uvllm__output_init(uvllm__output_t* o, const uvllm_alloc_t* alloc, uv_loop_t* loop);
/* A file that is open and ends with a whole line, or (fd -1) is yet to be made. */
void uvllm__output_attach(uvllm__output_t* o, int which, const char* path,
                          const uvllm__opened_t* opened);
/* A line with its newline. UV_ENOMEM: it was not taken. */
int uvllm__output_line(uvllm__output_t* o, int which, uvllm_str_t line);
void uvllm__output_retry(uvllm__output_t* o); /* where there was no room; written_cb will tell */
int uvllm__output_full(const uvllm__output_t* o); /* enough is gathered */
int uvllm__output_idle(const uvllm__output_t* o); /* there is nothing to write */
uint64_t uvllm__output_unwritten(const uvllm__output_t* o); /* lines */
/* Write what there is (again, if that failed before), put it on disk, then
 * finished_cb. Nothing may be added after it. */
void uvllm__output_finish(uvllm__output_t* o, void (*finished_cb)(uvllm__output_t* o));
void uvllm__output_free(uvllm__output_t* o); /* memory only */

/* ---- The input's order (batch_order.c) ---- */

enum {
  UVLLM__ORDER_MEMORY = 64 * 1024 * 1024, /* of finished lines; the rest is spilled */
  UVLLM__ORDER_AHEAD = 1024 * 1024        /* places behind the slowest line */
};

typedef struct uvllm__order_place_s {
  union {
    char* data;
    uint64_t offset; /* in the spill */
  } at;
  uint32_t len;
  uint16_t state, which;
} uvllm__order_place_t;

typedef struct uvllm__spill_s { /* a nameless file, written once and read back */
  int fd;
  uint64_t flushed;   /* what stands in it */
  uint64_t alive;     /* lines that wait in it, or on their way there */
  uvllm__buf_t now;   /* at `flushed`, being written, or what an error left */
  uvllm__buf_t next;  /* behind it */
  uvllm__buf_t back;  /* read back from back_offset */
  uint64_t back_offset;
  uv_work_t write_job, read_job;
  int writing, reading, truncate;
  size_t done, wanted;
  int no_room;        /* for `now`: it waits for uvllm__order_retry() */
  int job_err, read_err;
} uvllm__spill_t;

typedef struct uvllm__order_s uvllm__order_t;
struct uvllm__order_s {
  const uvllm_alloc_t* alloc;
  uv_loop_t* loop;
  uvllm__output_t* output;
  void (*moved_cb)(uvllm__order_t* o); /* there may be room again, or an error */
  void* data;
  const char* path;   /* the spill is put beside it */
  uvllm__order_place_t* places; /* a ring */
  uint32_t cap;
  uint64_t head, tail;
  uint64_t nfinished; /* places that hold a line */
  size_t bytes;       /* of lines in memory */
  size_t max_bytes;
  uvllm__spill_t spill;
  int err;            /* of the spill, or UV_ENOMEM */
};

void uvllm__order_init(uvllm__order_t* o, const uvllm_alloc_t* alloc, uv_loop_t* loop,
                       uvllm__output_t* output, const char* path);
void uvllm__order_free(uvllm__order_t* o); /* not while busy */
int uvllm__order_busy(const uvllm__order_t* o); /* in the pool; moved_cb will tell */
int uvllm__order_full(const uvllm__order_t* o);
void uvllm__order_retry(uvllm__order_t* o); /* where there was no room; moved_cb will tell */
/* The next place, in the order of the input. UV_ENOMEM. */
int uvllm__order_enter(uvllm__order_t* o, uint64_t* place);
/* Its line (copied), or (absent) that there will be none. UV_ENOMEM: not taken,
 * and there will be none. */
int uvllm__order_fill(uvllm__order_t* o, uint64_t place, int which, uvllm_str_t line);
/* Hands on what is due, as far as the output takes it. */
void uvllm__order_drain(uvllm__order_t* o);

/* ---- Counting the input beside the run (batch_scan.c) ---- */

typedef struct uvllm__scan_s uvllm__scan_t;
struct uvllm__scan_s {
  uv_loop_t* loop;
  const uvllm_alloc_t* alloc;
  void (*ended_cb)(uvllm__scan_t* s); /* read to its end, failed, or stopped */
  void* data;
  int fd;                 /* owned */
  int csv;
  int running, stop;
  int err, complete;
  char* chunk;
  uv_work_t job;
  uint64_t start, offset; /* the file's part from start on */
  uint64_t nlines;        /* as the reader counts them, a CSV header too */
  uvllm__sip_t hash;
  uint64_t prefix;        /* bytes; UINT64_MAX: not asked for */
  uint64_t prefix_hash;   /* of so many, once offset is there */
  int in_line;
  uvllm__csv_state state;
};

/* Takes fd over, of a regular file; from its present position on. */
int uvllm__scan_start(uvllm__scan_t* s, const uvllm_alloc_t* alloc, uv_loop_t* loop, int fd,
                      int csv, uint64_t prefix, void (*ended_cb)(uvllm__scan_t* s));
void uvllm__scan_count(uvllm__scan_t* s, const char* p, size_t len); /* pure */
void uvllm__scan_free(uvllm__scan_t* s); /* not while it runs */

/* ---- Putting a file into the input's order (batch_sort.c) ---- */

enum { UVLLM__SORT_BUFFERS = 2 * UVLLM__CHUNK };

typedef struct uvllm__sort_line_s {
  uint64_t key_len; /* the input's line number << 30 | bytes */
  uint64_t offset;
} uvllm__sort_line_t;

/* Blocks: for the pool. Lines of ours are ordered by the number in their id, an
 * alien line stays behind the one it followed. *fd is replaced by that of the
 * new file, locked as the old one; nothing is done if the order is right. On
 * failure the file is what it was. buffers: UVLLM__SORT_BUFFERS bytes.
 * UV_EINVAL: there are more lines than `cap`. */
int uvllm__sort_file(const char* path, int* fd, uvllm__sort_line_t* lines, size_t cap,
                     char* buffers);

#endif
