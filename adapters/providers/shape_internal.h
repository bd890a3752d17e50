/* What the readers of shape.h share. Pure. */
#ifndef UVLLM_ADAPTERS_SHAPE_INTERNAL_H
#define UVLLM_ADAPTERS_SHAPE_INTERNAL_H

#include "shape.h"

/* Keep the words "<where> <what>" or "<where>[<position>] <what>"; give err back. */
int uvllm__shape_fail(uvllm__shape_t* s, int err, const char* what);
int uvllm__shape_fail_at(uvllm__shape_t* s, int err, uint32_t position, const char* what);

/* Parse with one of the shape's parsers, which is made if need be. */
int uvllm__shape_parse(uvllm__shape_t* s, uvllm_json_parser_t** parser, uvllm_str_t text,
                       uvllm_json_t* root);
int uvllm__shape_list(uvllm__shape_t* s, uvllm_str_t text, uvllm_json_t* list);

#endif
