/* What a request will take, as far as can be told before it is sent. Pure. */
#ifndef UVLLM_SRC_FACTS_H
#define UVLLM_SRC_FACTS_H

#include "uvllm/json.h"
#include "uvllm/types.h"

typedef struct uvllm__facts_s {
  uint64_t prompt_bytes; /* text that becomes tokens; an image or audio counts as 4 KiB */
  uint64_t max_tokens;   /* of one choice; 0: not said */
  uint32_t n;            /* choices, at least 1 */
  char tier[16];         /* "": not said */
  uvllm_str_t model;     /* of body_json: valid until the parser's next text */
} uvllm__facts_t;

/* UV_EINVAL: body_json is no JSON object. */
int uvllm__facts(const uvllm_request_t* request, uvllm_json_parser_t* parser,
                 uvllm__facts_t* facts);

#endif
