/* The parts of a batch that need neither files nor a loop. Pure. */
#ifndef UVLLM_SRC_BATCH_PARTS_H
#define UVLLM_SRC_BATCH_PARTS_H

#include "buf.h"
#include "uvllm/json.h"
#include "uvllm/types.h"

/* ---- Hashes (batch_hash.c) ---- */

typedef struct uvllm__sip_s { /* SipHash-2-4, fed in pieces */
  uint64_t v[4];
  uint64_t tail; /* bytes that do not fill a word yet */
  uint64_t len;
} uvllm__sip_t;

void uvllm__sip_init(uvllm__sip_t* s, const uint64_t key[2]);
void uvllm__sip_update(uvllm__sip_t* s, const void* data, size_t len);
uint64_t uvllm__sip_final(const uvllm__sip_t* s); /* s may be fed on */
uint64_t uvllm__sip(const uint64_t key[2], const void* data, size_t len);

/* ---- A set of ids (batch_ids.c) ---- */

enum { UVLLM__IDS_SEGMENTS = 1024 };

typedef struct uvllm__ids_segment_s {
  uint64_t* slots; /* 0: free */
  uint32_t cap, used;
} uvllm__ids_segment_t;

typedef struct uvllm__ids_s {
  const uvllm_alloc_t* alloc;
  uint64_t key[2];
  size_t count;
  uvllm__ids_segment_t segments[UVLLM__IDS_SEGMENTS];
} uvllm__ids_t;

enum {
  UVLLM__ID_NEW,     /* in no file, and not seen in the input before */
  UVLLM__ID_DONE,    /* stands in a file; the input has it the first time */
  UVLLM__ID_REPEATED /* the input had it before */
};

void uvllm__ids_init(uvllm__ids_t* ids, const uvllm_alloc_t* alloc, const uint64_t key[2]);
void uvllm__ids_free(uvllm__ids_t* ids); /* usable again afterwards */
/* Stands in a file. 0, 1: it was in the set before; UV_ENOMEM. */
int uvllm__ids_done(uvllm__ids_t* ids, uvllm_str_t id);
/* The input has it: UVLLM__ID_* or UV_ENOMEM. */
int uvllm__ids_see(uvllm__ids_t* ids, uvllm_str_t id);
/* Lines that have no id are known by their number, which never meets an id. */
int uvllm__ids_line_done(uvllm__ids_t* ids, uint64_t number);
int uvllm__ids_has_line(const uvllm__ids_t* ids, uint64_t number);

/* ---- CSV, RFC 4180 (batch_csv.c) ---- */

typedef enum {
  UVLLM__CSV_START,  /* of a field */
  UVLLM__CSV_PLAIN,
  UVLLM__CSV_QUOTED,
  UVLLM__CSV_QUOTE,  /* one in a quoted field: its end, or half of two */
  UVLLM__CSV_BROKEN  /* text after a closing quote, up to the newline */
} uvllm__csv_state;

/* How many bytes the record goes on: up to its newline, or len. */
size_t uvllm__csv_scan(uvllm__csv_state* state, const char* data, size_t len);

typedef struct uvllm__csv_row_s {
  const uvllm_alloc_t* alloc;
  uvllm_str_t* fields; /* slices of text */
  size_t nfields, cap;
  uvllm__buf_t text;
} uvllm__csv_row_t;

void uvllm__csv_row_init(uvllm__csv_row_t* row, const uvllm_alloc_t* alloc);
void uvllm__csv_row_free(uvllm__csv_row_t* row);
/* 0, UV_ENOMEM, or UVLLM_EPROTO and *what (a static text). */
int uvllm__csv_split(uvllm__csv_row_t* row, uvllm_str_t record, const char** what);

/* ---- What is wrong with a line ---- */

typedef struct uvllm__fault_s {
  const char* code; /* as it stands in the errors file; static */
  char text[240];
} uvllm__fault_t;

/* Sets both and returns UVLLM_EREQUEST. The text is short; a name that is not is
 * left out. */
int uvllm__fault(uvllm__fault_t* f, const char* code, const char* text, uvllm_str_t name);

/* ---- Lines that are requests (batch_line.c) ---- */

typedef struct uvllm__line_s { /* slices live as long as the text and the parse */
  uvllm_str_t id;       /* custom_id, decoded */
  uvllm_op op;
  uvllm_str_t body;     /* its own bytes */
  uvllm_str_t model;    /* decoded; absent: not said */
} uvllm__line_t;

/* 0, UV_ENOMEM, or UVLLM_EREQUEST with what is wrong in *fault; id is set even
 * then, if the line has one. */
int uvllm__line_parse(uvllm_json_parser_t* parser, uvllm_str_t text, uvllm__line_t* line,
                      uvllm__fault_t* fault);

/* The id as a JSON string, always the same bytes for the same decoded id: what
 * is hashed, and what stands in the files. Appended to out. */
int uvllm__id_encode(uvllm_str_t id, uvllm__buf_t* out);

/* One JSON text on one line of valid UTF-8: white space between tokens goes,
 * bytes that are no UTF-8 become U+FFFD. text must have been parsed. */
int uvllm__json_on_one_line(uvllm_str_t text, uvllm__buf_t* out);

/* ---- Templates (batch_template.c) ---- */

typedef struct uvllm__template_s uvllm__template_t;

/* UVLLM_EREQUEST and *fault if the text is no template; UV_ENOMEM. */
int uvllm__template_new(uvllm__template_t** t, const uvllm_alloc_t* alloc, uvllm_str_t text,
                        uvllm__fault_t* fault);
void uvllm__template_free(uvllm__template_t* t);
/* CSV only: the header row, once, before the first render. Copied. */
int uvllm__template_header(uvllm__template_t* t, const uvllm__csv_row_t* header,
                           uvllm__fault_t* fault);
/* The message, appended to out, and the id; absent: the line has none. Slices
 * live as long as the value or row. UVLLM_EREQUEST and *fault, UV_ENOMEM. */
int uvllm__template_render_json(uvllm__template_t* t, uvllm_json_t object, uvllm__buf_t* out,
                                uvllm_str_t* id, uvllm__fault_t* fault);
int uvllm__template_render_csv(uvllm__template_t* t, const uvllm__csv_row_t* row,
                               uvllm__buf_t* out, uvllm_str_t* id, uvllm__fault_t* fault);

/* ---- Distributions (batch_hist.c) ---- */

enum { UVLLM__HIST_BUCKETS = 32 * 64 };

typedef struct uvllm__hist_s { /* log-linear, within 1.6 % */
  uint64_t count, max;
  uint32_t buckets[UVLLM__HIST_BUCKETS];
} uvllm__hist_t;

void uvllm__hist_add(uvllm__hist_t* h, uint64_t value);
uint64_t uvllm__hist_quantile(const uvllm__hist_t* h, double q); /* 0: empty */

#endif
