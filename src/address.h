/* Where a connection may be made to: socket addresses in the order in which they
 * are to be tried.
 */
#ifndef UVLLM_SRC_ADDRESS_H
#define UVLLM_SRC_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "mem.h"

enum { UVLLM__MAX_ADDRESSES = 8 };

typedef union uvllm__address_u {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
} uvllm__address_t;

typedef struct uvllm__addresses_s {
  unsigned int n;
  uvllm__address_t list[UVLLM__MAX_ADDRESSES];
} uvllm__addresses_t;

/* Of a host as it stands in a URL. 1 if it needs no resolver: a literal address,
 * an IPv6 one in brackets, or localhost (RFC 6761, 6.3), which is ::1, then
 * 127.0.0.1. *loopback: whether all of them are. */
int uvllm__addresses_of(uvllm__addresses_t* a, const char* host, unsigned int port,
                        int* loopback);
/* IPv4 and IPv6 by turns (RFC 8305, 4): a family that leads nowhere costs little. */
void uvllm__addresses_interleave(uvllm__addresses_t* a);

static inline socklen_t uvllm__address_len(const uvllm__address_t* a) {
  return a->any.sa_family == AF_INET6 ? sizeof(a->v6) : sizeof(a->v4);
}

#endif
