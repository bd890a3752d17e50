/* The curl engine: an exchange's way through a pooled easy handle on one of the
 * sharded multi handles.
 *
 * Invariant: nothing here removes a handle from inside curl. start(), cancel(),
 * resume() and drain() are called from a clean stack; an exchange that ended is
 * told by drain(), after its handle was given back.
 */
#include "http_curl.h"

#include <stdio.h>


/* curl_global_init() is counted by curl and never undone: the process is
 * somebody else's. */
static int init_curl(void) {
  static int ready; /* curl 7.84 made the call itself safe from several threads */
  if (__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
    return 0;
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    return UV_ENOMEM;
  __atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
  return 0;
}


static int create(uvllm__transport_t* transport, uvllm__engine_t** engine) {
  const uvllm_alloc_t* a = transport->host.alloc;
  if (init_curl() != 0)
    return UV_ENOMEM;
  uvllm__curl_t* t = uvllm__calloc(a, 1, sizeof(*t));
  if (t == NULL)
    return UV_ENOMEM;
  t->share = curl_share_init();
  if (t->share == NULL) {
    uvllm__free(a, t);
    return UV_ENOMEM;
  }
  curl_share_setopt(t->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  t->base.ops = &uvllm__curl_engine;
  t->base.transport = transport;
  t->alloc = a;
  *engine = &t->base;
  return 0;
}


static void close_all(uvllm__engine_t* engine) {
  uvllm__curl_t* t = (uvllm__curl_t*) engine;
  uvllm__easy_free_all(t);
  uvllm__shards_close(t);
}


static void destroy(uvllm__engine_t* engine) {
  uvllm__curl_t* t = (uvllm__curl_t*) engine;
  for (unsigned int i = 0; i < t->nshards; i++)
    uvllm__free(t->alloc, t->shards[i]);
  while (t->free_socks != NULL) {
    uvllm__sock_t* k = t->free_socks;
    t->free_socks = k->next;
    uvllm__free(t->alloc, k);
  }
  curl_share_cleanup(t->share);
  uvllm__free(t->alloc, t->socks);
  uvllm__free(t->alloc, t);
}


/* curl begins from a timer, so `sent` comes later. */
static int start(uvllm__engine_t* engine, uvllm__exchange_t* x, uvllm__dns_name_t* name,
                 uint64_t now) {
  uvllm__curl_t* t = (uvllm__curl_t*) engine;
  (void) now;
  uvllm__easy_t* e = uvllm__easy_get(t);
  if (e == NULL)
    return UV_ENOMEM;
  e->shard = uvllm__shard_get(t);
  if (e->shard == NULL) {
    uvllm__easy_put(t, e);
    return UV_ENOMEM;
  }
  uvllm__shard_t* s = e->shard;
  int err = uvllm__easy_setup(e, x, name);
  if (err == 0 && curl_multi_add_handle(s->multi, e->curl) != CURLM_OK)
    err = UV_ENOMEM;
  if (err != 0) {
    uvllm__shard_release(s);
    uvllm__easy_put(t, e);
    return err;
  }
  uvllm__shard_link(s, e);
  x->handle = e;
  return 0;
}


static void give_back(uvllm__exchange_t* x) {
  uvllm__easy_t* e = x->handle;
  uvllm__shard_t* s = e->shard;
  x->handle = NULL;
  uvllm__shard_unlink(s, e);
  curl_multi_remove_handle(s->multi, e->curl);
  uvllm__shard_release(s);
  uvllm__easy_put((uvllm__curl_t*) x->engine, e);
}


static void cancel(uvllm__exchange_t* x) {
  give_back(x);
}


/* curl is told in the next write callback: until then its bytes are few, and it
 * need not be entered from inside another transfer's callback. */
static void pause_later(uvllm__exchange_t* x) {
  (void) x;
}


static void end_exchange(uvllm__easy_t* e, CURLcode code) {
  uvllm__exchange_t* x = e->x;
  char message[CURL_ERROR_SIZE];
  int err = uvllm__easy_error(e, code);
  message[0] = '\0';
  if (err != 0)
    snprintf(message, sizeof(message), "%s", uvllm__easy_words(e));
  if (code == CURLE_COULDNT_CONNECT && e->x->origin->needs_dns)
    uvllm__dns_distrust(x->transport->dns, x->origin);
  give_back(x);
  x->cbs->end(x, err, message);
}


/* What body() refuses in here curl would not count as the transfer's end. */
static void go_on(uvllm__exchange_t* x) {
  if (!x->is_paused)
    return;
  x->is_paused = 0;
  uvllm__easy_t* e = x->handle;
  uvllm__transport_begin_read(x->transport);
  CURLcode code = curl_easy_pause(e->curl, CURLPAUSE_CONT);
  if (code != CURLE_OK || x->err != 0)
    end_exchange(e, code);
}


static void drain_shard(uvllm__shard_t* s) {
  CURLMsg* msg;
  int left;
  s->dirty = 0;
  while (s->multi != NULL && (msg = curl_multi_info_read(s->multi, &left)) != NULL) {
    uvllm__easy_t* e = NULL;
    CURLcode code = msg->data.result;
    curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &e);
    end_exchange(e, code);
  }
  if (s->broken != CURLM_OK)
    uvllm__shard_rebuild(s, give_back);
}


/* curl 7.88 sets no timer before the last address of a family: when the one
 * before it is refused, the transfer waits for ever. To pause and go on is how a
 * transfer is made to run. */
static void nudge(uvllm__easy_t* e) {
  curl_easy_pause(e->curl, CURLPAUSE_SEND);
  curl_easy_pause(e->curl, CURLPAUSE_CONT);
}


static void take_marked(uvllm__curl_t* t, uvllm__easy_t* e) {
  if (e->mark == UVLLM__DOOM) {
    if (e->x->err == 0)
      e->x->err = UV_ENOMEM;
    end_exchange(e, CURLE_OUT_OF_MEMORY);
    return;
  }
  uvllm__easy_unmark(t, e);
  if (!e->x->is_paused)
    nudge(e);
}


static void drain(uvllm__engine_t* engine) {
  uvllm__curl_t* t = (uvllm__curl_t*) engine;
  for (unsigned int i = 0; i < t->nshards; i++)
    if (t->shards[i]->dirty)
      drain_shard(t->shards[i]);
  while (t->marked != NULL)
    take_marked(t, t->marked);
}


const uvllm__engine_ops_t uvllm__curl_engine = {
  .create = create,
  .start = start,
  .cancel = cancel,
  .pause = pause_later,
  .resume = go_on,
  .drain = drain,
  .close = close_all,
  .destroy = destroy,
};
