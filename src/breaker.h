/* A circuit breaker: whether those who come are answered at all, and what to do while
 * they are not. Pure.
 *
 * Closed, it counts. It opens when 16 attempts in a row failed: a provider that answers
 * every other one is better asked again at once. Then nobody goes, for 1 s; after that
 * one goes to find out, and if it fails it is open for twice as long, up to 30 s. With an
 * answer two more may go for each that comes, until 64 do at once: then it is closed.
 * Four failures in a row meanwhile open it again, for 1 s. What had begun before it opened
 * changes nothing any more.
 * It does not open before anybody was answered: what has never worked is more likely a
 * mistake of the caller's than an outage, and is better told at once.
 */
#ifndef UVLLM_SRC_BREAKER_H
#define UVLLM_SRC_BREAKER_H

#include <stdint.h>

typedef enum {
  UVLLM__OUTCOME_ALIVE,  /* answered, if only by an error of the caller's */
  UVLLM__OUTCOME_FAULT,  /* the provider's fault, or nobody was there */
  UVLLM__OUTCOME_UNKNOWN /* cancelled, or never sent */
} uvllm__outcome;

typedef struct uvllm__breaker_s {
  uint64_t until_ns;       /* open until then */
  uint64_t open_ns;        /* for how long it was opened; 0: closed */
  uint32_t rounds;         /* openings since an answer */
  uint32_t faults;         /* in a row */
  int has_answered;
  uint32_t generation;     /* counts the openings */
  uint32_t room, inflight; /* while it is not closed: how many may go, and do */
} uvllm__breaker_t;

/* 0: now. UINT64_MAX: not before one that is under way ends. */
uint64_t uvllm__breaker_when(const uvllm__breaker_t* b, uint64_t now_ns);
/* One goes: the ticket is for its end. */
uint32_t uvllm__breaker_begin(uvllm__breaker_t* b);
/* 1: it has opened; -1: it has closed; 0: neither. jitter: by chance, from 0 to 1, so
 * that not all clients come back together. */
int uvllm__breaker_end(uvllm__breaker_t* b, uint64_t now_ns, uint32_t ticket,
                       uvllm__outcome outcome, double jitter);
int uvllm__breaker_is_closed(const uvllm__breaker_t* b);

#endif
