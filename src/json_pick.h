/* Several members of an object by name, in one walk. Pure. */
#ifndef UVLLM_SRC_JSON_PICK_H
#define UVLLM_SRC_JSON_PICK_H

#include "uvllm/json.h"

/* values[i] becomes the member called names[i], the last one of several; absent
 * if there is none, or if `object` is no object. Names are not empty. */
void uvllm__json_pick(uvllm_json_t object, const uvllm_str_t* names, size_t n,
                      uvllm_json_t* values);

#define UVLLM__JSON_PICK(object, names, values)                                  \
  uvllm__json_pick((object), (names), sizeof(names) / sizeof((names)[0]), (values))

#endif
