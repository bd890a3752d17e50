/* An answer's bytes: llhttp in strict mode, with the limits it has not and a
 * refusal of what 8.1 lets through. A head is looked at line by line before llhttp
 * gets it: for lines that LF alone ends, folded fields, empty lines before the
 * status, statuses of more digits. What its fields may say is http_head.c's.
 *
 * A field is told from the bytes in hand; only one that a read has cut is copied.
 * Invariant: what is told does not depend on where reads have cut the bytes.
 */
#include "plain.h"

#include "http_chars.h"


static uvllm__plain_conn_t* conn_of(llhttp_t* parser) {
  return parser->data;
}


/* The code is kept in the exchange: what is returned only stops llhttp. */
static int stop(uvllm__plain_conn_t* c, int err) {
  if (err != 0 && c->x->err == 0)
    c->x->err = err;
  return err != 0 ? -1 : 0;
}


static int count_bytes(uvllm__plain_conn_t* c, size_t n) {
  return stop(c, uvllm__head_bytes(&c->x->head, n));
}


/* ---- Fields ------------------------------------------------------------------------- */

static int to_line(uvllm__plain_conn_t* c, const char* at, size_t len) {
  return stop(c, uvllm__buf_append(&c->line, at, len));
}


static int add_piece(uvllm__plain_conn_t* c, uvllm_str_t* part, const char* at, size_t len) {
  if (c->x->in_body) /* a trailer: it means nothing to us */
    return count_bytes(c, len);
  if (c->stashed && to_line(c, at, len) != 0)
    return -1;
  if (part->len == 0)
    part->base = at;
  part->len += len;
  return 0;
}


/* The read is over, and a field is not. */
static int stash(uvllm__plain_conn_t* c) {
  if (c->stashed || c->name.len == 0)
    return 0;
  c->stashed = 1;
  uvllm__buf_clear(&c->line);
  return to_line(c, c->name.base, c->name.len) != 0 ? -1
                                                    : to_line(c, c->value.base, c->value.len);
}


static int on_name(llhttp_t* parser, const char* at, size_t len) {
  uvllm__plain_conn_t* c = conn_of(parser);
  return add_piece(c, &c->name, at, len);
}


static int on_name_complete(llhttp_t* parser) {
  uvllm__plain_conn_t* c = conn_of(parser);
  return !c->x->in_body && c->name.len == 0 ? stop(c, UVLLM_EPROTO) : 0;
}


static int on_value(llhttp_t* parser, const char* at, size_t len) {
  uvllm__plain_conn_t* c = conn_of(parser);
  return add_piece(c, &c->value, at, len);
}


static void forget_field(uvllm__plain_conn_t* c) {
  c->name = c->value = (uvllm_str_t) { "", 0 };
  c->stashed = 0;
}


static int end_trailer(uvllm__plain_conn_t* c) {
  return count_bytes(c, sizeof(": \r\n") - 1) != 0 ? -1
                                                   : stop(c, uvllm__head_line(&c->x->head));
}


static int on_value_complete(llhttp_t* parser) {
  uvllm__plain_conn_t* c = conn_of(parser);
  uvllm__exchange_t* x = c->x;
  if (x->in_body)
    return end_trailer(c);
  if (c->stashed) {
    c->name.base = c->line.base;
    c->value.base = c->line.base + c->name.len;
  }
  uvllm_str_t name = c->name, value = uvllm__trim_blanks(c->value);
  forget_field(c);
  int err = uvllm__head_field(&x->head, name, value);
  if (err == 0 && !uvllm__head_is_interim(&x->head))
    err = x->cbs->header(x, name, value);
  return stop(c, err);
}


/* 1: no body follows, whatever the fields say. */
static int on_head_complete(llhttp_t* parser) {
  uvllm__plain_conn_t* c = conn_of(parser);
  uvllm__exchange_t* x = c->x;
  int err = uvllm__exchange_head_end(x);
  if (err != 0)
    return stop(c, err);
  parser->upgrade = 0;
  return !x->in_body || uvllm__head_is_bodyless(&x->head) || strcmp(x->http->method, "HEAD") == 0;
}


/* ---- The body ------------------------------------------------------------------------- */

static int on_body(llhttp_t* parser, const char* at, size_t len) {
  uvllm__plain_conn_t* c = conn_of(parser);
  return stop(c, c->x->cbs->body(c->x, at, len));
}


/* As lengths of bodies are: a number that every parser can hold. */
static int on_chunk_header(llhttp_t* parser) {
  return stop(conn_of(parser), parser->content_length <= INT64_MAX ? 0 : UVLLM_EPROTO);
}


static int on_chunk_extension(llhttp_t* parser, const char* at, size_t len) {
  (void) at;
  return count_bytes(conn_of(parser), len);
}


static int on_complete(llhttp_t* parser) {
  uvllm__plain_conn_t* c = conn_of(parser);
  c->whole = c->x->in_body; /* else it was an interim answer */
  return HPE_PAUSED;
}


static const llhttp_settings_t settings = {
  .on_header_field = on_name,
  .on_header_field_complete = on_name_complete,
  .on_header_value = on_value,
  .on_header_value_complete = on_value_complete,
  .on_headers_complete = on_head_complete,
  .on_body = on_body,
  .on_chunk_header = on_chunk_header,
  .on_chunk_extension_name = on_chunk_extension,
  .on_chunk_extension_value = on_chunk_extension,
  .on_message_complete = on_complete,
};


/* ---- Lines of the head ------------------------------------------------------------------ */

static void begin_head(uvllm__plain_conn_t* c) {
  llhttp_init(&c->parser, HTTP_RESPONSE, &settings);
  c->parser.data = c;
  c->line_len = 0;
  c->cr = c->in_fields = c->head_ended = 0;
  forget_field(c);
}


/* Of one line, its LF left out; where it has to stop, *err says why. */
static const char* scan_text(uvllm__plain_conn_t* c, const char* p, size_t n, int* err) {
  uvllm__head_t* h = &c->x->head;
  size_t room = uvllm__head_room(h);
  if (n > room) {
    n = room;
    *err = UVLLM_ETOOLARGE;
  }
  if (n == 0)
    return p;
  if (c->line_len == 0 && (*p == ' ' || *p == '\t'))
    *err = UVLLM_EPROTO;
  else if (!c->in_fields && uvllm__head_status_line(h, c->line_len, p, n) != 0)
    *err = UVLLM_EPROTO;
  if (*err == UVLLM_EPROTO)
    return p;
  uvllm__head_bytes(h, n);
  c->line_len += (uint32_t) n;
  c->cr = p[n - 1] == '\r';
  return p + n;
}


static void scan_line_feed(uvllm__plain_conn_t* c, int* err) {
  uvllm__head_t* h = &c->x->head;
  *err = c->cr ? uvllm__head_bytes(h, 1) : UVLLM_EPROTO;
  if (*err == 0)
    *err = uvllm__head_line(h);
  c->head_ended = c->in_fields && c->line_len == 1;
  c->in_fields = 1;
  c->line_len = 0;
  c->cr = 0;
}


/* How many of the bytes are the head's and well-formed; *err: what is wrong with the
 * next one. */
static size_t scan_head(uvllm__plain_conn_t* c, const char* data, size_t len, int* err) {
  const char* end = data + len;
  const char* p = data;
  while (p < end && !c->head_ended) {
    const char* lf = memchr(p, '\n', (size_t) (end - p));
    p = scan_text(c, p, (size_t) ((lf != NULL ? lf : end) - p), err);
    if (*err == 0 && lf != NULL)
      scan_line_feed(c, err);
    if (*err != 0)
      break;
    p += lf != NULL;
  }
  return (size_t) (p - data);
}


/* ---- Reads ------------------------------------------------------------------------------ */

void uvllm__plain_answer_begin(uvllm__plain_conn_t* c) {
  begin_head(c);
  c->whole = c->surplus = 0;
}


/* As uvllm__plain_answer_feed(). */
static int parse(uvllm__plain_conn_t* c, const char* data, size_t len) {
  llhttp_errno_t err = llhttp_execute(&c->parser, data, len);
  if (c->x->err != 0)
    return c->x->err;
  if (c->whole)
    return 1;
  return err == HPE_OK || err == HPE_PAUSED ? 0 : UVLLM_EPROTO;
}


/* The bytes of heads; *data and *len become what is behind them. */
static int parse_heads(uvllm__plain_conn_t* c, const char** data, size_t* len) {
  int rc = 0, err = 0;
  while (rc == 0 && err == 0 && *len != 0 && !c->x->in_body) {
    if (c->head_ended) /* of an interim answer */
      begin_head(c);
    size_t n = scan_head(c, *data, *len, &err);
    rc = parse(c, *data, n);
    *data += n;
    *len -= n;
  }
  return rc != 0 ? rc : err;
}


int uvllm__plain_answer_feed(uvllm__plain_conn_t* c, const char* data, size_t len) {
  int rc = parse_heads(c, &data, &len);
  const char* end = data + len;
  if (rc == 0 && len != 0)
    rc = parse(c, data, len);
  if (rc == 1)
    c->surplus = llhttp_get_error_pos(&c->parser) != end;
  if (rc == 0 && stash(c) != 0)
    rc = c->x->err;
  return rc;
}


/* What ends only with the connection is whole now. */
int uvllm__plain_answer_eof(uvllm__plain_conn_t* c) {
  if (!c->x->in_body)
    return UV_ECONNRESET;
  llhttp_finish(&c->parser);
  return c->whole ? 1 : UVLLM_ETRUNCATED;
}


int uvllm__plain_answer_keeps_alive(const uvllm__plain_conn_t* c) {
  return !c->surplus && llhttp_should_keep_alive(&c->parser);
}
