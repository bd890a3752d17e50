/* An event is built in place: what stands before the payload, the payload, what
 * stands behind it; AWS's lengths and CRCs are filled in at the end.
 */
#include "mock/mock_frame.h"

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)

enum { AWS_PRELUDE = 12 };


const char* uvllm__frame_type(uvllm__framing framing) {
  switch (framing) {
  case UVLLM__FRAME_LINES: return "application/x-ndjson";
  case UVLLM__FRAME_ARRAY: return "application/json; charset=UTF-8";
  case UVLLM__FRAME_AWS: return "application/vnd.amazon.eventstream";
  default: return "text/event-stream; charset=utf-8";
  }
}


static void put_eol(const uvllm__frame_t* frame, uvllm__buf_t* out) {
  if (frame->crlf)
    LIT(out, "\r\n");
  else
    LIT(out, "\n");
}


/* ---- AWS ---- */

static uint32_t crc_byte(uint32_t crc, unsigned char byte) {
  static const uint32_t table[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158,
    0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4,
    0xa00ae278, 0xbdbdf21c
  };
  crc ^= byte;
  crc = crc >> 4 ^ table[crc & 15];
  return crc >> 4 ^ table[crc & 15];
}


static uint32_t crc_add(uint32_t crc, const char* data, size_t len) {
  for (size_t i = 0; i < len; i++)
    crc = crc_byte(crc, (unsigned char) data[i]);
  return crc;
}


static uint32_t crc_add_filler(uint32_t crc, uint64_t n) {
  for (; n != 0; n--)
    crc = crc_byte(crc, 'x');
  return crc;
}


static void store_32(char* to, uint32_t n) {
  for (int i = 0; i < 4; i++)
    to[i] = (char) (n >> (24 - 8 * i));
}


static void put_aws_header(uvllm__buf_t* out, const char* name, const char* value) {
  size_t len = strlen(value);
  uvllm__buf_char(out, (char) strlen(name));
  uvllm__buf_str(out, name);
  uvllm__buf_char(out, 7); /* a string */
  uvllm__buf_char(out, (char) (len >> 8));
  uvllm__buf_char(out, (char) len);
  uvllm__buf_str(out, value);
}


static void open_aws(const char* name, int is_error, uvllm__buf_t* out) {
  static const char prelude[AWS_PRELUDE];
  uvllm__buf_append(out, prelude, sizeof(prelude));
  put_aws_header(out, is_error ? ":exception-type" : ":event-type", name);
  put_aws_header(out, ":content-type", "application/json");
  put_aws_header(out, ":message-type", is_error ? "exception" : "event");
}


/* The message begins at `start` of the buffer. */
static void close_aws(size_t start, size_t payload, size_t filler_at, uint64_t filler,
                      uvllm__buf_t* out) {
  char tail[4];
  if (out->err != 0)
    return;
  char* message = out->base + start;
  size_t len = out->len - start, before = filler != 0 ? filler_at - start : len;
  store_32(message, (uint32_t) (len + filler + sizeof(tail)));
  store_32(message + 4, (uint32_t) (payload - start - AWS_PRELUDE));
  store_32(message + 8, ~crc_add(~UINT32_C(0), message, 8));
  uint32_t crc = crc_add(~UINT32_C(0), message, before);
  crc = crc_add_filler(crc, filler);
  crc = crc_add(crc, message + before, len - before);
  store_32(tail, ~crc);
  uvllm__buf_append(out, tail, sizeof(tail));
}


/* ---- All ---- */

static void open_sse(const uvllm__frame_t* frame, const char* name, uvllm__buf_t* out) {
  if (name != NULL) {
    LIT(out, "event: ");
    uvllm__buf_str(out, name);
    put_eol(frame, out);
  }
  if (frame->framing == UVLLM__FRAME_SSE)
    LIT(out, "data: ");
  else
    LIT(out, "data:");
}


void uvllm__frame_open(uvllm__frame_t* frame, const char* name, int is_error,
                       uvllm__buf_t* out) {
  uvllm__buf_clear(out);
  if (frame->framing <= UVLLM__FRAME_SSE_TIGHT)
    open_sse(frame, name, out);
  else if (frame->framing == UVLLM__FRAME_AWS)
    open_aws(name, is_error, out);
  else if (frame->framing == UVLLM__FRAME_ARRAY)
    uvllm__buf_str(out, frame->count == 0 ? "[" : ",\r\n");
  frame->payload = out->len;
}


void uvllm__frame_close(uvllm__frame_t* frame, size_t filler_at, uint64_t filler,
                        uvllm__buf_t* out) {
  frame->count++;
  switch (frame->framing) {
  case UVLLM__FRAME_AWS:
    close_aws(0, frame->payload, filler_at, filler, out);
    break;
  case UVLLM__FRAME_ARRAY:
    break;
  case UVLLM__FRAME_LINES:
    put_eol(frame, out);
    break;
  default:
    if (frame->crlf)
      LIT(out, "\r\n\r\n");
    else
      LIT(out, "\n\n");
  }
}


void uvllm__frame_idle(const uvllm__frame_t* frame, uvllm__buf_t* out) {
  size_t start = out->len;
  if (frame->framing == UVLLM__FRAME_AWS) {
    open_aws("keepAlive", 0, out); /* no event that anybody knows */
    size_t payload = out->len;
    LIT(out, "{}");
    close_aws(start, payload, 0, 0, out);
    return;
  }
  if (frame->framing <= UVLLM__FRAME_SSE_TIGHT) {
    LIT(out, ": keep-alive");
    put_eol(frame, out);
  }
  if (frame->framing != UVLLM__FRAME_ARRAY || frame->count != 0)
    put_eol(frame, out);
}


void uvllm__frame_end(const uvllm__frame_t* frame, uvllm__buf_t* out) {
  if (frame->framing == UVLLM__FRAME_ARRAY)
    uvllm__buf_str(out, frame->count == 0 ? "[]" : "]");
}
