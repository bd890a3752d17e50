/* What a dialect of the mock gives, and what it is given. A dialect is const data and
 * functions that read a request and write bytes; when bytes go, how they are framed,
 * limits and faults are the mock's.
 *
 * A new one: a file mock_<name>.c that defines uvllm__mock_<name>, and its name in
 * UVLLM__MOCK_DIALECTS below.
 */
#ifndef UVLLM_SRC_MOCK_MOCK_DIALECT_H
#define UVLLM_SRC_MOCK_MOCK_DIALECT_H

#include "json_writer.h"
#include "mock/http_in.h"
#include "mock/mock_frame.h"
#include "mock/mock_path.h"

typedef struct uvllm__answer_s uvllm__answer_t;
typedef struct uvllm__mock_dialect_s uvllm__mock_dialect_t;
typedef struct uvllm__mock_endpoint_s uvllm__mock_endpoint_t;

/* The first endpoint that fits a request answers it; OpenAI's are asked last.
 * New ones go to the top. */
#ifdef UVLLM__HAS_BEDROCK
#define UVLLM__MOCK_BEDROCK(X) X(bedrock)
#else
#define UVLLM__MOCK_BEDROCK(X)
#endif
#define UVLLM__MOCK_DIALECTS(X) \
  X(azure) \
  X(gemini) \
  X(cohere) \
  X(anthropic) \
  UVLLM__MOCK_BEDROCK(X) \
  X(ollama) \
  X(tgi) \
  X(openai)

/* ---- Errors ---- */

typedef enum {
  UVLLM__MOCK_E_REQUEST,     /* the text says what is wrong with the request */
  UVLLM__MOCK_E_NO_BODY,
  UVLLM__MOCK_E_JSON,        /* $2: at which byte */
  UVLLM__MOCK_E_MISSING,     /* $1: the member */
  UVLLM__MOCK_E_TYPE,        /* $1: the member, $2: what was expected */
  UVLLM__MOCK_E_VALUE,       /* likewise */
  UVLLM__MOCK_E_NO_KEY,
  UVLLM__MOCK_E_KEY,         /* $1: the key, masked */
  UVLLM__MOCK_E_FORBIDDEN,
  UVLLM__MOCK_E_MODEL,       /* $1: the model, of which there is none */
  UVLLM__MOCK_E_PATH,        /* $1: what there is not */
  UVLLM__MOCK_E_METHOD,      /* $1: the path, $2: the method */
  UVLLM__MOCK_E_RATE,        /* requests a minute */
  UVLLM__MOCK_E_RATE_TOKENS,
  UVLLM__MOCK_E_BUSY,        /* too many in work at once */
  UVLLM__MOCK_E_QUOTA,       /* the money is spent */
  UVLLM__MOCK_E_SERVER,
  UVLLM__MOCK_E_OVERLOADED
} uvllm__mock_reason;

/* How a dialect tells a reason. Several rows of one reason: the first is taken,
 * unless x-mock asks for the status of another. */
typedef struct uvllm__mock_fault_s {
  uint8_t reason;
  int status;
  const char *type, *code; /* as put_error() writes them; may be NULL */
  const char* message;     /* with $1 and $2 as above; NULL: $2, the mock's own text */
} uvllm__mock_fault_t;

typedef struct uvllm__mock_error_s {
  uvllm__mock_reason reason;
  int status;
  const char *type, *code, *param; /* may be NULL */
  char message[320];
} uvllm__mock_error_t;

/* Fill the error from the dialect's row and return -1. `param` and `detail` are $1 and
 * $2, and may be NULL; of a reason up to E_VALUE `param` is static and is kept. */
int uvllm__mock_fail(const uvllm__answer_t* answer, uvllm__mock_error_t* error,
                     uvllm__mock_reason reason, const char* param, const char* detail);
/* The same with a text of its own. */
int uvllm__mock_fail_text(const uvllm__answer_t* answer, uvllm__mock_error_t* error,
                          uvllm__mock_reason reason, const char* param, const char* text);

/* ---- A request ---- */

typedef struct uvllm__mock_request_s {
  const uvllm__http_in_t* in;
  uvllm_str_t path;      /* without the mount */
  uvllm_str_t query;     /* for uvllm__path_query() */
  const char* param;     /* of the path, decoded; NULL: its endpoint has none */
  uvllm_json_t root;     /* an object; with DELETE and POST only */
  char decoded[512];
} uvllm__mock_request_t;

typedef enum { UVLLM__KEY_MISSING, UVLLM__KEY_WRONG, UVLLM__KEY_RIGHT } uvllm__mock_key;

/* What was sent against the key that is required; `shown` is what a dialect may quote
 * of it, masked by the mock. base NULL: nothing was sent. */
uvllm__mock_key uvllm__mock_check(uvllm_str_t sent, const char* required, uvllm_str_t* shown);
/* What follows "Bearer " in the authorization; base NULL: it is no such one. */
uvllm_str_t uvllm__mock_bearer(const uvllm__mock_request_t* request);

/* ---- Reading: each returns 0, or -1 with the error filled ---- */

static inline int uvllm__json_is(uvllm_json_t v, uvllm_json_type type) {
  return uvllm_json_type_of(v) == type;
}

static inline int uvllm__json_given(uvllm_json_t v) { /* neither absent nor null */
  return uvllm_json_type_of(v) > UVLLM_JSON_NULL;
}

/* An integer within [least, most], or `otherwise` where it is not given. `name` is what
 * an error calls it. */
int uvllm__mock_read_int(const uvllm__answer_t* answer, uvllm_json_t v, const char* name,
                         int64_t least, int64_t most, uint64_t otherwise, uint64_t* out,
                         uvllm__mock_error_t* error);
int uvllm__mock_read_flag(const uvllm__answer_t* answer, uvllm_json_t v, const char* name,
                          int otherwise, uint8_t* out, uvllm__mock_error_t* error);
/* A model's name as it is echoed: at most 256 bytes, not empty. */
int uvllm__mock_read_model(uvllm__answer_t* answer, uvllm_str_t name, uvllm__mock_error_t* error);
/* Text of the prompt: counted and hashed, and not kept. */
void uvllm__mock_add_text(uvllm__answer_t* answer, uvllm_str_t text);
/* What is no text (an image...) makes a difference to the answer, and costs nothing. */
void uvllm__mock_add_other(uvllm__answer_t* answer, uvllm_json_t v);
void uvllm__mock_add_token_id(uvllm__answer_t* answer, int64_t id);

/* The answer is JSON that follows a schema; what is no schema gives `otherwise`. */
void uvllm__mock_answer_json(uvllm__answer_t* answer, uvllm_json_t schema, const char* otherwise);
/* Where a dialect has its tools, and what it wants called. */
typedef struct uvllm__mock_tools_s {
  uvllm_json_t list;
  const char *name, *schema; /* where one tool has them, for uvllm_json_path() */
  uvllm_str_t named;         /* this one must be called; base NULL: none is named */
  int required;              /* some one must */
} uvllm__mock_tools_t;
/* Answer with the tool calls that are required, or that x-mock asks for. */
int uvllm__mock_answer_tools(uvllm__answer_t* answer, const uvllm__mock_tools_t* tools,
                             uvllm__mock_error_t* error);

/* ---- What an answer consists of ---- */

typedef enum {
  UVLLM__BLOCK_REASONING,
  UVLLM__BLOCK_TEXT,
  UVLLM__BLOCK_REFUSAL,
  UVLLM__BLOCK_CALL, /* of a tool */
  UVLLM__BLOCK_STEP  /* of a progress: one for all, its "tokens" are the steps */
} uvllm__block_kind;

/* A run of tokens. Each choice has the same blocks, one after the other; what
 * max_tokens cut off is not in them. */
typedef struct uvllm__block_s {
  uint8_t kind;
  uint32_t choice;
  uint32_t index; /* among the blocks */
  uint32_t call;  /* among the calls */
  uint64_t first, ntokens;
} uvllm__block_t;

/* Block i of a choice: 1, or 0 if there are no more. */
int uvllm__mock_block(const uvllm__answer_t* answer, uint32_t choice, uint32_t i,
                      uvllm__block_t* block);
/* Token i of a block as a JSON string; of a call, a piece of its arguments' text. */
void uvllm__mock_put_token(uvllm__answer_t* answer, const uvllm__block_t* block, uint64_t i,
                           uvllm__buf_t* out);
/* All of them as one JSON string. */
void uvllm__mock_put_text(uvllm__answer_t* answer, const uvllm__block_t* block,
                          uvllm__buf_t* out);
uvllm_str_t uvllm__mock_call_name(const uvllm__answer_t* answer, const uvllm__block_t* block);
/* The arguments as JSON; half of it if the block was cut (then *is_whole is 0). */
uvllm_str_t uvllm__mock_call_args(const uvllm__answer_t* answer, const uvllm__block_t* block,
                                  int* is_whole);
/* 16 hexadecimal digits that no other call has. */
void uvllm__mock_put_call_id(const uvllm__answer_t* answer, const uvllm__block_t* block,
                             uvllm__buf_t* out);
void uvllm__mock_put_string(uvllm__buf_t* out, const char* base, size_t len);

typedef enum {
  UVLLM__FINISH_STOP,
  UVLLM__FINISH_LENGTH,
  UVLLM__FINISH_TOOLS,
  UVLLM__FINISH_FILTER,
  UVLLM__FINISH_REFUSAL,
  UVLLM__FINISH_COUNT
} uvllm__finish;

uvllm__finish uvllm__mock_finish(const uvllm__answer_t* answer);

typedef struct uvllm__mock_usage_s {
  uint64_t input, output;      /* so far, in a stream */
  uint64_t cached, reasoning;  /* within the two */
} uvllm__mock_usage_t;

void uvllm__mock_usage(const uvllm__answer_t* answer, uvllm__mock_usage_t* usage);

/* The unit vector that belongs to an input: answer->dimensions numbers, each a multiple
 * of 1e-7. */
void uvllm__mock_vector(const uvllm__answer_t* answer, uint32_t input, float* out);
void uvllm__mock_put_vector(const uvllm__answer_t* answer, uint32_t input, uvllm__buf_t* out);
/* The same as a JSON string: base64 of little-endian floats. */
void uvllm__mock_put_vector_base64(const uvllm__answer_t* answer, uint32_t input,
                                   uvllm__buf_t* out);
enum { UVLLM__MOCK_DIMENSIONS = 3072 }; /* at most */

/* How many models a list has: those of the dialect, or what x-mock says. */
size_t uvllm__mock_nmodels(const uvllm__answer_t* answer, size_t own);
/* The name of model i, where `own` has no more: into `name`. */
const char* uvllm__mock_model(const char* const* own, size_t nown, size_t i, char name[32]);

/* ---- Events ---- */

/* One event of the stream: what is appended between the two is its payload. */
uvllm__buf_t* uvllm__mock_open(uvllm__answer_t* answer, const char* name);
uvllm__buf_t* uvllm__mock_open_error(uvllm__answer_t* answer, const char* name);
void uvllm__mock_close(uvllm__answer_t* answer);

/* ---- Heads ---- */

typedef struct uvllm__mock_limit_s {
  uint64_t limit, remaining; /* limit 0: there is none */
  int64_t reset;             /* ns until all of it is there again */
} uvllm__mock_limit_t;

typedef struct uvllm__mock_head_s {
  const uvllm__answer_t* answer;    /* NULL: a page of the mock's own */
  const uvllm__mock_error_t* error; /* NULL: it is no error */
  uint64_t id[2];                   /* of the request */
  int64_t took_ms;
  uvllm__mock_limit_t requests, tokens;
  int64_t retry_ns;                 /* when to come again; 0: not said */
} uvllm__mock_head_t;

void uvllm__mock_put_field(uvllm__buf_t* out, const char* name, uint64_t n);
/* retry-after in whole seconds, at least 1. */
void uvllm__mock_put_retry(uvllm__buf_t* out, int64_t ns);
/* As Go prints a duration: 12ms, 1.5s, 6m0s; rounded up to milliseconds. */
void uvllm__mock_put_duration(uvllm__buf_t* out, int64_t ns);

/* ---- The dialect ---- */

typedef enum {
  UVLLM__MOCK_GENERATE, /* tokens */
  UVLLM__MOCK_EMBED,
  UVLLM__MOCK_PROGRESS, /* a stream of answer->nsteps steps */
  UVLLM__MOCK_FIXED     /* read() writes the body into answer->script; no limit counts it */
} uvllm__mock_kind;

/* Words of x-mock that something can express; the others are refused there. */
enum {
  UVLLM__CAN_REASON = 1,
  UVLLM__CAN_CACHE = 2,
  UVLLM__CAN_FILTER = 4,
  UVLLM__CAN_REFUSE = 8
};

/* One kind of answer. Of what streams, all events of a call are sent in one go. */
typedef struct uvllm__mock_shape_s {
  unsigned int can;
  /* Fill the answer: 0, or -1 with the error filled. */
  int (*read)(uvllm__answer_t* answer, const uvllm__mock_request_t* request,
              uvllm__mock_error_t* error);
  /* Append the body that is not streamed. */
  void (*whole)(uvllm__answer_t* answer, uvllm__buf_t* out);
  /* Events, in this order; any of these may be NULL, or send none. */
  void (*begin)(uvllm__answer_t* answer);
  void (*block_begin)(uvllm__answer_t* answer, const uvllm__block_t* block);
  void (*token)(uvllm__answer_t* answer, const uvllm__block_t* block, uint64_t i);
  void (*block_end)(uvllm__answer_t* answer, const uvllm__block_t* block);
  void (*finish)(uvllm__answer_t* answer); /* the reason and what follows it: not with no-finish */
  void (*done)(uvllm__answer_t* answer);   /* the mark of the end: not with no-done */
  /* Instead of the rest; NULL: an event with put_error(). */
  void (*fault)(uvllm__answer_t* answer, const uvllm__mock_error_t* error);
} uvllm__mock_shape_t;

struct uvllm__mock_endpoint_s {
  uint8_t method;  /* llhttp's */
  uint8_t kind;
  uint8_t framing; /* of its streams; read() may change the answer's */
  uint8_t variant; /* the dialect's own, to tell endpoints of a shape apart */
  const char* path;
  const char* only; /* with this header, or beneath the mount; "": only there; NULL: always */
  const uvllm__mock_shape_t* shape;
};

struct uvllm__mock_dialect_s {
  const char* mount;      /* beneath this path nobody else answers: "/cohere"; or NULL */
  const char* const* own; /* the beginnings of all its paths, ending in NULL; what else begins
                             so is an error in its form, if nobody later answers it */
  const char* json_type;  /* content-type of what is not streamed */
  const uvllm__mock_endpoint_t* endpoints;
  size_t nendpoints;
  const uvllm__mock_fault_t* faults; /* at least REQUEST and SERVER */
  size_t nfaults;
  uvllm__mock_key (*check_key)(const uvllm__mock_request_t* request, const char* required,
                               uvllm_str_t* shown);
  /* Header lines: the request's id, limits, when to come again. */
  void (*put_head)(const uvllm__mock_head_t* head, uvllm__buf_t* out);
  /* The body of an error; the answer may be NULL in OpenAI's. */
  void (*put_error)(const uvllm__answer_t* answer, const uvllm__mock_error_t* error,
                    uvllm__buf_t* out);
};

#define UVLLM__MOCK_DECLARE(name) extern const uvllm__mock_dialect_t uvllm__mock_##name;
UVLLM__MOCK_DIALECTS(UVLLM__MOCK_DECLARE)

#endif
