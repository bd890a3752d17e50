/* A loop with a mock provider, a client and one batch, for the tests of batches. */
#ifndef UVLLM_TESTS_BATCH_SCENE_H
#define UVLLM_TESTS_BATCH_SCENE_H

#include "test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "provider_init.h"
#include "uvllm/batch.h"
#include "uvllm/json.h"
#include "uvllm/mock.h"

typedef struct scene_s {
  char folder[64];
  char input[128], output[128], errors[128], run[128];
  uvllm_mock_options_t mock_options;
  uvllm_client_options_t client_options;
  uvllm_provider_options_t provider;
  uvllm_batch_options_t options;
  uvllm_request_t defaults;
  int no_key;

  /* of the run */
  test_alloc_t alloc;
  uv_loop_t loop;
  uvllm_mock_t* mock;
  uvllm_client_t* client;
  uvllm_batch_t* batch;
  void (*each_turn)(struct scene_s* s);
  uv_prepare_t prepare;
  uint64_t turns;
  int starting;

  /* what came of it */
  int ndone, status;
  char error[512];
  uvllm_batch_progress_t end;
  uvllm_mock_stats_t stats;
} scene_t;

static inline void scene_paths(scene_t* s, const char* name) {
  snprintf(s->input, sizeof(s->input), "%s/%s.jsonl", s->folder, name);
  snprintf(s->output, sizeof(s->output), "%s/%s.results.jsonl", s->folder, name);
  snprintf(s->errors, sizeof(s->errors), "%s/%s.errors.jsonl", s->folder, name);
  snprintf(s->run, sizeof(s->run), "%s/%s.results.jsonl.run.json", s->folder, name);
}

static inline void scene_defaults(scene_t* s) {
  uvllm_mock_options_init(&s->mock_options);
  uvllm_client_options_init(&s->client_options);
  core_provider_init(&s->provider);
  uvllm_request_init(&s->defaults);
  uvllm_batch_options_init(&s->options);
  s->mock_options.ntokens = 3;
  s->client_options.max_inflight = 16;
  s->provider.name = "openai";
  s->defaults.max_attempts = 1;
  s->defaults.timeout_ms = 30000;
  s->options.concurrency = 16;
  s->options.input = s->input;
  s->options.defaults = &s->defaults;
  s->each_turn = NULL;
  s->no_key = 0;
}

static inline int scene_setup(void** state) {
  scene_t* s = calloc(1, sizeof(*s));
  strcpy(s->folder, "/dev/shm/uvllm-batch-XXXXXX"); /* hundreds of runs, some fsync(2) each */
  if (mkdtemp(s->folder) == NULL &&
      mkdtemp(strcpy(s->folder, "/tmp/uvllm-batch-XXXXXX")) == NULL)
    return -1;
  scene_paths(s, "in");
  scene_defaults(s);
  *state = s;
  return 0;
}

static inline int scene_teardown(void** state) {
  scene_t* s = *state;
  char command[128];
  snprintf(command, sizeof(command), "rm -rf '%s'", s->folder);
  int failed = system(command);
  free(s);
  return failed;
}

/* ---- Files ---- */

static inline void put_text(const char* path, const char* mode, const char* text) {
  FILE* f = fopen(path, mode);
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
}

static inline char* get_text(const char* path) {
  FILE* f = fopen(path, "r");
  if (f == NULL)
    return calloc(1, 1);
  fseek(f, 0, SEEK_END);
  long len = ftell(f);
  rewind(f);
  char* text = malloc((size_t) len + 1);
  assert_int_equal(fread(text, 1, (size_t) len, f), len);
  text[len] = '\0';
  fclose(f);
  return text;
}

#define LINE_FORMAT                                                                              \
  "{\"custom_id\":\"r%d\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":{"       \
  "\"model\":\"gpt-4o-mini\",\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":"     \
  "\"Question %d\"}]}}\n"

static inline void put_requests(const scene_t* s, int from, int to, const char* mode) {
  FILE* f = fopen(s->input, mode);
  assert_non_null(f);
  for (int i = from; i <= to; i++)
    fprintf(f, LINE_FORMAT, i, i);
  fclose(f);
}

static inline int count_in(const char* path, const char* what) {
  char* text = get_text(path);
  int n = 0;
  for (const char* p = text; (p = strstr(p, what)) != NULL; p += strlen(what))
    n++;
  free(text);
  return n;
}

static inline int nlines(const char* path) {
  return count_in(path, "\n");
}

static inline int times_of_id(const char* path, int id) {
  char text[48];
  snprintf(text, sizeof(text), "\"custom_id\":\"r%d\",", id);
  return count_in(path, text);
}

/* r<from>..r<to> stand exactly once in both files together. */
static inline void expect_each_once(const scene_t* s, int from, int to) {
  for (int i = from; i <= to; i++)
    assert_int_equal(times_of_id(s->output, i) + times_of_id(s->errors, i), 1);
}

/* Every line of a file is one JSON object. */
static inline void expect_json_lines(const char* path) {
  char* text = get_text(path);
  uvllm_json_parser_t* parser;
  uvllm_json_t v;
  assert_int_equal(uvllm_json_parser_new(&parser, NULL), 0);
  for (char *p = text, *end; *p != '\0'; p = end + 1) {
    end = strchr(p, '\n');
    assert_non_null(end);
    uvllm_str_t line = { p, (size_t) (end - p) };
    assert_int_equal(uvllm_json_parse(parser, line, &v, NULL), 0);
    assert_int_equal(uvllm_json_type_of(v), UVLLM_JSON_OBJECT);
  }
  uvllm_json_parser_free(parser);
  free(text);
}

/* ---- Running ---- */

static inline void scene_end(scene_t* s) {
  uv_close((uv_handle_t*) &s->prepare, NULL);
  uvllm_client_close(s->client, NULL, NULL);
  uvllm_mock_stats(s->mock, &s->stats);
  uvllm_mock_stop(s->mock, NULL, NULL);
}

static inline void scene_on_done(uvllm_batch_t* batch, int status,
                                 const uvllm_batch_progress_t* progress) {
  scene_t* s = uvllm_batch_data(batch);
  assert_false(s->starting);
  assert_ptr_equal(batch, s->batch);
  s->ndone++;
  s->status = status;
  snprintf(s->error, sizeof(s->error), "%s", uvllm_batch_error(batch));
  s->end = *progress;
  s->batch = NULL;
  scene_end(s);
}

static inline void scene_on_prepare(uv_prepare_t* prepare) {
  scene_t* s = prepare->data;
  s->turns++;
  if (s->each_turn != NULL && s->batch != NULL)
    s->each_turn(s);
}

static inline void scene_client(scene_t* s) {
  static char url[64];
  assert_int_equal(uvllm_mock_start(&s->mock, &s->loop, &s->mock_options), 0);
  assert_int_equal(uvllm_client_new(&s->client, &s->loop, &s->client_options), 0);
  snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", uvllm_mock_port(s->mock));
  s->provider.base_url = s->no_key ? NULL : url; /* where none is needed */
  assert_int_equal(uvllm_provider_set(s->client, &s->provider), 0);
  uvllm_key_t key;
  uvllm_key_init(&key);
  key.key = "sk-test";
  if (!s->no_key)
    assert_int_equal(uvllm_key_set(s->client, s->provider.name, &key), 0);
}

/* The whole of it, to the closed loop. 0, or what start said. */
static inline int scene_try(scene_t* s) {
  size_t fail_at = s->alloc.fail_at;
  int fail_once = s->alloc.fail_once;
  test_alloc_init(&s->alloc);
  s->alloc.fail_at = fail_at;
  s->alloc.fail_once = fail_once;
  s->ndone = 0;
  s->turns = 0;
  assert_int_equal(uv_loop_init(&s->loop), 0);
  scene_client(s);
  uv_prepare_init(&s->loop, &s->prepare);
  s->prepare.data = s;
  uv_prepare_start(&s->prepare, scene_on_prepare);
  uv_unref((uv_handle_t*) &s->prepare);
  s->options.alloc = &s->alloc.hook;
  s->starting = 1;
  int err = uvllm_batch_start(&s->batch, &s->loop, s->client, &s->options, scene_on_done, s);
  s->starting = 0;
  if (err != 0)
    scene_end(s);
  uv_run(&s->loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&s->loop), 0);
  assert_int_equal(s->alloc.alive, 0);
  assert_int_equal(s->ndone, err == 0);
  return err;
}

static inline void scene_run(scene_t* s, int status) {
  assert_int_equal(scene_try(s), 0);
  if (s->status != status)
    print_message("%s\n", s->error);
  assert_int_equal(s->status, status);
  assert_int_equal(s->error[0] == '\0', status == 0);
}

#endif
