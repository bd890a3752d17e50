/* Names of the caller's own for a provider's model. */
#include "internal.h"

struct uvllm__alias_s {
  uvllm__alias_t* next;
  char* name;
  char* provider; /* and behind its end the model */
  char* model;
};


static void free_alias(uvllm_client_t* c, uvllm__alias_t* alias) {
  uvllm__free(&c->alloc, alias->name);
  uvllm__free(&c->alloc, alias->provider);
  uvllm__free(&c->alloc, alias);
}


void uvllm__aliases_free(uvllm_client_t* c) {
  while (c->aliases != NULL) {
    uvllm__alias_t* alias = c->aliases;
    c->aliases = alias->next;
    free_alias(c, alias);
  }
}


static uvllm__alias_t** find_slot(uvllm_client_t* c, const char* name) {
  uvllm__alias_t** slot = &c->aliases;
  while (*slot != NULL && strcmp((*slot)->name, name) != 0)
    slot = &(*slot)->next;
  return slot;
}


static uvllm__alias_t* make_alias(uvllm_client_t* c, const char* name, const char* target) {
  uvllm__alias_t* alias = uvllm__calloc(&c->alloc, 1, sizeof(*alias));
  if (alias == NULL)
    return NULL;
  alias->name = uvllm__strdup(&c->alloc, name);
  alias->provider = uvllm__strdup(&c->alloc, target);
  if (alias->name != NULL && alias->provider != NULL) {
    alias->model = strchr(alias->provider, '/');
    *alias->model++ = '\0';
    return alias;
  }
  free_alias(c, alias);
  return NULL;
}


int uvllm_alias_set(uvllm_client_t* c, const char* name, const char* target) {
  const char* slash = target != NULL ? strchr(target, '/') : NULL;
  uvllm__alias_t** slot = find_slot(c, name);
  uvllm__alias_t *old = *slot, *alias = NULL;
  if (*name == '\0' || (target != NULL && (slash == NULL || slash == target || slash[1] == '\0')))
    return UV_EINVAL;
  if (target != NULL && (alias = make_alias(c, name, target)) == NULL)
    return UV_ENOMEM;
  if (alias != NULL)
    alias->next = old != NULL ? old->next : NULL;
  *slot = alias != NULL ? alias : old != NULL ? old->next : NULL;
  if (old != NULL)
    free_alias(c, old);
  return 0;
}


int uvllm__alias_resolve(uvllm_client_t* c, uvllm_target_t* target) {
  const uvllm__alias_t* alias = target->model != NULL ? *find_slot(c, target->model) : NULL;
  if (alias == NULL)
    return UVLLM_ENOPROVIDER;
  target->provider = alias->provider;
  target->model = alias->model;
  return 0;
}
