/* capture N FILE [TEXT]: a server on a free loopback port, which it prints. It takes
 * N requests one after the other, keeps each in FILE.1, FILE.2..., and answers all
 * of them with a short stream that says TEXT (the inside of a JSON string).
 */
#define _GNU_SOURCE /* strcasestr */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_REQUEST = 1 << 20 };

static const char answer_format[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"},"
    "\"finish_reason\":null}]}\n\n"
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
    "data: [DONE]\n\n";


static int listen_on_loopback(void) {
  struct sockaddr_in a;
  socklen_t len = sizeof(a);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  memset(&a, 0, sizeof(a));
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || bind(fd, (struct sockaddr*) &a, sizeof(a)) != 0 || listen(fd, 16) != 0 ||
      getsockname(fd, (struct sockaddr*) &a, &len) != 0)
    return -1;
  printf("%d\n", ntohs(a.sin_port));
  fflush(stdout);
  return fd;
}


/* 1 if the headers are there, and as much body as they announce. */
static int is_whole(const char* request, size_t len) {
  const char* body = strstr(request, "\r\n\r\n");
  const char* length = strcasestr(request, "\r\nContent-Length:");
  if (body == NULL)
    return 0;
  size_t want = length != NULL && length < body ? strtoul(length + 17, NULL, 10) : 0;
  return len - (size_t) (body + 4 - request) >= want;
}


static int keep(const char* name, int number, const char* request, size_t len) {
  char path[4096];
  snprintf(path, sizeof(path), "%s.%d", name, number);
  FILE* f = fopen(path, "w");
  if (f == NULL)
    return -1;
  fwrite(request, 1, len, f);
  return fclose(f);
}


static int serve(int fd, const char* name, int number, const char* text) {
  static char request[MAX_REQUEST + 1];
  size_t len = 0;
  int conn = accept(fd, NULL, NULL);
  if (conn < 0)
    return -1;
  request[0] = '\0';
  while (len < MAX_REQUEST && !is_whole(request, len)) {
    ssize_t n = read(conn, request + len, MAX_REQUEST - len);
    if (n <= 0)
      break;
    len += (size_t) n;
    request[len] = '\0';
  }
  int err = keep(name, number, request, len);
  if (dprintf(conn, answer_format, text) < 0)
    err = -1;
  close(conn);
  return err;
}


int main(int argc, char** argv) {
  if (argc < 3)
    return 2;
  int fd = listen_on_loopback();
  for (int i = 1; fd >= 0 && i <= atoi(argv[1]); i++)
    if (serve(fd, argv[2], i, argc > 3 ? argv[3] : "Captured.") != 0)
      return 1;
  return fd < 0;
}
