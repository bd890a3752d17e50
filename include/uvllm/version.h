/* uvllm/version.h - the version, and what marks a public function. */
#ifndef UVLLM_VERSION_H
#define UVLLM_VERSION_H

#define UVLLM_VERSION_MAJOR 0
#define UVLLM_VERSION_MINOR 1
#define UVLLM_VERSION_PATCH 0
#define UVLLM_VERSION_HEX                                                      \
  ((UVLLM_VERSION_MAJOR << 16) | (UVLLM_VERSION_MINOR << 8) |                  \
   UVLLM_VERSION_PATCH)
#define UVLLM_VERSION_STRING "0.1.0"

#if defined(__GNUC__)
#define UVLLM_EXTERN __attribute__((visibility("default")))
#else
#define UVLLM_EXTERN
#endif

#endif /* UVLLM_VERSION_H */
