/* Frames but for server-sent events (sse.c) and AWS's event stream (aws_frames.c): the
 * whole body, lines, raw bytes.
 *
 * tail holds what of a frame has come when its read ended; a frame that lies
 * whole in a read is not copied. Objects of this kind are pooled: what tail grew
 * to beyond KEEP_BYTES is given back after each answer.
 */
#include "aws_frames.h"
#include "sse.h"

enum { KEEP_BYTES = 64 * 1024 };


void uvllm__frames_init(uvllm__frames_t* f, const uvllm_alloc_t* alloc) {
  memset(f, 0, sizeof(*f));
  uvllm__buf_init(&f->tail, alloc, SIZE_MAX);
  uvllm__buf_init(&f->event, alloc, SIZE_MAX);
}


void uvllm__frames_free(uvllm__frames_t* f) {
  uvllm__buf_free(&f->tail);
  uvllm__buf_free(&f->event);
}


static void reset(uvllm__buf_t* buf, size_t max) {
  if (buf->cap > KEEP_BYTES || buf->cap > max)
    uvllm__buf_free(buf);
  uvllm__buf_clear(buf);
  buf->max = max;
}


/* Beside the frame's own bytes: the CR that ends a line, an SSE field, or what AWS puts
 * around a payload. */
static size_t more_of(uvllm_framing framing) {
  switch (framing) {
    case UVLLM_FRAME_BODY: return 0;
    case UVLLM_FRAME_SSE: return UVLLM__SSE_FIELD_BYTES;
    case UVLLM_FRAME_AWS: return UVLLM__AWS_HEADER_BYTES + UVLLM__AWS_AROUND;
    default: return 1;
  }
}


void uvllm__frames_begin(uvllm__frames_t* f, uvllm_framing framing, size_t max_bytes) {
  size_t more = more_of(framing);
  size_t max = max_bytes < SIZE_MAX - more ? max_bytes + more : SIZE_MAX;
  reset(&f->tail, max);
  reset(&f->event, max);
  f->framing = framing;
  f->max = max_bytes;
  f->data = f->name = (uvllm_str_t) { NULL, 0 };
  f->lines = 0;
  f->bom = f->cr = f->bare = f->err = 0;
}


/* Blank ones are skipped; the CR of a CR LF is no part of a line. */
static int give_line(uvllm__frames_t* f, uvllm_str_t line, uvllm__frame_cb cb, void* ctx) {
  if (line.len != 0 && line.base[line.len - 1] == '\r')
    line.len--;
  if (line.len > f->max)
    return f->err = UVLLM_ETOOLARGE;
  size_t blanks = 0;
  while (blanks < line.len && (line.base[blanks] == ' ' || line.base[blanks] == '\t'))
    blanks++;
  uvllm_frame_t frame = { .data = line };
  return blanks < line.len ? cb(ctx, &frame) : 0;
}


static int feed_lines(uvllm__frames_t* f, const char* data, size_t len, size_t* consumed,
                      uvllm__frame_cb cb, void* ctx) {
  const char* end = data + len;
  const char* p = data;
  const char* eol;
  while (p < end && (eol = memchr(p, '\n', (size_t) (end - p))) != NULL) {
    uvllm_str_t line = { p, (size_t) (eol - p) };
    p = eol + 1;
    if (f->tail.len != 0) {
      if ((f->err = uvllm__buf_append(&f->tail, line.base, line.len)) != 0)
        return f->err;
      line = uvllm__buf_slice(&f->tail);
      f->tail.len = 0;
    }
    int stopped = give_line(f, line, cb, ctx);
    if (stopped != 0) {
      *consumed = f->err != 0 ? len : (size_t) (p - data);
      return stopped;
    }
  }
  return f->err = uvllm__buf_append(&f->tail, p, (size_t) (end - p));
}


static int feed_raw(const char* data, size_t len, uvllm__frame_cb cb, void* ctx) {
  uvllm_frame_t frame = { .data = { data, len } };
  return cb(ctx, &frame);
}


/* Its checksums want zlib. */
#ifndef UVLLM__HAS_BEDROCK
int uvllm__aws_feed(uvllm__frames_t* f, const char* data, size_t len, size_t* consumed,
                    uvllm__frame_cb cb, void* ctx) {
  (void) data, (void) len, (void) consumed, (void) cb, (void) ctx;
  return f->err = UVLLM_EUNSUPPORTED;
}


int uvllm__aws_end(const uvllm__frames_t* f) {
  (void) f;
  return UVLLM_EUNSUPPORTED;
}
#endif


int uvllm__frames_feed(uvllm__frames_t* f, const char* data, size_t len, size_t* consumed,
                       uvllm__frame_cb cb, void* ctx) {
  *consumed = len;
  if (f->err != 0 || len == 0)
    return f->err;
  switch (f->framing) {
    case UVLLM_FRAME_SSE: return uvllm__sse_feed(f, data, len, consumed, cb, ctx);
    case UVLLM_FRAME_LINES: return feed_lines(f, data, len, consumed, cb, ctx);
    case UVLLM_FRAME_AWS: return uvllm__aws_feed(f, data, len, consumed, cb, ctx);
    case UVLLM_FRAME_RAW: return feed_raw(data, len, cb, ctx);
    case UVLLM_FRAME_BODY: break;
  }
  return f->err = uvllm__buf_append(&f->tail, data, len);
}


static int end_body(uvllm__frames_t* f, uvllm__frame_cb cb, void* ctx) {
  uvllm_frame_t frame = { .data = uvllm__buf_slice(&f->tail) };
  if (frame.data.base == NULL)
    frame.data.base = ""; /* empty, not absent */
  return cb(ctx, &frame);
}


static int end_last(uvllm__frames_t* f, uvllm__frame_cb cb, void* ctx) {
  switch (f->framing) {
    case UVLLM_FRAME_SSE: return uvllm__sse_end(f, cb, ctx);
    case UVLLM_FRAME_LINES: return give_line(f, uvllm__buf_slice(&f->tail), cb, ctx);
    case UVLLM_FRAME_AWS: return uvllm__aws_end(f);
    case UVLLM_FRAME_RAW: return 0;
    case UVLLM_FRAME_BODY: break;
  }
  return end_body(f, cb, ctx);
}


int uvllm__frames_end(uvllm__frames_t* f, uvllm__frame_cb cb, void* ctx) {
  if (f->err != 0)
    return f->err;
  int result = end_last(f, cb, ctx);
  int err = f->err;
  uvllm__frames_begin(f, f->framing, f->max);
  f->err = err;
  return result;
}
