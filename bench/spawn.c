/* How long two commands take from start to end, run in turns: medians.
 *
 *   spawn N COMMAND [ARG...] -- COMMAND [ARG...]
 */
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include "bench.h"

extern char** environ;


static double run_ms(char** argv) {
  posix_spawn_file_actions_t actions;
  pid_t pid;
  int status;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  uint64_t began = bench_now_ns();
  if (posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ) != 0 ||
      waitpid(pid, &status, 0) != pid || status != 0)
    bench_die("a command failed");
  double ms = (double) (bench_now_ns() - began) / 1e6;
  posix_spawn_file_actions_destroy(&actions);
  return ms;
}


static int by_size(const void* a, const void* b) {
  double x = *(const double*) a, y = *(const double*) b;
  return (x > y) - (x < y);
}


int main(int argc, char** argv) {
  int second = 2;
  while (second < argc && strcmp(argv[second], "--") != 0)
    second++;
  if (second < 3 || second + 1 >= argc)
    bench_die("usage: spawn N COMMAND [ARG...] -- COMMAND [ARG...]");
  uint32_t n = bench_number(argv[1]);
  argv[second] = NULL;
  double* ms = calloc(2 * (size_t) n + 1, sizeof(*ms));
  if (ms == NULL || n == 0)
    bench_die("out of memory");
  run_ms(argv + 2); /* warm */
  run_ms(argv + second + 1);
  for (uint32_t i = 0; i < n; i++) {
    ms[i] = run_ms(argv + 2);
    ms[n + i] = run_ms(argv + second + 1);
  }
  qsort(ms, n, sizeof(*ms), by_size);
  qsort(ms + n, n, sizeof(*ms), by_size);
  bench_print("first", ms[n / 2], "ms");
  bench_print("second", ms[n + n / 2], "ms");
  bench_print("difference", ms[n / 2] - ms[n + n / 2], "ms");
  free(ms);
  return 0;
}
