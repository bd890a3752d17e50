/* Estimates for the limiter: one entry a model, found by its hash among at most
 * 256. Means are exponential with weight 1/8, in fixed point: tokens a byte with
 * 32 bits after the point, output tokens with 16.
 */
#include "estimate.h"
#include "hash.h"

enum { MODELS_MAX = 256, WEIGHT = 8 };

#define ONE ((uint64_t) 1 << 32)
#define RATIO_FIRST (ONE / 4)
#define RATIO_LEAST (ONE / 16)
#define OUTPUT_FIRST ((uint64_t) 256 << 16)
#define TOKENS_MAX ((uint64_t) 1 << 40)

typedef struct model_s {
  char* name;
  uint64_t hash;
  uint64_t used;   /* the larger, the later */
  uint64_t ratio;  /* input tokens a prompt byte */
  uint64_t output; /* tokens */
} model_t;

struct uvllm__estimate_s {
  model_t* models;
  size_t nmodels, cap;
  size_t last; /* the one asked for last: most requests are for the same */
  uint64_t uses;
  uvllm_alloc_t alloc;
};


int uvllm__estimate_new(uvllm__estimate_t** estimate, const uvllm_alloc_t* alloc) {
  uvllm_alloc_t a = uvllm__alloc_or_default(alloc);
  uvllm__estimate_t* e = uvllm__calloc(&a, 1, sizeof(*e));
  if (e == NULL)
    return UVLLM__ENOMEM;
  e->alloc = a;
  *estimate = e;
  return 0;
}


void uvllm__estimate_free(uvllm__estimate_t* estimate) {
  if (estimate == NULL)
    return;
  uvllm_alloc_t alloc = estimate->alloc;
  for (size_t i = 0; i < estimate->nmodels; i++)
    uvllm__free(&alloc, estimate->models[i].name);
  uvllm__free(&alloc, estimate->models);
  uvllm__free(&alloc, estimate);
}


static uint64_t hash_of(const char* name) {
  return uvllm__hash_end(uvllm__hash_add(UVLLM__HASH_INIT, name, strlen(name)));
}


static size_t place_of(const uvllm__estimate_t* e, const char* name) {
  if (e->last < e->nmodels && strcmp(e->models[e->last].name, name) == 0)
    return e->last;
  const uint64_t hash = hash_of(name);
  size_t i = 0;
  while (i < e->nmodels && (e->models[i].hash != hash || strcmp(e->models[i].name, name) != 0))
    i++;
  return i;
}


static model_t* find(uvllm__estimate_t* e, const char* name) {
  const size_t i = place_of(e, name);
  if (i == e->nmodels)
    return NULL;
  e->last = i;
  e->models[i].used = ++e->uses;
  return &e->models[i];
}


static model_t* unused_for_longest(uvllm__estimate_t* e) {
  model_t* oldest = e->models;
  for (size_t i = 1; i < e->nmodels; i++)
    if (e->models[i].used < oldest->used)
      oldest = &e->models[i];
  return oldest;
}


/* A free place, or that of the model unused for longest; NULL: no memory. */
static model_t* place(uvllm__estimate_t* e) {
  if (e->nmodels == MODELS_MAX)
    return unused_for_longest(e);
  if (e->nmodels == e->cap) {
    size_t cap = e->cap != 0 ? e->cap * 2 : 4;
    model_t* models = uvllm__realloc(&e->alloc, e->models, cap * sizeof(*models));
    if (models == NULL)
      return NULL;
    e->models = models;
    e->cap = cap;
  }
  return &e->models[e->nmodels];
}


static model_t* add(uvllm__estimate_t* e, const char* name) {
  char* copy = uvllm__strdup(&e->alloc, name);
  model_t* model = copy != NULL ? place(e) : NULL;
  if (model == NULL) {
    uvllm__free(&e->alloc, copy);
    return NULL;
  }
  if (model == e->models + e->nmodels)
    e->nmodels++;
  else
    uvllm__free(&e->alloc, model->name);
  model->name = copy;
  model->hash = hash_of(name);
  model->used = ++e->uses;
  model->ratio = RATIO_FIRST;
  model->output = OUTPUT_FIRST;
  return model;
}


static uint64_t approach(uint64_t mean, uint64_t sample) {
  return sample > mean ? mean + (sample - mean) / WEIGHT : mean - (mean - sample) / WEIGHT;
}


uvllm_cost_t uvllm__estimate(uvllm__estimate_t* e, const char* model, uint64_t prompt_bytes,
                             uint64_t max_tokens) {
  const char* name = model != NULL ? model : "";
  const model_t* known = e != NULL ? find(e, name) : NULL;
  uint64_t ratio = known != NULL ? known->ratio : RATIO_FIRST;
  uint64_t mean = known != NULL ? known->output : OUTPUT_FIRST;
  uvllm_cost_t cost = { 0, 0, 0 };
  cost.input_tokens = (prompt_bytes >> 32) * ratio;
  cost.input_tokens += ((prompt_bytes & (ONE - 1)) * ratio + ONE - 1) >> 32;
  cost.output_tokens = max_tokens != 0 ? max_tokens : (mean + 65535) >> 16;
  return cost;
}


static uint64_t ratio_of(uint64_t tokens, uint64_t bytes) {
  for (; bytes >= ONE; bytes >>= 1) /* so that the shift below does not overflow */
    tokens >>= 1;
  if (tokens >= bytes)
    return ONE;
  uint64_t ratio = (tokens << 32) / bytes;
  return ratio > RATIO_LEAST ? ratio : RATIO_LEAST;
}


void uvllm__estimate_learn(uvllm__estimate_t* e, const char* model, uint64_t prompt_bytes,
                           uint64_t input_tokens, uint64_t output_tokens) {
  const char* name = model != NULL ? model : "";
  model_t* known = find(e, name);
  if (known == NULL)
    known = add(e, name);
  if (known == NULL)
    return;
  if (input_tokens != 0 && prompt_bytes != 0)
    known->ratio = approach(known->ratio, ratio_of(input_tokens, prompt_bytes));
  if (output_tokens > TOKENS_MAX)
    output_tokens = TOKENS_MAX;
  if (output_tokens != 0)
    known->output = approach(known->output, output_tokens << 16);
}
