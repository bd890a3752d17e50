/* Checking base URLs. The parsing is curl's own, so that what is checked is
 * what will be asked for.
 */
#include "origin.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <unistd.h>

static uint64_t next_id; /* of origins in this process; only ever compared */


/* Names beyond ASCII mean what the process's locale makes of them. */
static int is_printable_ascii(const char* s) {
  for (; *s != '\0'; s++)
    if ((unsigned char) *s <= 0x20 || (unsigned char) *s >= 0x7f)
      return 0;
  return 1;
}


static int is_literal(const char* host, int* loopback) {
  struct in_addr v4;
  struct in6_addr v6;
  char bare[64];
  size_t n = strlen(host);
  if (inet_pton(AF_INET, host, &v4) == 1) {
    *loopback = (ntohl(v4.s_addr) >> 24) == 127;
    return 1;
  }
  if (n < 3 || n >= sizeof(bare) || host[0] != '[')
    return 0;
  memcpy(bare, host + 1, n - 2);
  bare[n - 2] = '\0';
  *loopback = inet_pton(AF_INET6, bare, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
  return 1;
}


static int is_localhost(const char* host) {
  size_t n = strlen(host);
  return strcasecmp(host, "localhost") == 0 ||
         (n > 10 && strcasecmp(host + n - 10, ".localhost") == 0);
}


/* Host and port of a URL; *loopback and *needs_dns follow from the host. */
static int take_host(uvllm__origin_t* o, CURLU* u, unsigned int default_port, int* loopback) {
  char* host = NULL;
  char* port = NULL;
  int err = UVLLM__EINVAL;
  if (curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK || host[0] == '\0')
    goto out;
  if (curl_url_get(u, CURLUPART_PORT, &port, 0) != CURLUE_OK)
    port = NULL;
  *loopback = 0;
  int literal = is_literal(host, loopback);
  if (!literal && is_localhost(host))
    *loopback = 1;
  o->needs_dns = !literal && !is_localhost(host);
  o->port = port != NULL ? (unsigned int) strtoul(port, NULL, 10) : default_port;
  uvllm__free(o->alloc, o->host);
  o->host = uvllm__strdup(o->alloc, host);
  err = o->host != NULL ? 0 : UVLLM__ENOMEM;
out:
  curl_free(host);
  curl_free(port);
  return err;
}


static int has_part(CURLU* u, CURLUPart part) {
  char* s = NULL;
  int has = curl_url_get(u, part, &s, 0) == CURLUE_OK;
  curl_free(s);
  return has;
}


static int check_base(uvllm__origin_t* o, CURLU* u, const char* url, int allow_http,
                      const char** why) {
  char* scheme = NULL;
  *why = "the base URL has a blank, or something beyond ASCII: write a name as xn--...";
  if (!is_printable_ascii(url))
    return UVLLM__EINVAL;
  *why = "the base URL is not a URL";
  if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK)
    return UVLLM__EINVAL;
  *why = "the base URL has a user, a query or a fragment";
  if (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_PASSWORD) ||
      has_part(u, CURLUPART_QUERY) || has_part(u, CURLUPART_FRAGMENT))
    return UVLLM__EINVAL;
  *why = "the base URL is neither https:// nor http://";
  if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
    return UVLLM__EINVAL;
  o->tls = strcmp(scheme, "https") == 0;
  int http = strcmp(scheme, "http") == 0;
  curl_free(scheme);
  if (!o->tls && !http)
    return UVLLM__EINVAL;
  *why = "the base URL has no host";
  int err = take_host(o, u, o->tls ? 443 : 80, &o->loopback);
  if (err != 0)
    return err;
  *why = "plain http:// is for loopback only, unless it is allowed";
  return http && !o->loopback && !allow_http ? UVLLM__EINVAL : 0;
}


/* Those for whom curl need not resolve the server's name. */
static int is_proxy_scheme(const char* scheme) {
  static const char* const known[] = { "http", "https", "socks4a", "socks5h" };
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
    if (strcmp(scheme, known[i]) == 0)
      return 1;
  return 0;
}


/* The resolver is asked for the proxy's name then, the proxy for the server's.
 * The default ports are curl's. */
static int check_proxy(uvllm__origin_t* o, CURLU* u, const char* proxy, const char** why) {
  int loopback;
  char* scheme = NULL;
  *why = "the proxy is not a URL";
  curl_url_set(u, CURLUPART_URL, NULL, 0); /* else it is read as relative to the base URL */
  if (!is_printable_ascii(proxy) ||
      curl_url_set(u, CURLUPART_URL, proxy, CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME) ||
      curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
    return UVLLM__EINVAL;
  int known = is_proxy_scheme(scheme), tls = strcmp(scheme, "https") == 0;
  curl_free(scheme);
  *why = "the proxy is none of http://, https://, socks4a:// and socks5h://";
  if (!known)
    return UVLLM__EINVAL;
  int err = take_host(o, u, tls ? 443 : 1080, &loopback);
  if (err != 0)
    return err;
  o->proxy = uvllm__strdup(o->alloc, proxy);
  return o->proxy != NULL ? 0 : UVLLM__ENOMEM;
}


static int fill(uvllm__origin_t* o, CURLU* u, const char* base_url, const char* proxy,
                const char* ca_file, int allow_http, const char** why) {
  if (u == NULL)
    return UVLLM__ENOMEM;
  int err = check_base(o, u, base_url, allow_http, why);
  if (err == 0 && proxy != NULL)
    err = check_proxy(o, u, proxy, why);
  if (err == 0 && ca_file != NULL && access(ca_file, R_OK) != 0) {
    *why = "the CA file cannot be read";
    err = -errno;
  }
  if (err != 0)
    return err;
  size_t n = strlen(base_url);
  while (n > 0 && base_url[n - 1] == '/')
    n--;
  uvllm_str_t trimmed = { base_url, n };
  o->base_url = uvllm__strndup(o->alloc, trimmed);
  o->ca_file = uvllm__strdup(o->alloc, ca_file);
  return o->base_url == NULL || (ca_file != NULL && o->ca_file == NULL) ? UVLLM__ENOMEM : 0;
}


int uvllm__origin_new(uvllm__origin_t** out, const uvllm_alloc_t* alloc, const char* base_url,
                      const char* proxy, const char* ca_file, int allow_http, const char** why) {
  *why = "out of memory";
  uvllm__origin_t* o = uvllm__calloc(alloc, 1, sizeof(*o));
  if (o == NULL)
    return UVLLM__ENOMEM;
  o->alloc = alloc;
  o->refs = 1;
  o->id = __atomic_add_fetch(&next_id, 1, __ATOMIC_RELAXED);
  CURLU* u = curl_url();
  int err = fill(o, u, base_url, proxy, ca_file, allow_http, why);
  curl_url_cleanup(u);
  if (err != 0) {
    uvllm__origin_unref(o);
    return err;
  }
  *out = o;
  return 0;
}


uvllm__origin_t* uvllm__origin_ref(uvllm__origin_t* o) {
  o->refs++;
  return o;
}


void uvllm__origin_unref(uvllm__origin_t* o) {
  if (o == NULL || --o->refs > 0)
    return;
  const uvllm_alloc_t* a = o->alloc;
  uvllm__free(a, o->base_url);
  uvllm__free(a, o->host);
  uvllm__free_secret(a, o->proxy); /* may hold a password */
  uvllm__free(a, o->ca_file);
  uvllm__free(a, o);
}
