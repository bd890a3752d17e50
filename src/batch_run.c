/* OUTPUT.run.json: what OUTPUT was made with. The model and the template must
 * stay what they were, for one file must not hold answers of two; the input may
 * change (lines are known by their ids), and that is only told.
 */
#include "batch_internal.h"

#include <inttypes.h>
#include <stdio.h>

static const uint64_t no_key[2] = { 0, 0 };

enum { HASH_TEXT = 32 };


static void print_hash(char text[HASH_TEXT], uint64_t hash) {
  snprintf(text, HASH_TEXT, "siphash:%016" PRIx64, hash);
}


static void template_hash(const uvllm__settings_t* s, char text[HASH_TEXT]) {
  text[0] = '\0';
  if (s->template_text != NULL)
    print_hash(text, uvllm__sip(no_key, s->template_text, strlen(s->template_text)));
}


static void write_str(uvllm_json_writer_t* w, const char* name, const char* value) {
  uvllm_json_name(w, name);
  if (value != NULL && value[0] != '\0')
    uvllm_json_write_str(w, uvllm__str(value));
  else
    uvllm_json_write_null(w);
}


static void write_int(uvllm_json_writer_t* w, const char* name, uint64_t value, int known) {
  uvllm_json_name(w, name);
  if (known)
    uvllm_json_write_int(w, (int64_t) value);
  else
    uvllm_json_write_null(w);
}


static void write_input(const uvllm__run_t* run, uvllm_json_writer_t* w) {
  char hash[HASH_TEXT];
  print_hash(hash, run->hash);
  uvllm_json_name(w, "input");
  uvllm_json_begin_object(w);
  write_str(w, "path", run->settings->input);
  write_int(w, "bytes", run->bytes, run->known);
  write_int(w, "lines", run->nlines, run->known);
  write_str(w, "hash", run->known ? hash : NULL);
  uvllm_json_end_object(w);
}


static void write_targets(const uvllm__settings_t* s, uvllm_json_writer_t* w) {
  uvllm_json_name(w, "targets");
  uvllm_json_begin_array(w);
  uvllm_json_begin_object(w);
  write_str(w, "provider", s->provider);
  write_str(w, "model", s->model);
  uvllm_json_end_object(w);
  uvllm_json_end_array(w);
}


static void write_template(const uvllm__settings_t* s, uvllm_json_writer_t* w) {
  char hash[HASH_TEXT];
  uvllm_json_name(w, "template");
  if (s->template_text == NULL) {
    uvllm_json_write_null(w);
    return;
  }
  template_hash(s, hash);
  uvllm_json_begin_object(w);
  write_int(w, "bytes", strlen(s->template_text), 1);
  write_str(w, "hash", hash);
  uvllm_json_end_object(w);
}


int uvllm__run_write(const uvllm__run_t* run, uvllm__buf_t* out) {
  const uvllm__settings_t* s = run->settings;
  uvllm_json_writer_t* w;
  int err = uvllm_json_writer_new(&w, out->alloc);
  if (err != 0)
    return err;
  uvllm_json_begin_object(w);
  write_str(w, "uvllm", UVLLM_VERSION_STRING);
  write_str(w, "created", run->created);
  write_input(run, w);
  write_targets(s, w);
  write_template(s, w);
  uvllm_json_name(w, "ordered");
  uvllm_json_write_bool(w, (s->flags & UVLLM_BATCH_ORDERED) != 0);
  write_int(w, "limit", s->limit, s->limit != 0);
  uvllm_json_end_object(w);
  uvllm_str_t text = uvllm_json_writer_text(w);
  err = uvllm_json_writer_error(w);
  if (err == 0)
    err = uvllm__buf_append(out, text.base, text.len);
  if (err == 0)
    err = uvllm__buf_char(out, '\n');
  uvllm_json_writer_free(w);
  return err;
}


static int is_same(uvllm_str_t before, const char* now) {
  return now == NULL || now[0] == '\0' ? before.base == NULL : uvllm__str_eq(before, now);
}


/* "openai/gpt-4o", or "openai and each line's own model". */
static void name_target(char* text, size_t size, uvllm_str_t provider, uvllm_str_t model) {
  if (model.base == NULL)
    snprintf(text, size, "%.*s and each line's own model", (int) provider.len, provider.base);
  else
    snprintf(text, size, "%.*s/%.*s", (int) provider.len, provider.base, (int) model.len,
             model.base);
}


static int check_target(uvllm_json_t root, const uvllm__settings_t* s, char* reason,
                        size_t size) {
  char was[160], is[160];
  uvllm_str_t provider = uvllm_json_str(uvllm_json_path(root, "targets.0.provider"));
  uvllm_str_t model = uvllm_json_str(uvllm_json_path(root, "targets.0.model"));
  if (is_same(provider, s->provider) && is_same(model, s->model))
    return 0;
  name_target(was, sizeof(was), provider, model);
  name_target(is, sizeof(is), uvllm__str(s->provider), uvllm__str(s->model));
  snprintf(reason, size, "was made with %s, not %s", was, is);
  return UV_EEXIST;
}


static uint64_t read_hash(uvllm_str_t text) {
  char digits[17] = "";
  if (text.len == 8 + 16)
    memcpy(digits, text.base + 8, 16);
  uint64_t hash = 0;
  return sscanf(digits, "%16" SCNx64, &hash) == 1 ? hash : 0;
}


static void keep_facts(uvllm_json_t root, uvllm__run_t* run) {
  uvllm_str_t created = uvllm_json_str(uvllm_json_get(root, "created"));
  int64_t bytes = uvllm_json_int(uvllm_json_path(root, "input.bytes"), -1);
  if (created.len != 0 && created.len < sizeof(run->created)) {
    memcpy(run->created, created.base, created.len);
    run->created[created.len] = '\0';
  }
  run->known = bytes >= 0;
  if (!run->known)
    return;
  run->bytes = (uint64_t) bytes;
  run->nlines = (uint64_t) uvllm_json_int(uvllm_json_path(root, "input.lines"), 0);
  run->hash = read_hash(uvllm_json_str(uvllm_json_path(root, "input.hash")));
}


int uvllm__run_check(uvllm_json_parser_t* parser, uvllm_str_t text, uvllm__run_t* run,
                     char* reason, size_t reason_size) {
  char hash[HASH_TEXT];
  uvllm_json_t root;
  int err = uvllm_json_parse(parser, text, &root, NULL);
  if (err == UVLLM__ENOMEM)
    return err;
  if (err != 0 || uvllm_json_type_of(uvllm_json_get(root, "targets")) != UVLLM_JSON_ARRAY) {
    snprintf(reason, reason_size, "was made with something unknown: %s cannot be understood",
             run->settings->run);
    return UV_EEXIST;
  }
  keep_facts(root, run);
  err = check_target(root, run->settings, reason, reason_size);
  if (err != 0)
    return err;
  template_hash(run->settings, hash);
  uvllm_str_t before = uvllm_json_str(uvllm_json_path(root, "template.hash"));
  if (is_same(before, hash))
    return 0;
  snprintf(reason, reason_size, "was made with %s template%s",
           before.base == NULL ? "no" : hash[0] == '\0' ? "a" : "another",
           hash[0] == '\0' ? ", not with requests as they stand in the input" : "");
  return UV_EEXIST;
}
