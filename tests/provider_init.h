/* Providers of tests go over the transport that UVLLM_TRANSPORT names: curl, or
 * plain sockets for what these can do.
 */
#ifndef UVLLM_TESTS_PROVIDER_INIT_H
#define UVLLM_TESTS_PROVIDER_INIT_H

#include <stdlib.h>
#include <string.h>

#include "uvllm.h"

/* AUTO is plain wherever that can be. */
static inline uvllm_transport core_forced_transport(void) {
  const char* name = getenv("UVLLM_TRANSPORT");
  return name != NULL && strcmp(name, "curl") == 0 ? UVLLM_TRANSPORT_CURL
                                                    : UVLLM_TRANSPORT_AUTO;
}

static inline void core_provider_init(uvllm_provider_options_t* o) {
  uvllm_provider_options_init(o);
  o->transport = core_forced_transport();
}

#endif
