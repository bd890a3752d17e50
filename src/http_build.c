/* The HTTP request that an adapter builds: see http_build.h.
 *
 * What leaves here cannot be misread on the wire: a method and header names are
 * RFC 9110 tokens, values have no control characters, the path neither blanks
 * nor a fragment. A header stands once: a later one of the same name replaces
 * it, but none replaces a secret. No copy of a secret is left behind when the
 * text grows, is reset or freed.
 */
#include "http_build.h"

#include "http_chars.h"

enum { MAX_HEADER_BYTES = 64 * 1024 };

static const char* const kReserved[] = {
  "Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "TE", "Trailer",
  "Transfer-Encoding", "Upgrade"
};


/* 1 for what a token (RFC 9110, 5.6.2) is made of. */
static const unsigned char kToken[256] = {
  ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1,
  ['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1, ['~'] = 1,
  ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1
};


static int is_token(uvllm_str_t s) {
  unsigned int all = 1;
  for (size_t i = 0; i < s.len; i++)
    all &= kToken[(unsigned char) s.base[i]];
  return all != 0 && s.len != 0;
}


static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char) (c + ('a' - 'A')) : c;
}


static int same_name(uvllm_str_t a, uvllm_str_t b) {
  if (a.len != b.len || a.len == 0 || ((a.base[0] ^ b.base[0]) & ~0x20) != 0)
    return 0;
  for (size_t i = 0; i < a.len; i++)
    if (lower(a.base[i]) != lower(b.base[i]))
      return 0;
  return 1;
}


int uvllm__http_check_header(const char* name, const char* value) {
  uvllm_str_t n = uvllm__str(name);
  if (!is_token(n) || value == NULL || !uvllm__is_field_value(uvllm__str(value)))
    return UVLLM__EINVAL;
  uvllm_str_t proxy = UVLLM_STR("Proxy-");
  if (n.len >= proxy.len && same_name((uvllm_str_t) { n.base, proxy.len }, proxy))
    return UVLLM__EINVAL;
  for (size_t i = 0; i < sizeof(kReserved) / sizeof(kReserved[0]); i++)
    if (same_name(n, uvllm__str(kReserved[i])))
      return UVLLM__EINVAL;
  return 0;
}


static void fail(uvllm_http_t* http, int err) {
  if (http->err == 0)
    http->err = err;
}


void uvllm__http_init(uvllm_http_t* http, const uvllm_alloc_t* alloc) {
  memset(http, 0, sizeof(*http));
  uvllm__buf_init(&http->path, alloc, MAX_HEADER_BYTES);
  uvllm__buf_init(&http->text, alloc, MAX_HEADER_BYTES);
  uvllm__buf_init(&http->body, alloc, SIZE_MAX);
  uvllm__http_reset(http);
}


void uvllm__http_reset(uvllm_http_t* http) {
  if (http->text.len != 0)
    explicit_bzero(http->text.base, http->text.len);
  uvllm__buf_clear(&http->path);
  uvllm__buf_clear(&http->text);
  uvllm__buf_clear(&http->body);
  http->method = "POST";
  http->nheaders = 0;
  http->body_ref = (uvllm_str_t) { NULL, 0 };
  http->has_json = 0;
  http->has_query = 0;
  http->err = 0;
}


void uvllm__http_free(uvllm_http_t* http) {
  uvllm__buf_free(&http->path);
  uvllm__buf_wipe(&http->text);
  uvllm__buf_free(&http->body);
  http->nheaders = 0;
}


/* Blanks, control characters, what is not ASCII, and a fragment. */
static uint64_t has_no_path(uint64_t w) {
  return uvllm__word_has_below(w, 0x21) | uvllm__word_has(w, 0x7f) | uvllm__word_has(w, '#') |
         uvllm__word_has_above_7f(w);
}


static int check_path(const uvllm__buf_t* path) {
  uint64_t bad = 0;
  size_t i = 0;
  if (path->len != 0 && path->base[0] != '/' && path->base[0] != '?')
    return UVLLM__EINVAL;
  for (; path->len - i >= 8; i += 8)
    bad |= has_no_path(uvllm__word(path->base + i));
  for (; i < path->len; i++)
    bad |= has_no_path(UVLLM__WORD_ONES * (unsigned char) path->base[i]);
  return bad == 0 ? 0 : UVLLM__EINVAL;
}


int uvllm__http_finish(uvllm_http_t* http) {
  fail(http, check_path(&http->path));
  if (uvllm__buf_char(&http->path, '\0') == 0)
    http->path.len--; /* the terminator stands behind the text, not in it */
  fail(http, http->path.err);
  if (http->has_json)
    fail(http, uvllm_json_writer_error(&http->json));
  fail(http, http->body.err);
  return http->err;
}


uvllm_str_t uvllm__http_body(const uvllm_http_t* http) {
  if (http->body_ref.base != NULL)
    return http->body_ref;
  uvllm_str_t none = { NULL, 0 };
  return http->body.len != 0 ? uvllm__buf_slice(&http->body) : none;
}


const uvllm_alloc_t* uvllm_http_alloc(const uvllm_http_t* http) {
  return http->body.alloc;
}


void uvllm_http_method(uvllm_http_t* http, const char* method) {
  uvllm_str_t m = uvllm__str(method);
  if (!is_token(m) || m.len >= sizeof(http->method_store)) {
    fail(http, UVLLM__EINVAL);
    return;
  }
  memcpy(http->method_store, m.base, m.len + 1);
  http->method = http->method_store;
}


void uvllm_http_path(uvllm_http_t* http, const char* path) {
  if (http->has_query)
    fail(http, UVLLM__EINVAL);
  http->has_query |= strchr(path, '?') != NULL;
  uvllm__buf_str(&http->path, path);
}


/* RFC 3986: all but unreserved characters are escaped. */
static void append_escaped(uvllm__buf_t* buf, uvllm_str_t s) {
  static const char hex[] = "0123456789ABCDEF";
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char) s.base[i];
    int plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                c == '-' || c == '.' || c == '_' || c == '~';
    char escaped[3] = { '%', hex[c >> 4], hex[c & 15] };
    if (plain)
      uvllm__buf_char(buf, (char) c);
    else
      uvllm__buf_append(buf, escaped, 3);
  }
}


/* "." and ".." as segments would be removed by whoever normalises the URL. */
void uvllm_http_segment(uvllm_http_t* http, uvllm_str_t segment) {
  int dots = uvllm__str_eq(segment, ".") || uvllm__str_eq(segment, "..");
  if (http->has_query || segment.len == 0 || dots) {
    fail(http, UVLLM__EINVAL);
    return;
  }
  if (http->path.len == 0 || http->path.base[http->path.len - 1] != '/')
    uvllm__buf_char(&http->path, '/');
  append_escaped(&http->path, segment);
}


void uvllm_http_query(uvllm_http_t* http, const char* name, uvllm_str_t value) {
  uvllm__buf_char(&http->path, http->has_query ? '&' : '?');
  http->has_query = 1;
  append_escaped(&http->path, uvllm__str(name));
  uvllm__buf_char(&http->path, '=');
  append_escaped(&http->path, value);
}


/* Not by realloc(), which would leave a copy of what stood there. */
static int reserve_text(uvllm__buf_t* text, size_t n) {
  if (n > text->max - text->len)
    return UVLLM__EINVAL;
  if (text->cap - text->len >= n)
    return 0;
  size_t cap = text->cap < 512 ? 512 : text->cap * 2;
  if (cap < text->len + n)
    cap = text->len + n;
  char* base = uvllm__malloc(text->alloc, cap);
  if (base == NULL)
    return UVLLM__ENOMEM;
  if (text->len != 0) {
    memcpy(base, text->base, text->len);
    explicit_bzero(text->base, text->len);
  }
  uvllm__free(text->alloc, text->base);
  text->base = base;
  text->cap = cap;
  return 0;
}


static uvllm__http_header_t* find_header(uvllm_http_t* http, uvllm_str_t name) {
  for (size_t i = 0; i < http->nheaders; i++) {
    uvllm__http_header_t* h = &http->headers[i];
    if (same_name((uvllm_str_t) { http->text.base + h->offset, h->name_len }, name))
      return h;
  }
  return NULL;
}


/* Its line goes, and those behind it move up. */
static void remove_line(uvllm_http_t* http, uvllm__http_header_t* h) {
  uvllm__buf_t* text = &http->text;
  size_t behind = text->len - h->offset - h->len;
  memmove(text->base + h->offset, text->base + h->offset + h->len, behind);
  explicit_bzero(text->base + h->offset + behind, h->len);
  text->len -= h->len;
  for (size_t i = 0; i < http->nheaders; i++)
    if (http->headers[i].offset > h->offset)
      http->headers[i].offset -= h->len;
}


/* Where its line is to stand; NULL: nowhere. *drop: a line that it replaces. */
static uvllm__http_header_t* find_place(uvllm_http_t* http, uvllm_str_t name, int secret,
                                        int* drop) {
  uvllm__http_header_t* h = find_header(http, name);
  *drop = h != NULL;
  if (h != NULL)
    return h->secret && !secret ? NULL : h;
  if (http->nheaders < UVLLM__HTTP_MAX_HEADERS)
    return &http->headers[http->nheaders];
  fail(http, UVLLM__EINVAL);
  return NULL;
}


/* Where a line of `len` bytes is to be written, or NULL. */
static char* add_line(uvllm_http_t* http, uvllm_str_t name, size_t len, int secret) {
  uvllm__buf_t* text = &http->text;
  int replaces;
  uvllm__http_header_t* h = find_place(http, name, secret, &replaces);
  if (h == NULL)
    return NULL;
  int err = reserve_text(text, len);
  if (err != 0) {
    fail(http, err);
    return NULL;
  }
  if (replaces)
    remove_line(http, h);
  else
    http->nheaders++;
  *h = (uvllm__http_header_t) { (uint32_t) text->len, (uint32_t) name.len, (uint32_t) len, secret };
  text->len += len;
  return text->base + h->offset;
}


static char* put(char* to, const char* from, size_t n) {
  if (n != 0)
    memcpy(to, from, n);
  return to + n;
}


static void add_header(uvllm_http_t* http, const char* name, uvllm_str_t prefix,
                       uvllm_str_t value, int secret) {
  uvllm_str_t n = uvllm__str(name);
  value = uvllm__trim_blanks(value);
  if (!is_token(n) || !uvllm__is_field_value(prefix) || !uvllm__is_field_value(value)) {
    fail(http, UVLLM__EINVAL);
    return;
  }
  char* to = add_line(http, n, n.len + 2 + prefix.len + value.len + 2, secret);
  if (to == NULL)
    return;
  to = put(to, n.base, n.len);
  to = put(to, ": ", 2);
  to = put(to, prefix.base, prefix.len);
  to = put(to, value.base, value.len);
  put(to, "\0\n", 2);
}


void uvllm__http_constant(uvllm_http_t* http, const char* line, size_t name_len, size_t len) {
  char* to = add_line(http, (uvllm_str_t) { line, name_len }, len, 0);
  if (to != NULL)
    memcpy(to, line, len);
}


void uvllm__http_secret(uvllm_http_t* http, const char* begin, size_t name_len, size_t begin_len,
                        uvllm_str_t value) {
  value = uvllm__trim_blanks(value);
  if (!uvllm__is_field_value(value)) {
    fail(http, UVLLM__EINVAL);
    return;
  }
  const uvllm_str_t name = { begin, name_len };
  char* to = add_line(http, name, begin_len + value.len + 2, 1);
  if (to != NULL)
    put(put(put(to, begin, begin_len), value.base, value.len), "\0\n", 2);
}


/* A CR takes the place of the NUL. */
uvllm_str_t uvllm__http_fields(uvllm_http_t* http) {
  for (size_t i = 0; i < http->nheaders; i++)
    http->text.base[http->headers[i].offset + http->headers[i].len - 2] = '\r';
  return uvllm__buf_slice(&http->text);
}


void uvllm_http_header(uvllm_http_t* http, const char* name, uvllm_str_t value) {
  add_header(http, name, (uvllm_str_t) { NULL, 0 }, value, 0);
}


void uvllm_http_secret(uvllm_http_t* http, const char* name, const char* prefix,
                       uvllm_str_t value) {
  add_header(http, name, uvllm__str(prefix), value, 1);
}


void uvllm_http_body_ref(uvllm_http_t* http, uvllm_str_t body) {
  http->body_ref = body;
}


uvllm_json_writer_t* uvllm_http_json(uvllm_http_t* http) {
  if (!http->has_json) {
    uvllm__json_writer_init(&http->json, &http->body);
    http->has_json = 1;
  }
  return &http->json;
}
