/* Reading what json.c left: lookups, decoded strings, numbers.
 *
 * A lookup is a walk over siblings, so linear in their number; an answer's
 * objects are small. All functions take absent values, values of the wrong type
 * and values that a later parse has made void (as far as it can be seen), and
 * answer "absent". Decoding is done once a string and kept until the next parse.
 */
#include "json_reader.h"
#include "json_scan.h"

typedef unsigned char byte_t;
typedef uvllm__json_node_t node_t;

enum { SCRATCH_MIN = 256, DECODED_MIN = 16 };

static const uvllm_str_t no_str = { NULL, 0 };
static const uvllm_json_t no_value = { NULL, 0 };


uvllm_json_type uvllm_json_type_of(uvllm_json_t v) {
  const node_t* node = uvllm__json_node(v);
  return node != NULL ? uvllm__json_type(node) : UVLLM_JSON_NONE;
}


/* n bytes that stay until the next parse, NULL without memory. They count as used
 * only when the caller adds them to scratch->len. */
static char* scratch(uvllm_json_parser_t* s, size_t n) {
  uvllm__json_chunk_t* head = s->scratch;
  if (head != NULL && head->cap - head->len >= n)
    return head->bytes + head->len;
  size_t cap = head != NULL && head->cap < SIZE_MAX / 4 ? head->cap * 2 : SCRATCH_MIN;
  if (cap < n)
    cap = n;
  if (cap > SIZE_MAX - sizeof(*head))
    return NULL;
  uvllm__json_chunk_t* chunk = uvllm__malloc(&s->alloc, sizeof(*chunk) + cap);
  if (chunk == NULL)
    return NULL;
  chunk->next = head;
  chunk->cap = cap;
  chunk->len = 0;
  s->scratch = chunk;
  return chunk->bytes;
}


static uint32_t hex4(const byte_t* p) {
  uint32_t n = 0;
  for (int i = 0; i < 4; i++) {
    const byte_t c = p[i];
    n = n << 4 | (uint32_t) (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return n;
}


static char* put_utf8(char* out, uint32_t c) {
  if (c < 0x80) {
    *out++ = (char) c;
    return out;
  }
  if (c < 0x800) {
    *out++ = (char) (0xc0 | c >> 6);
  } else {
    if (c < 0x10000) {
      *out++ = (char) (0xe0 | c >> 12);
    } else {
      *out++ = (char) (0xf0 | c >> 18);
      *out++ = (char) (0x80 | (c >> 12 & 0x3f));
    }
    *out++ = (char) (0x80 | (c >> 6 & 0x3f));
  }
  *out++ = (char) (0x80 | (c & 0x3f));
  return out;
}


/* *p is behind the 'u' of an escape; half of a pair alone is U+FFFD. */
static char* put_unicode(char* out, const byte_t** p, const byte_t* end) {
  uint32_t c = hex4(*p);
  *p += 4;
  if (c >= 0xdc00 && c <= 0xdfff)
    return put_utf8(out, 0xfffd);
  if (c < 0xd800 || c > 0xdbff)
    return put_utf8(out, c);
  if (end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u')
    return put_utf8(out, 0xfffd);
  const uint32_t low = hex4(*p + 2);
  if (low < 0xdc00 || low > 0xdfff)
    return put_utf8(out, 0xfffd);
  *p += 6;
  return put_utf8(out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
}


/* *p is on a backslash; parsing has checked what follows. */
static char* put_escape(char* out, const byte_t** p, const byte_t* end) {
  const byte_t c = (*p)[1];
  *p += 2;
  switch (c) {
    case 'b': *out = '\b'; break;
    case 'f': *out = '\f'; break;
    case 'n': *out = '\n'; break;
    case 'r': *out = '\r'; break;
    case 't': *out = '\t'; break;
    case 'u': return put_unicode(out, p, end);
    default: *out = (char) c; /* quote, backslash, slash */
  }
  return out + 1;
}


/* Bytes without escapes; what is no UTF-8 becomes U+FFFD. */
static char* put_run(char* out, const byte_t* p, const byte_t* end, unsigned int high) {
  while (p < end) {
    const byte_t* good = high != 0 ? uvllm__utf8_check(p, end) : end;
    size_t bad = 0;
    memcpy(out, p, (size_t) (good - p));
    out += good - p;
    if (good < end) {
      uvllm__utf8_sequence(good, end, &bad);
      out = put_utf8(out, 0xfffd);
    }
    p = good + bad;
  }
  return out;
}


static char* put_decoded(char* out, const byte_t* p, const byte_t* end) {
  while (p < end) {
    unsigned int high = 0;
    const byte_t* stop = uvllm__json_plain(p, end, &high);
    out = put_run(out, p, stop, high);
    p = stop;
    if (p < end)
      out = put_escape(out, &p, end);
  }
  return out;
}


/* A place in `decoded` for one more; NULL without memory. */
static uvllm__json_decoded_t* reserve_decoded(uvllm_json_parser_t* s) {
  if (s->ndecoded == s->decoded_cap) {
    const size_t cap = s->decoded_cap != 0 ? (size_t) s->decoded_cap * 2 : DECODED_MIN;
    uvllm__json_decoded_t* grown = NULL;
    if (cap <= UINT32_MAX && cap <= SIZE_MAX / sizeof(*grown))
      grown = uvllm__realloc(&s->alloc, s->decoded, cap * sizeof(*grown));
    if (grown == NULL)
      return NULL;
    s->decoded = grown;
    s->decoded_cap = (uint32_t) cap;
  }
  return &s->decoded[s->ndecoded];
}


/* A string that needs more than to be copied. */
static uvllm_str_t make_decoded(uvllm_json_parser_t* s, node_t* node, uvllm_str_t raw,
                                size_t most) {
  const byte_t* p = (const byte_t*) raw.base;
  uvllm__json_decoded_t* kept = reserve_decoded(s);
  char* out = kept != NULL ? scratch(s, most) : NULL;
  if (out == NULL)
    return no_str;
  kept->node = (uint32_t) (node - s->nodes);
  kept->text = (uvllm_str_t) { out, (size_t) (put_decoded(out, p, p + raw.len) - out) };
  s->scratch->len += kept->text.len;
  node->next = s->ndecoded++;
  return kept->text;
}


/* The text of a string that is not plain. One that turns out to be well-formed
 * UTF-8 without escapes is plain from then on. */
static uvllm_str_t decode(uvllm_json_parser_t* s, node_t* node, uvllm_str_t raw) {
  const byte_t* p = (const byte_t*) raw.base;
  const byte_t* end = p + raw.len;
  if (node->next < s->ndecoded && s->decoded[node->next].node == node - s->nodes)
    return s->decoded[node->next].text;
  const int valid = (node->kind & UVLLM__JSON_HIGH) == 0 || uvllm__utf8_check(p, end) == end;
  if (valid && (node->kind & UVLLM__JSON_ESCAPED) == 0) {
    node->kind = UVLLM_JSON_STRING;
    return raw;
  }
  if (raw.len > SIZE_MAX / 3)
    return no_str;
  return make_decoded(s, node, raw, valid ? raw.len : raw.len * 3);
}


static inline uvllm_str_t string_of(const uvllm_json_parser_t* s, const node_t* node) {
  const uvllm_str_t raw = { s->text + node->start + 1, node->end - node->start - 2 };
  /* A value's parser is const for its readers; decoding fills its cache. */
  return node->kind == UVLLM_JSON_STRING
             ? raw
             : decode((uvllm_json_parser_t*) s, (node_t*) node, raw);
}


uvllm_str_t uvllm_json_str(uvllm_json_t v) {
  const node_t* node = uvllm__json_node_as(v, UVLLM_JSON_STRING);
  return node != NULL ? string_of(v.parser, node) : no_str;
}


/* Where a value ends. Behind the last one in a container there are only brackets and
 * white space: as many brackets as there are containers with the same last one. */
static uint32_t end_of(const uvllm_json_parser_t* s, const node_t* node) {
  if (!uvllm__json_is_container(node))
    return node->end;
  const node_t* last = s->nodes + node->next - 1;
  uint32_t at = uvllm__json_is_container(last) ? last->start + 1 : last->end, nopen = 1;
  for (const node_t* inner = node + 1; inner <= last; inner++)
    nopen += uvllm__json_is_container(inner) && inner->next == node->next;
  for (; nopen != 0; at++)
    nopen -= s->text[at] == ']' || s->text[at] == '}';
  return at;
}


uvllm_str_t uvllm_json_raw(uvllm_json_t v) {
  const node_t* node = uvllm__json_node(v);
  if (node == NULL)
    return no_str;
  return (uvllm_str_t) { v.parser->text + node->start, end_of(v.parser, node) - node->start };
}


int uvllm_json_bool(uvllm_json_t v, int otherwise) {
  const node_t* node = uvllm__json_node_as(v, UVLLM_JSON_BOOL);
  return node != NULL ? v.parser->text[node->start] == 't' : otherwise;
}


/* ---- Lookups ------------------------------------------------------------------ */

/* A name that must be decoded first. */
static __attribute__((noinline)) int decoded_is(const uvllm_json_parser_t* s, const node_t* node,
                                                uvllm_str_t name) {
  const uvllm_str_t own = string_of(s, node);
  return own.base != NULL && own.len == name.len && memcmp(own.base, name.base, name.len) == 0;
}


static uvllm_json_t get(uvllm_json_t v, uvllm_str_t name) {
  const node_t* object = uvllm__json_node_as(v, UVLLM_JSON_OBJECT);
  if (object == NULL)
    return no_value;
  const node_t *nodes = v.parser->nodes, *found = NULL, *end = nodes + object->next;
  for (const node_t* member = object + 1; member < end;) {
    const node_t* value = member + 1;
    if (__builtin_expect(member->kind != UVLLM_JSON_STRING, 0)) {
      if (decoded_is(v.parser, member, name))
        found = value;
    } else if (member->end - member->start == name.len + 2 &&
               uvllm__json_same_name(v.parser->text + member->start + 1, name.base, name.len)) {
      found = value;
    }
    member = uvllm__json_behind(nodes, value);
  }
  return found != NULL ? (uvllm_json_t) { v.parser, (uint32_t) (found - nodes) } : no_value;
}


uvllm_json_t uvllm_json_get(uvllm_json_t object, const char* name) {
  return name != NULL ? get(object, uvllm__str(name)) : no_value;
}


uvllm_json_t uvllm_json_at(uvllm_json_t array, size_t i) {
  const node_t* node = uvllm__json_node_as(array, UVLLM_JSON_ARRAY);
  if (node == NULL)
    return no_value;
  const node_t *nodes = array.parser->nodes, *end = nodes + node->next;
  const node_t* element = node + 1;
  for (; element < end && i != 0; i--)
    element = uvllm__json_behind(nodes, element);
  return element < end ? (uvllm_json_t) { array.parser, (uint32_t) (element - nodes) } : no_value;
}


static uvllm_json_t at_digits(uvllm_json_t array, const char* digits, size_t len) {
  size_t i = 0;
  for (size_t k = 0; k < len; k++) {
    const unsigned int digit = (unsigned int) (byte_t) digits[k] - '0';
    if (digit > 9 || i > (UINT32_MAX - digit) / 10)
      return no_value;
    i = i * 10 + digit;
  }
  return len != 0 ? uvllm_json_at(array, i) : no_value;
}


uvllm_json_t uvllm_json_path(uvllm_json_t v, const char* path) {
  if (path == NULL)
    return no_value;
  for (int more = *path != '\0'; more;) {
    size_t len = 0;
    while (path[len] != '.' && path[len] != '\0')
      len++;
    const node_t* node = uvllm__json_node(v);
    if (node == NULL)
      return no_value;
    v = uvllm__json_type(node) == UVLLM_JSON_ARRAY ? at_digits(v, path, len)
                                                   : get(v, (uvllm_str_t) { path, len });
    more = path[len] == '.';
    path += len + 1;
  }
  return v;
}


int uvllm_json_next(uvllm_json_t v, uint32_t* it, uvllm_str_t* name, uvllm_json_t* value) {
  const node_t* node = uvllm__json_node(v);
  uvllm_str_t own = no_str;
  uvllm_json_t found = no_value;
  const uint32_t at = *it != 0 ? *it : v.index + 1;
  if (node != NULL && uvllm__json_type(node) >= UVLLM_JSON_ARRAY && at < node->next) {
    const node_t *nodes = v.parser->nodes, *element = nodes + at;
    if (uvllm__json_type(node) == UVLLM_JSON_OBJECT) {
      own = name != NULL ? string_of(v.parser, element) : no_str;
      element++;
    }
    found = (uvllm_json_t) { v.parser, (uint32_t) (element - nodes) };
    *it = (uint32_t) (uvllm__json_behind(nodes, element) - nodes);
  }
  if (name != NULL)
    *name = own;
  if (value != NULL)
    *value = found;
  return found.parser != NULL;
}


size_t uvllm_json_count(uvllm_json_t v) {
  uint32_t it = 0;
  size_t n = 0;
  while (uvllm_json_next(v, &it, NULL, NULL))
    n++;
  return n;
}
