/* One queue and one timer for everything that waits. What is late is sent at once
 * when the timer fires, so that a stream keeps its pace over all.
 *
 * The timer counts on the loop's clock, which is the same clock in milliseconds:
 * due times are rounded up to it, and the timer is set to absolute times.
 */
#include "mock/mock_int.h"

enum { STEPS_A_TURN = 1024, MS = 1000000 };

static void on_timer(uv_timer_t* timer);


static void arm(uvllm_mock_t* mock, uint64_t least) {
  const uvllm_queue_node_t* node = uvllm_queue_peek(mock->queue);
  if (node == NULL || mock->closing)
    return;
  uint64_t when = ((uint64_t) node->key + MS - 1) / MS;
  if (when >= mock->timer_due)
    return;
  uint64_t now = uv_now(mock->loop);
  mock->timer_due = when;
  uv_timer_start(&mock->timer, on_timer, when > now + least ? when - now : least, 0);
}


static void on_timer(uv_timer_t* timer) {
  uvllm_mock_t* mock = timer->data;
  int64_t now = (int64_t) uv_hrtime();
  mock->timer_due = UINT64_MAX;
  int i = 0;
  for (; i < STEPS_A_TURN; i++) {
    uvllm_queue_node_t* node = uvllm_queue_peek(mock->queue);
    if (node == NULL || node->key > now)
      break;
    uvllm_queue_pop(mock->queue);
    uvllm__answer_step((uvllm__answer_t*) (void*) node);
  }
  arm(mock, i == STEPS_A_TURN); /* libuv would run a timer of 0 ms before any socket */
}


int uvllm__mock_pace(uvllm__answer_t* answer, uint64_t due) {
  uvllm_mock_t* mock = answer->mock;
  if (uvllm_queue_has(&answer->timer))
    uvllm_queue_change(mock->queue, &answer->timer, (int64_t) due);
  else if (uvllm_queue_push(mock->queue, &answer->timer, (int64_t) due) != 0)
    return UV_ENOMEM;
  arm(mock, 0);
  return 0;
}


void uvllm__mock_unpace(uvllm__answer_t* answer) {
  if (uvllm_queue_has(&answer->timer))
    uvllm_queue_remove(answer->mock->queue, &answer->timer);
}


/* ---- How late ---- */

/* 8 places an octave of microseconds: a place's lower end is off by 1/8 at most. */
static unsigned int place_of(uint64_t us) {
  unsigned int octave = 0;
  if (us < 8)
    return (unsigned int) us;
  while (us >> octave >= 16)
    octave++;
  unsigned int place = (octave + 1) * 8 + (unsigned int) (us >> octave) - 8;
  return place < 255 ? place : 255;
}


static uint64_t upper_end(unsigned int place) {
  if (place < 8)
    return place;
  return ((uint64_t) (place % 8 + 9) << (place / 8 - 1)) - 1;
}


void uvllm__mock_lag(uvllm_mock_t* mock, uint64_t late_ns) {
  mock->lags[place_of(late_ns / 1000)]++;
}


uint64_t uvllm__mock_lag_p99_us(const uvllm_mock_t* mock) {
  uint64_t total = 0, seen = 0;
  for (unsigned int i = 0; i < 256; i++)
    total += mock->lags[i];
  if (total == 0)
    return 0;
  for (unsigned int i = 0; i < 256; i++) {
    seen += mock->lags[i];
    if (seen >= total - total / 100)
      return upper_end(i);
  }
  return upper_end(255);
}
