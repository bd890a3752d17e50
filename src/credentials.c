/* The keys of a provider, each with limits of its own: which one a request goes
 * with, and which are out of use.
 *
 * Invariants: a provider always has one credential at least; without a key it is the
 * only one, and never out of use. Limits that were drawn on stay drawn on when a key is
 * replaced. An attempt keeps the secrets that it began with.
 */
#include "internal.h"

#define SPENT_FIRST_NS (60 * 1000 * UVLLM__MS) /* a spent quota is tried again after */
#define SPENT_MOST_NS (60 * SPENT_FIRST_NS)


/* ---- Secrets ----------------------------------------------------------------------------- */

void uvllm__key_init(uvllm_key_t* k, size_t size) {
  memset(k, 0, size);
  k->size = size;
}


void uvllm__label_unref(uvllm_client_t* c, uvllm__label_t* label) {
  if (label != NULL && --label->refs == 0)
    uvllm__free(&c->alloc, label);
}


static uvllm__label_t* make_label(uvllm_client_t* c, const char* text) {
  const size_t size = strlen(text) + 1;
  uvllm__label_t* label = uvllm__malloc(&c->alloc, sizeof(*label) + size);
  if (label == NULL)
    return NULL;
  label->refs = 1;
  memcpy(label->text, text, size);
  return label;
}


uvllm__keyring_t* uvllm__keyring_ref(uvllm__keyring_t* key) {
  if (key != NULL)
    key->refs++;
  return key;
}


void uvllm__keyring_unref(uvllm_client_t* c, uvllm__keyring_t* key) {
  if (key == NULL || --key->refs > 0)
    return;
  uvllm__label_unref(c, key->label);
  uvllm__free_secret(&c->alloc, key->key);
  uvllm__free_secret(&c->alloc, key->secret);
  uvllm__free_secret(&c->alloc, key->session);
  uvllm__free(&c->alloc, key);
}


static uvllm__keyring_t* make_ring(uvllm_client_t* c, const uvllm_key_t* k, const char* label) {
  uvllm__keyring_t* ring = uvllm__calloc(&c->alloc, 1, sizeof(*ring));
  if (ring == NULL)
    return NULL;
  ring->refs = 1;
  ring->label = make_label(c, label);
  ring->key = uvllm__strdup(&c->alloc, k->key);
  ring->secret = uvllm__strdup(&c->alloc, k->secret);
  ring->session = uvllm__strdup(&c->alloc, k->session);
  if (ring->label != NULL && ring->key != NULL && (k->secret == NULL || ring->secret != NULL) &&
      (k->session == NULL || ring->session != NULL))
    return ring;
  uvllm__keyring_unref(c, ring);
  return NULL;
}


/* ---- Credentials --------------------------------------------------------------------------- */

static uvllm__credential_t* make_credential(uvllm_client_t* c, const uvllm_limits_t* limits) {
  uvllm__credential_t* cred = uvllm__calloc(&c->alloc, 1, sizeof(*cred));
  if (cred == NULL)
    return NULL;
  cred->refs = 1;
  if (uvllm_limiter_new(&cred->limiter, limits, &c->alloc) == 0)
    return cred;
  uvllm__free(&c->alloc, cred);
  return NULL;
}


static void forget_refusals(uvllm_client_t* c, uvllm__credential_t* cred) {
  for (unsigned int i = 0; i < cred->nrefused; i++)
    uvllm__free(&c->alloc, cred->refused[i]);
  cred->nrefused = 0;
}


void uvllm__credential_unref(uvllm_client_t* c, uvllm__credential_t* cred) {
  if (cred == NULL || --cred->refs > 0)
    return;
  forget_refusals(c, cred);
  uvllm__circuits_free(c, cred);
  uvllm__keyring_unref(c, cred->ring);
  uvllm_limiter_free(cred->limiter);
  uvllm__free(&c->alloc, cred);
}


int uvllm__credentials_init(uvllm_client_t* c, uvllm__provider_t* p, const uvllm_limits_t* limits) {
  p->limits = *limits;
  p->credentials = make_credential(c, limits);
  return p->credentials != NULL ? 0 : UV_ENOMEM;
}


void uvllm__credentials_free(uvllm_client_t* c, uvllm__provider_t* p) {
  while (p->credentials != NULL) {
    uvllm__credential_t* cred = p->credentials;
    p->credentials = cred->next;
    uvllm__credential_unref(c, cred);
  }
}


int uvllm__credentials_limit(uvllm_client_t* c, uvllm__provider_t* p,
                             const uvllm_limits_t* limits) {
  int err = 0;
  for (uvllm__credential_t* cred = p->credentials; cred != NULL && err == 0; cred = cred->next)
    if (!cred->has_limits)
      err = uvllm_limiter_set(cred->limiter, c->now_ns, limits);
  if (err == 0)
    p->limits = *limits;
  return err;
}


int uvllm__has_key(const uvllm__provider_t* p) {
  return p->credentials->ring != NULL;
}


unsigned int uvllm__credentials_count(const uvllm__provider_t* p) {
  unsigned int n = 0;
  for (const uvllm__credential_t* cred = p->credentials; cred != NULL; cred = cred->next)
    n++;
  return n;
}


/* ---- Setting and removing -------------------------------------------------------------------- */

static uvllm__credential_t** find(uvllm__provider_t* p, const char* label) {
  uvllm__credential_t** slot = &p->credentials;
  while (*slot != NULL && ((*slot)->ring == NULL || strcmp((*slot)->ring->label->text, label) != 0))
    slot = &(*slot)->next;
  return slot;
}


static void use_ring(uvllm_client_t* c, uvllm__credential_t* cred, uvllm__keyring_t* ring) {
  uvllm__keyring_unref(c, cred->ring);
  cred->ring = ring;
  cred->out = 0;
  cred->spent_ns = 0;
  forget_refusals(c, cred);
}


static int has_limits(const uvllm_limits_t* l) {
  return l->requests_per_min != 0 || l->requests_per_day != 0 || l->max_inflight != 0 ||
         l->tokens_per_min != 0 || l->input_tokens_per_min != 0 ||
         l->output_tokens_per_min != 0 || l->tokens_per_day != 0;
}


/* Its place: that of its label, or of not having a key, or a new one at the end. */
static int place_for(uvllm_client_t* c, uvllm__provider_t* p, const char* label,
                     const uvllm_limits_t* limits, uvllm__credential_t** out) {
  uvllm__credential_t** slot = find(p, label);
  if (*slot == NULL && !uvllm__has_key(p))
    slot = &p->credentials;
  if ((*out = *slot) != NULL)
    return uvllm_limiter_set((*out)->limiter, c->now_ns, limits);
  if (uvllm__credentials_count(p) >= UVLLM__MAX_KEYS)
    return UV_E2BIG;
  *out = *slot = make_credential(c, limits);
  return *out != NULL ? 0 : UV_ENOMEM;
}


int uvllm_key_set(uvllm_client_t* c, const char* provider, const uvllm_key_t* key) {
  uvllm_key_t k;
  uvllm_key_init(&k);
  memcpy(&k, key, key->size < sizeof(k) ? key->size : sizeof(k));
  uvllm__provider_t* p = uvllm__provider_find(c, provider);
  if (p == NULL)
    return UVLLM_ENOPROVIDER;
  if (k.key == NULL || *k.key == '\0' || !uvllm__is_clean(k.key) || !uvllm__is_clean(k.secret) ||
      !uvllm__is_clean(k.session))
    return UV_EINVAL;
  const char* label = k.label != NULL ? k.label : "default";
  const int own = has_limits(&k.limits);
  uvllm__credential_t* cred;
  uvllm__keyring_t* ring = make_ring(c, &k, label);
  if (ring == NULL)
    return UV_ENOMEM;
  c->now_ns = uv_hrtime();
  const int err = place_for(c, p, label, own ? &k.limits : &p->limits, &cred);
  if (err != 0) {
    uvllm__keyring_unref(c, ring);
    return err;
  }
  cred->has_limits = own;
  use_ring(c, cred, ring);
  uvllm__lanes_may_go(c);
  return 0;
}


/* The last one leaves its limits behind, for requests without a key. */
static void remove_at(uvllm_client_t* c, uvllm__provider_t* p, uvllm__credential_t** slot) {
  uvllm__credential_t* cred = *slot;
  if (cred == p->credentials && cred->next == NULL) {
    use_ring(c, cred, NULL);
    return;
  }
  *slot = cred->next;
  cred->next = NULL;
  uvllm__credential_unref(c, cred);
}


void uvllm__keys_remove(uvllm_client_t* c, uvllm__provider_t* p) {
  while (uvllm__has_key(p))
    remove_at(c, p, &p->credentials);
}


int uvllm_key_remove(uvllm_client_t* c, const char* provider, const char* label) {
  uvllm__provider_t* p = uvllm__provider_find(c, provider);
  if (p == NULL)
    return UVLLM_ENOPROVIDER;
  if (label == NULL) {
    uvllm__keys_remove(c, p);
    return 0;
  }
  uvllm__credential_t** slot = find(p, label);
  if (*slot == NULL)
    return UV_ENOENT;
  remove_at(c, p, slot);
  uvllm__lanes_may_go(c);
  return 0;
}


/* ---- Out of use --------------------------------------------------------------------------------- */

static int is_refused(const uvllm__credential_t* cred, const char* model) {
  for (unsigned int i = 0; i < cred->nrefused; i++)
    if (strcmp(cred->refused[i], model) == 0)
      return 1;
  return 0;
}


/* 0, or the error that a request with it would end with. */
static int out_of_use(const uvllm__credential_t* cred, const char* model, uint64_t now) {
  if (cred->out != 0 && now < cred->out_until_ns)
    return cred->out;
  return model != NULL && is_refused(cred, model) ? UVLLM_EPERMISSION : 0;
}


/* The oldest is tried again where there are many. */
static void refuse_model(uvllm_client_t* c, uvllm__credential_t* cred, const char* model) {
  char* copy = uvllm__strdup(&c->alloc, model);
  if (copy == NULL)
    return;
  if (cred->nrefused == UVLLM__MAX_REFUSED) {
    uvllm__free(&c->alloc, cred->refused[0]);
    memmove(cred->refused, cred->refused + 1, (UVLLM__MAX_REFUSED - 1) * sizeof(char*));
    cred->nrefused--;
  }
  cred->refused[cred->nrefused++] = copy;
}


/* Nobody says when a quota is there again: it is tried, ever more seldom. */
static void quota_is_spent(uvllm__credential_t* cred, uint64_t now) {
  cred->spent_ns = cred->spent_ns == 0 ? SPENT_FIRST_NS : 2 * cred->spent_ns;
  if (cred->spent_ns > SPENT_MOST_NS)
    cred->spent_ns = SPENT_MOST_NS;
  cred->out = UVLLM_EQUOTA;
  cred->out_until_ns = now + cred->spent_ns;
}


static void take_out(uvllm_req_t* req, int status, uint64_t now) {
  uvllm_client_t* c = req->client;
  uvllm__credential_t* cred = req->credential;
  const uvllm__attempt_t* att = req->attempt;
  const char* model = req->request->target.model;
  const char* words = "is refused, and not used any more";
  if (status == UVLLM_EAUTH) {
    cred->out = UVLLM_EAUTH;
    cred->out_until_ns = UVLLM__NEVER;
  } else if (status == UVLLM_EQUOTA) {
    quota_is_spent(cred, now);
    if (att->has_retry_after && att->retry_after_ns > cred->spent_ns &&
        att->retry_after_ns < UVLLM__NEVER - now)
      cred->out_until_ns = now + att->retry_after_ns;
    words = "has spent its quota, and is left alone for a while";
  } else if (status == UVLLM_EPERMISSION && model != NULL &&
             uvllm__credential_is_left(req, now, 0)) {
    /* else it may be this one prompt that is not allowed: nobody could tell */
    refuse_model(c, cred, model);
    words = "may not use the model, and is not used for it any more";
  } else {
    return;
  }
  uvllm__log(c, UVLLM_LOG_WARN, "provider %s: key %s %s (http %d)", req->provider->name,
             cred->ring->label->text, words, att->http_status);
}


/* A 429 is one of being too many at once only where no limit is known that it could be
 * of. That it came too late is the server's for sure where nothing else is. */
static int is_too_many(const uvllm__credential_t* cred, int status) {
  switch (status) {
    case UVLLM_ERATELIMIT: return !uvllm_limiter_is_limited(cred->limiter);
    case UVLLM_EOVERLOAD:
    case UVLLM_ETIMEFIRST: return 1;
    default: return 0;
  }
}


static void adapt(uvllm_req_t* req, int status, uint64_t now) {
  uvllm__credential_t* cred = req->credential;
  const uint32_t inflight = cred->inflight + 1; /* with this one, which is settled */
  if (status == 0)
    uvllm__adapt_succeed(&cred->adapt, inflight);
  else if (is_too_many(cred, status) &&
           uvllm__adapt_complain(&cred->adapt, now, req->debit.taken_ns, inflight))
    uvllm__log(req->client, UVLLM_LOG_INFO, "provider %s: at most %u in flight, after %s",
               req->provider->name, uvllm__adapt_max(&cred->adapt), uvllm_err_name(status));
}


/* Said once: of those that were in flight with it only the first finds it in use. */
void uvllm__credential_outcome(uvllm_req_t* req, int status, uint64_t now) {
  uvllm__credential_t* cred = req->credential;
  if (cred != NULL)
    adapt(req, status, now);
  if (cred == NULL || cred->ring == NULL || cred->ring != req->attempt->key)
    return; /* without a key, or it was replaced meanwhile */
  if (status == 0 && cred->spent_ns != 0) {
    cred->spent_ns = 0;
    cred->out = 0;
  }
  if (out_of_use(cred, req->request->target.model, now) == 0)
    take_out(req, status, now);
}


/* ---- Choosing ---------------------------------------------------------------------------------------- */

/* One that has just failed this request comes last; then the most of its limits left
 * counts, and then the fewest in flight. */
static int goes_before(const uvllm_req_t* req, const uvllm__candidate_t* a,
                       const uvllm__candidate_t* b) {
  const int avoid = (uvllm_err_scope(req->last_error) & UVLLM_RETRY_KEY) != 0;
  if (avoid && (a->credential == req->credential) != (b->credential == req->credential))
    return b->credential == req->credential;
  if (a->headroom != b->headroom)
    return a->headroom > b->headroom;
  return a->credential->inflight < b->credential->inflight;
}


static void insert(const uvllm_req_t* req, const uvllm__candidate_t* it,
                   uvllm__candidate_t list[UVLLM__MAX_KEYS], unsigned int* n) {
  unsigned int i = (*n)++;
  for (; i > 0 && goes_before(req, it, &list[i - 1]); i--)
    list[i] = list[i - 1];
  list[i] = *it;
}


int uvllm__credentials_for(const uvllm_req_t* req, uint64_t now,
                           uvllm__candidate_t list[UVLLM__MAX_KEYS], unsigned int* n,
                           uint64_t* when_ns) {
  int err = 0;
  *n = 0;
  *when_ns = UVLLM__NEVER;
  for (uvllm__credential_t* cred = req->provider->credentials; cred != NULL; cred = cred->next) {
    const int out = out_of_use(cred, req->request->target.model, now);
    const uint64_t when = uvllm__circuit_when(cred, uvllm__req_model(req), now);
    if (out != 0) {
      err = err != UV_EAGAIN ? out : err;
    } else if (when != 0) {
      err = UV_EAGAIN;
      *when_ns = when < *when_ns ? when : *when_ns;
    } else {
      const uvllm__candidate_t it = { cred, uvllm_limiter_headroom(cred->limiter, now) };
      insert(req, &it, list, n);
    }
  }
  return *n != 0 ? 0 : err;
}


int uvllm__credential_is_left(const uvllm_req_t* req, uint64_t now, int at_once) {
  const char* model = req->request->target.model;
  for (uvllm__credential_t* cred = req->provider->credentials; cred != NULL; cred = cred->next)
    if (cred != req->credential && out_of_use(cred, model, now) == 0 &&
        (!at_once || uvllm_limiter_headroom(cred->limiter, now) > 0))
      return 1;
  return 0;
}


/* ---- Drawing on its limits -------------------------------------------------------------------------- */

int uvllm__credential_take(uvllm_req_t* req, uvllm__credential_t* cred, uint64_t now,
                           uint64_t* when_ns) {
  if (cred->inflight >= uvllm__adapt_max(&cred->adapt)) {
    *when_ns = UVLLM__NEVER;
    return UV_EAGAIN;
  }
  const int err = uvllm_limiter_take(cred->limiter, now, &req->debit, when_ns);
  if (err != 0)
    return err;
  cred->refs++;
  cred->inflight++;
  uvllm__credential_unref(req->client, req->credential);
  req->credential = cred;
  uvllm__circuit_begin(req);
  return 0;
}


void uvllm__credential_settle(uvllm_req_t* req, int status, uint64_t now,
                              const uvllm_cost_t* actual) {
  uvllm__credential_t* cred = req->credential;
  cred->inflight--;
  uvllm__circuit_end(req, status, now);
  if (actual == NULL)
    uvllm_limiter_undo(cred->limiter, now, &req->debit);
  else
    uvllm_limiter_settle(cred->limiter, now, &req->debit, actual);
}
