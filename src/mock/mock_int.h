/* What the mock's files share: the mock, one answer, and what is made of it. */
#ifndef UVLLM_SRC_MOCK_MOCK_INT_H
#define UVLLM_SRC_MOCK_MOCK_INT_H

#include "mock/mock_ask.h"
#include "mock/mock_dialect.h"
#include "mock/mock_limit.h"
#include "mock/mock_text.h"
#include "mock/server.h"
#include "uvllm/mock.h"
#include "uvllm/queue.h"

typedef struct uvllm__mock_call_s { /* offsets into the answer's script */
  uint32_t name, name_len, text, text_len;
  uint32_t first, ntokens; /* the tokens that its text makes */
} uvllm__mock_call_t;

enum { UVLLM__MOCK_MAX_CALLS = 16, UVLLM__MOCK_PIECE = 6 /* bytes of script a token */ };

typedef enum {
  UVLLM__ANSWER_WAITING, /* for its time to begin */
  UVLLM__ANSWER_STREAMING,
  UVLLM__ANSWER_STALLED, /* for ever */
  UVLLM__ANSWER_ENDING   /* all is made; perhaps not all written */
} uvllm__answer_phase;

struct uvllm__answer_s {
  uvllm_queue_node_t timer; /* first */
  struct uvllm_mock_s* mock;
  uvllm__conn_t* conn;
  struct uvllm__answer_s *prev, *next; /* those in work; `next`: also the pool */

  /* What was asked */
  const uvllm__mock_dialect_t* dialect;
  const uvllm__mock_shape_t* shape; /* NULL: an error */
  const char* type;     /* content-type of what is not streamed */
  uint8_t kind, variant, stream, named_tool;
  uint8_t flags;        /* the dialect's own */
  uint8_t thinks;       /* also if x-mock does not say so */
  uint8_t admitted;     /* it counts as in work */
  uvllm__ask_t ask;
  uint32_t nchoices, nprompts, dimensions;
  uint64_t hash;        /* of seed and prompt */
  uint64_t id;          /* of hash and attempt */
  uint64_t number;      /* of the request */
  uint64_t prompt_bytes;
  uint64_t max_tokens;  /* UINT64_MAX: not said */
  uint64_t ntokens;     /* that it will have, each choice; steps of a progress */
  uint64_t nreasoning;  /* of them, first */
  uint32_t nsteps;
  uvllm__buf_t model;   /* a JSON string, quotes and all */
  uvllm__buf_t script;  /* names and texts of tool calls, or the JSON that is the text */
  uvllm__mock_call_t calls[UVLLM__MOCK_MAX_CALLS];
  uint32_t ncalls;
  uint8_t has_script;   /* calls[0].text is the content; no calls */

  /* How it goes */
  uint8_t phase, chunked, keep_alive, cut_short, malformed, ends_cut, paced;
  uint8_t breaks_next;  /* before the next event comes half of it */
  uint8_t has_tail;     /* what is sent now waits behind the filler */
  uint8_t refused;      /* by the limit on requests (1), on tokens (2) */
  int status;           /* that was sent; 0: none yet */
  int64_t retry_ns;     /* of a refusal */
  uint64_t began, first, due; /* ns; `due`: of the next token */
  uint64_t next_token, sent_tokens;
  uint32_t choice;      /* whose turn it is within next_token */
  uint64_t cut_at, stall_at, error_at; /* tokens; UINT64_MAX: not */
  uint64_t filler;      /* bytes of `big` still to be written */
  size_t filler_at;     /* where in mock->event it goes */
  uvllm__frame_t frame;
  uvllm__buf_t prefix;  /* the dialect's own: what its events have in common */
  uvllm__buf_t tail;    /* what follows the filler */
  uvllm__buf_t slow;    /* what is written byte by byte, from slow_pos on */
  size_t slow_pos;
  uint64_t slow_due;
};

struct uvllm_mock_s {
  uv_loop_t* loop;
  uvllm_alloc_t alloc;
  uvllm_mock_options_t options;
  char* require_key;
  uvllm__server_t* server;
  uv_timer_t timer;
  uint64_t timer_due;    /* ms of the loop's clock; UINT64_MAX: not running */
  uvllm_queue_t* queue;  /* of answers that wait, by when they are due */
  uvllm_json_parser_t* parser;
  uvllm__answer_t* answers;
  uvllm__answer_t* pool;
  uint32_t npool;
  uint32_t inflight;
  uvllm__bucket_t requests, tokens;
  uvllm__peak_t window;
  uvllm__buf_t out;      /* bytes on their way to one connection */
  uvllm__buf_t event;    /* one event or body */
  uvllm__buf_t broken;   /* half an event */
  uvllm_mock_stats_t stats;
  uint64_t lags[256];    /* a histogram, 8 places an octave */
  struct uvllm__seen_s* seen; /* prompts and how often they came */
  size_t seen_cap, seen_len;
  uint64_t nrequest_ids;
  int64_t date_second;
  uvllm__buf_t date;     /* its header line */
  int closing, nclosing;
  void (*stop_cb)(void* data);
  void* stop_data;
};

/* ---- mock_route.c ---- */
void uvllm__mock_on_request(uvllm__conn_t* conn);

/* ---- mock_pages.c ---- */
void uvllm__mock_on_refuse(uvllm__server_t* server, uvllm__buf_t* body, int status,
                           const char* text);
void uvllm__mock_on_page(uvllm_mock_t* mock, uvllm__conn_t* conn, uvllm_str_t path);
/* What stands in mock->event, without an answer. */
void uvllm__mock_send_plain(uvllm_mock_t* mock, uvllm__conn_t* conn, int status);

/* ---- mock_admit.c ---- */
/* Take from the limits what it costs: 0, or -1 with the error filled. */
int uvllm__mock_admit(uvllm__answer_t* answer, uvllm__mock_error_t* error);

/* ---- mock_error.c ---- */
/* The error of a status that x-mock asked for; 0: no row of the dialect has it. */
int uvllm__mock_error_of(const uvllm__answer_t* answer, int status, uvllm__mock_error_t* error);

/* ---- mock_block.c ---- */
/* How many tokens it will have, within max_tokens. */
void uvllm__answer_set_length(uvllm__answer_t* answer);

/* ---- mock_schema.c ---- */
/* A trivial value that follows a JSON Schema. */
int uvllm__mock_schema_value(uvllm_json_t root, uvllm_json_t schema, uvllm__buf_t* out);

/* ---- mock_answer.c ---- */
/* In the mock's list; NULL without memory. */
uvllm__answer_t* uvllm__answer_new(uvllm_mock_t* mock, uvllm__conn_t* conn);
/* Forget what was read, to read the request again. */
void uvllm__answer_forget(uvllm__answer_t* answer);
void uvllm__answer_free(uvllm__answer_t* answer); /* to the pool */
void uvllm__answer_destroy(uvllm__answer_t* answer); /* one that is in the pool */
/* All is known: begin, now or when it is time. The answer may be gone after it. */
void uvllm__answer_start(uvllm__answer_t* answer);
/* It is time, or there is room: go on. The answer may be gone after it. */
void uvllm__answer_step(uvllm__answer_t* answer);
void uvllm__answer_gone(uvllm__answer_t* answer); /* the client is */
/* Refuse it with an error, at once. */
void uvllm__answer_refuse(uvllm__answer_t* answer, const uvllm__mock_error_t* error);
void uvllm__mock_count(uvllm_mock_t* mock, int status);

/* ---- mock_body.c ---- */
/* Fill mock->out with the beginning of the answer and set its phase. */
void uvllm__answer_begin(uvllm__answer_t* answer);
/* An error instead. */
void uvllm__answer_error(uvllm__answer_t* answer, const uvllm__mock_error_t* error);
/* The next token's events, and the end's after the last. */
void uvllm__answer_token(uvllm__answer_t* answer);
/* A slice of filler, and the tail after the last. */
void uvllm__answer_filler(uvllm__answer_t* answer);

/* ---- mock_stream.c ---- */
void uvllm__stream_begin(uvllm__answer_t* answer);
void uvllm__stream_token(uvllm__answer_t* answer); /* all choices, or one if it has filler */
void uvllm__stream_end(uvllm__answer_t* answer);
void uvllm__stream_fault(uvllm__answer_t* answer);

/* ---- mock_head.c ---- */
enum { UVLLM__LENGTH_CHUNKED = -1, UVLLM__LENGTH_EOF = -2 };
/* Append a response's head to mock->out. `answer` and `error` may be NULL. */
void uvllm__mock_head(uvllm_mock_t* mock, const uvllm__answer_t* answer,
                      const uvllm__mock_error_t* error, int status, const char* type,
                      int64_t length, int keep_alive);

/* ---- mock_pace.c ---- */
/* Run uvllm__answer_step() at `due`. 0 or UV_ENOMEM. */
int uvllm__mock_pace(uvllm__answer_t* answer, uint64_t due);
void uvllm__mock_unpace(uvllm__answer_t* answer);
void uvllm__mock_lag(uvllm_mock_t* mock, uint64_t late_ns);
uint64_t uvllm__mock_lag_p99_us(const uvllm_mock_t* mock);

/* ---- mock_seen.c ---- */
/* How often the key came before; and count it. */
uint32_t uvllm__mock_seen(uvllm_mock_t* mock, uint64_t key);
void uvllm__mock_seen_free(uvllm_mock_t* mock);

#endif
