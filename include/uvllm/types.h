/* uvllm/types.h - what requests, events and results are made of.
 *
 * No loop and no sockets here: a provider adapter includes this and
 * provider.h, and is tested with bytes alone.
 */
#ifndef UVLLM_TYPES_H
#define UVLLM_TYPES_H

#include <stddef.h>
#include <stdint.h>
#include "uvllm/version.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Errors -------------------------------------------------------------- */

/* Append only: the numbers are ABI. Codes that are not in this list are
 * libuv's (UV_ECANCELED, UV_ECONNREFUSED, UV_ENOMEM...).
 */
#define UVLLM_ERRNO_MAP(XX)                                                    \
  XX(EAUTH, -20001, "provider rejected the key")                               \
  XX(EPERMISSION, -20002, "the key may not do this")                           \
  XX(EQUOTA, -20003, "quota or credit is spent")                               \
  XX(ERATELIMIT, -20004, "rate limited by the provider")                       \
  XX(EOVERLOAD, -20005, "provider is overloaded")                              \
  XX(EPROVIDER, -20006, "provider failed")                                     \
  XX(EREQUEST, -20007, "provider rejected the request")                        \
  XX(ECONTEXT, -20008, "prompt exceeds the model's context window")            \
  XX(EFILTER, -20009, "blocked by a content filter")                           \
  XX(ENOMODEL, -20010, "no such model at this provider")                       \
  XX(ENOPROVIDER, -20011, "no such provider")                                  \
  XX(EUNSUPPORTED, -20012, "the provider's dialect cannot express this")       \
  XX(EPROTO, -20013, "malformed response")                                     \
  XX(ETRUNCATED, -20014, "the stream ended before the answer did")             \
  XX(ETOOLARGE, -20015, "response larger than allowed")                        \
  XX(ETLS, -20016, "TLS failed")                                               \
  XX(ETIMECONNECT, -20017, "no connection in time")                            \
  XX(ETIMEFIRST, -20018, "no first content in time")                           \
  XX(ETIMEIDLE, -20019, "the stream stalled")                                  \
  XX(ETIMETOTAL, -20020, "the request's own time was up")                      \
  XX(EQUEUEFULL, -20021, "too many requests are waiting")                      \
  XX(ELIMIT, -20022, "larger than the rate limit can ever admit")              \
  XX(EBUDGET, -20023, "budget exhausted")                                      \
  XX(EUNPRICED, -20024, "no price is known, and there is a budget")            \
  XX(ECLOSING, -20025, "client is closing")                                    \
  XX(ENOKEY, -20026, "the provider needs a key and has none")

enum {
#define XX(name, code, _) UVLLM_##name = code,
  UVLLM_ERRNO_MAP(XX)
#undef XX
  UVLLM_ERRNO_MAX = -20999
};

/* The text or the name ("UVLLM_EAUTH", "ECANCELED") of a code. Static strings;
 * codes that are not ours are passed on to libuv.
 */
UVLLM_EXTERN const char* uvllm_strerror(int err);
UVLLM_EXTERN const char* uvllm_err_name(int err);

/* Where the same request may yet succeed, as a set of bits; 0: nowhere. The one
 * truth for retry; a provider's own word about one answer (x-should-retry)
 * wins over it.
 */
enum {
  UVLLM_RETRY_SAME = 1,  /* here, later */
  UVLLM_RETRY_KEY = 2,   /* here, with another key */
  UVLLM_RETRY_TARGET = 4 /* at another target */
};
UVLLM_EXTERN unsigned int uvllm_err_scope(int err);


/* ---- Memory ---------------------------------------------------------------- */

/* Where uvllm's own memory comes from; curl and libuv keep theirs. The struct
 * is copied, ctx must outlive all that was made with it. The functions may
 * call nothing of uvllm. A NULL pointer to it always means malloc(3), realloc(3)
 * and free(3).
 */
typedef struct uvllm_alloc_s {
  void* (*malloc)(void* ctx, size_t size);
  void* (*realloc)(void* ctx, void* ptr, size_t size);
  void (*free)(void* ctx, void* ptr);
  void* ctx;
} uvllm_alloc_t;


/* ---- Slices and messages --------------------------------------------------- */

/* Not NUL-terminated unless noted. base == NULL means absent. */
typedef struct uvllm_str_s {
  const char* base;
  size_t len;
} uvllm_str_t;

#define UVLLM_STR(literal) { (literal), sizeof(literal) - 1 }

typedef struct uvllm_kv_s {
  const char* name;
  const char* value;
} uvllm_kv_t;

typedef enum {
  UVLLM_SYSTEM,
  UVLLM_USER,
  UVLLM_ASSISTANT,
  UVLLM_TOOL
} uvllm_role;

/* *_json is in OpenAI's shape; what a dialect cannot express fails at submit
 * with UVLLM_EUNSUPPORTED.
 */
typedef struct uvllm_message_s {
  uvllm_role role;
  uvllm_str_t text;
  uvllm_str_t parts_json;      /* content parts: text, images, audio, files */
  uvllm_str_t tool_calls_json; /* UVLLM_ASSISTANT: the calls it made */
  uvllm_str_t tool_call_id;    /* UVLLM_TOOL: the call this answers */
  uvllm_str_t name;
  /* UVLLM_ASSISTANT: what an earlier result gave as replay_json, thoughts and
   * signatures that its dialect wants back. Used by that dialect, ignored by
   * others. */
  uvllm_str_t replay_json;
  void* reserved[2]; /* NULL */
} uvllm_message_t;

/* What carries a request's bytes. */
typedef enum {
  UVLLM_TRANSPORT_AUTO, /* PLAIN for http:// without a proxy and for unix:, else CURL */
  UVLLM_TRANSPORT_CURL,
  UVLLM_TRANSPORT_PLAIN /* sockets of uvllm's own: HTTP/1.1 without TLS and proxies */
} uvllm_transport;

typedef struct uvllm_target_s {
  const char* provider; /* NULL: the model is an alias (uvllm_alias_set()) */
  const char* model;    /* NULL: the provider's default */
  void* reserved[2]; /* NULL */
} uvllm_target_t;


/* ---- Usage ------------------------------------------------------------------ */

enum {
  UVLLM_USAGE_ESTIMATED = 1, /* the provider did not say (cut, cancelled, lost) */
  UVLLM_USAGE_UNPRICED = 2   /* no price known: cost_pusd is 0 and means nothing */
};

/* The same meaning for all providers: input includes what was cached, output
 * includes reasoning. cost_pusd is in pico-dollars: exact sums to 9 million $.
 */
typedef struct uvllm_usage_s {
  uint64_t input_tokens;
  uint64_t cached_input_tokens;   /* part of input: read from a prompt cache */
  uint64_t cache_write_tokens;    /* part of input: written to it */
  uint64_t cache_write_1h_tokens; /* part of cache_write_tokens */
  uint64_t output_tokens;
  uint64_t reasoning_tokens;      /* part of output */
  uint64_t audio_input_tokens, audio_output_tokens, image_input_tokens;
  int64_t cost_pusd;
  unsigned int flags;
} uvllm_usage_t;


/* ---- Events ------------------------------------------------------------------ */

typedef enum {
  UVLLM_EVENT_ATTEMPT,    /* `attempt`: a target was chosen, bytes go out */
  UVLLM_EVENT_RESTART,    /* forget all content so far; only with UVLLM_RESTART */
  UVLLM_EVENT_TEXT,       /* `text` */
  UVLLM_EVENT_REASONING,  /* `text` */
  UVLLM_EVENT_REFUSAL,    /* `text` */
  UVLLM_EVENT_TOOL_BEGIN, /* `tool`: name and id (made, if none came, or one
                             that another call has), no json */
  UVLLM_EVENT_TOOL_DELTA, /* `tool`: a fragment of the arguments in json */
  UVLLM_EVENT_USAGE,      /* `usage`: totals so far, not increments */
  UVLLM_EVENT_EMBEDDING,  /* `vector`: of input number `index` */
  UVLLM_EVENT_MODEL,      /* `model`: one entry of a list */
  UVLLM_EVENT_PROGRESS,   /* `progress`: of a model that is pulled: a UVLLM_RAW POST to
                             Ollama's /api/pull (push, create likewise) */
  UVLLM_EVENT_REPLAY,     /* `text`: the choice's replay_json so far, whole; for those
                             who collect the answer themselves */
  UVLLM_EVENT_RAW         /* `text`: bytes of a UVLLM_RAW answer */
} uvllm_event_type;

/* Made by the library only. The union stays last; ignore types you do not know. */
typedef struct uvllm_event_s {
  uvllm_event_type type;
  uint32_t attempt; /* counts from 1 */
  uint32_t choice;  /* with n > 1 */
  uint32_t index;   /* tool call or input within the choice */
  uint64_t time_ns; /* loop clock (uv_hrtime) when its bytes were read */
  union {
    uvllm_str_t text;
    struct {
      uvllm_str_t id, name, json;
    } tool;
    struct {
      const uvllm_target_t* target;
      const char* key_label;
      int last_error; /* why the attempt before failed; 0 for the first */
    } attempt;
    const uvllm_usage_t* usage;
    struct {
      const float* values;
      size_t nvalues;
    } vector;
    struct {
      uvllm_str_t id, owner;
      uint64_t context_tokens; /* 0: not said */
    } model;
    struct {
      uvllm_str_t status;   /* the provider's words */
      uint64_t done, total; /* bytes of the part under way; 0: not said */
    } progress;
  } u;
} uvllm_event_t;


/* ---- Requests ----------------------------------------------------------------- */

typedef enum {
  UVLLM_CHAT,
  UVLLM_COMPLETION, /* legacy text completion: messages[0] is the prompt */
  UVLLM_EMBED,      /* each message is one input */
  UVLLM_MODELS,     /* list models, all pages; also the cheapest check of a key */
  UVLLM_COUNT_TOKENS, /* of the chat that the request is, which is not sent to a
                         model: the result's usage.input_tokens. Costs nothing.
                         UVLLM_EUNSUPPORTED where the dialect has none */
  UVLLM_RAW         /* raw_*: past the adapter, not past limits and budget */
} uvllm_op;

enum {
  UVLLM_STREAM = 1,     /* ask for a stream; without it TEXT comes once a choice */
  UVLLM_NO_COLLECT = 2, /* do not keep the content for the result */
  UVLLM_RESTART = 4,    /* retry even after content was delivered: see RESTART */
  UVLLM_BODY = 8        /* give the answer as an OpenAI response body too */
};

/* Set up with uvllm_request_init(). A field stands here only once it works. */
typedef struct uvllm_request_s {
  size_t size;
  uvllm_op op;
  unsigned int flags;

  uvllm_target_t target;

  const uvllm_message_t* messages;
  size_t nmessages;
  /* Or everything as an OpenAI request body: sent as it is where OpenAI is
   * spoken (model, stream and stream_options replaced), translated elsewhere.
   * Fields set here win over its members. A member that cannot be translated is
   * UVLLM_EUNSUPPORTED, but for stream, store, metadata, user and the like, which
   * mean something to OpenAI alone. */
  uvllm_str_t body_json;

  uint32_t max_tokens;         /* 0: unset, the provider's default */
  uint32_t n;                  /* choices; 0: unset */
  uint32_t dimensions;         /* UVLLM_EMBED; 0: unset */
  double temperature, top_p;   /* NaN: unset, and then not sent */
  double frequency_penalty, presence_penalty;
  int64_t seed;                /* INT64_MIN: unset */
  const char* const* stop;     /* NULL-terminated, or NULL */
  const char* reasoning_effort;
  const char* service_tier;    /* "flex", "priority"...: also the price's tier */
  uvllm_str_t json_schema;     /* structured output: a JSON Schema */
  uvllm_str_t tools_json, tool_choice_json;
  uvllm_str_t extra_json;      /* object merged into the provider's own body */
  const uvllm_kv_t* headers;   /* sent besides the adapter's; checked */
  size_t nheaders;
  const char* raw_method;      /* UVLLM_RAW; NULL: GET, or POST with a body */
  const char* raw_path;        /* appended to the base URL */
  uvllm_str_t raw_body;

  int priority;                /* higher first; waiting raises it */
  const char* tag;             /* to account to, and to be fair between */
  uint64_t timeout_ms;         /* from submit: queue, retries, all; 0: none */
  uint64_t connect_timeout_ms; /* 0: none, as in the next two */
  uint64_t first_timeout_ms;   /* sent to first content */
  uint64_t idle_timeout_ms;    /* between two pieces of content */
  uint32_t max_attempts;
} uvllm_request_t;


/* ---- Results -------------------------------------------------------------------- */

typedef enum {
  UVLLM_STOP_NONE, /* did not complete */
  UVLLM_STOP_END,
  UVLLM_STOP_LENGTH,
  UVLLM_STOP_SEQUENCE,
  UVLLM_STOP_TOOL,
  UVLLM_STOP_FILTER,
  UVLLM_STOP_REFUSAL
} uvllm_stop_reason;

typedef struct uvllm_choice_s {
  uvllm_stop_reason stop;
  uvllm_str_t text, reasoning, refusal;
  uvllm_str_t tools_json;  /* the calls, as an OpenAI tool_calls array */
  uvllm_str_t replay_json; /* to hand back in the next turn's message; absent: the
                              dialect wants nothing back */
} uvllm_choice_t;

/* Loop-clock nanoseconds; 0: not reached. Content is text, reasoning, refusal
 * or a tool call that is not empty: not a role, a ping or an empty delta. All
 * but submitted and ended are of the last attempt. */
typedef struct uvllm_timing_s {
  uint64_t submitted, admitted, sent, connected, first_byte, first_event;
  uint64_t first_reasoning, first_content, last_content, ended;
} uvllm_timing_t;

/* Made by the library only: may grow. */
typedef struct uvllm_result_s {
  int status;              /* 0, or why it failed */
  int http_status;         /* of the last attempt; 0: no response */
  uvllm_str_t message;     /* on failure: the provider's own words, secrets masked,
                              or the transport's; with UVLLM_ELIMIT and UVLLM_EBUDGET
                              how much was needed, and how much is admitted */
  uvllm_str_t code;        /* the provider's own error code */
  uvllm_str_t request_id;  /* the provider's */
  const uvllm_target_t* target;
  const char* key_label;   /* NULL: no key was used */
  uvllm_transport transport; /* of the last attempt; AUTO: none was started */
  uint32_t attempts;       /* 0: never started */
  uint32_t answers_429;    /* attempts that ended in 429 */
  const uvllm_choice_t* choices; /* NULL with UVLLM_NO_COLLECT */
  size_t nchoices;
  uvllm_str_t body_json;   /* UVLLM_BODY: an OpenAI server's own bytes where it
                              answered whole (its error body too), else made
                              from the answer */
  const uvllm_usage_t* usage; /* also of what failed or was cancelled */
  const uvllm_timing_t* timing;
} uvllm_result_t;

#ifdef __cplusplus
}
#endif
#endif /* UVLLM_TYPES_H */
