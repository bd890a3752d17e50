/* The plain transport's parser of answers, without a socket: read whole, byte by
 * byte and in any pieces the same comes out, and it is what the slow reading of the
 * RFC says. What the RFC has no meaning for must not come out as an answer.
 *
 * The first byte is 'H' if the answer is one to HEAD; the second says how large the
 * pieces are. The answer follows.
 */
#include <assert.h>
#include <stdlib.h>

#include "plain.h"
#include "../answer_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

typedef struct run_s {
  uvllm__exchange_t x; /* first: its callbacks are given this */
  uvllm__plain_conn_t conn;
  uvllm_http_t http;
  uvllm__buf_t fields, body; /* as in oracle_t */
  int status, rc, keeps_alive;
} run_t;

static uint64_t rng;


static size_t random_below(size_t n) {
  rng = rng * 6364136223846793005u + 1442695040888963407u;
  return (size_t) (rng >> 33) % n;
}


static void on_status(uvllm__exchange_t* x, int http_status) {
  run_t* run = (run_t*) x;
  assert(run->status == 0 && run->body.len == 0);
  run->status = http_status;
}


static int on_header(uvllm__exchange_t* x, uvllm_str_t name, uvllm_str_t value) {
  run_t* run = (run_t*) x;
  assert(run->body.len == 0);
  uvllm__buf_append(&run->fields, name.base, name.len);
  uvllm__buf_str(&run->fields, ": ");
  uvllm__buf_append(&run->fields, value.base, value.len);
  return uvllm__buf_char(&run->fields, '\n');
}


static int on_body(uvllm__exchange_t* x, const char* data, size_t len) {
  run_t* run = (run_t*) x;
  assert(run->status >= 200 && len != 0);
  return uvllm__buf_append(&run->body, data, len);
}


static const uvllm__exchange_cbs_t cbs = { .status = on_status, .header = on_header,
                                           .body = on_body };


static void begin(run_t* run, int to_head) {
  memset(run, 0, sizeof(*run));
  run->http.method = to_head ? "HEAD" : "GET";
  run->x.cbs = &cbs;
  run->x.http = &run->http;
  run->conn.x = &run->x;
  uvllm__buf_init(&run->conn.line, &uvllm__alloc_default, SIZE_MAX);
  uvllm__buf_init(&run->fields, &uvllm__alloc_default, SIZE_MAX);
  uvllm__buf_init(&run->body, &uvllm__alloc_default, SIZE_MAX);
  uvllm__plain_answer_begin(&run->conn);
}


static void end(run_t* run) {
  uvllm__buf_free(&run->conn.line);
  uvllm__buf_free(&run->fields);
  uvllm__buf_free(&run->body);
}


/* From a block of its own size, so that a sanitizer sees who looks past it. */
static int feed(run_t* run, const char* data, size_t len) {
  char* read = malloc(len);
  assert(read != NULL);
  memcpy(read, data, len);
  int rc = uvllm__plain_answer_feed(&run->conn, read, len);
  free(read);
  return rc;
}


/* In reads of 1 to `piece` bytes; 0: whole. Then the connection ends. */
static void read_answer(run_t* run, uvllm_str_t bytes, int to_head, size_t piece) {
  begin(run, to_head);
  for (size_t at = 0; run->rc == 0 && at < bytes.len;) {
    size_t len = piece != 0 ? 1 + random_below(piece) : bytes.len;
    len = len < bytes.len - at ? len : bytes.len - at;
    run->rc = feed(run, bytes.base + at, len);
    at += len;
  }
  run->keeps_alive = run->rc == 1 && llhttp_should_keep_alive(&run->conn.parser);
  if (run->rc == 0)
    run->rc = uvllm__plain_answer_eof(&run->conn);
  assert(run->rc != 0);
}


static int are_equal(const uvllm__buf_t* a, const uvllm__buf_t* b) {
  return a->len == b->len && (a->len == 0 || memcmp(a->base, b->base, a->len) == 0);
}


static void must_be_same(const run_t* a, const run_t* b) {
  assert(a->rc == b->rc && a->status == b->status && a->keeps_alive == b->keeps_alive);
  assert(are_equal(&a->fields, &b->fields) && are_equal(&a->body, &b->body));
  assert(a->rc != 1 || a->x.head.lines == b->x.head.lines);
  assert(a->rc != 1 || a->x.head.bytes == b->x.head.bytes);
}


static int expected(const oracle_t* o) {
  if (o->state == ORACLE_WHOLE || o->state == ORACLE_UNTIL_EOF)
    return 1;
  return o->status == 0 ? UV_ECONNRESET : UVLLM_ETRUNCATED;
}


/* What is larger than allowed is not held against the RFC; trailers, which mean
 * nothing to us, may be bad; half a line may be refused before it is known to be. */
static void must_be_right(const run_t* run, const oracle_t* o) {
  if (run->rc == UVLLM_ETOOLARGE || o->is_rare)
    return;
  if (o->state == ORACLE_BAD) {
    assert(run->rc < 0 || o->in_trailers);
    return;
  }
  if (o->state == ORACLE_MORE && o->in_line && run->rc == UVLLM_EPROTO)
    return;
  assert(run->rc == expected(o) && run->status == o->status);
  assert(are_equal(&run->body, &o->body));
  assert(o->status == 0 || are_equal(&run->fields, &o->fields));
}


int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static run_t whole, pieces;
  oracle_t oracle;
  if (size < 3)
    return 0;
  uvllm_str_t bytes = { (const char*) data + 2, size - 2 };
  int to_head = data[0] == 'H';
  size_t steps[] = { 1, 2 + data[1] % 64, 2 + data[1] % 64, 1000 };
  rng = data[1] + size;
  oracle_read(&oracle, bytes.base, bytes.len, to_head);
  read_answer(&whole, bytes, to_head, 0);
  must_be_right(&whole, &oracle);
  for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
    read_answer(&pieces, bytes, to_head, steps[i]);
    must_be_same(&whole, &pieces);
    end(&pieces);
  }
  end(&whole);
  oracle_free(&oracle);
  return 0;
}
