/* The events of a stream: which come when, each framed and put into one chunk. What
 * they say is the dialect's.
 *
 * Filler is not in the event that it belongs to but written later, slice by slice;
 * until then all that follows it waits in the answer's tail.
 */
#include "mock/mock_int.h"

#define LIT(out, text) uvllm__buf_append((out), (text), sizeof(text) - 1)


enum { CHUNK_ROOM = 24 }; /* for a size and two line ends */


/* The chunk's size, and its line end, into room that is there. */
static void put_size(uvllm__buf_t* out, uint64_t n) {
  unsigned int digits = n < 16 ? 1 : n < 256 ? 2 : n < 4096 ? 3 : 16;
  for (unsigned int i = digits; i-- != 0; n >>= 4)
    out->base[out->len + i] = "0123456789abcdef"[n & 15];
  out->base[out->len + digits] = '\r';
  out->base[out->len + digits + 1] = '\n';
  out->len += digits + 2;
}


static void open_chunk(const uvllm__answer_t* answer, uint64_t len, uvllm__buf_t* out) {
  if (answer->chunked && uvllm__buf_reserve(out, CHUNK_ROOM) == 0)
    put_size(out, len);
}


static void close_chunk(const uvllm__answer_t* answer, uvllm__buf_t* out) {
  if (answer->chunked)
    LIT(out, "\r\n");
}


static void put_chunk(const uvllm__answer_t* answer, const uvllm__buf_t* chunk,
                      uvllm__buf_t* out) {
  if (chunk->len == 0 || chunk->err != 0) {
    out->err = out->err != 0 ? out->err : chunk->err;
    return;
  }
  if (uvllm__buf_reserve(out, chunk->len + CHUNK_ROOM) != 0)
    return;
  if (answer->chunked)
    put_size(out, chunk->len);
  memcpy(out->base + out->len, chunk->base, chunk->len);
  out->len += chunk->len;
  close_chunk(answer, out);
}


/* ---- Events ---- */

static uvllm__buf_t* open_event(uvllm__answer_t* answer, const char* name, int is_error) {
  uvllm_mock_t* mock = answer->mock;
  uvllm__frame_open(&answer->frame, name, is_error, &mock->event);
  return &mock->event;
}


uvllm__buf_t* uvllm__mock_open(uvllm__answer_t* answer, const char* name) {
  return open_event(answer, name, 0);
}


uvllm__buf_t* uvllm__mock_open_error(uvllm__answer_t* answer, const char* name) {
  return open_event(answer, name, 1);
}


/* `malformed`: half of the payload in a frame that is well formed. */
static void put_broken(uvllm__answer_t* answer, uvllm__buf_t* out) {
  uvllm_mock_t* mock = answer->mock;
  uvllm__frame_t* frame = &answer->frame;
  size_t half = (mock->event.len - frame->payload) / 2;
  answer->breaks_next = 0;
  uvllm__buf_clear(&mock->broken);
  uvllm__buf_append(&mock->broken, mock->event.base, frame->payload + half);
  uvllm__frame_close(frame, 0, 0, &mock->broken);
  mock->stats.events++;
  put_chunk(answer, &mock->broken, out);
}


static void put_idle(uvllm__answer_t* answer, uvllm__buf_t* out) {
  uvllm__buf_t* idle = &answer->mock->broken;
  uvllm__buf_clear(idle);
  uvllm__frame_idle(&answer->frame, idle);
  put_chunk(answer, idle, out);
}


/* The event up to its filler; what follows it waits. */
static void put_with_filler(uvllm__answer_t* answer) {
  const uvllm__buf_t* event = &answer->mock->event;
  uvllm__buf_t* out = &answer->mock->out;
  open_chunk(answer, event->len + answer->filler, out);
  uvllm__buf_append(out, event->base, answer->filler_at);
  uvllm__buf_clear(&answer->tail);
  uvllm__buf_append(&answer->tail, event->base + answer->filler_at,
                    event->len - answer->filler_at);
  close_chunk(answer, &answer->tail);
  answer->has_tail = 1;
}


void uvllm__mock_close(uvllm__answer_t* answer) {
  uvllm_mock_t* mock = answer->mock;
  uvllm__buf_t* out = answer->has_tail ? &answer->tail : &mock->out;
  uint64_t filler = answer->has_tail ? 0 : answer->filler;
  if (answer->ask.comments > 0)
    put_idle(answer, out);
  if (answer->breaks_next)
    put_broken(answer, out);
  uvllm__frame_close(&answer->frame, answer->filler_at, filler, &mock->event);
  mock->stats.events++;
  if (filler != 0 && mock->event.err == 0)
    put_with_filler(answer);
  else
    put_chunk(answer, &mock->event, out);
}


/* ---- The order of a stream ---- */

void uvllm__stream_begin(uvllm__answer_t* answer) {
  answer->frame.count = 0;
  answer->frame.crlf |= answer->ask.crlf > 0;
  answer->breaks_next = 0;
  if (answer->shape->begin != NULL)
    answer->shape->begin(answer);
}


static void put_token(uvllm__answer_t* answer, uvllm__block_t* block) {
  const uvllm__mock_shape_t* shape = answer->shape;
  uint64_t i = answer->next_token - block->first;
  block->choice = answer->choice;
  if (answer->kind == UVLLM__MOCK_GENERATE) {
    answer->sent_tokens++;
    answer->mock->stats.output_tokens++;
  }
  if (i == 0 && shape->block_begin != NULL)
    shape->block_begin(answer, block);
  if (shape->token != NULL)
    shape->token(answer, block, i);
  if (i + 1 == block->ntokens && shape->block_end != NULL)
    shape->block_end(answer, block);
}


/* The filler interrupts, so the choice is kept. */
void uvllm__stream_token(uvllm__answer_t* answer) {
  uvllm__block_t block;
  uint32_t n = 0;
  while (uvllm__mock_block(answer, answer->choice, n, &block) &&
         answer->next_token >= block.first + block.ntokens)
    n++;
  answer->breaks_next |= answer->malformed;
  answer->malformed = 0;
  put_token(answer, &block);
  if (++answer->choice == answer->nchoices) {
    answer->choice = 0;
    answer->next_token++;
  }
}


static void end_body(uvllm__answer_t* answer, int is_ended) {
  uvllm__buf_t* event = &answer->mock->event;
  uvllm__buf_clear(event);
  if (is_ended)
    uvllm__frame_end(&answer->frame, event);
  put_chunk(answer, event, &answer->mock->out);
  if (answer->chunked)
    LIT(&answer->mock->out, "0\r\n\r\n");
}


void uvllm__stream_end(uvllm__answer_t* answer) {
  const uvllm__mock_shape_t* shape = answer->shape;
  int has_finish = answer->ask.no_finish < 0;
  int is_done = has_finish && answer->ask.no_done < 0;
  if (has_finish && shape->finish != NULL)
    shape->finish(answer);
  if (is_done && shape->done != NULL)
    shape->done(answer);
  end_body(answer, is_done);
}


void uvllm__stream_fault(uvllm__answer_t* answer) {
  uvllm__mock_error_t error;
  uvllm__mock_error_of(answer, 500, &error);
  if (answer->shape->fault != NULL) {
    answer->shape->fault(answer, &error);
  } else {
    answer->dialect->put_error(answer, &error, uvllm__mock_open_error(answer, NULL));
    uvllm__mock_close(answer);
  }
  end_body(answer, 1);
}
