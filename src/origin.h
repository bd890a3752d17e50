/* Where a provider is: its checked base URL, and how it is to be reached.
 * Counted, since attempts keep the one they started with.
 */
#ifndef UVLLM_SRC_ORIGIN_H
#define UVLLM_SRC_ORIGIN_H

#include "address.h"

typedef struct uvllm__origin_s {
  const uvllm_alloc_t* alloc;
  unsigned int refs;
  uint64_t id;       /* never the same for two: pooled handles compare it */
  char* base_url;    /* without the slash at its end; "http://localhost/..." for unix: */
  char* host;        /* for the resolver and for logs: of the proxy if there is one */
  unsigned int port;
  int tls, loopback;
  int needs_dns;     /* neither a literal address, nor localhost, nor a Unix socket */
  uvllm__addresses_t* addresses; /* of these, but for the Unix socket; else NULL */
  char* unix_path;   /* of a Unix socket; NULL: TCP */
  int plain;         /* carried by plain sockets, not by curl */
  uvllm_str_t target;    /* plain: " /path" of the base URL, " " if it has none */
  uvllm_str_t host_line; /* plain: " HTTP/1.1\r\nHost: host:port\r\n" */
  char* proxy;       /* NULL: none */
  char* ca_file;     /* NULL: the system's */
} uvllm__origin_t;

typedef struct uvllm__origin_wish_s {
  const char* base_url; /* http://, https://, or unix:/path/to.sock:/base */
  const char* proxy;    /* NULL: none */
  const char* ca_file;  /* NULL: the system's */
  int allow_http;
  uvllm_transport transport;
} uvllm__origin_wish_t;

/* UV_EINVAL: not http(s) nor unix:, a user, a query, a fragment, control
 * characters; plain http:// beyond loopback without allow_http; plain sockets for
 * what only curl can do; a proxy to a Unix socket. UV_ENOENT and the like: the CA file cannot be read.
 * *why is a static text. */
int uvllm__origin_new(uvllm__origin_t** o, const uvllm_alloc_t* alloc,
                      const uvllm__origin_wish_t* wish, const char** why);
uvllm__origin_t* uvllm__origin_ref(uvllm__origin_t* o);
void uvllm__origin_unref(uvllm__origin_t* o);

#endif
