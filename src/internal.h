/* The client's inside: who points to whom, and what each file of the core does.
 *
 *   client.c    life of a client, the turn (drain), timers
 *   provider.c  providers
 *   credentials.c   their keys, each with its limits
 *   circuit.c   which models answer with which key
 *   lane.c      where requests wait for a provider
 *   preset_rows.c   presets that the caller added
 *   alias.c     names of the caller's own for models
 *   submit.c    admission: copy, refuse, queue
 *   facts.c     what a request will take: bytes, tokens, tier (pure)
 *   req.c       a request's states and its one exit
 *   dispatch.c  lanes: limits and budget, then an attempt
 *   explain.c   why neither will ever do, in words
 *   attempt.c   one attempt: build, exchange, outcome
 *   attempt_pool.c  attempts made ready, and taken back
 *   deliver.c   what an adapter tells, to the caller's event_cb
 *   retry.c     when again (pure)
 *   park.c      requests that are not to begin another attempt for now
 *   account.c   settling limits and money
 *   stats.c     counters
 *
 * It runs one way: nothing here calls a user's callback from inside the call
 * that caused it, and every request leaves through uvllm__req_finish().
 */
#ifndef UVLLM_SRC_INTERNAL_H
#define UVLLM_SRC_INTERNAL_H

#include "adapt.h"
#include "breaker.h"
#include "collect.h"
#include "embed_body.h"
#include "emit.h"
#include "estimate.h"
#include "facts.h"
#include "frames.h"
#include "http.h"
#include "params.h"
#include "uvllm.h"
#include "uvllm/provider.h"
#include "uvllm/queue.h"
#include "uvllm/usage.h"

/* Whether ops of the caller's own, perhaps of an older library, have the field. */
#define uvllm__ops_have(ops, field)                                            \
  ((ops)->size >= offsetof(uvllm_provider_ops_t, field) + sizeof((ops)->field))

#define UVLLM__MS UINT64_C(1000000)
#define UVLLM__NEVER UINT64_MAX

enum {
  UVLLM__STARTS_PER_TURN = 64,
  UVLLM__MAX_MESSAGE = 4096,        /* of a provider's error, kept for the result */
  UVLLM__MAX_REQUEST_ID = 256,
  UVLLM__MAX_ERROR_BODY = 64 * 1024,
  UVLLM__MAX_KEYS = 64,             /* of a provider */
  UVLLM__MAX_REFUSED = 8            /* models a key may not use that are remembered */
};

typedef struct uvllm__attempt_s uvllm__attempt_t;

/* ---- Providers ----------------------------------------------------------------- */

typedef struct uvllm__preset_row_s uvllm__preset_row_t; /* preset_rows.c */
typedef struct uvllm__alias_s uvllm__alias_t;           /* alias.c */

/* What an attempt keeps of its provider, however that changes meanwhile. */
typedef struct uvllm__conf_s {
  unsigned int refs;
  const uvllm_provider_ops_t* ops;
  uvllm__origin_t* origin;
  uvllm__origin_t* models_origin; /* of lists of models, where they are elsewhere; or NULL */
  char* model;
  char* last_model;   /* the preset's, where not even body_json names one */
  char* price_as;
  uvllm_kv_t* params;
  size_t nparams;
  uvllm_kv_t* headers;
  size_t nheaders;
  int wants_key;
} uvllm__conf_t;

/* What a key is called: results tell it when the key itself may be gone. */
typedef struct uvllm__label_s {
  unsigned int refs;
  char text[];
} uvllm__label_t;

typedef struct uvllm__keyring_s {
  unsigned int refs;
  uvllm__label_t* label;
  char *key, *secret, *session;
} uvllm__keyring_t;

/* Whether a model answers with a key. */
typedef struct uvllm__circuit_s {
  struct uvllm__circuit_s* next;
  uvllm__breaker_t breaker;
  char model[];
} uvllm__circuit_t;

/* A key, or a provider's having none: its limits, and whether it works. Counted: the
 * provider's list, and each request that has used it last. */
typedef struct uvllm__credential_s {
  struct uvllm__credential_s* next;
  unsigned int refs;
  uvllm__keyring_t* ring;    /* NULL: no key, and then it is the only one */
  uvllm_limiter_t* limiter;
  int has_limits;            /* of its own; else those of the provider */
  uint32_t inflight;
  uvllm__adapt_t adapt;      /* how many it bears, where nobody says so */
  int out;                   /* the error that took it out of use, or 0 */
  uint64_t out_until_ns;     /* NEVER: until it is replaced */
  uint64_t spent_ns;         /* how long it was last out for its quota; 0: it is there */
  char* refused[UVLLM__MAX_REFUSED]; /* models that it may not use */
  unsigned int nrefused;
  uvllm__circuit_t* circuits; /* the one used last comes first */
  unsigned int ncircuits;
} uvllm__credential_t;

typedef struct uvllm__candidate_s {
  uvllm__credential_t* credential;
  double headroom;
} uvllm__candidate_t;

typedef enum {
  UVLLM__WAITS_NOT,
  UVLLM__WAITS_FOR_LIMIT,
  UVLLM__WAITS_FOR_BUDGET,
  UVLLM__WAITS_FOR_PROVIDER
} uvllm__wait;

/* Where requests wait. A provider's first lane is for all models but those with a lane
 * of their own: whose circuits are open, so that they stand in nobody's way. */
typedef struct uvllm__lane_s {
  struct uvllm__lane_s* next;  /* of the provider */
  uvllm_fair_t* fair;
  uint64_t wake_ns;            /* its head cannot go before; NEVER: until one ends */
  uvllm__wait waits;           /* and what for */
  char model[];                /* "": all others */
} uvllm__lane_t;

/* A name in the client: its lanes and limits stay when its settings are replaced.
 * Counted: the client's list, and each live request. */
typedef struct uvllm__provider_s {
  struct uvllm__provider_s* next;
  unsigned int refs;
  int removed;
  char* name;
  uvllm__conf_t* conf;
  uvllm__credential_t* credentials; /* one at least */
  uvllm_limits_t limits;     /* of each that has none of its own */
  uvllm__lane_t* lanes;
  unsigned int turn;         /* counts what was served: the lanes take turns */
} uvllm__provider_t;

/* ---- Requests ------------------------------------------------------------------- */

typedef enum {
  UVLLM__NEW,
  UVLLM__QUEUED,    /* in its provider's lane */
  UVLLM__RUNNING,   /* an attempt is under way */
  UVLLM__BACKOFF,   /* waits to enter the lane again */
  UVLLM__PARKED,    /* would be in the lane, were it not held back */
  UVLLM__FINISHING, /* in the finish queue */
  UVLLM__DONE
} uvllm__req_state;

typedef struct uvllm__row_s { /* counters of one provider and tag */
  struct uvllm__row_s* next;
  char* provider;
  char* tag;
  uint32_t queued, inflight, waiting_retry;
  uint64_t completed, failed, cancelled, attempts, retries, unpriced, answers_429;
} uvllm__row_t;

struct uvllm_req_s {
  uvllm_fair_node_t lane_node;
  uvllm_queue_node_t timer_node;
  uvllm_req_t *prev, *next;     /* all that live */
  uvllm_req_t* next_finished;
  uvllm_req_t *next_resumed;
  uvllm_client_t* client;
  uvllm__provider_t* provider;
  uvllm__lane_t* lane;          /* while it is queued */
  uvllm__row_t* row;
  uvllm_request_t* request;     /* a copy in one block */
  size_t request_bytes;
  uvllm__facts_t facts;
  uvllm_event_cb event_cb;
  uvllm_done_cb done_cb;
  void* data;
  uint64_t id;

  uvllm__req_state state;
  int status;
  int paused, in_resumed;
  int held_back;                /* no attempt begins */
  int delivered;                /* event_cb has seen content */
  int priority;
  uint64_t paused_ns;
  int64_t key;                  /* its place in the queue, kept over retries */
  uint64_t retry_at_ns;
  uint64_t parked_ns;           /* since when it is parked */
  uint64_t stood_ns;            /* how long it was: its total clock stood still */

  uvllm__attempt_t* attempt;
  int last_error;
  uint32_t attempts, answers_429;
  int http_status;
  uint32_t rotations;           /* of them: another key took over, which is no retry */
  uvllm__credential_t* credential; /* of the last attempt; NULL: there was none */
  uvllm__circuit_t* circuit;    /* of the attempt that is not settled */
  uint32_t ticket;
  uvllm_cost_t debit;           /* taken from its limiter for this attempt */
  uvllm_hold_t hold;
  uvllm_usage_t usage;          /* settled attempts */
  uvllm_timing_t timing;
  uvllm_transport transport;    /* of the last attempt */
  char *message, *code;
  char* request_id;             /* in the next, where it is short enough; or NULL */
  char request_id_room[64];
  uvllm__label_t* label;        /* of the last attempt's key, or NULL */
  uvllm__buf_t deferred;        /* events that came while paused */
  size_t deferred_at;
};

/* "" where it has none: a list of models. */
static inline const char* uvllm__req_model(const uvllm_req_t* req) {
  return req->request->target.model != NULL ? req->request->target.model : "";
}

/* One attempt: pooled, since most of it is buffers worth keeping. */
struct uvllm__attempt_s {
  uvllm__exchange_t x;
  uvllm_emit_t emit;
  uvllm__attempt_t* next;       /* in the pool */
  uvllm_req_t* req;
  uvllm__conf_t* conf;
  const uvllm_provider_ops_t* ops;
  uvllm__keyring_t* key;
  void* state;                  /* the adapter's; begun: fini() is owed */
  size_t state_cap;
  int begun;
  uvllm_http_t http;
  uvllm__frames_t frames;
  uvllm__collect_t* collect;
  uvllm__buf_t held;            /* bytes that came while paused */
  uvllm__buf_t body;            /* UVLLM_BODY: the server's own; or an error's */
  char content_type[128];
  int http_status;
  int running;                  /* the exchange is under way */
  int settled;                  /* limits and money are squared */
  int next_exchange;            /* frame() or end() asked for another one */
  int concluded, outcome;       /* the answer is over; it waits for resume */
  int answering;                /* begin() has chosen the framing */
  int complete;                 /* the adapter has seen the answer's end */
  int failed;                   /* what frame() said */
  int ended, end_err;           /* the exchange is over; perhaps not all is framed */
  char* end_message;
  unsigned int sends;
  uint32_t exchange;
  uvllm_usage_t usage;
  int has_usage;
  uint64_t content_bytes;
  int should_retry;             /* the provider's word: 1, 0, or -1 */
  int has_retry_after;
  uint64_t retry_after_ns;
  uint64_t clock_ns;            /* where the first-content or idle clock stands */
  uint64_t complete_ns;
  uint64_t read_ns;             /* when the bytes in hand were read */
};

/* ---- Client --------------------------------------------------------------------- */

struct uvllm_client_s {
  uv_loop_t* loop;
  uvllm_alloc_t alloc;
  uvllm_client_options_t options;
  uvllm__transport_t* transport;
  uvllm_prices_t* prices;
  uvllm_tracker_t* tracker;
  uvllm__estimate_t* estimate;
  uvllm_json_parser_t* frame_parser;
  uvllm_json_parser_t* submit_parser; /* a callback may submit while a frame is read */
  uvllm_queue_t* timers;              /* requests by their next deadline */
  uvllm__preset_row_t* presets;
  uvllm__alias_t* aliases;
  uvllm__provider_t* providers;
  uvllm__provider_t* next_provider;   /* where the next dispatch begins */
  uvllm__row_t* rows[256];
  unsigned int nrows;
  uvllm_req_t* reqs;
  uvllm_req_t *finished, **finished_tail;
  uvllm_req_t *resumed, **resumed_tail;
  uvllm__attempt_t* attempts;         /* the pool */
  unsigned int npooled;

  uv_timer_t timer;
  uv_check_t check;
  uv_idle_t idle;
  uv_prepare_t prepare;
  uint64_t armed_ns;                  /* what the timer is set to */
  uint64_t now_ns;                    /* the last look at the clock: in a read, its time */
  uint64_t turn_ns;                   /* when this turn's work began; 0: not yet */
  int halves;                         /* this iteration has two turns of half the length */
  int scheduled, draining, will_dispatch;
  uint32_t nreads;
  uint32_t nqueued, ninflight, nlive;
  uint64_t queued_bytes;
  uint64_t next_id;
  uint64_t random;
  int wants_room;
  char last_error[256];
  int closing, nhandles;
  uvllm_close_cb close_cb;
  void* close_data;
};

/* client.c */
void uvllm__schedule(uvllm_client_t* c); /* drain in this turn or the next */
int uvllm__turn_is_over(uvllm_client_t* c); /* looks at the clock */
void uvllm__wake_at(uvllm_client_t* c, uint64_t when_ns);
void uvllm__log(uvllm_client_t* c, uvllm_log_level level, const char* format, ...)
    __attribute__((format(printf, 3, 4)));
uint64_t uvllm__random(uvllm_client_t* c);
void uvllm__client_forget(uvllm_client_t* c, uvllm_req_t* req);

/* provider.c */
uvllm__provider_t* uvllm__provider_find(const uvllm_client_t* c, const char* name);
void uvllm__provider_unref(uvllm_client_t* c, uvllm__provider_t* p);
uvllm__conf_t* uvllm__conf_ref(uvllm__conf_t* conf);
/* Who speaks for a request of this op and model; NULL: the params name nobody. */
const uvllm_provider_ops_t* uvllm__conf_ops(const uvllm__conf_t* conf, uvllm_op op,
                                            uvllm_str_t model);
/* Takes OpenAI bodies, and its whole answers are such. */
int uvllm__speaks_openai(const uvllm_provider_ops_t* ops);
void uvllm__conf_unref(uvllm_client_t* c, uvllm__conf_t* conf);
void uvllm__providers_free(uvllm_client_t* c);

/* credentials.c */
uvllm__keyring_t* uvllm__keyring_ref(uvllm__keyring_t* key);
void uvllm__keyring_unref(uvllm_client_t* c, uvllm__keyring_t* key);
void uvllm__label_unref(uvllm_client_t* c, uvllm__label_t* label); /* NULL is ignored */
int uvllm__credentials_init(uvllm_client_t* c, uvllm__provider_t* p,
                            const uvllm_limits_t* limits);
void uvllm__credentials_free(uvllm_client_t* c, uvllm__provider_t* p);
/* Other limits for those that have none of their own. */
int uvllm__credentials_limit(uvllm_client_t* c, uvllm__provider_t* p,
                             const uvllm_limits_t* limits);
void uvllm__credential_unref(uvllm_client_t* c, uvllm__credential_t* cred);
int uvllm__has_key(const uvllm__provider_t* p);
unsigned int uvllm__credentials_count(const uvllm__provider_t* p);
void uvllm__keys_remove(uvllm_client_t* c, uvllm__provider_t* p);
/* Those that the request may go with now, as far as limits allow, best first. UV_EAGAIN:
 * not before *when_ns, since the model fails; or the error that took the last one out
 * of use. */
int uvllm__credentials_for(const uvllm_req_t* req, uint64_t now,
                           uvllm__candidate_t list[UVLLM__MAX_KEYS], unsigned int* n,
                           uint64_t* when_ns);
/* As uvllm_limiter_take(); 0: req->credential is this one. */
int uvllm__credential_take(uvllm_req_t* req, uvllm__credential_t* cred, uint64_t now,
                           uint64_t* when_ns);
/* status: of the attempt. actual NULL: nothing was sent. */
void uvllm__credential_settle(uvllm_req_t* req, int status, uint64_t now,
                              const uvllm_cost_t* actual);

/* circuit.c: when a request for the model may go with it, as uvllm__breaker_when() */
uint64_t uvllm__circuit_when(const uvllm__credential_t* cred, const char* model, uint64_t now);
void uvllm__circuit_begin(uvllm_req_t* req);
void uvllm__circuit_end(uvllm_req_t* req, int status, uint64_t now);
void uvllm__circuits_free(uvllm_client_t* c, uvllm__credential_t* cred);

/* lane.c */
int uvllm__lanes_init(uvllm_client_t* c, uvllm__provider_t* p);
void uvllm__lanes_free(uvllm_client_t* c, uvllm__provider_t* p);
int uvllm__lane_enter(uvllm_req_t* req);  /* the one it belongs in */
void uvllm__lane_leave(uvllm_req_t* req);
void uvllm__lane_change(uvllm_req_t* req); /* its key is another one now */
int uvllm__lane_set_aside(uvllm_req_t* req); /* from the first lane into one of its model */
/* Those of models that nobody waits for any more go. */
void uvllm__lanes_tidy(uvllm_client_t* c, uvllm__provider_t* p);
/* What an attempt's end says of its key. */
void uvllm__credential_outcome(uvllm_req_t* req, int status, uint64_t now);
/* Whether there is one but the last attempt's that can be used, perhaps at once. */
int uvllm__credential_is_left(const uvllm_req_t* req, uint64_t now, int at_once);

/* preset_rows.c */
void uvllm__preset_rows_free(uvllm_client_t* c);

/* alias.c: a target that names no provider; UVLLM_ENOPROVIDER: it is no alias */
int uvllm__alias_resolve(uvllm_client_t* c, uvllm_target_t* target);
void uvllm__aliases_free(uvllm_client_t* c);

/* submit.c: keeps the reason for uvllm_last_error(), gives err back */
int uvllm__refuse(uvllm_client_t* c, int err, const char* why);

/* request_copy.c */
int uvllm__request_copy(const uvllm_request_t* in, const uvllm_alloc_t* alloc,
                        uvllm_request_t** out, size_t* bytes);
void uvllm__request_free(const uvllm_alloc_t* alloc, uvllm_request_t* request, size_t bytes);

/* req.c */
void uvllm__req_set_state(uvllm_req_t* req, uvllm__req_state state);
int uvllm__req_enqueue(uvllm_req_t* req);
void uvllm__req_finish(uvllm_req_t* req, int status);
void uvllm__req_complete(uvllm_req_t* req); /* from the drain: done_cb, then free */
void uvllm__req_retry_or_finish(uvllm_req_t* req, int status);
void uvllm__req_last_attempt(uvllm_req_t* req); /* none follows the one under way */
void uvllm__req_set_text(uvllm_req_t* req, char** field, uvllm_str_t text, size_t max);
void uvllm__req_set_id(uvllm_req_t* req, uvllm_str_t id); /* absent: none */
/* The next moment at which something is due for it; and doing it. */
void uvllm__req_arm(uvllm_req_t* req);
void uvllm__req_on_time(uvllm_req_t* req, uint64_t now);
void uvllm__req_free(uvllm_req_t* req);

/* park.c: from the call on no attempt of it begins, and while it could its total
 * clock stands still. Idempotent, in every state, as is unpark. */
void uvllm__req_park(uvllm_req_t* req);
void uvllm__req_unpark(uvllm_req_t* req);
void uvllm__req_enter_lane(uvllm_req_t* req); /* or it is parked */

/* dispatch.c: attempts for the lanes' heads; 1 if more could start next turn. */
int uvllm__dispatch(uvllm_client_t* c, uint64_t now);
void uvllm__lanes_may_go(uvllm_client_t* c); /* a limit, hold or place is free again */

/* explain.c: the result's message for UVLLM_EBUDGET, UVLLM_ELIMIT and what took the
 * last key out of use */
void uvllm__explain_keys(uvllm_req_t* req);
void uvllm__explain_budget(uvllm_req_t* req, int64_t worst_pusd);
void uvllm__explain_limit(uvllm_req_t* req, uvllm_limiter_t* limiter, uint64_t now);

/* attempt.c */
int uvllm__attempt_start(uvllm_req_t* req, uint64_t now);
void uvllm__attempt_strike(uvllm_req_t* req, int err); /* a clock of it has run out */
void uvllm__attempt_go_on(uvllm_req_t* req);           /* after resume */
void uvllm__attempt_stop(uvllm_req_t* req);            /* cancels and settles what is open */
void uvllm__attempt_result(uvllm_req_t* req, uvllm_result_t* result);

/* attempt_pool.c: req->attempt, NULL without memory for it; beyond that err. */
int uvllm__attempt_get(uvllm_req_t* req);
void uvllm__attempt_release(uvllm_req_t* req);
void uvllm__attempts_free(uvllm_client_t* c);

/* deliver.c */
extern const uvllm__emit_ops_t uvllm__deliver_ops;
void uvllm__deliver(uvllm_req_t* req, const uvllm_event_t* event);
void uvllm__deliver_deferred(uvllm_req_t* req);
/* The tool calls of a choice, or of any, that were waiting for a name. */
void uvllm__deliver_held_tools(uvllm__attempt_t* att, uint32_t choice);

/* account.c */
void uvllm__settle_attempt(uvllm_req_t* req, int status);

/* stats.c */
uvllm__row_t* uvllm__row_get(uvllm_client_t* c, const char* provider, const char* tag);
void uvllm__rows_free(uvllm_client_t* c);

#endif
