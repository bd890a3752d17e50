/* What comes back becomes one line of a file: OpenAI's output schema, whoever
 * has answered. Requests that a cancel, the budget, or a key that is of no use any
 * more ended leave no line: the next run takes them up.
 */
#include "batch_internal.h"
#include "internal.h"

#include <ctype.h>
#include <stdio.h>


int uvllm__batch_enter(uvllm_batch_t* b, uint64_t* place) {
  *place = 0;
  if ((b->settings.flags & UVLLM_BATCH_ORDERED) == 0)
    return 0;
  return uvllm__order_enter(&b->order, place);
}


void uvllm__batch_emit(uvllm_batch_t* b, uint64_t place, int which) {
  const uvllm_str_t nothing = { NULL, 0 };
  uvllm_str_t line = which < 0 ? nothing : uvllm__buf_slice(&b->record);
  int err = which < 0 ? 0 : b->record.err;
  if (err != 0)
    line = nothing;
  if ((b->settings.flags & UVLLM_BATCH_ORDERED) != 0) {
    int filled = uvllm__order_fill(&b->order, place, which < 0 ? 0 : which, line);
    err = err != 0 ? err : filled;
  } else if (line.base != NULL) {
    err = uvllm__output_line(&b->output, which, line);
  }
  if (err == 0)
    return;
  b->lost++;
  uvllm__batch_fail(b, err, "no memory for an answer");
}


static void put(uvllm_batch_t* b, const char* text) {
  uvllm__buf_str(&b->record, text);
}


static void put_string(uvllm_batch_t* b, uvllm_str_t s) {
  uvllm__id_encode(s, &b->record); /* null if it is absent */
}


static void begin_record(uvllm_batch_t* b, uint64_t number, uvllm_str_t id) {
  char text[64];
  uvllm__buf_clear(&b->record);
  snprintf(text, sizeof(text), "{\"id\":\"batch_req_%08x%012llu\",\"custom_id\":", b->nonce,
           (unsigned long long) number);
  put(b, text);
  if (id.len != 0)
    uvllm__buf_append(&b->record, id.base, id.len);
  else
    put(b, "null");
  put(b, ",\"response\":");
}


/* A success that is no JSON is kept as a string: nothing answered is lost. */
static void put_body(uvllm_batch_t* b, const uvllm_result_t* result) {
  uvllm_json_t root;
  uvllm_str_t body = result->body_json;
  if (body.base != NULL && uvllm_json_parse(b->answer_parser, body, &root, NULL) == 0)
    uvllm__json_on_one_line(body, &b->record);
  else if (body.base != NULL && result->status == 0)
    put_string(b, body);
  else
    put(b, "null");
}


static void put_response(uvllm_batch_t* b, const uvllm_result_t* result) {
  int http_status = result->http_status;
  if (http_status == 0 && result->status == 0)
    http_status = 200;
  if (http_status == 0) {
    put(b, "null");
    return;
  }
  put(b, "{\"status_code\":");
  uvllm__buf_uint(&b->record, (uint64_t) http_status);
  put(b, ",\"request_id\":");
  put_string(b, result->request_id);
  put(b, ",\"body\":");
  put_body(b, result);
  put(b, "}");
}


void uvllm__batch_code(int err, char code[UVLLM__CODE_TEXT]) {
  size_t i = 0;
  const char* name = uvllm_err_name(err);
  if (strncmp(name, "UVLLM_", 6) == 0)
    name += 6;
  for (; name[i] != '\0' && i + 1 < UVLLM__CODE_TEXT; i++)
    code[i] = (char) tolower((unsigned char) name[i]);
  code[i] = '\0';
}


static void put_code(uvllm_batch_t* b, const uvllm_result_t* result) {
  char code[UVLLM__CODE_TEXT];
  uvllm__batch_code(result->status, code);
  put_string(b, result->code.len != 0 ? result->code : uvllm__str(code));
}


static void compose(uvllm_batch_t* b, const uvllm__item_t* item, const uvllm_result_t* result) {
  uvllm_str_t id = { item->id, item->id_len };
  begin_record(b, item->number, id);
  put_response(b, result);
  if (result->status == 0) {
    put(b, ",\"error\":null}\n");
    return;
  }
  put(b, ",\"error\":{\"code\":");
  put_code(b, result);
  put(b, ",\"message\":");
  put_string(b, result->message.len != 0 ? result->message
                                         : uvllm__str(uvllm_strerror(result->status)));
  put(b, "}}\n");
}


void uvllm__batch_refuse(uvllm_batch_t* b, const char* code, const char* text, int with_line) {
  char where[32];
  uint64_t place;
  if (uvllm__batch_enter(b, &place) != 0) {
    uvllm__batch_fail(b, UV_ENOMEM, "no memory");
    return;
  }
  snprintf(where, sizeof(where), "%llu", (unsigned long long) b->number);
  begin_record(b, b->number, uvllm__buf_slice(&b->id));
  put(b, "null,\"error\":{\"code\":");
  put_string(b, uvllm__str(code));
  put(b, ",\"message\":");
  uvllm__buf_clear(&b->text);
  uvllm__buf_str(&b->text, b->settings.input);
  uvllm__buf_char(&b->text, ':');
  uvllm__buf_str(&b->text, where);
  uvllm__buf_str(&b->text, ": ");
  uvllm__buf_str(&b->text, text);
  put_string(b, uvllm__buf_slice(&b->text));
  if (with_line) {
    put(b, ",\"line\":");
    put(b, where);
  }
  put(b, "}}\n");
  uvllm__batch_emit(b, place, UVLLM__OUT_ERRORS);
}


static void count(uvllm_batch_t* b, const uvllm_result_t* result) {
  uvllm_batch_progress_t* p = &b->progress;
  const uvllm_timing_t* t = result->timing;
  p->attempts += result->attempts;
  p->retries += result->attempts > 1 ? result->attempts - 1 : 0;
  p->http_429 += result->answers_429;
  if (result->usage != NULL && result->attempts != 0) {
    uvllm_usage_add(&p->usage, result->usage);
    p->unpriced += (result->usage->flags & UVLLM_USAGE_UNPRICED) != 0;
  }
  if (result->status != 0 || t == NULL || t->sent == 0)
    return;
  if (t->ended >= t->sent)
    uvllm__hist_add(&b->latency, (t->ended - t->sent) / 1000);
  if (t->first_content >= t->sent)
    uvllm__hist_add(&b->first_token, (t->first_content - t->sent) / 1000);
}


/* As much of it as fits into uvllm_batch_error(), not cut within a character. */
static uvllm_str_t short_words(uvllm_str_t s) {
  const size_t most = 300;
  size_t len = s.len < most ? s.len : most;
  while (len < s.len && len != 0 && ((unsigned char) s.base[len] & 0xc0) == 0x80)
    len--;
  while (len != 0 && (s.base[len - 1] == '.' || (unsigned char) s.base[len - 1] <= ' '))
    len--;
  uvllm_str_t words = { s.base, len };
  return words;
}


/* What one line's key cannot do none can: what is on its way may still be answered,
 * the rest is left to the next run. */
static void give_up_key(uvllm_batch_t* b, const uvllm_result_t* result) {
  uvllm_str_t words = short_words(result->message);
  b->progress.rejected++;
  uvllm__batch_fail(b, result->status, "%s: %s%s%.*s; %s, then run it again to go on",
                    b->settings.provider, uvllm_strerror(result->status),
                    words.len != 0 ? ": " : "", (int) words.len,
                    words.len != 0 ? words.base : "",
                    result->status == UVLLM_EAUTH ? "set another key"
                                                  : "add credit or set another key");
  for (uvllm__item_t* item = b->items.next; item != &b->items; item = item->next)
    if (item->req->state == UVLLM__RUNNING)
      uvllm__req_last_attempt(item->req);
    else
      uvllm_cancel(item->req);
}


/* It failed as others do, but was not tried again as they are. */
static int lacks_an_attempt(const uvllm_batch_t* b, const uvllm_result_t* result) {
  return (b->status == UVLLM_EAUTH || b->status == UVLLM_EQUOTA) &&
         (uvllm_err_scope(result->status) & UVLLM_RETRY_SAME) != 0 &&
         result->attempts < b->settings.defaults->max_attempts;
}


/* The file that a result belongs to; -1: none. */
static int sort_out(uvllm_batch_t* b, const uvllm__item_t* item, const uvllm_result_t* result) {
  unsigned long long number = (unsigned long long) item->number;
  switch (result->status) {
    case 0:
      b->refusals = 0;
      return UVLLM__OUT_RESULTS;
    case UVLLM_EBUDGET:
      b->progress.unaffordable++;
      b->refusals++;
      return -1;
    case UV_ECANCELED:
    case UVLLM_ECLOSING:
      b->progress.cancelled += item->sent != 0;
      b->unsent |= !item->sent;
      if (b->stopping == 0 && b->status == 0) /* the client is closing */
        b->stopping = 1;
      return -1;
    case UVLLM_EAUTH:
    case UVLLM_EQUOTA:
      give_up_key(b, result);
      return -1;
    case UVLLM_EUNPRICED:
    case UVLLM_ENOPROVIDER:
    case UVLLM_ENOKEY:
      uvllm__batch_fail(b, result->status, "%s:%llu: %s", b->settings.input, number,
                        result->message.len != 0 && result->message.len < 300
                            ? result->message.base : uvllm_strerror(result->status));
      return -1;
    default:
      if (!lacks_an_attempt(b, result))
        return UVLLM__OUT_ERRORS;
      b->progress.cancelled++;
      return -1;
  }
}


void uvllm__batch_on_done(uvllm_req_t* req, const uvllm_result_t* result) {
  uvllm__item_t* item = uvllm_req_data(req);
  uvllm_batch_t* b = item->batch;
  item->prev->next = item->next;
  item->next->prev = item->prev;
  b->ninflight--;
  b->nwaiting -= !item->sent;
  b->inflight_bytes -= item->bytes;
  count(b, result);
  int which = sort_out(b, item, result);
  if (which >= 0)
    compose(b, item, result);
  uvllm__batch_emit(b, item->place, which);
  uvllm__free(&b->alloc, item);
  uvllm__batch_pump(b);
}
