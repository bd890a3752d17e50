/* A multi handle's wake-up is a pair of sockets, which curl 7.88 opens without
 * FD_CLOEXEC: a child of the host's would inherit them. curl does not tell their
 * numbers, so they are recognised: of the sockets beyond the first free number,
 * the two in which one byte is under way once curl has woken itself up.
 *
 * Nothing else is touched: what has FD_CLOEXEC, is no local socket, or had
 * anything to read or to send before, is somebody else's.
 */
#include "http_curl.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOK_AT = 32 }; /* other threads may have opened some meanwhile */

typedef struct pending_s {
  int is_ours; /* may be */
  int in, out;
} pending_t;


int uvllm__lowest_free_fd(uv_loop_t* loop) {
  int fd = fcntl(uv_backend_fd(loop), F_DUPFD_CLOEXEC, 0);
  if (fd >= 0)
    close(fd);
  return fd;
}


static void look(int fd, pending_t* p) {
  int domain = 0, flags = fcntl(fd, F_GETFD);
  socklen_t n = sizeof(domain);
  p->is_ours = flags >= 0 && !(flags & FD_CLOEXEC) &&
               getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 && domain == AF_UNIX &&
               ioctl(fd, SIOCINQ, &p->in) == 0 && ioctl(fd, SIOCOUTQ, &p->out) == 0;
}


void uvllm__multi_cloexec(CURLM* multi, int from) {
  pending_t before[LOOK_AT], now;
  int numfds;
  if (from < 0)
    return;
  for (int i = 0; i < LOOK_AT; i++)
    look(from + i, &before[i]);
  if (curl_multi_wakeup(multi) != CURLM_OK)
    return;
  for (int i = 0; i < LOOK_AT; i++) {
    if (!before[i].is_ours || before[i].in != 0 || before[i].out != 0)
      continue;
    look(from + i, &now);
    if (now.is_ours && ((now.in == 1 && now.out == 0) || (now.in == 0 && now.out > 0)))
      fcntl(from + i, F_SETFD, FD_CLOEXEC);
  }
  curl_multi_poll(multi, NULL, 0, 0, &numfds); /* takes the byte */
}
