/* What went wrong, in one table for all dialects: from HTTP status, the provider's
 * type and code, and its words to a UVLLM_E*. Pure.
 *
 * A dialect's error() is uvllm__fault_error(); an error inside a 200 or a stream
 * is uvllm__fault_inside(), or uvllm__fault_named() where its kind stands outside the
 * JSON (an SSE event's name, a header). All tell it by uvllm_emit_error(), without
 * keys, and give its code.
 */
#ifndef UVLLM_ADAPTERS_FAULT_H
#define UVLLM_ADAPTERS_FAULT_H

#include "headers.h"

/* The body of an answer that is no 2xx: JSON of any shape, text, HTML, nothing. */
int uvllm__fault_error(const uvllm__headers_t* h, int http_status, uvllm_str_t body,
                       uvllm_emit_t* emit);
/* Whether members "error" and "object" of an answer say that something failed. */
int uvllm__is_fault(uvllm_json_t error, uvllm_json_t object);
/* The error that stands in a body or an event of a 200. root is void afterwards. */
int uvllm__fault_inside(const uvllm__headers_t* h, uvllm_json_t root, uvllm_emit_t* emit);
/* The same where `type` names its kind ("throttlingException"), as far as root does
 * not. http_status: 0 inside a 200. */
int uvllm__fault_named(const uvllm__headers_t* h, uvllm_str_t type, int http_status,
                       uvllm_json_t root, uvllm_emit_t* emit);
/* The answer lacks what it should have: its own words if it has any, else these with
 * UVLLM_EPROTO. */
int uvllm__fault_strange(const uvllm__headers_t* h, uvllm_json_t root, const char* message,
                         uvllm_emit_t* emit);

/* What an error body says, in any of its shapes; NUL-terminated, cut to fit. */
typedef struct uvllm__words_s {
  char type[64], code[96], message[1024];
  int status; /* an HTTP status that it names; 0: none */
  double wait_s; /* until it may be better ("estimated_time"); 0: not said */
} uvllm__words_t;

/* `parser` is the one that root is of: a message that holds JSON itself is read
 * with it, so root is void afterwards. */
void uvllm__words_read(uvllm__words_t* words, uvllm_json_t root, uvllm_json_parser_t* parser);
/* The table. http_status: 0 inside a 200, and then the words' own counts. */
int uvllm__words_mean(const uvllm__words_t* words, uvllm_op op, int http_status);

#endif
