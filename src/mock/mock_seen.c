/* How often each prompt came: an open table of hashes. It is asked only where a
 * behaviour depends on it, and begins anew when it is full, so its size is bounded.
 */
#include "mock/mock_int.h"

enum { FIRST_CAP = 256, MAX_CAP = 1 << 20 };

typedef struct uvllm__seen_s {
  uint64_t key; /* 0: free */
  uint32_t count;
} seen_t;


static seen_t* place_of(seen_t* table, size_t cap, uint64_t key) {
  size_t i = (size_t) uvllm__mix(key) & (cap - 1);
  while (table[i].key != 0 && table[i].key != key)
    i = (i + 1) & (cap - 1);
  return &table[i];
}


static int grow(uvllm_mock_t* mock) {
  size_t cap = mock->seen_cap != 0 ? mock->seen_cap * 2 : FIRST_CAP;
  if (cap > MAX_CAP) {
    memset(mock->seen, 0, mock->seen_cap * sizeof(*mock->seen));
    mock->seen_len = 0;
    return 0;
  }
  seen_t* table = uvllm__calloc(&mock->alloc, cap, sizeof(*table));
  if (table == NULL)
    return UV_ENOMEM;
  for (size_t i = 0; i < mock->seen_cap; i++)
    if (mock->seen[i].key != 0)
      *place_of(table, cap, mock->seen[i].key) = mock->seen[i];
  uvllm__free(&mock->alloc, mock->seen);
  mock->seen = table;
  mock->seen_cap = cap;
  return 0;
}


uint32_t uvllm__mock_seen(uvllm_mock_t* mock, uint64_t key) {
  key += key == 0;
  if (mock->seen_len >= mock->seen_cap / 2 && grow(mock) != 0 &&
      mock->seen_len + 1 >= mock->seen_cap)
    return 0; /* no memory, no place: it counts as new */
  seen_t* seen = place_of(mock->seen, mock->seen_cap, key);
  if (seen->key == 0) {
    seen->key = key;
    mock->seen_len++;
  }
  return seen->count++;
}


void uvllm__mock_seen_free(uvllm_mock_t* mock) {
  uvllm__free(&mock->alloc, mock->seen);
  mock->seen = NULL;
  mock->seen_cap = mock->seen_len = 0;
}
