/* Checking base URLs. The parsing is curl's own, so that what is checked is
 * what will be asked for.
 */
#include "origin.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <unistd.h>

#include "buf.h"

static uint64_t next_id; /* of origins in this process; only ever compared */


/* Names beyond ASCII mean what the process's locale makes of them. */
static int is_printable_ascii(const char* s) {
  for (; *s != '\0'; s++)
    if ((unsigned char) *s <= 0x20 || (unsigned char) *s >= 0x7f)
      return 0;
  return 1;
}


static int has_part(CURLU* u, CURLUPart part) {
  char* s = NULL;
  int has = curl_url_get(u, part, &s, 0) == CURLUE_OK;
  curl_free(s);
  return has;
}


static int keep_addresses(uvllm__origin_t* o, const uvllm__addresses_t* known) {
  uvllm__free(o->alloc, o->addresses);
  o->addresses = NULL;
  if (known->n == 0)
    return 0;
  o->addresses = uvllm__malloc(o->alloc, sizeof(*known));
  if (o->addresses == NULL)
    return UVLLM__ENOMEM;
  *o->addresses = *known;
  return 0;
}


/* Host and port of a URL, and what of its addresses is known already. */
static int take_host(uvllm__origin_t* o, CURLU* u, unsigned int default_port, int* loopback) {
  char* host = NULL;
  char* port = NULL;
  uvllm__addresses_t known;
  int err = UVLLM__EINVAL;
  if (curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK || host[0] == '\0')
    goto out;
  if (curl_url_get(u, CURLUPART_PORT, &port, 0) != CURLUE_OK)
    port = NULL;
  o->port = port != NULL ? (unsigned int) strtoul(port, NULL, 10) : default_port;
  o->needs_dns = !uvllm__addresses_of(&known, host, o->port, loopback);
  if (o->unix_path != NULL || has_part(u, CURLUPART_ZONEID))
    known.n = 0; /* a host in name only; curl knows what to do with a zone */
  uvllm__free(o->alloc, o->host);
  o->host = uvllm__strdup(o->alloc, host);
  err = o->host != NULL ? keep_addresses(o, &known) : UVLLM__ENOMEM;
out:
  curl_free(host);
  curl_free(port);
  return err;
}


static int check_base(uvllm__origin_t* o, CURLU* u, const char* url, int allow_http,
                      const char** why) {
  char* scheme = NULL;
  *why = "the base URL has a blank, or something beyond ASCII: write a name as xn--...";
  if (!is_printable_ascii(url))
    return UVLLM__EINVAL;
  *why = "the base URL is not a URL";
  if (curl_url_set(u, CURLUPART_URL, url, CURLU_PATH_AS_IS) != CURLUE_OK)
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


/* "unix:/path/to.sock" or "unix:/path/to.sock:/base" is asked as
 * "http://localhost/base"; *url is that. */
static int take_unix(uvllm__origin_t* o, const char* text, char** url, const char** why) {
  const struct sockaddr_un* un = NULL;
  const char* path = text + strlen("unix:");
  const char* colon = strchr(path, ':');
  uvllm_str_t file = { path, colon != NULL ? (size_t) (colon - path) : strlen(path) };
  uvllm__buf_t b;
  *why = "unix: needs an absolute path of less than 108 bytes, then perhaps :/base";
  if (path[0] != '/' || file.len >= sizeof(un->sun_path) || (colon != NULL && colon[1] != '/'))
    return UVLLM__EINVAL;
  o->unix_path = uvllm__strndup(o->alloc, file);
  uvllm__buf_init(&b, o->alloc, SIZE_MAX);
  uvllm__buf_str(&b, "http://localhost");
  uvllm__buf_str(&b, colon != NULL ? colon + 1 : "");
  if (uvllm__buf_append(&b, "", 1) != 0 || o->unix_path == NULL) {
    uvllm__buf_free(&b);
    *why = "out of memory";
    return UVLLM__ENOMEM;
  }
  *url = b.base;
  return 0;
}


static int choose_transport(uvllm__origin_t* o, uvllm_transport transport, const char** why) {
  int reachable = o->needs_dns || o->addresses != NULL || o->unix_path != NULL;
  int possible = !o->tls && o->proxy == NULL && reachable;
  *why = "plain sockets cannot do https:// or a proxy";
  if (transport == UVLLM_TRANSPORT_PLAIN && !possible)
    return UVLLM__EINVAL;
  *why = "no such transport";
  if (transport != UVLLM_TRANSPORT_AUTO && transport != UVLLM_TRANSPORT_PLAIN &&
      transport != UVLLM_TRANSPORT_CURL)
    return UVLLM__EINVAL;
  o->plain = possible && transport != UVLLM_TRANSPORT_CURL;
  return 0;
}


static int make_target(uvllm__origin_t* o, const char* path) {
  uvllm_str_t trimmed = uvllm__str(path);
  uvllm__buf_t b;
  while (trimmed.len > 0 && path[trimmed.len - 1] == '/')
    trimmed.len--;
  uvllm__buf_init(&b, o->alloc, SIZE_MAX);
  uvllm__buf_char(&b, ' ');
  uvllm__buf_append(&b, trimmed.base, trimmed.len);
  o->target = uvllm__buf_slice(&b);
  return b.err;
}


static int make_host_line(uvllm__origin_t* o) {
  uvllm__buf_t b;
  uvllm__buf_init(&b, o->alloc, SIZE_MAX);
  uvllm__buf_str(&b, " HTTP/1.1\r\nHost: ");
  uvllm__buf_str(&b, o->host);
  if (o->port != 80) {
    uvllm__buf_char(&b, ':');
    uvllm__buf_uint(&b, o->port);
  }
  uvllm__buf_str(&b, "\r\n");
  o->host_line = uvllm__buf_slice(&b);
  return b.err;
}


/* What of each request's first two lines is always the same. */
static int prepare_lines(uvllm__origin_t* o, CURLU* u) {
  char* path = NULL;
  if (!o->plain)
    return 0;
  if (curl_url_get(u, CURLUPART_PATH, &path, 0) != CURLUE_OK)
    return UVLLM__ENOMEM;
  int err = make_target(o, path);
  curl_free(path);
  return err != 0 ? err : make_host_line(o);
}


static int check_ca(const char* ca_file, const char** why) {
  if (ca_file == NULL || access(ca_file, R_OK) == 0)
    return 0;
  *why = "the CA file cannot be read";
  return -errno;
}


static int keep_texts(uvllm__origin_t* o, const char* url, const char* ca_file) {
  uvllm_str_t trimmed = uvllm__str(url);
  while (trimmed.len > 0 && url[trimmed.len - 1] == '/')
    trimmed.len--;
  o->base_url = uvllm__strndup(o->alloc, trimmed);
  o->ca_file = uvllm__strdup(o->alloc, ca_file);
  return o->base_url == NULL || (ca_file != NULL && o->ca_file == NULL) ? UVLLM__ENOMEM : 0;
}


static int fill(uvllm__origin_t* o, CURLU* u, const uvllm__origin_wish_t* wish, const char** why) {
  char* url = NULL;
  const char* base_url = wish->base_url;
  if (u == NULL)
    return UVLLM__ENOMEM;
  int err = 0;
  if (strncmp(base_url, "unix:", 5) == 0) {
    err = take_unix(o, base_url, &url, why);
    base_url = url;
  }
  if (err == 0)
    err = check_base(o, u, base_url, wish->allow_http, why);
  if (err == 0 && wish->proxy != NULL && o->unix_path != NULL) {
    *why = "a Unix socket is not reached by a proxy";
    err = UVLLM__EINVAL;
  }
  if (err == 0 && wish->proxy != NULL)
    err = check_proxy(o, u, wish->proxy, why);
  if (err == 0)
    err = check_ca(wish->ca_file, why);
  if (err == 0)
    err = choose_transport(o, wish->transport, why);
  if (err != 0)
    goto out;
  *why = "out of memory";
  err = keep_texts(o, base_url, wish->ca_file);
  if (err == 0)
    err = prepare_lines(o, u);
out:
  uvllm__free(o->alloc, url);
  return err;
}


int uvllm__origin_new(uvllm__origin_t** out, const uvllm_alloc_t* alloc,
                      const uvllm__origin_wish_t* wish, const char** why) {
  *why = "out of memory";
  uvllm__origin_t* o = uvllm__calloc(alloc, 1, sizeof(*o));
  if (o == NULL)
    return UVLLM__ENOMEM;
  o->alloc = alloc;
  o->refs = 1;
  o->id = __atomic_add_fetch(&next_id, 1, __ATOMIC_RELAXED);
  CURLU* u = curl_url();
  int err = fill(o, u, wish, why);
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
  uvllm__free(a, o->addresses);
  uvllm__free(a, o->unix_path);
  uvllm__free(a, (char*) o->target.base);
  uvllm__free(a, (char*) o->host_line.base);
  uvllm__free_secret(a, o->proxy); /* may hold a password */
  uvllm__free(a, o->ca_file);
  uvllm__free(a, o);
}
