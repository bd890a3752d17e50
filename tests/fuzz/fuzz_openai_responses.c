/* Answers of OpenAI's Responses API. */
#define FUZZ_DIALECT "openai-responses"
#include "fuzz_answer.h"
