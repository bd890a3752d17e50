/* What the caller says of a batch, copied; and the names of its files. */
#include "batch_internal.h"
#include "internal.h"


void uvllm__batch_options_init(uvllm_batch_options_t* o, size_t size) {
  memset(o, 0, size);
  o->size = size;
}


static int ends_with(const char* s, const char* ending) {
  size_t n = strlen(s), m = strlen(ending);
  return n >= m && strcmp(s + n - m, ending) == 0;
}


/* The first `len` bytes of s, then the ending. */
static char* join(const uvllm_alloc_t* a, const char* s, size_t len, const char* ending) {
  size_t n = strlen(ending);
  char* path = uvllm__malloc(a, len + n + 1);
  if (path == NULL)
    return NULL;
  memcpy(path, s, len);
  memcpy(path + len, ending, n + 1);
  return path;
}


static size_t without(const char* path, const char* ending) {
  return strlen(path) - (ends_with(path, ending) ? strlen(ending) : 0);
}


static char* output_of(const uvllm_alloc_t* a, const char* input) {
  size_t len = ends_with(input, ".csv") ? without(input, ".csv") : without(input, ".jsonl");
  return join(a, input, len, ".results.jsonl");
}


static char* errors_of(const uvllm_alloc_t* a, const char* output) {
  size_t len = ends_with(output, ".results.jsonl") ? without(output, ".results.jsonl")
                                                   : without(output, ".jsonl");
  return join(a, output, len, ".errors.jsonl");
}


static int copy_defaults(uvllm__settings_t* s, const uvllm_alloc_t* alloc,
                         const uvllm_request_t* from) {
  uvllm_request_t r;
  const uvllm_str_t absent = { NULL, 0 };
  uvllm_request_init(&r);
  if (from != NULL) {
    memcpy(&r, from, from->size < sizeof(r) ? from->size : sizeof(r));
    r.size = sizeof(r);
  } else {
    r.max_attempts = 5;
    r.connect_timeout_ms = 10 * 1000;
    r.first_timeout_ms = 120 * 1000;
    r.idle_timeout_ms = 60 * 1000;
    r.timeout_ms = 600 * 1000;
  }
  r.op = UVLLM_CHAT;
  /* RESTART: nobody is told the content before it is whole. */
  r.flags = UVLLM_BODY | UVLLM_NO_COLLECT | UVLLM_RESTART;
  r.target.provider = r.target.model = NULL;
  r.messages = NULL;
  r.nmessages = 0;
  r.raw_method = r.raw_path = NULL;
  r.body_json = r.raw_body = absent;
  return uvllm__request_copy(&r, alloc, &s->defaults, &s->defaults_bytes);
}


static int copy_string(const uvllm_alloc_t* a, char** to, const char* from) {
  *to = uvllm__strdup(a, from);
  return from != NULL && *to == NULL ? UVLLM__ENOMEM : 0;
}


static int copy_strings(uvllm__settings_t* s, const uvllm_alloc_t* a,
                        const uvllm_batch_options_t* o) {
  const char* provider = o->target.provider != NULL ? o->target.provider : "openai";
  int err = copy_string(a, &s->input, o->input);
  if (err == 0)
    err = copy_string(a, &s->provider, provider);
  if (err == 0)
    err = copy_string(a, &s->model, o->target.model);
  if (err == 0)
    err = copy_string(a, &s->template_text, o->template_text);
  if (err == 0)
    err = copy_string(a, &s->price_as, o->price_as);
  if (err == 0 && o->prices_json.base != NULL) {
    s->prices_json = uvllm__strndup(a, o->prices_json);
    err = s->prices_json == NULL ? UVLLM__ENOMEM : 0;
  }
  return err;
}


/* output stays NULL where there is no name to make it of. */
static int name_files(uvllm__settings_t* s, const uvllm_alloc_t* a, const char* output) {
  if (output == NULL && strcmp(s->input, "-") == 0)
    return 0;
  s->output = output != NULL ? uvllm__strdup(a, output) : output_of(a, s->input);
  if (s->output == NULL)
    return UVLLM__ENOMEM;
  s->errors = errors_of(a, s->output);
  s->run = join(a, s->output, strlen(s->output), ".run.json");
  return s->errors == NULL || s->run == NULL ? UVLLM__ENOMEM : 0;
}


int uvllm__settings_copy(uvllm__settings_t* s, const uvllm_alloc_t* a,
                         const uvllm_batch_options_t* options) {
  uvllm_batch_options_t o;
  memset(s, 0, sizeof(*s));
  uvllm_batch_options_init(&o);
  memcpy(&o, options, options->size < sizeof(o) ? options->size : sizeof(o));
  if (o.input == NULL || o.input[0] == '\0')
    return UVLLM__EINVAL;
  s->limit = o.limit;
  s->concurrency = o.concurrency != 0 ? o.concurrency : 64;
  s->window = s->concurrency > 64 ? 2 * s->concurrency : 128;
  s->flags = o.flags;
  s->csv = ends_with(o.input, ".csv");
  int err = copy_strings(s, a, &o);
  if (err == 0)
    err = name_files(s, a, o.output);
  if (err == 0)
    err = copy_defaults(s, a, o.defaults);
  if (err != 0)
    uvllm__settings_free(s, a);
  return err;
}


void uvllm__settings_free(uvllm__settings_t* s, const uvllm_alloc_t* a) {
  char* strings[] = { s->input, s->output, s->errors,      s->run,     s->provider,
                      s->model, s->template_text, s->prices_json, s->price_as };
  for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
    uvllm__free(a, strings[i]);
  if (s->defaults != NULL)
    uvllm__request_free(a, s->defaults, s->defaults_bytes);
  memset(s, 0, sizeof(*s));
}
