/* What a queue operation costs with a million waiting: pop + push, with keys as
 * requests have them (random within the million), plain and fair between 1,000
 * tags. Each line is the median of 11 rounds, in ns of CPU. Public headers only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "uvllm/queue.h"

enum { N = 1000000, TAGS = 1000, ROUNDS = 11, OPS = 200000 };

typedef struct item_s {
  uvllm_fair_node_t fair; /* its first member is a queue's node */
  const char* tag;
  char request[56]; /* a node never stands alone */
} item_t;

static uint64_t rng = 88172645463325252u;


static uint64_t next_random(void) {
  rng ^= rng << 13;
  rng ^= rng >> 7;
  return rng ^= rng << 17;
}


static double now_ns(void) {
  struct timespec ts;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
  return (double) ts.tv_sec * 1e9 + (double) ts.tv_nsec;
}


static int by_value(const void* a, const void* b) {
  double x = *(const double*) a, y = *(const double*) b;
  return (x > y) - (x < y);
}


static void report(const char* name, double* rounds) {
  qsort(rounds, ROUNDS, sizeof(*rounds), by_value);
  printf("%s %.0f\n", name, rounds[ROUNDS / 2]);
}


static int plain(item_t* items) {
  uvllm_queue_t* queue;
  double rounds[ROUNDS];
  if (uvllm_queue_new(&queue, 0, NULL) != 0)
    return 1;
  for (int i = 0; i < N; i++)
    if (uvllm_queue_push(queue, &items[i].fair.node, (int64_t) (next_random() >> 24)) != 0)
      return 1;
  for (int r = 0; r < ROUNDS; r++) {
    double start = now_ns();
    for (int i = 0; i < OPS; i++) {
      uvllm_queue_node_t* node = uvllm_queue_pop(queue);
      uvllm_queue_push(queue, node, node->key + (int64_t) (next_random() >> 24));
    }
    rounds[r] = (now_ns() - start) / OPS;
  }
  report("queue_pop_push_1m_ns", rounds);
  uvllm_queue_free(queue);
  return 0;
}


static int fair(item_t* items) {
  static char tags[TAGS][32];
  uvllm_fair_t* f;
  double rounds[ROUNDS];
  if (uvllm_fair_new(&f, 0, NULL) != 0)
    return 1;
  for (int i = 0; i < TAGS; i++)
    snprintf(tags[i], sizeof(tags[i]), "tenant-%d", i);
  for (int i = 0; i < N; i++) {
    items[i].tag = tags[next_random() % TAGS];
    if (uvllm_fair_push(f, &items[i].fair, items[i].tag, (int64_t) (next_random() >> 24),
                        100 + next_random() % 900) != 0)
      return 1;
  }
  for (int r = 0; r < ROUNDS; r++) {
    double start = now_ns();
    for (int i = 0; i < OPS; i++) {
      item_t* item = (item_t*) (void*) uvllm_fair_pop(f);
      uvllm_fair_push(f, &item->fair, item->tag,
                      item->fair.node.key + (int64_t) (next_random() >> 24),
                      100 + next_random() % 900);
    }
    rounds[r] = (now_ns() - start) / OPS;
  }
  report("fair_pop_push_1000tags_1m_ns", rounds);
  uvllm_fair_free(f);
  return 0;
}


int main(void) {
  item_t* items = calloc(N, sizeof(*items));
  if (items == NULL)
    return 1;
  int err = plain(items) || fair(items);
  free(items);
  return err;
}
