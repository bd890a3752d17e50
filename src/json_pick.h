/* Several members of an object by name, in one walk; or in none, where the text is
 * like the one before (json_like.h) and was asked the same. Pure. */
#ifndef UVLLM_SRC_JSON_PICK_H
#define UVLLM_SRC_JSON_PICK_H

#include <string.h>
#include "uvllm/json.h"

/* values[i], absent before, becomes the member called names[i], the last one of
 * several. `lengths` has a bit for each length of a name, modulo 64: most members
 * have none of them. Names are constants: one address stands for the same names. */
void uvllm__json_pick_from(uvllm_json_t object, const uvllm_str_t* names, size_t n,
                           uint64_t lengths, uvllm_json_t* values);

/* The same, with values[i] absent if there is none, or if `object` is no object.
 * Names are not empty. */
static inline __attribute__((always_inline)) void uvllm__json_pick(uvllm_json_t object,
                                                                   const uvllm_str_t* names,
                                                                   size_t n,
                                                                   uvllm_json_t* values) {
  uint64_t lengths = 0;
  for (size_t i = 0; i < n; i++)
    lengths |= UINT64_C(1) << names[i].len % 64;
  memset(values, 0, n * sizeof(*values));
  uvllm__json_pick_from(object, names, n, lengths, values);
}

#define UVLLM__JSON_PICK(object, names, values)                                  \
  uvllm__json_pick((object), (names), sizeof(names) / sizeof((names)[0]), (values))

#endif
