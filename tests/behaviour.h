/* What a server does to one request, drawn from a seed and a number: an answer of
 * any status, framing and body, whole, cut, damaged or stalled; and what is asked.
 */
#ifndef UVLLM_TESTS_BEHAVIOUR_H
#define UVLLM_TESTS_BEHAVIOUR_H

#include "answer_oracle.h"
#include "behaviour_body.h"
#include "play.h"

typedef enum { FRAMED_BY_LENGTH, FRAMED_BY_CHUNKS, FRAMED_BY_EOF, FRAMED_NOT } behaviour_framing;

/* An answer in the making: its parts, then all of it. */
typedef struct behaviour_answer_s {
  int status;
  const char* type; /* of the content; NULL: not said */
  behaviour_framing framing;
  int closes;       /* "Connection: close" */
  uvllm__buf_t body, text;
  play_part_t part;
  oracle_t oracle;  /* of what is played of it */
} behaviour_answer_t;

enum { BEHAVIOUR_ANSWERS = 2 };

typedef struct behaviour_s {
  uint64_t index, random;
  uvllm_op op;
  unsigned int flags;
  const char* method; /* of a raw request */
  uint32_t max_attempts;
  int warm;           /* on a connection that has served before */
  int stalls;         /* the server falls silent, and a clock has to end it */
  int damaged;
  unsigned int nanswers; /* to the first request and to all that follow */
  behaviour_answer_t answers[BEHAVIOUR_ANSWERS];
} behaviour_t;

/* ---- What is asked ---- */

static inline void behaviour__ask(behaviour_t* b) {
  static const char* const methods[] = { "GET", "HEAD", "DELETE", "POST" };
  unsigned int kind = draw_below(&b->random, 100);
  b->flags = draw_percent(&b->random, 50) ? UVLLM_BODY : 0;
  if (kind < 60) {
    b->op = UVLLM_CHAT;
    b->flags = draw_percent(&b->random, 80) ? UVLLM_STREAM : b->flags;
  } else if (kind < 82) {
    b->op = UVLLM_RAW;
    b->method = draw_one(&b->random, methods);
  } else {
    b->op = kind < 88 ? UVLLM_MODELS : kind < 94 ? UVLLM_EMBED : UVLLM_COMPLETION;
    b->flags = 0;
  }
  b->warm = draw_percent(&b->random, 25);
  b->max_attempts = draw_percent(&b->random, 6) ? 2 : 1;
}

static inline int behaviour_is_head(const behaviour_t* b) {
  return b->op == UVLLM_RAW && strcmp(b->method, "HEAD") == 0;
}

/* ---- The answer's body ---- */

static inline void behaviour__right_body(behaviour_t* b, behaviour_answer_t* a) {
  static const char* const streams[] = { "text/event-stream", "text/event-stream; charset=utf-8",
                                         "Text/Event-Stream" };
  a->type = "application/json";
  if (b->op == UVLLM_RAW) {
    size_t len = draw_below(&b->random, draw_percent(&b->random, 3) ? 300000 : 3000);
    a->type = draw_percent(&b->random, 50) ? "application/octet-stream" : NULL;
    body_bytes(&a->body, &b->random, len);
  } else if (b->op == UVLLM_CHAT && (b->flags & UVLLM_STREAM)) {
    a->type = draw_one(&b->random, streams);
    body_stream(&a->body, &b->random);
  } else if (b->op == UVLLM_CHAT) {
    body_chat(&a->body, &b->random);
  } else if (b->op == UVLLM_MODELS) {
    body_models(&a->body, &b->random);
  } else if (b->op == UVLLM_EMBED) {
    body_vectors(&a->body, &b->random);
  } else {
    body_completion(&a->body, &b->random);
  }
}

static inline void behaviour__wrong_body(behaviour_t* b, behaviour_answer_t* a) {
  unsigned int kind = draw_below(&b->random, 10);
  a->type = kind < 7 ? "application/json" : kind == 7 ? "text/plain" : "text/html";
  if (kind < 6)
    body_error(&a->body, &b->random);
  else if (kind == 7)
    body_words(&a->body, &b->random, 6);
  else if (kind > 7)
    body_html(&a->body, &b->random);
}

static inline void behaviour__status_and_body(behaviour_t* b, behaviour_answer_t* a) {
  static const int statuses[] = { 400, 401, 402, 403, 404, 408, 409, 413, 429, 429, 429,
                                  500, 502, 503, 503, 504, 529, 301, 302, 307, 205, 299 };
  unsigned int kind = draw_below(&b->random, 100);
  a->status = kind < 70 ? 200 : kind < 72 ? 204 : kind < 74 ? 304 : kind < 76 ? 201
              : draw_one(&b->random, statuses);
  if ((a->status < 300) == !draw_percent(&b->random, 5))
    behaviour__right_body(b, a);
  else
    behaviour__wrong_body(b, a);
  if (a->status == 204 || a->status == 304)
    uvllm__buf_clear(&a->body);
}

/* ---- The head ---- */

static inline void behaviour__interim(behaviour_t* b, behaviour_answer_t* a) {
  static const char* const heads[] = {
    "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 102 Processing\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nX-Request-Id: early\r\n\r\n",
    "HTTP/1.0 100 Continue\r\n\r\n", "HTTP/1.1 199\r\nConnection: close\r\n\r\n"
  };
  if (draw_percent(&b->random, 10))
    for (unsigned int n = 1 + draw_below(&b->random, 3); n > 0; n--)
      uvllm__buf_str(&a->text, draw_one(&b->random, heads));
}

static inline void behaviour__status_line(behaviour_t* b, behaviour_answer_t* a) {
  static const char* const reasons[] = { " OK", " OK", " Some Reason", "", " ", " Tr\xe8s bien" };
  int old = a->framing != FRAMED_BY_CHUNKS && draw_percent(&b->random, 6);
  body_add(&a->text, "HTTP/1.%c %d%s\r\n", old ? '0' : '1', a->status,
           draw_one(&b->random, reasons));
}

/* Names and values as they come: blanks, none, any case, what we act on. */
static inline void behaviour__some_fields(behaviour_t* b, uvllm__buf_t* text) {
  static const char* const fields[] = {
    "Server: test\r\n", "Date: Sat, 21 Nov 2026 08:49:37 GMT\r\n", "X-Empty:\r\n", "X-Blank: \t \r\n",
    "x-tight:value\r\n", "X-Wide: \t value \t\r\n", "X-Latin: caf\xe9\r\n", "X-Twice: 1\r\nX-Twice: 2\r\n",
    "X-Request-Id: req-1\r\n", "x-should-retry: true\r\n", "X-Should-Retry: false\r\n",
    "Retry-After: 60\r\n", "Retry-After-Ms: 90000\r\n", "Retry-After: soon\r\n",
    "X-RateLimit-Limit-Requests: 100\r\nX-RateLimit-Remaining-Requests: 3\r\n"
    "X-RateLimit-Reset-Requests: 2s\r\n",
    "Keep-Alive: timeout=5\r\n", "Cache-Control: no-cache\r\n", "Content-Encoding: identity\r\n",
    "Set-Cookie: a=b; Path=/\r\n", "WWW-Authenticate: Bearer\r\n", "Location: /elsewhere\r\n",
    "Upgrade: h2c\r\n", "X-Colons: a:b::c\r\n", "!#$%&'*+-.^_`|~: odd\r\n", "Trailer: X-Late\r\n"
  };
  for (unsigned int n = draw_below(&b->random, 7); n > 0; n--)
    uvllm__buf_str(text, draw_one(&b->random, fields));
  if (draw_percent(&b->random, 3))
    body_add(text, "X-Long: %0*d\r\n", 1 + (int) draw_below(&b->random, 900), 7);
}

static inline void behaviour__connection_field(behaviour_t* b, behaviour_answer_t* a) {
  static const char* const closes[] = { "Connection: close\r\n", "connection: Close\r\n" };
  static const char* const keeps[] = { "Connection: keep-alive\r\n", "Connection: upgrade\r\n", "",
                                       "" };
  a->closes = draw_percent(&b->random, 20);
  uvllm__buf_str(&a->text, a->closes ? draw_one(&b->random, closes) : draw_one(&b->random, keeps));
}

static inline void behaviour__framing_field(behaviour_t* b, behaviour_answer_t* a) {
  static const char* const codings[] = { "Transfer-Encoding: chunked\r\n",
                                         "transfer-encoding:  Chunked \r\n" };
  if (a->framing == FRAMED_BY_LENGTH)
    body_add(&a->text, draw_percent(&b->random, 90) ? "Content-Length: %zu\r\n"
                                                    : "CONTENT-LENGTH:\t000%zu\r\n", a->body.len);
  else if (a->framing == FRAMED_BY_CHUNKS)
    uvllm__buf_str(&a->text, draw_one(&b->random, codings));
}

static inline void behaviour__head(behaviour_t* b, behaviour_answer_t* a) {
  behaviour__interim(b, a);
  behaviour__status_line(b, a);
  behaviour__some_fields(b, &a->text);
  behaviour__framing_field(b, a);
  if (a->type != NULL)
    body_add(&a->text, "Content-Type: %s\r\n", a->type);
  behaviour__connection_field(b, a);
  behaviour__some_fields(b, &a->text);
  uvllm__buf_str(&a->text, "\r\n");
}

/* ---- The body on the wire ---- */

static inline void behaviour__chunk_line(behaviour_t* b, uvllm__buf_t* text, size_t size) {
  static const char* const extensions[] = { ";a", ";a=b", ";a=\"b c\"", ";a;b=\"c;d\"" };
  body_add(text, draw_percent(&b->random, 80) ? "%zx" : "0%zX", size);
  uvllm__buf_str(text, draw_percent(&b->random, 15) ? draw_one(&b->random, extensions) : "");
  uvllm__buf_str(text, "\r\n");
}

static inline void behaviour__chunks(behaviour_t* b, behaviour_answer_t* a) {
  static const char* const trailers[] = { "X-Late: 1\r\n", "X-Request-Id: late\r\n", "X-None:\r\n" };
  unsigned int most = draw_percent(&b->random, 50) ? 4000 : 40;
  for (size_t at = 0, n; at < a->body.len; at += n) {
    n = 1 + draw_below(&b->random, most);
    n = n < a->body.len - at ? n : a->body.len - at;
    behaviour__chunk_line(b, &a->text, n);
    uvllm__buf_append(&a->text, a->body.base + at, n);
    uvllm__buf_str(&a->text, "\r\n");
  }
  behaviour__chunk_line(b, &a->text, 0);
  if (draw_percent(&b->random, 15))
    uvllm__buf_str(&a->text, draw_one(&b->random, trailers));
  uvllm__buf_str(&a->text, "\r\n");
}

static inline void behaviour__frame(behaviour_t* b, behaviour_answer_t* a) {
  unsigned int kind = draw_below(&b->random, 100);
  a->framing = kind < 40 ? FRAMED_BY_LENGTH : kind < 80 ? FRAMED_BY_CHUNKS : FRAMED_BY_EOF;
  if (kind >= 95 && a->body.len == 0)
    a->framing = FRAMED_NOT;
  behaviour__head(b, a);
  if (a->framing == FRAMED_BY_CHUNKS)
    behaviour__chunks(b, a);
  else
    uvllm__buf_append(&a->text, a->body.base, a->body.len);
  if (draw_percent(&b->random, 3))
    uvllm__buf_str(&a->text, draw_percent(&b->random, 50) ? "HTTP/1.1 200 OK\r\n\r\n" : "x");
}

/* ---- Damage ---- */

/* At random: bytes flipped, put in, or left out, mostly in the head. */
static inline void behaviour__mutate(behaviour_t* b, uvllm__buf_t* text) {
  static const char nasty[] = "\r\n\n\r\t :;,=\"\\0aF\x01\x7f\xff-HTC";
  size_t range = text->len > 300 && draw_percent(&b->random, 70) ? 300 : text->len;
  size_t at = draw_below(&b->random, (unsigned int) range);
  size_t n = 1 + draw_below(&b->random, 3);
  n = n < text->len - at ? n : text->len - at;
  char bytes[3];
  for (size_t i = 0; i < sizeof(bytes); i++)
    bytes[i] = draw_percent(&b->random, 60) ? nasty[draw_below(&b->random, sizeof(nasty))]
                                            : (char) draw(&b->random);
  unsigned int kind = draw_below(&b->random, 3);
  if (kind == 0) {
    memcpy(text->base + at, bytes, n);
  } else if (kind == 1) {
    uvllm__buf_append(text, bytes, n);
    memmove(text->base + at + n, text->base + at, text->len - n - at);
    memcpy(text->base + at, bytes, n);
  } else {
    memmove(text->base + at, text->base + at + n, text->len - at - n);
    text->len -= n;
  }
}

static inline void behaviour__replace(uvllm__buf_t* text, const char* old, const char* by) {
  size_t n = strlen(old), m = strlen(by);
  char* at = memmem(text->base, text->len, old, n);
  if (at == NULL)
    return;
  size_t before = (size_t) (at - text->base);
  uvllm__buf_t made;
  uvllm__buf_init(&made, &uvllm__alloc_default, SIZE_MAX);
  uvllm__buf_append(&made, text->base, before);
  uvllm__buf_append(&made, by, m);
  uvllm__buf_append(&made, at + n, text->len - before - n);
  uvllm__buf_free(text);
  *text = made;
}

/* As servers and men in the middle do it. */
static inline void behaviour__damage(behaviour_t* b, uvllm__buf_t* text) {
  static const char* const damages[][2] = {
    { "\r\n", "\r\nX-Fold: a\r\n b\r\n" }, { "\r\n", "\r\nX-Fold:\r\n\tb\r\n" }, { "\r\n", "\n" },
    { "\r\n\r\n", "\n\n" }, { "\r\n\r\n", "\r\n\n" }, { "\r\n", "\r\nno colon here\r\n" },
    { "\r\n", "\r\nX-Blank : a\r\n" }, { "\r\n", "\r\n: a\r\n" }, { "\r\n", "\r\nX: a\x01" "b\r\n" },
    { "\r\n", "\r\nContent-Length: 5\r\n" }, { "\r\n", "\r\nTransfer-Encoding: chunked\r\n" },
    { "\r\n", "\r\nTransfer-Encoding: gzip\r\n" }, { "\r\n", "\r\nContent-Length: 5x\r\n" },
    { "HTTP/1.1", "HTTP/2.0" }, { "HTTP/1.1", "HTTP/1.0" }, { "HTTP/1.1 ", "HTTP/1.1 2" },
    { "HTTP/1.1 2", "HTTP/1.1 1" }, { "HTTP/1.1 ", "HTTP/1.1 101\r\n\r\nHTTP/1.1 " },
    { "HTTP", "\r\nHTTP" }, { "HTTP", " HTTP" }, { "HTTP", "" }, { "\r\n\r\n", "\r\n\r\n " },
    { "\r\n\r\n", "\r\n\r\n-" }, { "\r\n\r\n", "\r\n\r\n0x" }, { "\r\n\r\n", "\r\n\r\n1" },
    { "\r\n0\r\n", "\r\n0 \r\n" }, { "\r\n0\r\n", "\n0\n" }, { "\r\n0\r\n", "0\r\n" },
    { "\r\n\r\n", "\r\n\r\nffffffffffffffff\r\n" }, { "\r\n", "\r\n\r\n" }
  };
  unsigned int i = draw_below(&b->random, sizeof(damages) / sizeof(damages[0]));
  behaviour__replace(text, damages[i][0], damages[i][1]);
}

/* ---- How it is said ---- */

static inline void behaviour__pieces(behaviour_t* b, play_part_t* p) {
  unsigned int kind = draw_below(&b->random, 100);
  if (kind < 35)
    return;
  p->random = draw(&b->random) | 1;
  p->piece = kind < 38 && p->len < 1000 ? 1 : kind < 60 ? 2 + draw_below(&b->random, 60)
                                                        : 1 + draw_below(&b->random, 2000);
  if (p->len / p->piece > 1000)
    p->piece = p->len / 50;
}

/* Where it breaks off, and how. What is not whole has an end in any case. */
static inline void behaviour__end(behaviour_t* b, behaviour_answer_t* a) {
  unsigned int kind = draw_below(&b->random, 100);
  int is_cut = kind < 25;
  a->part.bytes = a->text.base;
  a->part.len = is_cut ? draw_below(&b->random, (unsigned int) a->text.len + 1) : a->text.len;
  if (is_cut && draw_percent(&b->random, 15))
    a->part.len = 0;
  behaviour__pieces(b, &a->part);
  oracle_read(&a->oracle, a->part.bytes, a->part.len, behaviour_is_head(b));
  a->part.wait = draw_percent(&b->random, 80) ? 0 : draw_below(&b->random, 6);
  if (a->oracle.state != ORACLE_WHOLE || a->closes || draw_percent(&b->random, 20))
    a->part.end = draw_percent(&b->random, 75) ? PLAY_CLOSE : PLAY_RESET;
  if (b->max_attempts > 1 && a->part.end != PLAY_KEEP && a->oracle.state == ORACLE_WHOLE) {
    a->part.end = PLAY_CLOSE; /* before the next attempt looks at the connection */
    a->part.wait = 0;
  }
  if (a->oracle.state != ORACLE_WHOLE && draw_percent(&b->random, 4)) {
    a->part.end = PLAY_KEEP;
    b->stalls = 1;
  }
}

static inline void behaviour__answer(behaviour_t* b, behaviour_answer_t* a) {
  uvllm__buf_init(&a->body, &uvllm__alloc_default, SIZE_MAX);
  uvllm__buf_init(&a->text, &uvllm__alloc_default, SIZE_MAX);
  behaviour__status_and_body(b, a);
  behaviour__frame(b, a);
  unsigned int kind = draw_below(&b->random, 100);
  b->damaged |= kind < 25;
  if (kind < 12)
    behaviour__mutate(b, &a->text);
  else if (kind < 25)
    behaviour__damage(b, &a->text);
  behaviour__end(b, a);
}

/* To be freed. */
static inline void behaviour_draw(behaviour_t* b, uint64_t seed, uint64_t index) {
  memset(b, 0, sizeof(*b));
  b->index = index;
  b->random = seed ^ (index * UINT64_C(0x9e3779b97f4a7c15) + index);
  behaviour__ask(b);
  b->nanswers = BEHAVIOUR_ANSWERS;
  for (unsigned int i = 0; i < b->nanswers; i++)
    behaviour__answer(b, &b->answers[i]);
}

static inline void behaviour_free(behaviour_t* b) {
  for (unsigned int i = 0; i < b->nanswers; i++) {
    uvllm__buf_free(&b->answers[i].body);
    uvllm__buf_free(&b->answers[i].text);
    oracle_free(&b->answers[i].oracle);
  }
  b->nanswers = 0;
}

#endif
