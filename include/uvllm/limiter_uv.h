/* uvllm/limiter_uv.h - wait for a limiter on a loop: one timer, however many wait.
 *
 * The rules of uvllm.h hold: one thread, no callback from inside the call that
 * caused it, every function may be called from every callback until close_cb.
 */
#ifndef UVLLM_LIMITER_UV_H
#define UVLLM_LIMITER_UV_H

#include <uv.h> /* wants _GNU_SOURCE or -std=gnu11 */
#include "uvllm/limiter.h"
#include "uvllm/queue.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct uvllm_gate_s uvllm_gate_t;
typedef struct uvllm_waiter_s uvllm_waiter_t;

/* Once for each wait(), from the loop. status 0: the waiter's cost is debited and
 * it is in flight until uvllm_gate_done(). UV_ECANCELED: cancelled, or the gate
 * closes. UVLLM_ELIMIT: it is larger than a limit. Unless status is 0 the waiter
 * may be freed or wait again from in here. */
typedef void (*uvllm_admit_cb)(uvllm_waiter_t* waiter, int status);

/* The caller's own. Zero it, set cost (and data); leave the rest alone. It must
 * stay where it is from wait() to the callback, and if admitted to done(). */
struct uvllm_waiter_s {
  uvllm_queue_node_t node; /* private */
  uvllm_cost_t cost;
  void* data;
  uvllm_admit_cb cb;       /* private, as all that follows */
  uvllm_waiter_t* next;
  int state, status;
};

/* The limiter is borrowed: it must outlive the gate, and nothing else may take
 * from it. Times are uv_hrtime(). UV_ENOMEM leaves *gate as it was. */
UVLLM_EXTERN int uvllm_gate_new(uvllm_gate_t** gate, uv_loop_t* loop,
                                uvllm_limiter_t* limiter, const uvllm_alloc_t* alloc);

/* All that wait end with UV_ECANCELED, then the gate is freed and close_cb (may be
 * NULL) runs. What was admitted stays in flight: until close_cb it may be done()
 * as ever, later settle it with the limiter itself. */
UVLLM_EXTERN void uvllm_gate_close(uvllm_gate_t* gate, void (*close_cb)(void* data), void* data);

/* Higher priority first, one level being worth one second of waiting. The first
 * in this order holds up all others until its cost is admitted, so none starves.
 * The gate keeps the loop alive while something waits for time to pass, not while
 * it waits for what is in flight. UV_ENOMEM; UVLLM_ECLOSING. */
UVLLM_EXTERN int uvllm_gate_wait(uvllm_gate_t* gate, uvllm_waiter_t* waiter, int priority,
                                 uvllm_admit_cb cb);

/* Its callback will run with UV_ECANCELED, unless another status than 0 is on the
 * way already. Without effect once the callback has begun. */
UVLLM_EXTERN void uvllm_gate_cancel(uvllm_gate_t* gate, uvllm_waiter_t* waiter);

/* What was admitted has ended; what it really cost corrects the debit (NULL: it
 * was right), as in uvllm_limiter_settle(). Once for each admitted waiter. */
UVLLM_EXTERN void uvllm_gate_done(uvllm_gate_t* gate, uvllm_waiter_t* waiter,
                                  const uvllm_cost_t* actual);

/* Look again soon: call it after uvllm_limiter_set() or _learn() may have made
 * room. (A freeze needs no call.) */
UVLLM_EXTERN void uvllm_gate_wake(uvllm_gate_t* gate);

/* How many wait. */
UVLLM_EXTERN size_t uvllm_gate_waiting(const uvllm_gate_t* gate);

#ifdef __cplusplus
}
#endif
#endif /* UVLLM_LIMITER_UV_H */
