/* Full jitter (AWS architecture blog, "Exponential Backoff And Jitter"), with the
 * server's Retry-After as its floor (RFC 9110, 10.2.3).
 */
#include "retry.h"

#define BASE_NS UINT64_C(500000000)
#define CAP_NS UINT64_C(30000000000)


static uint64_t below(uint64_t random, uint64_t limit) {
  return (uint64_t) (((unsigned __int128) random * limit) >> 64);
}


uint64_t uvllm__retry_wait(uint32_t failures, int has_after, uint64_t after_ns, uint64_t random) {
  if (has_after) {
    uint64_t spread = after_ns / 10;
    if (spread > CAP_NS)
      spread = CAP_NS;
    uint64_t jitter = below(random, spread + 1);
    return after_ns > UINT64_MAX - jitter ? UINT64_MAX : after_ns + jitter;
  }
  unsigned int doublings = failures > 1 ? failures - 1 : 0;
  uint64_t ceiling = doublings < 6 ? BASE_NS << doublings : CAP_NS;
  if (ceiling > CAP_NS)
    ceiling = CAP_NS;
  return below(random, ceiling + 1);
}
