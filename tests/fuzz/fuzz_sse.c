/* Framing: a stream read whole must be what the slow reference says, and read in
 * any pieces, with or without stops, it must be the same; so must each framing
 * under a limit, with its errors. How it is cut is drawn from a hash of the bytes,
 * so that the corpus consists of streams as servers send them.
 */
#include "../frames_helper.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

static uint64_t rng;


static uint64_t next_random(void) {
  rng = rng * 6364136223846793005u + 1442695040888963407u;
  return rng >> 33;
}


static void seed_with(const uint8_t* data, size_t size) {
  rng = 14695981039346656037u;
  for (size_t i = 0; i < size; i++)
    rng = (rng ^ data[i]) * 1099511628211u;
}


static uvllm__buf_t new_text(void) {
  uvllm__buf_t buf;
  uvllm__buf_init(&buf, &uvllm__alloc_default, SIZE_MAX);
  return buf;
}


/* In reads of 1 to `piece` bytes; 0: whole. */
static uvllm__buf_t frames_of(uvllm__frames_t* f, uvllm_str_t text, size_t piece, int stop_each) {
  frames_log_t log = { new_text(), stop_each, 0 };
  int err = 0;
  for (size_t at = 0; err == 0 && at < text.len;) {
    size_t len = piece != 0 ? 1 + next_random() % piece : text.len;
    if (len > text.len - at)
      len = text.len - at;
    err = frames_read(f, &log, text.base + at, len);
    at += len;
  }
  frames_log_end(f, &log, err);
  return log.out;
}


static void must_equal(uvllm__buf_t* got, const uvllm__buf_t* expected) {
  if (got->len != expected->len ||
      (got->len != 0 && memcmp(got->base, expected->base, got->len) != 0))
    abort();
  uvllm__buf_free(got);
}


static void try_pieces(uvllm__frames_t* f, uvllm_framing framing, uvllm_str_t text, size_t max,
                       uvllm__buf_t* expected) {
  static const size_t pieces[] = { 1, 3, 20, 200 };
  for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
    uvllm__frames_begin(f, framing, max);
    uvllm__buf_t got = frames_of(f, text, pieces[i], (int) (i & 1));
    must_equal(&got, expected);
  }
}


int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const uvllm_framing all[] = { UVLLM_FRAME_SSE, UVLLM_FRAME_LINES, UVLLM_FRAME_BODY };
  uvllm_str_t text = { size != 0 ? (const char*) data : "", size };
  uvllm__frames_t f;
  uvllm__frames_init(&f, &uvllm__alloc_default);
  seed_with(data, size);

  uvllm__buf_t expected = new_text();
  sse_reference(text, &expected);
  uvllm__frames_begin(&f, UVLLM_FRAME_SSE, SIZE_MAX);
  uvllm__buf_t whole = frames_of(&f, text, 0, 0);
  must_equal(&whole, &expected);
  try_pieces(&f, UVLLM_FRAME_SSE, text, SIZE_MAX, &expected);
  uvllm__buf_free(&expected);

  for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
    size_t max = next_random() % (size / 2 + 2);
    uvllm__frames_begin(&f, all[i], max);
    expected = frames_of(&f, text, 0, 0);
    try_pieces(&f, all[i], text, max, &expected);
    uvllm__buf_free(&expected);
  }
  uvllm__frames_free(&f);
  return 0;
}
