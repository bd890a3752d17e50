/* uvllm - asynchronous LLM client for libuv.
 *
 * Rules that hold for every function below; a deviation is a bug.
 *
 *  1. Threads.    One client belongs to one loop. Call only from that loop's
 *                 thread. To submit from elsewhere, use your own uv_async_t.
 *  2. Errors.     0 or a negative code: UV_E* for transport, UVLLM_E* for ours.
 *                 Misuse (NULL, closing twice) is an assertion.
 *  3. Callbacks.  Never run from inside the call that started them, except
 *                 log_cb and the allocator, which may call nothing of ours. If
 *                 uvllm_submit() fails, no callback will ever run; if it
 *                 succeeds, done_cb runs exactly once and is the last one.
 *  4. Re-entry.   Every function may be called from every callback, until
 *                 close_cb. While closing, uvllm_submit() fails with
 *                 UVLLM_ECLOSING and the others act as before.
 *  5. Lifetime.   Inputs are copied before a function returns. Outputs are
 *                 borrowed: valid until the callback returns, unless noted.
 *  6. Process.    No signal handler is installed, SIGPIPE never reaches the
 *                 program, no environment variable is read, no descriptor is
 *                 inherited by a child, nothing is printed. A loop turn spends
 *                 at most max_turn_us in here and then lets others run.
 */
#ifndef UVLLM_H
#define UVLLM_H

#include <uv.h> /* wants _GNU_SOURCE or -std=gnu11 */
#include "uvllm/limiter.h" /* uvllm_limits_t */
#include "uvllm/preset.h"
#include "uvllm/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct uvllm_client_s uvllm_client_t; /* opaque */
typedef struct uvllm_req_s uvllm_req_t;       /* opaque */

UVLLM_EXTERN unsigned int uvllm_version(void);


/* ---- Client --------------------------------------------------------------- */

typedef enum {
  UVLLM_LOG_ERROR,
  UVLLM_LOG_WARN,
  UVLLM_LOG_INFO,
  UVLLM_LOG_DEBUG
} uvllm_log_level;

/* `msg` is one line, NUL-terminated. Never has keys, prompts or completions. */
typedef void (*uvllm_log_cb)(void* data, uvllm_log_level level, const char* msg);
typedef void (*uvllm_room_cb)(uvllm_client_t* client, void* data);
typedef void (*uvllm_close_cb)(void* data);

/* Set up with uvllm_client_options_init(), then change what you need. */
typedef struct uvllm_client_options_s {
  size_t size;
  const uvllm_alloc_t* alloc;  /* NULL: malloc(3) and friends; copied */
  uvllm_log_cb log_cb;         /* NULL: silent */
  uvllm_log_level log_level;
  void* data;                  /* for log_cb and room_cb */
  uint32_t max_inflight;       /* over all providers */
  uint32_t max_queued;         /* beyond: submit fails with UVLLM_EQUEUEFULL */
  uint64_t max_queued_bytes;   /* of copied requests, likewise; UV_E2BIG: one alone
                                  is larger */
  uvllm_room_cb room_cb;       /* after EQUEUEFULL: half of the queue is free */
  uint32_t max_turn_us;        /* work in one loop turn before others run */
  uint64_t max_frame_bytes;    /* one stream event; UVLLM_ETOOLARGE */
  uint64_t max_body_bytes;     /* one whole answer; UVLLM_ETOOLARGE */
  int64_t budget_pusd;         /* hard cap on spending; 0: none */
  int allow_unpriced;          /* under a budget: let unpriced models run */
} uvllm_client_options_t;

#define uvllm_client_options_init(o) uvllm__client_options_init((o), sizeof(*(o)))
UVLLM_EXTERN void uvllm__client_options_init(uvllm_client_options_t* o, size_t size);

/* The client keeps the loop alive only while it has requests. */
UVLLM_EXTERN int uvllm_client_new(uvllm_client_t** client,
                                  uv_loop_t* loop,
                                  const uvllm_client_options_t* options);

/* End every request (done_cb, UV_ECANCELED), then free the client and run
 * close_cb. Does not block.
 */
UVLLM_EXTERN void uvllm_client_close(uvllm_client_t* client,
                                     uvllm_close_cb close_cb,
                                     void* data);


/* ---- Providers and keys ------------------------------------------------------ */

struct uvllm_provider_ops_s; /* uvllm/provider.h; only to write your own */

/* Set up with uvllm_provider_options_init(), then change what you need. */
typedef struct uvllm_provider_options_s {
  size_t size;
  const char* name;       /* unique in the client; targets say it */
  const char* dialect;    /* "openai", or the name of a preset; NULL: the preset, else
                             the dialect, that is called like `name` */
  const struct uvllm_provider_ops_s* ops; /* or your own adapter */
  const char* base_url;   /* NULL: the preset's or dialect's. No query, no user:password@. Or
                             "unix:/path/to.sock:/base" for HTTP over a Unix socket */
  const char* model;      /* default model */
  const char* price_as;   /* provider name used for prices; NULL: the preset's, else
                             `name` */
  const uvllm_kv_t* params;  /* what the dialect asks for: api_version, region...;
                                copied. Two of one name: the last counts */
  size_t nparams;
  const uvllm_kv_t* headers; /* sent with every request; checked */
  size_t nheaders;
  uvllm_limits_t limits;  /* 0: none, as long as the provider's headers say none. How
                             many are in flight adapts besides: a fifth less where
                             it is overloaded (503, 529, no content in time; a 429
                             if no limit is known), and more again with the answers */
  const char* proxy;      /* "http://", https, socks4a or socks5h, perhaps with
                             user:password@; NULL: none, whatever the environment says */
  const char* ca_file;    /* NULL: the system's */
  int allow_http;         /* plain http:// beyond loopback */
  uvllm_transport transport; /* AUTO unless one of them is to carry the requests */
} uvllm_provider_options_t;

#define uvllm_provider_options_init(o) uvllm__provider_options_init((o), sizeof(*(o)))
UVLLM_EXTERN void uvllm__provider_options_init(uvllm_provider_options_t* o, size_t size);
/* Add or replace. Requests in flight keep what they started with; waiting ones
 * are served by the new one. UV_EINVAL: a bad URL or header, an unknown
 * dialect; plain http:// beyond loopback without allow_http; TRANSPORT_PLAIN for
 * https:// or with a proxy; unix: with a proxy. UV_ENOENT, UV_EACCES: ca_file
 * cannot be read. Limits that were already drawn on stay drawn on.
 */
UVLLM_EXTERN int uvllm_provider_set(uvllm_client_t* client,
                                    const uvllm_provider_options_t* options);
/* A preset of one's own, copied, for providers that are set from now on: it goes
 * before a built-in one of the same name. UV_EINVAL: no name, a dialect that does
 * not exist, a parameter without name or value. */
UVLLM_EXTERN int uvllm_preset_set(uvllm_client_t* client, const uvllm_preset_t* preset);
/* The client's own preset of this name, else the built-in one; NULL: there is none.
 * client may be NULL: built-in ones alone. Valid until the next uvllm_preset_set(). */
UVLLM_EXTERN const uvllm_preset_t* uvllm_preset_find(const uvllm_client_t* client,
                                                     const char* name);

/* A name of one's own for "provider/model": a target without a provider, whose model is
 * this name, means that one, from its submit on. It replaces an alias of this name;
 * target NULL: that goes. UV_EINVAL: an empty name, or a target without a provider or
 * a model. */
UVLLM_EXTERN int uvllm_alias_set(uvllm_client_t* client, const char* name,
                                 const char* target);

/* UVLLM_ENOPROVIDER if there is none. Waiting requests end with that code. */
UVLLM_EXTERN int uvllm_provider_remove(uvllm_client_t* client, const char* name);

/* A model that answered before and then fails 16 times in a row (a 5xx, no connection,
 * no content in time, a broken answer; not 429, nor what the caller did wrong) is left
 * alone with that key for 1 s. Then one request goes to find out; if it fails, that is for
 * twice as long, up to 30 s, and with each answer two more go. Those that wait stay queued
 * (waiting_provider in the stats), in nobody's way; their attempts are not used up. */

/* Copied; wiped from memory when replaced, removed or closed. */
typedef struct uvllm_key_s {
  size_t size;
  const char* label;      /* what logs and results call it; NULL: "default" */
  const char* key;        /* or the access key id */
  const char* secret;     /* for signing dialects */
  const char* session;
  uvllm_limits_t limits;  /* of this key; all 0: the provider's */
} uvllm_key_t;

#define uvllm_key_init(k) uvllm__key_init((k), sizeof(*(k)))
UVLLM_EXTERN void uvllm__key_init(uvllm_key_t* k, size_t size);
/* Add a key, or replace the one of the same label, at any time: up to 64 for each
 * provider. Each has limits of its own, and learns them from the answers to it alone;
 * what was drawn on them stays drawn when it is replaced. A request goes with the key
 * that has most of its limits left, and with another one than that which has just
 * failed it. A key that the provider refuses (401) is used no more until it is
 * replaced, one that may not use a model (403) no more for that model, where there is
 * another key, and one whose quota is spent is left alone for a minute, longer each time,
 * and for as long as the provider says; that another key takes over, each once, counts on
 * no max_attempts. Without a
 * key that works requests end with the error that took the last one out.
 * UV_EINVAL: a control character in it. UV_E2BIG: too many. */
UVLLM_EXTERN int uvllm_key_set(uvllm_client_t* client, const char* provider,
                               const uvllm_key_t* key);
/* label NULL: all of the provider's keys. UV_ENOENT: there is none of that label. */
UVLLM_EXTERN int uvllm_key_remove(uvllm_client_t* client, const char* provider,
                                  const char* label);


/* ---- Requests ------------------------------------------------------------------ */

#define uvllm_request_init(r) uvllm__request_init((r), sizeof(*(r)))
UVLLM_EXTERN void uvllm__request_init(uvllm_request_t* r, size_t size);

typedef void (*uvllm_event_cb)(uvllm_req_t* req, const uvllm_event_t* event);
typedef void (*uvllm_done_cb)(uvllm_req_t* req, const uvllm_result_t* result);

/* On success *req is valid until done_cb returns. event_cb may be NULL.
 *
 * Delivered content is never silently restarted: once event_cb has seen
 * content, there is no retry and no fallback, unless the request says
 * UVLLM_RESTART. Without event_cb nothing was delivered.
 */
UVLLM_EXTERN int uvllm_submit(uvllm_client_t* client,
                              const uvllm_request_t* request,
                              uvllm_event_cb event_cb,
                              uvllm_done_cb done_cb,
                              void* data,
                              uvllm_req_t** req);

/* Why the last uvllm_submit() or uvllm_provider_set() of this client failed, in
 * words; valid until the next of these calls. "" if none has. */
UVLLM_EXTERN const char* uvllm_last_error(const uvllm_client_t* client);

/* No events after this; the upstream is dropped at once; done_cb runs later
 * with UV_ECANCELED and the usage known or estimated, or with the answer's own
 * status if that was already complete. Idempotent.
 */
UVLLM_EXTERN void uvllm_cancel(uvllm_req_t* req);

/* No event comes after pause, also not from bytes already read; reading stops,
 * so a slow consumer slows the provider down. Legal in every state, not
 * counted. The first-content and idle clocks stop, the total one runs; cancel,
 * that deadline and close still end it. After resume events come from the
 * loop, never from inside the call.
 */
UVLLM_EXTERN void uvllm_pause(uvllm_req_t* req);
UVLLM_EXTERN void uvllm_resume(uvllm_req_t* req);

UVLLM_EXTERN void uvllm_set_priority(uvllm_req_t* req, int priority);
UVLLM_EXTERN void* uvllm_req_data(const uvllm_req_t* req);
UVLLM_EXTERN uint64_t uvllm_req_id(const uvllm_req_t* req); /* for logs */
UVLLM_EXTERN uvllm_client_t* uvllm_req_client(const uvllm_req_t* req);


/* ---- Accounting ------------------------------------------------------------------ */

typedef struct uvllm_stats_s {
  uint32_t queued, inflight;
  uint32_t waiting_limit, waiting_budget; /* of the queued: what they wait for */
  uint32_t waiting_provider;              /* of them: a model that fails, left alone */
  uint32_t waiting_retry;                 /* besides the queued */
  uint64_t completed, failed, cancelled, attempts, retries, unpriced, answers_429;
  int64_t held_pusd; /* worst case of what is in flight; counts on the budget */
  uvllm_usage_t usage; /* settled */
} uvllm_stats_t;

/* provider, tag: NULL for all. */
#define uvllm_stats(c, p, t, s) uvllm__stats((c), (p), (t), (s), sizeof(*(s)))
UVLLM_EXTERN int uvllm__stats(const uvllm_client_t* client, const char* provider,
                              const char* tag, uvllm_stats_t* stats, size_t size);
UVLLM_EXTERN void uvllm_set_budget(uvllm_client_t* client, int64_t budget_pusd);
/* A price file in LiteLLM's format; later ones override earlier ones. */
UVLLM_EXTERN int uvllm_prices_load(uvllm_client_t* client, uvllm_str_t json);

#ifdef __cplusplus
}
#endif
#endif /* UVLLM_H */
