/* What a batch writes: the output on a disk that fails, the order beyond its memory,
 * the sort, and the system calls below them. */
#include "batch_files.h"
#include "batch_io.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* ---- The output ---- */

typedef struct writer_s {
  uv_loop_t loop;
  test_alloc_t alloc;
  uvllm__output_t output;
  uvllm__order_t order;
  int finished;
  char paths[2][128];
} writer_t;

static void on_written(uvllm__output_t* o) {
  writer_t* w = o->data;
  uvllm__order_drain(&w->order);
}

static void on_moved(uvllm__order_t* o) {
  (void) o;
}

static void on_finished(uvllm__output_t* o) {
  writer_t* w = o->data;
  w->finished++;
  uv_close((uv_handle_t*) &o->write_timer, NULL);
  uv_close((uv_handle_t*) &o->sync_timer, NULL);
}

static void open_writer(writer_t* w, const char* name) {
  uvllm__opened_t opened, none = { -1, 0, 0, 0, 0 };
  memset(w, 0, sizeof(*w));
  test_alloc_init(&w->alloc);
  uv_loop_init(&w->loop);
  strcpy(w->paths[0], path_of(name));
  strcat(strcpy(w->paths[1], w->paths[0]), ".errors");
  uvllm__output_init(&w->output, &w->alloc.hook, &w->loop);
  w->output.data = w;
  w->output.written_cb = on_written;
  assert_int_equal(uvllm__file_open_locked(w->paths[0], 1, &opened), 0);
  uvllm__output_attach(&w->output, 0, w->paths[0], &opened);
  uvllm__output_attach(&w->output, 1, w->paths[1], &none);
  uvllm__order_init(&w->order, &w->alloc.hook, &w->loop, &w->output, w->paths[0]);
  w->order.data = w;
  w->order.moved_cb = on_moved;
}

static void close_writer(writer_t* w) {
  uvllm__output_finish(&w->output, on_finished);
  assert_int_equal(w->finished, 0);
  uv_run(&w->loop, UV_RUN_DEFAULT);
  assert_int_equal(w->finished, 1);
  uvllm__order_free(&w->order);
  uvllm__output_free(&w->output);
  for (int i = 0; i < 2; i++)
    if (w->output.files[i].fd >= 0)
      close(w->output.files[i].fd);
  assert_int_equal(uv_loop_close(&w->loop), 0);
  assert_int_equal(w->alloc.alive, 0);
}

static void put_line(writer_t* w, int which, int n, int width) {
  char line[2048];
  uvllm_str_t s = { line, (size_t) snprintf(line, sizeof(line), "%0*d\n", width, n) };
  assert_int_equal(uvllm__output_line(&w->output, which, s), 0);
}

static void lines_are_written_and_counted(void** state) {
  (void) state;
  writer_t w;
  open_writer(&w, "out1");
  for (int i = 0; i < 5000; i++) {
    put_line(&w, 0, i, 100);
    if (i % 100 == 0)
      uv_run(&w.loop, UV_RUN_NOWAIT);
  }
  put_line(&w, 1, 7, 3);
  assert_int_equal(access(w.paths[1], F_OK), -1); /* made by the first failure */
  close_writer(&w);
  char* text = read_file(w.paths[0]);
  assert_int_equal(strlen(text), 5000 * 101);
  for (int i = 0; i < 5000; i++)
    assert_int_equal(atoi(text + i * 101), i);
  free(text);
  text = read_file(w.paths[1]);
  assert_string_equal(text, "007\n");
  free(text);
  assert_int_equal(w.output.files[0].nlines, 5000);
  assert_int_equal(w.output.files[1].nlines, 1);
  assert_int_equal(w.output.err, 0);
}

static void what_was_gathered_is_written_without_being_asked(void** state) {
  (void) state;
  writer_t w;
  open_writer(&w, "out2");
  put_line(&w, 0, 1, 10);
  while (w.output.files[0].nlines == 0)
    uv_run(&w.loop, UV_RUN_ONCE);
  assert_int_equal(uvllm__output_unwritten(&w.output), 0);
  while (w.output.files[0].dirty || w.output.syncing) /* and synced a second later */
    uv_run(&w.loop, UV_RUN_ONCE);
  close_writer(&w);
}

static void with_file_limit(rlim_t bytes) {
  struct rlimit limit;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = bytes;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_leaves_whole_lines(void** state) {
  (void) state;
  writer_t w;
  open_writer(&w, "out3");
  with_file_limit(1000); /* SIGXFSZ is not ignored here: it must not come */
  for (int i = 0; i < 50; i++)
    put_line(&w, 0, i, 99);
  while (w.output.err == 0)
    uv_run(&w.loop, UV_RUN_ONCE);
  assert_int_equal(w.output.err, UV_EFBIG);
  assert_string_equal(w.output.err_path, w.paths[0]);
  assert_int_equal(w.output.files[0].nlines, 10);
  assert_int_equal(uvllm__output_unwritten(&w.output), 40);
  with_file_limit(955); /* not even what stands there could be written now */
  put_line(&w, 0, 50, 99);
  close_writer(&w);
  with_file_limit(RLIM_INFINITY);
  char* text = read_file(w.paths[0]);
  assert_int_equal(strlen(text), 1000);
  free(text);
}

static void a_torn_write_is_cut_off(void** state) {
  (void) state;
  writer_t w;
  open_writer(&w, "out4");
  with_file_limit(1050);
  for (int i = 0; i < 50; i++)
    put_line(&w, 0, i, 99);
  while (w.output.err == 0)
    uv_run(&w.loop, UV_RUN_ONCE);
  with_file_limit(RLIM_INFINITY);
  char* text = read_file(w.paths[0]);
  assert_int_equal(strlen(text), 1000);
  free(text);
  close_writer(&w); /* there is room again: the rest is written after all */
  assert_int_equal(uvllm__output_unwritten(&w.output), 0);
  text = read_file(w.paths[0]);
  assert_int_equal(strlen(text), 5000);
  for (int i = 0; i < 50; i++)
    assert_int_equal(atoi(text + i * 100), i);
  free(text);
}

static void a_device_without_room_says_so(void** state) {
  (void) state;
  writer_t w;
  assert_int_equal(symlink("/dev/full", path_of("full")), 0);
  open_writer(&w, "full");
  put_line(&w, 0, 1, 10);
  uvllm__output_finish(&w.output, on_finished);
  uv_run(&w.loop, UV_RUN_DEFAULT);
  assert_int_equal(w.output.err, UV_ENOSPC);
  assert_int_equal(uvllm__output_unwritten(&w.output), 1);
  assert_int_equal(w.finished, 1);
  uvllm__output_free(&w.output);
  close(w.output.files[0].fd);
  assert_int_equal(uv_loop_close(&w.loop), 0);
  assert_int_equal(w.alloc.alive, 0);
}

static void a_file_in_use_is_refused(void** state) {
  (void) state;
  uvllm__opened_t a, b;
  const char* path = path_of("locked");
  assert_int_equal(uvllm__file_open_locked(path, 0, &a), UV_ENOENT);
  assert_int_equal(uvllm__file_open_locked(path, 1, &a), 0);
  assert_int_equal(uvllm__file_open_locked(path, 1, &b), UV_EBUSY);
  close(a.fd);
  assert_int_equal(uvllm__file_open_locked(path, 1, &b), 0);
  close(b.fd);
  assert_int_equal(uvllm__file_open_locked(folder, 1, &b), UV_EISDIR);
  assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
  assert_int_equal(uvllm__file_open_locked(path_of("fifo"), 1, &b), UV_EINVAL);
}

static void a_file_is_replaced_whole(void** state) {
  (void) state;
  char small[8];
  size_t len;
  const char* path = path_of("replaced");
  assert_int_equal(uvllm__file_read_small(path, small, sizeof(small), &len), UV_ENOENT);
  assert_int_equal(uvllm__file_replace(path, "one", 3), 0);
  assert_int_equal(uvllm__file_replace(path, "three", 5), 0);
  assert_int_equal(uvllm__file_read_small(path, small, sizeof(small), &len), 0);
  assert_int_equal(len, 5);
  assert_memory_equal(small, "three", 5);
  assert_int_equal(uvllm__file_read_small(path, small, 5, &len), UV_EFBIG);
  with_file_limit(2);
  assert_int_equal(uvllm__file_replace(path, "four", 4), UV_EFBIG);
  with_file_limit(RLIM_INFINITY);
  assert_int_equal(uvllm__file_read_small(path, small, sizeof(small), &len), 0);
  assert_int_equal(len, 5);
  assert_int_equal(uvllm__file_replace(path_of("no/where"), "x", 1), UV_ENOENT);
}

/* ---- The order ---- */

static void fill(writer_t* w, uint64_t place, int width) {
  char line[2048];
  uvllm_str_t s = { line, 0 };
  s.len = (size_t) snprintf(line, sizeof(line), "%0*d\n", width, (int) place);
  assert_int_equal(uvllm__order_fill(&w->order, place, 0, s), 0);
}

static void enter(writer_t* w, int n) {
  for (int i = 0; i < n; i++) {
    uint64_t place;
    assert_int_equal(uvllm__order_enter(&w->order, &place), 0);
  }
}

static void settle(writer_t* w) {
  while (w->order.head < w->order.tail || uvllm__order_busy(&w->order))
    uv_run(&w->loop, UV_RUN_ONCE);
}

static void expect_ordered(const char* path, int n, int width) {
  char* text = read_file(path);
  assert_int_equal(strlen(text), (size_t) n * (size_t) (width + 1));
  for (int i = 0; i < n; i++)
    assert_int_equal(atoi(text + i * (width + 1)), i);
  free(text);
}

static void lines_leave_in_the_order_they_entered(void** state) {
  (void) state;
  writer_t w;
  const uvllm_str_t nothing = { NULL, 0 };
  open_writer(&w, "order1");
  enter(&w, 1000);
  for (int i = 998; i >= 0; i--)
    fill(&w, (uint64_t) i, 20);
  assert_int_equal(uvllm__order_fill(&w.order, 999, 0, nothing), 0);
  assert_int_equal(w.order.head, 1000);
  assert_int_equal(w.order.bytes, 0);
  close_writer(&w);
  expect_ordered(w.paths[0], 999, 20);
}

/* In no order at all, beyond the memory, and twice, so that the spill begins
 * anew. */
static void what_memory_does_not_hold_is_spilled(void** state) {
  (void) state;
  writer_t w;
  open_writer(&w, "order2");
  w.order.max_bytes = 10000;
  for (int round = 0; round < 2; round++) {
    enter(&w, 5000);
    for (int i = 1; i < 5000; i++) {
      fill(&w, (uint64_t) (round * 5000 + (i * 1009) % 5000), 600);
      if (i % 50 == 0)
        uv_run(&w.loop, UV_RUN_NOWAIT);
    }
    assert_true(w.order.bytes <= 10000);
    assert_int_equal(w.order.nfinished, 4999);
    assert_true(w.order.spill.alive > 4900);
    fill(&w, (uint64_t) round * 5000, 600);
    settle(&w);
    assert_int_equal(w.order.nfinished, 0);
    assert_int_equal(w.order.spill.alive, 0);
  }
  assert_int_equal(w.order.err, 0);
  close_writer(&w);
  expect_ordered(w.paths[0], 10000, 600);
}

/* The disk fills while it is written: what did not get there is still in memory. */
static void a_spill_that_fails_loses_nothing(void** state) {
  (void) state;
  writer_t w;
  open_writer(&w, "order3");
  w.order.max_bytes = 1000;
  enter(&w, 100);
  with_file_limit(5000);
  for (int i = 1; i < 100; i++) {
    fill(&w, (uint64_t) i, 200);
    uv_run(&w.loop, UV_RUN_NOWAIT);
  }
  while (w.order.spill.writing || w.order.err == 0)
    uv_run(&w.loop, UV_RUN_ONCE);
  assert_int_equal(w.order.err, UV_EFBIG);
  with_file_limit(RLIM_INFINITY);
  assert_int_equal(w.order.nfinished, 99);
  fill(&w, 0, 200);
  uvllm__order_drain(&w.order);
  while (uvllm__order_busy(&w.order))
    uv_run(&w.loop, UV_RUN_ONCE);
  assert_true(w.order.head > 1);
  close_writer(&w);
}

static void the_order_survives_a_failing_allocator(void** state) {
  (void) state;
  for (int once = 0; once < 2; once++)
    for (size_t fail_at = 1; fail_at < 40; fail_at++) {
      writer_t w;
      char line[] = "0123456789012345678901234567890123456789\n";
      uvllm_str_t s = { line, sizeof(line) - 1 };
      unlink(path_of("order4"));
      open_writer(&w, "order4");
      w.order.max_bytes = 100;
      w.alloc.fail_at = fail_at;
      w.alloc.fail_once = once;
      uint64_t entered = 0, place;
      while (entered < 20 && uvllm__order_enter(&w.order, &place) == 0)
        entered++;
      for (uint64_t i = entered; i-- > 0;) {
        int err = uvllm__order_fill(&w.order, i, 0, s);
        assert_true(err == 0 || err == UVLLM__ENOMEM);
      }
      for (int i = 0; i < 200 && (w.order.head < w.order.tail || uvllm__order_busy(&w.order)); i++)
        uv_run(&w.loop, UV_RUN_NOWAIT);
      while (uvllm__order_busy(&w.order))
        uv_run(&w.loop, UV_RUN_ONCE);
      w.alloc.fail_at = 0;
      close_writer(&w);
    }
}

/* ---- The sort ---- */

static void write_records(const char* path, const int* keys, size_t n, size_t filler) {
  FILE* f = fopen(path, "w");
  for (size_t i = 0; i < n; i++) {
    if (keys[i] < 0)
      fprintf(f, "alien %d", -keys[i]);
    else
      fprintf(f, "{\"id\":\"batch_req_%08x%012d\",\"%d", (unsigned int) i, keys[i], keys[i]);
    for (size_t k = 0; k < filler * (size_t) (i % 7); k++)
      fputc('x', f);
    fputc('\n', f);
  }
  fclose(f);
}

static int sort_file(const char* path, size_t cap, ino_t* inode) {
  uvllm__opened_t opened;
  struct stat st;
  uvllm__sort_line_t* lines = calloc(cap, sizeof(*lines));
  char* buffers = malloc(UVLLM__SORT_BUFFERS);
  assert_int_equal(uvllm__file_open_locked(path, 0, &opened), 0);
  int fd = opened.fd, err = uvllm__sort_file(path, &fd, lines, cap, buffers);
  assert_int_equal(fstat(fd, &st), 0);
  *inode = st.st_ino;
  assert_int_equal(uvllm__file_open_locked(path, 0, &opened), UV_EBUSY); /* still ours */
  close(fd);
  free(lines);
  free(buffers);
  return err;
}

static void expect_keys(const char* path, const int* keys, size_t n) {
  char* text = read_file(path);
  char* line = text;
  for (size_t i = 0; i < n; i++) {
    const char* digits = line[0] == 'a' ? line + 6 : strchr(line, ',') + 2;
    assert_int_equal(atoi(digits), keys[i] < 0 ? -keys[i] : keys[i]);
    line = strchr(line, '\n') + 1;
  }
  assert_int_equal(*line, '\0');
  free(text);
}

static void holes_filled_later_are_put_in_order(void** state) {
  (void) state;
  const int keys[] = { 1, 5, -100, 9, 12, 2, 3, 7, -200, 6, 12 };
  const int sorted[] = { 1, 2, 3, 5, -100, 6, 7, -200, 9, 12, 12 };
  ino_t inode = 0;
  const char* path = path_of("sort");
  for (size_t filler = 0; filler < 50000; filler = filler * 40 + 1) {
    write_records(path, keys, 11, filler);
    assert_int_equal(sort_file(path, 11, &inode), 0);
    expect_keys(path, sorted, 11);
  }
  ino_t before = inode;
  assert_int_equal(sort_file(path, 11, &inode), 0); /* nothing to do */
  assert_int_equal(inode, before);
  assert_int_equal(sort_file(path, 10, &inode), UV_EINVAL);
  expect_keys(path, sorted, 11);
}

static void many_lines_are_sorted(void** state) {
  (void) state;
  enum { N = 20000 };
  static int keys[N], sorted[N];
  ino_t inode = 0;
  const char* path = path_of("sort2");
  for (int i = 0; i < N; i++) {
    keys[i] = i % 2 == 0 ? i / 2 : N - i / 2;
    sorted[i] = i < N / 2 ? i : i + 1;
  }
  write_records(path, keys, N, 3);
  assert_int_equal(sort_file(path, N, &inode), 0);
  expect_keys(path, sorted, N);
}

static void a_sort_that_fails_changes_nothing(void** state) {
  (void) state;
  const int keys[] = { 3, 1, 2 };
  ino_t inode = 0;
  const char* path = path_of("sort3");
  write_records(path, keys, 3, 500);
  with_file_limit(100);
  assert_int_equal(sort_file(path, 3, &inode), UV_EFBIG);
  with_file_limit(RLIM_INFINITY);
  expect_keys(path, keys, 3);
  assert_int_equal(access(path_of("sort3.uvllm.tmp"), F_OK), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(lines_are_written_and_counted),
    cmocka_unit_test(what_was_gathered_is_written_without_being_asked),
    cmocka_unit_test(a_full_disk_leaves_whole_lines),
    cmocka_unit_test(a_torn_write_is_cut_off),
    cmocka_unit_test(a_device_without_room_says_so),
    cmocka_unit_test(a_file_in_use_is_refused),
    cmocka_unit_test(a_file_is_replaced_whole),
    cmocka_unit_test(lines_leave_in_the_order_they_entered),
    cmocka_unit_test(what_memory_does_not_hold_is_spilled),
    cmocka_unit_test(a_spill_that_fails_loses_nothing),
    cmocka_unit_test(the_order_survives_a_failing_allocator),
    cmocka_unit_test(holes_filled_later_are_put_in_order),
    cmocka_unit_test(many_lines_are_sorted),
    cmocka_unit_test(a_sort_that_fails_changes_nothing),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
