/* How the events of a stream stand in its body. Pure. */
#ifndef UVLLM_SRC_MOCK_MOCK_FRAME_H
#define UVLLM_SRC_MOCK_MOCK_FRAME_H

#include "buf.h"

typedef enum {
  UVLLM__FRAME_SSE,
  UVLLM__FRAME_SSE_TIGHT, /* no space after "data:" */
  UVLLM__FRAME_LINES,     /* one JSON text a line */
  UVLLM__FRAME_ARRAY,     /* one JSON array, an element an event */
  UVLLM__FRAME_AWS        /* application/vnd.amazon.eventstream, with its CRCs */
} uvllm__framing;

typedef struct uvllm__frame_s {
  uint8_t framing;
  uint8_t crlf;    /* line ends */
  size_t payload;  /* where in the buffer the payload of the open event begins */
  uint64_t count;  /* events so far */
} uvllm__frame_t;

const char* uvllm__frame_type(uvllm__framing framing);
/* What stands before the payload of an event. `name` may be NULL; AWS needs one, and
 * tells an error's as an exception. */
void uvllm__frame_open(uvllm__frame_t* frame, const char* name, int is_error, uvllm__buf_t* out);
/* What stands behind it. Of the payload `filler` bytes 'x' at filler_at are not in
 * the buffer, and are added later. */
void uvllm__frame_close(uvllm__frame_t* frame, size_t filler_at, uint64_t filler,
                        uvllm__buf_t* out);
/* Something that a reader has to skip. */
void uvllm__frame_idle(const uvllm__frame_t* frame, uvllm__buf_t* out);
/* The end of the stream, where the framing has one. */
void uvllm__frame_end(const uvllm__frame_t* frame, uvllm__buf_t* out);

#endif
