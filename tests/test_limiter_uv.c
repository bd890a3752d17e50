/* The gate: order, cancelling, closing, and everything from every callback. */
#include "test.h"
#include "mem.h"
#include "uvllm/limiter_uv.h"

enum { JOBS = 200 };

typedef struct world_s world_t;

typedef struct job_s {
  uvllm_waiter_t waiter;
  world_t* world;
  int number, ncalls, status;
  int place; /* the how-manieth callback this was */
} job_t;

struct world_s {
  test_alloc_t alloc;
  uv_loop_t loop;
  uvllm_limiter_t* limiter;
  uvllm_gate_t* gate;
  job_t jobs[JOBS];
  int ncalls, nclosed, in_call;
  void (*then)(job_t* job); /* what the callback does */
};

static void begin(world_t* w, uvllm_limits_t limits) {
  memset(w, 0, sizeof(*w));
  test_alloc_init(&w->alloc);
  assert_int_equal(uv_loop_init(&w->loop), 0);
  assert_int_equal(uvllm_limiter_new(&w->limiter, &limits, &w->alloc.hook), 0);
  assert_int_equal(uvllm_gate_new(&w->gate, &w->loop, w->limiter, &w->alloc.hook), 0);
  for (int i = 0; i < JOBS; i++) {
    w->jobs[i].world = w;
    w->jobs[i].number = i;
  }
}

static void on_closed(void* data) {
  world_t* w = data;
  assert_false(w->in_call);
  w->nclosed++;
  w->gate = NULL;
}

static void shut(world_t* w) {
  w->in_call = 1;
  uvllm_gate_close(w->gate, on_closed, w);
  w->in_call = 0;
}

static void end(world_t* w) {
  if (w->nclosed == 0)
    shut(w);
  assert_int_equal(uv_run(&w->loop, UV_RUN_DEFAULT), 0);
  assert_int_equal(w->nclosed, 1);
  assert_int_equal(uv_loop_close(&w->loop), 0);
  uvllm_limiter_free(w->limiter);
  assert_int_equal(w->alloc.alive, 0);
}

static uint32_t inflight(world_t* w) {
  uvllm_limiter_state_t state;
  uvllm_limiter_state(w->limiter, uv_hrtime(), &state);
  return state.inflight;
}

static void on_admit(uvllm_waiter_t* waiter, int status) {
  job_t* job = (job_t*) (void*) waiter;
  world_t* w = job->world;
  assert_false(w->in_call);
  job->ncalls++;
  job->status = status;
  job->place = w->ncalls++;
  if (w->then != NULL)
    w->then(job);
}

static void wait_for(job_t* job, int priority) {
  world_t* w = job->world;
  int outer = w->in_call;
  w->in_call = 1;
  assert_int_equal(uvllm_gate_wait(w->gate, &job->waiter, priority, on_admit), 0);
  w->in_call = outer;
}

static void finish(job_t* job) {
  if (job->status == 0)
    uvllm_gate_done(job->world->gate, &job->waiter, NULL);
}

static void an_idle_gate_does_not_hold_the_loop(void** state) {
  (void) state;
  world_t w;
  begin(&w, (uvllm_limits_t){ .requests_per_min = 600 });
  assert_int_equal(uv_run(&w.loop, UV_RUN_DEFAULT), 0);
  wait_for(&w.jobs[0], 0);
  assert_int_equal(uvllm_gate_waiting(w.gate), 1);
  assert_int_equal(uv_run(&w.loop, UV_RUN_DEFAULT), 0);
  assert_int_equal(w.jobs[0].ncalls, 1);
  assert_int_equal(w.jobs[0].status, 0);
  assert_int_equal(inflight(&w), 1);
  uvllm_gate_done(w.gate, &w.jobs[0].waiter, NULL);
  assert_int_equal(inflight(&w), 0);
  end(&w);
}

static void waiters_are_admitted_in_order_of_priority(void** state) {
  (void) state;
  world_t w;
  begin(&w, (uvllm_limits_t){ .requests_per_min = 6000, .max_inflight = 1 });
  w.then = finish;
  for (int i = 0; i < 6; i++)
    wait_for(&w.jobs[i], i / 2 * 10);
  assert_int_equal(uv_run(&w.loop, UV_RUN_DEFAULT), 0);
  static const int order[] = { 4, 5, 2, 3, 0, 1 };
  for (int i = 0; i < 6; i++)
    assert_int_equal(w.jobs[order[i]].place, i);
  end(&w);
}

static void the_first_holds_up_the_others_until_it_fits(void** state) {
  (void) state;
  world_t w;
  begin(&w, (uvllm_limits_t){ .tokens_per_min = 600000 }); /* a burst of 3,000 */
  static const uint64_t sizes[] = { 3000, 2000, 1, 1 };
  for (int i = 0; i < 4; i++) {
    w.jobs[i].waiter.cost.input_tokens = sizes[i];
    wait_for(&w.jobs[i], 0);
  }
  assert_int_equal(uv_run(&w.loop, UV_RUN_NOWAIT), 1); /* alive: its timer */
  assert_int_equal(w.ncalls, 1);
  assert_int_equal(uv_run(&w.loop, UV_RUN_DEFAULT), 0);
  for (int i = 0; i < 4; i++)
    assert_int_equal(w.jobs[i].place, i);
  end(&w); /* with all four in flight */
}

static void too_large_is_told_by_callback_and_the_next_goes(void** state) {
  (void) state;
  world_t w;
  begin(&w, (uvllm_limits_t){ .tokens_per_min = 100 });
  w.jobs[0].waiter.cost.output_tokens = 101;
  wait_for(&w.jobs[0], 0);
  wait_for(&w.jobs[1], 0);
  assert_int_equal(uv_run(&w.loop, UV_RUN_DEFAULT), 0);
  assert_int_equal(w.jobs[0].status, UVLLM_ELIMIT);
  assert_int_equal(w.jobs[1].status, 0);
  assert_int_equal(inflight(&w), 1);
  end(&w);
}

static void done_wakes_who_waits_for_a_place(void** state) {
  (void) state;
  world_t w;
  begin(&w, (uvllm_limits_t){ .max_inflight = 2 });
  for (int i = 0; i < 4; i++)
    wait_for(&w.jobs[i], 0);
  assert_int_equal(uv_run(&w.loop, UV_RUN_DEFAULT), 0); /* time alone would not help */
  assert_int_equal(w.ncalls, 2);
  assert_int_equal(uvllm_gate_waiting(w.gate), 2);
  w.in_call = 1;
  uvllm_gate_done(w.gate, &w.jobs[1].waiter, NULL);
  w.in_call = 0;
  assert_int_equal(uv_run(&w.loop, UV_RUN_DEFAULT), 0);
  assert_int_equal(w.ncalls, 3);
  const uvllm_limits_t more = { .max_inflight = 3 };
  assert_int_equal(uvllm_limiter_set(w.limiter, uv_hrtime(), &more), 0);
  uvllm_gate_wake(w.gate);
  assert_int_equal(uv_run(&w.loop, UV_RUN_DEFAULT), 0);
  assert_int_equal(w.ncalls, 4);
  end(&w);
}

static void what_it_really_cost_lets_others_go(void** state) {
  (void) state;
  world_t w;
  begin(&w, (uvllm_limits_t){ .tokens_per_min = 1000 });
  w.jobs[0].waiter.cost.input_tokens = w.jobs[1].waiter.cost.input_tokens = 1000;
  wait_for(&w.jobs[0], 0);
  wait_for(&w.jobs[1], 0);
  uv_run(&w.loop, UV_RUN_NOWAIT);
  assert_int_equal(w.ncalls, 1); /* the other waits for a minute, but for this: */
  const uvllm_cost_t actual = { 0, 0, 0 };
  uvllm_gate_done(w.gate, &w.jobs[0].waiter, &actual);
  assert_int_equal(uv_run(&w.loop, UV_RUN_DEFAULT), 0);
  assert_int_equal(w.ncalls, 2);
  end(&w);
}

static void a_cancelled_waiter_is_told_later_and_costs_nothing(void** state) {
  (void) state;
  world_t w;
  begin(&w, (uvllm_limits_t){ .max_inflight = 1 });
  for (int i = 0; i < 3; i++)
    wait_for(&w.jobs[i], 0);
  w.in_call = 1;
  uvllm_gate_cancel(w.gate, &w.jobs[0].waiter); /* the first: the next goes instead */
  uvllm_gate_cancel(w.gate, &w.jobs[0].waiter); /* twice is once */
  w.in_call = 0;
  assert_int_equal(uv_run(&w.loop, UV_RUN_DEFAULT), 0);
  assert_int_equal(w.jobs[0].status, UV_ECANCELED);
  assert_int_equal(w.jobs[1].status, 0);
  assert_int_equal(w.ncalls, 2);
  uvllm_gate_cancel(w.gate, &w.jobs[1].waiter); /* too late */
  assert_int_equal(uv_run(&w.loop, UV_RUN_DEFAULT), 0);
  assert_int_equal(w.ncalls, 2);
  uvllm_gate_done(w.gate, &w.jobs[1].waiter, NULL);
  end(&w);
  assert_int_equal(w.jobs[2].ncalls, 1);
}

static void cancel_the_next(job_t* job) {
  world_t* w = job->world;
  w->in_call = 1;
  if (job->number == 0)
    uvllm_gate_cancel(w->gate, &w->jobs[1].waiter);
  w->in_call = 0;
}

static void what_is_cancelled_before_its_callback_gives_its_debit_back(void** state) {
  (void) state;
  world_t w;
  begin(&w, (uvllm_limits_t){ .tokens_per_min = 100000 });
  w.then = cancel_the_next;
  for (int i = 0; i < 3; i++) {
    w.jobs[i].waiter.cost.input_tokens = 10; /* all are admitted in the same turn */
    wait_for(&w.jobs[i], 0);
  }
  assert_int_equal(uv_run(&w.loop, UV_RUN_DEFAULT), 0);
  assert_int_equal(w.jobs[1].status, UV_ECANCELED);
  assert_int_equal(w.jobs[2].status, 0);
  assert_int_equal(inflight(&w), 2);
  uvllm_limiter_state_t s;
  uvllm_limiter_state(w.limiter, uv_hrtime(), &s);
  assert_int_equal(s.used[UVLLM_TOKENS_PER_MIN], 20);
  end(&w);
}

static void close_the_gate(job_t* job) {
  if (job->number == 2)
    shut(job->world);
}

static void closing_ends_everybody_once(void** state) {
  (void) state;
  for (int from_callback = 0; from_callback < 2; from_callback++) {
    world_t w;
    begin(&w, (uvllm_limits_t){ .max_inflight = 100 });
    w.then = from_callback ? close_the_gate : NULL;
    for (int i = 0; i < JOBS; i++)
      wait_for(&w.jobs[i], 0);
    uvllm_gate_cancel(w.gate, &w.jobs[150].waiter);
    if (!from_callback) {
      uvllm_waiter_t late = { .state = 0 };
      shut(&w);
      assert_int_equal(uvllm_gate_wait(w.gate, &late, 0, on_admit), UVLLM_ECLOSING);
    }
    uv_run(&w.loop, UV_RUN_DEFAULT);
    end(&w);
    for (int i = 0; i < JOBS; i++) {
      assert_int_equal(w.jobs[i].ncalls, 1);
      int before = from_callback && i < 3;
      assert_int_equal(w.jobs[i].status, before ? 0 : UV_ECANCELED);
    }
  }
}

static void closing_takes_no_callback(void** state) {
  (void) state;
  world_t w;
  begin(&w, (uvllm_limits_t){ 0 });
  uvllm_gate_close(w.gate, NULL, NULL);
  uv_run(&w.loop, UV_RUN_DEFAULT);
  w.nclosed = 1;
  end(&w);
}

/* ---- Every function from every callback -------------------------------------------- */

typedef void (*deed_fn)(job_t* job);

static void cancel_self(job_t* job) {
  uvllm_gate_cancel(job->world->gate, &job->waiter);
}

static void cancel_all_others(job_t* job) {
  for (int i = 0; i < 10; i++)
    if (i != job->number)
      uvllm_gate_cancel(job->world->gate, &job->world->jobs[i].waiter);
}

static void wait_again(job_t* job) {
  finish(job);
  if (job->ncalls < 4)
    wait_for(job, job->number);
}

static void close_once(job_t* job) {
  if (job->world->nclosed++ == 0)
    uvllm_gate_close(job->world->gate, on_closed, job->world);
}

static void close_and_wait(job_t* job) {
  close_once(job);
  finish(job);
  assert_int_equal(uvllm_gate_wait(job->world->gate, &job->waiter, 0, on_admit), UVLLM_ECLOSING);
}

static void ask_and_wake(job_t* job) {
  assert_true(uvllm_gate_waiting(job->world->gate) < 10);
  uvllm_gate_wake(job->world->gate);
  finish(job);
}

static void each_function_from_each_callback(void** state) {
  (void) state;
  static const deed_fn deeds[] = { cancel_self, cancel_all_others, wait_again,  close_once,
                                   close_and_wait, ask_and_wake,   finish };
  for (size_t d = 0; d < sizeof(deeds) / sizeof(deeds[0]); d++) {
    for (int why = 0; why < 3; why++) { /* the callback is for: 0, cancelled, too large */
      world_t w;
      begin(&w, (uvllm_limits_t){ .max_inflight = 10, .tokens_per_min = 5 });
      w.then = deeds[d];
      for (int i = 0; i < 10; i++) {
        w.jobs[i].waiter.cost.input_tokens = why == 2 ? 6 : 0;
        wait_for(&w.jobs[i], 0);
        if (why == 1)
          uvllm_gate_cancel(w.gate, &w.jobs[i].waiter);
      }
      uv_run(&w.loop, UV_RUN_DEFAULT);
      if (w.gate == NULL)
        w.nclosed = 1;
      end(&w);
      for (int i = 0; i < 10; i++)
        assert_int_equal(w.jobs[i].ncalls, deeds[d] == wait_again ? 4 : 1);
    }
  }
}

static void free_job(uvllm_waiter_t* waiter, int status) {
  assert_int_equal(status, UV_ECANCELED);
  ++*(int*) waiter->data;
  free(waiter);
}

static void a_waiter_may_be_freed_in_its_callback(void** state) {
  (void) state;
  world_t w;
  int n = 0;
  begin(&w, (uvllm_limits_t){ .requests_per_min = 1 });
  for (int i = 0; i < 20; i++) {
    uvllm_waiter_t* waiter = calloc(1, sizeof(*waiter));
    assert_non_null(waiter);
    waiter->data = &n;
    assert_int_equal(uvllm_gate_wait(w.gate, waiter, 0, free_job), 0);
    if (i % 2 == 0)
      uvllm_gate_cancel(w.gate, waiter);
  }
  end(&w);
  assert_int_equal(n, 20);
}

static int ticks;

static void on_tick(uv_timer_t* timer) {
  world_t* w = timer->data;
  if (++ticks < 3)
    return;
  uv_close((uv_handle_t*) timer, NULL);
  shut(w);
}

static void wait_for_ever(job_t* job) {
  if (job->status != 0)
    return;
  uvllm_gate_done(job->world->gate, &job->waiter, NULL);
  int err = uvllm_gate_wait(job->world->gate, &job->waiter, 0, on_admit);
  assert_true(err == 0 || err == UVLLM_ECLOSING);
}

static void waiting_again_and_again_lets_the_loop_run(void** state) {
  (void) state;
  world_t w;
  begin(&w, (uvllm_limits_t){ 0 });
  w.then = wait_for_ever;
  for (int i = 0; i < JOBS; i++)
    wait_for(&w.jobs[i], 0);
  uv_timer_t timer;
  uv_timer_init(&w.loop, &timer);
  timer.data = &w;
  ticks = 0;
  uv_timer_start(&timer, on_tick, 1, 1);
  uv_run(&w.loop, UV_RUN_DEFAULT);
  assert_int_equal(ticks, 3);
  end(&w);
}

static void on_turn(uv_prepare_t* prepare) {
  ++*(int*) prepare->data;
}

static void the_loop_sleeps_until_there_is_room(void** state) {
  (void) state;
  world_t w;
  int turns = 0;
  uv_prepare_t prepare;
  begin(&w, (uvllm_limits_t){ .requests_per_min = 6000 }); /* a burst of 30 */
  w.then = finish;
  uv_prepare_init(&w.loop, &prepare);
  prepare.data = &turns;
  uv_prepare_start(&prepare, on_turn);
  uv_unref((uv_handle_t*) &prepare);
  for (int i = 0; i < 40; i++)
    wait_for(&w.jobs[i], 0);
  assert_int_equal(uv_run(&w.loop, UV_RUN_DEFAULT), 0);
  assert_int_equal(w.ncalls, 40);
  assert_in_range(turns, 1, 30); /* a turn or two for each that waited */
  uv_close((uv_handle_t*) &prepare, NULL);
  end(&w);
}

static void several_gates_share_a_loop(void** state) {
  (void) state;
  world_t a, b;
  begin(&a, (uvllm_limits_t){ .requests_per_min = 60000 });
  begin(&b, (uvllm_limits_t){ .requests_per_min = 30000 });
  uvllm_gate_close(b.gate, NULL, NULL);
  uv_run(&b.loop, UV_RUN_DEFAULT);
  assert_int_equal(uvllm_gate_new(&b.gate, &a.loop, b.limiter, &b.alloc.hook), 0);
  a.then = b.then = finish;
  for (int i = 0; i < JOBS; i++) {
    wait_for(&a.jobs[i], 0);
    wait_for(&b.jobs[i], 0);
  }
  assert_int_equal(uv_run(&a.loop, UV_RUN_DEFAULT), 0);
  for (int i = 0; i < JOBS; i++) {
    assert_int_equal(a.jobs[i].place, i);
    assert_int_equal(b.jobs[i].place, i);
  }
  shut(&b);
  end(&a);
  end(&b);
}

static void survives_every_failing_allocation(void** state) {
  (void) state;
  for (int once = 0; once < 2; once++) {
    test_alloc_t a;
    size_t fail_at = 0;
    do {
      world_t w;
      begin(&w, (uvllm_limits_t){ 0 });
      uvllm_gate_close(w.gate, NULL, NULL);
      w.gate = NULL;
      w.nclosed = 1;
      test_alloc_init(&a);
      a.fail_at = ++fail_at;
      a.fail_once = once;
      int waiting = 0;
      int err = uvllm_gate_new(&w.gate, &w.loop, w.limiter, &a.hook);
      assert_int_equal(err, w.gate != NULL ? 0 : UV_ENOMEM);
      for (int i = 0; i < 20 && err == 0; i++) {
        int one = uvllm_gate_wait(w.gate, &w.jobs[i].waiter, 0, on_admit);
        assert_true(one == 0 || one == UV_ENOMEM);
        waiting += one == 0;
      }
      uv_run(&w.loop, UV_RUN_DEFAULT);
      assert_int_equal(w.ncalls, waiting);
      if (err == 0)
        uvllm_gate_close(w.gate, NULL, NULL);
      end(&w);
      assert_int_equal(a.alive, 0);
    } while (a.calls >= fail_at);
    assert_true(fail_at > 4);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_idle_gate_does_not_hold_the_loop),
    cmocka_unit_test(waiters_are_admitted_in_order_of_priority),
    cmocka_unit_test(the_first_holds_up_the_others_until_it_fits),
    cmocka_unit_test(too_large_is_told_by_callback_and_the_next_goes),
    cmocka_unit_test(done_wakes_who_waits_for_a_place),
    cmocka_unit_test(what_it_really_cost_lets_others_go),
    cmocka_unit_test(a_cancelled_waiter_is_told_later_and_costs_nothing),
    cmocka_unit_test(what_is_cancelled_before_its_callback_gives_its_debit_back),
    cmocka_unit_test(closing_ends_everybody_once),
    cmocka_unit_test(closing_takes_no_callback),
    cmocka_unit_test(each_function_from_each_callback),
    cmocka_unit_test(a_waiter_may_be_freed_in_its_callback),
    cmocka_unit_test(waiting_again_and_again_lets_the_loop_run),
    cmocka_unit_test(the_loop_sleeps_until_there_is_room),
    cmocka_unit_test(several_gates_share_a_loop),
    cmocka_unit_test(survives_every_failing_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
