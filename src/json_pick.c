/* Several members of an object in one walk: what an adapter does with every
 * event.
 */
#include "json_pick.h"

#include <string.h>


/* Which of the names this is, or n. Most differ in length or in the first byte. */
static inline size_t index_of(uvllm_str_t name, const uvllm_str_t* names, size_t n) {
  size_t i = 0;
  while (i < n && (names[i].len != name.len || names[i].base[0] != name.base[0] ||
                   memcmp(names[i].base, name.base, name.len) != 0))
    i++;
  return i;
}


void uvllm__json_pick(uvllm_json_t object, const uvllm_str_t* names, size_t n,
                      uvllm_json_t* values) {
  uvllm_str_t name;
  uvllm_json_t value;
  uint32_t it = 0;
  memset(values, 0, n * sizeof(*values));
  while (uvllm_json_next(object, &it, &name, &value)) {
    const size_t i = name.len != 0 ? index_of(name, names, n) : n;
    if (i < n)
      values[i] = value;
  }
}
