/* An answer's bytes: llhttp in strict mode, with the limits it has not and a
 * refusal of what 8.1 lets through: folded fields, fields without a name, control
 * characters, Transfer-Encoding in HTTP/1.0, versions that are not spoken.
 *
 * A field is told from the bytes in hand; only one that a read has cut is copied.
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


/* ---- The status ------------------------------------------------------------------ */

static int on_reason(llhttp_t* parser, const char* at, size_t len) {
  (void) at;
  return count_bytes(conn_of(parser), len);
}


/* Once a message, with whatever comes first behind its status line. */
static int tell_status(uvllm__plain_conn_t* c) {
  uvllm__exchange_t* x = c->x;
  const llhttp_t* p = &c->parser;
  if (c->status_told)
    return 0;
  c->status_told = 1;
  if (count_bytes(c, sizeof("HTTP/1.1 200 \r\n") - 1) != 0 ||
      stop(c, uvllm__head_line(&x->head)) != 0 ||
      stop(c, uvllm__head_status(&x->head, p->http_major, p->http_minor, p->status_code)) != 0)
    return -1;
  if (!uvllm__head_is_interim(&x->head))
    x->cbs->status(x, p->status_code);
  return 0;
}


/* ---- Fields ------------------------------------------------------------------------- */

static int to_line(uvllm__plain_conn_t* c, const char* at, size_t len) {
  return stop(c, uvllm__buf_append(&c->line, at, len));
}


static int add_piece(uvllm__plain_conn_t* c, uvllm_str_t* part, const char* at, size_t len) {
  if (count_bytes(c, len) != 0)
    return -1;
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
  if (c->x->in_body) /* a trailer: it means nothing to us */
    return count_bytes(c, len);
  return tell_status(c) != 0 ? -1 : add_piece(c, &c->name, at, len);
}


static int on_name_complete(llhttp_t* parser) {
  uvllm__plain_conn_t* c = conn_of(parser);
  return !c->x->in_body && c->name.len == 0 ? stop(c, UVLLM_EPROTO) : 0;
}


/* llhttp gives a folded value like one that was cut by a read; but that one goes
 * on where the bytes in hand begin. */
static int is_folded(const uvllm__plain_conn_t* c, const char* at) {
  return c->in_value && !(c->at_end && at == c->read);
}


static int on_value(llhttp_t* parser, const char* at, size_t len) {
  uvllm__plain_conn_t* c = conn_of(parser);
  if (c->x->in_body)
    return count_bytes(c, len);
  if (is_folded(c, at))
    return stop(c, UVLLM_EPROTO);
  c->in_value = 1;
  c->at_end = at + len == c->read_end;
  return add_piece(c, &c->value, at, len);
}


static void forget_field(uvllm__plain_conn_t* c) {
  c->name = c->value = (uvllm_str_t) { "", 0 };
  c->stashed = c->in_value = c->at_end = 0;
}


static int on_value_complete(llhttp_t* parser) {
  uvllm__plain_conn_t* c = conn_of(parser);
  uvllm__exchange_t* x = c->x;
  if (count_bytes(c, sizeof(": \r\n") - 1) != 0 || stop(c, uvllm__head_line(&x->head)) != 0)
    return -1;
  if (x->in_body)
    return 0;
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
  if (tell_status(c) != 0 || count_bytes(c, 2) != 0 ||
      stop(c, uvllm__head_line(&x->head)) != 0 || stop(c, uvllm__head_end(&x->head)) != 0)
    return -1;
  if (x->head.status == 101) /* nobody asked for that */
    return stop(c, UVLLM_EPROTO);
  parser->upgrade = 0;
  x->in_body = !uvllm__head_is_interim(&x->head);
  return x->in_body && strcmp(x->http->method, "HEAD") == 0;
}


/* ---- The body ------------------------------------------------------------------------- */

static int on_body(llhttp_t* parser, const char* at, size_t len) {
  uvllm__plain_conn_t* c = conn_of(parser);
  return stop(c, c->x->cbs->body(c->x, at, len));
}


static int on_chunk_extension(llhttp_t* parser, const char* at, size_t len) {
  (void) at;
  return count_bytes(conn_of(parser), len);
}


/* Behind an interim answer comes another one. */
static int on_complete(llhttp_t* parser) {
  uvllm__plain_conn_t* c = conn_of(parser);
  if (uvllm__head_is_interim(&c->x->head)) {
    c->status_told = 0;
    return 0;
  }
  c->whole = 1;
  return HPE_PAUSED;
}


static const llhttp_settings_t settings = {
  .on_status = on_reason,
  .on_header_field = on_name,
  .on_header_field_complete = on_name_complete,
  .on_header_value = on_value,
  .on_header_value_complete = on_value_complete,
  .on_headers_complete = on_head_complete,
  .on_body = on_body,
  .on_chunk_extension_name = on_chunk_extension,
  .on_chunk_extension_value = on_chunk_extension,
  .on_message_complete = on_complete,
};


void uvllm__plain_answer_begin(uvllm__plain_conn_t* c) {
  llhttp_init(&c->parser, HTTP_RESPONSE, &settings);
  c->parser.data = c;
  c->status_told = c->whole = c->surplus = 0;
  forget_field(c);
}


int uvllm__plain_answer_feed(uvllm__plain_conn_t* c, const char* data, size_t len) {
  c->read = data;
  c->read_end = data + len;
  llhttp_errno_t err = llhttp_execute(&c->parser, data, len);
  if (c->x->err != 0)
    return c->x->err;
  if (c->whole) {
    c->surplus = llhttp_get_error_pos(&c->parser) != c->read_end;
    return 1;
  }
  if (err != HPE_OK)
    return UVLLM_EPROTO;
  return stash(c) != 0 ? c->x->err : 0;
}


/* What ends only with the connection is whole now. */
int uvllm__plain_answer_eof(uvllm__plain_conn_t* c) {
  c->read = c->read_end = NULL;
  if (!c->x->in_body)
    return c->x->head.status == 0 ? UV_ECONNRESET : UVLLM_ETRUNCATED;
  llhttp_finish(&c->parser);
  return c->whole ? 1 : UVLLM_ETRUNCATED;
}


int uvllm__plain_answer_keeps_alive(const uvllm__plain_conn_t* c) {
  return !c->surplus && llhttp_should_keep_alive(&c->parser);
}
