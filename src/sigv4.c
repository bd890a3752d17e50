/* Canonical request, string to sign, signing key, signature: see sigv4.h. Whatever
 * held the secret or what was made of it is wiped.
 */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "sigv4.h"

#include <stdio.h>
#include <time.h>

typedef uvllm__sigv4_pair_t pair_t;

/* A pointer to each, in their order; those of one name stay in theirs. */
typedef struct order_s {
  const pair_t* list[UVLLM__SIGV4_HEADERS];
  size_t n;
} order_t;


static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char) (c | 0x20) : c;
}


static int compare(uvllm_str_t a, uvllm_str_t b, int fold) {
  for (size_t i = 0; i < a.len && i < b.len; i++) {
    const unsigned char x = (unsigned char) (fold ? lower(a.base[i]) : a.base[i]);
    const unsigned char y = (unsigned char) (fold ? lower(b.base[i]) : b.base[i]);
    if (x != y)
      return x < y ? -1 : 1;
  }
  return a.len < b.len ? -1 : a.len > b.len;
}


static int add(order_t* o, const pair_t* pair, int is_header) {
  size_t at = o->n;
  if (o->n == UVLLM__SIGV4_HEADERS)
    return UVLLM__EINVAL;
  for (; at != 0; at--) {
    int c = compare(o->list[at - 1]->name, pair->name, is_header);
    if (c == 0 && !is_header)
      c = compare(o->list[at - 1]->value, pair->value, 0);
    if (c <= 0)
      break;
    o->list[at] = o->list[at - 1];
  }
  o->list[at] = pair;
  o->n++;
  return 0;
}


static int sort_headers(order_t* o, const uvllm__sigv4_t* s) {
  int err = 0;
  o->n = 0;
  for (size_t i = 0; err == 0 && i < s->nheaders; i++)
    err = add(o, &s->headers[i], 1);
  return err;
}


static int same_as_before(const order_t* o, size_t i) {
  return i != 0 && compare(o->list[i - 1]->name, o->list[i]->name, 1) == 0;
}


static void put_lower(uvllm__buf_t* out, uvllm_str_t name) {
  for (size_t i = 0; i < name.len; i++)
    uvllm__buf_char(out, lower(name.base[i]));
}


static void put_names(uvllm__buf_t* out, const order_t* o) {
  for (size_t i = 0; i < o->n; i++) {
    if (same_as_before(o, i))
      continue;
    if (i != 0)
      uvllm__buf_char(out, ';');
    put_lower(out, o->list[i]->name);
  }
}


/* Without the blanks around it, and one where there are several. */
static void put_value(uvllm__buf_t* out, uvllm_str_t value) {
  int pending = 0, any = 0;
  for (size_t i = 0; i < value.len; i++) {
    if (value.base[i] == ' ' || value.base[i] == '\t') {
      pending = any;
      continue;
    }
    if (pending)
      uvllm__buf_char(out, ' ');
    uvllm__buf_char(out, value.base[i]);
    pending = 0;
    any = 1;
  }
}


/* Several of a name are one line with commas. */
static void put_headers(uvllm__buf_t* out, const order_t* o) {
  for (size_t i = 0; i < o->n; i++) {
    if (same_as_before(o, i)) {
      uvllm__buf_char(out, ',');
    } else {
      if (i != 0)
        uvllm__buf_char(out, '\n');
      put_lower(out, o->list[i]->name);
      uvllm__buf_char(out, ':');
    }
    put_value(out, o->list[i]->value);
  }
  uvllm__buf_char(out, '\n');
}


static void put_path(uvllm__buf_t* out, uvllm_str_t path) {
  static const char hex[] = "0123456789ABCDEF";
  static const char others[5] = { '-', '.', '_', '~', '/' };
  if (path.len == 0)
    uvllm__buf_char(out, '/');
  for (size_t i = 0; i < path.len; i++) {
    const unsigned char c = (unsigned char) path.base[i];
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
        memchr(others, c, sizeof(others)) != NULL) {
      uvllm__buf_char(out, (char) c);
      continue;
    }
    const char escaped[3] = { '%', hex[c >> 4], hex[c & 15] };
    uvllm__buf_append(out, escaped, 3);
  }
}


static uvllm_str_t take_until(uvllm_str_t* s, char mark) {
  const char* end = s->len != 0 ? memchr(s->base, mark, s->len) : NULL;
  const size_t n = end != NULL ? (size_t) (end - s->base) : s->len;
  const uvllm_str_t taken = { s->base, n };
  s->base += n + (end != NULL);
  s->len -= n + (end != NULL);
  return taken;
}


static int put_query(uvllm__buf_t* out, uvllm_str_t query) {
  pair_t pairs[UVLLM__SIGV4_HEADERS];
  order_t o = { .n = 0 };
  while (query.len != 0) {
    uvllm_str_t part = take_until(&query, '&');
    if (part.len == 0)
      continue;
    if (o.n == UVLLM__SIGV4_HEADERS)
      return UVLLM__EINVAL;
    pair_t* pair = &pairs[o.n];
    pair->name = take_until(&part, '=');
    pair->value = part;
    add(&o, pair, 0);
  }
  for (size_t i = 0; i < o.n; i++) {
    if (i != 0)
      uvllm__buf_char(out, '&');
    uvllm__buf_append(out, o.list[i]->name.base, o.list[i]->name.len);
    uvllm__buf_char(out, '=');
    uvllm__buf_append(out, o.list[i]->value.base, o.list[i]->value.len);
  }
  return 0;
}


static int put_hash(uvllm__buf_t* out, uvllm_str_t data) {
  unsigned char digest[UVLLM__SHA256_BYTES];
  char hex[UVLLM__SIGV4_HEX + 1];
  const int err = uvllm__sha256(data, digest);
  uvllm__digest_hex(digest, hex);
  return err != 0 ? err : uvllm__buf_append(out, hex, UVLLM__SIGV4_HEX);
}


int uvllm__sigv4_names(const uvllm__sigv4_t* s, uvllm__buf_t* out) {
  order_t o;
  const int err = sort_headers(&o, s);
  if (err == 0)
    put_names(out, &o);
  return err != 0 ? err : out->err;
}


int uvllm__sigv4_canonical(const uvllm__sigv4_t* s, uvllm__buf_t* out) {
  uvllm_str_t query = s->target;
  const uvllm_str_t path = take_until(&query, '?');
  order_t o;
  int err = sort_headers(&o, s);
  if (err != 0)
    return err;
  uvllm__buf_append(out, s->method.base, s->method.len);
  uvllm__buf_char(out, '\n');
  put_path(out, path);
  uvllm__buf_char(out, '\n');
  err = put_query(out, query);
  uvllm__buf_char(out, '\n');
  put_headers(out, &o);
  uvllm__buf_char(out, '\n');
  put_names(out, &o);
  uvllm__buf_char(out, '\n');
  return err != 0 ? err : put_hash(out, s->body);
}


void uvllm__sigv4_date(uint64_t unix_ms, char date[UVLLM__SIGV4_DATE + 1]) {
  const time_t seconds = (time_t) (unix_ms / 1000);
  struct tm t;
  date[0] = '\0';
  if (gmtime_r(&seconds, &t) != NULL)
    strftime(date, UVLLM__SIGV4_DATE + 1, "%Y%m%dT%H%M%SZ", &t);
}


static uvllm_str_t day_of(const uvllm__sigv4_t* s) {
  const uvllm_str_t day = { s->date.base, 8 };
  return day;
}


int uvllm__sigv4_scope(const uvllm__sigv4_t* s, uvllm__buf_t* out) {
  const uvllm_str_t parts[] = { day_of(s), s->region, s->service };
  if (s->date.len != UVLLM__SIGV4_DATE)
    return UVLLM__EINVAL;
  for (size_t i = 0; i < 3; i++) {
    uvllm__buf_append(out, parts[i].base, parts[i].len);
    uvllm__buf_char(out, '/');
  }
  return uvllm__buf_str(out, "aws4_request");
}


static int put_string_to_sign(const uvllm__sigv4_t* s, uvllm_str_t canonical,
                              uvllm__buf_t* out) {
  uvllm__buf_str(out, "AWS4-HMAC-SHA256\n");
  uvllm__buf_append(out, s->date.base, s->date.len);
  uvllm__buf_char(out, '\n');
  const int err = uvllm__sigv4_scope(s, out);
  uvllm__buf_char(out, '\n');
  return err != 0 ? err : put_hash(out, canonical);
}


/* Each step's result is the key of the next. `seed` is "AWS4" and the secret. */
static int sign(const uvllm__sigv4_t* s, uvllm_str_t seed, uvllm_str_t text,
                char signature[UVLLM__SIGV4_HEX + 1]) {
  const uvllm_str_t steps[] = { day_of(s), s->region, s->service, UVLLM_STR("aws4_request"),
                                text };
  unsigned char keys[2][UVLLM__SHA256_BYTES];
  uvllm_str_t key = seed;
  int err = 0;
  for (size_t i = 0; err == 0 && i < sizeof(steps) / sizeof(steps[0]); i++) {
    err = uvllm__hmac_sha256(key, steps[i], keys[i & 1]);
    key.base = (const char*) keys[i & 1];
    key.len = UVLLM__SHA256_BYTES;
  }
  if (err == 0)
    uvllm__digest_hex((const unsigned char*) key.base, signature);
  explicit_bzero(keys, sizeof(keys));
  return err;
}


int uvllm__sigv4(const uvllm__sigv4_t* s, const uvllm_alloc_t* alloc,
                 char signature[UVLLM__SIGV4_HEX + 1]) {
  uvllm__buf_t canonical, text, seed;
  uvllm__buf_init(&canonical, alloc, SIZE_MAX);
  uvllm__buf_init(&text, alloc, SIZE_MAX);
  uvllm__buf_init(&seed, alloc, SIZE_MAX);
  signature[0] = '\0';
  int err = uvllm__sigv4_canonical(s, &canonical);
  if (err == 0)
    err = canonical.err;
  if (err == 0)
    err = put_string_to_sign(s, uvllm__buf_slice(&canonical), &text);
  if (err == 0)
    err = uvllm__buf_reserve(&seed, 4 + s->secret.len); /* grown once: no copy stays */
  if (err == 0) {
    uvllm__buf_str(&seed, "AWS4");
    uvllm__buf_append(&seed, s->secret.base, s->secret.len);
    err = sign(s, uvllm__buf_slice(&seed), uvllm__buf_slice(&text), signature);
  }
  uvllm__buf_wipe(&canonical);
  uvllm__buf_free(&text);
  uvllm__buf_wipe(&seed);
  return err;
}
