/* The priority queue, also against a sorted array under random operations. */
#include "test.h"
#include "mem.h"
#include "uvllm/queue.h"

enum { MAX_ITEMS = 400, SEEDS = 60, OPS = 1500 };

typedef struct item_s {
  char before[8]; /* a node need not be first */
  uvllm_queue_node_t node;
  int number;
} item_t;

static item_t* item_of(uvllm_queue_node_t* node) {
  return node == NULL ? NULL : (item_t*) (void*) ((char*) node - offsetof(item_t, node));
}

static uint64_t next_random(uint64_t* rng) {
  *rng ^= *rng << 13;
  *rng ^= *rng >> 7;
  return *rng ^= *rng << 17;
}

static void pops_the_smallest_key_first(void** state) {
  (void) state;
  static const int64_t keys[] = { 5, INT64_MAX, -3, 0, INT64_MIN, 7, 1, -3 };
  static const int order[] = { 4, 2, 7, 3, 6, 0, 5, 1 };
  item_t items[8] = { 0 };
  uvllm_queue_t* q;
  assert_int_equal(uvllm_queue_new(&q, 0, NULL), 0);
  assert_null(uvllm_queue_peek(q));
  assert_null(uvllm_queue_pop(q));
  for (int i = 0; i < 8; i++)
    assert_int_equal(uvllm_queue_push(q, &items[i].node, keys[i]), 0);
  for (int i = 0; i < 8; i++) {
    assert_int_equal(uvllm_queue_size(q), 8 - i);
    assert_ptr_equal(uvllm_queue_peek(q), &items[order[i]].node);
    assert_true(uvllm_queue_has(&items[order[i]].node));
    assert_ptr_equal(uvllm_queue_pop(q), &items[order[i]].node);
    assert_false(uvllm_queue_has(&items[order[i]].node));
  }
  assert_int_equal(uvllm_queue_size(q), 0);
  uvllm_queue_free(q);
}

static void equal_keys_come_in_the_order_they_were_pushed(void** state) {
  (void) state;
  item_t items[MAX_ITEMS];
  memset(items, 0, sizeof(items));
  uvllm_queue_t* q;
  assert_int_equal(uvllm_queue_new(&q, 0, NULL), 0);
  for (int i = 0; i < MAX_ITEMS; i++)
    assert_int_equal(uvllm_queue_push(q, &items[i].node, i % 3), 0);
  for (int key = 0; key < 3; key++)
    for (int i = key; i < MAX_ITEMS; i += 3)
      assert_ptr_equal(uvllm_queue_pop(q), &items[i].node);
  uvllm_queue_free(q);
}

static void a_changed_key_keeps_its_age(void** state) {
  (void) state;
  item_t items[3];
  memset(items, 0, sizeof(items));
  uvllm_queue_t* q;
  assert_int_equal(uvllm_queue_new(&q, 0, NULL), 0);
  for (int i = 0; i < 3; i++)
    assert_int_equal(uvllm_queue_push(q, &items[i].node, 10), 0);
  uvllm_queue_change(q, &items[0].node, 50);
  assert_ptr_equal(uvllm_queue_peek(q), &items[1].node);
  assert_int_equal(items[0].node.key, 50);
  uvllm_queue_change(q, &items[2].node, 50);
  uvllm_queue_change(q, &items[1].node, 50);
  for (int i = 0; i < 3; i++)
    assert_ptr_equal(uvllm_queue_pop(q), &items[i].node);
  uvllm_queue_free(q);
}

static void a_full_queue_refuses_and_changes_nothing(void** state) {
  (void) state;
  item_t items[3];
  memset(items, 0, sizeof(items));
  uvllm_queue_t* q;
  assert_int_equal(uvllm_queue_new(&q, 2, NULL), 0);
  assert_int_equal(uvllm_queue_push(q, &items[0].node, 2), 0);
  assert_int_equal(uvllm_queue_push(q, &items[1].node, 1), 0);
  assert_int_equal(uvllm_queue_push(q, &items[2].node, 0), UVLLM_EQUEUEFULL);
  assert_false(uvllm_queue_has(&items[2].node));
  uvllm_queue_remove(q, &items[1].node);
  assert_int_equal(uvllm_queue_push(q, &items[2].node, 0), 0);
  assert_ptr_equal(uvllm_queue_pop(q), &items[2].node);
  assert_ptr_equal(uvllm_queue_pop(q), &items[0].node);
  uvllm_queue_free(q);
}

static void free_lets_the_nodes_go(void** state) {
  (void) state;
  item_t item = { 0 };
  uvllm_queue_t *a, *b;
  assert_int_equal(uvllm_queue_new(&a, 0, NULL), 0);
  assert_int_equal(uvllm_queue_new(&b, 0, NULL), 0);
  assert_int_equal(uvllm_queue_push(a, &item.node, 1), 0);
  uvllm_queue_free(a);
  assert_false(uvllm_queue_has(&item.node));
  assert_int_equal(uvllm_queue_push(b, &item.node, 1), 0);
  assert_ptr_equal(uvllm_queue_pop(b), &item.node);
  uvllm_queue_free(b);
  uvllm_queue_free(NULL);
}


/* The reference: an array that is searched. */
typedef struct reference_s {
  struct {
    item_t* item;
    int64_t key;
    uint64_t age;
  } entries[MAX_ITEMS];
  size_t n;
  uint64_t age;
} reference_t;

static size_t reference_first(const reference_t* ref) {
  size_t first = 0;
  for (size_t i = 1; i < ref->n; i++)
    if (ref->entries[i].key < ref->entries[first].key ||
        (ref->entries[i].key == ref->entries[first].key &&
         ref->entries[i].age < ref->entries[first].age))
      first = i;
  return first;
}

static void random_push(uvllm_queue_t* q, reference_t* ref, item_t* items, uint64_t* rng) {
  item_t* item = &items[next_random(rng) % MAX_ITEMS];
  if (uvllm_queue_has(&item->node))
    return;
  int64_t key = (int64_t) (next_random(rng) % 50) - 25;
  assert_int_equal(uvllm_queue_push(q, &item->node, key), 0);
  ref->entries[ref->n].item = item;
  ref->entries[ref->n].key = key;
  ref->entries[ref->n++].age = ref->age++;
}

static void random_operation(uvllm_queue_t* q, reference_t* ref, item_t* items, uint64_t* rng) {
  unsigned int op = (unsigned int) (next_random(rng) % 16);
  if (op < 9 || ref->n == 0) {
    random_push(q, ref, items, rng);
    return;
  }
  size_t i = op < 13 ? reference_first(ref) : next_random(rng) % ref->n;
  item_t* item = ref->entries[i].item;
  if (op >= 14) {
    ref->entries[i].key = (int64_t) (next_random(rng) % 50) - 25;
    uvllm_queue_change(q, &item->node, ref->entries[i].key);
    return;
  }
  if (op < 13)
    assert_ptr_equal(item_of(uvllm_queue_pop(q)), item);
  else
    uvllm_queue_remove(q, &item->node);
  assert_false(uvllm_queue_has(&item->node));
  ref->entries[i] = ref->entries[--ref->n];
}

static void agrees_with_a_sorted_array(void** state) {
  (void) state;
  static item_t items[MAX_ITEMS];
  static reference_t ref;
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    uint64_t rng = seed * 0x9e3779b97f4a7c15u;
    memset(items, 0, sizeof(items));
    memset(&ref, 0, sizeof(ref));
    uvllm_queue_t* q;
    assert_int_equal(uvllm_queue_new(&q, 0, NULL), 0);
    for (int op = 0; op < OPS; op++) {
      random_operation(q, &ref, items, &rng);
      assert_int_equal(uvllm_queue_size(q), ref.n);
      item_t* first = ref.n != 0 ? ref.entries[reference_first(&ref)].item : NULL;
      assert_ptr_equal(item_of(uvllm_queue_peek(q)), first);
    }
    while (ref.n != 0) {
      size_t first = reference_first(&ref);
      assert_ptr_equal(item_of(uvllm_queue_pop(q)), ref.entries[first].item);
      ref.entries[first] = ref.entries[--ref.n];
    }
    assert_null(uvllm_queue_pop(q));
    uvllm_queue_free(q);
  }
}


static size_t largest;

static void* note_malloc(void* ctx, size_t size) {
  (void) ctx;
  largest = size;
  return malloc(size);
}

static void* note_realloc(void* ctx, void* p, size_t size) {
  (void) ctx;
  largest = size;
  return realloc(p, size);
}

static void note_free(void* ctx, void* p) {
  (void) ctx;
  free(p);
}

static void memory_follows_what_waits(void** state) {
  (void) state;
  enum { N = 20000 };
  const uvllm_alloc_t alloc = { note_malloc, note_realloc, note_free, NULL };
  item_t* items = calloc(N, sizeof(*items));
  assert_non_null(items);
  uvllm_queue_t* q;
  assert_int_equal(uvllm_queue_new(&q, 0, &alloc), 0);
  for (int i = 0; i < N; i++)
    assert_int_equal(uvllm_queue_push(q, &items[i].node, N - i), 0);
  assert_in_range(largest, 16 * N, 16 * 2 * N);
  for (int i = N - 1; i >= 10; i--)
    assert_ptr_equal(uvllm_queue_pop(q), &items[i].node);
  assert_in_range(largest, 1, 16 * 64); /* the last array that was made */
  uvllm_queue_free(q);
  free(items);
}


static int scenario(const uvllm_alloc_t* alloc) {
  enum { N = 40 };
  item_t items[N];
  memset(items, 0, sizeof(items));
  uvllm_queue_t* q = NULL;
  int err = uvllm_queue_new(&q, 0, alloc);
  if (err != 0) {
    assert_null(q);
    return err;
  }
  int n = 0;
  for (; n < N && err == 0; n++)
    err = uvllm_queue_push(q, &items[n].node, n);
  if (err != 0)
    assert_false(uvllm_queue_has(&items[--n].node));
  assert_int_equal(uvllm_queue_size(q), n);
  for (int i = 0; i < n; i++) /* shrinks where it can */
    assert_ptr_equal(uvllm_queue_pop(q), &items[i].node);
  uvllm_queue_free(q);
  return err;
}

static void survives_every_failing_allocation(void** state) {
  (void) state;
  for (int once = 0; once < 2; once++) {
    test_alloc_t a;
    size_t fail_at = 0;
    do {
      test_alloc_init(&a);
      a.fail_at = ++fail_at;
      a.fail_once = once;
      int err = scenario(&a.hook);
      assert_true(err == 0 || err == UVLLM__ENOMEM);
      assert_int_equal(a.alive, 0);
    } while (a.calls >= fail_at);
    assert_true(fail_at > 4);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(pops_the_smallest_key_first),
    cmocka_unit_test(equal_keys_come_in_the_order_they_were_pushed),
    cmocka_unit_test(a_changed_key_keeps_its_age),
    cmocka_unit_test(a_full_queue_refuses_and_changes_nothing),
    cmocka_unit_test(free_lets_the_nodes_go),
    cmocka_unit_test(agrees_with_a_sorted_array),
    cmocka_unit_test(memory_follows_what_waits),
    cmocka_unit_test(survives_every_failing_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
