/* uvllm/limiter_uv.h - wait for a limiter on a loop: one timer, however many wait. */
#ifndef UVLLM_LIMITER_UV_H
#define UVLLM_LIMITER_UV_H

#include <uv.h>
#include "uvllm/limiter.h"
#include "uvllm/queue.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct uvllm_gate_s uvllm_gate_t;
typedef struct uvllm_waiter_s uvllm_waiter_t;
/* status: 0 (debited), UV_ECANCELED, UVLLM_ELIMIT. Never from inside wait(). */
typedef void (*uvllm_admit_cb)(uvllm_waiter_t* waiter, int status);

struct uvllm_waiter_s { /* the caller's; zero it, set cost, data */
  uvllm_queue_node_t node;
  uvllm_cost_t cost;
  void* data;
  uvllm_admit_cb cb;
};

UVLLM_EXTERN int uvllm_gate_new(uvllm_gate_t** gate, uv_loop_t* loop,
                                uvllm_limiter_t* limiter, const uvllm_alloc_t* alloc);
UVLLM_EXTERN void uvllm_gate_close(uvllm_gate_t* gate, void (*close_cb)(void*), void* data);
UVLLM_EXTERN int uvllm_gate_wait(uvllm_gate_t* gate, uvllm_waiter_t* waiter, int priority,
                                 uvllm_admit_cb cb);
UVLLM_EXTERN void uvllm_gate_cancel(uvllm_gate_t* gate, uvllm_waiter_t* waiter);
UVLLM_EXTERN void uvllm_gate_done(uvllm_gate_t* gate, uvllm_waiter_t* waiter,
                                  const uvllm_cost_t* actual);

#ifdef __cplusplus
}
#endif
#endif /* UVLLM_LIMITER_UV_H */
