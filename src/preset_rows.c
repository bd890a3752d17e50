/* A client's own presets: rows copied from the caller, found before built-in ones. */
#include "internal.h"

#include "dialects.h"
#include "presets.h"

struct uvllm__preset_row_s {
  uvllm__preset_row_t* next;
  uvllm_preset_t preset; /* its strings and parameters are the row's */
};


static void free_row(const uvllm_alloc_t* a, uvllm__preset_row_t* row) {
  uvllm_preset_t* p = &row->preset;
  const char* const strings[] = { p->name, p->dialect, p->base_url, p->model, p->price_as,
                                  p->key_env };
  for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
    uvllm__free(a, (char*) strings[i]);
  uvllm__kvs_free(a, (uvllm_kv_t*) p->params, p->nparams);
  uvllm__free(a, row);
}


void uvllm__preset_rows_free(uvllm_client_t* c) {
  while (c->presets != NULL) {
    uvllm__preset_row_t* row = c->presets;
    c->presets = row->next;
    free_row(&c->alloc, row);
  }
}


static int copy_chars(const uvllm_alloc_t* a, const char* from, const char** to) {
  *to = uvllm__strdup(a, from);
  return from != NULL && *to == NULL ? UV_ENOMEM : 0;
}


static int copy_row(const uvllm_alloc_t* a, const uvllm_preset_t* from, uvllm_preset_t* to) {
  uvllm_kv_t* params = NULL;
  int err = copy_chars(a, from->name, &to->name);
  to->size = sizeof(*to);
  to->needs_key = from->needs_key;
  if (err == 0)
    err = copy_chars(a, from->dialect, &to->dialect);
  if (err == 0)
    err = copy_chars(a, from->base_url, &to->base_url);
  if (err == 0)
    err = copy_chars(a, from->model, &to->model);
  if (err == 0)
    err = copy_chars(a, from->price_as, &to->price_as);
  if (err == 0)
    err = copy_chars(a, from->key_env, &to->key_env);
  if (err == 0)
    err = uvllm__kvs_copy(a, from->params, from->nparams, &params, &to->nparams);
  to->params = params;
  return err;
}


static uvllm__preset_row_t** find_slot(uvllm_client_t* c, const char* name) {
  uvllm__preset_row_t** row = &c->presets;
  while (*row != NULL && strcmp((*row)->preset.name, name) != 0)
    row = &(*row)->next;
  return row;
}


int uvllm_preset_set(uvllm_client_t* c, const uvllm_preset_t* preset) {
  uvllm_preset_t p;
  uvllm_preset_init(&p);
  memcpy(&p, preset, preset->size < sizeof(p) ? preset->size : sizeof(p));
  if (p.name == NULL || *p.name == '\0' || uvllm__dialect(p.dialect) == NULL ||
      !uvllm__params_are_fine(p.params, p.nparams))
    return UV_EINVAL;
  uvllm__preset_row_t* row = uvllm__calloc(&c->alloc, 1, sizeof(*row));
  if (row == NULL)
    return UV_ENOMEM;
  int err = copy_row(&c->alloc, &p, &row->preset);
  if (err != 0) {
    free_row(&c->alloc, row);
    return err;
  }
  uvllm__preset_row_t** slot = find_slot(c, p.name);
  uvllm__preset_row_t* old = *slot;
  row->next = old != NULL ? old->next : NULL;
  *slot = row;
  if (old != NULL)
    free_row(&c->alloc, old);
  return 0;
}


const uvllm_preset_t* uvllm_preset_find(const uvllm_client_t* c, const char* name) {
  const uvllm__preset_row_t* row =
      c != NULL ? *find_slot((uvllm_client_t*) c, name) : NULL;
  return row != NULL ? &row->preset : uvllm__preset_builtin(name);
}
