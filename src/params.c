/* Names and values: parameters that only a dialect understands, headers. */
#include "params.h"
#include "buf.h"
#include "uvllm/provider.h"


const char* uvllm_param(const uvllm_kv_t* params, size_t nparams, const char* name) {
  while (nparams-- > 0)
    if (strcmp(params[nparams].name, name) == 0)
      return params[nparams].value;
  return NULL;
}


int uvllm__is_clean(const char* s) {
  for (; s != NULL && *s != '\0'; s++)
    if ((unsigned char) *s < 0x20 || *s == 0x7f)
      return 0;
  return 1;
}


int uvllm__params_are_fine(const uvllm_kv_t* params, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (params[i].name == NULL || params[i].name[0] == '\0' || params[i].value == NULL ||
        !uvllm__is_clean(params[i].name) || !uvllm__is_clean(params[i].value))
      return 0;
  return 1;
}


void uvllm__kvs_free(const uvllm_alloc_t* a, uvllm_kv_t* kvs, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uvllm__free(a, (char*) kvs[i].name);
    uvllm__free_secret(a, (char*) kvs[i].value);
  }
  uvllm__free(a, kvs);
}


int uvllm__kvs_copy(const uvllm_alloc_t* a, const uvllm_kv_t* from, size_t n, uvllm_kv_t** to,
                    size_t* nto) {
  if (n == 0)
    return 0;
  uvllm_kv_t* grown = uvllm__realloc(a, *to, (*nto + n) * sizeof(*grown));
  if (grown == NULL)
    return UVLLM__ENOMEM;
  *to = grown;
  for (size_t i = 0; i < n; i++) {
    uvllm_kv_t* kv = &grown[*nto];
    kv->name = uvllm__strdup(a, from[i].name);
    kv->value = uvllm__strdup(a, from[i].value);
    (*nto)++;
    if (kv->name == NULL || kv->value == NULL)
      return UVLLM__ENOMEM;
  }
  return 0;
}


static const char* find(const uvllm_kv_t* params, size_t n, uvllm_str_t name) {
  while (n-- > 0)
    if (uvllm__str_eq(name, params[n].name))
      return params[n].value;
  return NULL;
}


int uvllm__params_fill(const uvllm_alloc_t* a, const char* text, const uvllm_kv_t* params,
                       size_t n, char** out, uvllm_str_t* missing) {
  uvllm__buf_t buf;
  uvllm__buf_init(&buf, a, SIZE_MAX);
  *missing = (uvllm_str_t) { NULL, 0 };
  while (*text != '\0') {
    const size_t plain = strcspn(text, "{");
    uvllm__buf_append(&buf, text, plain);
    text += plain;
    if (*text == '\0')
      break;
    const uvllm_str_t name = { text + 1, strcspn(text + 1, "}") };
    const char* value = find(params, n, name);
    if (value == NULL) {
      uvllm__buf_free(&buf);
      *missing = name;
      return UVLLM__EINVAL;
    }
    uvllm__buf_str(&buf, value);
    text += 1 + name.len + (text[1 + name.len] == '}');
  }
  if (uvllm__buf_char(&buf, '\0') != 0) {
    const int err = buf.err;
    uvllm__buf_free(&buf);
    return err;
  }
  *out = buf.base;
  return 0;
}
