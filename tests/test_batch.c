/* Batches against the mock provider: what is answered is recorded once, whatever
 * stood there before and whatever goes wrong meanwhile. */
#include "batch_scene.h"

#include <fcntl.h>
#include <sys/file.h>

static void every_line_is_answered_once(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 300, "w");
  scene_run(s, 0);
  assert_int_equal(s->stats.requests, 300);
  assert_int_equal(nlines(s->output), 300);
  expect_each_once(s, 1, 300);
  expect_json_lines(s->output);
  assert_int_equal(access(s->errors, F_OK), -1);
  assert_int_equal(s->end.total, 300);
  assert_int_equal(s->end.lines, 300);
  assert_int_equal(s->end.succeeded, 300);
  assert_int_equal(s->end.failed + s->end.skipped + s->end.malformed, 0);
  assert_int_equal(s->end.attempts, 300);
  assert_int_equal(s->end.usage.output_tokens, 900);
  assert_true(s->end.usage.input_tokens > 300);
  assert_true(s->end.usage.cost_pusd > 0);
  assert_int_equal(s->end.unpriced, 0);
  assert_true(s->end.latency.p50 > 0 && s->end.latency.p50 <= s->end.latency.max);
  assert_true(s->end.first_token.max > 0 && s->end.duration_ns > 0);
  assert_int_equal(s->end.inflight + s->end.waiting, 0);
}

static void a_result_has_openais_form(void** state) {
  scene_t* s = *state;
  uvllm_json_parser_t* parser;
  uvllm_json_t v;
  put_requests(s, 7, 7, "w");
  scene_run(s, 0);
  char* text = get_text(s->output);
  assert_int_equal(uvllm_json_parser_new(&parser, NULL), 0);
  assert_int_equal(uvllm_json_parse(parser, test_str(text), &v, NULL), 0);
  assert_int_equal(strncmp(text, "{\"id\":\"batch_req_", 17), 0);
  assert_str(uvllm_json_str(uvllm_json_get(v, "custom_id")), "r7");
  assert_int_equal(uvllm_json_int(uvllm_json_path(v, "response.status_code"), 0), 200);
  assert_true(uvllm_json_str(uvllm_json_path(v, "response.request_id")).len > 0);
  assert_str(uvllm_json_str(uvllm_json_path(v, "response.body.object")), "chat.completion");
  assert_true(uvllm_json_str(uvllm_json_path(v, "response.body.choices.0.message.content")).len >
              0);
  assert_int_equal(uvllm_json_type_of(uvllm_json_get(v, "error")), UVLLM_JSON_NULL);
  uvllm_json_parser_free(parser);
  free(text);
}

static void all_three_kinds_of_request_are_answered(void** state) {
  scene_t* s = *state;
  put_text(s->input, "w",
           "{\"custom_id\":\"e\",\"method\":\"POST\",\"url\":\"/v1/embeddings\",\"body\":"
           "{\"model\":\"text-embedding-3-small\",\"input\":\"hello\"}}\r\n\r\n"
           "{\"custom_id\":\"c\",\"method\":\"POST\",\"url\":\"/v1/completions\",\"body\":"
           "{\"model\":\"gpt-3.5-turbo-instruct\",\"prompt\":\"hello\",\"stream\":true}}\n"
           "{\"custom_id\":\"s\",\"url\":\"/v1/chat/completions\",\"body\":{\"model\":\"gpt-4o\","
           "\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"\xc3\xa4\"}]}}");
  scene_run(s, 0);
  assert_int_equal(s->end.succeeded, 3);
  assert_int_equal(s->stats.streams, 0);
  assert_int_equal(count_in(s->output, "\"embedding\":["), 1);
  assert_int_equal(count_in(s->output, "\"text_completion\""), 1);
  assert_int_equal(count_in(s->output, "\"chat.completion\""), 1);
}

/* ---- Going on ---- */

static void run_again_it_sends_nothing(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 50, "w");
  scene_run(s, 0);
  char* before = get_text(s->output);
  scene_run(s, 0);
  char* after = get_text(s->output);
  assert_string_equal(before, after);
  assert_int_equal(s->stats.requests, 0);
  assert_int_equal(s->end.skipped, 50);
  assert_int_equal(s->end.succeeded, 0);
  assert_int_equal(s->end.input_changed, 0);
  free(before);
  free(after);
}

static void lines_added_to_the_input_are_all_that_is_sent(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 20, "w");
  scene_run(s, 0);
  put_requests(s, 21, 30, "a");
  scene_run(s, 0);
  assert_int_equal(s->stats.requests, 10);
  assert_int_equal(s->end.input_changed, 0);
  expect_each_once(s, 1, 30);
  put_requests(s, 15, 35, "w"); /* another input, in part */
  scene_run(s, 0);
  assert_int_equal(s->stats.requests, 5);
  assert_int_equal(s->end.skipped, 16);
  assert_int_equal(s->end.input_changed, 1);
  expect_each_once(s, 1, 35);
}

static void a_torn_last_line_is_cut_off_and_asked_again(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 10, "w");
  scene_run(s, 0);
  char* text = get_text(s->output);
  size_t len = strlen(text);
  for (size_t cut = 1; cut < 400; cut += 57) {
    assert_int_equal(truncate(s->output, (off_t) (len - cut)), 0);
    scene_run(s, 0);
    assert_int_equal(s->stats.requests, 1 + (nlines(s->output) != 10));
    assert_int_equal(s->end.succeeded, 1);
    expect_each_once(s, 1, 10);
    expect_json_lines(s->output);
    free(text);
    text = get_text(s->output);
    len = strlen(text);
  }
  free(text);
}

static void what_is_no_result_is_not_overwritten(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 5, "w");
  put_text(s->output, "w", "my diary\n");
  scene_run(s, UV_EEXIST);
  assert_non_null(strstr(s->error, "no batch has made it"));
  char* text = get_text(s->output);
  assert_string_equal(text, "my diary\n");
  free(text);
  assert_int_equal(s->stats.requests, 0);
  s->options.flags = UVLLM_BATCH_RESTART;
  scene_run(s, 0);
  assert_int_equal(nlines(s->output), 5);
  s->options.flags = 0;
  put_text(s->output, "a", "my diary\n");
  scene_run(s, UV_EEXIST);
  assert_non_null(strstr(s->error, "in.results.jsonl:6: not a line of a batch's results"));
}

static void an_empty_output_is_taken(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 5, "w");
  put_text(s->output, "w", "");
  scene_run(s, 0);
  expect_each_once(s, 1, 5);
}

static void another_model_is_refused_with_the_reason(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 5, "w");
  s->options.target.model = "gpt-4o";
  scene_run(s, 0);
  assert_int_equal(count_in(s->output, "\"model\":\"gpt-4o\""), 5);
  s->options.target.model = "gpt-4o-mini";
  scene_run(s, UV_EEXIST);
  assert_non_null(strstr(s->error, "was made with openai/gpt-4o, not openai/gpt-4o-mini"));
  s->options.target.model = NULL;
  scene_run(s, UV_EEXIST);
  assert_non_null(strstr(s->error, "not openai and each line's own model"));
  assert_int_equal(nlines(s->output), 5);
  s->options.flags = UVLLM_BATCH_RESTART;
  scene_run(s, 0);
  assert_int_equal(count_in(s->output, "\"model\":\"gpt-4o-mini\""), 5);
}

static void another_template_is_refused_with_the_reason(void** state) {
  scene_t* s = *state;
  put_text(s->input, "w", "{\"id\":\"a\",\"x\":1}\n{\"id\":\"b\",\"x\":2}\n");
  s->options.target.model = "gpt-4o";
  s->options.template_text = "Say {x}";
  scene_run(s, 0);
  s->options.template_text = "Tell {x}";
  scene_run(s, UV_EEXIST);
  assert_non_null(strstr(s->error, "was made with another template"));
  s->options.template_text = "Say {x}";
  scene_run(s, 0);
  assert_int_equal(s->end.skipped, 2);
}

/* ---- What fails ---- */

static void failures_stand_in_the_errors_file(void** state) {
  scene_t* s = *state;
  const uvllm_kv_t header = { "x-mock", "status=400" };
  put_requests(s, 1, 20, "w");
  s->defaults.headers = &header;
  s->defaults.nheaders = 1;
  scene_run(s, 0);
  assert_int_equal(s->end.failed, 20);
  assert_int_equal(s->end.malformed, 0);
  expect_each_once(s, 1, 20);
  expect_json_lines(s->errors);
  assert_int_equal(nlines(s->errors), 20);
  assert_int_equal(count_in(s->errors, "\"status_code\":400"), 20);
  assert_int_equal(count_in(s->errors, "\"body\":{\"error\":{"), 20);
  assert_int_equal(count_in(s->errors, "\"error\":null"), 0);
  s->defaults.nheaders = 0;
  scene_run(s, 0); /* they are done, too */
  assert_int_equal(s->stats.requests, 0);
  assert_int_equal(s->end.skipped, 20);
}

static void what_failed_is_run_again_when_asked(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 200, "w");
  put_text(s->input, "a", "broken\n");
  s->mock_options.error_rate = 0.5;
  scene_run(s, 0);
  int failed = (int) s->end.failed - 1;
  assert_true(failed > 50 && failed < 150);
  expect_each_once(s, 1, 200);
  s->mock_options.error_rate = 0;
  s->options.flags = UVLLM_BATCH_RETRY_FAILED;
  scene_run(s, 0);
  assert_int_equal(s->stats.requests, failed);
  assert_int_equal(s->end.succeeded, failed);
  assert_int_equal(s->end.skipped, 200 - failed);
  expect_each_once(s, 1, 200);
  assert_int_equal(nlines(s->errors), 1); /* the line that is no request */
  assert_int_equal(count_in(s->errors, "\"line\":201"), 1);
}

static void an_answer_that_is_no_json_has_no_body(void** state) {
  scene_t* s = *state;
  const uvllm_kv_t header = { "x-mock", "html" };
  put_requests(s, 1, 1, "w");
  s->defaults.headers = &header;
  s->defaults.nheaders = 1;
  scene_run(s, 0);
  assert_int_equal(s->end.failed, 1);
  expect_json_lines(s->errors);
  assert_int_equal(count_in(s->errors, "\"code\":\"eproto\""), 1);
  assert_int_equal(count_in(s->errors, "\"body\":null"), 1);
}

static void an_answer_of_invalid_utf8_is_made_valid(void** state) {
  scene_t* s = *state;
  const uvllm_kv_t header = { "x-mock", "bad-utf8" };
  put_requests(s, 1, 1, "w");
  s->defaults.headers = &header;
  s->defaults.nheaders = 1;
  scene_run(s, 0);
  assert_int_equal(s->end.succeeded, 1);
  assert_true(count_in(s->output, "\xef\xbf\xbd") > 0);
  assert_int_equal(count_in(s->output, "\xff"), 0);
}

static void a_server_that_is_not_there_has_no_response(void** state) {
  scene_t* s = *state;
  const uvllm_kv_t header = { "x-mock", "reset" };
  put_requests(s, 1, 3, "w");
  s->defaults.headers = &header;
  s->defaults.nheaders = 1;
  scene_run(s, 0);
  assert_int_equal(s->end.failed, 3);
  assert_int_equal(count_in(s->errors, "\"response\":null"), 3);
}

static void what_no_limit_admits_says_so(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 1, "w");
  s->provider.limits.tokens_per_min = 8;
  scene_run(s, 0);
  assert_int_equal(s->end.failed, 1);
  assert_int_equal(count_in(s->errors, "\"code\":\"elimit\",\"message\":\"it counts as 9, and the "
                                       "limit is 8 tokens a minute\""), 1);
}

static void retries_and_429_are_counted(void** state) {
  scene_t* s = *state;
  const uvllm_kv_t header = { "x-mock", "status=429,retry-after-ms=1,once" };
  put_requests(s, 1, 10, "w");
  s->defaults.headers = &header;
  s->defaults.nheaders = 1;
  s->defaults.max_attempts = 5;
  scene_run(s, 0);
  assert_int_equal(s->end.succeeded, 10);
  assert_int_equal(s->end.http_429, 10);
  assert_int_equal(s->end.retries, 10);
  assert_int_equal(s->end.attempts, 20);
}

/* ---- Bad lines ---- */

static void put_bad_lines(const scene_t* s) {
  put_text(s->input, "w", "{\"custom_id\":\"torn");
  put_text(s->input, "a", "\n[1]\n\n");
  put_requests(s, 1, 1, "a");
  put_text(s->input, "a", "{\"custom_id\":\"b\",\"url\":\"/v1/chat/completions\",\"body\":[]}\n"
                          "{\"url\":\"/v1/chat/completions\",\"body\":{}}\n"
                          "{\"custom_id\":\"u\",\"url\":\"/v1/files\",\"body\":{}}\n"
                          "{\"custom_id\":\"m\",\"url\":\"/v1/chat/completions\",\"body\":{}}\n");
  put_requests(s, 1, 2, "a");
}

static void bad_lines_are_reported_by_their_number(void** state) {
  scene_t* s = *state;
  put_bad_lines(s);
  scene_run(s, 0);
  assert_int_equal(s->end.succeeded, 2);
  assert_int_equal(s->end.failed, 7);
  assert_int_equal(s->end.malformed, 7);
  assert_int_equal(s->end.lines, 9);
  assert_int_equal(s->end.total, 9);
  expect_json_lines(s->errors);
  const char* expected[] = { "\"invalid_json\"",      "in.jsonl:1: not JSON",
                             "\"invalid_line\"",      "\"line\":2}",
                             "\"custom_id\":\"b\"",   "\"invalid_body\"",
                             "\"line\":5}",           "\"missing_custom_id\"",
                             "\"custom_id\":\"u\"",   "\"invalid_url\"",
                             "\"missing_model\"",     "\"line\":8}",
                             "\"duplicate_custom_id\"", "\"line\":9}" };
  for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
    assert_int_equal(count_in(s->errors, expected[i]), 1);
  assert_int_equal(times_of_id(s->output, 1), 1);
}

static void bad_lines_are_reported_once(void** state) {
  scene_t* s = *state;
  put_bad_lines(s);
  scene_run(s, 0);
  scene_run(s, 0);
  assert_int_equal(s->stats.requests, 0);
  assert_int_equal(s->end.failed, 0);
  assert_int_equal(s->end.skipped, 9);
  assert_int_equal(nlines(s->errors), 7);
  s->options.flags = UVLLM_BATCH_RETRY_FAILED;
  scene_run(s, 0);
  assert_int_equal(s->stats.requests, 0);
  assert_int_equal(s->end.failed, 7);
  assert_int_equal(nlines(s->errors), 7);
}

static void files_that_cannot_be_used_are_named(void** state) {
  scene_t* s = *state;
  scene_run(s, UV_ENOENT);
  assert_non_null(strstr(s->error, "in.jsonl: no such file"));
  assert_int_equal(access(s->output, F_OK), -1);
  put_requests(s, 1, 1, "w");
  s->options.output = "/nowhere/at/all.jsonl";
  scene_run(s, UV_ENOENT);
  assert_non_null(strstr(s->error, "/nowhere/at/all.jsonl: "));
  s->options.output = s->input;
  scene_run(s, UV_EINVAL);
  assert_non_null(strstr(s->error, "it is the input, too"));
  assert_int_equal(nlines(s->input), 1);
  s->options.output = s->folder;
  scene_run(s, UV_EISDIR);
  s->options.input = s->folder;
  s->options.output = s->output;
  scene_run(s, UV_EISDIR);
  s->options.input = "-";
  s->options.output = NULL;
  scene_run(s, UV_EINVAL);
  s->options.input = NULL;
  assert_int_equal(scene_try(s), UV_EINVAL);
}

static void what_no_line_could_do_ends_the_batch(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 100, "w");
  s->options.target.provider = "nobody";
  scene_run(s, UVLLM_ENOPROVIDER);
  assert_non_null(strstr(s->error, "in.jsonl:1: "));
  assert_int_equal(nlines(s->errors), 0);
  s->options.target.provider = NULL;
  s->no_key = 1;
  scene_run(s, UVLLM_ENOKEY);
  assert_int_equal(nlines(s->errors), 0);
  s->no_key = 0;
  scene_run(s, 0);
  expect_each_once(s, 1, 100);
}

/* ---- Templates ---- */

static void objects_become_messages(void** state) {
  scene_t* s = *state;
  put_text(s->input, "w", "{\"id\":\"a\",\"q\":\"1+1\"}\n{\"q\":2}\n{\"custom_id\":7,\"q\":null}\n"
                          "{\"id\":\"z\"}\nnonsense\n{\"id\":\"a\",\"q\":\"again\"}\n");
  s->options.template_text = "Solve: {q}";
  s->options.target.model = "gpt-4o";
  scene_run(s, 0);
  assert_int_equal(s->end.succeeded, 3);
  assert_int_equal(s->end.failed, 3);
  assert_int_equal(count_in(s->output, "\"custom_id\":\"a\""), 1);
  assert_int_equal(count_in(s->output, "\"custom_id\":\"2\""), 1);
  assert_int_equal(count_in(s->output, "\"custom_id\":\"7\""), 1);
  assert_int_equal(count_in(s->errors, "the line has no such field: 'q'"), 1);
  assert_int_equal(count_in(s->errors, "\"line\":5"), 1);
  assert_int_equal(count_in(s->errors, "\"duplicate_custom_id\""), 1);
}

/* The number is that of the editor, be the line malformed or too long; it keeps
 * no other line with that id from being asked, and resuming knows both. */
static void a_line_without_an_id_is_called_by_its_number(void** state) {
  scene_t* s = *state;
  put_text(s->input, "w", "{\"q\":1}\n\nnonsense\n[]\n{\"p\":1}\n{\"id\":\"3\",\"q\":1}\n");
  s->options.template_text = "{q}";
  s->options.target.model = "gpt-4o";
  for (int run = 0; run < 2; run++) {
    scene_run(s, 0);
    assert_int_equal(s->stats.requests, run == 0 ? 2 : 0);
    assert_int_equal(s->end.skipped, run == 0 ? 0 : 5);
    assert_int_equal(nlines(s->output), 2);
    assert_int_equal(nlines(s->errors), 3);
    assert_int_equal(count_in(s->output, "\"custom_id\":\"1\""), 1);
    assert_int_equal(count_in(s->output, "\"custom_id\":\"3\""), 1);
    for (int i = 3; i <= 5; i++) {
      char id[48], line[48];
      snprintf(id, sizeof(id), "\"custom_id\":\"%d\",", i);
      snprintf(line, sizeof(line), "\"line\":%d}", i);
      assert_int_equal(count_in(s->errors, id), 1);
      assert_int_equal(count_in(s->errors, line), 1);
    }
  }
  s->options.flags = UVLLM_BATCH_RETRY_FAILED;
  scene_run(s, 0);
  assert_int_equal(s->stats.requests, 0);
  assert_int_equal(nlines(s->errors), 3);
}

static void a_row_without_an_end_is_called_by_its_number(void** state) {
  scene_t* s = *state;
  char* open_quote = malloc((16 << 20) + 8);
  snprintf(s->input, sizeof(s->input), "%s/in.csv", s->folder);
  memset(open_quote, 'x', (16 << 20) + 8);
  memcpy(open_quote, "a,\"", 3);
  open_quote[(16 << 20) + 7] = '\0';
  put_text(s->input, "w", "id,q\n1,2\n");
  put_text(s->input, "a", open_quote);
  free(open_quote);
  s->options.template_text = "{q}";
  s->options.target.model = "gpt-4o";
  scene_run(s, 0);
  assert_int_equal(count_in(s->errors, "\"custom_id\":\"3\""), 1);
  assert_int_equal(count_in(s->errors, "\"line_too_long\""), 1);
}

static void rows_become_messages(void** state) {
  scene_t* s = *state;
  snprintf(s->input, sizeof(s->input), "%s/in.csv", s->folder);
  put_text(s->input, "w", "\xef\xbb\xbfid,question\r\n1,\"What is\n\"\"1\"\"?\"\r\n2,x,y\r\n\r\n"
                          "3,last");
  s->options.template_text = "{question}";
  scene_run(s, UV_EINVAL);
  assert_non_null(strstr(s->error, "a template needs a model"));
  s->options.target.model = "gpt-4o";
  scene_run(s, 0);
  assert_int_equal(s->end.total, 3);
  assert_int_equal(s->end.succeeded, 2);
  assert_int_equal(count_in(s->output, "\"custom_id\":\"3\""), 1);
  assert_int_equal(count_in(s->errors, "in.csv:4: the row has 3 fields, the header 2"), 1);
  assert_int_equal(count_in(s->errors, "\"custom_id\":\"4\""), 1);
  s->options.template_text = "{answer}";
  s->options.flags = UVLLM_BATCH_RESTART;
  scene_run(s, UV_EINVAL);
  assert_non_null(strstr(s->error, "in.csv:1: the header has no such column: 'answer'"));
  s->options.template_text = NULL;
  scene_run(s, UV_EINVAL);
  s->options.template_text = "{";
  scene_run(s, UV_EINVAL);
  assert_non_null(strstr(s->error, "'{' is not closed"));
}

/* ---- Parts of the input ---- */

static void only_the_first_lines_are_taken(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 50, "w");
  s->options.limit = 10;
  scene_run(s, 0);
  assert_int_equal(s->end.total, 10);
  assert_int_equal(s->stats.requests, 10);
  expect_each_once(s, 1, 10);
  scene_run(s, 0);
  assert_int_equal(s->end.skipped, 10);
  s->options.limit = 0;
  scene_run(s, 0);
  expect_each_once(s, 1, 50);
}

static void standard_input_is_read(void** state) {
  scene_t* s = *state;
  int fds[2], before = dup(STDIN_FILENO);
  char line[400];
  assert_int_equal(pipe(fds), 0);
  assert_int_equal(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
  for (int i = 1; i <= 20; i++)
    assert_true(write(fds[1], line, (size_t) sprintf(line, LINE_FORMAT, i, i)) > 0);
  close(fds[1]);
  s->options.input = "-";
  s->options.output = s->output;
  scene_run(s, 0);
  assert_int_equal(s->end.succeeded, 20);
  assert_int_equal(s->end.total, 20);
  assert_int_equal(dup2(before, STDIN_FILENO), STDIN_FILENO);
  close(before);
  close(fds[0]);
}

static void a_dry_run_sends_and_writes_nothing(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 10, "w");
  scene_run(s, 0);
  char* before = get_text(s->output);
  put_requests(s, 11, 30, "a");
  put_text(s->input, "a", "broken\n");
  put_text(s->input, "a", "{\"custom_id\":\"u\",\"url\":\"/v1/chat/completions\",\"body\":"
                          "{\"model\":\"of-nobody\",\"messages\":[]}}\n"
                          "{\"custom_id\":\"e\",\"url\":\"/v1/embeddings\",\"body\":"
                          "{\"model\":\"text-embedding-3-small\",\"input\":\"x\"}}\n");
  s->options.flags = UVLLM_BATCH_DRY_RUN;
  scene_run(s, 0);
  assert_int_equal(s->stats.requests, 0);
  assert_int_equal(s->end.total, 33);
  assert_int_equal(s->end.requests, 22);
  assert_int_equal(s->end.skipped, 10);
  assert_int_equal(s->end.malformed, 1);
  assert_int_equal(s->end.unpriced, 1);
  assert_int_equal(s->end.unbounded, 1);
  assert_int_equal(s->end.estimate.output_tokens, 100 + 256);
  assert_int_equal(s->end.estimate.input_tokens, 20 * 4 + 1); /* "user", "Question 11" */
  assert_true(s->end.likely_pusd > 0);
  assert_true(s->end.estimate.cost_pusd > s->end.likely_pusd);
  assert_int_equal(access(s->errors, F_OK), -1);
  char* after = get_text(s->output);
  assert_string_equal(before, after);
  free(before);
  free(after);
}

static void a_dry_run_needs_no_output(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 10, "w");
  s->options.flags = UVLLM_BATCH_DRY_RUN;
  s->options.prices_json = test_str("{\"gpt-4o-mini\":{\"litellm_provider\":\"openai\",\"mode\":"
                                    "\"chat\",\"input_cost_per_token\":0,"
                                    "\"output_cost_per_token\":0.001}}");
  scene_run(s, 0);
  assert_int_equal(s->end.estimate.cost_pusd, INT64_C(50000000000));
  assert_int_equal(s->end.likely_pusd, s->end.estimate.cost_pusd); /* input is free */
  assert_int_equal(access(s->output, F_OK), -1);
  assert_int_equal(access(s->run, F_OK), -1);
  s->options.prices_json = test_str("[");
  scene_run(s, UV_EINVAL);
}

/* ---- Order ---- */

static void expect_input_order(const char* path) {
  char* text = get_text(path);
  int last = 0;
  for (const char* p = text; (p = strstr(p, "\"custom_id\":\"r")) != NULL; p++) {
    int id = atoi(p + 14);
    assert_true(id > last);
    last = id;
  }
  free(text);
}

static void the_inputs_order_is_kept(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 300, "w");
  s->mock_options.ttft_ms = 4;
  s->mock_options.jitter = 1;
  s->mock_options.error_rate = 0.2;
  s->options.flags = UVLLM_BATCH_ORDERED;
  scene_run(s, 0);
  expect_each_once(s, 1, 300);
  assert_true(nlines(s->errors) > 20);
  expect_input_order(s->output);
  expect_input_order(s->errors);
  s->options.flags = UVLLM_BATCH_ORDERED | UVLLM_BATCH_RETRY_FAILED;
  s->mock_options.error_rate = 0; /* the holes are filled: in order again */
  scene_run(s, 0);
  assert_int_equal(nlines(s->output), 300);
  expect_each_once(s, 1, 300);
  expect_input_order(s->output);
  expect_json_lines(s->output);
}

/* ---- Files that fail ---- */

static void a_device_without_room_ends_the_batch(void** state) {
  scene_t* s = *state;
  put_requests(s, 1, 1000, "w");
  assert_int_equal(symlink("/dev/full", s->output), 0);
  scene_run(s, UV_ENOSPC);
  assert_non_null(strstr(s->error, "in.results.jsonl: no space left on device; "));
  assert_non_null(strstr(s->error, "answers could not be written"));
  assert_int_equal(s->end.succeeded, 0);
  assert_true(s->end.unwritten > 0 && s->end.unwritten < 1000);
  assert_int_equal(s->end.unwritten, s->stats.requests);
}

static void an_output_in_use_is_refused(void** state) {
  scene_t* s = *state;
  uvllm_batch_options_t o;
  put_requests(s, 1, 1, "w");
  scene_run(s, 0);
  put_requests(s, 2, 2, "a");
  int fd = open(s->output, O_RDONLY);
  assert_int_equal(flock(fd, LOCK_EX), 0);
  scene_run(s, UV_EBUSY);
  assert_non_null(strstr(s->error, "in.results.jsonl: another run is using it"));
  o = s->options;
  s->options.flags = UVLLM_BATCH_RESTART;
  scene_run(s, UV_EBUSY);
  assert_int_equal(nlines(s->output), 1);
  s->options = o;
  close(fd);
  scene_run(s, 0);
  assert_int_equal(s->end.succeeded, 1);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, scene_setup, scene_teardown)
  const struct CMUnitTest tests[] = {
    T(every_line_is_answered_once),
    T(a_result_has_openais_form),
    T(all_three_kinds_of_request_are_answered),
    T(run_again_it_sends_nothing),
    T(lines_added_to_the_input_are_all_that_is_sent),
    T(a_torn_last_line_is_cut_off_and_asked_again),
    T(what_is_no_result_is_not_overwritten),
    T(an_empty_output_is_taken),
    T(another_model_is_refused_with_the_reason),
    T(another_template_is_refused_with_the_reason),
    T(failures_stand_in_the_errors_file),
    T(what_failed_is_run_again_when_asked),
    T(an_answer_that_is_no_json_has_no_body),
    T(an_answer_of_invalid_utf8_is_made_valid),
    T(a_server_that_is_not_there_has_no_response),
    T(what_no_limit_admits_says_so),
    T(retries_and_429_are_counted),
    T(bad_lines_are_reported_by_their_number),
    T(bad_lines_are_reported_once),
    T(files_that_cannot_be_used_are_named),
    T(what_no_line_could_do_ends_the_batch),
    T(objects_become_messages),
    T(a_line_without_an_id_is_called_by_its_number),
    T(a_row_without_an_end_is_called_by_its_number),
    T(rows_become_messages),
    T(only_the_first_lines_are_taken),
    T(standard_input_is_read),
    T(a_dry_run_sends_and_writes_nothing),
    T(a_dry_run_needs_no_output),
    T(the_inputs_order_is_kept),
    T(a_device_without_room_ends_the_batch),
    T(an_output_in_use_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
