/* A client over the plain transport, and a server whose manners towards each request
 * are told beforehand.
 */
#ifndef UVLLM_TESTS_PLAIN_SCENE_H
#define UVLLM_TESTS_PLAIN_SCENE_H

#include "core.h"
#include "play.h"

typedef enum { ANSWERS, DIES, DIES_AFTER_A_BYTE, IS_SILENT, STOPS_IN_HEAD, STOPS_IN_BODY } manner;

typedef struct scene_s {
  core_t core;
  play_t server;
  manner next[4];         /* towards the next requests; then it answers them */
  play_conn_t* served_by; /* the last one */
} scene_t;

static inline void scene__answer(play_conn_t* c, play_part_t* p) {
  static const char whole[] =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 75\r\n\r\n"
      "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"ok\"},\"finish_reason\":\"stop\"}]}";
  static const size_t said[] = { sizeof(whole) - 1, 0, 1, 0, 30, sizeof(whole) - 20 };
  scene_t* s = c->play->data;
  manner m = s->next[0];
  memmove(s->next, s->next + 1, sizeof(s->next) - sizeof(s->next[0]));
  s->next[3] = ANSWERS;
  s->served_by = c;
  p->bytes = whole;
  p->len = said[m];
  p->end = m == DIES || m == DIES_AFTER_A_BYTE ? PLAY_CLOSE : PLAY_KEEP;
}

static inline int scene_try_url(scene_t* s, const char* url, uvllm_transport transport,
                                const char* proxy) {
  uvllm_provider_options_t p;
  uvllm_provider_options_init(&p);
  p.name = "mock";
  p.dialect = "openai";
  p.base_url = url;
  p.allow_http = 1;
  p.transport = transport;
  p.proxy = proxy;
  return uvllm_provider_set(s->core.client, &p);
}

static inline void scene_host(scene_t* s, const char* host, int port) {
  char url[128];
  snprintf(url, sizeof(url), "http://%s:%d/v1", host, port);
  assert_int_equal(scene_try_url(s, url, UVLLM_TRANSPORT_AUTO, NULL), 0);
}

static inline void scene_begin_with(scene_t* s, uvllm_client_options_t* o) {
  memset(s, 0, sizeof(*s));
  core_begin_with(&s->core, o);
  play_start_tcp(&s->server, &s->core.loop, "127.0.0.1", scene__answer, s);
  scene_host(s, "127.0.0.1", s->server.port);
}

static inline void scene_begin(scene_t* s) {
  uvllm_client_options_t o;
  uvllm_client_options_init(&o);
  scene_begin_with(s, &o);
}

static inline void scene_end(scene_t* s) {
  play_stop(&s->server);
  core_end(&s->core);
}

static inline void scene_ask(scene_t* s, seen_t* seen) {
  ask_t a;
  memset(seen, 0, sizeof(*seen));
  ask_init(&a, "hello", NULL);
  a.r.flags = 0;
  a.r.max_attempts = 1;
  core_submit(&s->core, &a.r, seen);
}

static inline seen_t scene_chat(scene_t* s) {
  seen_t seen;
  scene_ask(s, &seen);
  core_run(&s->core, s->core.ndone + 1);
  return seen;
}

/* Until the server has no connection that anyone uses. */
static inline void scene_until_left_alone(scene_t* s) {
  while (s->server.nopen > 0)
    uv_run(&s->core.loop, UV_RUN_ONCE);
}

#endif
