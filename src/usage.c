/* The usage tracker: sums by account, and the budget.
 *
 * Invariant: all.usage.cost_pusd + all.held_pusd <= budget, unless a provider
 * billed beyond its hold or the budget was lowered; and `all` is the sum of the
 * rows. A row is made when something is held for it and is never removed, so
 * that settling finds it by number and cannot fail. Row 0 takes what no other
 * row may be made for. Everything is O(1) but sums under a filter.
 */
#include <assert.h>

#include "hash.h"
#include "mem.h"
#include "uvllm/usage.h"

enum { NFIELDS = 4, TABLE_MIN = 64, ROWS_MIN = 32, OTHER_MAX = 1000 };

static const char OTHER[] = "(other)";

typedef struct row_s {
  uvllm_totals_t totals;
  uint64_t hash;
  const char* field[NFIELDS]; /* provider, model, key, tag: in `bytes` */
  char bytes[];
} row_t;

struct uvllm_tracker_s {
  row_t** rows;
  uint32_t* table; /* open addressing: index + 1 into rows; 0: free */
  size_t nrows, rows_cap, table_cap;
  uint32_t last; /* index + 1 of the row asked for last: most requests are alike */
  uvllm_totals_t all;
  int64_t budget;
  uvllm_alloc_t alloc;
};


static uint64_t add_count(uint64_t a, uint64_t b) {
  return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}


/* Of amounts that are not negative. */
static int64_t add_pusd(int64_t a, int64_t b) {
  return b > INT64_MAX - a ? INT64_MAX : a + b;
}


void uvllm_usage_add(uvllm_usage_t* total, const uvllm_usage_t* part) {
  total->input_tokens = add_count(total->input_tokens, part->input_tokens);
  total->cached_input_tokens = add_count(total->cached_input_tokens, part->cached_input_tokens);
  total->cache_write_tokens = add_count(total->cache_write_tokens, part->cache_write_tokens);
  total->cache_write_1h_tokens =
      add_count(total->cache_write_1h_tokens, part->cache_write_1h_tokens);
  total->output_tokens = add_count(total->output_tokens, part->output_tokens);
  total->reasoning_tokens = add_count(total->reasoning_tokens, part->reasoning_tokens);
  total->audio_input_tokens = add_count(total->audio_input_tokens, part->audio_input_tokens);
  total->audio_output_tokens = add_count(total->audio_output_tokens, part->audio_output_tokens);
  total->image_input_tokens = add_count(total->image_input_tokens, part->image_input_tokens);
  total->cost_pusd = add_pusd(total->cost_pusd, part->cost_pusd > 0 ? part->cost_pusd : 0);
  total->flags |= part->flags;
}


static void add_totals(uvllm_totals_t* sum, const uvllm_totals_t* part) {
  uvllm_usage_add(&sum->usage, &part->usage);
  sum->settled += part->settled;
  sum->unpriced += part->unpriced;
  sum->overruns += part->overruns;
  sum->held += part->held;
  sum->held_pusd = add_pusd(sum->held_pusd, part->held_pusd);
}


static void copy_totals(uvllm_totals_t* to, size_t size, const uvllm_totals_t* from) {
  memset(to, 0, size);
  memcpy(to, from, size < sizeof(*from) ? size : sizeof(*from));
}


/* ---- Rows ----------------------------------------------------------------------- */

static void fields_of(const uvllm_account_t* account, const char* field[NFIELDS]) {
  field[0] = account->provider;
  field[1] = account->model;
  field[2] = account->key;
  field[3] = account->tag;
}


static uint64_t hash_fields(const char* const field[NFIELDS]) {
  uint64_t h = UVLLM__HASH_INIT;
  for (int i = 0; i < NFIELDS; i++)
    h = uvllm__hash_add(h, field[i], strlen(field[i]));
  return uvllm__hash_end(h);
}


static row_t* make_row(const uvllm_tracker_t* tracker, const char* const field[NFIELDS]) {
  size_t len[NFIELDS], size = sizeof(row_t);
  for (int i = 0; i < NFIELDS; i++)
    size += len[i] = strlen(field[i]) + 1;
  row_t* row = uvllm__malloc(&tracker->alloc, size);
  if (row == NULL)
    return NULL;
  memset(&row->totals, 0, sizeof(row->totals));
  char* at = row->bytes;
  for (int i = 0; i < NFIELDS; i++) {
    row->field[i] = memcpy(at, field[i], len[i]);
    at += len[i];
  }
  row->hash = hash_fields(row->field);
  return row;
}


static int is_row(const row_t* row, const char* const field[NFIELDS]) {
  return strcmp(row->field[3], field[3]) == 0 && strcmp(row->field[1], field[1]) == 0 &&
         strcmp(row->field[0], field[0]) == 0 && strcmp(row->field[2], field[2]) == 0;
}


/* Index + 1 of the row, or 0. */
static uint32_t find_row(const uvllm_tracker_t* tracker, const char* const field[NFIELDS],
                         uint64_t hash) {
  const size_t mask = tracker->table_cap - 1;
  for (size_t i = hash & mask; tracker->table[i] != 0; i = (i + 1) & mask) {
    const row_t* row = tracker->rows[tracker->table[i] - 1];
    if (row->hash == hash && is_row(row, field))
      return tracker->table[i];
  }
  return 0;
}


static void enter(uint32_t* table, size_t cap, uint64_t hash, uint32_t number) {
  size_t i = hash & (cap - 1);
  while (table[i] != 0)
    i = (i + 1) & (cap - 1);
  table[i] = number;
}


static int grow_table(uvllm_tracker_t* tracker) {
  const size_t cap = tracker->table_cap != 0 ? tracker->table_cap * 2 : TABLE_MIN;
  uint32_t* table = uvllm__calloc(&tracker->alloc, cap, sizeof(*table));
  if (table == NULL)
    return UVLLM__ENOMEM;
  for (size_t i = 0; i < tracker->nrows; i++)
    enter(table, cap, tracker->rows[i]->hash, (uint32_t) i + 1);
  uvllm__free(&tracker->alloc, tracker->table);
  tracker->table = table;
  tracker->table_cap = cap;
  return 0;
}


/* Room for one more row, in a table that is never more than half full. */
static int reserve(uvllm_tracker_t* tracker) {
  if (tracker->nrows == tracker->rows_cap) {
    const size_t cap = tracker->rows_cap != 0 ? tracker->rows_cap * 2 : ROWS_MIN;
    row_t** rows = uvllm__realloc(&tracker->alloc, tracker->rows, cap * sizeof(row_t*));
    if (rows == NULL)
      return UVLLM__ENOMEM;
    tracker->rows = rows;
    tracker->rows_cap = cap;
  }
  return (tracker->nrows + 1) * 2 > tracker->table_cap ? grow_table(tracker) : 0;
}


static int add_row(uvllm_tracker_t* tracker, const char* const field[NFIELDS]) {
  if (reserve(tracker) != 0)
    return UVLLM__ENOMEM;
  row_t* row = make_row(tracker, field);
  if (row == NULL)
    return UVLLM__ENOMEM;
  tracker->rows[tracker->nrows++] = row;
  enter(tracker->table, tracker->table_cap, row->hash, (uint32_t) tracker->nrows);
  return 0;
}


/* The row with these fields, made if there is none: index + 1 in *number. */
static int find_or_add(uvllm_tracker_t* tracker, const char* field[NFIELDS], uint32_t* number) {
  uint64_t hash = hash_fields(field);
  if ((*number = find_row(tracker, field, hash)) != 0)
    return 0;
  if (tracker->nrows >= UVLLM_TRACKER_MAX_ROWS) {
    field[3] = OTHER;
    hash = hash_fields(field);
    if ((*number = find_row(tracker, field, hash)) != 0)
      return 0;
  }
  if (tracker->nrows >= UVLLM_TRACKER_MAX_ROWS + OTHER_MAX) {
    *number = 1;
    return 0;
  }
  if (add_row(tracker, field) != 0)
    return UVLLM__ENOMEM;
  *number = (uint32_t) tracker->nrows;
  return 0;
}


static int row_for(uvllm_tracker_t* tracker, const uvllm_account_t* account, uint32_t* number) {
  const char* field[NFIELDS];
  fields_of(account, field);
  for (int i = 0; i < NFIELDS; i++)
    field[i] = field[i] != NULL ? field[i] : "";
  int err = 0;
  if (tracker->last == 0 || !is_row(tracker->rows[tracker->last - 1], field))
    err = find_or_add(tracker, field, &tracker->last);
  *number = tracker->last;
  return err;
}


/* ---- The tracker ------------------------------------------------------------------ */

int uvllm_tracker_new(uvllm_tracker_t** tracker, int64_t budget_pusd, const uvllm_alloc_t* alloc) {
  static const char* const other[NFIELDS] = { OTHER, OTHER, OTHER, OTHER };
  const uvllm_alloc_t a = uvllm__alloc_or_default(alloc);
  *tracker = NULL;
  if (budget_pusd < 0)
    return UVLLM__EINVAL;
  uvllm_tracker_t* t = uvllm__calloc(&a, 1, sizeof(*t));
  if (t == NULL)
    return UVLLM__ENOMEM;
  t->alloc = a;
  t->budget = budget_pusd;
  if (add_row(t, other) != 0) {
    uvllm_tracker_free(t);
    return UVLLM__ENOMEM;
  }
  *tracker = t;
  return 0;
}


void uvllm_tracker_free(uvllm_tracker_t* tracker) {
  if (tracker == NULL)
    return;
  const uvllm_alloc_t a = tracker->alloc;
  for (size_t i = 0; i < tracker->nrows; i++)
    uvllm__free(&a, tracker->rows[i]);
  uvllm__free(&a, tracker->rows);
  uvllm__free(&a, tracker->table);
  uvllm__free(&a, tracker);
}


void uvllm_tracker_set_budget(uvllm_tracker_t* tracker, int64_t budget_pusd) {
  tracker->budget = budget_pusd > 0 ? budget_pusd : 0;
}


int64_t uvllm_tracker_budget(const uvllm_tracker_t* tracker) {
  return tracker->budget;
}


static int admit(const uvllm_tracker_t* tracker, int64_t worst_pusd) {
  if (tracker->budget == 0)
    return 0;
  const int64_t alone = add_pusd(tracker->all.usage.cost_pusd, worst_pusd);
  if (alone > tracker->budget)
    return UVLLM_EBUDGET;
  return add_pusd(alone, tracker->all.held_pusd) > tracker->budget ? UVLLM__EAGAIN : 0;
}


int uvllm_tracker_hold(uvllm_tracker_t* tracker, const uvllm_account_t* account, int64_t worst_pusd,
                       uvllm_hold_t* hold) {
  uint32_t number;
  memset(hold, 0, sizeof(*hold));
  if (worst_pusd < 0)
    return UVLLM__EINVAL;
  int err = admit(tracker, worst_pusd);
  if (err == 0)
    err = row_for(tracker, account, &number);
  if (err != 0)
    return err;
  uvllm_totals_t* row = &tracker->rows[number - 1]->totals;
  /* Without a budget the sum of holds could pass INT64_MAX: what is not added
   * must not be taken away later. */
  if (worst_pusd > INT64_MAX - tracker->all.held_pusd)
    worst_pusd = INT64_MAX - tracker->all.held_pusd;
  row->held++;
  row->held_pusd += worst_pusd;
  tracker->all.held++;
  tracker->all.held_pusd += worst_pusd;
  hold->pusd = worst_pusd;
  hold->row = number;
  return 0;
}


static void add_settled(uvllm_totals_t* totals, const uvllm_usage_t* usage, int overrun) {
  uvllm_usage_add(&totals->usage, usage);
  totals->settled++;
  totals->unpriced += (usage->flags & UVLLM_USAGE_UNPRICED) != 0;
  totals->overruns += overrun != 0;
}


int uvllm_tracker_settle(uvllm_tracker_t* tracker, uvllm_hold_t* hold, const uvllm_usage_t* usage) {
  assert(hold->row != 0 && hold->row <= tracker->nrows);
  uvllm_usage_t u = *usage;
  if (u.flags & UVLLM_USAGE_UNPRICED)
    u.cost_pusd = 0;
  const int overrun = tracker->budget != 0 && u.cost_pusd > hold->pusd;
  add_settled(&tracker->rows[hold->row - 1]->totals, &u, overrun);
  add_settled(&tracker->all, &u, overrun);
  uvllm_tracker_release(tracker, hold);
  return overrun;
}


void uvllm_tracker_release(uvllm_tracker_t* tracker, uvllm_hold_t* hold) {
  if (hold->row == 0)
    return;
  assert(hold->row <= tracker->nrows);
  uvllm_totals_t* row = &tracker->rows[hold->row - 1]->totals;
  assert(row->held != 0 && row->held_pusd >= hold->pusd);
  row->held--;
  row->held_pusd -= hold->pusd;
  tracker->all.held--;
  tracker->all.held_pusd -= hold->pusd;
  memset(hold, 0, sizeof(*hold));
}


/* ---- Reports ---------------------------------------------------------------------- */

static int matches(const row_t* row, const char* const filter[NFIELDS]) {
  for (int i = 0; i < NFIELDS; i++) {
    if (filter[i] != NULL && strcmp(filter[i], row->field[i]) != 0)
      return 0;
  }
  return 1;
}


void uvllm__tracker_sum(const uvllm_tracker_t* tracker, const uvllm_account_t* filter,
                        uvllm_totals_t* totals, size_t size) {
  const char* field[NFIELDS] = { NULL };
  if (filter != NULL)
    fields_of(filter, field);
  if (field[0] == NULL && field[1] == NULL && field[2] == NULL && field[3] == NULL) {
    copy_totals(totals, size, &tracker->all);
    return;
  }
  uvllm_totals_t sum;
  memset(&sum, 0, sizeof(sum));
  for (size_t i = 0; i < tracker->nrows; i++) {
    if (matches(tracker->rows[i], field))
      add_totals(&sum, &tracker->rows[i]->totals);
  }
  copy_totals(totals, size, &sum);
}


int uvllm__tracker_next(const uvllm_tracker_t* tracker, size_t* it, uvllm_account_t* account,
                        uvllm_totals_t* totals, size_t size) {
  while (*it < tracker->nrows) {
    const row_t* row = tracker->rows[(*it)++];
    if (row->totals.settled == 0 && row->totals.held == 0)
      continue;
    account->provider = row->field[0];
    account->model = row->field[1];
    account->key = row->field[2];
    account->tag = row->field[3];
    copy_totals(totals, size, &row->totals);
    return 1;
  }
  return 0;
}
