/* OpenSSL's own test server, a process of its own, with certificates made for
 * the occasion: "good", "expired" and "other", all by a CA of ours.
 */
#ifndef UVLLM_TESTS_TLS_SERVER_H
#define UVLLM_TESTS_TLS_SERVER_H

#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static char tls_dir[] = "/tmp/uvllm-tls-XXXXXX";

typedef struct tls_server_s {
  pid_t pid;
  int port;
  FILE* out;
} tls_server_t;

static inline void tls__run(const char* command) {
  char line[2048];
  snprintf(line, sizeof(line), "cd %s && { %s ; } >log 2>&1", tls_dir, command);
  assert_int_equal(system(line), 0);
}

static inline void tls__make_certificate(const char* name, const char* host, const char* days) {
  char line[1024];
  snprintf(line, sizeof(line),
           "openssl req -newkey rsa:2048 -nodes -keyout %s.key -out %s.csr -subj /CN=%s "
           "-addext 'subjectAltName=%s' && "
           "openssl x509 -req -in %s.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days %s "
           "-copy_extensions copy -out %s.pem", name, name, name, host, name, days, name);
  tls__run(line);
}

/* For a group of tests. GET /v1/models is answered with one model. */
static inline int tls_setup(void** state) {
  (void) state;
  assert_non_null(mkdtemp(tls_dir));
  tls__run("openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 "
           "-subj /CN=ca");
  tls__make_certificate("good", "DNS:localhost,IP:127.0.0.1", "30");
  tls__make_certificate("expired", "DNS:localhost,IP:127.0.0.1", "-1");
  tls__make_certificate("other", "DNS:elsewhere.example", "30");
  tls__run("mkdir v1 && printf 'HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\n"
           "Connection: close\\r\\n\\r\\n{\"object\":\"list\",\"data\":[{\"id\":\"m\"}]}' "
           "> v1/models");
  return 0;
}

static inline int tls_teardown(void** state) {
  (void) state;
  char line[256];
  snprintf(line, sizeof(line), "rm -rf %s", tls_dir);
  return system(line);
}

static inline void tls__exec(const char* name, const char* mode, int out) {
  char cert[64], key[64];
  snprintf(cert, sizeof(cert), "%s.pem", name);
  snprintf(key, sizeof(key), "%s.key", name);
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* not left behind by a test that fails */
  if (chdir(tls_dir) == 0 && dup2(out, 1) >= 0 && dup2(out, 2) >= 0 &&
      dup2(open("/dev/null", O_RDONLY), 0) >= 0)
    execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", cert, "-key", key,
           mode, (char*) NULL);
  _exit(127);
}

/* mode: "-HTTP" serves the files, "-www" a page that tells of the connection. */
static inline void tls_start(tls_server_t* s, const char* certificate, const char* mode) {
  int fds[2];
  char line[256];
  assert_int_equal(pipe(fds), 0);
  s->pid = fork();
  assert_true(s->pid >= 0);
  if (s->pid == 0)
    tls__exec(certificate, mode, fds[1]);
  close(fds[1]);
  s->out = fdopen(fds[0], "r");
  s->port = 0;
  while (s->port == 0 && fgets(line, sizeof(line), s->out) != NULL)
    if (strncmp(line, "ACCEPT ", 7) == 0)
      s->port = atoi(strrchr(line, ':') + 1);
  assert_true(s->port > 0);
}

static inline void tls_stop(tls_server_t* s) {
  kill(s->pid, SIGKILL);
  waitpid(s->pid, NULL, 0);
  fclose(s->out);
}

#endif
