/* What one chunk of an OpenAI stream costs to parse and to extract.
 *
 * Sixteen chunks of about 310 bytes, all different (as in a stream: the content,
 * the padding and their lengths change), are parsed one after the other; of each
 * the content, the finish reason and whether there is usage are asked for. One
 * round takes about 20 ms, the figure is the median of the rounds. Includes
 * only public headers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "uvllm/json.h"

enum { NCHUNKS = 16, NROUNDS = 21, NTEXTS = 100000 };

typedef struct chunk_s {
  char text[512];
  size_t len;
} chunk_t;

static volatile size_t sink; /* so that nothing is optimised away */


static void make_chunk(chunk_t* c, const char* content, const char* padding) {
  int len = snprintf(c->text, sizeof(c->text),
                     "{\"id\":\"chatcmpl-DxQ7hT2mVn0LrWc8KzYb\","
                     "\"object\":\"chat.completion.chunk\",\"created\":1790000001,"
                     "\"model\":\"gpt-4.1-nano-2025-04-14\",\"service_tier\":\"default\","
                     "\"system_fingerprint\":\"fp_0a1b2c3d\",\"choices\":[{\"index\":0,"
                     "\"delta\":{\"content\":\"%s\"},\"logprobs\":null,"
                     "\"finish_reason\":null}],\"usage\":null,\"obfuscation\":\"%s\"}",
                     content, padding);
  c->len = (size_t) len;
}


static void make_chunks(chunk_t* chunks) {
  static const char* const contents[NCHUNKS] = {
    "Hello", " there", ",", " how", " are", " you", "?", "\\n\\n", " The", " \\\"loop\\\"",
    " never", " blocks", ".", " caf\xc3\xa9", " 42", " asynchronously"
  };
  static const char paddings[] = "Qup1ByhZ0h";
  for (size_t i = 0; i < NCHUNKS; i++) {
    size_t n = strlen(contents[i]); /* the provider pads so that lengths tell little */
    make_chunk(&chunks[i], contents[i], paddings + (n < 8 ? n : 8));
  }
}


static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}


static size_t extract(uvllm_json_parser_t* parser, const chunk_t* c) {
  uvllm_json_t root;
  uvllm_str_t text = { c->text, c->len };
  if (uvllm_json_parse(parser, text, &root, NULL) != 0)
    abort();
  uvllm_json_t choice = uvllm_json_path(root, "choices.0");
  uvllm_str_t content = uvllm_json_str(uvllm_json_path(choice, "delta.content"));
  uvllm_str_t reason = uvllm_json_str(uvllm_json_get(choice, "finish_reason"));
  uvllm_json_type usage = uvllm_json_type_of(uvllm_json_get(root, "usage"));
  if (content.base == NULL || reason.base != NULL || usage != UVLLM_JSON_NULL)
    abort();
  return content.len + (unsigned char) content.base[0];
}


static double round_ns(uvllm_json_parser_t* parser, const chunk_t* chunks) {
  size_t sum = 0;
  double start = now_ns();
  for (size_t i = 0; i < NTEXTS; i++)
    sum += extract(parser, &chunks[i % NCHUNKS]);
  double spent = now_ns() - start;
  sink = sum;
  return spent / NTEXTS;
}


static int compare(const void* a, const void* b) {
  double x = *(const double*) a, y = *(const double*) b;
  return (x > y) - (x < y);
}


int main(void) {
  chunk_t chunks[NCHUNKS];
  double rounds[NROUNDS], bytes = 0;
  uvllm_json_parser_t* parser;
  if (uvllm_json_parser_new(&parser, NULL) != 0)
    return 1;
  make_chunks(chunks);
  for (size_t i = 0; i < NCHUNKS; i++)
    bytes += (double) chunks[i].len / NCHUNKS;
  round_ns(parser, chunks);
  for (size_t i = 0; i < NROUNDS; i++)
    rounds[i] = round_ns(parser, chunks);
  qsort(rounds, NROUNDS, sizeof(rounds[0]), compare);
  double median = rounds[NROUNDS / 2];
  printf("json_parse_extract_ns %.1f\n", median);
  printf("json_parse_extract_mb_s %.0f\n", bytes * 1e3 / median);
  printf("json_parse_extract_spread %.3f\n", (rounds[NROUNDS - 2] - rounds[1]) / median);
  printf("json_chunk_bytes %.0f\n", bytes);
  uvllm_json_parser_free(parser);
  return 0;
}
