/* What it costs to cut an OpenAI stream into frames, without reading what is in
 * them: 16 MiB of events of about 250 bytes in reads of 16 KiB, as curl gives
 * them. So most events lie whole in a read, and some are divided by two. Of each
 * frame the length is looked at. The figure is the median of the rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "frames.h"

enum { SIZE = 16 << 20, READ = 16384, ROUNDS = 21 };

typedef struct seen_s {
  size_t frames, bytes;
} seen_t;


static double now_ns(void) {
  struct timespec ts;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
  return (double) ts.tv_sec * 1e9 + (double) ts.tv_nsec;
}


static int by_value(const void* a, const void* b) {
  double x = *(const double*) a, y = *(const double*) b;
  return (x > y) - (x < y);
}


static int on_frame(void* ctx, const uvllm_frame_t* frame) {
  seen_t* seen = ctx;
  seen->frames++;
  seen->bytes += frame->data.len;
  return 0;
}


/* Whole events only: what is returned may be a little less than SIZE. */
static size_t make_stream(char* text, size_t* events) {
  static const char word[] = "asynchronously";
  size_t len = 0;
  for (*events = 0; SIZE - len > 400; ++*events) {
    int n = snprintf(text + len, SIZE - len,
                     "data: {\"id\":\"chatcmpl-DxQ7hT2mVn0LrWc8KzYb1Fj5Rp3Sg\",\"object\":"
                     "\"chat.completion.chunk\",\"created\":1790000001,\"model\":"
                     "\"gpt-4.1-nano-2025-04-14\",\"service_tier\":\"default\",\"choices\":"
                     "[{\"index\":0,\"delta\":{\"content\":\" %.*s\"},\"logprobs\":null,"
                     "\"finish_reason\":null}]}\n\n",
                     (int) (1 + *events % 13), word);
    len += (size_t) n;
  }
  return len;
}


static double one_round(uvllm__frames_t* f, const char* text, size_t len, seen_t* seen) {
  double start = now_ns();
  uvllm__frames_begin(f, UVLLM_FRAME_SSE, 1 << 20);
  for (size_t at = 0, taken; at < len; at += taken) {
    size_t n = len - at < READ ? len - at : READ;
    if (uvllm__frames_feed(f, text + at, n, &taken, on_frame, seen) != 0)
      exit(1);
  }
  if (uvllm__frames_end(f, on_frame, seen) != 0)
    exit(1);
  return (double) len / (now_ns() - start);
}


int main(void) {
  double rounds[ROUNDS];
  size_t events;
  uvllm__frames_t f;
  char* text = malloc(SIZE);
  if (text == NULL)
    return 1;
  size_t len = make_stream(text, &events);
  uvllm__frames_init(&f, &uvllm__alloc_default);
  for (int i = 0; i < ROUNDS; i++) {
    seen_t seen = { 0, 0 };
    rounds[i] = one_round(&f, text, len, &seen);
    if (seen.frames != events || seen.bytes != len - 8 * events) {
      free(text);
      return 1; /* a fast wrong answer is none */
    }
  }
  qsort(rounds, ROUNDS, sizeof(*rounds), by_value);
  printf("sse_gb_per_s %.2f\n", rounds[ROUNDS / 2]);
  uvllm__frames_free(&f);
  free(text);
  return 0;
}
