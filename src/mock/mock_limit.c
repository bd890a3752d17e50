/* A bucket is kept as the time when it will be full: taking moves it on, and what
 * is in it follows from the rate. The window is a ring of at most 60,000 entries.
 */
#include "mock/mock_limit.h"

enum { MS = 1000000 };
static const int64_t SECOND = 1000000000;


void uvllm__bucket_init(uvllm__bucket_t* bucket, uint64_t per_min) {
  bucket->per_min = per_min;
  bucket->full_at = INT64_MIN / 2;
}


/* How long the rate takes for n, rounded up, so that it is never exceeded. */
static int64_t cost(const uvllm__bucket_t* bucket, uint64_t n) {
  unsigned __int128 ns = (unsigned __int128) n * 60u * (uint64_t) SECOND;
  ns = (ns + bucket->per_min - 1) / bucket->per_min;
  return ns > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t) ns;
}


int64_t uvllm__bucket_wait(const uvllm__bucket_t* bucket, int64_t now, uint64_t n) {
  if (bucket->per_min == 0)
    return 0;
  int64_t need = cost(bucket, n);
  int64_t holds = need > SECOND ? need : SECOND;
  int64_t wait = bucket->full_at + need - holds - now;
  return wait > 0 ? wait : 0;
}


void uvllm__bucket_take(uvllm__bucket_t* bucket, int64_t now, uint64_t n) {
  if (bucket->per_min == 0)
    return;
  if (bucket->full_at < now)
    bucket->full_at = now;
  bucket->full_at += cost(bucket, n);
}


int64_t uvllm__bucket_reset(const uvllm__bucket_t* bucket, int64_t now) {
  return bucket->full_at > now ? bucket->full_at - now : 0;
}


uint64_t uvllm__bucket_remaining(const uvllm__bucket_t* bucket, int64_t now) {
  unsigned __int128 used = (unsigned __int128) uvllm__bucket_reset(bucket, now) * bucket->per_min;
  used = (used + 60u * (uint64_t) SECOND - 1) / (60u * (uint64_t) SECOND);
  return used < bucket->per_min ? bucket->per_min - (uint64_t) used : 0;
}


void uvllm__peak_init(uvllm__peak_t* window, const uvllm_alloc_t* alloc) {
  memset(window, 0, sizeof(*window));
  window->alloc = alloc;
}


void uvllm__peak_free(uvllm__peak_t* window) {
  uvllm__free(window->alloc, window->ring);
  uvllm__peak_init(window, window->alloc);
}


static uvllm__peak_entry_t* entry(const uvllm__peak_t* window, size_t i) {
  return &window->ring[(window->head + i) & (window->cap - 1)];
}


static int grow(uvllm__peak_t* window) {
  size_t cap = window->cap != 0 ? window->cap * 2 : 64;
  uvllm__peak_entry_t* ring = uvllm__malloc(window->alloc, cap * sizeof(*ring));
  if (ring == NULL)
    return UVLLM__ENOMEM;
  for (size_t i = 0; i < window->len; i++)
    ring[i] = *entry(window, i);
  uvllm__free(window->alloc, window->ring);
  window->ring = ring;
  window->cap = cap;
  window->head = 0;
  return 0;
}


static void expire(uvllm__peak_t* window, int64_t now) {
  while (window->len != 0 && entry(window, 0)->last <= now - 60 * SECOND) {
    window->requests -= entry(window, 0)->requests;
    window->tokens -= entry(window, 0)->tokens;
    window->head = (window->head + 1) & (window->cap - 1);
    window->len--;
  }
}


int uvllm__peak_add(uvllm__peak_t* window, int64_t now, uint64_t tokens) {
  expire(window, now);
  uvllm__peak_entry_t* last = window->len != 0 ? entry(window, window->len - 1) : NULL;
  if (last == NULL || now - last->first >= MS) {
    if (window->len == window->cap && grow(window) != 0)
      return UVLLM__ENOMEM;
    last = entry(window, window->len++);
    memset(last, 0, sizeof(*last));
    last->first = now;
  }
  last->last = now;
  last->requests++;
  last->tokens += tokens;
  window->requests++;
  window->tokens += tokens;
  if (window->requests > window->max_requests)
    window->max_requests = window->requests;
  if (window->tokens > window->max_tokens)
    window->max_tokens = window->tokens;
  return 0;
}
