/* Answers in the Cohere dialect. */
#define FUZZ_DIALECT "cohere"
#include "fuzz_answer.h"
