/* Answers in the Anthropic dialect. */
#define FUZZ_DIALECT "anthropic"
#include "fuzz_answer.h"
