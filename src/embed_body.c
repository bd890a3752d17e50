/* An embeddings body, written vector by vector as they are told: nothing else of them
 * is kept.
 */
#include "embed_body.h"
#include "json_writer.h"

static const char kHead[] = "{\"object\":\"list\",\"data\":[";


int uvllm__embed_body_add(uvllm__buf_t* out, uint32_t index, const float* values, size_t n) {
  uvllm_json_writer_t w;
  uvllm__buf_str(out, out->len == 0 ? kHead : ",");
  uvllm__json_writer_init(&w, out);
  uvllm_json_begin_object(&w);
  uvllm_json_name(&w, "object");
  uvllm_json_write_str(&w, uvllm__str("embedding"));
  uvllm_json_name(&w, "index");
  uvllm_json_write_int(&w, index);
  uvllm_json_name(&w, "embedding");
  uvllm_json_begin_array(&w);
  for (size_t i = 0; i < n; i++)
    uvllm_json_write_num(&w, (double) values[i]);
  uvllm_json_end_array(&w);
  uvllm_json_end_object(&w);
  return uvllm_json_writer_error(&w);
}


static void write_count(uvllm_json_writer_t* w, const char* name, uint64_t n) {
  uvllm_json_name(w, name);
  uvllm_json_write_int(w, n <= INT64_MAX ? (int64_t) n : INT64_MAX);
}


int uvllm__embed_body_end(uvllm__buf_t* out, const char* model, const uvllm_usage_t* usage) {
  uvllm_json_writer_t w;
  if (out->len == 0)
    uvllm__buf_str(out, kHead);
  uvllm__buf_str(out, "],\"model\":");
  uvllm__json_writer_init(&w, out);
  uvllm_json_write_str(&w, uvllm__str(model != NULL ? model : ""));
  uvllm__buf_str(out, ",\"usage\":");
  uvllm__json_writer_init(&w, out);
  uvllm_json_begin_object(&w);
  write_count(&w, "prompt_tokens", usage->input_tokens);
  write_count(&w, "total_tokens", usage->input_tokens + usage->output_tokens);
  uvllm_json_end_object(&w);
  uvllm__buf_str(out, "}");
  return uvllm_json_writer_error(&w) != 0 ? uvllm_json_writer_error(&w) : out->err;
}
