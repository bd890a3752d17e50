/* uvllm/provider.h - write a provider.
 *
 * Fill in one const struct of functions over bytes. They never touch the loop,
 * sockets, timers, limits, retries or money, so a provider is tested with
 * recorded bytes and no network. `state` is state_size zeroed bytes, one for
 * each attempt.
 */
#ifndef UVLLM_PROVIDER_H
#define UVLLM_PROVIDER_H

#include "uvllm/json.h"
#include "uvllm/limiter.h"
#include "uvllm/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct uvllm_http_s uvllm_http_t; /* the HTTP request being built */
typedef struct uvllm_emit_s uvllm_emit_t; /* where parsed events go */

/* How an answer is cut into frames. */
typedef enum {
  UVLLM_FRAME_BODY,  /* one frame: the whole body, also an empty one */
  UVLLM_FRAME_SSE,   /* server-sent events: one frame each, never without data */
  UVLLM_FRAME_LINES, /* one JSON value a line; blank lines are skipped */
  UVLLM_FRAME_RAW,   /* bytes as they come */
  UVLLM_FRAME_AWS    /* application/vnd.amazon.eventstream, its checksums verified. Only
                        where the library was built with Bedrock (zlib): else such an
                        answer is UVLLM_EUNSUPPORTED */
} uvllm_framing;

/* Both slices are valid during the call only. */
typedef struct uvllm_frame_s {
  uvllm_str_t event; /* SSE event name; AWS :event-type, :exception-type or :error-code;
                        absent otherwise */
  uvllm_str_t data;  /* SSE: the data lines, with a LF between two. AWS: the payload; of
                        an error without one its :error-message, which is no JSON */
  int exception;     /* AWS: the :message-type is "exception" or "error" */
} uvllm_frame_t;

/* Everything one attempt may depend on. Made by the library: may grow. Valid
 * during the call; only the request and what it points to stay until fini(). */
typedef struct uvllm_attempt_s {
  const uvllm_request_t* request;
  uvllm_str_t base_url; /* without a slash at its end */
  uvllm_str_t model;    /* the target's, else the provider's default; absent if
                           there is none, or only body_json says one */
  uvllm_str_t key, secret, session; /* absent: the provider has none */
  const uvllm_kv_t* params; /* the provider's; see uvllm_param() */
  size_t nparams;
  uint64_t unix_ms;         /* wall clock, for signatures and HTTP dates */
  uint32_t number;          /* of the attempt, from 1 */
  uint32_t exchange;        /* of the HTTP exchange within it, from 0 */
} uvllm_attempt_t;

enum {
  UVLLM_GO_ON = 0,
  UVLLM_COMPLETE = 1, /* the answer is whole; what bytes may follow are dropped */
  UVLLM_NEXT = 2      /* build another exchange with the same state: next page */
};

/* Called in this order: check() once at submit; then for each attempt build(),
 * sign(), header() for each header, begin(), and either frame() for each frame
 * and end(), or error(); at last fini(). An attempt may end after any of them.
 */
typedef struct uvllm_provider_ops_s {
  size_t size; /* sizeof(uvllm_provider_ops_t) */
  const char* default_base_url; /* NULL: options must say one */
  size_t state_size;

  /* Optional, at submit: 0; UVLLM_EUNSUPPORTED if the dialect cannot express
   * this; UV_EINVAL if a field holds what it must not. Say which one by
   * uvllm_emit_error(). */
  int (*check)(const uvllm_request_t* request, uvllm_emit_t* emit);
  /* Method, path, headers, body. 0, or the code that ends the attempt. The headers
   * that the options and the request ask for are added by the library. */
  int (*build)(void* state, const uvllm_attempt_t* attempt, uvllm_http_t* http);
  /* Optional, last: the body is final. Again on every resend. */
  int (*sign)(void* state, const uvllm_attempt_t* attempt, uvllm_http_t* http);
  /* Optional. One response header; names come in any case. */
  void (*header)(void* state, uvllm_str_t name, uvllm_str_t value, uvllm_emit_t* emit);
  /* The headers are there: how to cut the answer, if its status is 2xx.
   * content_type is the header's value, empty without one. NULL: by the content
   * type (text/event-stream is SSE, application/x-ndjson LINES,
   * application/vnd.amazon.eventstream AWS, the rest BODY). */
  uvllm_framing (*begin)(void* state, int http_status, uvllm_str_t content_type);
  /* One frame of a 2xx answer: GO_ON, COMPLETE, NEXT, or an error, which is best
   * explained by uvllm_emit_error() before. */
  int (*frame)(void* state, const uvllm_frame_t* frame, uvllm_emit_t* emit);
  /* The bytes ended before COMPLETE: COMPLETE if the dialect ends so, NEXT, or
   * UVLLM_ETRUNCATED. NULL: UVLLM_ETRUNCATED. */
  int (*end)(void* state, uvllm_emit_t* emit);
  /* The body of any other answer: the UVLLM_E* it stands for. It may be HTML,
   * empty, or cut. */
  int (*error)(void* state, int http_status, uvllm_str_t body, uvllm_emit_t* emit);
  /* Optional. Free what `state` holds. Runs exactly once, also on cancel. */
  void (*fini)(void* state);
  /* Not 0: body_json is sent as it is, and a whole answer is the body of an OpenAI
   * response already. 0: body_json never reaches the dialect, its members have
   * become the request's fields; and the body of a UVLLM_BODY result is made from
   * what frame() told. */
  int speaks_openai;

  /* Optional: the provider has several APIs. The ops that speak for a request of
   * this op and model (absent: nobody knows one), by the provider's params: these
   * or others, whose own pick() is not asked. NULL if the params name no API that
   * exists: then the request is refused. Asked at submit and for each attempt; the
   * same arguments give the same ops. Not asked where there are no params. */
  const struct uvllm_provider_ops_s* (*pick)(const uvllm_kv_t* params, size_t nparams,
                                             uvllm_op op, uvllm_str_t model);
} uvllm_provider_ops_t;


/* The value of the parameter of this name, the last one of several; NULL: there is
 * none. */
UVLLM_EXTERN const char* uvllm_param(const uvllm_kv_t* params, size_t nparams,
                                     const char* name);


/* ---- Building -------------------------------------------------------------- */

/* Everything is copied but uvllm_http_body_ref(). Errors are sticky and reported
 * after build(): UV_ENOMEM, UVLLM_ETOOLARGE (64 KiB of path), UV_EINVAL for what
 * must not go on the wire: a control character in a header, a name or method
 * that is no token, more than 64 headers or 64 KiB of them, a path that does not
 * begin with a slash or has blanks, a fragment, or bytes above 0x7f.
 */

/* Less than 16 characters. POST if this is not called. */
UVLLM_EXTERN void uvllm_http_method(uvllm_http_t* http, const char* method);

/* The path begins where the base URL ends. These three append to it: as it is;
 * a slash and one segment, escaped; a query parameter, both parts escaped, after
 * which no path may follow. */
UVLLM_EXTERN void uvllm_http_path(uvllm_http_t* http, const char* path);
UVLLM_EXTERN void uvllm_http_segment(uvllm_http_t* http, uvllm_str_t segment);
UVLLM_EXTERN void uvllm_http_query(uvllm_http_t* http, const char* name, uvllm_str_t value);

/* A header replaces one of the same name, unless that is a secret. White space
 * around the value is cut off. Host, Content-Length and what else belongs to the
 * connection is written by the library. */
UVLLM_EXTERN void uvllm_http_header(uvllm_http_t* http, const char* name, uvllm_str_t value);
/* "name: prefix value": never logged, wiped from memory after use. It replaces
 * any header of the same name. */
UVLLM_EXTERN void uvllm_http_secret(uvllm_http_t* http, const char* name,
                                    const char* prefix, uvllm_str_t value);

/* The body, either borrowed until fini(), or JSON written in place by a writer
 * that lives as long as `http`. The former wins; without both there is none. */
UVLLM_EXTERN void uvllm_http_body_ref(uvllm_http_t* http, uvllm_str_t body);
UVLLM_EXTERN uvllm_json_writer_t* uvllm_http_json(uvllm_http_t* http);

/* The client's memory, for what build() needs for a moment, or keeps in `state`
 * until fini(). */
UVLLM_EXTERN const uvllm_alloc_t* uvllm_http_alloc(const uvllm_http_t* http);


/* ---- Telling ----------------------------------------------------------------- */

/* All slices may be volatile: they are used before the function returns. */

/* A parser to read frames with, reused from frame to frame: what it gave is
 * valid until it is used again. May be NULL (no memory): uvllm_json_parse() takes
 * that and says so. */
UVLLM_EXTERN uvllm_json_parser_t* uvllm_emit_parser(uvllm_emit_t* emit);

/* The client's memory, for what check(), frame() and the others need for a moment,
 * or keep in `state` until fini(). */
UVLLM_EXTERN const uvllm_alloc_t* uvllm_emit_alloc(const uvllm_emit_t* emit);

/* The provider's parameter of this name, also in check(); NULL: there is none. */
UVLLM_EXTERN const char* uvllm_emit_param(const uvllm_emit_t* emit, const char* name);

/* UVLLM_EVENT_TEXT, _REASONING, _REFUSAL or _RAW. Empty text is dropped. */
UVLLM_EXTERN void uvllm_emit_text(uvllm_emit_t* emit, uint32_t choice, uvllm_event_type type,
                                  uvllm_str_t text);

/* A fragment of a tool call, which `index` tells from others of the same choice.
 * Id and name may come late, be absent, empty or repeated: the call begins
 * (TOOL_BEGIN) once both are known, with the first arguments, or when the choice
 * stops. `json` is appended to the arguments. */
UVLLM_EXTERN void uvllm_emit_tool(uvllm_emit_t* emit, uint32_t choice, uint32_t index,
                                  uvllm_str_t id, uvllm_str_t name, uvllm_str_t json);

/* Totals so far, not increments; the last one counts. cost_pusd and flags are
 * the library's to fill in. */
UVLLM_EXTERN void uvllm_emit_usage(uvllm_emit_t* emit, const uvllm_usage_t* totals);

/* Why a choice ended. */
UVLLM_EXTERN void uvllm_emit_stop(uvllm_emit_t* emit, uint32_t choice, uvllm_stop_reason stop);

/* What the dialect wants back with this choice's turn: an object with one member
 * that is called like the dialect, so that others can tell it is not theirs. The
 * last one of a choice counts. */
UVLLM_EXTERN void uvllm_emit_replay(uvllm_emit_t* emit, uint32_t choice, uvllm_str_t json);

/* Any other event: EMBEDDING, MODEL, PROGRESS. `attempt` and `time_ns` are filled in. */
UVLLM_EXTERN void uvllm_emit_event(uvllm_emit_t* emit, const uvllm_event_t* event);

/* The provider's own id of the request, for its support; the last one counts. */
UVLLM_EXTERN void uvllm_emit_request_id(uvllm_emit_t* emit, uvllm_str_t id);

/* What went wrong: the provider's code (absent: none) and words, without keys,
 * prompts or completions in them. should_retry: 1 or 0 if the provider said so,
 * which wins over what the code would mean; -1 if not. */
UVLLM_EXTERN void uvllm_emit_error(uvllm_emit_t* emit, uvllm_str_t code, uvllm_str_t message,
                                   int should_retry);

/* Not before so many milliseconds from now. The last one counts. */
UVLLM_EXTERN void uvllm_emit_retry_after(uvllm_emit_t* emit, uint64_t ms);

/* What the provider says of a limit of its own; -1: not said. reset_ms: from now
 * until the limit is whole again. */
UVLLM_EXTERN void uvllm_emit_limit(uvllm_emit_t* emit, uvllm_limit_kind kind, int64_t limit,
                                   int64_t remaining, int64_t reset_ms);

#ifdef __cplusplus
}
#endif
#endif /* UVLLM_PROVIDER_H */
