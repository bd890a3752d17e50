/* Requests past the dialect. */
#include "raw.h"


void uvllm__raw_build(const uvllm_request_t* r, uvllm_http_t* http) {
  const int has_body = r->raw_body.base != NULL;
  uvllm_http_method(http, r->raw_method != NULL ? r->raw_method : has_body ? "POST" : "GET");
  uvllm_http_path(http, r->raw_path);
  if (has_body) {
    uvllm_http_header(http, "Content-Type", uvllm__str("application/json"));
    uvllm_http_body_ref(http, r->raw_body);
  }
  uvllm_http_header(http, "Accept", uvllm__str("*/*"));
}
