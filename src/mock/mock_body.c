/* What an answer consists of, in bytes: heads, events, faults. All functions
 * append to mock->out; when, is mock_answer.c's business.
 */
#include "mock/mock_int.h"

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)

enum { FILLER_SLICE = 64 * 1024 };

static const char JSON[] = "application/json";
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


static void send_body(uvllm__answer_t* answer, int status, const char* type) {
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
  uvllm__mock_head(mock, answer, status, type, length, answer->keep_alive);
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
  if (answer->kind == UVLLM__MOCK_GET)
    uvllm__buf_append(body, answer->script.base, answer->script.len);
  else if (answer->kind == UVLLM__MOCK_EMBED)
    uvllm__mock_openai_embeddings(answer, body);
  else
    uvllm__mock_openai_whole(answer, body);
  if (answer->kind <= UVLLM__MOCK_COMPLETION)
    answer->sent_tokens = answer->ntokens * answer->nchoices;
  answer->mock->stats.output_tokens += answer->sent_tokens;
  if (answer->malformed)
    body->len /= 2;
  if (answer->filler != 0 && answer->filler_at > body->len)
    answer->filler = 0;
  send_body(answer, 200, JSON);
}


/* ---- Errors that were asked for ---- */

static void error_of(const uvllm__answer_t* answer, int status, uvllm__mock_error_t* error) {
  uvllm_str_t model = uvllm__buf_slice(&answer->model);
  const char* text = "x-mock asked for this error.";
  memset(error, 0, sizeof(*error));
  error->status = status;
  error->type = status >= 500 ? "server_error" : "invalid_request_error";
  if (status == 401) {
    error->code = "invalid_api_key";
    text = "Incorrect API key provided. (x-mock asked for this error.)";
  } else if (status == 404) {
    error->code = "model_not_found";
  } else if (status == 429) {
    error->type = answer->ask.quota > 0 ? "insufficient_quota" : "requests";
    error->code = answer->ask.quota > 0 ? "insufficient_quota" : "rate_limit_exceeded";
    text = answer->ask.quota > 0 ? "You exceeded your current quota, please check your plan and "
                                   "billing details."
                                 : "Rate limit reached. (x-mock asked for this error.)";
  } else if (status == 503) {
    error->type = "service_unavailable_error";
    error->code = "server_is_overloaded";
    text = "The engine is currently overloaded, please try again later.";
  } else if (status >= 500) {
    text = "The server had an error while processing your request. Sorry about that!";
  }
  if (status == 404 && model.len > 2)
    snprintf(error->message, sizeof(error->message),
             "The model `%.*s` does not exist or you do not have access to it.",
             (int) (model.len < 200 ? model.len - 2 : 200), model.base + 1);
  else
    snprintf(error->message, sizeof(error->message), "%s", text);
}


static void send_error(uvllm__answer_t* answer, int status) {
  uvllm__buf_t* body = &answer->mock->event;
  uvllm__mock_error_t error;
  uvllm__buf_clear(body);
  if (status == 304) {
    send_body(answer, status, JSON);
  } else if (status == 502 || status == 504 || status >= 520 || answer->ask.html > 0) {
    LIT(body, HTML_BODY); /* as from the edge */
    send_body(answer, status, HTML);
  } else {
    error_of(answer, status, &error);
    uvllm__mock_openai_error(body, &error);
    send_body(answer, status, JSON);
  }
}


void uvllm__answer_error(uvllm__answer_t* answer, const uvllm__mock_error_t* error) {
  uvllm__buf_clear(&answer->mock->event);
  uvllm__mock_openai_error(&answer->mock->event, error);
  send_body(answer, error->status, JSON);
}


/* ---- Events ---- */

static void put_hex(uvllm__buf_t* out, uint64_t n) {
  char text[16];
  size_t i = sizeof(text);
  do
    text[--i] = "0123456789abcdef"[n & 15];
  while ((n >>= 4) != 0);
  uvllm__buf_append(out, text + i, sizeof(text) - i);
}


static void open_chunk(uvllm__answer_t* answer, uint64_t len) {
  if (!answer->chunked)
    return;
  put_hex(&answer->mock->out, len);
  LIT(&answer->mock->out, "\r\n");
}


static void close_chunk(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  if (answer->chunked)
    LIT(out, "\r\n");
}


static void put_blank_line(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  if (answer->ask.crlf > 0)
    LIT(out, "\r\n\r\n");
  else
    LIT(out, "\n\n");
}


static void put_comment(uvllm__answer_t* answer) {
  uvllm__buf_t* out = &answer->mock->out;
  open_chunk(answer, sizeof(": keep-alive") - 1 + (answer->ask.crlf > 0 ? 4 : 2));
  LIT(out, ": keep-alive");
  put_blank_line(answer, out);
  close_chunk(answer, out);
}


/* What stands in mock->event, as one event in one chunk. */
static void put_event(uvllm__answer_t* answer) {
  uvllm_mock_t* mock = answer->mock;
  uvllm__buf_t* event = &mock->event;
  size_t eol = answer->ask.crlf > 0 ? 4 : 2;
  if (answer->ask.comments > 0)
    put_comment(answer);
  mock->stats.events++;
  open_chunk(answer, 6 + event->len + answer->filler + eol);
  LIT(&mock->out, "data: ");
  if (answer->filler == 0) {
    uvllm__buf_append(&mock->out, event->base, event->len);
    put_blank_line(answer, &mock->out);
    close_chunk(answer, &mock->out);
    return;
  }
  uvllm__buf_append(&mock->out, event->base, answer->filler_at);
  put_tail(answer, event->base + answer->filler_at, event->len - answer->filler_at);
  put_blank_line(answer, &answer->tail);
  close_chunk(answer, &answer->tail);
}


static uvllm__buf_t* new_event(uvllm__answer_t* answer) {
  uvllm__buf_clear(&answer->mock->event);
  return &answer->mock->event;
}


static void put_end(uvllm__answer_t* answer) {
  if (answer->chunked)
    LIT(&answer->mock->out, "0\r\n\r\n");
  end(answer, 1);
}


static void put_error_event(uvllm__answer_t* answer) {
  uvllm__mock_error_t error;
  error_of(answer, 500, &error);
  uvllm__mock_openai_error(new_event(answer), &error);
  put_event(answer);
  put_end(answer);
  answer->keep_alive = 0;
}


/* ---- The stream ---- */

static void begin_stream(uvllm__answer_t* answer) {
  uvllm_mock_t* mock = answer->mock;
  answer->status = 200;
  answer->chunked = uvllm__conn_in(answer->conn)->parser.http_minor == 1 && answer->ask.eof < 0;
  if (!answer->chunked)
    answer->keep_alive = 0;
  uvllm__mock_head(mock, answer, 200, "text/event-stream; charset=utf-8",
                   answer->chunked ? UVLLM__LENGTH_CHUNKED : UVLLM__LENGTH_EOF,
                   answer->keep_alive);
  uvllm__mock_openai_prefix(answer);
  answer->phase = UVLLM__ANSWER_STREAMING;
  for (uint32_t i = 0; i < answer->nchoices; i++)
    if (uvllm__mock_openai_first(answer, i, new_event(answer)))
      put_event(answer);
}


void uvllm__answer_begin(uvllm__answer_t* answer) {
  const uvllm__ask_t* ask = &answer->ask;
  uvllm__buf_t* body = &answer->mock->event;
  int status = ask->status > 0 ? (int) ask->status : 200;
  if (ask->quota > 0)
    status = 429;
  uvllm__buf_clear(body);
  if (ask->reset > 0 && answer->cut_at == UINT64_MAX) {
    end(answer, 0);
  } else if (ask->empty > 0) {
    send_body(answer, status, answer->stream ? "text/event-stream" : JSON);
  } else if (status != 200) {
    send_error(answer, status);
  } else if (ask->html > 0) {
    LIT(body, HTML_BODY);
    send_body(answer, 200, HTML);
  } else if (answer->stream) {
    begin_stream(answer);
  } else if (answer->error_at != UINT64_MAX) {
    uvllm__mock_error_t error;
    error_of(answer, 500, &error);
    uvllm__mock_openai_error(body, &error);
    send_body(answer, 200, JSON);
  } else {
    send_whole(answer);
  }
}


static void put_last(uvllm__answer_t* answer) {
  const uvllm__ask_t* ask = &answer->ask;
  for (uint32_t i = 0; i < answer->nchoices && ask->no_finish < 0; i++)
    if (uvllm__mock_openai_last(answer, i, new_event(answer)))
      put_event(answer);
  if (ask->no_finish < 0 && uvllm__mock_openai_usage(answer, new_event(answer)))
    put_event(answer);
  if (ask->no_finish < 0 && ask->no_done < 0) {
    LIT(new_event(answer), "[DONE]");
    put_event(answer);
  }
  put_end(answer);
}


static void put_broken(uvllm__answer_t* answer) {
  uvllm__buf_t* event = new_event(answer);
  uvllm__mock_openai_first(answer, 0, event);
  event->len /= 2;
  put_event(answer);
  answer->malformed = 0;
}


/* One choice of one token; the filler may interrupt, so the choice is kept. */
static void put_choice(uvllm__answer_t* answer, uint32_t choice) {
  uint64_t i = answer->next_token;
  if (uvllm__mock_openai_call(answer, choice, i, new_event(answer)))
    put_event(answer);
  uvllm__mock_openai_token(answer, choice, i, new_event(answer));
  put_event(answer);
  answer->sent_tokens++;
  answer->mock->stats.output_tokens++;
}


void uvllm__answer_token(uvllm__answer_t* answer) {
  uint64_t i = answer->next_token;
  if (i == answer->cut_at && answer->choice == 0) {
    end(answer, 0);
    answer->ends_cut = 1;
  } else if (i == answer->stall_at && answer->choice == 0) {
    answer->phase = UVLLM__ANSWER_STALLED;
  } else if (i == answer->error_at && answer->choice == 0) {
    put_error_event(answer);
  } else if (i >= answer->ntokens) {
    put_last(answer);
  } else {
    if (answer->malformed)
      put_broken(answer);
    put_choice(answer, answer->choice);
    if (++answer->choice == answer->nchoices) {
      answer->choice = 0;
      answer->next_token++;
    }
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
  uvllm__buf_free(&answer->tail);
}
