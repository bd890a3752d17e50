/* Signature Version 4 of what build() and the options have written. What is signed is
 * the host, the content type and all x-amz- headers: the rest may be changed by
 * whoever passes it on.
 */
#include "bedrock.h"
#include "http_build.h"
#include "sigv4.h"

enum { EXTRA = 1 }; /* headers beside http's: the host */


static int starts_with(uvllm_str_t s, const char* lower) {
  for (size_t i = 0; lower[i] != '\0'; i++)
    if (i >= s.len || (s.base[i] | 0x20) != (lower[i] | 0x20))
      return 0;
  return 1;
}


static int is_signed(uvllm_str_t name) {
  return starts_with(name, "x-amz-") || (name.len == 12 && starts_with(name, "content-type"));
}


/* ---- The base URL ---- */

typedef struct where_s {
  uvllm_str_t host, path; /* as the transports write them */
} where_t;


static where_t split(uvllm_str_t url) {
  const int tls = starts_with(url, "https://"), plain = starts_with(url, "http://");
  const char* port = tls ? ":443" : ":80";
  where_t w = { url, { NULL, 0 } };
  w.host.base += tls ? 8 : plain ? 7 : 0;
  w.host.len -= tls ? 8 : plain ? 7 : 0;
  const char* slash = w.host.len != 0 ? memchr(w.host.base, '/', w.host.len) : NULL;
  if (slash != NULL) {
    w.path.base = slash;
    w.path.len = w.host.len - (size_t) (slash - w.host.base);
    w.host.len -= w.path.len;
  }
  const size_t n = strlen(port);
  if (w.host.len > n && memcmp(w.host.base + w.host.len - n, port, n) == 0)
    w.host.len -= n;
  return w;
}


static uvllm_str_t label(uvllm_str_t* rest) {
  const char* dot = rest->len != 0 ? memchr(rest->base, '.', rest->len) : NULL;
  const uvllm_str_t l = { rest->base, dot != NULL ? (size_t) (dot - rest->base) : rest->len };
  rest->base += l.len + (dot != NULL);
  rest->len -= l.len + (dot != NULL);
  return l;
}


/* The label behind the service's in a host of Amazon's: where the endpoint is must be
 * what is signed for. Elsewhere (a proxy) the parameter says it. */
static uvllm_str_t region_of(const uvllm_attempt_t* attempt, uvllm_str_t host) {
  const char* param = uvllm_param(attempt->params, attempt->nparams, "region");
  uvllm_str_t region = { NULL, 0 };
  while (host.len != 0) {
    const uvllm_str_t name = label(&host);
    uvllm_str_t rest = host;
    if (uvllm__str_eq(name, "bedrock-runtime") || uvllm__str_eq(name, "bedrock-runtime-fips") ||
        uvllm__str_eq(name, "bedrock") || uvllm__str_eq(name, "bedrock-fips"))
      region = label(&rest);
    else if (region.len != 0 && uvllm__str_eq(name, "amazonaws"))
      return region;
  }
  return uvllm__str(param != NULL ? param : "us-east-1");
}


/* ---- Signing ---- */

static size_t gather(const uvllm_http_t* http, uvllm_str_t host, uvllm__sigv4_pair_t* pairs) {
  size_t n = 0;
  pairs[n].name = uvllm__str("host");
  pairs[n++].value = host;
  for (size_t i = 0; i < http->nheaders; i++) {
    const uvllm__http_header_t* h = &http->headers[i];
    const uvllm_str_t name = { http->text.base + h->offset, h->name_len };
    if (!is_signed(name))
      continue;
    pairs[n].name = name;
    pairs[n].value.base = name.base + h->name_len + 2;
    pairs[n++].value.len = h->len - h->name_len - 4;
  }
  return n;
}


static int put_authorization(const uvllm__sigv4_t* v, uvllm_str_t key, uvllm_http_t* http) {
  char signature[UVLLM__SIGV4_HEX + 1];
  uvllm__buf_t out;
  uvllm__buf_init(&out, uvllm_http_alloc(http), SIZE_MAX);
  int err = uvllm__sigv4(v, uvllm_http_alloc(http), signature);
  uvllm__buf_str(&out, "AWS4-HMAC-SHA256 Credential=");
  uvllm__buf_append(&out, key.base, key.len);
  uvllm__buf_char(&out, '/');
  if (err == 0)
    err = uvllm__sigv4_scope(v, &out);
  uvllm__buf_str(&out, ", SignedHeaders=");
  if (err == 0)
    err = uvllm__sigv4_names(v, &out);
  uvllm__buf_str(&out, ", Signature=");
  uvllm__buf_str(&out, signature);
  if (err == 0)
    err = out.err;
  if (err == 0)
    uvllm_http_secret(http, "Authorization", "", uvllm__buf_slice(&out));
  uvllm__buf_free(&out);
  return err;
}


int uvllm__bedrock_sign(void* state, const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  char date[UVLLM__SIGV4_DATE + 1];
  uvllm__sigv4_pair_t pairs[UVLLM__HTTP_MAX_HEADERS + EXTRA];
  uvllm__buf_t target;
  (void) state;
  if (attempt->secret.len == 0)
    return 0;
  const where_t where = split(attempt->base_url);
  const char* service = uvllm_param(attempt->params, attempt->nparams, "service");
  uvllm__sigv4_date(attempt->unix_ms, date);
  uvllm_http_header(http, "X-Amz-Date", uvllm__str(date));
  if (attempt->session.len != 0)
    uvllm_http_secret(http, "X-Amz-Security-Token", "", attempt->session);
  if (http->err != 0)
    return http->err;
  uvllm__buf_init(&target, uvllm_http_alloc(http), SIZE_MAX);
  uvllm__buf_append(&target, where.path.base, where.path.len);
  int err = uvllm__buf_append(&target, http->path.base, http->path.len);
  const uvllm__sigv4_t v = {
    .method = uvllm__str(http->method), .target = uvllm__buf_slice(&target),
    .headers = pairs, .nheaders = gather(http, where.host, pairs),
    .body = uvllm__http_body(http), .date = uvllm__str(date),
    .region = region_of(attempt, where.host),
    .service = uvllm__str(service != NULL ? service : "bedrock"), .secret = attempt->secret
  };
  if (err == 0)
    err = put_authorization(&v, attempt->key, http);
  uvllm__buf_free(&target);
  return err;
}
