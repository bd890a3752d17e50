/* Bytes to frames: a push parser for every framing that a dialect may choose.
 * Pure. Any fragmentation gives the same frames and the same error.
 */
#ifndef UVLLM_SRC_FRAMES_H
#define UVLLM_SRC_FRAMES_H

#include "buf.h"
#include "uvllm/provider.h"

/* Non-zero stops the feeding after this frame; it is what feed() returns. The
 * frame's slices lie in the bytes fed or in the parser: valid during the call.
 */
typedef int (*uvllm__frame_cb)(void* ctx, const uvllm_frame_t* frame);

typedef struct uvllm__frames_s {
  uvllm_framing framing;
  int err;            /* the first error; begin() forgets it */
  size_t max;         /* bytes of one frame */
  uvllm__buf_t tail;  /* what of a frame has come so far; SSE: the data of the event's
                         whole lines, then the line that has not ended */
  uvllm__buf_t event; /* SSE: the event's name */
  uvllm_str_t data;   /* SSE: the event's data so far; base is NULL: it is in tail */
  uvllm_str_t name;   /* SSE: likewise, in event */
  size_t lines;       /* SSE: data lines so far */
  int bare;           /* SSE: they are JSON without a field's name */
  int bom;            /* SSE: bytes of a byte-order mark so far; 3: past the start */
  int cr;             /* SSE: the last byte was CR, a LF belongs to it */
} uvllm__frames_t;

void uvllm__frames_init(uvllm__frames_t* f, const uvllm_alloc_t* alloc);
void uvllm__frames_free(uvllm__frames_t* f);
/* Start on a new answer; memory is kept unless it is much. max_bytes: of one
 * frame's data (of the body with FRAME_BODY; none with FRAME_RAW). */
void uvllm__frames_begin(uvllm__frames_t* f, uvllm_framing framing, size_t max_bytes);
/* 0, what cb returned, UVLLM_ETOOLARGE, UV_ENOMEM, or what FRAME_AWS has in
 * aws_frames.h. *consumed: bytes taken,
 * always all of them unless cb stopped it; feed the rest later to go on. */
int uvllm__frames_feed(uvllm__frames_t* f, const char* data, size_t len, size_t* consumed,
                       uvllm__frame_cb cb, void* ctx);
/* The bytes have ended: gives the body (also an empty one), a last line without
 * its end, and a last SSE event without its empty line. UVLLM_ETRUNCATED: in the middle
 * of an FRAME_AWS message. Afterwards: begin(). */
int uvllm__frames_end(uvllm__frames_t* f, uvllm__frame_cb cb, void* ctx);

#endif
