/* The inside of the curl engine, shared by its files: http_curl.c (the exchange's
 * life), curl_easy.c (handles, options, curl's callbacks), curl_shard.c (multi
 * handles) and curl_socket.c (sockets and timers on the loop).
 */
#ifndef UVLLM_SRC_HTTP_CURL_H
#define UVLLM_SRC_HTTP_CURL_H

#include <curl/curl.h>
#include "http_engine.h"

enum {
  MAX_SHARDS = UVLLM__DNS_SLOTS,
  SHARD_ROOM = 128 /* transfers before the next shard is used: curl walks a host's connections */
};

/* What curl's callbacks leave to be done outside of them. */
typedef enum {
  UVLLM__UNMARKED,
  UVLLM__NUDGE, /* an address has failed, and nothing drives the next one */
  UVLLM__DOOM   /* no memory was left to watch its socket */
} uvllm__mark;

typedef struct uvllm__curl_s uvllm__curl_t;

typedef struct uvllm__shard_s {
  uvllm__curl_t* engine;
  CURLM* multi; /* NULL: there was no memory for a new one */
  uv_timer_t timer;
  unsigned int index, active;
  struct uvllm__easy_s* transfers;
  int dirty;        /* messages may wait */
  CURLMcode broken; /* what curl said when it lost its way; CURLM_OK: it has not */
} uvllm__shard_t;

/* One pooled easy handle. Its options are set once; only what differs from the
 * last use is set again. */
typedef struct uvllm__easy_s {
  struct uvllm__easy_s *next, *prev; /* of the shard's transfers; `next`: also the pool */
  CURL* curl;
  uvllm__shard_t* shard; /* NULL: idle */
  uvllm__exchange_t* x;
  uint64_t origin_id;    /* whose proxy and CA it is set up for */
  uvllm__buf_t url;
  CURLU* parts;          /* `url` parsed */
  char custom[16];       /* CURLOPT_CUSTOMREQUEST as it is set; "": none */
  curl_off_t posted;     /* it is set to POST so many bytes; -1: to anything else */
  int fresh;             /* CURLOPT_FRESH_CONNECT as it is set */
  uvllm__dns_name_t* name; /* given with this request: applied once it is sent */
  uint64_t generation;
  char* resolve_line;
  struct curl_slist resolve;
  struct curl_slist lines[UVLLM__HTTP_MAX_HEADERS + 3]; /* and what keeps curl's own away */
  int spoilt;       /* of a multi handle that broke: not to be used again */
  int asked;        /* so often whether the request may go out */
  int socket_errno; /* of the last socket(2) that failed for it */
  uvllm__mark mark; /* in the transport's list, for drain() */
  struct uvllm__easy_s* next_marked;
  char error[CURL_ERROR_SIZE];
} uvllm__easy_t;

/* A socket that curl has open. The watcher stays armed between two requests on
 * one connection, so that a kept-alive one costs no epoll_ctl. */
typedef struct uvllm__sock_s {
  uvllm__watch_t watch;       /* wanted is 0: idle in curl's pool */
  struct uvllm__sock_s* next; /* free ones */
  uvllm__shard_t* shard;
  int errors; /* in a row */
  int stands; /* the connection is made: curl waited for the answer alone */
  int kept;   /* it is in curl's pool, and nothing is to come on it */
  uint64_t cookie; /* the kernel's name of the socket; 0: not known */
} uvllm__sock_t;

struct uvllm__curl_s {
  uvllm__engine_t base;
  const uvllm_alloc_t* alloc;
  CURLSH* share; /* TLS sessions: before curl 8.12 each handle has its own */
  uvllm__shard_t* shards[MAX_SHARDS];
  unsigned int nshards, first_with_room;
  uvllm__easy_t* idle; /* LIFO */
  uvllm__easy_t* marked;
  unsigned int nidle;
  uvllm__sock_t** socks; /* by descriptor */
  int nsocks;
  uvllm__sock_t* free_socks;
};

/* curl_easy.c */
uvllm__easy_t* uvllm__easy_get(uvllm__curl_t* t);
int uvllm__easy_setup(uvllm__easy_t* e, uvllm__exchange_t* x, uvllm__dns_name_t* name);
void uvllm__easy_put(uvllm__curl_t* t, uvllm__easy_t* e);
void uvllm__easy_free_all(uvllm__curl_t* t);
int uvllm__easy_error(const uvllm__easy_t* e, CURLcode code);
const char* uvllm__easy_words(const uvllm__easy_t* e);

void uvllm__easy_mark(uvllm__easy_t* e, uvllm__mark mark);
void uvllm__easy_unmark(uvllm__curl_t* t, uvllm__easy_t* e);

/* curl_cloexec.c: around curl_multi_init() */
int uvllm__lowest_free_fd(uv_loop_t* loop);
void uvllm__multi_cloexec(CURLM* multi, int from);

/* curl_shard.c */
uvllm__shard_t* uvllm__shard_get(uvllm__curl_t* t);
void uvllm__shard_release(uvllm__shard_t* s);
void uvllm__shard_link(uvllm__shard_t* s, uvllm__easy_t* e);
void uvllm__shard_unlink(uvllm__shard_t* s, uvllm__easy_t* e);
void uvllm__shard_rebuild(uvllm__shard_t* s, void (*give_back)(uvllm__exchange_t* x));
void uvllm__shards_close(uvllm__curl_t* t);

/* curl_socket.c */
int uvllm__on_curl_timer(CURLM* multi, long ms, void* ctx);
int uvllm__on_curl_socket(CURL* curl, curl_socket_t fd, int what, void* ctx, void* sock);
void uvllm__drop_sock(uvllm__curl_t* t, int fd); /* one that curl is done with */
curl_socket_t uvllm__open_socket(void* ctx, curlsocktype purpose, struct curl_sockaddr* addr);
int uvllm__close_socket(void* ctx, curl_socket_t fd);

#endif
