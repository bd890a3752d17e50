/* Where a connection may be made to: see address.h. */
#include "address.h"

#include <arpa/inet.h>
#include <strings.h>


static void add_v4(uvllm__addresses_t* a, struct in_addr ip, unsigned int port) {
  uvllm__address_t* to = &a->list[a->n++];
  to->v4.sin_family = AF_INET;
  to->v4.sin_port = htons((uint16_t) port);
  to->v4.sin_addr = ip;
}


static void add_v6(uvllm__addresses_t* a, struct in6_addr ip, unsigned int port) {
  uvllm__address_t* to = &a->list[a->n++];
  to->v6.sin6_family = AF_INET6;
  to->v6.sin6_port = htons((uint16_t) port);
  to->v6.sin6_addr = ip;
}


static int is_localhost(const char* host) {
  size_t n = strlen(host);
  return strcasecmp(host, "localhost") == 0 ||
         (n > 10 && strcasecmp(host + n - 10, ".localhost") == 0);
}


/* The text between brackets; a zone is not taken. */
static int read_v6(const char* host, struct in6_addr* v6) {
  char bare[INET6_ADDRSTRLEN];
  size_t n = strlen(host);
  if (n < 3 || n - 2 >= sizeof(bare) || host[0] != '[' || host[n - 1] != ']')
    return 0;
  memcpy(bare, host + 1, n - 2);
  bare[n - 2] = '\0';
  return inet_pton(AF_INET6, bare, v6) == 1;
}


int uvllm__addresses_of(uvllm__addresses_t* a, const char* host, unsigned int port,
                        int* loopback) {
  struct in_addr v4 = { htonl(INADDR_LOOPBACK) };
  struct in6_addr v6 = in6addr_loopback;
  memset(a, 0, sizeof(*a));
  *loopback = 0;
  if (is_localhost(host)) {
    add_v6(a, v6, port);
    add_v4(a, v4, port);
    *loopback = 1;
  } else if (inet_pton(AF_INET, host, &v4) == 1) {
    add_v4(a, v4, port);
    *loopback = (ntohl(v4.s_addr) >> 24) == 127;
  } else if (read_v6(host, &v6)) {
    add_v6(a, v6, port);
    *loopback = IN6_IS_ADDR_LOOPBACK(&v6);
  }
  return a->n != 0;
}


void uvllm__addresses_interleave(uvllm__addresses_t* a) {
  for (unsigned int i = 1; i < a->n; i++) {
    unsigned int j = i;
    while (j < a->n && a->list[j].any.sa_family == a->list[i - 1].any.sa_family)
      j++;
    if (j == a->n)
      return;
    uvllm__address_t next = a->list[j];
    memmove(&a->list[i + 1], &a->list[i], (j - i) * sizeof(next));
    a->list[i] = next;
  }
}
