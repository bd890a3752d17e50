/* Shards: transfers are dealt over several multi handles, filling the first ones
 * first: curl walks all connections of a host for each new transfer, and few
 * transfers on few handles keep connections warm.
 *
 * A multi handle that curl itself no longer trusts is replaced by a new one.
 */
#include "http_curl.h"

#include <stdio.h>


static int set_up_multi(uvllm__shard_t* s) {
  int low = uvllm__lowest_free_fd(s->engine->base.transport->host.loop);
  s->multi = curl_multi_init();
  if (s->multi == NULL)
    return UV_ENOMEM;
  uvllm__multi_cloexec(s->multi, low);
  curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, uvllm__on_curl_socket);
  curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s);
  curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, uvllm__on_curl_timer);
  curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, s);
  curl_multi_setopt(s->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
  curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, 4L * SHARD_ROOM);
  return 0;
}


static void clean_up(uvllm__shard_t* s) {
  if (s->multi != NULL)
    curl_multi_cleanup(s->multi); /* its connections, too, by uvllm__close_socket() */
  s->multi = NULL;
}


static uvllm__shard_t* new_shard(uvllm__curl_t* t) {
  uvllm__shard_t* s = uvllm__calloc(t->alloc, 1, sizeof(*s));
  if (s == NULL)
    return NULL;
  s->engine = t;
  s->index = t->nshards;
  if (set_up_multi(s) != 0) {
    uvllm__free(t->alloc, s);
    return NULL;
  }
  uv_timer_init(t->base.transport->host.loop, &s->timer);
  uv_unref((uv_handle_t*) &s->timer);
  s->timer.data = s;
  t->shards[t->nshards++] = s;
  return s;
}


void uvllm__shard_link(uvllm__shard_t* s, uvllm__easy_t* e) {
  e->prev = NULL;
  e->next = s->transfers;
  if (e->next != NULL)
    e->next->prev = e;
  s->transfers = e;
}


void uvllm__shard_unlink(uvllm__shard_t* s, uvllm__easy_t* e) {
  *(e->prev != NULL ? &e->prev->next : &s->transfers) = e->next;
  if (e->next != NULL)
    e->next->prev = e->prev;
}


/* All its transfers are lost, and may be made again elsewhere: nobody knows how far
 * each has come. They are told once there is a new handle, since `end` may start
 * another. */
void uvllm__shard_rebuild(uvllm__shard_t* s, void (*give_back)(uvllm__exchange_t* x)) {
  char message[CURL_ERROR_SIZE];
  uvllm__exchange_t* lost = NULL;
  snprintf(message, sizeof(message), "libcurl has failed: %s", curl_multi_strerror(s->broken));
  while (s->transfers != NULL) {
    uvllm__exchange_t* x = s->transfers->x;
    s->transfers->spoilt = 1;
    give_back(x);
    x->next = lost;
    lost = x;
  }
  uv_timer_stop(&s->timer);
  clean_up(s);
  s->broken = CURLM_OK;
  set_up_multi(s); /* without memory for it: when the next transfer comes */
  while (lost != NULL) {
    uvllm__exchange_t* x = lost;
    lost = x->next;
    x->cbs->end(x, x->err != 0 ? x->err : UV_ECONNRESET, message);
  }
}


static uvllm__shard_t* emptiest_shard(uvllm__curl_t* t) {
  uvllm__shard_t* s = t->nshards > 0 ? t->shards[0] : NULL;
  for (unsigned int i = 1; i < t->nshards; i++)
    if (t->shards[i]->active < s->active)
      s = t->shards[i];
  return s;
}


/* The first with room; when all are full, one more; at last the emptiest. */
uvllm__shard_t* uvllm__shard_get(uvllm__curl_t* t) {
  uvllm__shard_t* s = NULL;
  unsigned int i = t->first_with_room;
  while (i < t->nshards && t->shards[i]->active >= SHARD_ROOM)
    i++;
  t->first_with_room = i;
  if (i < t->nshards)
    s = t->shards[i];
  else if (t->nshards < MAX_SHARDS)
    s = new_shard(t);
  if (s == NULL)
    s = emptiest_shard(t);
  if (s == NULL || (s->multi == NULL && set_up_multi(s) != 0))
    return NULL;
  s->active++;
  return s;
}


void uvllm__shard_release(uvllm__shard_t* s) {
  s->active--;
  if (s->active < SHARD_ROOM && s->index < s->engine->first_with_room)
    s->engine->first_with_room = s->index;
}


static void close_shard(uvllm__curl_t* t, unsigned int i);


static void on_timer_closed(uv_handle_t* handle) {
  uvllm__shard_t* s = handle->data;
  uvllm__curl_t* t = s->engine;
  close_shard(t, s->index + 1);
  uvllm__transport_handle_closed(t->base.transport);
}


/* curl closes its pooled connections here, through uvllm__close_socket(). They
 * may be thousands: one shard each turn of the loop. */
static void close_shard(uvllm__curl_t* t, unsigned int i) {
  if (i < t->nshards) {
    clean_up(t->shards[i]);
    uvllm__transport_closing(t->base.transport);
    uv_close((uv_handle_t*) &t->shards[i]->timer, on_timer_closed);
    return;
  }
  for (int fd = 0; fd < t->nsocks; fd++)
    uvllm__drop_sock(t, fd);
}


void uvllm__shards_close(uvllm__curl_t* t) {
  for (unsigned int i = 0; i < t->nshards; i++)
    uv_timer_stop(&t->shards[i]->timer);
  close_shard(t, 0);
}
