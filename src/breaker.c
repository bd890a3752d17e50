#include "breaker.h"

#define SECOND UINT64_C(1000000000)
#define FIRST_NS SECOND
#define MOST_NS (30 * SECOND)

enum { FAULTS_MAX = 16, RAMP_FAULTS_MAX = 4, ROOM_MAX = 64 };


int uvllm__breaker_is_closed(const uvllm__breaker_t* b) {
  return b->open_ns == 0;
}


uint64_t uvllm__breaker_when(const uvllm__breaker_t* b, uint64_t now_ns) {
  if (b->open_ns == 0)
    return 0;
  if (now_ns < b->until_ns)
    return b->until_ns;
  return b->inflight < b->room ? 0 : UINT64_MAX;
}


uint32_t uvllm__breaker_begin(uvllm__breaker_t* b) {
  b->inflight += b->open_ns != 0;
  return b->generation;
}


/* The time varies by a quarter. */
static void open_up(uvllm__breaker_t* b, uint64_t now_ns, double jitter) {
  b->open_ns = b->rounds < 5 ? FIRST_NS << b->rounds : MOST_NS;
  b->rounds++;
  b->faults = 0;
  b->until_ns = now_ns + (uint64_t) ((double) b->open_ns * (0.75 + jitter / 4));
  b->generation++;
  b->inflight = 0;
  b->room = 1;
}


static int end_closed(uvllm__breaker_t* b, uint64_t now_ns, uvllm__outcome outcome,
                      double jitter) {
  if (outcome == UVLLM__OUTCOME_ALIVE) {
    b->has_answered = 1;
    b->faults = 0;
  }
  if (outcome != UVLLM__OUTCOME_FAULT || ++b->faults < FAULTS_MAX || !b->has_answered)
    return 0;
  open_up(b, now_ns, jitter);
  return 1;
}


int uvllm__breaker_end(uvllm__breaker_t* b, uint64_t now_ns, uint32_t ticket,
                       uvllm__outcome outcome, double jitter) {
  if (ticket != b->generation)
    return 0;
  if (b->open_ns == 0)
    return end_closed(b, now_ns, outcome, jitter);
  b->inflight--;
  if (outcome == UVLLM__OUTCOME_FAULT) {
    if (b->room > 1 && ++b->faults < RAMP_FAULTS_MAX)
      return 0;
    open_up(b, now_ns, jitter);
    return 1;
  }
  if (outcome == UVLLM__OUTCOME_ALIVE) {
    b->faults = b->rounds = 0;
    b->room += 1;
  }
  if (b->room <= ROOM_MAX)
    return 0;
  b->open_ns = 0;
  return -1;
}
