/* AWS's event stream (application/vnd.amazon.eventstream) as frames: the inside of
 * frames.c. Pure.
 *
 * A message is not given before both its checksums are found right. `max` bounds its
 * payload; its headers may be 128 KiB. Memory grows with what has come, not with what
 * a length announces.
 */
#ifndef UVLLM_SRC_AWS_FRAMES_H
#define UVLLM_SRC_AWS_FRAMES_H

#include "frames.h"

enum { UVLLM__AWS_HEADER_BYTES = 128 * 1024, UVLLM__AWS_AROUND = 16 };

/* As uvllm__frames_feed(); UVLLM_EPROTO where a checksum or a length is wrong. */
int uvllm__aws_feed(uvllm__frames_t* f, const char* data, size_t len, size_t* consumed,
                    uvllm__frame_cb cb, void* ctx);
/* 0, or UVLLM_ETRUNCATED in the middle of a message. */
int uvllm__aws_end(const uvllm__frames_t* f);

#endif
