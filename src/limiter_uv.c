/* Waiting for a limiter on a loop.
 *
 * A waiter is in the queue, or in the list of those whose callback is due, or
 * neither. turn() moves from the one to the other what is admitted now, and then
 * calls back those that were due when it began: so a callback may wait, cancel,
 * finish and close as it likes, and what it causes happens in a later turn. The
 * timer is for times; the idle handle for as soon as the loop comes round (a
 * timer of 0 ms, started again by its own callback, would never let it).
 */
#include "uvllm/limiter_uv.h"

#include <assert.h>
#include "mem.h"

enum { TURN_MAX = 64 };

enum { IDLE, QUEUED, DUE, ADMITTED }; /* a waiter's states */

struct uvllm_gate_s {
  uv_timer_t timer;
  uv_idle_t idle;
  uvllm_limiter_t* limiter;
  uvllm_queue_t* queue;
  uvllm_waiter_t *due_first, *due_last;
  size_t ndue;
  int closing;
  int handles; /* that are not closed yet */
  void (*close_cb)(void* data);
  void* close_data;
  uvllm_alloc_t alloc;
};

static void turn(uvllm_gate_t* gate);


static uvllm_waiter_t* waiter_of(uvllm_queue_node_t* node) {
  return (uvllm_waiter_t*) (void*) ((char*) node - offsetof(uvllm_waiter_t, node));
}


/* ---- The handles ------------------------------------------------------------------ */

static void on_idle(uv_idle_t* idle) {
  uv_idle_stop(idle);
  turn(idle->data);
}


static void on_timer(uv_timer_t* timer) {
  turn(timer->data);
}


/* Never once the handles close: that is when nothing waits and nothing is due. */
static void wake(uvllm_gate_t* gate) {
  uv_idle_start(&gate->idle, on_idle);
}


/* The loop's time is that of uv_hrtime() in whole ms, never ahead of it: rounding
 * up means that the time has come when the timer fires. */
static void wake_at(uvllm_gate_t* gate, uint64_t when_ns) {
  uint64_t when_ms = when_ns / 1000000 + (when_ns % 1000000 != 0);
  uint64_t now_ms = uv_now(gate->timer.loop);
  if (when_ns == UINT64_MAX)
    uv_timer_stop(&gate->timer);
  else
    uv_timer_start(&gate->timer, on_timer, when_ms > now_ms ? when_ms - now_ms : 0, 0);
}


static void on_close(uv_handle_t* handle) {
  uvllm_gate_t* gate = handle->data;
  if (--gate->handles != 0)
    return;
  uvllm_alloc_t alloc = gate->alloc;
  void (*close_cb)(void*) = gate->close_cb;
  void* data = gate->close_data;
  uvllm_queue_free(gate->queue);
  uvllm__free(&alloc, gate);
  if (close_cb != NULL)
    close_cb(data);
}


/* ---- Waiters ------------------------------------------------------------------------ */

static void make_due(uvllm_gate_t* gate, uvllm_waiter_t* waiter, int status) {
  waiter->state = DUE;
  waiter->status = status;
  waiter->next = NULL;
  *(gate->due_last != NULL ? &gate->due_last->next : &gate->due_first) = waiter;
  gate->due_last = waiter;
  gate->ndue++;
}


static uvllm_waiter_t* next_due(uvllm_gate_t* gate) {
  uvllm_waiter_t* waiter = gate->due_first;
  assert(waiter != NULL); /* ndue counts them */
  gate->due_first = waiter->next;
  if (gate->due_first == NULL)
    gate->due_last = NULL;
  gate->ndue--;
  waiter->state = waiter->status == 0 ? ADMITTED : IDLE;
  return waiter;
}


/* Its callback is due but has not run. */
static void withdraw(uvllm_gate_t* gate, uvllm_waiter_t* waiter) {
  if (waiter->status != 0)
    return;
  uvllm_limiter_undo(gate->limiter, uv_hrtime(), &waiter->cost);
  waiter->status = UV_ECANCELED;
}


static void admit(uvllm_gate_t* gate) {
  uint64_t now = uv_hrtime(), when = 0;
  uvllm_queue_node_t* node;
  uv_timer_stop(&gate->timer);
  while ((node = uvllm_queue_peek(gate->queue)) != NULL) {
    if (gate->ndue >= TURN_MAX) {
      wake(gate);
      return;
    }
    int err = uvllm_limiter_take(gate->limiter, now, &waiter_of(node)->cost, &when);
    if (err == UV_EAGAIN) {
      wake_at(gate, when);
      return;
    }
    uvllm_queue_pop(gate->queue);
    make_due(gate, waiter_of(node), err);
  }
}


static void turn(uvllm_gate_t* gate) {
  if (!gate->closing)
    admit(gate);
  for (size_t n = gate->ndue < TURN_MAX ? gate->ndue : TURN_MAX; n != 0; n--) {
    uvllm_waiter_t* waiter = next_due(gate);
    waiter->cb(waiter, waiter->status);
  }
  if (gate->ndue != 0) {
    wake(gate);
  } else if (gate->closing) {
    uv_close((uv_handle_t*) &gate->timer, on_close);
    uv_close((uv_handle_t*) &gate->idle, on_close);
  }
}


/* ---- The face ----------------------------------------------------------------------- */

int uvllm_gate_new(uvllm_gate_t** gate, uv_loop_t* loop, uvllm_limiter_t* limiter,
                   const uvllm_alloc_t* alloc) {
  uvllm_alloc_t a = uvllm__alloc_or_default(alloc);
  uvllm_gate_t* g = uvllm__calloc(&a, 1, sizeof(*g));
  if (g == NULL)
    return UV_ENOMEM;
  int err = uvllm_queue_new(&g->queue, 0, &a);
  if (err != 0) {
    uvllm__free(&a, g);
    return err;
  }
  g->alloc = a;
  g->limiter = limiter;
  uv_timer_init(loop, &g->timer);
  uv_idle_init(loop, &g->idle);
  g->timer.data = g->idle.data = g;
  g->handles = 2;
  *gate = g;
  return 0;
}


void uvllm_gate_close(uvllm_gate_t* gate, void (*close_cb)(void* data), void* data) {
  assert(!gate->closing);
  gate->closing = 1;
  gate->close_cb = close_cb;
  gate->close_data = data;
  for (uvllm_waiter_t* due = gate->due_first; due != NULL; due = due->next)
    withdraw(gate, due);
  uvllm_queue_node_t* node;
  while ((node = uvllm_queue_pop(gate->queue)) != NULL)
    make_due(gate, waiter_of(node), UV_ECANCELED);
  uv_timer_stop(&gate->timer);
  wake(gate);
}


int uvllm_gate_wait(uvllm_gate_t* gate, uvllm_waiter_t* waiter, int priority, uvllm_admit_cb cb) {
  assert(waiter->state == IDLE);
  if (gate->closing)
    return UVLLM_ECLOSING;
  int64_t key = (int64_t) uv_hrtime() - (int64_t) priority * UVLLM_QUEUE_AGEING_NS;
  int err = uvllm_queue_push(gate->queue, &waiter->node, key);
  if (err != 0)
    return err;
  waiter->cb = cb;
  waiter->state = QUEUED;
  if (uvllm_queue_peek(gate->queue) == &waiter->node)
    wake(gate);
  return 0;
}


void uvllm_gate_cancel(uvllm_gate_t* gate, uvllm_waiter_t* waiter) {
  if (waiter->state == DUE) {
    withdraw(gate, waiter);
  } else if (waiter->state == QUEUED) {
    uvllm_queue_remove(gate->queue, &waiter->node);
    make_due(gate, waiter, UV_ECANCELED);
  } else {
    return;
  }
  wake(gate);
}


void uvllm_gate_done(uvllm_gate_t* gate, uvllm_waiter_t* waiter, const uvllm_cost_t* actual) {
  assert(waiter->state == ADMITTED);
  waiter->state = IDLE;
  uvllm_limiter_settle(gate->limiter, uv_hrtime(), &waiter->cost, actual);
  uvllm_gate_wake(gate);
}


void uvllm_gate_wake(uvllm_gate_t* gate) {
  if (uvllm_queue_size(gate->queue) != 0)
    wake(gate);
}


size_t uvllm_gate_waiting(const uvllm_gate_t* gate) {
  return uvllm_queue_size(gate->queue);
}
