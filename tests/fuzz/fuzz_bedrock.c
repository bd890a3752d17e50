/* Answers in the Bedrock dialect. */
#define FUZZ_DIALECT "bedrock"
#include "fuzz_answer.h"
