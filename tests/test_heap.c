/* The heap from inside: its order, where its nodes are found, the hole a pop leaves,
 * where the array lies in memory.
 */
#include "test.h"
#include "heap.h"

enum { MAX_ITEMS = 1200, LINE = 64 };

static uvllm_queue_node_t items[MAX_ITEMS];
static uvllm__heap_t heap;
static test_alloc_t memory;

static uint64_t next_random(uint64_t* rng) {
  *rng ^= *rng << 13;
  *rng ^= *rng >> 7;
  return *rng ^= *rng << 17;
}

static int start(void** state) {
  (void) state;
  memset(items, 0, sizeof(items));
  memset(&heap, 0, sizeof(heap));
  test_alloc_init(&memory);
  return 0;
}

static int end(void** state) {
  (void) state;
  uvllm__heap_clear(&heap, &memory.hook);
  for (int i = 0; i < MAX_ITEMS; i++)
    assert_int_equal(items[i].position, 0);
  assert_int_equal(memory.alive, 0);
  return 0;
}

static void push(int item, int64_t key) {
  assert_int_equal(uvllm__heap_reserve(&heap, &memory.hook), 0);
  uvllm__heap_push(&heap, &items[item], key);
}

static void push_many(int n, int64_t step) {
  for (int i = 0; i < n; i++)
    push(i, i * step);
}

static uvllm_queue_node_t* pop(void) {
  return uvllm__heap_pop(&heap, &memory.hook);
}

static int is_before(const uvllm_queue_node_t* a, const uvllm_queue_node_t* b) {
  return a->key < b->key || (a->key == b->key && a->seq < b->seq);
}

static size_t parent_of(size_t i) {
  size_t parent = (i - 1) / 4;
  return parent != 0 && parent == heap.hole ? (parent - 1) / 4 : parent;
}

static void assert_found(size_t place) {
  size_t i = heap.entries[place].node->position;
  assert_int_not_equal(i, 0);
  for (i--; i != place; i = (i - 1) / 4)
    assert_int_not_equal(i, 0);
}

static void assert_valid(void) {
  size_t used = heap.size + (heap.hole != 0);
  assert_true(used <= heap.cap && (heap.hole == 0 || heap.hole < used));
  assert_int_equal((uintptr_t) &heap.entries[1] % LINE, 0);
  for (size_t i = 0; i < used; i++) {
    const uvllm_queue_node_t* node = heap.entries[i].node;
    if (i != 0 && i == heap.hole)
      continue;
    assert_int_equal(heap.entries[i].key, node->key);
    assert_found(i);
    if (i != 0)
      assert_true(is_before(heap.entries[parent_of(i)].node, node));
  }
}

static const uvllm_queue_node_t* least(void) {
  const uvllm_queue_node_t* first = NULL;
  for (int i = 0; i < MAX_ITEMS; i++)
    if (items[i].position != 0 && (first == NULL || is_before(&items[i], first)))
      first = &items[i];
  return first;
}

static void assert_pops_in_order(void) {
  for (size_t n = heap.size; n != 0; n--) {
    const uvllm_queue_node_t* first = least();
    assert_int_equal(heap.size, n);
    assert_ptr_equal(uvllm__heap_peek(&heap), first);
    assert_ptr_equal(pop(), first);
    assert_int_equal(first->position, 0);
  }
  assert_null(uvllm__heap_peek(&heap));
  assert_null(pop());
}


static void random_operation(uint64_t* rng, uint64_t pushes, uint64_t keys) {
  int item = (int) (next_random(rng) % MAX_ITEMS);
  uint64_t op = next_random(rng) % 16;
  int64_t key = (int64_t) (next_random(rng) % keys);
  const uvllm_queue_node_t* first = least();
  if (items[item].position == 0 && op < pushes)
    push(item, key);
  else if (items[item].position == 0 || op < 8)
    assert_ptr_equal(pop(), first);
  else if (op < 12)
    uvllm__heap_change(&heap, &items[item], key);
  else
    uvllm__heap_remove(&heap, &items[item], &memory.hook);
  assert_ptr_equal(uvllm__heap_peek(&heap), least());
}

static void stays_valid_whatever_is_done(void** state) {
  (void) state;
  static const uint64_t keys[] = { 3, 1000, UINT64_MAX / 2 };
  uint64_t rng = 88172645463325252u;
  for (int k = 0; k < 3; k++) {
    for (int phase = 0; phase < 4; phase++) { /* it grows, and shrinks again */
      for (int op = 0; op < 2500; op++) {
        random_operation(&rng, phase % 2 == 0 ? 16 : 3, keys[k]);
        if (op % 16 == 0 && heap.size != 0)
          assert_valid();
      }
    }
    assert_pops_in_order();
  }
}

static void what_rose_is_found(void** state) {
  (void) state;
  push_many(1000, 1);
  for (int i = 0; i < 600; i++)
    assert_ptr_equal(pop(), &items[i]);
  assert_valid();
  for (int i = 600; i < 1000; i += 2)
    uvllm__heap_change(&heap, &items[i], 5000 - i);
  for (int i = 999; i > 700; i -= 2)
    uvllm__heap_remove(&heap, &items[i], &memory.hook);
  assert_valid();
  assert_int_equal(heap.size, 250);
  assert_pops_in_order();
}


static void a_pop_leaves_a_hole_that_the_next_operation_fills(void** state) {
  (void) state;
  static const int64_t keys[] = { -1, 15, 5000, 99999 }; /* root, middle, equal, last */
  for (int n = 2; n < 400; n = n * 3 / 2 + 1) {
    for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
      push_many(n, 10);
      assert_ptr_equal(pop(), &items[0]);
      assert_int_equal(heap.size, n - 1);
      assert_int_not_equal(heap.hole, 0);
      assert_valid();
      push(0, keys[k]);
      assert_int_equal(heap.hole, 0);
      assert_valid();
      assert_pops_in_order();
    }
  }
}

static void removes_and_changes_beside_a_hole(void** state) {
  (void) state;
  for (int n = 3; n < 120; n++) {
    for (int i = 1; i < n; i++) {
      push_many(n, 10);
      pop();
      if (i % 2 != 0)
        uvllm__heap_remove(&heap, &items[i], &memory.hook);
      else
        uvllm__heap_change(&heap, &items[i], n * 5);
      assert_int_equal(heap.size, n - 1 - i % 2);
      assert_true(heap.size == 0 || heap.hole == 0);
      assert_valid();
      uvllm__heap_clear(&heap, &memory.hook);
    }
  }
}

static void the_last_one_leaves_no_hole(void** state) {
  (void) state;
  push(0, 1);
  assert_ptr_equal(pop(), &items[0]);
  assert_int_equal(heap.size, 0);
  assert_int_equal(heap.hole, 0);
  push(0, 1);
  push(1, 2);
  pop();
  uvllm__heap_remove(&heap, &items[1], &memory.hook);
  assert_int_equal(heap.size, 0);
  assert_null(pop());
}

static void clear_beside_a_hole_lets_all_go(void** state) {
  (void) state;
  push_many(100, 1);
  pop(); /* end() looks */
}


static size_t shift;

static void* shifted_malloc(void* ctx, size_t size) {
  (void) ctx;
  char* p = malloc(size + shift);
  return p != NULL ? p + shift : NULL;
}

static void shifted_free(void* ctx, void* p) {
  (void) ctx;
  free((char*) p - shift);
}

static void siblings_share_a_line_wherever_the_block_begins(void** state) {
  (void) state;
  memory.hook.malloc = shifted_malloc;
  memory.hook.free = shifted_free;
  for (shift = 0; shift < 2 * LINE; shift += 16) {
    for (int i = 0; i < 300; i++) { /* grows, moves, shrinks */
      push(i, -i);
      assert_valid();
    }
    for (int i = 299; i > 0; i--) {
      assert_ptr_equal(pop(), &items[i]);
      assert_valid();
    }
    uvllm__heap_clear(&heap, &memory.hook);
  }
}

static void a_growth_that_fails_changes_nothing(void** state) {
  (void) state;
  push(0, 0);
  int n = (int) heap.cap;
  for (int i = 1; i < n; i++)
    push(i, i);
  memory.fail_at = memory.calls + 1;
  assert_int_equal(uvllm__heap_reserve(&heap, &memory.hook), UVLLM__ENOMEM);
  assert_int_equal(heap.size, n);
  assert_valid();
  assert_ptr_equal(pop(), &items[0]);
  push(0, 3); /* into the hole: needs no memory */
  assert_valid();
  assert_int_equal(uvllm__heap_reserve(&heap, &memory.hook), UVLLM__ENOMEM);
  assert_pops_in_order();
}

static void a_shrink_that_fails_changes_nothing(void** state) {
  (void) state;
  push_many(1000, 1);
  size_t cap = heap.cap;
  memory.fail_at = memory.calls + 1;
  for (int i = 0; i < 995; i++)
    assert_ptr_equal(pop(), &items[i]);
  assert_int_equal(heap.cap, cap);
  assert_valid();
  memory.fail_at = 0;
  assert_ptr_equal(pop(), &items[995]);
  assert_int_equal(heap.cap, cap / 2);
  assert_pops_in_order();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(stays_valid_whatever_is_done),
    TEST(what_rose_is_found),
    TEST(a_pop_leaves_a_hole_that_the_next_operation_fills),
    TEST(removes_and_changes_beside_a_hole),
    TEST(the_last_one_leaves_no_hole),
    TEST(clear_beside_a_hole_lets_all_go),
    TEST(siblings_share_a_line_wherever_the_block_begins),
    TEST(a_growth_that_fails_changes_nothing),
    TEST(a_shrink_that_fails_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
