/* Names are looked up for each member that is sent, so nothing is copied: no
 * parameters cost nothing, and a few a handful of comparisons.
 */
#include "openai_quirks.h"

static const char kName[] = "name.", kQuery[] = "query.", kModel[] = "{model}";


/* The next parameter whose name begins so, from *i on: what follows in its name. */
static const char* next_of(const uvllm_kv_t* params, size_t n, size_t* i, const char* beginning) {
  const size_t len = strlen(beginning);
  for (; *i < n; (*i)++)
    if (strncmp(params[*i].name, beginning, len) == 0)
      return params[(*i)++].name + len;
  return NULL;
}


int uvllm__quirk_next(const uvllm_kv_t* params, size_t n, size_t* i, const char** member,
                      const char** name) {
  *member = next_of(params, n, i, kName);
  *name = *member != NULL ? params[*i - 1].value : NULL;
  return *member != NULL;
}


const char* uvllm__quirk_name(const uvllm_kv_t* params, size_t n, const char* member) {
  const char *renamed, *name, *found = member;
  for (size_t i = 0; uvllm__quirk_next(params, n, &i, &renamed, &name);)
    if (strcmp(renamed, member) == 0)
      found = name;
  return found;
}


int uvllm__quirk_refused(const char** list, uvllm_str_t* member) {
  const char* p = *list;
  while (*p == ',' || *p == ' ')
    p++;
  member->base = p;
  member->len = strcspn(p, ", ");
  *list = p + member->len;
  return member->len != 0;
}


int uvllm__quirk_refuses(const uvllm_kv_t* params, size_t n, const char* member) {
  const char* list = n != 0 ? uvllm_param(params, n, "refuses") : NULL;
  uvllm_str_t refused;
  while (list != NULL && uvllm__quirk_refused(&list, &refused))
    if (uvllm__str_eq(refused, member))
      return 1;
  return 0;
}


int uvllm__quirk_is_bookkeeping(uvllm_str_t member) {
  static const char* const names[] = { "stream_options",    "user",
                                       "metadata",          "store",
                                       "safety_identifier", "prompt_cache_key",
                                       "prompt_cache_retention" };
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (uvllm__str_eq(member, names[i]))
      return 1;
  return 0;
}


size_t uvllm__quirk_id_len(const char* value) {
  if (value == NULL)
    return 0;
  if (strcmp(value, "10") == 0)
    return UVLLM__QUIRK_ID;
  return value[0] >= '6' && value[0] <= '9' && value[1] == '\0' ? (size_t) (value[0] - '0') : 0;
}


/* "/deployments/{model}/x": text as it is, the model as a segment, which brings its
 * slash along. */
static int put_prefix(const char* prefix, uvllm_str_t model, uvllm_http_t* http) {
  char text[UVLLM__QUIRK_PATH];
  const char* hole = strstr(prefix, kModel);
  const size_t before = hole != NULL ? (size_t) (hole - prefix) : strlen(prefix);
  if (before >= sizeof(text) || hole == prefix) /* check() has refused it */
    return UVLLM__EINVAL;
  memcpy(text, prefix, before);
  text[before - (hole != NULL)] = '\0';
  uvllm_http_path(http, text);
  if (hole == NULL)
    return 0;
  if (model.len == 0)
    return UVLLM__EINVAL;
  uvllm_http_segment(http, model);
  uvllm_http_path(http, hole + sizeof(kModel) - 1);
  return 0;
}


int uvllm__quirk_path(const uvllm_attempt_t* a, const char* path, int has_model,
                      uvllm_http_t* http) {
  const char* prefix = has_model ? uvllm_param(a->params, a->nparams, "path") : NULL;
  const int err = prefix != NULL ? put_prefix(prefix, a->model, http) : 0;
  const char* name;
  if (err != 0)
    return err;
  uvllm_http_path(http, path);
  for (size_t i = 0; (name = next_of(a->params, a->nparams, &i, kQuery)) != NULL;) {
    const char* value = a->params[i - 1].value;
    if (uvllm_param(a->params, a->nparams, a->params[i - 1].name) == value) /* the last one */
      uvllm_http_query(http, name, uvllm__str(value));
  }
  return 0;
}
