/* Since a pattern has one parameter at most, a match is a beginning and an end. */
#include "mock/mock_path.h"


int uvllm__path_match(const char* pattern, uvllm_str_t path, uvllm_str_t* param) {
  size_t before = 0;
  param->base = NULL;
  param->len = 0;
  for (; pattern[before] != '\0' && pattern[before] != '{'; before++)
    if (before >= path.len || path.base[before] != pattern[before])
      return 0;
  if (pattern[before] == '\0')
    return before == path.len;
  const char* close = strchr(pattern + before, '}');
  int is_any = close[-1] == '*';
  size_t after = strlen(close + 1);
  if (path.len < before + after ||
      (after != 0 && memcmp(path.base + path.len - after, close + 1, after) != 0))
    return 0;
  param->base = path.base + before;
  param->len = path.len - before - after;
  return is_any || (param->len != 0 && memchr(param->base, '/', param->len) == NULL);
}


void uvllm__path_split(uvllm_str_t target, uvllm_str_t* path, uvllm_str_t* query) {
  const char* mark = target.len != 0 ? memchr(target.base, '?', target.len) : NULL;
  *path = target;
  query->base = NULL;
  query->len = 0;
  if (mark == NULL)
    return;
  path->len = (size_t) (mark - target.base);
  query->base = mark + 1;
  query->len = target.len - path->len - 1;
}


static int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  c = (char) (c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


/* One byte of s at *i, which moves on; -1: badly encoded, or a NUL. */
static int next_byte(uvllm_str_t s, size_t* i, int in_query) {
  char c = s.base[(*i)++];
  if (c != '%')
    return c == '+' && in_query ? ' ' : (unsigned char) c;
  if (s.len - *i < 2)
    return -1;
  int high = hex_digit(s.base[*i]), low = hex_digit(s.base[*i + 1]);
  *i += 2;
  return high < 0 || low < 0 || high + low == 0 ? -1 : high << 4 | low;
}


static int decode(uvllm_str_t s, int in_query, char* out, size_t size) {
  size_t n = 0;
  for (size_t i = 0; i < s.len; n++) {
    int byte = next_byte(s, &i, in_query);
    if (byte < 0 || n + 1 >= size)
      return -1;
    out[n] = (char) byte;
  }
  out[n] = '\0';
  return (int) n;
}


int uvllm__path_decode(uvllm_str_t s, char* out, size_t size) {
  return decode(s, 0, out, size);
}


int uvllm__path_query(uvllm_str_t query, const char* name, char* out, size_t size) {
  size_t len = strlen(name);
  while (query.len != 0) {
    const char* amp = memchr(query.base, '&', query.len);
    size_t n = amp != NULL ? (size_t) (amp - query.base) : query.len;
    if (n >= len && memcmp(query.base, name, len) == 0 && (n == len || query.base[len] == '=')) {
      size_t skip = n == len ? len : len + 1;
      uvllm_str_t value = { query.base + skip, n - skip };
      return decode(value, 1, out, size);
    }
    n += amp != NULL;
    query.base += n;
    query.len -= n;
  }
  return -1;
}
