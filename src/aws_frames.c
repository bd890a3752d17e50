/* One message: total length, length of the headers, CRC of these two, headers,
 * payload, CRC of all before it; integers are big-endian.
 *
 * f->tail holds a message that has not come whole, at first its prelude alone: no
 * length is believed before its checksum. One that lies whole in a read is not copied.
 */
#include "aws_frames.h"

#include <zlib.h>

enum { PRELUDE = 12, CRC = 4 };

/* Of one message, what of its headers counts; absent: not there. */
typedef struct heads_s {
  uvllm_str_t message_type, event_type, exception_type, error_code, error_message;
} heads_t;


static uint32_t load_32(const char* p) {
  const unsigned char* u = (const unsigned char*) p;
  return (uint32_t) u[0] << 24 | (uint32_t) u[1] << 16 | (uint32_t) u[2] << 8 | u[3];
}


static uint32_t crc_of(const char* p, size_t len) {
  return (uint32_t) crc32_z(0, (const unsigned char*) p, len);
}


static int check_prelude(const uvllm__frames_t* f, const char* p, size_t* total) {
  const uint32_t length = load_32(p), headers = load_32(p + 4);
  if (crc_of(p, 8) != load_32(p + 8))
    return UVLLM_EPROTO;
  if (length < UVLLM__AWS_AROUND || headers > length - UVLLM__AWS_AROUND)
    return UVLLM_EPROTO;
  *total = length;
  return headers > UVLLM__AWS_HEADER_BYTES || length - UVLLM__AWS_AROUND - headers > f->max
             ? UVLLM_ETOOLARGE : 0;
}


/* ---- What a message says ---- */

/* Bytes of a header's value of a type, and in *skip those of the length before it;
 * -1: it is cut off, or there is no such type. */
static int64_t size_of(unsigned int type, const char* p, const char* end, size_t* skip) {
  static const int sizes[] = { 0, 0, 1, 2, 4, 8, -1, -1, 8, 16 };
  const size_t left = (size_t) (end - p);
  if (type >= sizeof(sizes) / sizeof(sizes[0]))
    return -1;
  *skip = sizes[type] < 0 ? 2 : 0;
  if (left < *skip)
    return -1;
  const int64_t n = sizes[type] >= 0 ? sizes[type]
                                     : (unsigned char) p[0] << 8 | (unsigned char) p[1];
  return (size_t) n <= left - *skip ? n : -1;
}


static void keep(heads_t* h, uvllm_str_t name, uvllm_str_t value) {
  const struct {
    const char* name;
    uvllm_str_t* value;
  } known[] = { { ":message-type", &h->message_type }, { ":event-type", &h->event_type },
                { ":exception-type", &h->exception_type }, { ":error-code", &h->error_code },
                { ":error-message", &h->error_message } };
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
    if (uvllm__str_eq(name, known[i].name))
      *known[i].value = value;
}


static int read_headers(heads_t* h, const char* p, const char* end) {
  enum { STRING = 7 };
  while (p < end) {
    const uvllm_str_t name = { p + 1, (unsigned char) p[0] };
    size_t skip;
    if (name.len == 0 || (size_t) (end - p) < name.len + 2)
      return UVLLM_EPROTO;
    p += name.len + 2;
    const unsigned int type = (unsigned char) p[-1];
    const int64_t size = size_of(type, p, end, &skip);
    if (size < 0)
      return UVLLM_EPROTO;
    p += skip;
    if (type == STRING)
      keep(h, name, (uvllm_str_t) { p, (size_t) size });
    p += size;
  }
  return 0;
}


static int read_message(uvllm_frame_t* frame, uvllm_str_t message) {
  heads_t h;
  const char* headers = message.base + PRELUDE;
  const char* payload = headers + load_32(message.base + 4);
  const char* end = message.base + message.len - CRC;
  memset(&h, 0, sizeof(h));
  memset(frame, 0, sizeof(*frame));
  if (crc_of(message.base, message.len - CRC) != load_32(end))
    return UVLLM_EPROTO;
  const int err = read_headers(&h, headers, payload);
  frame->data = (uvllm_str_t) { payload, (size_t) (end - payload) };
  frame->event = h.event_type;
  if (err != 0 || h.message_type.base == NULL || uvllm__str_eq(h.message_type, "event"))
    return err;
  frame->exception = 1;
  if (uvllm__str_eq(h.message_type, "exception")) {
    frame->event = h.exception_type;
    return 0;
  }
  frame->event = h.error_code;
  if (frame->data.len == 0 && h.error_message.base != NULL)
    frame->data = h.error_message;
  return uvllm__str_eq(h.message_type, "error") ? 0 : UVLLM_EPROTO;
}


/* ---- Where messages begin and end ---- */

static int fill(uvllm__frames_t* f, const char** p, const char* end, size_t wanted) {
  const size_t left = (size_t) (end - *p), missing = wanted - f->tail.len;
  const size_t n = missing < left ? missing : left;
  const int err = uvllm__buf_append(&f->tail, *p, n);
  *p += n;
  return err < 0 ? err : f->tail.len == wanted;
}


/* 1: a message; 0: it has not come whole; else an error. */
static int take(uvllm__frames_t* f, const char** p, const char* end, uvllm_str_t* message) {
  const size_t left = (size_t) (end - *p);
  size_t total = 0;
  int rc;
  if (f->tail.len == 0 && left >= PRELUDE) {
    if ((rc = check_prelude(f, *p, &total)) != 0)
      return rc;
    if (left >= total) {
      *message = (uvllm_str_t) { *p, total };
      *p += total;
      return 1;
    }
  }
  if (f->tail.len < PRELUDE && (rc = fill(f, p, end, PRELUDE)) != 1)
    return rc;
  if ((rc = check_prelude(f, f->tail.base, &total)) != 0)
    return rc;
  if ((rc = fill(f, p, end, total)) != 1)
    return rc;
  *message = uvllm__buf_slice(&f->tail);
  f->tail.len = 0; /* it stays where it is until the next feed */
  return 1;
}


int uvllm__aws_feed(uvllm__frames_t* f, const char* data, size_t len, size_t* consumed,
                    uvllm__frame_cb cb, void* ctx) {
  const char *p = data, *end = data + len;
  uvllm_str_t message = { NULL, 0 };
  uvllm_frame_t frame;
  while (p < end) {
    int rc = take(f, &p, end, &message);
    if (rc == 0)
      break;
    if (rc > 0)
      rc = read_message(&frame, message);
    if (rc != 0)
      return f->err = rc;
    const int stopped = cb(ctx, &frame);
    if (stopped != 0) {
      *consumed = (size_t) (p - data);
      return stopped;
    }
  }
  return 0;
}


int uvllm__aws_end(const uvllm__frames_t* f) {
  return f->tail.len != 0 ? UVLLM_ETRUNCATED : 0;
}
