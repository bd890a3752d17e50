/* The table of built-in presets. Pure. */
#ifndef UVLLM_SRC_PRESETS_H
#define UVLLM_SRC_PRESETS_H

#include "uvllm/preset.h"

/* NULL: there is none of that name. */
const uvllm_preset_t* uvllm__preset_builtin(const char* name);

#endif
