/* A socket watched on the loop, with the turns that the client keeps: what is
 * ready when the turn is over waits in a list.
 *
 * Invariant: a watcher is stopped before its descriptor is closed, since the
 * number may come back at once, and libuv aborts when it polls a dead one.
 */
#ifndef UVLLM_SRC_WATCH_H
#define UVLLM_SRC_WATCH_H

#include "http.h"

typedef struct uvllm__watch_s uvllm__watch_t;

/* status: 0, or what libuv says; then it has stopped watching. */
typedef void (*uvllm__ready_cb)(uvllm__watch_t* w, int status, int events);

struct uvllm__watch_s {
  uv_poll_t poll;
  uvllm__transport_t* transport;
  uvllm__ready_cb ready;
  /* Or NULL. Something came, and nothing was wanted: 1 if that is all there is to see. */
  int (*unasked)(uvllm__watch_t* w);
  uvllm__watch_t *late_next, *late_prev;
  int fd;
  uint8_t armed;  /* what libuv watches for: UV_READABLE | UV_WRITABLE */
  uint8_t wanted; /* what the owner wants */
  uint8_t late;   /* events that wait for a turn; 0: it is not among those */
};

typedef struct uvllm__late_s {
  uvllm__watch_t *first, *last; /* in the order in which they became ready */
} uvllm__late_t;

/* Zeroed before; it keeps no loop alive. */
int uvllm__watch_init(uvllm__watch_t* w, uvllm__transport_t* t, int fd, uvllm__ready_cb ready);
/* From now on. A watcher that is late is armed once it was served. */
int uvllm__watch_want(uvllm__watch_t* w, int events);
/* At once, and without ready(); its memory goes in `closed`. */
void uvllm__watch_close(uvllm__watch_t* w, uv_close_cb closed);
void uvllm__watch_catch_up(uvllm__transport_t* t);

#endif
