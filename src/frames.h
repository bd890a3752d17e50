/* Bytes to frames: a push parser for every framing that a dialect may choose.
 * Pure. Any fragmentation gives the same frames.
 */
#ifndef UVLLM_SRC_FRAMES_H
#define UVLLM_SRC_FRAMES_H

#include "buf.h"
#include "uvllm/provider.h"

/* Non-zero stops the feeding after this frame; it is what feed() returns. */
typedef int (*uvllm__frame_cb)(void* ctx, const uvllm_frame_t* frame);

typedef struct uvllm__frames_s {
  uvllm_framing framing;
  uvllm__buf_t tail;  /* what of a frame has come so far; empty when it came whole */
  uvllm__buf_t event; /* SSE: the event's name */
  int state;          /* SSE: BOM, CR at the end of a read, ... */
  size_t lines;       /* SSE: data lines so far */
} uvllm__frames_t;

void uvllm__frames_init(uvllm__frames_t* f, const uvllm_alloc_t* alloc);
void uvllm__frames_free(uvllm__frames_t* f);
/* Start on a new answer. max_bytes: of one frame (of the body with FRAME_BODY). */
void uvllm__frames_begin(uvllm__frames_t* f, uvllm_framing framing, size_t max_bytes);
/* 0, what cb returned, UVLLM_ETOOLARGE or UV_ENOMEM. *consumed: bytes taken,
 * always all of them unless cb stopped it; feed the rest later to go on. */
int uvllm__frames_feed(uvllm__frames_t* f, const char* data, size_t len, size_t* consumed,
                       uvllm__frame_cb cb, void* ctx);
/* The bytes have ended: gives the body, a last line without its end, and a last
 * SSE event without its empty line. */
int uvllm__frames_end(uvllm__frames_t* f, uvllm__frame_cb cb, void* ctx);

#endif
