/* Requests as servers of tests read them. */
#ifndef UVLLM_TESTS_WIRE_H
#define UVLLM_TESTS_WIRE_H

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* How long the request at the beginning of these bytes is; 0: it is not whole. */
static inline size_t wire_request_len(const char* in, size_t len) {
  const char* end = len >= 4 ? memmem(in, len, "\r\n\r\n", 4) : NULL;
  if (end == NULL)
    return 0;
  size_t head = (size_t) (end - in) + 4, body = 0;
  for (const char* p = in; p < end; p++)
    if (strncasecmp(p, "\r\ncontent-length:", 17) == 0)
      body = strtoul(p + 17, NULL, 10);
  return len >= head + body ? head + body : 0;
}

#endif
