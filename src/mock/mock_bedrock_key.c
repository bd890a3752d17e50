/* Who signed a request: its signature is made again from what came, and compared.
 *
 *   Authorization: AWS4-HMAC-SHA256 Credential=ID/20260101/us-east-1/bedrock/aws4_request,
 *     SignedHeaders=host;x-amz-date, Signature=...
 */
#include "mock/mock_bedrock.h"
#include "sigv4.h"

#include <strings.h>

typedef struct signed_s {
  uvllm_str_t id, day, region, service, last; /* of the credential */
  uvllm_str_t names, signature;
} signed_t;


static uvllm_str_t take_until(uvllm_str_t* s, char mark) {
  const char* end = s->len != 0 ? memchr(s->base, mark, s->len) : NULL;
  const size_t n = end != NULL ? (size_t) (end - s->base) : s->len;
  const uvllm_str_t taken = { s->base, n };
  s->base += n + (end != NULL);
  s->len -= n + (end != NULL);
  return taken;
}


static int skip(uvllm_str_t* s, const char* prefix) {
  const size_t n = strlen(prefix);
  if (s->len < n || memcmp(s->base, prefix, n) != 0)
    return 0;
  s->base += n;
  s->len -= n;
  return 1;
}


static void parse(uvllm_str_t text, signed_t* out) {
  memset(out, 0, sizeof(*out));
  while (text.len != 0) {
    uvllm_str_t part = take_until(&text, ',');
    while (skip(&part, " "))
      continue;
    if (skip(&part, "Credential=")) {
      out->id = take_until(&part, '/');
      out->day = take_until(&part, '/');
      out->region = take_until(&part, '/');
      out->service = take_until(&part, '/');
      out->last = part;
    } else if (skip(&part, "SignedHeaders=")) {
      out->names = part;
    } else if (skip(&part, "Signature=")) {
      out->signature = part;
    }
  }
}


static int same_name(uvllm_str_t a, uvllm_str_t b) {
  return a.len == b.len && a.len != 0 && strncasecmp(a.base, b.base, a.len) == 0;
}


static int is_named(uvllm_str_t names, uvllm_str_t name) {
  while (names.len != 0)
    if (same_name(take_until(&names, ';'), name))
      return 1;
  return 0;
}


/* Those that are named; -1: an x-amz- header is not, or there are too many. */
static int gather(const uvllm__http_in_t* in, uvllm_str_t names, uvllm__sigv4_pair_t* pairs) {
  uvllm_str_t name, value;
  int n = 0;
  for (uint32_t i = 0; uvllm__http_in_field(in, i, &name, &value); i++) {
    if (!is_named(names, name)) {
      if (name.len > 6 && strncasecmp(name.base, "x-amz-", 6) == 0)
        return -1;
      continue;
    }
    if (n == UVLLM__SIGV4_HEADERS)
      return -1;
    pairs[n].name = name;
    pairs[n++].value = value;
  }
  return n;
}


/* Host and date must be signed, and the scope be of that day and for Bedrock. */
static int is_sound(const signed_t* s, uvllm_str_t date) {
  return is_named(s->names, uvllm__str("host")) && is_named(s->names, uvllm__str("x-amz-date")) &&
         date.len == UVLLM__SIGV4_DATE && s->day.len == 8 &&
         memcmp(s->day.base, date.base, 8) == 0 && uvllm__str_eq(s->service, "bedrock") &&
         uvllm__str_eq(s->last, "aws4_request") && s->region.len != 0;
}


static int is_signed_by(const uvllm__mock_request_t* request, const signed_t* s,
                        const char* secret) {
  uvllm__sigv4_pair_t pairs[UVLLM__SIGV4_HEADERS];
  char signature[UVLLM__SIGV4_HEX + 1];
  uvllm_str_t shown;
  const uvllm_str_t date = uvllm__http_in_header(request->in, "x-amz-date");
  const int n = gather(request->in, s->names, pairs);
  const char* method = llhttp_method_name((llhttp_method_t) uvllm__http_in_method(request->in));
  if (n < 0 || !is_sound(s, date))
    return 0;
  const uvllm__sigv4_t v = {
    .method = uvllm__str(method), .target = uvllm__http_in_target(request->in),
    .headers = pairs, .nheaders = (size_t) n, .body = uvllm__http_in_body(request->in),
    .date = date, .region = s->region, .service = s->service, .secret = uvllm__str(secret)
  };
  if (uvllm__sigv4(&v, request->in->body.alloc, signature) != 0)
    return 0;
  return uvllm__mock_check(s->signature, signature, &shown) == UVLLM__KEY_RIGHT;
}


uvllm__mock_key uvllm__mock_bedrock_check_key(const uvllm__mock_request_t* request,
                                              const char* required, uvllm_str_t* shown) {
  uvllm_str_t text = uvllm__http_in_header(request->in, "authorization");
  const char* colon = strchr(required, ':');
  signed_t s;
  if (!skip(&text, "AWS4-HMAC-SHA256 "))
    return uvllm__mock_check(uvllm__mock_bearer(request), required, shown);
  parse(text, &s);
  *shown = s.id.base != NULL ? s.id : text;
  if (colon == NULL || s.id.base == NULL || s.id.len != (size_t) (colon - required) ||
      memcmp(s.id.base, required, s.id.len) != 0)
    return UVLLM__KEY_WRONG;
  return is_signed_by(request, &s, colon + 1) ? UVLLM__KEY_RIGHT : UVLLM__KEY_WRONG;
}
