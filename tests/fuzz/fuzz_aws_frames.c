/* AWS's event stream: any bytes give the same frames and the same error however they
 * are cut; and what the tests' encoder makes of them is read back as it was.
 */
#include "../aws_encode.h"
#include "../frames_helper.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);


static uvllm__buf_t frames_of(uvllm_str_t text, size_t max, size_t first, size_t step, int stops) {
  uvllm__frames_t f;
  frames_log_t log = { .stop_each = stops };
  uvllm__buf_init(&log.out, &uvllm__alloc_default, SIZE_MAX);
  uvllm__frames_init(&f, &uvllm__alloc_default);
  uvllm__frames_begin(&f, UVLLM_FRAME_AWS, max);
  frames_feed_all(&f, &log, text, first, step);
  uvllm__frames_free(&f);
  return log.out;
}


static void must_equal(uvllm__buf_t got, const uvllm__buf_t* expected) {
  if (got.len != expected->len ||
      (got.len != 0 && memcmp(got.base, expected->base, got.len) != 0))
    abort();
  uvllm__buf_free(&got);
}


static void try_cuts(uvllm_str_t text, size_t max, size_t cut) {
  const size_t whole = text.len != 0 ? text.len : 1;
  uvllm__buf_t expected = frames_of(text, max, whole, whole, 0);
  must_equal(frames_of(text, max, 1, 1, 0), &expected);
  must_equal(frames_of(text, max, 1 + cut % whole, whole, 1), &expected);
  must_equal(frames_of(text, max, 1 + cut % whole, 1 + cut % 7, 1), &expected);
  uvllm__buf_free(&expected);
}


/* The bytes as the headers and the payload of a message whose checksums are right. */
static void try_message(uvllm_str_t text, size_t cut) {
  const size_t nheaders = text.len != 0 ? cut % text.len : 0;
  uvllm__buf_t out;
  uvllm__buf_init(&out, &uvllm__alloc_default, SIZE_MAX);
  aws_put_message(&out, (uvllm_str_t) { text.base, nheaders },
                  (uvllm_str_t) { text.base + nheaders, text.len - nheaders });
  try_cuts(uvllm__buf_slice(&out), SIZE_MAX, cut);
  try_cuts(uvllm__buf_slice(&out), text.len / 2, cut);
  uvllm__buf_free(&out);
}


int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2)
    return 0;
  const size_t cut = (size_t) data[0] << 8 | data[1];
  const uvllm_str_t text = { (const char*) data + 2, size - 2 };
  try_cuts(text, SIZE_MAX, cut);
  try_message(text, cut);
  return 0;
}
