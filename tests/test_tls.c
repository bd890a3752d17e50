/* TLS is verified: against OpenSSL's own test server, with certificates made for
 * the occasion. Also: a peer that resets a TLS connection raises no SIGPIPE.
 */
#include "core.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/uvllm-tls-XXXXXX";

typedef struct server_s {
  pid_t pid;
  int port;
  FILE* out;
} server_t;

static void run(const char* command) {
  char line[2048];
  snprintf(line, sizeof(line), "cd %s && { %s ; } >log 2>&1", dir, command);
  assert_int_equal(system(line), 0);
}

static void make_certificate(const char* name, const char* host, const char* days) {
  char line[1024];
  snprintf(line, sizeof(line),
           "openssl req -newkey rsa:2048 -nodes -keyout %s.key -out %s.csr -subj /CN=%s "
           "-addext 'subjectAltName=%s' && "
           "openssl x509 -req -in %s.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days %s "
           "-copy_extensions copy -out %s.pem", name, name, name, host, name, days, name);
  run(line);
}

static int setup(void** state) {
  (void) state;
  assert_non_null(mkdtemp(dir));
  run("openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=ca");
  make_certificate("good", "DNS:localhost,IP:127.0.0.1", "30");
  make_certificate("expired", "DNS:localhost,IP:127.0.0.1", "-1");
  make_certificate("other", "DNS:elsewhere.example", "30");
  run("mkdir v1 && printf 'HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\n"
      "Connection: close\\r\\n\\r\\n{\"object\":\"list\",\"data\":[{\"id\":\"m\"}]}' > v1/models");
  return 0;
}

static int teardown(void** state) {
  (void) state;
  char line[256];
  snprintf(line, sizeof(line), "rm -rf %s", dir);
  return system(line);
}

static void exec_server(const char* name, int out) {
  char cert[64], key[64];
  snprintf(cert, sizeof(cert), "%s.pem", name);
  snprintf(key, sizeof(key), "%s.key", name);
  if (chdir(dir) == 0 && dup2(out, 1) >= 0 && dup2(out, 2) >= 0 &&
      dup2(open("/dev/null", O_RDONLY), 0) >= 0)
    execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", cert, "-key", key,
           "-HTTP", (char*) NULL);
  _exit(127);
}

static void start(server_t* s, const char* name) {
  int fds[2];
  char line[256];
  assert_int_equal(pipe(fds), 0);
  s->pid = fork();
  assert_true(s->pid >= 0);
  if (s->pid == 0)
    exec_server(name, fds[1]);
  close(fds[1]);
  s->out = fdopen(fds[0], "r");
  s->port = 0;
  while (s->port == 0 && fgets(line, sizeof(line), s->out) != NULL)
    if (strncmp(line, "ACCEPT ", 7) == 0)
      s->port = atoi(strrchr(line, ':') + 1);
  assert_true(s->port > 0);
}

static void stop(server_t* s) {
  kill(s->pid, SIGKILL);
  waitpid(s->pid, NULL, 0);
  fclose(s->out);
}

static seen_t models_from(const char* certificate, const char* host, int trusted) {
  core_t c;
  server_t server;
  ask_t a;
  seen_t s;
  char url[64], ca[128];
  uvllm_provider_options_t p;
  memset(&s, 0, sizeof(s));
  start(&server, certificate);
  core_begin(&c);
  snprintf(url, sizeof(url), "https://%s:%d/v1", host, server.port);
  snprintf(ca, sizeof(ca), "%s/ca.pem", dir);
  uvllm_provider_options_init(&p);
  p.name = "mock";
  p.dialect = "openai";
  p.base_url = url;
  p.ca_file = trusted ? ca : NULL;
  assert_int_equal(uvllm_provider_set(c.client, &p), 0);
  ask_init(&a, "", NULL);
  a.r.op = UVLLM_MODELS;
  a.r.flags = 0;
  a.r.nmessages = 0;
  a.r.max_attempts = 3;
  core_submit(&c, &a.r, &s);
  core_run(&c, 1);
  core_end(&c);
  stop(&server);
  return s;
}

static void known_ca_is_accepted(void** state) {
  (void) state;
  seen_t s = models_from("good", "127.0.0.1", 1);
  assert_int_equal(s.status, 0);
  assert_int_equal(s.nevents[UVLLM_EVENT_MODEL], 1);
  s = models_from("good", "localhost", 1);
  assert_int_equal(s.status, 0);
}

static void unknown_ca_is_refused(void** state) {
  (void) state;
  seen_t s = models_from("good", "127.0.0.1", 0);
  assert_int_equal(s.status, UVLLM_ETLS);
  assert_int_equal(s.attempts, 1); /* it will not be known later either */
  assert_true(strlen(s.message) > 0);
}

static void expired_certificate_is_refused(void** state) {
  (void) state;
  seen_t s = models_from("expired", "127.0.0.1", 1);
  assert_int_equal(s.status, UVLLM_ETLS);
  assert_non_null(strstr(s.message, "expired"));
}

static void other_name_is_refused(void** state) {
  (void) state;
  seen_t s = models_from("other", "127.0.0.1", 1);
  assert_int_equal(s.status, UVLLM_ETLS);
}

static void missing_ca_file_is_an_error(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  seen_t s;
  uvllm_provider_options_t p;
  memset(&s, 0, sizeof(s));
  core_begin(&c);
  uvllm_provider_options_init(&p);
  p.name = "mock";
  p.dialect = "openai";
  p.base_url = "https://127.0.0.1:1/v1";
  p.ca_file = "/nonexistent/ca.pem";
  assert_int_equal(uvllm_provider_set(c.client, &p), UV_ENOENT);
  assert_true(strlen(uvllm_last_error(c.client)) > 0);
  ask_init(&a, "", NULL);
  assert_int_equal(core_try(&c, &a.r, &s), UVLLM_ENOPROVIDER);
  core_end(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(known_ca_is_accepted),
    cmocka_unit_test(unknown_ca_is_refused),
    cmocka_unit_test(expired_certificate_is_refused),
    cmocka_unit_test(other_name_is_refused),
    cmocka_unit_test(missing_ca_file_is_an_error),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
