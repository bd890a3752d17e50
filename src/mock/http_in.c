/* What comes out of here is one whole request at a time. Whatever is in doubt
 * ends the connection: nothing is ever resynchronised, so two parties cannot
 * disagree on where a request ends (RFC 9112 section 11.2).
 *
 * llhttp 8.1 lets through line folding, Transfer-Encoding in HTTP/1.0, a missing
 * or repeated Host, control characters in values, headers without a name, and has
 * no limits: all that is refused here. Trailers are counted and dropped.
 */
#include "mock/http_in.h"

#include <strings.h>

#include "http_chars.h"

typedef struct field_s {
  uint32_t name, name_len, value, value_len;
} field_t;

enum { KEEP_BYTES = 4096 }; /* a buffer larger than this is given back */


static int fail(uvllm__http_in_t* in, int status, const char* text) {
  if (in->state != UVLLM__HTTP_IN_FAILED) {
    in->state = UVLLM__HTTP_IN_FAILED;
    in->fail_status = status;
    in->fail_text = text;
  }
  return -1;
}


static int append(uvllm__http_in_t* in, uvllm__buf_t* buf, const void* data, size_t len,
                  int status, const char* text) {
  int err = uvllm__buf_append(buf, data, len);
  if (err == 0)
    return 0;
  return err == UVLLM_ETOOLARGE ? fail(in, status, text) : fail(in, 503, "Out of memory.");
}


static field_t* last_field(uvllm__http_in_t* in) {
  return (field_t*) (void*) in->fields.base + in->nfields - 1;
}


static int head_room(uvllm__http_in_t* in, size_t len) {
  size_t used = in->head.len - in->target_len + 4 * (size_t) in->nfields + in->extra_bytes;
  if (used + len > in->limits->max_header_bytes)
    return fail(in, 431, "The request's headers are too large.");
  return 0;
}


static int on_url(llhttp_t* parser, const char* at, size_t len) {
  uvllm__http_in_t* in = parser->data;
  if (in->target_len + len > in->limits->max_line_bytes)
    return fail(in, 414, "The request's target is too long.");
  in->target_len += (uint32_t) len;
  return append(in, &in->head, at, len, 414, "The request's target is too long.");
}


/* Trailers and chunk extensions mean nothing to us, but must end somewhere. */
static int on_extra(uvllm__http_in_t* in, size_t len) {
  if (head_room(in, len) != 0)
    return -1;
  in->extra_bytes += (uint32_t) len;
  return 0;
}


static int on_chunk_extension(llhttp_t* parser, const char* at, size_t len) {
  (void) at;
  return on_extra(parser->data, len);
}


/* Once for each: the same bytes must end the same way wherever they are cut. */
static int on_chunk_extension_name(llhttp_t* parser) {
  return on_extra(parser->data, 1);
}


static int on_chunk_header(llhttp_t* parser) {
  uvllm__http_in_t* in = parser->data;
  if (parser->content_length > in->limits->max_body_bytes - in->body.len)
    return fail(in, 413, "The request's body is too large.");
  return 0;
}


static int on_field(llhttp_t* parser, const char* at, size_t len) {
  uvllm__http_in_t* in = parser->data;
  size_t separators = in->in_name ? 0 : 4; /* once for each, in however many reads */
  if (in->head_done) {
    in->in_name = 1;
    return on_extra(in, len + separators);
  }
  if (head_room(in, len + separators) != 0)
    return -1;
  if (!in->in_name) {
    field_t field = { (uint32_t) in->head.len, 0, 0, 0 };
    if (in->nfields == in->limits->max_headers)
      return fail(in, 431, "The request has too many headers.");
    if (append(in, &in->fields, &field, sizeof(field), 431, "Too many headers.") != 0)
      return -1;
    in->nfields++;
    in->in_name = 1;
  }
  last_field(in)->name_len += (uint32_t) len;
  return append(in, &in->head, at, len, 431, "The request's headers are too large.");
}


static int on_field_complete(llhttp_t* parser) {
  uvllm__http_in_t* in = parser->data;
  if (in->head_done) {
    in->in_name = 0;
    return 0;
  }
  if (!in->in_name || last_field(in)->name_len == 0)
    return fail(in, 400, "A header has no name.");
  in->in_name = 0;
  last_field(in)->value = (uint32_t) in->head.len;
  return 0;
}


static int on_value(llhttp_t* parser, const char* at, size_t len) {
  uvllm__http_in_t* in = parser->data;
  if (!uvllm__is_field_value((uvllm_str_t) { at, len }))
    return fail(in, 400, "A header has a control character.");
  if (in->head_done)
    return on_extra(in, len);
  if (head_room(in, len) != 0)
    return -1;
  last_field(in)->value_len += (uint32_t) len;
  return append(in, &in->head, at, len, 431, "The request's headers are too large.");
}


static int on_body(llhttp_t* parser, const char* at, size_t len) {
  uvllm__http_in_t* in = parser->data;
  return append(in, &in->body, at, len, 413, "The request's body is too large.");
}


static int check_host(uvllm__http_in_t* in) {
  int nhosts = uvllm__http_in_count(in, "host");
  if (nhosts > 1 || (nhosts == 0 && in->parser.http_minor == 1))
    return fail(in, 400, "A request needs exactly one Host header.");
  return 0;
}


static int check_framing(uvllm__http_in_t* in) {
  int ncodings = uvllm__http_in_count(in, "transfer-encoding");
  int nlengths = uvllm__http_in_count(in, "content-length");
  if (nlengths > 1 || ncodings > 1 || (nlengths == 1 && ncodings == 1))
    return fail(in, 400, "The length of the body is ambiguous.");
  if (ncodings == 1) {
    if (in->parser.http_minor == 0)
      return fail(in, 400, "HTTP/1.0 has no Transfer-Encoding.");
    uvllm_str_t coding = uvllm__http_in_header(in, "transfer-encoding");
    if (coding.len != 7 || strncasecmp(coding.base, "chunked", 7) != 0)
      return fail(in, 501, "The only known Transfer-Encoding is chunked.");
  }
  if (nlengths == 1 && in->parser.content_length > in->limits->max_body_bytes)
    return fail(in, 413, "The request's body is too large.");
  return 0;
}


static int check_expect(uvllm__http_in_t* in) {
  uvllm_str_t expect = uvllm__http_in_header(in, "expect");
  if (expect.base == NULL || in->parser.http_minor == 0)
    return 0;
  if (expect.len != 12 || strncasecmp(expect.base, "100-continue", 12) != 0)
    return fail(in, 417, "The only known expectation is 100-continue.");
  in->wants_continue = 1;
  return 0;
}


static int check_line(uvllm__http_in_t* in) {
  uvllm_str_t target = uvllm__http_in_target(in);
  if (in->parser.http_major != 1 || in->parser.http_minor > 1)
    return fail(in, 505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.");
  if (in->parser.method == HTTP_CONNECT)
    return fail(in, 405, "This is no proxy.");
  if (target.len == 0 || target.base[0] != '/')
    return fail(in, 400, "The request's target must be a path.");
  return 0;
}


static int on_head_complete(llhttp_t* parser) {
  uvllm__http_in_t* in = parser->data;
  in->head_done = 1;
  if (check_line(in) != 0 || check_host(in) != 0 || check_framing(in) != 0 ||
      check_expect(in) != 0)
    return -1;
  if (in->check_cb != NULL) {
    const char* text = "";
    int status = in->check_cb(in, &text);
    if (status != 0)
      return fail(in, status, text);
  }
  parser->upgrade = 0; /* an Upgrade may be ignored (RFC 9110 7.8), and is */
  in->state = UVLLM__HTTP_IN_BODY;
  return 0;
}


static int on_complete(llhttp_t* parser) {
  uvllm__http_in_t* in = parser->data;
  in->state = UVLLM__HTTP_IN_READY;
  return HPE_PAUSED;
}


static const llhttp_settings_t settings = {
  .on_url = on_url,
  .on_header_field = on_field,
  .on_header_field_complete = on_field_complete,
  .on_header_value = on_value,
  .on_headers_complete = on_head_complete,
  .on_body = on_body,
  .on_message_complete = on_complete,
  .on_chunk_header = on_chunk_header,
  .on_chunk_extension_name = on_chunk_extension,
  .on_chunk_extension_name_complete = on_chunk_extension_name,
  .on_chunk_extension_value = on_chunk_extension,
};


void uvllm__http_in_init(uvllm__http_in_t* in, const uvllm__http_limits_t* limits,
                         const uvllm_alloc_t* alloc) {
  memset(in, 0, sizeof(*in));
  in->limits = limits;
  in->at_line_start = 1;
  llhttp_init(&in->parser, HTTP_REQUEST, &settings);
  in->parser.data = in;
  uvllm__buf_init(&in->head, alloc, (size_t) limits->max_line_bytes + limits->max_header_bytes);
  uvllm__buf_init(&in->fields, alloc, (size_t) limits->max_headers * sizeof(field_t));
  uvllm__buf_init(&in->body, alloc, limits->max_body_bytes);
}


void uvllm__http_in_free(uvllm__http_in_t* in) {
  uvllm__buf_wipe(&in->head); /* keys came in it */
  uvllm__buf_free(&in->fields);
  uvllm__buf_free(&in->body);
}


/* llhttp hands a folded value over as if it had come in two pieces, so folds
 * are looked for in the raw bytes of the head: a line that begins with a blank.
 * The same walk bounds the head as it came. */
static int scan_head(uvllm__http_in_t* in, const char* p, size_t len) {
  const char* end = p + len;
  const char* start = p;
  while (p < end && !in->scanned) {
    if (in->at_line_start) {
      if (*p == ' ' || *p == '\t')
        return fail(in, 400, "A header is folded over lines.");
      if (*p != '\r' && *p != '\n')
        in->seen_line = 1;
      else if (in->seen_line)
        in->scanned = 1; /* the empty line: what follows is body */
      in->at_line_start = 0;
    }
    p = memchr(p, '\n', (size_t) (end - p));
    if (p == NULL) {
      p = end;
    } else {
      p++;
      in->at_line_start = 1;
    }
  }
  in->raw_bytes += (uint32_t) (p - start);
  uint64_t most = (uint64_t) in->limits->max_line_bytes + in->limits->max_header_bytes + 64;
  if (in->raw_bytes > most) /* also when its end came in this read: cuts must not matter */
    return fail(in, in->nfields == 0 ? 414 : 431, "The request's head is too large.");
  return 0;
}


static int status_of(llhttp_errno_t err) {
  return err == HPE_INVALID_VERSION ? 505 : 400;
}


size_t uvllm__http_in_feed(uvllm__http_in_t* in, const char* data, size_t len) {
  if (in->state >= UVLLM__HTTP_IN_READY || len == 0)
    return 0;
  if (in->state == UVLLM__HTTP_IN_IDLE)
    in->state = UVLLM__HTTP_IN_HEAD;
  if (in->state == UVLLM__HTTP_IN_HEAD && scan_head(in, data, len) != 0)
    return len;
  llhttp_errno_t err = llhttp_execute(&in->parser, data, len);
  if (in->state == UVLLM__HTTP_IN_FAILED || err == HPE_OK)
    return len;
  if (err == HPE_PAUSED && in->state == UVLLM__HTTP_IN_READY)
    return (size_t) (llhttp_get_error_pos(&in->parser) - data);
  fail(in, status_of(err), "The request is malformed.");
  return len;
}


static void trim(uvllm__buf_t* buf) {
  if (buf->cap > KEEP_BYTES)
    uvllm__buf_free(buf);
  else
    uvllm__buf_clear(buf);
}


void uvllm__http_in_next(uvllm__http_in_t* in) {
  llhttp_resume(&in->parser);
  trim(&in->head);
  trim(&in->fields);
  trim(&in->body);
  in->target_len = in->nfields = in->raw_bytes = in->extra_bytes = 0;
  in->state = UVLLM__HTTP_IN_IDLE;
  in->in_name = in->seen_line = in->scanned = in->head_done = in->wants_continue = 0;
  in->at_line_start = 1;
}


void uvllm__http_in_drop_body(uvllm__http_in_t* in) {
  trim(&in->body);
}


int uvllm__http_in_keeps_alive(const uvllm__http_in_t* in) {
  return in->parser.http_minor == 1 && llhttp_should_keep_alive(&in->parser);
}


int uvllm__http_in_field(const uvllm__http_in_t* in, uint32_t i, uvllm_str_t* name,
                         uvllm_str_t* value) {
  if (i >= in->nfields)
    return 0;
  const field_t* field = (const field_t*) (const void*) in->fields.base + i;
  name->base = in->head.base + field->name;
  name->len = field->name_len;
  value->base = in->head.base + field->value;
  value->len = field->value_len;
  return 1;
}


uvllm_str_t uvllm__http_in_header(const uvllm__http_in_t* in, const char* name) {
  uvllm_str_t field, value = { NULL, 0 };
  size_t len = strlen(name);
  for (uint32_t i = 0; uvllm__http_in_field(in, i, &field, &value); i++)
    if (field.len == len && strncasecmp(field.base, name, len) == 0)
      return uvllm__trim_blanks(value);
  value.base = NULL;
  value.len = 0;
  return value;
}


int uvllm__http_in_count(const uvllm__http_in_t* in, const char* name) {
  uvllm_str_t field, value;
  size_t len = strlen(name);
  int n = 0;
  for (uint32_t i = 0; uvllm__http_in_field(in, i, &field, &value); i++)
    n += field.len == len && strncasecmp(field.base, name, len) == 0;
  return n;
}


const char* uvllm__http_reason(int status) {
  static const struct { int status; const char* reason; } known[] = {
    { 200, "OK" }, { 301, "Moved Permanently" }, { 302, "Found" },
    { 304, "Not Modified" }, { 307, "Temporary Redirect" }, { 308, "Permanent Redirect" },
    { 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" },
    { 404, "Not Found" }, { 405, "Method Not Allowed" }, { 408, "Request Timeout" },
    { 409, "Conflict" }, { 413, "Content Too Large" }, { 414, "URI Too Long" },
    { 417, "Expectation Failed" }, { 422, "Unprocessable Content" },
    { 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" }, { 501, "Not Implemented" }, { 502, "Bad Gateway" },
    { 503, "Service Unavailable" }, { 504, "Gateway Timeout" },
    { 505, "HTTP Version Not Supported" }
  };
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
    if (known[i].status == status)
      return known[i].reason;
  return "Unknown";
}
