/* What the benchmark's client programs share: their options, what they ask the
 * mock for, and how they tell a figure. Nothing of the library.
 */
#ifndef UVLLM_BENCH_H
#define UVLLM_BENCH_H

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

typedef struct bench_s {
  const char* mode;
  const char* url;    /* scheme://host:port */
  const char* ca;     /* tls: who is trusted */
  const char* transport; /* of the library: curl or plain; NULL: its own choice */
  uint32_t n;         /* requests, connections, or open streams */
  uint32_t inflight;
  uint32_t multis;
  uint32_t seconds;   /* how long open streams are watched */
  uint32_t tokens, ttft_ms, itl_ms; /* asked of the mock, a request */
  uint32_t rpm, tpm;
  char x_mock[128];   /* "x-mock: ..." */
  char body[512];     /* of the request, asking for a stream or not */
} bench_t;


static inline void bench_die(const char* what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}


static inline void bench_usage(const char* program, const char* modes) {
  fprintf(stderr,
          "usage: %s %s --url URL [--n N] [--inflight N] [--seconds N] [--tokens N]\n"
          "       [--ttft-ms N] [--itl-ms N] [--multis N] [--rpm N] [--tpm N] [--ca FILE]\n",
          program, modes);
  exit(2);
}


static inline uint32_t bench_number(const char* text) {
  char* end;
  unsigned long v = strtoul(text, &end, 10);
  if (*text == '\0' || *end != '\0' || v > UINT32_MAX)
    bench_die("a number was expected");
  return (uint32_t) v;
}


static inline void bench_set(bench_t* b, int option, const char* value) {
  switch (option) {
    case 'u': b->url = value; break;
    case 'a': b->ca = value; break;
    case 'x': b->transport = value; break;
    case 'n': b->n = bench_number(value); break;
    case 'c': b->inflight = bench_number(value); break;
    case 'm': b->multis = bench_number(value); break;
    case 's': b->seconds = bench_number(value); break;
    case 't': b->tokens = bench_number(value); break;
    case 'f': b->ttft_ms = bench_number(value); break;
    case 'i': b->itl_ms = bench_number(value); break;
    case 'r': b->rpm = bench_number(value); break;
    case 'p': b->tpm = bench_number(value); break;
    default: exit(2);
  }
}


/* The first argument is the mode; `modes` is for the usage line. A mode other
 * than "requests" asks for streams. */
static inline void bench_options(bench_t* b, int argc, char** argv, const char* modes) {
  static const struct option options[] = {
    { "url", 1, NULL, 'u' },     { "ca", 1, NULL, 'a' },      { "n", 1, NULL, 'n' },
    { "inflight", 1, NULL, 'c' }, { "multis", 1, NULL, 'm' },  { "seconds", 1, NULL, 's' },
    { "tokens", 1, NULL, 't' },  { "ttft-ms", 1, NULL, 'f' }, { "itl-ms", 1, NULL, 'i' },
    { "rpm", 1, NULL, 'r' },     { "tpm", 1, NULL, 'p' },     { "transport", 1, NULL, 'x' },
    { NULL, 0, NULL, 0 }
  };
  memset(b, 0, sizeof(*b));
  if (argc < 2 || argv[1][0] == '-')
    bench_usage(argv[0], modes);
  b->mode = argv[1];
  b->n = 10000;
  b->inflight = 64;
  b->multis = 1;
  b->seconds = 5;
  b->tokens = 4;
  int option;
  optind = 2;
  while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
    bench_set(b, option, optarg);
  if (b->url == NULL || b->n == 0 || b->inflight == 0 || b->multis == 0 || optind != argc)
    bench_usage(argv[0], modes);
  snprintf(b->x_mock, sizeof(b->x_mock), "x-mock: ttft=%u,itl=%u,tokens=%u", b->ttft_ms, b->itl_ms,
           b->tokens);
  snprintf(b->body, sizeof(b->body),
           "{\"model\":\"gpt-4o-mini\",%s\"messages\":[{\"role\":\"user\",\"content\":"
           "\"Which river flows through Vienna?\"}]}",
           strcmp(b->mode, "requests") == 0 ? "" : "\"stream\":true,");
}


static inline int bench_is(const bench_t* b, const char* mode) {
  return strcmp(b->mode, mode) == 0;
}


static inline uint64_t bench_now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t) t.tv_sec * 1000000000u + (uint64_t) t.tv_nsec;
}


/* Of this process, user and system. */
static inline double bench_cpu_us(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (double) (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
         (double) (u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}


static inline double bench_rss_kib(void) {
  unsigned long size = 0, resident = 0;
  FILE* f = fopen("/proc/self/statm", "r");
  if (f == NULL || fscanf(f, "%lu %lu", &size, &resident) != 2)
    bench_die("/proc/self/statm cannot be read");
  fclose(f);
  return (double) resident * (double) sysconf(_SC_PAGESIZE) / 1024;
}


static inline void bench_print(const char* name, double value, const char* unit) {
  printf("%s %.6g %s\n", name, value, unit);
}


/* As many descriptors as the process may have. */
static inline void bench_raise_files(void) {
  struct rlimit r;
  if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_NOFILE, &r);
  }
}


/* What is counted between two marks. */
typedef struct bench_mark_s {
  uint64_t time_ns, requests, events, reads;
  double cpu_us;
} bench_mark_t;


static inline void bench_mark(bench_mark_t* m, uint64_t requests, uint64_t events, uint64_t reads) {
  m->time_ns = bench_now_ns();
  m->cpu_us = bench_cpu_us();
  m->requests = requests;
  m->events = events;
  m->reads = reads;
}


static inline void bench_report(const bench_mark_t* from, const bench_mark_t* to) {
  double seconds = (double) (to->time_ns - from->time_ns) / 1e9;
  double cpu = to->cpu_us - from->cpu_us;
  double requests = (double) (to->requests - from->requests);
  double events = (double) (to->events - from->events);
  double reads = (double) (to->reads - from->reads);
  bench_print("seconds", seconds, "s");
  bench_print("cpu_load", cpu / 1e4 / seconds, "%");
  if (requests > 0) {
    bench_print("requests_per_s", requests / seconds, "/s");
    bench_print("cpu_per_request", cpu / requests, "us");
  }
  if (events > 0) {
    bench_print("events_per_s", events / seconds, "/s");
    bench_print("cpu_per_event", cpu / events, "us");
    bench_print("reads_per_event", reads / events, "");
  }
}


/* Ends of events ("\n\n") in these bytes; `newline` carries over from the bytes
 * before. */
static inline uint64_t bench_count_events(const char* data, size_t size, unsigned char* newline) {
  uint64_t n = 0;
  const char *p = data, *end = data + size;
  if (size == 0)
    return 0;
  if (*newline && *p == '\n') {
    n++;
    p++;
  }
  while (p < end && (p = memchr(p, '\n', (size_t) (end - p))) != NULL) {
    if (p + 1 < end && p[1] == '\n') {
      n++;
      p++;
    }
    p++;
  }
  *newline = data[size - 1] == '\n' && !(size > 1 && data[size - 2] == '\n');
  return n;
}

#endif
