/* The inside of uvllm_json_writer_t, for those that embed one. Pure. */
#ifndef UVLLM_SRC_JSON_WRITER_H
#define UVLLM_SRC_JSON_WRITER_H

#include "buf.h"
#include "uvllm/json.h"

enum { UVLLM__JSON_WRITER_DEPTH = 128 };

struct uvllm_json_writer_s {
  uvllm__buf_t* out;   /* where the text goes */
  uvllm__buf_t own;    /* used by uvllm_json_writer_new() */
  uvllm_alloc_t alloc; /* likewise */
  uint32_t depth;
  int err;             /* sticky, besides out->err */
  unsigned char state[UVLLM__JSON_WRITER_DEPTH]; /* a level's kind and what may follow */
};

/* Write into a buffer of the embedding struct's. Also what resets it. */
void uvllm__json_writer_init(uvllm_json_writer_t* w, uvllm__buf_t* out);

#endif
