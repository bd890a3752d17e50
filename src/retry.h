/* When a failed request goes again. Pure: randomness and time are arguments. */
#ifndef UVLLM_SRC_RETRY_H
#define UVLLM_SRC_RETRY_H

#include "mem.h"

/* Nanoseconds to wait after `failures` attempts failed (at least 1): full jitter
 * between 0 and min(30 s, 0.5 s * 2^(failures - 1)). Where the server said when
 * (has_after), that is the least, with up to a tenth more, so that those who
 * were told the same do not come back together. */
uint64_t uvllm__retry_wait(uint32_t failures, int has_after, uint64_t after_ns, uint64_t random);

#endif
