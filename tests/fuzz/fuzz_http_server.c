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

static void render(uvllm__answer_t* a, uvllm_json_parser_t* parser) {
  uvllm__buf_t* out = &a->mock->event;
  a->ntokens = a->has_script || a->ncalls != 0 ? uvllm__mock_openai_length(a) : 3;
  if (a->max_tokens < a->ntokens)
    a->ntokens = a->max_tokens;
  if (a->kind == UVLLM__MOCK_EMBED) {
    a->dimensions = a->dimensions < 4 ? a->dimensions : 4;
    uvllm__mock_openai_embeddings(a, out);
    must_be_json(parser, out);
    return;
  }
  a->nchoices = a->nchoices < 3 ? a->nchoices : 3;
  uvllm__mock_openai_whole(a, out);
  must_be_json(parser, out);
  uvllm__mock_openai_prefix(a);
  for (uint64_t i = 0; i < a->ntokens && i < 300; i++) {
    if (uvllm__mock_openai_call(a, 0, i, out))
      must_be_json(parser, out);
    uvllm__mock_openai_token(a, 0, i, out);
    must_be_json(parser, out);
  }
  if (uvllm__mock_openai_last(a, 0, out))
    must_be_json(parser, out);
  if (uvllm__mock_openai_usage(a, out))
    must_be_json(parser, out);
}

static void answer(uvllm_str_t body, int kind) {
  uvllm_mock_t mock;
  uvllm__answer_t a;
  uvllm__mock_error_t error;
  memset(&mock, 0, sizeof(mock));
  memset(&a, 0, sizeof(a));
  uvllm__buf_t* bufs[] = { &mock.event, &a.model, &a.script, &a.prefix };
  for (size_t i = 0; i < 4; i++)
    uvllm__buf_init(bufs[i], &uvllm__alloc_default, SIZE_MAX);
  uvllm_json_parser_t* parser;
  if (uvllm_json_parser_new(&mock.parser, NULL) != 0 || uvllm_json_parser_new(&parser, NULL) != 0)
    abort();
  a.mock = &mock;
  a.kind = (uint8_t) kind;
  a.nchoices = a.nprompts = 1;
  a.max_tokens = UINT64_MAX;
  uvllm__ask_init(&a.ask);
  if (uvllm__mock_openai_read(&a, body, &error) == 0) {
    render(&a, parser);
  } else {
    assert(error.status == 400 && error.message[0] != '\0');
    uvllm__mock_openai_error(&mock.event, &error);
    must_be_json(parser, &mock.event);
  }
  uvllm_json_parser_free(mock.parser);
  uvllm_json_parser_free(parser);
  for (size_t i = 0; i < 4; i++)
    uvllm__buf_free(bufs[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2)
    return 0;
  uvllm_str_t text = { (const char*) data + 1, size - 1 };
  if (*data >= 0x80) { /* a body alone */
    answer(text, *data & 0x40 ? UVLLM__MOCK_CHAT : *data & 1 ? UVLLM__MOCK_COMPLETION
                                                             : UVLLM__MOCK_EMBED);
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
