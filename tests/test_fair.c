/* Fairness between tags: shares, idleness, corrections, forgetting, and a plain
 * model of the same rules that everything is compared with.
 */
#include "test.h"
#include "mem.h"
#include "uvllm/queue.h"

typedef struct item_s {
  uvllm_fair_node_t node;
  int tag;
} item_t;

static uint64_t next_random(uint64_t* rng) {
  *rng ^= *rng << 13;
  *rng ^= *rng >> 7;
  return *rng ^= *rng << 17;
}

static uvllm_fair_t* new_fair(void) {
  uvllm_fair_t* f = NULL;
  assert_int_equal(uvllm_fair_new(&f, 0, NULL), 0);
  return f;
}

static void push(uvllm_fair_t* f, item_t* item, const char* tag, int64_t key, uint64_t cost) {
  item->tag = tag != NULL ? tag[0] : 0;
  assert_int_equal(uvllm_fair_push(f, &item->node, tag, key, cost), 0);
}

static item_t* pop(uvllm_fair_t* f) {
  uvllm_fair_node_t* first = uvllm_fair_peek(f);
  size_t size = uvllm_fair_size(f);
  assert_ptr_equal(uvllm_fair_peek(f), first);
  assert_int_equal(uvllm_fair_size(f), size);
  uvllm_fair_node_t* node = uvllm_fair_pop(f);
  assert_ptr_equal(node, first);
  return (item_t*) (void*) node;
}

static void assert_share(uint64_t part, uint64_t all, double share) {
  double got = (double) part / (double) all;
  if (got < share * 0.98 || got > share * 1.02)
    fail_msg("share %.4f instead of %.4f", got, share);
}

/* Pop n times, push each again with a random cost below max_cost[tag]. */
static void churn(uvllm_fair_t* f, int n, const uint64_t* max_cost, uint64_t* served,
                  uint64_t* rng) {
  for (int i = 0; i < n; i++) {
    item_t* item = pop(f);
    const char tag[2] = { (char) item->tag, 0 };
    served[item->tag] += item->node.cost;
    push(f, item, tag, (int64_t) (next_random(rng) % 1000),
         1 + next_random(rng) % max_cost[item->tag]);
  }
}

static void shares_follow_the_weights(void** state) {
  (void) state;
  static const char* const tags[] = { "a", "b", "c" };
  static const uint32_t weights[] = { 1, 2, 5 };
  uint64_t max_cost[128] = { 0 }, served[128] = { 0 }, rng = 7;
  max_cost['a'] = 1000;
  max_cost['b'] = 30; /* many small ones earn no more than few large ones */
  max_cost['c'] = 300;
  item_t items[60];
  memset(items, 0, sizeof(items));
  uvllm_fair_t* f = new_fair();
  for (int i = 0; i < 3; i++)
    assert_int_equal(uvllm_fair_weight(f, tags[i], weights[i]), 0);
  for (int i = 0; i < 60; i++)
    push(f, &items[i], tags[i % 3], i, 100);
  churn(f, 200000, max_cost, served, &rng);
  uint64_t all = served['a'] + served['b'] + served['c'];
  assert_share(served['a'], all, 1.0 / 8);
  assert_share(served['b'], all, 2.0 / 8);
  assert_share(served['c'], all, 5.0 / 8);
  assert_int_equal(uvllm_fair_weight(f, "a", 0), UVLLM__EINVAL);
  uvllm_fair_free(f);
}

static void a_flood_of_one_tag_does_not_delay_another(void** state) {
  (void) state;
  enum { FLOOD = 5000 };
  item_t* items = calloc(FLOOD + 1, sizeof(*items));
  assert_non_null(items);
  uvllm_fair_t* f = new_fair();
  for (int i = 0; i < FLOOD; i++)
    push(f, &items[i], "flood", i, 10);
  for (int i = 0; i < 100; i++)
    assert_int_equal(pop(f)->tag, 'f');
  push(f, &items[FLOOD], "quiet", INT64_MAX, 10);
  int first = pop(f)->tag, second = pop(f)->tag;
  assert_true(first == 'q' || second == 'q');
  uvllm_fair_free(f);
  free(items);
}

static void idleness_earns_nothing_and_costs_nothing(void** state) {
  (void) state;
  uint64_t max_cost[128] = { 0 }, served[128] = { 0 }, rng = 11;
  max_cost['a'] = max_cost['b'] = 100;
  item_t items[20];
  memset(items, 0, sizeof(items));
  uvllm_fair_t* f = new_fair();
  push(f, &items[10], "b", 0, 1); /* known, then idle */
  push(f, &items[0], "a", 0, 1);
  while (uvllm_fair_size(f) != 0)
    pop(f);
  for (int i = 0; i < 10; i++)
    push(f, &items[i], "a", i, 50);
  churn(f, 50000, max_cost, served, &rng);
  memset(served, 0, sizeof(served));
  for (int i = 10; i < 20; i++)
    push(f, &items[i], "b", i, 50);
  churn(f, 300, max_cost, served, &rng);
  uint64_t all = served['a'] + served['b'];
  assert_in_range(served['a'], all * 45 / 100, all * 55 / 100);
  memset(served, 0, sizeof(served));
  churn(f, 100000, max_cost, served, &rng);
  assert_share(served['a'], served['a'] + served['b'], 0.5);
  uvllm_fair_free(f);
}

static void keys_order_within_a_tag(void** state) {
  (void) state;
  item_t items[6];
  memset(items, 0, sizeof(items));
  uvllm_fair_t* f = new_fair();
  push(f, &items[0], "a", 3, 1);
  push(f, &items[1], "a", 1, 1);
  push(f, &items[2], "a", 2, 1);
  push(f, &items[3], NULL, 9, 1);
  push(f, &items[4], "", 8, 1); /* the same tag as NULL */
  assert_int_equal(uvllm_fair_tags(f), 2);
  uvllm_fair_change(f, &items[0].node, 0);
  assert_ptr_equal(pop(f), &items[0]);
  assert_ptr_equal(pop(f), &items[4]);
  assert_ptr_equal(pop(f), &items[1]);
  assert_ptr_equal(pop(f), &items[3]);
  assert_ptr_equal(pop(f), &items[2]);
  assert_null(uvllm_fair_pop(f));
  assert_null(uvllm_fair_peek(f));
  uvllm_fair_free(f);
}

static void removal_is_not_charged(void** state) {
  (void) state;
  item_t items[4];
  memset(items, 0, sizeof(items));
  uvllm_fair_t* f = new_fair();
  push(f, &items[0], "a", 0, 1000);
  push(f, &items[1], "b", 0, 1);
  push(f, &items[2], "a", 1, 1);
  uvllm_fair_remove(f, &items[0].node);
  assert_false(uvllm_queue_has(&items[0].node.node));
  assert_int_equal(uvllm_fair_size(f), 2);
  assert_ptr_equal(pop(f), &items[2]);
  uvllm_fair_remove(f, &items[1].node);
  assert_null(uvllm_fair_peek(f));
  push(f, &items[3], "b", 0, 1);
  assert_ptr_equal(pop(f), &items[3]);
  uvllm_fair_free(f);
}

static void corrections_make_shares_true(void** state) {
  (void) state;
  item_t items[20];
  memset(items, 0, sizeof(items));
  uvllm_fair_t* f = new_fair();
  for (int i = 0; i < 20; i++)
    push(f, &items[i], i % 2 != 0 ? "a" : "b", i, 100);
  uint64_t really[128] = { 0 }, rng = 5;
  for (int i = 0; i < 100000; i++) { /* a costs far more than guessed, b less */
    item_t* item = pop(f);
    const char* tag = item->tag == 'a' ? "a" : "b";
    int64_t real = item->tag == 'a' ? 900 : 1 + (int64_t) (next_random(&rng) % 50);
    really[item->tag] += (uint64_t) real;
    uvllm_fair_correct(f, tag, real - 100);
    push(f, item, tag, i, 100);
  }
  assert_share(really['a'], really['a'] + really['b'], 0.5);
  uvllm_fair_free(f);
}

static void what_was_popped_in_vain_is_given_back(void** state) {
  (void) state;
  item_t items[4];
  memset(items, 0, sizeof(items));
  uvllm_fair_t* f = new_fair();
  push(f, &items[0], "a", 0, 1000000);
  push(f, &items[1], "a", 1, 1);
  push(f, &items[2], "b", 0, 10);
  push(f, &items[3], "b", 1, 10);
  assert_ptr_equal(pop(f), &items[0]);
  uvllm_fair_correct(f, "a", -1000000);
  push(f, &items[0], "a", 0, 1);
  assert_ptr_equal(pop(f), &items[0]);
  assert_ptr_equal(pop(f), &items[2]);
  uvllm_fair_correct(f, "b", INT64_MIN); /* no further back than it began */
  uvllm_fair_correct(f, "nobody", -5);
  assert_int_equal(uvllm_fair_tags(f), 2);
  assert_ptr_equal(pop(f), &items[3]);
  assert_ptr_equal(pop(f), &items[1]);
  uvllm_fair_free(f);
}

static void tags_of_the_past_take_no_memory(void** state) {
  (void) state;
  enum { TAGS = 50000, BACKLOG = 1000 };
  static item_t backlog[BACKLOG];
  memset(backlog, 0, sizeof(backlog));
  for (int waiting = 0; waiting < 2; waiting++) {
    test_alloc_t a;
    test_alloc_init(&a);
    uvllm_fair_t* f;
    size_t most = 0;
    assert_int_equal(uvllm_fair_new(&f, 0, &a.hook), 0);
    for (int i = 0; i < BACKLOG && waiting; i++)
      push(f, &backlog[i], "always", i, 1);
    for (int i = 0; i < TAGS; i++) {
      char tag[32];
      item_t item = { 0 };
      snprintf(tag, sizeof(tag), "t%d", i);
      push(f, &item, tag, 0, 1 + (uint64_t) i % 500);
      while (uvllm_queue_has(&item.node.node)) {
        item_t* popped = pop(f);
        if (popped != &item)
          push(f, popped, "always", i, 1);
      }
      uvllm_fair_correct(f, tag, 1000);
      most = uvllm_fair_tags(f) > most ? uvllm_fair_tags(f) : most;
    }
    assert_in_range(most, 60, 1030);
    uvllm_fair_free(f);
    assert_int_equal(a.alive, 0);
  }
}

static void a_weight_outlives_idleness(void** state) {
  (void) state;
  item_t items[40];
  memset(items, 0, sizeof(items));
  uvllm_fair_t* f = new_fair();
  assert_int_equal(uvllm_fair_weight(f, "weighty", 4), 0);
  for (int i = 0; i < 3000; i++) {
    char tag[32];
    snprintf(tag, sizeof(tag), "t%d", i);
    push(f, &items[0], tag, 0, 10);
    assert_ptr_equal(pop(f), &items[0]);
  }
  for (int i = 0; i < 40; i++)
    push(f, &items[i], i % 2 != 0 ? "weighty" : "light", i, 100);
  int weighty = 0;
  for (int i = 0; i < 20; i++)
    weighty += pop(f)->tag == 'w';
  assert_in_range(weighty, 15, 17);
  uvllm_fair_free(f);
}

static void virtual_time_does_not_overflow(void** state) {
  (void) state;
  item_t items[4];
  memset(items, 0, sizeof(items));
  uvllm_fair_t* f = new_fair();
  uint64_t served[128] = { 0 };
  for (int i = 0; i < 4; i++)
    push(f, &items[i], i % 2 != 0 ? "a" : "b", i, UINT64_MAX);
  for (int i = 0; i < 1000; i++) {
    item_t* item = pop(f);
    served[item->tag]++;
    push(f, item, item->tag == 'a' ? "a" : "b", i, UINT64_MAX);
  }
  assert_in_range(served['a'], 499, 501);
  for (int i = 0; i < 200; i++) { /* a debt of one tag alone is cut off */
    uvllm_fair_correct(f, "idle", INT64_MAX);
    uvllm_fair_correct(f, "a", INT64_MAX);
  }
  assert_int_equal(pop(f)->tag, 'b');
  assert_int_equal(pop(f)->tag, 'b');
  assert_int_equal(pop(f)->tag, 'a');
  uvllm_fair_free(f);
}

static void free_after_a_pop_lets_all_go(void** state) {
  (void) state;
  item_t items[200];
  memset(items, 0, sizeof(items));
  uvllm_fair_t* f = new_fair();
  for (int i = 0; i < 200; i++)
    push(f, &items[i], i % 3 != 0 ? "a" : "b", i, 10);
  for (int i = 0; i < 10; i++)
    pop(f);
  uvllm_fair_free(f);
  for (int i = 0; i < 200; i++)
    assert_false(uvllm_queue_has(&items[i].node.node));
}

static void a_full_queue_refuses_and_changes_nothing(void** state) {
  (void) state;
  item_t items[2];
  memset(items, 0, sizeof(items));
  uvllm_fair_t* f;
  assert_int_equal(uvllm_fair_new(&f, 1, NULL), 0);
  push(f, &items[0], "a", 0, 1);
  assert_int_equal(uvllm_fair_push(f, &items[1].node, "b", 0, 1), UVLLM_EQUEUEFULL);
  assert_int_equal(uvllm_fair_tags(f), 1);
  assert_ptr_equal(pop(f), &items[0]);
  push(f, &items[1], "b", 0, 1);
  uvllm_fair_free(f); /* with an entry */
  assert_false(uvllm_queue_has(&items[1].node.node));
  uvllm_fair_free(NULL);
}


/* The rules of queue.h in the plainest way: it searches, and forgets no tag. */
enum { MAX_TAGS = 300, MAX_ITEMS = 200 };

typedef struct model_s {
  struct {
    int64_t vt, base;
    uint64_t age;
    uint32_t weight;
    int waiting;
  } tags[MAX_TAGS];
  struct {
    item_t* item; /* NULL: a free place */
    int64_t key;
    uint64_t age, cost;
    int tag;
  } entries[MAX_ITEMS];
  int64_t clock, horizon;
  uint64_t age;
  int n;
} model_t;

static int model_tag(const model_t* m) {
  int first = -1;
  for (int i = 0; i < MAX_TAGS; i++)
    if (m->tags[i].waiting != 0 &&
        (first < 0 || m->tags[i].vt < m->tags[first].vt ||
         (m->tags[i].vt == m->tags[first].vt && m->tags[i].age < m->tags[first].age)))
      first = i;
  return first;
}

static int model_first(const model_t* m) {
  int tag = model_tag(m), first = -1;
  for (int i = 0; i < MAX_ITEMS; i++)
    if (m->entries[i].item != NULL && m->entries[i].tag == tag &&
        (first < 0 || m->entries[i].key < m->entries[first].key ||
         (m->entries[i].key == m->entries[first].key &&
          m->entries[i].age < m->entries[first].age)))
      first = i;
  return first;
}

static int64_t model_floor(const model_t* m) {
  int tag = model_tag(m);
  return tag >= 0 && m->tags[tag].vt > m->clock ? m->tags[tag].vt : m->clock;
}

static void model_push(model_t* m, int place, item_t* item, int tag, int64_t key, uint64_t cost) {
  if (m->tags[tag].waiting == 0) {
    m->tags[tag].base = model_floor(m);
    if (m->tags[tag].vt < m->tags[tag].base)
      m->tags[tag].vt = m->tags[tag].base;
    m->tags[tag].age = m->age++;
  }
  m->tags[tag].waiting++;
  m->entries[place].item = item;
  m->entries[place].key = key;
  m->entries[place].age = m->age++;
  m->entries[place].cost = cost;
  m->entries[place].tag = tag;
  m->n++;
}

static void model_remove(model_t* m, int place) {
  m->entries[place].item = NULL;
  m->tags[m->entries[place].tag].waiting--;
  if (--m->n == 0)
    m->clock = m->horizon;
}

static void model_set(model_t* m, int tag, int64_t vt) {
  m->tags[tag].vt = vt;
  if (vt > m->horizon)
    m->horizon = vt;
}

static void model_correct(model_t* m, int tag, int64_t delta) {
  int64_t vt = m->tags[tag].vt, units = (delta < 0 ? -delta : delta) * 65536;
  units /= m->tags[tag].weight;
  if (delta < 0)
    model_set(m, tag, vt - units > m->tags[tag].base ? vt - units : m->tags[tag].base);
  else
    model_set(m, tag, (m->tags[tag].waiting == 0 && vt < model_floor(m) ? model_floor(m) : vt) +
                          units);
}

static void both_pop(uvllm_fair_t* f, model_t* m) {
  int place = model_first(m);
  int tag = m->entries[place].tag;
  assert_ptr_equal(uvllm_fair_pop(f), &m->entries[place].item->node);
  if (m->tags[tag].vt > m->clock)
    m->clock = m->tags[tag].vt;
  model_set(m, tag,
            m->tags[tag].vt + (int64_t) (m->entries[place].cost * 65536 / m->tags[tag].weight));
  model_remove(m, place);
}

static void both_do(uvllm_fair_t* f, model_t* m, item_t* items, int ntags, uint64_t* rng) {
  char name[32];
  int tag = (int) (next_random(rng) % (uint64_t) ntags);
  int place = (int) (next_random(rng) % MAX_ITEMS);
  int op = (int) (next_random(rng) % 20);
  int64_t key = (int64_t) (next_random(rng) % 20);
  uint64_t cost = 1 + next_random(rng) % 100;
  snprintf(name, sizeof(name), "tag%d", tag);
  if (m->entries[place].item == NULL && op < 10) {
    assert_int_equal(uvllm_fair_push(f, &items[place].node, name, key, cost), 0);
    model_push(m, place, &items[place], tag, key, cost);
  } else if (m->n != 0 && op < 15) {
    both_pop(f, m);
  } else if (op < 18) {
    int64_t delta = (int64_t) (next_random(rng) % 400) - 100;
    uvllm_fair_correct(f, name, delta);
    if (delta != 0)
      model_correct(m, tag, delta);
  } else if (m->entries[place].item != NULL && op == 18) {
    uvllm_fair_remove(f, &items[place].node);
    model_remove(m, place);
  } else if (m->entries[place].item != NULL) {
    uvllm_fair_change(f, &items[place].node, key);
    m->entries[place].key = key;
  }
}

static void agrees_with_a_model_that_forgets_nothing(void** state) {
  (void) state;
  static item_t items[MAX_ITEMS];
  static model_t m;
  for (uint64_t seed = 1; seed <= 40; seed++) {
    uint64_t rng = seed * 0x9e3779b97f4a7c15u;
    int ntags = seed % 2 != 0 ? 5 : MAX_TAGS;
    size_t most = 0;
    memset(items, 0, sizeof(items));
    memset(&m, 0, sizeof(m));
    uvllm_fair_t* f = new_fair();
    for (int i = 0; i < MAX_TAGS; i++)
      m.tags[i].weight = 1;
    for (int i = 0; i < 3; i++) {
      char name[32];
      snprintf(name, sizeof(name), "tag%d", i);
      m.tags[i].weight = (uint32_t) i * 7 + 2;
      assert_int_equal(uvllm_fair_weight(f, name, m.tags[i].weight), 0);
    }
    for (int op = 0; op < 2500; op++) {
      both_do(f, &m, items, ntags, &rng);
      assert_int_equal(uvllm_fair_size(f), m.n);
      uvllm_fair_node_t* first = m.n != 0 ? &m.entries[model_first(&m)].item->node : NULL;
      assert_ptr_equal(uvllm_fair_peek(f), first);
      most = uvllm_fair_tags(f) > most ? uvllm_fair_tags(f) : most;
    }
    assert_true(ntags == 5 || most < MAX_TAGS); /* some were forgotten */
    while (m.n != 0)
      both_pop(f, &m);
    uvllm_fair_free(f);
  }
}


static int scenario(const uvllm_alloc_t* alloc) {
  enum { N = 200 };
  item_t items[N];
  memset(items, 0, sizeof(items));
  uvllm_fair_t* f = NULL;
  int err = uvllm_fair_new(&f, 0, alloc);
  if (err != 0) {
    assert_null(f);
    return err;
  }
  size_t n = 0;
  err = uvllm_fair_weight(f, "t7", 3);
  for (int i = 0; i < N; i++) {
    char tag[32];
    snprintf(tag, sizeof(tag), "t%d", i % 100);
    int one = uvllm_fair_push(f, &items[i].node, tag, i, 10);
    assert_true(one == 0 || one == UVLLM__ENOMEM);
    assert_int_equal(uvllm_queue_has(&items[i].node.node), one == 0);
    n += one == 0;
    err = one != 0 ? one : err;
    assert_int_equal(uvllm_fair_size(f), n);
    uvllm_fair_correct(f, "other", 5);
  }
  for (; n > 5; n--)
    assert_non_null(uvllm_fair_pop(f));
  uvllm_fair_free(f);
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
    assert_true(fail_at > 200);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(shares_follow_the_weights),
    cmocka_unit_test(a_flood_of_one_tag_does_not_delay_another),
    cmocka_unit_test(idleness_earns_nothing_and_costs_nothing),
    cmocka_unit_test(keys_order_within_a_tag),
    cmocka_unit_test(removal_is_not_charged),
    cmocka_unit_test(corrections_make_shares_true),
    cmocka_unit_test(what_was_popped_in_vain_is_given_back),
    cmocka_unit_test(tags_of_the_past_take_no_memory),
    cmocka_unit_test(a_weight_outlives_idleness),
    cmocka_unit_test(virtual_time_does_not_overflow),
    cmocka_unit_test(free_after_a_pop_lets_all_go),
    cmocka_unit_test(a_full_queue_refuses_and_changes_nothing),
    cmocka_unit_test(agrees_with_a_model_that_forgets_nothing),
    cmocka_unit_test(survives_every_failing_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
