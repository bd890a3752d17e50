/* Answers in the Gemini dialect. */
#define FUZZ_DIALECT "gemini"
#include "fuzz_answer.h"
