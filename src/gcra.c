/* The generic cell rate algorithm, counted in what is owed rather than in time.
 *
 * Invariant: -limit * jitter <= owed <= limit * period. A cost up to the burst is
 * admitted when it fits beside what is owed; a larger one when nothing is owed.
 * That any period stays within the limit is the window's business (window.c): the
 * rate leaves room for the burst so that the window seldom has to stop anybody.
 *
 * Why the jitter: a provider's bucket holds max(one second's worth, this cost). It
 * sees two requests up to a jitter closer than they were admitted, in which it
 * refills limit * jitter units less than counted on. Where the second's worth
 * exceeds max(burst, cost) by that much, this does no harm; otherwise the part
 * that is missing must have been refilled beyond full, before the cost is added. And
 * where there is more to spare, up to LATE_NS of it make up for a caller whose
 * timer is late: else each time it is, its lateness would be lost.
 */
#include "gcra.h"

#define SECOND_NS 1000000000u
#define MINUTE_NS (60 * (uint64_t) SECOND_NS)
#define LATE_NS 5000000u


static uvllm__units_t units(const uvllm__gcra_t* g, uint64_t amount) {
  return (uvllm__units_t) amount * g->period_ns;
}


static void clamp(uvllm__gcra_t* g) {
  uvllm__units_t least = -(uvllm__units_t) g->limit * g->jitter_ns;
  if (g->owed < least)
    g->owed = least;
  if (g->owed > units(g, g->limit))
    g->owed = units(g, g->limit);
}


void uvllm__gcra_init(uvllm__gcra_t* g, uint64_t now_ns, uint64_t period_ns, uint64_t limit) {
  memset(g, 0, sizeof(*g));
  g->now_ns = now_ns;
  g->period_ns = period_ns;
  g->jitter_ns = period_ns <= MINUTE_NS ? UVLLM__JITTER_NS : 0;
  uvllm__gcra_limit(g, limit);
  g->owed = -(uvllm__units_t) g->limit * g->jitter_ns;
}


void uvllm__gcra_limit(uvllm__gcra_t* g, uint64_t limit) {
  g->limit = limit;
  if (g->period_ns > MINUTE_NS)
    g->burst = limit;
  else
    g->burst = limit >= 200 ? limit / 200 : 1;
  g->rate = limit >= 200 && g->burst < limit ? limit - g->burst : limit;
  clamp(g);
}


void uvllm__gcra_advance(uvllm__gcra_t* g, uint64_t now_ns) {
  g->owed -= (uvllm__units_t) g->rate * (now_ns - g->now_ns);
  g->now_ns = now_ns;
  if (g->dropped != 0 && now_ns >= g->dropped_until) {
    if (g->owed > 0)
      g->owed = g->owed > g->dropped ? g->owed - g->dropped : 0;
    g->dropped = 0;
  }
  clamp(g);
}


/* How much may be owed when `cost` is added. */
static uvllm__units_t admissible(const uvllm__gcra_t* g, uint64_t cost) {
  uint64_t most = cost > g->burst ? cost : g->burst;
  uvllm__units_t owed = units(g, most - cost);
  if (g->jitter_ns == 0)
    return owed;
  uvllm__units_t apart = (uvllm__units_t) g->limit * g->jitter_ns;
  uvllm__units_t late = (uvllm__units_t) g->limit * LATE_NS;
  uvllm__units_t spare = (uvllm__units_t) g->limit * SECOND_NS - units(g, most);
  if (spare <= 0)
    return owed - apart;
  return owed + (spare - apart < late ? spare - apart : late);
}


uint64_t uvllm__gcra_when(const uvllm__gcra_t* g, uint64_t cost) {
  uvllm__units_t excess = g->owed - admissible(g, cost);
  if (excess <= 0)
    return 0;
  uint64_t when = g->now_ns + (uint64_t) ((excess + g->rate - 1) / g->rate);
  if (g->dropped != 0 && when > g->dropped_until)
    when = g->dropped_until; /* look again then */
  return when;
}


void uvllm__gcra_add(uvllm__gcra_t* g, uint64_t cost) {
  g->owed = (g->owed > 0 ? g->owed : 0) + units(g, cost);
}


void uvllm__gcra_correct(uvllm__gcra_t* g, uint64_t more, uint64_t less) {
  uvllm__units_t owed = (g->owed > 0 ? g->owed : 0) + units(g, more) - units(g, less);
  if (more > less || (g->owed > 0 && owed > 0))
    g->owed = owed;
  else if (g->owed > 0)
    g->owed = 0;
  clamp(g);
}


void uvllm__gcra_drop(uvllm__gcra_t* g, uint64_t remaining, uint64_t until_ns) {
  if (remaining >= g->burst)
    return;
  uvllm__units_t owed = units(g, g->burst - remaining);
  if (owed <= g->owed)
    return;
  g->dropped += owed - (g->owed > 0 ? g->owed : 0);
  g->dropped_until = until_ns;
  g->owed = owed;
}
