/* Server-sent events: the part of frames.h that has a file of its own. Pure. */
#ifndef UVLLM_SRC_SSE_H
#define UVLLM_SRC_SSE_H

#include "frames.h"

/* The longest data has this before it on its line: "data: ". */
enum { UVLLM__SSE_FIELD_BYTES = 6 };

int uvllm__sse_feed(uvllm__frames_t* f, const char* data, size_t len, size_t* consumed,
                    uvllm__frame_cb cb, void* ctx);
int uvllm__sse_end(uvllm__frames_t* f, uvllm__frame_cb cb, void* ctx);

#endif
