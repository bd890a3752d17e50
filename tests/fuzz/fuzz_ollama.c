/* Answers in the Ollama dialect. */
#define FUZZ_DIALECT "ollama"
#include "fuzz_answer.h"
