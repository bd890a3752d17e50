/* What a dialect costs: a text event of a stream, from its frame to the callback, and
 * the building of a request.
 *
 *   micro_dialects DIALECT
 *
 * Sixteen events of which no two are alike, as each dialect's servers send them, go
 * through the adapter one after the other, behind the ones that begin a stream. One
 * round takes some 10 ms, the figures are medians of the rounds. Allocations are those
 * of the library's allocator, once all buffers have their size.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dialects.h"
#include "emit.h"
#include "http_build.h"
#include "uvllm.h"

enum { NEVENTS = 16, NROUNDS = 21, NTEXTS = 30000, NBUILDS = 5000, MAX_EVENT = 768 };

typedef struct dialect_s {
  const char* name;
  uvllm_op op;
  const char* event;          /* its name in the stream; NULL: it has none */
  const char* content_type;   /* NULL: server-sent events */
  const char* format;         /* of a text event: "%s" is the text */
  const char* first_event[2]; /* what comes before it, with the names */
  const char* first[2];
} dialect_t;

static const dialect_t dialects[] = {
  { .name = "openai",
    .format = "{\"id\":\"chatcmpl-DxQ7hT2mVn0LrWc8KzYb\",\"object\":\"chat.completion.chunk\","
              "\"created\":1790000001,\"model\":\"gpt-4.1-nano-2025-04-14\","
              "\"service_tier\":\"default\",\"system_fingerprint\":\"fp_0a1b2c3d\","
              "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"},\"logprobs\":null,"
              "\"finish_reason\":null}],\"usage\":null,\"obfuscation\":\"Qup1ByhZ\"}" },
  { .name = "openai-responses", .event = "response.output_text.delta",
    .format = "{\"type\":\"response.output_text.delta\",\"sequence_number\":7,\"item_id\":"
              "\"msg_0a1b2c3d4e5f60718293a4b5c6d7e8f9\",\"output_index\":0,\"content_index\":0,"
              "\"delta\":\"%s\",\"logprobs\":[],\"obfuscation\":\"Qup1ByhZ\"}",
    .first_event = { "response.created", "response.output_item.added" },
    .first = { "{\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":"
               "\"resp_01\",\"status\":\"in_progress\"}}",
               "{\"type\":\"response.output_item.added\",\"sequence_number\":1,\"output_index\":0,"
               "\"item\":{\"id\":\"msg_01\",\"type\":\"message\",\"status\":\"in_progress\","
               "\"role\":\"assistant\",\"content\":[]}}" } },
  { .name = "anthropic", .event = "content_block_delta",
    .format = "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\","
              "\"text\":\"%s\"}}",
    .first_event = { "message_start", "content_block_start" },
    .first = { "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_01X\",\"type\":\"message\","
               "\"role\":\"assistant\",\"model\":\"claude-sonnet-4-5\",\"content\":[],"
               "\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":25,"
               "\"output_tokens\":1}}}",
               "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":"
               "\"text\",\"text\":\"\"}}" } },
  { .name = "gemini",
    .format = "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"%s\"}],\"role\":\"model\"},"
              "\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":8,\"candidatesTokenCount\":12,"
              "\"totalTokenCount\":20,\"promptTokensDetails\":[{\"modality\":\"TEXT\","
              "\"tokenCount\":8}]},\"modelVersion\":\"gemini-2.5-flash\",\"responseId\":"
              "\"q3RkaPn4Nc2Xz7IP\"}" },
  { .name = "cohere", .event = "content-delta",
    .format = "{\"type\":\"content-delta\",\"index\":0,\"delta\":{\"message\":{\"content\":"
              "{\"text\":\"%s\"}}}}",
    .first_event = { "message-start", "content-start" },
    .first = { "{\"type\":\"message-start\",\"id\":\"29f14a5a-11de-4cae-9800-25e4747408ea\","
               "\"delta\":{\"message\":{\"role\":\"assistant\"}}}",
               "{\"type\":\"content-start\",\"index\":0,\"delta\":{\"message\":{\"content\":"
               "{\"type\":\"text\",\"text\":\"\"}}}}" } },
  { .name = "ollama", .content_type = "application/x-ndjson",
    .format = "{\"model\":\"llama3.2\",\"created_at\":\"2026-11-27T18:00:00.000002Z\",\"message\":"
              "{\"role\":\"assistant\",\"content\":\"%s\"},\"done\":false}" },
  { .name = "tgi", .op = UVLLM_COMPLETION,
    .format = "{\"index\":7,\"token\":{\"id\":9604,\"text\":\"%s\",\"logprob\":-0.0123,"
              "\"special\":false},\"generated_text\":null,\"details\":null}" },
  { .name = "bedrock", .content_type = "application/vnd.amazon.eventstream", .event = "contentBlockDelta",
    .format = "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"%s\"},\"p\":\"abcdefghijkl\"}",
    .first_event = { "messageStart" }, .first = { "{\"role\":\"assistant\",\"p\":\"abcd\"}" } },
};

enum { NDIALECTS = sizeof(dialects) / sizeof(dialects[0]) };

typedef struct run_s {
  const uvllm_provider_ops_t* ops;
  uvllm_emit_t emit;
  uvllm_alloc_t alloc;
  void* state;
  uvllm_http_t http;
  char texts[NEVENTS][MAX_EVENT];
  uvllm_frame_t frames[NEVENTS];
  size_t told; /* bytes of text that reached the callback */
} run_t;

static size_t nallocated;


/* ---- Memory, counted ----------------------------------------------------------------- */

static void* count_malloc(void* ctx, size_t size) {
  (void) ctx;
  nallocated++;
  return malloc(size);
}


static void* count_realloc(void* ctx, void* p, size_t size) {
  (void) ctx;
  nallocated++;
  return realloc(p, size);
}


static void count_free(void* ctx, void* p) {
  (void) ctx;
  free(p);
}


/* ---- The receiver -------------------------------------------------------------------- */

static void on_event(uvllm_emit_t* emit, const uvllm_event_t* event) {
  run_t* r = (run_t*) (void*) ((char*) emit - offsetof(run_t, emit));
  if (event->type == UVLLM_EVENT_TEXT)
    r->told += event->u.text.len;
}


static void on_tool(uvllm_emit_t* emit, uint32_t choice, uint32_t index, uvllm_str_t id,
                    uvllm_str_t name, uvllm_str_t json) {
  (void) emit, (void) choice, (void) index, (void) id, (void) name, (void) json;
}


static void on_stop(uvllm_emit_t* emit, uint32_t choice, uvllm_stop_reason stop) {
  (void) emit, (void) choice, (void) stop;
}


static void on_replay(uvllm_emit_t* emit, uint32_t choice, uvllm_str_t json) {
  (void) emit, (void) choice, (void) json;
}


static void on_id(uvllm_emit_t* emit, uvllm_str_t id) {
  (void) emit, (void) id;
}


static void on_error(uvllm_emit_t* emit, uvllm_str_t code, uvllm_str_t message, int retry) {
  (void) emit, (void) code, (void) message, (void) retry;
}


static void on_retry_after(uvllm_emit_t* emit, uint64_t ms) {
  (void) emit, (void) ms;
}


static void on_limit(uvllm_emit_t* emit, uvllm_limit_kind kind, int64_t limit, int64_t remaining,
                     int64_t reset_ms) {
  (void) emit, (void) kind, (void) limit, (void) remaining, (void) reset_ms;
}


static const uvllm__emit_ops_t emit_ops = {
  .event = on_event, .tool = on_tool,   .stop = on_stop,               .replay = on_replay,
  .request_id = on_id, .error = on_error, .retry_after = on_retry_after, .limit = on_limit,
};


/* ---- Setting up ------------------------------------------------------------------------ */

static void die(const char* what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}


static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}


static uvllm_str_t str(const char* s) {
  uvllm_str_t r = { s, s != NULL ? strlen(s) : 0 };
  return r;
}


static void build(run_t* r, const uvllm_request_t* request) {
  const uvllm_attempt_t a = { .request = request, .base_url = str("https://api.example.com"),
                              .model = str("gpt-4o-mini"), .key = str("sk-0123456789abcdef"),
                              .secret = str("wJalrXUtnFEMI"), .unix_ms = 1795250000000,
                              .number = 1 };
  uvllm__http_reset(&r->http);
  memset(r->state, 0, r->ops->state_size);
  if (r->ops->build(r->state, &a, &r->http) != 0 || uvllm__http_finish(&r->http) != 0)
    die("the request cannot be built");
}


static void finish(run_t* r) {
  if (r->ops->fini != NULL)
    r->ops->fini(r->state);
}


static void make_events(run_t* r, const dialect_t* d) {
  static const char* const texts[NEVENTS] = {
    "Hello", " there", ",", " how", " are", " you", "?", "\\n\\n", " The", " \\\"loop\\\"",
    " never", " blocks", ".", " caf\xc3\xa9", " 42", " asynchronously"
  };
  for (int i = 0; i < NEVENTS; i++) {
    /* one "%s" each, checked by the length below */
    const char* at = strstr(d->format, "%s");
    const int len = snprintf(r->texts[i], MAX_EVENT, "%.*s%s%s", (int) (at - d->format), d->format,
                             texts[i], at + 2);
    if (len >= MAX_EVENT)
      die("an event is too long");
    r->frames[i] = (uvllm_frame_t) { str(d->event), { r->texts[i], (size_t) len }, 0 };
  }
}


static void set_up(run_t* r, const dialect_t* d) {
  memset(r, 0, sizeof(*r));
  r->ops = uvllm__dialect(strcmp(d->name, "openai-responses") == 0 ? "openai" : d->name);
  if (r->ops == NULL)
    die("the library was built without this dialect");
  if (strcmp(d->name, "openai-responses") == 0)
    r->ops = &uvllm__openai_responses_ops;
  r->alloc = (uvllm_alloc_t) { count_malloc, count_realloc, count_free, NULL };
  r->state = calloc(1, r->ops->state_size + 1);
  r->emit.ops = &emit_ops;
  r->emit.alloc = &r->alloc;
  uvllm__http_init(&r->http, &r->alloc);
  if (r->state == NULL || uvllm_json_parser_new(&r->emit.parser, &r->alloc) != 0)
    die("out of memory");
  make_events(r, d);
}


static void tear_down(run_t* r) {
  uvllm_json_parser_free(r->emit.parser);
  uvllm__http_free(&r->http);
  free(r->state);
}


static void make_request(uvllm_op op, uvllm_request_t* request, uvllm_message_t* message,
                         char* prompt, size_t len) {
  static const char words[] = "The Danube flows through Vienna, \"Wien\" in German.\n";
  for (size_t i = 0; i < len; i++)
    prompt[i] = words[i % (sizeof(words) - 1)];
  uvllm_request_init(request);
  memset(message, 0, sizeof(*message));
  message->role = UVLLM_USER;
  message->text = (uvllm_str_t) { prompt, len };
  request->op = op;
  request->messages = message;
  request->nmessages = 1;
  request->flags = UVLLM_STREAM;
  request->target.model = "gpt-4o-mini";
  request->max_tokens = 256;
}


/* ---- Measuring ---------------------------------------------------------------------------- */

static int compare(const void* a, const void* b) {
  const double x = *(const double*) a, y = *(const double*) b;
  return (x > y) - (x < y);
}


static double median(double* rounds) {
  qsort(rounds, NROUNDS, sizeof(rounds[0]), compare);
  return rounds[NROUNDS / 2];
}


static double event_round_ns(run_t* r) {
  const size_t before = r->told;
  const double start = now_ns();
  for (size_t i = 0; i < NTEXTS; i++)
    if (r->ops->frame(r->state, &r->frames[i % NEVENTS], &r->emit) != UVLLM_GO_ON)
      die("an event was refused");
  const double spent = now_ns() - start;
  if (r->told - before < NTEXTS)
    die("a text did not reach the callback");
  return spent / NTEXTS;
}


static void measure_events(run_t* r, const dialect_t* d, const uvllm_request_t* request) {
  double rounds[NROUNDS];
  build(r, request);
  if (r->ops->begin != NULL)
    r->ops->begin(r->state, 200, str(d->content_type != NULL ? d->content_type
                                                             : "text/event-stream"));
  for (int i = 0; i < 2 && d->first[i] != NULL; i++) {
    const uvllm_frame_t frame = { str(d->first_event[i]), str(d->first[i]), 0 };
    if (r->ops->frame(r->state, &frame, &r->emit) != UVLLM_GO_ON)
      die("the beginning of the stream was refused");
  }
  event_round_ns(r);
  nallocated = 0;
  for (int i = 0; i < NROUNDS; i++)
    rounds[i] = event_round_ns(r);
  printf("event_allocations %.3g\n", (double) nallocated);
  printf("event_ns %.1f\n", median(rounds));
  finish(r);
}


static double build_us(run_t* r, const uvllm_request_t* request, int n) {
  double rounds[NROUNDS];
  for (int i = 0; i < NROUNDS; i++) {
    const double start = now_ns();
    for (int k = 0; k < n; k++) {
      build(r, request);
      finish(r);
    }
    rounds[i] = (now_ns() - start) / n / 1e3;
  }
  return median(rounds);
}


int main(int argc, char** argv) {
  enum { MB = 1024 * 1024 };
  const dialect_t* d = dialects;
  static run_t r;
  uvllm_request_t request;
  uvllm_message_t message;
  char* prompt = malloc(10 * MB);
  while (d < dialects + NDIALECTS && (argc != 2 || strcmp(d->name, argv[1]) != 0))
    d++;
  if (d == dialects + NDIALECTS || prompt == NULL)
    die("usage: micro_dialects DIALECT");
  set_up(&r, d);
  make_request(d->op, &request, &message, prompt, 1024);
  measure_events(&r, d, &request);
  printf("build_1k_us %.3f\n", build_us(&r, &request, NBUILDS / 10));
  make_request(d->op, &request, &message, prompt, MB);
  const double one = build_us(&r, &request, 1);
  make_request(d->op, &request, &message, prompt, (size_t) 10 * MB);
  printf("build_10m_over_1m %.2f\n", build_us(&r, &request, 1) / one);
  tear_down(&r);
  free(prompt);
  return 0;
}
