/* Requests in OpenAI's shape, read for dialects that say the same otherwise:
 * content parts, tool calls, tools, tool choice, schema. Pure.
 *
 * The readers are used twice: by check(), where whatever is wrong is told and
 * refused, and by build(), where nothing of it can be wrong any more. What they
 * give are slices of the request, or of a parser of the shape's: those of one
 * list are valid until another list of the same shape is begun.
 *
 * All return 0 (or what they say) or an error, and then uvllm__shape_tell() says
 * what it was: UV_EINVAL, UVLLM_EUNSUPPORTED for what has no counterpart in any
 * other dialect, UV_ENOMEM.
 */
#ifndef UVLLM_ADAPTERS_SHAPE_H
#define UVLLM_ADAPTERS_SHAPE_H

#include "mem.h"
#include "uvllm/provider.h"

typedef struct uvllm__shape_s {
  const uvllm_alloc_t* alloc;
  uvllm_json_parser_t* list;  /* both made when they are first needed */
  uvllm_json_parser_t* value;
  char where[64], why[160];
} uvllm__shape_t;

/* alloc: uvllm_emit_alloc() in check(), uvllm_http_alloc() in build(). */
void uvllm__shape_init(uvllm__shape_t* s, const uvllm_alloc_t* alloc);
void uvllm__shape_free(uvllm__shape_t* s);
/* Tell why the last reader failed, if it did with words; gives err back. */
int uvllm__shape_tell(const uvllm__shape_t* s, int err, uvllm_emit_t* emit);

/* A string that must not get lost, of requests and of answers: absent if v is none,
 * UV_ENOMEM if it could not be decoded. */
int uvllm__shape_str(uvllm_json_t v, uvllm_str_t* s);


/* ---- Content ---- */

typedef enum {
  UVLLM__PART_TEXT,
  UVLLM__PART_IMAGE,
  UVLLM__PART_AUDIO,
  UVLLM__PART_FILE
} uvllm__part_type;

typedef struct uvllm__part_s {
  uvllm__part_type type;
  uvllm_str_t text;       /* TEXT */
  uvllm_str_t url;        /* where it is to be had; absent with data */
  uvllm_str_t data;       /* or the thing itself, in base64 */
  uvllm_str_t media_type; /* of data: "image/png"; absent: not said */
  uvllm_str_t format;     /* AUDIO: "wav", "mp3" */
  uvllm_str_t detail;     /* IMAGE: "low", "high", "auto"; absent: not said */
  uvllm_str_t file_id;    /* FILE: of one that was uploaded; then no data */
  uvllm_str_t filename;   /* FILE */
  uvllm_json_t json;      /* the part itself, for what else stands in it
                             (cache_control); absent where content is text */
} uvllm__part_t;

typedef struct uvllm__parts_s {
  uvllm__shape_t* shape;
  uvllm_json_t list;
  uint32_t it, position;
  size_t message;
  uvllm_str_t text; /* not given yet */
} uvllm__parts_t;

/* The parts of a message, whether it has `text` or `parts_json`; none where it has
 * neither. A text is one part, also an empty one. */
int uvllm__parts_begin(uvllm__parts_t* parts, uvllm__shape_t* s, const uvllm_request_t* r,
                       size_t message);
/* 1: a part; 0: there are no more; else an error. */
int uvllm__parts_next(uvllm__parts_t* parts, uvllm__part_t* part);


/* What of a message's replay_json is this dialect's: 1, and *value is it, valid as the
 * entries of a list are; 0: nothing. */
int uvllm__replay(uvllm__shape_t* s, const uvllm_request_t* r, size_t message,
                  const char* dialect, uvllm_json_t* value);


/* ---- Tools ---- */

typedef struct uvllm__call_s {
  uvllm_str_t id, name;
  uvllm_str_t arguments; /* JSON text as the model wrote it; "{}" for none */
  int is_object;         /* they are a JSON object: may be written raw */
  uvllm_json_t json;
} uvllm__call_t;

typedef struct uvllm__tool_s {
  uvllm_str_t name;
  uvllm_str_t description; /* absent: none */
  uvllm_str_t parameters;  /* a JSON Schema, raw; absent: none */
  int strict;              /* 1, 0, or -1: not said */
  uvllm_json_t json;       /* the whole entry, for cache_control */
} uvllm__tool_t;

typedef struct uvllm__list_s {
  uvllm__shape_t* shape;
  uvllm_json_t list;
  uint32_t it, position;
} uvllm__list_t;

/* The calls that an assistant's message made; none without tool_calls_json. */
int uvllm__calls_begin(uvllm__list_t* calls, uvllm__shape_t* s, const uvllm_request_t* r,
                       size_t message);
int uvllm__calls_next(uvllm__list_t* calls, uvllm__call_t* call); /* as parts_next() */

/* The name of the tool whose call a UVLLM_TOOL message answers: from its own `name`,
 * else from the assistant's message before it. 1, or 0: nobody made that call. The
 * list that was begun before is void. */
int uvllm__call_name(uvllm__shape_t* s, const uvllm_request_t* r, size_t message,
                     uvllm_str_t* name);

/* The tools offered; none without tools_json. Only functions exist elsewhere. */
int uvllm__tools_begin(uvllm__list_t* tools, uvllm__shape_t* s, const uvllm_request_t* r);
int uvllm__tools_next(uvllm__list_t* tools, uvllm__tool_t* tool);

typedef enum {
  UVLLM__CHOICE_UNSET, /* not said: what the provider does then */
  UVLLM__CHOICE_AUTO,
  UVLLM__CHOICE_NONE,
  UVLLM__CHOICE_REQUIRED,
  UVLLM__CHOICE_NAMED
} uvllm__choice_type;

/* tool_choice_json: a word, a JSON string, or an object; *name for NAMED. */
int uvllm__tool_choice(uvllm__shape_t* s, const uvllm_request_t* r, uvllm__choice_type* type,
                       uvllm_str_t* name);


/* ---- Structured output ---- */

typedef struct uvllm__schema_s {
  uvllm_str_t schema;      /* raw; absent: none was given */
  uvllm_str_t name;        /* "answer" if none was given */
  uvllm_str_t description; /* absent: none */
  int strict;              /* 1, 0, or -1: not said */
  int is_any_object;       /* {"type":"object"}: all that is asked for is JSON */
  int is_wrapped;          /* json_schema was the second form */
} uvllm__schema_t;

/* json_schema: a JSON Schema, or {"name","description","strict","schema"}. */
int uvllm__schema(uvllm__shape_t* s, const uvllm_request_t* r, uvllm__schema_t* schema);

#endif
