/* Providers: names in a client, whose settings may be replaced while requests run.
 * An attempt keeps the settings that it started with.
 */
#include "internal.h"

#include <assert.h>
#include <stdio.h>

#include "dialects.h"


void uvllm__provider_options_init(uvllm_provider_options_t* o, size_t size) {
  memset(o, 0, size);
  o->size = size;
}


uvllm__conf_t* uvllm__conf_ref(uvllm__conf_t* conf) {
  conf->refs++;
  return conf;
}


void uvllm__conf_unref(uvllm_client_t* c, uvllm__conf_t* conf) {
  const uvllm_alloc_t* a = &c->alloc;
  if (conf == NULL || --conf->refs > 0)
    return;
  uvllm__kvs_free(a, conf->headers, conf->nheaders);
  uvllm__kvs_free(a, conf->params, conf->nparams);
  uvllm__free(a, conf->model);
  uvllm__free(a, conf->last_model);
  uvllm__free(a, conf->price_as);
  uvllm__origin_unref(conf->origin);
  uvllm__origin_unref(conf->models_origin);
  uvllm__free(a, conf);
}


int uvllm__speaks_openai(const uvllm_provider_ops_t* ops) {
  return uvllm__ops_have(ops, speaks_openai) && ops->speaks_openai;
}


const uvllm_provider_ops_t* uvllm__conf_ops(const uvllm__conf_t* conf, uvllm_op op,
                                            uvllm_str_t model) {
  if (conf->nparams == 0 || !uvllm__ops_have(conf->ops, pick) || conf->ops->pick == NULL)
    return conf->ops;
  return conf->ops->pick(conf->params, conf->nparams, op, model);
}


static uvllm__provider_t** find_slot(uvllm_client_t* c, const char* name) {
  uvllm__provider_t** p = &c->providers;
  while (*p != NULL && strcmp((*p)->name, name) != 0)
    p = &(*p)->next;
  return p;
}


uvllm__provider_t* uvllm__provider_find(const uvllm_client_t* c, const char* name) {
  return *find_slot((uvllm_client_t*) c, name);
}


void uvllm__provider_unref(uvllm_client_t* c, uvllm__provider_t* p) {
  if (p == NULL || --p->refs > 0)
    return;
  uvllm__conf_unref(c, p->conf);
  uvllm__credentials_free(c, p);
  uvllm__lanes_free(c, p);
  uvllm__free(&c->alloc, p->name);
  uvllm__free(&c->alloc, p);
}


void uvllm__providers_free(uvllm_client_t* c) {
  while (c->providers != NULL) {
    uvllm__provider_t* p = c->providers;
    c->providers = p->next;
    uvllm__provider_unref(c, p);
  }
}


static int copy_headers(uvllm_client_t* c, uvllm__conf_t* conf, const uvllm_kv_t* headers,
                        size_t n) {
  if (n > UVLLM__HTTP_MAX_HEADERS / 4)
    return uvllm__refuse(c, UV_EINVAL, "too many headers");
  for (size_t i = 0; i < n; i++)
    if (uvllm__http_check_header(headers[i].name, headers[i].value) != 0)
      return uvllm__refuse(c, UV_EINVAL, "a header's name or value may not be sent");
  return uvllm__kvs_copy(&c->alloc, headers, n, &conf->headers, &conf->nheaders);
}


/* The last one of a name counts: those of the options come behind the preset's. */
static int copy_params(uvllm_client_t* c, uvllm__conf_t* conf, const uvllm_preset_t* preset,
                       const uvllm_provider_options_t* o) {
  if (!uvllm__params_are_fine(o->params, o->nparams))
    return uvllm__refuse(c, UV_EINVAL, "a parameter has no name, no value, or a control "
                                       "character in it");
  int err = 0;
  if (preset != NULL)
    err = uvllm__kvs_copy(&c->alloc, preset->params, preset->nparams, &conf->params,
                          &conf->nparams);
  return err != 0 ? err : uvllm__kvs_copy(&c->alloc, o->params, o->nparams, &conf->params,
                                          &conf->nparams);
}


/* A dialect that is named outright is meant; a preset of its name only tells where it
 * is at home. */
static const uvllm_preset_t* find_preset(const uvllm_client_t* c,
                                         const uvllm_provider_options_t* o) {
  if (o->ops != NULL)
    return NULL;
  const uvllm_preset_t* preset =
      uvllm_preset_find(c, o->dialect != NULL ? o->dialect : o->name);
  if (preset != NULL && o->dialect != NULL && uvllm__dialect(o->dialect) != NULL &&
      strcmp(preset->dialect, o->dialect) != 0)
    return NULL;
  return preset;
}


static int copy_names(uvllm_client_t* c, uvllm__conf_t* conf, const uvllm_preset_t* preset,
                      const uvllm_provider_options_t* o) {
  const char* last_model = preset != NULL ? preset->model : NULL;
  const char* price_as = o->price_as != NULL ? o->price_as
                         : preset != NULL && preset->price_as != NULL ? preset->price_as
                                                                      : o->name;
  conf->model = uvllm__strdup(&c->alloc, o->model);
  conf->last_model = uvllm__strdup(&c->alloc, last_model);
  conf->price_as = uvllm__strdup(&c->alloc, price_as);
  if ((o->model != NULL && conf->model == NULL) || conf->price_as == NULL ||
      (last_model != NULL && conf->last_model == NULL))
    return UV_ENOMEM;
  return 0;
}


static int is_home(const uvllm__conf_t* conf, const char* url) {
  return url != NULL && strcmp(conf->origin->base_url, url) == 0;
}


/* A base URL with the parameters in it that it names. */
static int make_origin(uvllm_client_t* c, const uvllm__conf_t* conf, const char* url,
                       const uvllm_provider_options_t* o, uvllm__origin_t** origin) {
  const char* why = NULL;
  char *filled = NULL, words[96];
  uvllm_str_t missing;
  int err = uvllm__params_fill(&c->alloc, url, conf->params, conf->nparams, &filled, &missing);
  if (missing.base != NULL) {
    snprintf(words, sizeof(words), "the base URL needs the parameter %.*s",
             (int) (missing.len < 40 ? missing.len : 40), missing.base);
    return uvllm__refuse(c, err, words);
  }
  if (err != 0)
    return err;
  const uvllm__origin_wish_t wish = { filled, o->proxy, o->ca_file, o->allow_http, o->transport };
  err = uvllm__origin_new(origin, &c->alloc, &wish, &why);
  uvllm__free(&c->alloc, filled);
  return err != 0 ? uvllm__refuse(c, err, why) : 0;
}


/* Lists are elsewhere only as long as the provider is where it is at home. */
static int make_origins(uvllm_client_t* c, uvllm__conf_t* conf, const char* url,
                        const uvllm_provider_options_t* o) {
  const char* models_url = uvllm_param(conf->params, conf->nparams, "models_url");
  const int err = make_origin(c, conf, url, o, &conf->origin);
  if (err != 0 || models_url == NULL || o->base_url != NULL)
    return err;
  return make_origin(c, conf, models_url, o, &conf->models_origin);
}


static int fill_conf(uvllm_client_t* c, uvllm__conf_t* conf, const uvllm_provider_options_t* o) {
  const uvllm_preset_t* preset = find_preset(c, o);
  const char* dialect = preset != NULL       ? preset->dialect
                        : o->dialect != NULL ? o->dialect : o->name;
  conf->ops = o->ops != NULL ? o->ops : uvllm__dialect(dialect);
  if (conf->ops == NULL)
    return uvllm__refuse(c, UV_EINVAL, uvllm__dialect_missing(dialect));
  const char* home = preset != NULL ? preset->base_url : conf->ops->default_base_url;
  const char* url = o->base_url != NULL ? o->base_url : home;
  if (url == NULL)
    return uvllm__refuse(c, UV_EINVAL, "the dialect has no base URL of its own: one is needed");
  int err = copy_params(c, conf, preset, o);
  if (err == 0)
    err = make_origins(c, conf, url, o);
  if (err != 0)
    return err;
  conf->wants_key = (preset == NULL || preset->needs_key) &&
                    (o->base_url == NULL || is_home(conf, home));
  err = copy_names(c, conf, preset, o);
  return err != 0 ? err : copy_headers(c, conf, o->headers, o->nheaders);
}


static int make_provider(uvllm_client_t* c, const uvllm_provider_options_t* o,
                         uvllm__provider_t** out) {
  uvllm__provider_t* p = uvllm__calloc(&c->alloc, 1, sizeof(*p));
  if (p == NULL)
    return UV_ENOMEM;
  p->refs = 1;
  p->name = uvllm__strdup(&c->alloc, o->name);
  int err = p->name != NULL ? 0 : UV_ENOMEM;
  if (err == 0)
    err = uvllm__credentials_init(c, p, &o->limits);
  if (err == 0)
    err = uvllm__lanes_init(c, p);
  if (err != 0) {
    uvllm__provider_unref(c, p);
    return err;
  }
  *out = p;
  return 0;
}


int uvllm_provider_set(uvllm_client_t* c, const uvllm_provider_options_t* options) {
  uvllm_provider_options_t o;
  uvllm_provider_options_init(&o);
  memcpy(&o, options, options->size < sizeof(o) ? options->size : sizeof(o));
  o.size = sizeof(o);
  c->last_error[0] = '\0';
  if (o.name == NULL || *o.name == '\0' || strchr(o.name, '/') != NULL)
    return uvllm__refuse(c, UV_EINVAL, "a provider's name is empty or has a slash");
  uvllm__conf_t* conf = uvllm__calloc(&c->alloc, 1, sizeof(*conf));
  if (conf == NULL)
    return uvllm__refuse(c, UV_ENOMEM, uvllm_strerror(UV_ENOMEM));
  conf->refs = 1;
  c->now_ns = uv_hrtime();
  int err = fill_conf(c, conf, &o);
  uvllm__provider_t** slot = find_slot(c, o.name);
  uvllm__provider_t* fresh = NULL;
  if (err == 0 && *slot == NULL)
    err = make_provider(c, &o, &fresh);
  else if (err == 0)
    err = uvllm__credentials_limit(c, *slot, &o.limits);
  if (err != 0) {
    uvllm__conf_unref(c, conf);
    return c->last_error[0] != '\0' ? err : uvllm__refuse(c, err, uvllm_strerror(err));
  }
  uvllm__provider_t* p = fresh != NULL ? fresh : *slot;
  assert(p != NULL);
  *slot = p;
  uvllm__conf_unref(c, p->conf);
  p->conf = conf;
  uvllm__lanes_may_go(c);
  return 0;
}


static void end_all(uvllm__lane_t* lane) {
  uvllm_fair_node_t* node;
  while ((node = uvllm_fair_peek(lane->fair)) != NULL) {
    uvllm_req_t* req = uvllm__container(node, uvllm_req_t, lane_node);
    uvllm__req_finish(req, UVLLM_ENOPROVIDER);
  }
}


int uvllm_provider_remove(uvllm_client_t* c, const char* name) {
  uvllm__provider_t** slot = find_slot(c, name);
  uvllm__provider_t* p = *slot;
  if (p == NULL)
    return UVLLM_ENOPROVIDER;
  *slot = p->next;
  p->removed = 1;
  if (c->next_provider == p)
    c->next_provider = NULL;
  for (uvllm__lane_t* lane = p->lanes; lane != NULL; lane = lane->next)
    end_all(lane);
  for (uvllm_req_t* req = c->reqs; req != NULL; req = req->next)
    if (req->provider == p && (req->state == UVLLM__BACKOFF || req->state == UVLLM__PARKED))
      uvllm__req_finish(req, UVLLM_ENOPROVIDER);
  uvllm__keys_remove(c, p); /* attempts have theirs */
  uvllm__provider_unref(c, p);
  return 0;
}
