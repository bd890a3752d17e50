/* Where what an adapter tells goes: the request in the library, a recorder in
 * the tests. Pure.
 */
#ifndef UVLLM_SRC_EMIT_H
#define UVLLM_SRC_EMIT_H

#include "uvllm/provider.h"

/* All are set. Slices are valid during the call only. `tool` gets fragments as
 * the dialect sent them; the receiver makes BEGIN and DELTA events of them
 * (collect.h).
 */
typedef struct uvllm__emit_ops_s {
  void (*event)(uvllm_emit_t* emit, const uvllm_event_t* event);
  void (*tool)(uvllm_emit_t* emit, uint32_t choice, uint32_t index, uvllm_str_t id,
               uvllm_str_t name, uvllm_str_t json);
  void (*stop)(uvllm_emit_t* emit, uint32_t choice, uvllm_stop_reason stop);
  void (*replay)(uvllm_emit_t* emit, uint32_t choice, uvllm_str_t json);
  void (*request_id)(uvllm_emit_t* emit, uvllm_str_t id);
  void (*error)(uvllm_emit_t* emit, uvllm_str_t code, uvllm_str_t message, int should_retry);
  void (*retry_after)(uvllm_emit_t* emit, uint64_t ms);
  void (*limit)(uvllm_emit_t* emit, uvllm_limit_kind kind, int64_t limit, int64_t remaining,
                int64_t reset_ms);
} uvllm__emit_ops_t;

struct uvllm_emit_s { /* embedded in the receiver */
  const uvllm__emit_ops_t* ops;
  uvllm_json_parser_t* parser;
  const uvllm_alloc_t* alloc; /* NULL: malloc(3) */
  const uvllm_kv_t* params;   /* the provider's */
  size_t nparams;
};

#endif
