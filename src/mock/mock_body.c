/* Bodies that are not streamed, and which of all answers it is. All functions append
 * to mock->out; when, is mock_answer.c's business.
 */
#include "mock/mock_int.h"

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)

enum { FILLER_SLICE = 64 * 1024 };

static const char HTML[] = "text/html; charset=utf-8";
static const char HTML_BODY[] = "<html>\r\n<head><title>Bad gateway</title></head>\r\n"
                                "<body><h1>The host is on a break</h1></body>\r\n</html>\r\n";


static void end(uvllm__answer_t* answer, int keep_alive) {
  answer->phase = UVLLM__ANSWER_ENDING;
  answer->keep_alive &= (uint8_t) keep_alive;
}


/* ---- Whole bodies ---- */

/* How much of a body is sent that is cut or stalls after k tokens. */
static size_t share(const uvllm__answer_t* answer, size_t len, uint64_t k) {
  uint64_t n = answer->ntokens != 0 ? answer->ntokens : 1;
  if (len == 0)
    return 0;
  return k >= n ? len - 1 : (size_t) ((double) len * (double) k / (double) n);
}


static void put_tail(uvllm__answer_t* answer, const char* from, size_t len) {
  uvllm__buf_clear(&answer->tail);
  if (uvllm__buf_append(&answer->tail, from, len) != 0)
    end(answer, 0); /* cut: half an answer is seen as such */
}


static void send_body(uvllm__answer_t* answer, int status, const char* type,
                      const uvllm__mock_error_t* error) {
  uvllm_mock_t* mock = answer->mock;
  uvllm__buf_t* body = &mock->event;
  int64_t length = (int64_t) (body->len + answer->filler);
  size_t len = body->len;
  answer->status = status;
  answer->phase = UVLLM__ANSWER_ENDING;
  if (answer->ask.eof > 0) {
    length = UVLLM__LENGTH_EOF;
    answer->keep_alive = 0;
  }
  if (answer->cut_at != UINT64_MAX) {
    len = share(answer, len, answer->cut_at);
    end(answer, 0);
    answer->ends_cut = 1;
  } else if (answer->stall_at != UINT64_MAX) {
    len = share(answer, len, answer->stall_at);
    answer->phase = UVLLM__ANSWER_STALLED;
  }
  uvllm__mock_head(mock, answer, error, status, type, length, answer->keep_alive);
  if (uvllm__http_in_method(uvllm__conn_in(answer->conn)) == HTTP_HEAD)
    len = 0;
  if (answer->filler == 0 || answer->filler_at >= len) {
    answer->filler = 0;
    uvllm__buf_append(&mock->out, body->base, len);
    return;
  }
  uvllm__buf_append(&mock->out, body->base, answer->filler_at);
  put_tail(answer, body->base + answer->filler_at, len - answer->filler_at);
}


static void send_whole(uvllm__answer_t* answer) {
  uvllm__buf_t* body = &answer->mock->event;
  uvllm__buf_clear(body);
  if (answer->kind == UVLLM__MOCK_FIXED)
    uvllm__buf_append(body, answer->script.base, answer->script.len);
  else
    answer->shape->whole(answer, body);
  if (answer->kind == UVLLM__MOCK_GENERATE)
    answer->sent_tokens = answer->ntokens * answer->nchoices;
  answer->mock->stats.output_tokens += answer->sent_tokens;
  if (answer->malformed)
    body->len /= 2;
  if (answer->filler != 0 && answer->filler_at > body->len)
    answer->filler = 0;
  send_body(answer, 200, answer->type, NULL);
}


/* ---- Errors ---- */

static void send_html(uvllm__answer_t* answer, int status) {
  LIT(&answer->mock->event, HTML_BODY);
  send_body(answer, status, HTML, NULL);
}


static void send_error(uvllm__answer_t* answer, const uvllm__mock_error_t* error, int status) {
  uvllm__buf_clear(&answer->mock->event);
  answer->dialect->put_error(answer, error, &answer->mock->event);
  send_body(answer, status, answer->dialect->json_type, error);
}


static void send_asked(uvllm__answer_t* answer, int status) {
  uvllm__mock_error_t error;
  int from_edge = status == 502 || status == 504 || status >= 520;
  int has = uvllm__mock_error_of(answer, status, &error);
  uvllm__buf_clear(&answer->mock->event);
  if (status == 304)
    send_body(answer, status, answer->dialect->json_type, NULL);
  else if ((from_edge && !has) || answer->ask.html > 0)
    send_html(answer, status);
  else
    send_error(answer, &error, status);
}


void uvllm__answer_error(uvllm__answer_t* answer, const uvllm__mock_error_t* error) {
  send_error(answer, error, error->status);
}


/* ---- Which of all ---- */

static void begin_stream(uvllm__answer_t* answer) {
  answer->status = 200;
  answer->chunked = uvllm__conn_in(answer->conn)->parser.http_minor == 1 && answer->ask.eof < 0;
  if (!answer->chunked)
    answer->keep_alive = 0;
  uvllm__mock_head(answer->mock, answer, NULL, 200, uvllm__frame_type(answer->frame.framing),
                   answer->chunked ? UVLLM__LENGTH_CHUNKED : UVLLM__LENGTH_EOF,
                   answer->keep_alive);
  answer->phase = UVLLM__ANSWER_STREAMING;
  uvllm__stream_begin(answer);
}


void uvllm__answer_begin(uvllm__answer_t* answer) {
  const uvllm__ask_t* ask = &answer->ask;
  int status = ask->status > 0 ? (int) ask->status : 200;
  if (ask->quota > 0)
    status = 429;
  uvllm__buf_clear(&answer->mock->event);
  if (ask->reset > 0 && answer->cut_at == UINT64_MAX) {
    end(answer, 0);
  } else if (ask->empty > 0) {
    send_body(answer, status, answer->stream ? uvllm__frame_type(answer->frame.framing)
                                             : answer->type, NULL);
  } else if (status != 200) {
    send_asked(answer, status);
  } else if (ask->html > 0) {
    send_html(answer, 200);
  } else if (answer->stream) {
    begin_stream(answer);
  } else if (answer->error_at != UINT64_MAX) {
    uvllm__mock_error_t error;
    uvllm__mock_error_of(answer, 500, &error);
    send_error(answer, &error, 200);
  } else {
    send_whole(answer);
  }
}


void uvllm__answer_token(uvllm__answer_t* answer) {
  uint64_t i = answer->next_token;
  if (i == answer->cut_at && answer->choice == 0) {
    end(answer, 0);
    answer->ends_cut = 1;
  } else if (i == answer->stall_at && answer->choice == 0) {
    answer->phase = UVLLM__ANSWER_STALLED;
  } else if (i == answer->error_at && answer->choice == 0) {
    uvllm__stream_fault(answer);
    end(answer, 0);
  } else if (i >= answer->ntokens) {
    uvllm__stream_end(answer);
    end(answer, 1);
  } else {
    uvllm__stream_token(answer);
  }
}


void uvllm__answer_filler(uvllm__answer_t* answer) {
  uvllm__buf_t* out = &answer->mock->out;
  size_t n = answer->filler < FILLER_SLICE ? (size_t) answer->filler : FILLER_SLICE;
  if (uvllm__buf_reserve(out, n) != 0) {
    end(answer, 0);
    answer->filler = 0;
    return;
  }
  memset(out->base + out->len, 'x', n);
  out->len += n;
  answer->filler -= n;
  if (answer->filler != 0)
    return;
  uvllm__buf_append(out, answer->tail.base, answer->tail.len);
  if (answer->tail.err != 0)
    end(answer, 0);
  uvllm__buf_free(&answer->tail);
  answer->has_tail = 0;
}
