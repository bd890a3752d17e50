/* Answers in the TGI dialect. */
#define FUZZ_DIALECT "tgi"
#include "fuzz_answer.h"
