/* The embedded provider behind mock/NAME: uvllm/mock.h with its defaults on a free
 * loopback port, on a loop and a thread of its own, or in a process of its own.
 *
 * The process is forked before there is any thread. It lives as long as a pipe
 * from here is open, so it ends with us, however we end; ^C is ours alone.
 */
#define _GNU_SOURCE /* pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "uvllm/mock.h"

/* A process may open 20,000 descriptors in some places; both ends of a connection
 * on a thread would need two each. */
enum { MAX_ON_A_THREAD = 4000, SPARE_DESCRIPTORS = 128 };

struct cli_mock_s {
  char url[64];
  pid_t pid;          /* 0: it is a thread */
  int lifeline;       /* our end of the pipe */
  uv_thread_t thread;
  uv_sem_t ready;
  uv_async_t wake;
  uvllm_mock_t* mock;
  int port;           /* or a negative code */
};


static void set_url(cli_mock_t* m) {
  snprintf(m->url, sizeof(m->url), "http://127.0.0.1:%d/v1", m->port);
}


/* The port, or a negative code. */
static int start_server(uvllm_mock_t** mock, uv_loop_t* loop) {
  uvllm_mock_options_t o;
  uvllm_mock_options_init(&o);
  int err = uvllm_mock_start(mock, loop, &o);
  return err != 0 ? err : uvllm_mock_port(*mock);
}


/* ---- A thread ------------------------------------------------------------------------ */

static void on_wake(uv_async_t* wake) {
  cli_mock_t* m = wake->data;
  uvllm_mock_stop(m->mock, NULL, NULL);
  uv_close((uv_handle_t*) wake, NULL);
}


static void run_thread(void* arg) {
  cli_mock_t* m = arg;
  uv_loop_t loop;
  int err = uv_loop_init(&loop);
  if (err != 0) {
    m->port = err;
    uv_sem_post(&m->ready);
    return;
  }
  err = uv_async_init(&loop, &m->wake, on_wake);
  if (err == 0) {
    m->wake.data = m;
    err = start_server(&m->mock, &loop);
    if (err < 0)
      uv_close((uv_handle_t*) &m->wake, NULL);
  }
  m->port = err;
  uv_sem_post(&m->ready);
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
}


static int start_thread(cli_mock_t* m) {
  int err = uv_sem_init(&m->ready, 0);
  if (err != 0)
    return err;
  err = uv_thread_create(&m->thread, run_thread, m);
  if (err == 0) {
    uv_sem_wait(&m->ready);
    err = m->port > 0 ? 0 : m->port;
    if (err != 0)
      uv_thread_join(&m->thread);
  }
  uv_sem_destroy(&m->ready);
  return err;
}


/* ---- A process ------------------------------------------------------------------------ */

static void on_lifeline(uv_poll_t* poll, int status, int events) {
  (void) status, (void) events; /* nothing is ever written: it is the end */
  uvllm_mock_t* mock = poll->data;
  uvllm_mock_stop(mock, NULL, NULL);
  uv_close((uv_handle_t*) poll, NULL);
}


/* Nothing of ours stays open in it: a reader of our standard output would wait
 * for its end too. */
static void detach_files(void) {
  int null = open("/dev/null", O_RDWR);
  for (int fd = 0; null >= 0 && fd < 3; fd++)
    dup2(null, fd);
  if (null > 2)
    close(null);
}


static void run_process(int lifeline, int report) {
  uv_loop_t loop;
  uv_poll_t poll;
  uvllm_mock_t* mock = NULL;
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  detach_files();
  int port = uv_loop_init(&loop);
  if (port == 0)
    port = start_server(&mock, &loop);
  if (write(report, &port, sizeof(port)) != sizeof(port) || port <= 0)
    return;
  close(report);
  if (uv_poll_init(&loop, &poll, lifeline) != 0)
    return;
  poll.data = mock;
  uv_poll_start(&poll, UV_READABLE | UV_DISCONNECT, on_lifeline);
  uv_run(&loop, UV_RUN_DEFAULT);
}


static int read_port(int fd, int* port) {
  ssize_t n;
  do
    n = read(fd, port, sizeof(*port));
  while (n < 0 && errno == EINTR);
  if (n != sizeof(*port))
    return UV_EPIPE; /* it died */
  return *port > 0 ? 0 : *port;
}


static int start_process(cli_mock_t* m) {
  int life[2], report[2];
  if (pipe2(life, O_CLOEXEC) != 0)
    return -errno;
  if (pipe2(report, O_CLOEXEC) != 0) {
    close(life[0]);
    close(life[1]);
    return UV_EMFILE;
  }
  fflush(NULL); /* or what is buffered is written twice */
  m->pid = fork();
  int err = m->pid < 0 ? -errno : 0;
  if (m->pid == 0) {
    close(life[1]);
    close(report[0]);
    run_process(life[0], report[1]);
    _exit(0);
  }
  close(life[0]);
  close(report[1]);
  if (err == 0)
    err = read_port(report[0], &m->port);
  close(report[0]);
  m->lifeline = life[1];
  if (err != 0)
    close(life[1]);
  if (err != 0 && m->pid > 0)
    waitpid(m->pid, NULL, 0);
  return err;
}


/* ---- Either ------------------------------------------------------------------------------ */

static int needs_process(uint32_t ninflight) {
  struct rlimit limit;
  if (ninflight > MAX_ON_A_THREAD)
    return 1;
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
         2 * (uint64_t) ninflight + SPARE_DESCRIPTORS > limit.rlim_cur;
}


cli_mock_t* cli_mock_start(uint32_t ninflight) {
  cli_mock_t* m = cli_alloc(sizeof(*m));
  int err = needs_process(ninflight) ? start_process(m) : start_thread(m);
  if (err == 0) {
    set_url(m);
    return m;
  }
  cli_error("the embedded provider cannot be started: %s", uv_strerror(err));
  free(m);
  return NULL;
}


const char* cli_mock_url(const cli_mock_t* m) {
  return m->url;
}


void cli_mock_stop(cli_mock_t* m) {
  if (m == NULL)
    return;
  if (m->pid > 0) {
    close(m->lifeline);
    while (waitpid(m->pid, NULL, 0) < 0 && errno == EINTR)
      continue;
  } else {
    uv_async_send(&m->wake);
    uv_thread_join(&m->thread);
  }
  free(m);
}
