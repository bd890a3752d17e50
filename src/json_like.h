/* Reading a text that is probably built like the one before: one more event of a
 * stream, one more answer of a server. Pure.
 */
#ifndef UVLLM_SRC_JSON_LIKE_H
#define UVLLM_SRC_JSON_LIKE_H

#include "uvllm/json.h"

/* As uvllm_json_parse(), with the same outcome whatever was parsed before. A text
 * of up to 4 KiB that differs from one of the last only in what its strings, numbers
 * and words are, not in its names and brackets, costs a comparison and the reading
 * of these. The parser keeps 7 KiB for each of up to four shapes. */
int uvllm__json_parse_like(uvllm_json_parser_t* parser, uvllm_str_t text, uvllm_json_t* root,
                           size_t* error_at);

/* What somebody found out about a text, so that it need not be found again. It
 * stands for the texts of its shape that follow as long as they differ from each
 * other only in values that it says may differ. */
typedef struct uvllm__json_note_s {
  uint64_t varies;    /* bit i: the value with index i; 0: nothing is noted */
  uvllm_json_t value; /* what follows is its writer's business */
  uint32_t words[3];
} uvllm__json_note_t;

/* The one note of the text's shape, to read or to write; NULL unless the text was
 * like one before. */
uvllm__json_note_t* uvllm__json_note(uvllm_json_t root);

#endif
