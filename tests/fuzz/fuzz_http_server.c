/* The HTTP server's parser, and what the mock makes of a body.
 *
 * The first byte says how the rest is split. Fed whole and fed in pieces, the same
 * requests must come out; a body that the dialect accepts must give an answer that
 * is JSON, whole and event by event.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "mock/mock_int.h"

enum { MAX_REQUESTS = 16 };

static const uvllm__http_limits_t limits = { 200, 12, 600, 4096 };

typedef struct outcome_s {
  uint64_t hash; /* of all requests that were whole */
  int nrequests, failed;
} outcome_t;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

static void add(outcome_t* o, uvllm_str_t s) {
  o->hash = uvllm__hash_bytes(o->hash, s.base, s.len);
}

static void take_request(outcome_t* o, const uvllm__http_in_t* in) {
  uvllm_str_t name, value;
  add(o, uvllm__http_in_target(in));
  add(o, uvllm__http_in_body(in));
  for (uint32_t i = 0; uvllm__http_in_field(in, i, &name, &value); i++) {
    assert(name.len > 0);
    for (size_t k = 0; k < value.len; k++)
      assert(((unsigned char) value.base[k] >= 0x20 || value.base[k] == '\t') &&
             value.base[k] != 0x7f);
    add(o, name);
    add(o, value);
  }
  assert(uvllm__http_in_body(in).len <= limits.max_body_bytes);
  assert(uvllm__http_in_count(in, "host") <= 1);
  o->nrequests++;
}

static outcome_t feed(const char* text, size_t len, size_t step) {
  outcome_t o = { 0, 0, 0 };
  uvllm__http_in_t in;
  uvllm__http_in_init(&in, &limits, &uvllm__alloc_default);
  for (size_t at = 0; at < len && !o.failed && o.nrequests < MAX_REQUESTS; ) {
    size_t n = len - at < step ? len - at : step;
    size_t used = uvllm__http_in_feed(&in, text + at, n);
    assert(used <= n);
    at += used;
    if (in.state == UVLLM__HTTP_IN_READY) {
      take_request(&o, &in);
      if (!uvllm__http_in_keeps_alive(&in))
        break;
      uvllm__http_in_next(&in);
    } else {
      o.failed = in.state == UVLLM__HTTP_IN_FAILED;
      assert(!o.failed || (in.fail_status >= 400 && in.fail_text != NULL));
      assert(used == n);
    }
  }
  uvllm__http_in_free(&in);
  return o;
}

static void must_be_json(uvllm_json_parser_t* parser, uvllm__buf_t* buf) {
  uvllm_json_t root;
  assert(buf->err == 0 && uvllm_json_parse(parser, uvllm__buf_slice(buf), &root, NULL) == 0);
  uvllm__buf_clear(buf);
}

/* A stream as it stands in mock->out: lines or server-sent events. */
static void must_be_events(uvllm_json_parser_t* parser, uvllm__buf_t* out) {
  assert(out->err == 0);
  for (size_t at = 0; at < out->len; ) {
    const char* eol = memchr(out->base + at, '\n', out->len - at);
    assert(eol != NULL);
    uvllm_str_t line = { out->base + at, (size_t) (eol - out->base) - at };
    at += line.len + 1;
    if (line.len > 6 && memcmp(line.base, "data: ", 6) == 0) {
      line.base += 6;
      line.len -= 6;
    }
    if (line.len != 0 && line.base[0] == '{')
      assert(uvllm_json_parse(parser, line, NULL, NULL) == 0);
  }
  uvllm__buf_clear(out);
}

static void render(uvllm__answer_t* a, uvllm_json_parser_t* parser) {
  uvllm__buf_t* out = &a->mock->out;
  int streams = a->stream;
  a->ask.tokens = 3;
  a->dimensions = a->dimensions < 4 ? a->dimensions : 4;
  a->nchoices = a->nchoices < 3 ? a->nchoices : 3;
  uvllm__answer_set_length(a);
  a->ntokens = a->ntokens < 300 ? a->ntokens : 300;
  a->stream = 0;
  if (a->kind == UVLLM__MOCK_FIXED)
    uvllm__buf_append(out, a->script.base, a->script.len);
  else
    a->shape->whole(a, out);
  if (out->len != 0) /* some answer with nothing */
    must_be_json(parser, out);
  if (!streams)
    return;
  a->stream = 1;
  uvllm__stream_begin(a);
  while (a->next_token < a->ntokens)
    uvllm__stream_token(a);
  uvllm__stream_end(a);
  must_be_events(parser, out);
}

#define REFERENCE(name) &uvllm__mock_##name,
static const uvllm__mock_dialect_t* const dialects[] = { UVLLM__MOCK_DIALECTS(REFERENCE) };
enum { NDIALECTS = sizeof(dialects) / sizeof(dialects[0]) };

/* The endpoint of that number among those that read a body; counted from the table's
 * end, so that the corpus stays as it is when a dialect is added at its top. */
static const uvllm__mock_endpoint_t* endpoint_of(unsigned int n,
                                                 const uvllm__mock_dialect_t** dialect) {
  for (;;)
    for (size_t d = NDIALECTS; d-- != 0; )
      for (size_t i = 0; i < dialects[d]->nendpoints; i++)
        if (dialects[d]->endpoints[i].method == HTTP_POST && n-- == 0) {
          *dialect = dialects[d];
          return &dialects[d]->endpoints[i];
        }
}

/* The head that a body alone has lost: dialects look at it. */
static void read_head(uvllm__http_in_t* in) {
  static const char head[] = "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                             "anthropic-version: 2023-06-01\r\nContent-Length: 0\r\n\r\n";
  uvllm__http_in_init(in, &limits, &uvllm__alloc_default);
  uvllm__http_in_feed(in, head, sizeof(head) - 1);
  assert(in->state == UVLLM__HTTP_IN_READY);
}

static void read_and_render(uvllm__answer_t* a, const uvllm__mock_endpoint_t* endpoint,
                            const uvllm__http_in_t* in, uvllm_str_t body,
                            uvllm_json_parser_t* parser) {
  uvllm__mock_request_t request;
  uvllm__mock_error_t error;
  memset(&request, 0, sizeof(request));
  request.in = in;
  request.param = "model";
  if (uvllm_json_parse(a->mock->parser, body, &request.root, NULL) != 0 ||
      uvllm_json_type_of(request.root) != UVLLM_JSON_OBJECT)
    return;
  if (endpoint->shape->read(a, &request, &error) == 0) {
    render(a, parser);
  } else {
    assert(error.status >= 400 && error.message[0] != '\0');
    a->dialect->put_error(a, &error, &a->mock->event);
    must_be_json(parser, &a->mock->event);
  }
}

static void answer(uvllm_str_t body, unsigned int n) {
  uvllm_mock_t mock;
  uvllm__answer_t a;
  uvllm__http_in_t in;
  const uvllm__mock_endpoint_t* endpoint;
  memset(&mock, 0, sizeof(mock));
  memset(&a, 0, sizeof(a));
  uvllm__buf_t* bufs[] = { &mock.out, &mock.event, &mock.broken, &a.model, &a.script, &a.prefix,
                           &a.tail };
  enum { NBUFS = sizeof(bufs) / sizeof(bufs[0]) };
  for (size_t i = 0; i < NBUFS; i++)
    uvllm__buf_init(bufs[i], &uvllm__alloc_default, SIZE_MAX);
  uvllm_json_parser_t* parser;
  if (uvllm_json_parser_new(&mock.parser, NULL) != 0 || uvllm_json_parser_new(&parser, NULL) != 0)
    abort();
  endpoint = endpoint_of(n, &a.dialect);
  a.mock = &mock;
  a.shape = endpoint->shape;
  a.kind = endpoint->kind;
  a.variant = endpoint->variant;
  a.frame.framing = endpoint->framing;
  a.nchoices = a.nprompts = 1;
  a.max_tokens = UINT64_MAX;
  uvllm__ask_init(&a.ask);
  read_head(&in);
  read_and_render(&a, endpoint, &in, body, parser);
  uvllm__http_in_free(&in);
  uvllm_json_parser_free(mock.parser);
  uvllm_json_parser_free(parser);
  for (size_t i = 0; i < NBUFS; i++)
    uvllm__buf_free(bufs[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2)
    return 0;
  uvllm_str_t text = { (const char*) data + 1, size - 1 };
  if (*data >= 0x80) { /* a body alone */
    answer(text, *data & 0x7f);
    return 0;
  }
  if (*data == 0) {
    uvllm__ask_t ask;
    char why[200];
    uvllm__ask_parse(&ask, text, why, sizeof(why));
    return 0;
  }
  outcome_t whole = feed(text.base, text.len, text.len);
  outcome_t pieces = feed(text.base, text.len, *data);
  outcome_t bytes = feed(text.base, text.len, 1);
  assert(whole.hash == pieces.hash && whole.hash == bytes.hash);
  assert(whole.nrequests == pieces.nrequests && whole.nrequests == bytes.nrequests);
  assert(whole.failed == pieces.failed && whole.failed == bytes.failed);
  return 0;
}
