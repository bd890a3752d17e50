/* The plain engine, and an exchange's life on it: taken up by a connection of the
 * pool or by a dial, written, read, ended; and once more, if a connection that was
 * kept turns out to be dead before a byte of the answer.
 *
 * Invariant: a connection is idle in its pool, in a dial, or carries one exchange.
 * Whoever ends an exchange lets go of it first: `end` may start another.
 */
#include "plain.h"


static uvllm__plain_conn_t* carrier_of(uvllm__exchange_t* x) {
  return x->handle;
}


/* ---- The timer ------------------------------------------------------------------ */

static void on_timer_closed(uv_handle_t* handle) {
  uvllm__plain_t* p = handle->data;
  uvllm__transport_handle_closed(p->base.transport);
}


static void on_timer(uv_timer_t* timer) {
  uvllm__plain_t* p = timer->data;
  uint64_t now = uv_hrtime();
  p->armed_ns = UINT64_MAX;
  uvllm__plain_dial_on_time(p, now);
  int left = uvllm__plain_pool_on_time(p, now);
  if (p->base.transport->closing && !left)
    uv_close((uv_handle_t*) timer, on_timer_closed);
}


void uvllm__plain_arm(uvllm__plain_t* p, uint64_t when_ns) {
  if (when_ns >= p->armed_ns)
    return;
  uint64_t now = uv_hrtime();
  p->armed_ns = when_ns;
  uv_update_time(p->base.transport->host.loop);
  uv_timer_start(&p->timer, on_timer, when_ns > now ? (when_ns - now) / 1000000 + 1 : 0, 0);
}


/* ---- An exchange's life ------------------------------------------------------------ */

int uvllm__plain_carry(uvllm__plain_conn_t* c, uvllm__exchange_t* x, uint64_t now) {
  c->x = x;
  c->written = 0;
  c->heard = c->broken = 0;
  c->unsent = 1;
  x->handle = c;
  x->phase = UVLLM__CARRIED;
  uvllm__plain_answer_begin(c);
  int err = uvllm__plain_conn_write(c);
  if (err != 0 && c->written == 0 && c->reused)
    return err;
  uvllm__plain_conn_watch(c);
  x->cbs->sent(x, now);
  return 0;
}


static void let_go(uvllm__plain_conn_t* c) {
  c->x->handle = NULL;
  c->x = NULL;
}


static int reuse(uvllm__engine_t* engine, uvllm__exchange_t* x, uint64_t now) {
  uvllm__plain_t* p = (uvllm__plain_t*) engine;
  uvllm__plain_pool_t* pool = uvllm__plain_pool_of(p, x->origin);
  uvllm__plain_conn_t* c;
  while (pool != NULL && (c = uvllm__plain_pool_take(pool, now)) != NULL) {
    if (uvllm__plain_carry(c, x, now) == 0)
      return 1;
    let_go(c); /* what comes next may wait for a name */
    uvllm__plain_conn_close(c);
  }
  return 0;
}


static int start(uvllm__engine_t* engine, uvllm__exchange_t* x, uvllm__dns_name_t* name,
                 uint64_t now) {
  return uvllm__plain_dial((uvllm__plain_t*) engine, x, name, now);
}


static void finish(uvllm__plain_conn_t* c) {
  uvllm__exchange_t* x = c->x;
  int keeps = !c->unsent && uvllm__plain_answer_keeps_alive(c);
  let_go(c);
  c->reused = 1;
  if (keeps) {
    uvllm__plain_conn_watch(c);
    uvllm__plain_pool_put(c, x->transport->read_ns);
  } else {
    uvllm__plain_conn_close(c);
  }
  x->cbs->end(x, 0, "");
}


static const char* words_for(const uvllm__plain_conn_t* c, int err) {
  if (!c->x->in_body && (err == UVLLM_EPROTO || err == UVLLM_ETOOLARGE))
    return uvllm__head_words(err);
  if (!c->x->in_body && err == UV_ECONNRESET)
    return "the connection ended before the answer";
  if (err == UVLLM_EPROTO && c->x->err == 0)
    return llhttp_get_error_reason(&c->parser);
  return err == UVLLM_ETRUNCATED ? "the connection ended within the answer" : uvllm_strerror(err);
}


static void fail(uvllm__plain_conn_t* c, int err) {
  uvllm__exchange_t* x = c->x;
  const char* words = words_for(c, err);
  let_go(c);
  uvllm__plain_conn_close(c);
  x->cbs->end(x, err, words);
}


/* The peer has let a connection die that was kept: nobody has seen the request, or
 * nobody who answers. */
static void start_again(uvllm__plain_conn_t* c) {
  uvllm__exchange_t* x = c->x;
  let_go(c);
  uvllm__plain_conn_close(c);
  int err = uvllm__exchange_start_anew(x, x->transport->read_ns);
  if (err != 0)
    x->cbs->end(x, err, "");
}


static void lose(uvllm__plain_conn_t* c, int err) {
  if (c->reused && !c->heard)
    start_again(c);
  else
    fail(c, err);
}


static void take_bytes(uvllm__plain_conn_t* c, const char* data, size_t len) {
  c->heard = 1;
  int rc = uvllm__plain_answer_feed(c, data, len);
  if (rc == 1)
    finish(c);
  else if (rc < 0)
    fail(c, rc);
}


static void take_end(uvllm__plain_conn_t* c) {
  int rc = uvllm__plain_answer_eof(c);
  if (rc == 1)
    finish(c);
  else
    lose(c, rc);
}


static void read_some(uvllm__plain_conn_t* c) {
  char* to = c->plain->read;
  ssize_t n;
  do
    n = recv(c->watch.fd, to, UVLLM__PLAIN_READ, 0);
  while (n < 0 && errno == EINTR);
  if (n > 0)
    take_bytes(c, to, (size_t) n);
  else if (n == 0)
    take_end(c);
  else if (errno != EAGAIN && errno != EWOULDBLOCK)
    lose(c, uv_translate_sys_error(errno));
}


void uvllm__plain_on_ready(uvllm__watch_t* w, int status, int events) {
  uvllm__plain_conn_t* c = uvllm__container(w, uvllm__plain_conn_t, watch);
  if (c->dial != NULL) {
    uvllm__plain_dial_ready(c, status);
    return;
  }
  if (c->x == NULL) { /* kept, and the peer leaves or says what nobody asked for */
    uvllm__plain_pool_remove(c);
    uvllm__plain_conn_close(c);
    return;
  }
  if ((events & UV_WRITABLE) && c->unsent) {
    uvllm__plain_conn_write(c);
    uvllm__plain_conn_watch(c);
  }
  if (status < 0)
    uvllm__plain_conn_watch(c); /* libuv has stopped: there may be more than one read of it */
  if ((events & UV_READABLE) || status < 0)
    read_some(c);
}


static void cancel(uvllm__exchange_t* x) {
  if (x->phase == UVLLM__DIALING) {
    uvllm__plain_dial_stop(x->handle);
  } else {
    uvllm__plain_conn_t* c = carrier_of(x);
    let_go(c);
    uvllm__plain_conn_close(c);
  }
  x->handle = NULL;
}


static void watch_again(uvllm__exchange_t* x) {
  if (x->phase == UVLLM__CARRIED)
    uvllm__plain_conn_watch(carrier_of(x));
}


/* ---- The engine ----------------------------------------------------------------------- */

static int create(uvllm__transport_t* transport, uvllm__engine_t** engine) {
  uvllm__plain_t* p = uvllm__malloc(transport->host.alloc, sizeof(*p));
  if (p == NULL)
    return UV_ENOMEM;
  memset(p, 0, offsetof(uvllm__plain_t, read));
  p->base.ops = &uvllm__plain_engine;
  p->base.transport = transport;
  p->alloc = transport->host.alloc;
  p->armed_ns = UINT64_MAX;
  uv_timer_init(transport->host.loop, &p->timer);
  uv_unref((uv_handle_t*) &p->timer);
  p->timer.data = p;
  *engine = &p->base;
  return 0;
}


static void drain(uvllm__engine_t* engine) {
  uvllm__plain_dial_tell_failed((uvllm__plain_t*) engine);
}


static void close_all(uvllm__engine_t* engine) {
  uvllm__plain_t* p = (uvllm__plain_t*) engine;
  uvllm__transport_closing(engine->transport);
  uv_ref((uv_handle_t*) &p->timer);
  uvllm__plain_arm(p, 0); /* connections may be thousands: some each turn */
}


static void destroy(uvllm__engine_t* engine) {
  uvllm__plain_t* p = (uvllm__plain_t*) engine;
  uvllm__plain_pools_free(p);
  uvllm__plain_conns_free(p);
  uvllm__plain_dials_free(p);
  uvllm__free(p->alloc, p);
}


const uvllm__engine_ops_t uvllm__plain_engine = {
  .create = create,
  .reuse = reuse,
  .start = start,
  .cancel = cancel,
  .pause = watch_again,
  .resume = watch_again,
  .drain = drain,
  .close = close_all,
  .destroy = destroy,
};
