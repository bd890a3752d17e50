/* Answers in the OpenAI dialect. */
#define FUZZ_DIALECT "openai"
#include "fuzz_answer.h"
