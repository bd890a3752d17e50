/* The rate limiter without the client: 20 jobs on your own loop, at most 600 a
 * minute, 15,000 tokens a minute and four at a time. Each guesses what it will cost,
 * waits at the gate, works for a while and then says what it really cost.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <uv.h>
#include "uvllm/limiter_uv.h"

enum { JOBS = 20 };

typedef struct job_s {
  uvllm_waiter_t waiter; /* first: a waiter is its job */
  uv_timer_t work;
  int number;
} job_t;

static uvllm_limiter_t* limiter;
static uvllm_gate_t* gate;
static uint64_t began;
static int left = JOBS;


static void say(const job_t* job, const char* what) {
  printf("%5.2f s  job %2d %s\n", (double) (uv_hrtime() - began) / 1e9, job->number, what);
}


static void on_gate_closed(void* data) {
  uvllm_limiter_state_t state;
  (void) data;
  uvllm_limiter_state(limiter, uv_hrtime(), &state);
  printf("done: %d requests and %d tokens in the last minute\n",
         (int) state.used[UVLLM_REQUESTS_PER_MIN], (int) state.used[UVLLM_TOKENS_PER_MIN]);
  uvllm_limiter_free(limiter);
}


static void on_end(job_t* job, const char* what) {
  say(job, what);
  uv_close((uv_handle_t*) &job->work, NULL);
  if (--left == 0)
    uvllm_gate_close(gate, on_gate_closed, NULL);
}


static void on_worked(uv_timer_t* work) {
  job_t* job = work->data;
  uvllm_cost_t actual = { 10, 5, 0 }; /* less than guessed: the rest is free again */
  uvllm_gate_done(gate, &job->waiter, &actual);
  on_end(job, "ended");
}


static void on_admitted(uvllm_waiter_t* waiter, int status) {
  job_t* job = (job_t*) waiter;
  if (status != 0) {
    on_end(job, uvllm_strerror(status));
    return;
  }
  say(job, "admitted");
  uv_timer_start(&job->work, on_worked, 150, 0);
}


int main(void) {
  static job_t jobs[JOBS];
  const uvllm_limits_t limits = { .requests_per_min = 600, .tokens_per_min = 15000,
                                  .max_inflight = 4 };
  uv_loop_t* loop = uv_default_loop();
  if (uvllm_limiter_new(&limiter, &limits, NULL) != 0 ||
      uvllm_gate_new(&gate, loop, limiter, NULL) != 0)
    return 1;
  began = uv_hrtime();
  for (int i = 0; i < JOBS; i++) {
    job_t* job = &jobs[i];
    job->number = i;
    job->waiter.cost.input_tokens = i == 7 ? 15001 : 10; /* one that can never go */
    job->waiter.cost.output_tokens = 10;
    uv_timer_init(loop, &job->work);
    job->work.data = job;
    if (uvllm_gate_wait(gate, &job->waiter, i == 15 ? 5 : 0, on_admitted) != 0)
      on_end(job, "could not wait");
  }
  uv_run(loop, UV_RUN_DEFAULT);
  return uv_loop_close(loop) != 0;
}
