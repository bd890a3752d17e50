/* Says where a frame is no JSON, and not what it is: content must not reach a log. */
#include "frame_json.h"
#include "check.h"
#include "json_like.h"

#include <stdio.h>


static int is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}


uvllm_str_t uvllm__frame_trim(uvllm_str_t s) {
  while (s.len != 0 && is_space(s.base[0])) {
    s.base++;
    s.len--;
  }
  while (s.len != 0 && is_space(s.base[s.len - 1]))
    s.len--;
  return s;
}


static int starts_with(uvllm_str_t s, const char* prefix) {
  const size_t n = strlen(prefix);
  return s.len >= n && memcmp(s.base, prefix, n) == 0;
}


static int not_json(const uvllm__headers_t* h, int is_body, uvllm_str_t text, size_t at,
                    uvllm_emit_t* emit) {
  char message[128];
  const char* what = is_body ? "the answer" : "an event of the stream";
  if (text.len == 0)
    snprintf(message, sizeof(message), "%s is empty", what);
  else if (text.base[0] == '<')
    snprintf(message, sizeof(message), "%s is HTML or XML, not JSON", what);
  else if (starts_with(text, "data:"))
    snprintf(message, sizeof(message), "a stream was sent as %s",
             h->media_type[0] != '\0' ? h->media_type : "no content type");
  else if (at >= text.len)
    snprintf(message, sizeof(message), "%s is JSON that ends too early, after %zu bytes", what,
             text.len);
  else
    snprintf(message, sizeof(message), "%s is not JSON (byte %zu of %zu)", what, at + 1,
             text.len);
  return uvllm__refuse_with(emit, UVLLM_EPROTO, message);
}


int uvllm__frame_json(const uvllm__headers_t* h, uvllm_framing framing, int* half,
                      uvllm_str_t data, uvllm_json_t* root, uvllm_emit_t* emit) {
  const int is_body = framing == UVLLM_FRAME_BODY;
  size_t at = 0;
  if (*half)
    return uvllm__refuse_with(emit, UVLLM_EPROTO, "an event of the stream is half of one");
  const int err = uvllm__json_parse_like(uvllm_emit_parser(emit), data, root, &at);
  if (err == UVLLM_EPROTO && !is_body && at >= data.len) {
    *half = 1;
    return 0;
  }
  if (err == UVLLM_EPROTO)
    return not_json(h, is_body, data, at, emit);
  return err != 0 ? err : 1;
}
