/* Where a provider is: its checked base URL, and how it is to be reached.
 * Counted, since attempts keep the one they started with.
 */
#ifndef UVLLM_SRC_ORIGIN_H
#define UVLLM_SRC_ORIGIN_H

#include "mem.h"

typedef struct uvllm__origin_s {
  const uvllm_alloc_t* alloc;
  unsigned int refs;
  uint64_t id;       /* never the same for two: pooled handles compare it */
  char* base_url;    /* as given, without the slash at its end */
  char* host;        /* for the resolver and for logs: of the proxy if there is one */
  unsigned int port;
  int tls, loopback;
  int needs_dns;     /* neither a literal address nor localhost */
  char* proxy;       /* NULL: none */
  char* ca_file;     /* NULL: the system's */
} uvllm__origin_t;

/* UV_EINVAL: not http(s), a user, a query, a fragment, control characters; or
 * plain http:// beyond loopback without allow_http. UV_ENOENT and the like: the
 * CA file cannot be read. *why is a static text. */
int uvllm__origin_new(uvllm__origin_t** o, const uvllm_alloc_t* alloc, const char* base_url,
                      const char* proxy, const char* ca_file, int allow_http, const char** why);
uvllm__origin_t* uvllm__origin_ref(uvllm__origin_t* o);
void uvllm__origin_unref(uvllm__origin_t* o);

#endif
