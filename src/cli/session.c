/* A client that is ready to send: where the provider is, its key, its prices.
 * The environment is read here and nowhere else; no key ever reaches a message.
 */
#include <sys/resource.h>

#include "common.h"


static int has_env(const char* value) {
  return value != NULL && *value != '\0';
}


/* OPENAI_API_KEY from "openai" and "_API_KEY". To be freed. */
static char* variable_name(const char* provider, const char* suffix) {
  char* name = cli_format("%s%s", provider, suffix);
  for (char* p = name; *p != '\0'; p++) {
    if (*p >= 'a' && *p <= 'z')
      *p = (char) (*p - 'a' + 'A');
    else if (*p == '-' || *p == '.')
      *p = '_';
  }
  return name;
}


char* cli_key_variable(const char* provider) {
  const uvllm_preset_t* preset = uvllm_preset_find(NULL, provider);
  if (preset != NULL && preset->key_env != NULL)
    return cli_format("%s", preset->key_env);
  return variable_name(provider, "_API_KEY");
}


/* OLLAMA_HOST as Ollama's own client reads it: "host", "host:port" or a URL; where a
 * server listens on every address, it is on this one. Static memory; NULL: unset. */
static const char* ollama_host(void) {
  static char url[512];
  const char* value = getenv("OLLAMA_HOST");
  if (!has_env(value))
    return NULL;
  const char* mark = strstr(value, "://");
  const char* host = mark != NULL ? mark + 3 : value;
  const size_t len = strcspn(host, "/");
  const char* colon = memchr(host, ':', len);
  if (*host == '[')
    colon = strstr(host, "]:") != NULL ? strstr(host, "]:") + 1 : NULL;
  const int name_len = (int) (colon != NULL ? (size_t) (colon - host) : len);
  const int is_any = name_len == 0 || strncmp(host, "0.0.0.0", (size_t) name_len) == 0;
  const int scheme_len = mark != NULL ? (int) (mark - value) : 4;
  snprintf(url, sizeof(url), "%.*s://%.*s%s%s", scheme_len, mark != NULL ? value : "http",
           is_any ? 9 : name_len, is_any ? "127.0.0.1" : host,
           colon == NULL && mark == NULL ? ":11434" : "", host + name_len);
  return url;
}


const char* cli_base_url(const char* provider, const char* option) {
  if (option != NULL)
    return option;
  char* variable = variable_name(provider, "_BASE_URL");
  const char* url = getenv(variable);
  free(variable);
  if (!has_env(url) && strcmp(provider, "ollama") == 0)
    return ollama_host();
  return has_env(url) ? url : NULL;
}


/* What a process may open bounds what can be in flight. */
void cli_raise_descriptors(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
    return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}


static int add_client(cli_session_t* s, const cli_session_options_t* options) {
  uvllm_client_options_t o;
  uvllm_client_options_init(&o);
  o.log_cb = cli_log_cb;
  o.log_level = cli_log_level();
  o.max_inflight = options->max_inflight;
  o.budget_pusd = options->budget_pusd;
  o.allow_unpriced = options->allow_unpriced;
  int err = uvllm_client_new(&s->client, &s->loop, &o);
  if (err != 0)
    cli_error("the client cannot be made: %s", uvllm_strerror(err));
  return err == 0 ? 0 : CLI_USAGE;
}


/* Amazon's variables, which other dialects have not. */
static int is_amazons(const char* provider) {
  const uvllm_preset_t* preset = uvllm_preset_find(NULL, provider);
  return preset != NULL && strcmp(preset->dialect, "bedrock") == 0;
}


static int add_provider(cli_session_t* s, const cli_common_t* common,
                        const cli_session_options_t* options) {
  uvllm_provider_options_t o;
  uvllm_provider_options_init(&o);
  o.name = options->provider;
  if (uvllm_preset_find(NULL, options->provider) == NULL)
    o.dialect = "openai";
  const int is_embedded = strcmp(options->provider, "mock") == 0 && s->base_url == NULL;
  o.base_url = is_embedded ? cli_mock_url(s->mock) : s->base_url;
  o.model = options->model;
  o.price_as = s->price_as;
  o.headers = common->headers;
  o.nheaders = common->nheaders;
  o.limits = options->limits;
  o.allow_http = common->allow_http;
  o.transport = common->transport;
  uvllm_kv_t* params = cli_alloc((common->nparams + 1) * sizeof(*params));
  if (is_amazons(options->provider) && has_env(getenv("AWS_REGION")))
    params[o.nparams++] = (uvllm_kv_t){ "region", getenv("AWS_REGION") };
  for (size_t i = 0; i < common->nparams; i++) /* the last of a name counts */
    params[o.nparams++] = common->params[i];
  o.params = params;
  int err = uvllm_provider_set(s->client, &o);
  free(params);
  if (err == 0)
    return 0;
  const char* why = uvllm_last_error(s->client);
  cli_error("provider '%s': %s%s", options->provider, *why != '\0' ? why : uvllm_strerror(err),
            strstr(why, "plain http") != NULL ? " (--allow-http allows it)" : "");
  return CLI_USAGE;
}


/* Its own service lets nobody in without one. */
static int needs_key(const char* provider, const char* base_url) {
  const uvllm_preset_t* preset = uvllm_preset_find(NULL, provider);
  if (preset == NULL || preset->base_url == NULL || !preset->needs_key)
    return 0;
  const char* host = strstr(preset->base_url, "://");
  if (base_url == NULL || host == NULL)
    return 1;
  const size_t service = (size_t) (host + 3 - preset->base_url) + strcspn(host + 3, "/");
  return strncmp(base_url, preset->base_url, service) == 0;
}


static int set_key(cli_session_t* s, const char* provider, const uvllm_key_t* key,
                   const char* variable) {
  int err = uvllm_key_set(s->client, provider, key);
  if (err == 0)
    return 0;
  cli_error("the key in %s cannot be used: %s", variable,
            err == UV_EINVAL   ? "it is empty, or has a control character, perhaps a newline, in it"
            : err == UV_E2BIG ? "there are too many"
                              : uvllm_strerror(err));
  return CLI_USAGE;
}


/* One, or several with commas between: they are called by their numbers then. */
static int set_keys(cli_session_t* s, const char* provider, const uvllm_key_t* like,
                    const char* value, const char* variable) {
  uvllm_key_t key = *like;
  char label[16];
  int status = 0, n = 0, more = 1;
  const int several = strchr(value, ',') != NULL;
  for (const char* at = value; status == 0 && more; at++) {
    at += strspn(at, " ");
    char* one = cli_format("%.*s", (int) strcspn(at, ", "), at);
    snprintf(label, sizeof(label), "key-%d", ++n);
    key.label = several ? label : NULL;
    key.key = one;
    status = set_key(s, provider, &key, variable);
    explicit_bzero(one, strlen(one));
    free(one);
    at += strcspn(at, ",");
    more = *at == ',';
  }
  return status;
}


static int add_key(cli_session_t* s, const cli_session_options_t* options, int is_needed) {
  char* variable = cli_key_variable(options->provider);
  const char* value = getenv(variable);
  int status = 0;
  uvllm_key_t key;
  uvllm_key_init(&key);
  if (!has_env(value) && is_amazons(options->provider) &&
      has_env(getenv("AWS_SECRET_ACCESS_KEY"))) {
    value = getenv("AWS_ACCESS_KEY_ID");
    key.secret = getenv("AWS_SECRET_ACCESS_KEY");
    key.session = getenv("AWS_SESSION_TOKEN");
  }
  if (has_env(value)) {
    status = set_keys(s, options->provider, &key, value, variable);
  } else if (is_needed) {
    cli_error("%s needs a key: set %s to yours, or try it without one: -m mock/%s",
              options->provider, variable, options->model != NULL ? options->model : "gpt-4o-mini");
    status = CLI_USAGE;
  }
  free(variable);
  return status;
}


static int add_prices(cli_session_t* s, const char* path) {
  if (path == NULL)
    return 0;
  int status = cli_read_json_object(path, &s->prices_json);
  if (status != 0)
    return status;
  int err = uvllm_prices_load(s->client, s->prices_json);
  if (err == 0)
    return 0;
  cli_error("%s: %s", path,
            err == UV_EINVAL ? "there are no prices in LiteLLM's format in it"
                             : uvllm_strerror(err));
  return CLI_USAGE;
}


static int check_provider(const char* provider, const char* base_url) {
  const uvllm_preset_t* preset = uvllm_preset_find(NULL, provider);
  if (base_url != NULL || strcmp(provider, "mock") == 0 ||
      (preset != NULL && preset->base_url != NULL))
    return 0;
  char* variable = variable_name(provider, "_BASE_URL");
  cli_error("provider '%s' is not known here: if it speaks OpenAI's API, say where it is with "
            "--base-url URL or %s",
            provider, variable);
  free(variable);
  return CLI_USAGE;
}


static const char* price_name(const char* provider) {
  const uvllm_preset_t* preset = uvllm_preset_find(NULL, provider);
  return preset != NULL && preset->price_as != NULL ? preset->price_as : provider;
}


int cli_session_begin(cli_session_t* s, const cli_session_options_t* options) {
  memset(s, 0, sizeof(*s));
  cli_raise_descriptors();
  int err = uv_loop_init(&s->loop);
  if (err != 0) {
    cli_error("no event loop: %s", uv_strerror(err));
    return CLI_USAGE;
  }
  int status = add_client(s, options);
  if (status != 0)
    cli_session_close(s);
  return status;
}


int cli_session_add(cli_session_t* s, const cli_common_t* common,
                    const cli_session_options_t* options) {
  const int is_mock = strcmp(options->provider, "mock") == 0;
  s->provider = options->provider;
  s->base_url = cli_base_url(options->provider, common->base_url);
  s->price_as = is_mock ? "*" : price_name(options->provider);
  if (check_provider(options->provider, s->base_url) != 0)
    return CLI_USAGE;
  const int is_embedded = is_mock && s->base_url == NULL;
  if (is_embedded && s->mock == NULL && (s->mock = cli_mock_start(options->max_inflight)) == NULL)
    return CLI_USAGE;
  int status = add_provider(s, common, options);
  if (status == 0)
    status = add_key(s, options, !is_embedded && !options->without_key &&
                                     needs_key(options->provider, s->base_url));
  return status;
}


/* In a process of its own it is forked, which is best done while there is little. */
static int start_mock_early(const cli_common_t* common, const cli_session_options_t* options,
                            cli_mock_t** mock) {
  *mock = NULL;
  if (strcmp(options->provider, "mock") != 0 || cli_base_url("mock", common->base_url) != NULL)
    return 0;
  cli_raise_descriptors();
  *mock = cli_mock_start(options->max_inflight);
  return *mock != NULL ? 0 : CLI_USAGE;
}


int cli_session_open(cli_session_t* s, const cli_common_t* common,
                     const cli_session_options_t* options) {
  cli_mock_t* mock;
  if (start_mock_early(common, options, &mock) != 0)
    return CLI_USAGE;
  int status = cli_session_begin(s, options);
  if (status != 0) {
    cli_mock_stop(mock);
    return status;
  }
  s->mock = mock;
  status = cli_session_add(s, common, options);
  if (status == 0)
    status = add_prices(s, common->prices);
  if (status != 0)
    cli_session_close(s);
  return status;
}


void cli_session_close(cli_session_t* s) {
  if (s->client != NULL)
    uvllm_client_close(s->client, NULL, NULL);
  uv_run(&s->loop, UV_RUN_DEFAULT);
  uv_loop_close(&s->loop);
  cli_mock_stop(s->mock);
  free((char*) s->prices_json.base);
}
