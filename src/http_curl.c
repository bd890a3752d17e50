/* The curl transport: an exchange's way through a pooled easy handle on one of
 * the sharded multi handles.
 *
 * Invariant: nothing here removes a handle from inside curl. start(), cancel(),
 * resume() and drain() are called from a clean stack; an exchange that ended is
 * told by drain(), after its handle was given back.
 */
#include "http_curl.h"

#include <stdio.h>


enum { STARTS_PER_TURN = 64 }; /* of those that waited for a name together */


/* curl_global_init() is counted by curl and never undone: the process is
 * somebody else's. */
int uvllm__transport_new(uvllm__transport_t** out, const uvllm__transport_host_t* host) {
  static int ready; /* curl 7.84 made the call itself safe from several threads */
  if (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE)) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
      return UV_ENOMEM;
    __atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
  }
  uvllm__transport_t* t = uvllm__calloc(host->alloc, 1, sizeof(*t));
  if (t == NULL)
    return UV_ENOMEM;
  t->host = *host;
  t->share = curl_share_init();
  if (t->share == NULL) {
    uvllm__free(host->alloc, t);
    return UV_ENOMEM;
  }
  curl_share_setopt(t->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  int err = uvllm__dns_new(&t->dns, host->loop, host->alloc, host->schedule, host->ctx);
  if (err != 0) {
    curl_share_cleanup(t->share);
    uvllm__free(host->alloc, t);
    return err;
  }
  *out = t;
  return 0;
}


static void free_transport(uvllm__transport_t* t) {
  const uvllm_alloc_t* a = t->host.alloc;
  void (*closed)(void*) = t->closed;
  void* ctx = t->closed_ctx;
  for (unsigned int i = 0; i < t->nshards; i++)
    uvllm__free(a, t->shards[i]);
  while (t->free_socks != NULL) {
    uvllm__sock_t* k = t->free_socks;
    t->free_socks = k->next;
    uvllm__free(a, k);
  }
  curl_share_cleanup(t->share);
  uvllm__free(a, t->socks);
  uvllm__free(a, t);
  closed(ctx);
}


void uvllm__transport_handle_closed(uvllm__transport_t* t) {
  if (--t->nclosing == 0 && t->closing)
    free_transport(t);
}


static void on_dns_closed(void* ctx) {
  uvllm__transport_handle_closed(ctx);
}


void uvllm__transport_close(uvllm__transport_t* t, void (*closed)(void* ctx), void* ctx) {
  t->closed = closed;
  t->closed_ctx = ctx;
  t->nclosing += 2; /* the resolver, and this call */
  t->closing = 1;
  uvllm__easy_free_all(t);
  uvllm__shards_close(t);
  uvllm__dns_close(t->dns, on_dns_closed, t);
  uvllm__transport_handle_closed(t);
}


static int begin(uvllm__exchange_t* x, uvllm__dns_name_t* name) {
  uvllm__transport_t* t = x->transport;
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
  x->handle = e;
  return 0;
}


int uvllm__exchange_start(uvllm__transport_t* t, uvllm__exchange_t* x) {
  uvllm__dns_name_t* name = NULL;
  x->transport = t;
  x->handle = NULL;
  x->name = NULL;
  x->err = 0;
  x->nheaders = 0;
  x->header_bytes = 0;
  x->in_body = x->want_pause = x->is_paused = 0;
  if (x->origin->needs_dns) {
    int err = uvllm__dns_lookup(t->dns, x->origin, x, &name);
    if (err == UV_EAGAIN)
      return 0;
    if (err != 0)
      return err;
  }
  return begin(x, name);
}


static void on_name(uvllm__exchange_t* x, uvllm__dns_name_t* name, int err) {
  char message[CURL_ERROR_SIZE];
  if (err == 0)
    err = begin(x, name);
  if (err == 0)
    return;
  snprintf(message, sizeof(message), "%s: %s", name->host, uv_strerror(err));
  x->cbs->end(x, err, message);
}


static void give_back(uvllm__exchange_t* x) {
  uvllm__easy_t* e = x->handle;
  uvllm__shard_t* s = e->shard;
  x->handle = NULL;
  curl_multi_remove_handle(s->multi, e->curl);
  uvllm__shard_release(s);
  uvllm__easy_put(x->transport, e);
}


void uvllm__exchange_cancel(uvllm__exchange_t* x) {
  uvllm__dns_forget_waiter(x);
  if (x->handle != NULL)
    give_back(x);
}


/* curl is told in the next write callback: until then its bytes are few, and it
 * need not be entered from inside another transfer's callback. */
void uvllm__exchange_pause(uvllm__exchange_t* x) {
  x->want_pause = 1;
}


static void end_exchange(uvllm__easy_t* e, CURLcode code) {
  uvllm__exchange_t* x = e->x;
  char message[CURL_ERROR_SIZE];
  int err = uvllm__easy_error(e, code);
  message[0] = '\0';
  if (err != 0)
    memcpy(message, e->error, sizeof(message));
  if (code == CURLE_COULDNT_CONNECT && e->x->origin->needs_dns)
    uvllm__dns_distrust(x->transport->dns, x->origin);
  give_back(x);
  x->cbs->end(x, err, message);
}


/* What body() refuses in here curl would not count as the transfer's end. */
void uvllm__exchange_resume(uvllm__exchange_t* x) {
  x->want_pause = 0;
  if (!x->is_paused || x->handle == NULL)
    return;
  x->is_paused = 0;
  uvllm__easy_t* e = x->handle;
  x->transport->host.begin_read(x->transport->host.ctx);
  CURLcode code = curl_easy_pause(e->curl, CURLPAUSE_CONT);
  if (code != CURLE_OK || x->err != 0)
    end_exchange(e, code);
}


static void drain_shard(uvllm__shard_t* s) {
  CURLMsg* msg;
  int left;
  s->dirty = 0;
  while ((msg = curl_multi_info_read(s->multi, &left)) != NULL) {
    uvllm__easy_t* e = NULL;
    CURLcode code = msg->data.result;
    curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &e);
    end_exchange(e, code);
  }
}


/* curl 7.88 sets no timer before the last address of a family: when the one
 * before it is refused, the transfer waits for ever. To pause and go on is how a
 * transfer is made to run. */
static void nudge(uvllm__easy_t* e) {
  curl_easy_pause(e->curl, CURLPAUSE_SEND);
  curl_easy_pause(e->curl, CURLPAUSE_CONT);
}


static void take_marked(uvllm__transport_t* t, uvllm__easy_t* e) {
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


void uvllm__transport_drain(uvllm__transport_t* t) {
  for (unsigned int i = 0; i < t->nshards; i++)
    if (t->shards[i]->dirty)
      drain_shard(t->shards[i]);
  while (t->marked != NULL)
    take_marked(t, t->marked);
  uvllm__dns_tell(t->dns, STARTS_PER_TURN, on_name);
}
