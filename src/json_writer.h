/* The inside of uvllm_json_writer_t, for those that embed one. Pure. */
#ifndef UVLLM_SRC_JSON_WRITER_H
#define UVLLM_SRC_JSON_WRITER_H

#include "buf.h"
#include "uvllm/json.h"

struct uvllm_json_writer_s {
  uvllm__buf_t* out;   /* where the text goes */
  uvllm__buf_t own;    /* used by uvllm_json_writer_new() */
  uvllm_alloc_t alloc; /* likewise */
  uint32_t depth;      /* containers open; state[0] is the text itself */
  int err;             /* sticky, besides out->err */
  unsigned char state[UVLLM_JSON_DEPTH + 1]; /* a level's kind and what may follow */
};

/* Write one value behind what `out` holds. Also what starts the next value: the
 * buffer is not touched. The error to ask for is uvllm_json_writer_error(). */
void uvllm__json_writer_init(uvllm_json_writer_t* w, uvllm__buf_t* out);

/* A name that is a constant and needs no escape, with all that belongs to it. */
#define UVLLM__JSON_NAME(literal) ((uvllm_str_t) UVLLM_STR("\"" literal "\":"))
void uvllm__json_name_constant(uvllm_json_writer_t* w, uvllm_str_t name);

#endif
