/* Secrets taken out of texts that may reach a log: error messages quote keys.
 * Pure; in place, since what is left is never longer.
 */
#ifndef UVLLM_SRC_MASK_H
#define UVLLM_SRC_MASK_H

#include "mem.h"

/* Mask what looks like a key: a word with a known beginning ("sk-...", "hf_..."),
 * a token behind "Bearer ", a word with asterisks in it (a key that the provider
 * masked in part). Its first three characters stay, "***" follows. Returns the
 * new length. */
size_t uvllm__mask_secrets(char* text, size_t len);

/* Mask each occurrence of one secret that is known, whatever it looks like. One
 * of less than 4 bytes is no secret. */
size_t uvllm__mask_value(char* text, size_t len, uvllm_str_t secret);

#endif
