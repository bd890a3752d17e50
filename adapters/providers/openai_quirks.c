/* Names are looked up for each member that is sent, so nothing is copied: no
 * parameters cost nothing, and a few a handful of comparisons.
 */
#include "openai_quirks.h"

static const char kPrefix[] = "name.";

enum { PREFIX = sizeof(kPrefix) - 1 };


int uvllm__quirk_next(const uvllm_kv_t* params, size_t n, size_t* i, const char** member,
                      const char** name) {
  for (; *i < n; (*i)++)
    if (strncmp(params[*i].name, kPrefix, PREFIX) == 0) {
      *member = params[*i].name + PREFIX;
      *name = params[(*i)++].value;
      return 1;
    }
  return 0;
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
