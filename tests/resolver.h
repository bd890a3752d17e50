/* A resolver for tests: getaddrinfo(3) of this executable, which libuv and curl
 * call in place of the C library's. It answers what it is told, counts the
 * questions, and may be made to wait. Include it in one file only.
 */
#ifndef UVLLM_TESTS_RESOLVER_H
#define UVLLM_TESTS_RESOLVER_H

#include "test.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <sys/socket.h>

enum { RESOLVER_ADDRESSES = 4 };

static struct {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  pthread_t loop_thread;
  int closed;     /* questions wait */
  int waiting;    /* so many */
  int asked;      /* so often */
  int on_loop;    /* of these, by the loop's own thread */
  int fail_first; /* so many questions are answered with EAI_AGAIN */
  int error;      /* EAI_*: of all; 0: the addresses */
  int strange;    /* nothing but an address of no family */
  const char* addresses[RESOLVER_ADDRESSES];
  char names[4][64]; /* the last ones asked for */
} resolver = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

/* Before each test: one address, or two. */
static inline void resolver_reset(const char* first, const char* second) {
  pthread_mutex_lock(&resolver.lock);
  resolver.loop_thread = pthread_self();
  resolver.closed = resolver.waiting = resolver.asked = resolver.on_loop = 0;
  resolver.fail_first = resolver.error = resolver.strange = 0;
  memset(resolver.addresses, 0, sizeof(resolver.addresses));
  memset(resolver.names, 0, sizeof(resolver.names));
  resolver.addresses[0] = first;
  resolver.addresses[1] = second;
  pthread_mutex_unlock(&resolver.lock);
}

static inline void resolver_close(int closed) {
  pthread_mutex_lock(&resolver.lock);
  resolver.closed = closed;
  pthread_cond_broadcast(&resolver.changed);
  pthread_mutex_unlock(&resolver.lock);
}

static inline int resolver_waiting(void) {
  pthread_mutex_lock(&resolver.lock);
  int n = resolver.waiting;
  pthread_mutex_unlock(&resolver.lock);
  return n;
}

static inline struct addrinfo* resolver__address(const char* text, struct addrinfo* next) {
  struct { struct addrinfo ai; struct sockaddr_storage addr; char name[64]; }* p =
      calloc(1, sizeof(*p));
  struct sockaddr_in* v4 = (struct sockaddr_in*) &p->addr;
  struct sockaddr_in6* v6 = (struct sockaddr_in6*) &p->addr;
  int is_v6 = strchr(text, ':') != NULL;
  p->ai.ai_family = is_v6 ? AF_INET6 : AF_INET;
  p->ai.ai_socktype = SOCK_STREAM;
  p->ai.ai_addrlen = is_v6 ? sizeof(*v6) : sizeof(*v4);
  p->ai.ai_addr = (struct sockaddr*) &p->addr;
  p->ai.ai_next = next;
  p->addr.ss_family = (sa_family_t) p->ai.ai_family;
  inet_pton(p->ai.ai_family, text, is_v6 ? (void*) &v6->sin6_addr : (void*) &v4->sin_addr);
  if (resolver.strange)
    p->ai.ai_family = p->addr.ss_family = AF_UNIX;
  return &p->ai;
}

static inline int resolver__answer(struct addrinfo** list) {
  if (resolver.asked <= resolver.fail_first)
    return EAI_AGAIN;
  if (resolver.error != 0)
    return resolver.error;
  *list = NULL;
  for (int i = RESOLVER_ADDRESSES; i-- > 0;)
    if (resolver.addresses[i] != NULL)
      *list = resolver__address(resolver.addresses[i], *list);
  return *list != NULL ? 0 : EAI_NONAME;
}

int getaddrinfo(const char* node, const char* service, const struct addrinfo* hints,
                struct addrinfo** list) {
  (void) service, (void) hints;
  pthread_mutex_lock(&resolver.lock);
  snprintf(resolver.names[resolver.asked % 4], sizeof(resolver.names[0]), "%s", node);
  resolver.asked++;
  resolver.on_loop += pthread_equal(pthread_self(), resolver.loop_thread) != 0;
  resolver.waiting++;
  while (resolver.closed)
    pthread_cond_wait(&resolver.changed, &resolver.lock);
  resolver.waiting--;
  int err = resolver__answer(list);
  pthread_mutex_unlock(&resolver.lock);
  return err;
}

void freeaddrinfo(struct addrinfo* list) {
  while (list != NULL) {
    struct addrinfo* next = list->ai_next;
    free(list);
    list = next;
  }
}

#endif
