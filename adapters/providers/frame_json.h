/* A frame of an answer as JSON, with the words for what is none. Pure. */
#ifndef UVLLM_ADAPTERS_FRAME_JSON_H
#define UVLLM_ADAPTERS_FRAME_JSON_H

#include "headers.h"

/* 1: *root is it. 0: an event of a stream is half of one. It may be the last of a
 * stream that was cut, which is for end() to say: *half is set, and another frame is
 * UVLLM_EPROTO. Else an error that was told. */
int uvllm__frame_json(const uvllm__headers_t* h, uvllm_framing framing, int* half,
                      uvllm_str_t data, uvllm_json_t* root, uvllm_emit_t* emit);
/* Without the white space that it begins and ends with. */
uvllm_str_t uvllm__frame_trim(uvllm_str_t s);

#endif
