/* The reader of a batch at every split, from files and pipes; and the count of lines
 * beside it. */
#include "batch_files.h"
#include "batch_io.h"

#include <fcntl.h>
#include <sys/stat.h>

/* ---- The reader ---- */

typedef struct taker_s {
  uvllm__reader_t reader;
  test_alloc_t alloc;
  uv_loop_t loop;
  char got[4096]; /* "number:text|" for each line, ! before what is too long */
  int end;        /* how it ended */
  int closed;
  uint64_t last_end;
} taker_t;

static void on_closed(uvllm__reader_t* r) {
  taker_t* t = r->data;
  t->closed = 1;
}

static void take(uvllm__reader_t* r) {
  taker_t* t = r->data;
  uvllm__input_line_t line;
  int err;
  while ((err = uvllm__reader_next(r, &line)) == 1) {
    size_t n = strlen(t->got);
    snprintf(t->got + n, sizeof(t->got) - n, "%s%d:%.*s%s|", line.err != 0 ? "!" : "",
             (int) line.number, (int) line.text.len, line.text.base,
             line.unterminated ? "..." : "");
    t->last_end = line.end;
  }
  if (err == 0)
    return;
  t->end = err;
  t->closed = uvllm__reader_close(r, on_closed);
}

static void begin_reading(taker_t* t, int fd, int csv, size_t max_line) {
  memset(t, 0, sizeof(*t));
  test_alloc_init(&t->alloc);
  assert_int_equal(uv_loop_init(&t->loop), 0);
  assert_int_equal(uvllm__reader_init(&t->reader, &t->alloc.hook, &t->loop, fd, csv, max_line), 0);
  t->reader.data = t;
  t->reader.ready_cb = take;
  take(&t->reader);
}

static void end_reading(taker_t* t, const char* expected) {
  uv_run(&t->loop, UV_RUN_DEFAULT);
  assert_string_equal(t->got, expected);
  assert_int_equal(t->end, UV_EOF);
  assert_int_equal(t->closed, 1);
  assert_int_equal(uv_loop_close(&t->loop), 0);
  assert_int_equal(t->alloc.alive, 0);
}

static void expect_read(const char* text, int csv, size_t max_line, const char* expected) {
  taker_t t;
  size_t len = strlen(text);
  const char* path = path_of("input");
  write_file(path, text, len);
  begin_reading(&t, open(path, O_RDONLY), csv, max_line);
  end_reading(&t, expected);
  for (size_t cut = 0; cut <= len; cut++) {
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    begin_reading(&t, fds[0], csv, max_line);
    assert_int_equal(write(fds[1], text, cut), cut);
    while (cut != 0 && t.reader.offset + t.reader.window.len < cut)
      uv_run(&t.loop, UV_RUN_ONCE);
    assert_int_equal(write(fds[1], text + cut, len - cut), len - cut);
    close(fds[1]);
    end_reading(&t, expected);
  }
}

static void lines_are_cut_anywhere(void** state) {
  (void) state;
  expect_read("", 0, 100, "");
  expect_read("\n\n \t\r\n", 0, 100, "");
  expect_read("one\ntwo\r\n\n four \nfive", 0, 100, "1:one|2:two|4: four |5:five...|");
  expect_read("\xef\xbb\xbfone\n\xef\xbb\xbftwo\n", 0, 100, "1:one|2:\xef\xbb\xbftwo|");
  expect_read("\xef\xbbone\n", 0, 100, "1:\xef\xbbone|");
}

static void rows_are_cut_where_their_quotes_close(void** state) {
  (void) state;
  expect_read("a,b\r\n\"1\n\n2\",x\r\n\r\n3,\"\"\"\n\"\n4", 1, 100,
              "1:a,b|2:\"1\n\n2\",x|6:3,\"\"\"\n\"|8:4...|");
  expect_read("\xef\xbb\xbf\"a\n\"\n2\n", 1, 100, "1:\"a\n\"|3:2|");
}

static void a_quote_that_is_never_closed_costs_its_line(void** state) {
  (void) state;
  expect_read("a,b\n1,\"x\n2,y\n3,\"z\"\n", 1, 100, "1:a,b|!2:1,\"x|3:2,y|4:3,\"z\"|");
  expect_read("1,\"x", 1, 100, "!1:...|");
  expect_read("\"x\n1,\"y\"\n2\n", 1, 100, "!1:\"x|2:1,\"y\"|3:2|");
  expect_read("\"x\"z,\n2\n", 1, 100, "1:\"x\"z,|2:2|");
}

static void write_lines(const char* path, int n, size_t filler) {
  FILE* f = fopen(path, "w");
  for (int i = 1; i <= n; i++) {
    fprintf(f, "%d ", i);
    for (size_t k = 0; k < filler; k++)
      fputc('x', f);
    fputc('\n', f);
  }
  fclose(f);
}

/* The window needs a chunk before it can be more than max_line. */
static void a_line_too_long_costs_itself(void** state) {
  (void) state;
  taker_t t;
  const char* path = path_of("long");
  for (int csv = 0; csv < 2; csv++) {
    FILE* f = fopen(path, "w");
    fputs("one\ntwo", f);
    for (int i = 0; i < 3 * UVLLM__CHUNK; i++)
      fputc('x', f);
    fputs("\nthree\n", f);
    fclose(f);
    begin_reading(&t, open(path, O_RDONLY), csv, 1000);
    uv_run(&t.loop, UV_RUN_DEFAULT);
    assert_int_equal(t.end, UV_EOF);
    assert_string_equal(t.got, "1:one|!2:|3:three|");
    assert_true(t.alloc.alive == 0);
    assert_int_equal(uv_loop_close(&t.loop), 0);
  }
}

static void an_open_quote_in_a_long_file_costs_its_line(void** state) {
  (void) state;
  taker_t t;
  const char* path = path_of("quote");
  FILE* f = fopen(path, "w");
  fputs("a\n\"b\n", f);
  for (int i = 0; i < UVLLM__CHUNK; i++)
    fputs(i % 1000 == 0 ? "c\n" : " ", f);
  fclose(f);
  begin_reading(&t, open(path, O_RDONLY), 1, 1000);
  uv_run(&t.loop, UV_RUN_DEFAULT);
  assert_int_equal(strncmp(t.got, "1:a|!2:\"b|3:c|", 14), 0);
  assert_int_equal(uv_loop_close(&t.loop), 0);
  assert_int_equal(t.alloc.alive, 0);
}

static int nread;

static void count_lines(uvllm__reader_t* r) {
  taker_t* t = r->data;
  uvllm__input_line_t line;
  int err;
  while ((err = uvllm__reader_next(r, &line)) == 1) {
    assert_int_equal(atoi(line.text.base), ++nread);
    assert_int_equal(line.number, nread);
    assert_int_equal(line.text.len, nread % 7000 + snprintf(NULL, 0, "%d ", nread));
    t->last_end = line.end;
  }
  if (err == 0)
    return;
  t->end = err;
  t->closed = uvllm__reader_close(r, on_closed);
}

static void lines_across_chunks_are_whole(void** state) {
  (void) state;
  taker_t t;
  const char* path = path_of("many");
  struct stat st;
  FILE* f = fopen(path, "w");
  for (int i = 1; i <= 1000; i++)
    fprintf(f, "%d %0*d\n", i, i % 7000 == 0 ? 1 : i % 7000, 7);
  fclose(f);
  assert_int_equal(stat(path, &st), 0);
  nread = 0;
  memset(&t, 0, sizeof(t));
  test_alloc_init(&t.alloc);
  uv_loop_init(&t.loop);
  int fd = open(path, O_RDONLY);
  assert_int_equal(uvllm__reader_init(&t.reader, &t.alloc.hook, &t.loop, fd, 0, 10000), 0);
  t.reader.data = &t;
  t.reader.ready_cb = count_lines;
  count_lines(&t.reader);
  uv_run(&t.loop, UV_RUN_DEFAULT);
  assert_int_equal(nread, 1000);
  assert_int_equal(t.last_end, st.st_size);
  assert_int_equal(uv_loop_close(&t.loop), 0);
  assert_int_equal(t.alloc.alive, 0);
}

static void a_quiet_pipe_can_be_closed(void** state) {
  (void) state;
  taker_t t;
  int fds[2];
  assert_int_equal(pipe(fds), 0);
  int flags = fcntl(fds[0], F_GETFL), kept = dup(fds[0]);
  begin_reading(&t, fds[0], 0, 100);
  for (int i = 0; i < 3; i++)
    uv_run(&t.loop, UV_RUN_NOWAIT);
  assert_int_equal(uvllm__reader_close(&t.reader, on_closed), 0);
  uv_run(&t.loop, UV_RUN_DEFAULT);
  assert_int_equal(t.closed, 1);
  assert_int_equal(fcntl(kept, F_GETFL), flags);
  assert_int_equal(uv_loop_close(&t.loop), 0);
  assert_int_equal(t.alloc.alive, 0);
  close(kept);
  close(fds[1]);
}

static void nobody_takes_so_nothing_is_read(void** state) {
  (void) state;
  taker_t t;
  uvllm__input_line_t line;
  const char* path = path_of("large");
  write_lines(path, 20000, 100);
  memset(&t, 0, sizeof(t));
  test_alloc_init(&t.alloc);
  uv_loop_init(&t.loop);
  int fd = open(path, O_RDONLY);
  assert_int_equal(uvllm__reader_init(&t.reader, &t.alloc.hook, &t.loop, fd, 0, 1000), 0);
  t.reader.data = &t;
  t.reader.ready_cb = on_closed;
  assert_int_equal(uvllm__reader_next(&t.reader, &line), 0);
  uv_run(&t.loop, UV_RUN_DEFAULT);
  assert_int_equal(uvllm__reader_next(&t.reader, &line), 1);
  uv_run(&t.loop, UV_RUN_DEFAULT);
  assert_true(lseek(fd, 0, SEEK_CUR) <= 2 * UVLLM__CHUNK);
  assert_true(t.reader.window.cap <= 2 * UVLLM__CHUNK);
  assert_int_equal(uvllm__reader_close(&t.reader, on_closed), 1);
  assert_int_equal(uv_loop_close(&t.loop), 0);
  assert_int_equal(t.alloc.alive, 0);
}

static void a_folder_is_no_input(void** state) {
  (void) state;
  uvllm__opened_t opened;
  assert_int_equal(uvllm__file_open_input(folder, &opened), UV_EISDIR);
  assert_int_equal(uvllm__file_open_input(path_of("nothing"), &opened), UV_ENOENT);
}

static void the_reader_survives_a_failing_allocator(void** state) {
  (void) state;
  const char* path = path_of("failing");
  write_lines(path, 3000, 200);
  for (int once = 0; once < 2; once++)
    for (size_t fail_at = 1, failed = 1; failed != 0; fail_at++) {
      taker_t t;
      memset(&t, 0, sizeof(t));
      test_alloc_init(&t.alloc);
      t.alloc.fail_at = fail_at;
      t.alloc.fail_once = once;
      uv_loop_init(&t.loop);
      int fd = open(path, O_RDONLY);
      int err = uvllm__reader_init(&t.reader, &t.alloc.hook, &t.loop, fd, 0, 1000);
      if (err == 0) {
        t.reader.data = &t;
        t.reader.ready_cb = take;
        take(&t.reader);
        uv_run(&t.loop, UV_RUN_DEFAULT);
        err = t.end == UV_EOF ? 0 : t.end;
      }
      assert_true(err == 0 || err == UVLLM__ENOMEM);
      failed = err != 0;
      assert_int_equal(uv_loop_close(&t.loop), 0);
      assert_int_equal(t.alloc.alive, 0);
      assert_true(fail_at < 20);
    }
}

/* ---- Counting ---- */

static uint64_t scanned(const char* text, int csv, size_t cut) {
  uvllm__scan_t s;
  memset(&s, 0, sizeof(s));
  s.csv = csv;
  uvllm__scan_count(&s, text, cut);
  uvllm__scan_count(&s, text + cut, strlen(text) - cut);
  return s.nlines;
}

static void lines_are_counted_as_they_are_read(void** state) {
  (void) state;
  const char* texts[] = { "", "\n \r\n", "a", "a\n\n b\n\tc", "a,\"x\ny\"\n\"z\"", " \"a\nb\"\n" };
  const uint64_t plain[] = { 0, 0, 1, 3, 3, 2 }, csv[] = { 0, 0, 1, 3, 2, 2 };
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
    for (size_t cut = 0; cut <= strlen(texts[i]); cut++) {
      assert_int_equal(scanned(texts[i], 0, cut), plain[i]);
      assert_int_equal(scanned(texts[i], 1, cut), csv[i]);
    }
}

static void on_scanned(uvllm__scan_t* s) {
  s->data = s;
}

static void a_file_is_hashed_with_its_prefix(void** state) {
  (void) state;
  static const uint64_t no_key[2] = { 0, 0 };
  uv_loop_t loop;
  test_alloc_t a;
  uvllm__scan_t s;
  const char* path = path_of("hashed");
  write_lines(path, 5000, 100);
  char* text = read_file(path);
  const uint64_t prefixes[] = { 0, 1, UVLLM__CHUNK, UVLLM__CHUNK + 1, strlen(text) };
  for (size_t i = 0; i < 5; i++) {
    test_alloc_init(&a);
    uv_loop_init(&loop);
    assert_int_equal(uvllm__scan_start(&s, &a.hook, &loop, open(path, O_RDONLY), 0, prefixes[i],
                                       on_scanned), 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_ptr_equal(s.data, &s);
    assert_int_equal(s.complete, 1);
    assert_int_equal(s.nlines, 5000);
    assert_int_equal(s.offset, strlen(text));
    assert_true(uvllm__sip_final(&s.hash) == uvllm__sip(no_key, text, strlen(text)));
    assert_true(s.prefix_hash == uvllm__sip(no_key, text, (size_t) prefixes[i]));
    uvllm__scan_free(&s);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_int_equal(a.alive, 0);
  }
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(lines_are_cut_anywhere),
    cmocka_unit_test(rows_are_cut_where_their_quotes_close),
    cmocka_unit_test(a_quote_that_is_never_closed_costs_its_line),
    cmocka_unit_test(a_line_too_long_costs_itself),
    cmocka_unit_test(an_open_quote_in_a_long_file_costs_its_line),
    cmocka_unit_test(lines_across_chunks_are_whole),
    cmocka_unit_test(a_quiet_pipe_can_be_closed),
    cmocka_unit_test(nobody_takes_so_nothing_is_read),
    cmocka_unit_test(a_folder_is_no_input),
    cmocka_unit_test(the_reader_survives_a_failing_allocator),
    cmocka_unit_test(lines_are_counted_as_they_are_read),
    cmocka_unit_test(a_file_is_hashed_with_its_prefix),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
