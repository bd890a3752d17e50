/* Request targets against patterns, and their percent-encoding. Pure. */
#ifndef UVLLM_SRC_MOCK_MOCK_PATH_H
#define UVLLM_SRC_MOCK_MOCK_PATH_H

#include "mem.h"

/* A pattern is a path with at most one parameter in it: "/model/{id}/converse". The
 * parameter is one byte or more and no '/'; "{id*}" is anything. Returns whether the
 * path is such a one, and then the parameter as it was sent (base NULL: none). */
int uvllm__path_match(const char* pattern, uvllm_str_t path, uvllm_str_t* param);

/* Split at the first '?'; base of the query NULL: there is none. */
void uvllm__path_split(uvllm_str_t target, uvllm_str_t* path, uvllm_str_t* query);

/* Percent-decoded into `out`, NUL-terminated: its length, or -1 if it is too long,
 * badly encoded or has a NUL in it. */
int uvllm__path_decode(uvllm_str_t s, char* out, size_t size);

/* The first parameter of that name in a query, decoded likewise ('+' is a space): its
 * length, or -1, also if there is none. */
int uvllm__path_query(uvllm_str_t query, const char* name, char* out, size_t size);

#endif
