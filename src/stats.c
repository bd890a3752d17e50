/* Counters by provider and tag. Rows are few and stay: their number is bounded,
 * and beyond the bound a tag is counted as "(other)".
 */
#include "hash.h"
#include "internal.h"

enum { MAX_ROWS = 10000 };


static unsigned int slot_of(const char* provider, const char* tag) {
  const uint64_t h = uvllm__hash_add(UVLLM__HASH_INIT, provider, strlen(provider));
  return uvllm__hash_end(uvllm__hash_add(h, tag, strlen(tag))) & 255;
}


static uvllm__row_t* find_row(uvllm_client_t* c, const char* provider, const char* tag) {
  uvllm__row_t* row = c->rows[slot_of(provider, tag)];
  while (row != NULL && (strcmp(row->provider, provider) != 0 || strcmp(row->tag, tag) != 0))
    row = row->next;
  return row;
}


uvllm__row_t* uvllm__row_get(uvllm_client_t* c, const char* provider, const char* tag) {
  if (tag == NULL)
    tag = "";
  uvllm__row_t* row = find_row(c, provider, tag);
  if (row == NULL && c->nrows >= MAX_ROWS)
    row = find_row(c, provider, tag = "(other)");
  if (row != NULL)
    return row;
  row = uvllm__calloc(&c->alloc, 1, sizeof(*row));
  if (row == NULL)
    return NULL;
  row->provider = uvllm__strdup(&c->alloc, provider);
  row->tag = uvllm__strdup(&c->alloc, tag);
  if (row->provider == NULL || row->tag == NULL) {
    uvllm__free(&c->alloc, row->provider);
    uvllm__free(&c->alloc, row->tag);
    uvllm__free(&c->alloc, row);
    return NULL;
  }
  unsigned int slot = slot_of(provider, tag);
  row->next = c->rows[slot];
  c->rows[slot] = row;
  c->nrows++;
  return row;
}


void uvllm__rows_free(uvllm_client_t* c) {
  for (int i = 0; i < 256; i++)
    while (c->rows[i] != NULL) {
      uvllm__row_t* row = c->rows[i];
      c->rows[i] = row->next;
      uvllm__free(&c->alloc, row->provider);
      uvllm__free(&c->alloc, row->tag);
      uvllm__free(&c->alloc, row);
    }
}


static void add_row(uvllm_stats_t* s, const uvllm__row_t* row) {
  s->queued += row->queued;
  s->inflight += row->inflight;
  s->waiting_retry += row->waiting_retry;
  s->completed += row->completed;
  s->failed += row->failed;
  s->cancelled += row->cancelled;
  s->attempts += row->attempts;
  s->retries += row->retries;
  s->unpriced += row->unpriced;
  s->answers_429 += row->answers_429;
}


/* What a lane waits for, all in it wait for. */
static void add_lane(const uvllm__lane_t* lane, uvllm_stats_t* s) {
  const uint32_t n = (uint32_t) uvllm_fair_size(lane->fair);
  switch (lane->waits) {
    case UVLLM__WAITS_FOR_LIMIT: s->waiting_limit += n; break;
    case UVLLM__WAITS_FOR_BUDGET: s->waiting_budget += n; break;
    case UVLLM__WAITS_FOR_PROVIDER: s->waiting_provider += n; break;
    default: break;
  }
}


static void add_waits(const uvllm_client_t* c, const char* provider, uvllm_stats_t* s) {
  for (const uvllm__provider_t* p = c->providers; p != NULL; p = p->next) {
    if (provider != NULL && strcmp(provider, p->name) != 0)
      continue;
    for (const uvllm__lane_t* lane = p->lanes; lane != NULL; lane = lane->next)
      add_lane(lane, s);
  }
}


int uvllm__stats(const uvllm_client_t* c, const char* provider, const char* tag,
                 uvllm_stats_t* stats, size_t size) {
  uvllm_stats_t s;
  uvllm_totals_t totals;
  uvllm_account_t account = { provider, NULL, NULL, tag };
  memset(&s, 0, sizeof(s));
  for (int i = 0; i < 256; i++)
    for (const uvllm__row_t* row = c->rows[i]; row != NULL; row = row->next)
      if ((provider == NULL || strcmp(provider, row->provider) == 0) &&
          (tag == NULL || strcmp(tag, row->tag) == 0))
        add_row(&s, row);
  add_waits(c, provider, &s);
  uvllm_tracker_sum(c->tracker, &account, &totals);
  s.usage = totals.usage;
  s.held_pusd = totals.held_pusd;
  memset(stats, 0, size);
  memcpy(stats, &s, size < sizeof(s) ? size : sizeof(s));
  return 0;
}
