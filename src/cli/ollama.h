/* uvllm ollama: the command, and how answers are shown. */
#ifndef UVLLM_CLI_OLLAMA_H
#define UVLLM_CLI_OLLAMA_H

#include "common.h"

/* Print an answer of /api/tags, /api/ps or /api/show for people. 0, or CLI_FAILED
 * after a message: it is not what it should be. */
int ollama_print_list(uvllm_str_t body);
int ollama_print_ps(uvllm_str_t body);
int ollama_print_show(uvllm_str_t body);

enum { OLLAMA_BYTES = 32 };
/* "2.0 GB"; gives back `text`. */
const char* ollama_bytes(uint64_t n, char text[OLLAMA_BYTES]);

#endif
