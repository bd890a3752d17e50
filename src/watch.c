/* A socket watched on the loop: see watch.h. */
#include "watch.h"

#include "http_engine.h"


static void on_poll(uv_poll_t* poll, int status, int events);


/* The same mask again would cost two calls of epoll_ctl. */
static int arm(uvllm__watch_t* w, int events) {
  if (w->armed == events)
    return 0;
  w->armed = (uint8_t) events;
  return events == 0 ? uv_poll_stop(&w->poll) : uv_poll_start(&w->poll, events, on_poll);
}


static void put_off(uvllm__watch_t* w, int events) {
  uvllm__late_t* late = &w->transport->late;
  w->late = (uint8_t) events;
  w->late_next = NULL;
  w->late_prev = late->last;
  *(late->last != NULL ? &late->last->late_next : &late->first) = w;
  late->last = w;
  uvllm__transport_schedule(w->transport);
}


static void forget_late(uvllm__watch_t* w) {
  uvllm__late_t* late = &w->transport->late;
  if (w->late == 0)
    return;
  w->late = 0;
  *(w->late_prev != NULL ? &w->late_prev->late_next : &late->first) = w->late_next;
  *(w->late_next != NULL ? &w->late_next->late_prev : &late->last) = w->late_prev;
}


static void be_unasked(uvllm__watch_t* w) {
  if (w->unasked == NULL || w->unasked(w))
    arm(w, 0);
}


/* One that is late and reported again would be so again and again, with thousands
 * of others: only then are the two calls of epoll_ctl worth it. */
static void on_poll(uv_poll_t* poll, int status, int events) {
  uvllm__watch_t* w = poll->data;
  if (status < 0)
    w->armed = 0;
  if (w->wanted == 0 && (status == 0 || w->unasked != NULL)) {
    be_unasked(w);
  } else if (status < 0) {
    forget_late(w);
    uvllm__transport_begin_read(w->transport);
    w->ready(w, status, events);
  } else if (w->late != 0) {
    arm(w, 0);
    w->late |= (uint8_t) events;
  } else if (w->transport->late.first != NULL || uvllm__transport_begin_read(w->transport)) {
    put_off(w, events);
  } else {
    w->ready(w, 0, events);
    w->transport->host.end_read(w->transport->host.ctx);
  }
}


/* Armed before it is served: ready() may want something else, or close it. */
static void serve_late(uvllm__watch_t* w) {
  int events = w->late & w->wanted;
  int idle = w->wanted == 0 && w->unasked != NULL;
  forget_late(w);
  arm(w, idle ? UV_READABLE : w->wanted);
  if (events != 0)
    w->ready(w, 0, events);
  else if (w->wanted == 0)
    be_unasked(w);
}


void uvllm__watch_catch_up(uvllm__transport_t* t) {
  while (t->late.first != NULL && !uvllm__transport_begin_read(t)) {
    serve_late(t->late.first);
    t->host.end_read(t->host.ctx);
  }
  if (t->late.first != NULL)
    uvllm__transport_schedule(t);
}


int uvllm__watch_init(uvllm__watch_t* w, uvllm__transport_t* t, int fd, uvllm__ready_cb ready) {
  int err = uv_poll_init_socket(t->host.loop, &w->poll, fd);
  if (err != 0)
    return err;
  uv_unref((uv_handle_t*) &w->poll); /* the client's requests keep the loop alive */
  w->poll.data = w;
  w->transport = t;
  w->ready = ready;
  w->fd = fd;
  return 0;
}


int uvllm__watch_want(uvllm__watch_t* w, int events) {
  w->wanted = (uint8_t) events;
  return w->late != 0 ? 0 : arm(w, events);
}


void uvllm__watch_close(uvllm__watch_t* w, uv_close_cb closed) {
  forget_late(w);
  uv_poll_stop(&w->poll);
  uvllm__transport_closing(w->transport);
  uv_close((uv_handle_t*) &w->poll, closed);
}
