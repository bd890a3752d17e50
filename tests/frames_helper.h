/* Feeding the frame parser in pieces and writing down what it gives, for the
 * tests and the fuzzer. Each read is a heap block of its exact size, so that a
 * sanitizer sees whatever looks past it or comes back to it.
 */
#ifndef UVLLM_TESTS_FRAMES_HELPER_H
#define UVLLM_TESTS_FRAMES_HELPER_H

#include <stdlib.h>
#include "frames.h"

typedef struct frames_log_s {
  uvllm__buf_t out;   /* "<name>data;" for each frame, "-" for an absent name, then "!code" */
  int stop_each;      /* stop after each frame and feed the rest again */
  size_t frames;
} frames_log_t;

static inline int frames_log_cb(void* ctx, const uvllm_frame_t* frame) {
  frames_log_t* log = ctx;
  log->frames++;
  uvllm__buf_char(&log->out, '<');
  uvllm__buf_append(&log->out, frame->event.base != NULL ? frame->event.base : "-",
                    frame->event.base != NULL ? frame->event.len : 1);
  uvllm__buf_char(&log->out, '>');
  uvllm__buf_append(&log->out, frame->data.base, frame->data.len);
  uvllm__buf_char(&log->out, ';');
  return log->stop_each ? 7 : 0;
}

static inline void frames_log_error(frames_log_t* log, int err) {
  uvllm__buf_char(&log->out, '!');
  uvllm__buf_uint(&log->out, (uint64_t) -err);
}

/* One read; as many feeds as it takes when frames stop it. */
static inline int frames_read(uvllm__frames_t* f, frames_log_t* log, const char* data,
                              size_t len) {
  char* read = malloc(len != 0 ? len : 1);
  if (read == NULL)
    abort();
  memcpy(read, data, len);
  size_t at = 0, taken = 0;
  int result;
  do {
    result = uvllm__frames_feed(f, read + at, len - at, &taken, frames_log_cb, log);
    at += taken;
  } while (result == 7);
  if (at != len)
    abort();
  free(read);
  return result;
}

static inline void frames_log_end(uvllm__frames_t* f, frames_log_t* log, int err) {
  if (err == 0)
    err = uvllm__frames_end(f, frames_log_cb, log);
  if (err != 0 && err != 7)
    frames_log_error(log, err);
}

/* The text in reads of `step` bytes, the first one of `first` bytes. */
static inline void frames_feed_all(uvllm__frames_t* f, frames_log_t* log, uvllm_str_t text,
                                   size_t first, size_t step) {
  size_t at = 0, len = first;
  int err = 0;
  while (err == 0 && at < text.len) {
    if (len > text.len - at)
      len = text.len - at;
    err = frames_read(f, log, text.base + at, len);
    at += len;
    len = step;
  }
  frames_log_end(f, log, err);
}

/* ---- What SSE means, told slowly --------------------------------------------- */

/* Appends the frames of the whole text to `out`, as above. No limits. */
static inline void sse_reference(uvllm_str_t text, uvllm__buf_t* out) {
  const char* p = text.base;
  const char* end = p + text.len;
  uvllm__buf_t data, name;
  uvllm__buf_init(&data, &uvllm__alloc_default, SIZE_MAX);
  uvllm__buf_init(&name, &uvllm__alloc_default, SIZE_MAX);
  size_t lines = 0;
  int bare = 0;
  if (text.len >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0)
    p += 3;
  for (int last = 0; !last;) {
    const char* eol = p;
    while (eol < end && *eol != '\r' && *eol != '\n')
      eol++;
    size_t len = (size_t) (eol - p);
    last = eol == end;
    if (lines == 0)
      bare = len != 0 && *p == '{';
    if (bare && len != 0) {
      uvllm__buf_append(&data, "\n", lines++ != 0);
      uvllm__buf_append(&data, p, len);
    } else if (len >= 5 && memcmp(p, "data:", 5) == 0) {
      size_t skip = len > 5 && p[5] == ' ' ? 6 : 5;
      uvllm__buf_append(&data, "\n", lines++ != 0);
      uvllm__buf_append(&data, p + skip, len - skip);
    } else if (len == 4 && memcmp(p, "data", 4) == 0) {
      uvllm__buf_append(&data, "\n", lines++ != 0);
    } else if (len >= 6 && memcmp(p, "event:", 6) == 0) {
      size_t skip = len > 6 && p[6] == ' ' ? 7 : 6;
      uvllm__buf_clear(&name);
      uvllm__buf_append(&name, p + skip, len - skip);
    } else if (len == 5 && memcmp(p, "event", 5) == 0) {
      uvllm__buf_clear(&name);
    } else if (len >= 6 && memcmp(p, "error:", 6) == 0) {
      size_t skip = len > 6 && p[6] == ' ' ? 7 : 6;
      uvllm__buf_clear(&name);
      uvllm__buf_append(&name, "error", 5);
      uvllm__buf_append(&data, "\n", lines++ != 0);
      uvllm__buf_append(&data, p + skip, len - skip);
    }
    if (len == 0 || last) {
      uvllm_frame_t frame = { .event = uvllm__buf_slice(&name), .data = uvllm__buf_slice(&data) };
      frames_log_t log = { *out, 0, 0 };
      if (frame.event.len == 0)
        frame.event.base = NULL;
      if (frame.data.len != 0)
        frames_log_cb(&log, &frame);
      *out = log.out;
      uvllm__buf_clear(&data);
      uvllm__buf_clear(&name);
      lines = 0;
    }
    p = eol;
    if (p < end && *p++ == '\r' && p < end && *p == '\n')
      p++;
  }
  uvllm__buf_free(&data);
  uvllm__buf_free(&name);
}

#endif
