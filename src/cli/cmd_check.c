/* uvllm check: whether providers answer, let the keys in, and how fast: all at once.
 *
 * Without names it is those that have a key, and servers on this machine that answer
 * where their kind usually listens. Only lists of models are asked for: nothing is
 * spent. One request goes for each key, since as many at once go with different ones.
 */
#include "common.h"

enum { MAX_ROWS = 64, MAX_KEYS = 64, LOCAL_CONNECT_MS = 1000, OPT_TIMEOUT = 256 };

static const cli_option_t options[] = {
  { "timeout", OPT_TIMEOUT, "SECONDS", "of each answer (10)" },
  { NULL, 0, NULL, NULL }
};

typedef struct row_s {
  const char* provider;
  const char* base_url;  /* where it was asked */
  char* variable;        /* of its key */
  char* model;           /* the first one that it lists, or NULL */
  int is_found;          /* not asked for, but on this machine, as it seems */
  int nkeys;             /* 0: none */
  int nrefused;          /* of them */
  int status, http_status;
  char* message;
  size_t nmodels;
  uint64_t counted;      /* the request that they are of */
  uint64_t connect_ns, answer_ns; /* 0: not reached */
} row_t;

typedef struct check_s {
  cli_common_t common;
  cli_session_t session;
  uint64_t timeout_ms;
  row_t rows[MAX_ROWS];
  size_t nrows;
} check_t;


/* ---- Who is asked --------------------------------------------------------------------- */

static int count_keys(const char* variable) {
  const char* value = getenv(variable);
  int n = value != NULL && *value != '\0';
  for (; n > 0 && (value = strchr(value, ',')) != NULL && n < MAX_KEYS; value++)
    n++;
  return n;
}


static int is_amazons(const uvllm_preset_t* p) {
  return strcmp(p->dialect, "bedrock") == 0 && getenv("AWS_SECRET_ACCESS_KEY") != NULL;
}


static row_t* add_row(check_t* c, const char* provider) {
  if (c->nrows == MAX_ROWS)
    return NULL;
  row_t* row = &c->rows[c->nrows++];
  const uvllm_preset_t* preset = uvllm_preset_find(NULL, provider);
  row->provider = provider;
  row->base_url = cli_base_url(provider, c->common.base_url);
  if (row->base_url == NULL && preset != NULL)
    row->base_url = preset->base_url;
  row->variable = cli_key_variable(provider);
  row->nkeys = count_keys(row->variable);
  if (row->nkeys == 0 && preset != NULL && is_amazons(preset))
    row->nkeys = 1;
  return row;
}


/* Scheme, name and port. */
static int is_same_host(const char* a, const char* b) {
  const char* mark = strstr(a, "://");
  const size_t len = mark != NULL ? (size_t) (mark - a) + 3 + strcspn(mark + 3, "/") : 0;
  return strlen(b) >= len && memcmp(a, b, len) == 0 && (b[len] == '/' || b[len] == '\0');
}


/* Two presets of one service, or of one port, are asked once. */
static int is_there(const check_t* c, const char* base_url) {
  for (size_t i = 0; i < c->nrows; i++)
    if (c->rows[i].base_url != NULL && is_same_host(c->rows[i].base_url, base_url))
      return 1;
  return 0;
}


/* One service under two names: one key. */
static int has_row_with(const check_t* c, const char* variable) {
  for (size_t i = 0; i < c->nrows; i++)
    if (c->rows[i].nkeys > 0 && strcmp(c->rows[i].variable, variable) == 0)
      return 1;
  return 0;
}


static int ends_with(const char* s, const char* suffix) {
  const size_t n = strlen(s), m = strlen(suffix);
  return n >= m && strcmp(s + n - m, suffix) == 0;
}


/* Those that are configured: with a key, or with a URL of their own. */
static void add_configured(check_t* c) {
  const uvllm_preset_t* p;
  for (size_t i = 0; (p = uvllm_preset_at(i)) != NULL; i++) {
    char* variable = cli_key_variable(p->name);
    const char* url = cli_base_url(p->name, NULL);
    const int has_key = count_keys(variable) > 0 || is_amazons(p);
    const char* where = url != NULL ? url : p->base_url;
    const int is_meant = url != NULL || (p->needs_key && has_key && !has_row_with(c, variable));
    if (where != NULL && is_meant && !is_there(c, where))
      add_row(c, p->name);
    free(variable);
  }
}


/* Servers of one's own, where they usually are; two kinds may share a port. */
static void add_local(check_t* c) {
  const uvllm_preset_t* p;
  const size_t nconfigured = c->nrows;
  for (size_t i = 0; (p = uvllm_preset_at(i)) != NULL; i++) {
    if (p->needs_key || p->base_url == NULL || ends_with(p->name, "-v1") ||
        cli_base_url(p->name, NULL) != NULL)
      continue;
    const size_t n = c->nrows;
    c->nrows = nconfigured; /* one that is configured there is that one */
    const int is_known = is_there(c, p->base_url);
    c->nrows = n;
    row_t* row = is_known ? NULL : add_row(c, p->name);
    if (row != NULL)
      row->is_found = 1;
  }
}


/* ---- Asking ------------------------------------------------------------------------------ */

static void on_event(uvllm_req_t* req, const uvllm_event_t* event) {
  row_t* row = uvllm_req_data(req);
  if (event->type == UVLLM_EVENT_ATTEMPT && event->u.attempt.last_error == UVLLM_EAUTH)
    row->nrefused++; /* and another key goes in its place */
  if (event->type != UVLLM_EVENT_MODEL)
    return;
  if (row->model == NULL)
    row->model = cli_format("%.*s", (int) event->u.model.id.len, event->u.model.id.base);
  if (row->counted == 0)
    row->counted = uvllm_req_id(req);
  row->nmodels += row->counted == uvllm_req_id(req); /* the same for each key */
}


/* Of several keys the one that fails tells more. */
static void on_done(uvllm_req_t* req, const uvllm_result_t* r) {
  row_t* row = uvllm_req_data(req);
  const uvllm_timing_t* t = r->timing;
  if (r->status == UVLLM_EAUTH && r->attempts > 0)
    row->nrefused++;
  if (t->connected > t->admitted)
    row->connect_ns = t->connected - t->admitted;
  if (t->first_byte > t->sent)
    row->answer_ns = t->first_byte - t->sent;
  if (r->status == 0 || (row->status != 0 && r->attempts == 0))
    return;
  row->status = r->status;
  row->http_status = r->http_status;
  free(row->message);
  row->message = cli_format("%.*s", (int) r->message.len, r->message.len > 0 ? r->message.base : "");
}


static int ask(check_t* c, row_t* row) {
  uvllm_request_t r;
  uvllm_request_init(&r);
  r.op = UVLLM_MODELS;
  r.target.provider = row->provider;
  r.max_attempts = 1;
  r.timeout_ms = c->timeout_ms;
  if (row->is_found)
    r.connect_timeout_ms = LOCAL_CONNECT_MS;
  int err = uvllm_submit(c->session.client, &r, on_event, on_done, row, NULL);
  if (err != 0) {
    row->status = err;
    free(row->message);
    row->message = cli_strdup(uvllm_last_error(c->session.client));
  }
  return err;
}


static int ask_all(check_t* c) {
  for (size_t i = 0; i < c->nrows; i++) {
    row_t* row = &c->rows[i];
    const cli_session_options_t o = { .provider = row->provider, .max_inflight = MAX_ROWS,
                                      .without_key = 1 };
    int status = cli_session_add(&c->session, &c->common, &o);
    if (status != 0)
      return status;
    for (int k = 0; k < (row->nkeys > 1 ? row->nkeys : 1); k++)
      if (ask(c, row) != 0)
        break;
  }
  uv_run(&c->session.loop, UV_RUN_DEFAULT);
  return 0;
}


/* ---- What came of it ------------------------------------------------------------------------- */

/* It answers, but has no list: then a key is not looked at, as it seems. */
static int has_no_list(const row_t* row) {
  return row->http_status == 404 || row->http_status == 405 || row->status == UVLLM_EUNSUPPORTED;
}


static int is_well(const row_t* row) {
  return (row->status == 0 || has_no_list(row)) && row->nrefused == 0;
}


static int speaks_openai(const row_t* row) {
  return strcmp(uvllm_preset_find(NULL, row->provider)->dialect, "openai") == 0;
}


/* A server that was not asked for is told of where one answered. Of two kinds on a port
 * it is the one with a dialect of its own, which others do not speak: OpenAI's is
 * spoken by most of them besides. */
static int is_shown(const check_t* c, const row_t* row) {
  if (!row->is_found)
    return 1;
  for (size_t i = 0; i < c->nrows && speaks_openai(row); i++) {
    const row_t* other = &c->rows[i];
    if (other->is_found && other->status == 0 && !speaks_openai(other) &&
        is_same_host(other->base_url, row->base_url))
      return 0;
  }
  return row->status == 0 && row->nmodels > 0;
}


static char* words_of(const row_t* row) {
  if (row->nrefused > 0 && row->nkeys > 1)
    return cli_format("%d of %d keys refused", row->nrefused, row->nkeys);
  if (row->status == 0)
    return cli_strdup("ok");
  if (has_no_list(row))
    return cli_strdup("answers, but has no list of models: the key was not looked at");
  if (row->status == UVLLM_ENOKEY)
    return cli_format("no key: set %s", row->variable);
  char http[24] = "";
  if (row->http_status != 0)
    snprintf(http, sizeof(http), " (HTTP %d)", row->http_status);
  return cli_format("%s%s%s%.200s", uvllm_strerror(row->status), http,
                    row->message != NULL && *row->message != '\0' ? ": " : "",
                    row->message != NULL ? row->message : "");
}


static char* ms(uint64_t ns) {
  return ns != 0 ? cli_format("%.1f", (double) ns / 1e6) : cli_strdup("-");
}


static void print_table(const check_t* c) {
  static const char* const heads[] = { "PROVIDER", "CONNECT MS", "ANSWER MS", "MODELS", "KEY",
                                       "RESULT", NULL };
  cli_table_t t;
  char number[CLI_MONEY];
  cli_table_begin(&t, heads);
  for (size_t i = 0; i < c->nrows; i++) {
    const row_t* row = &c->rows[i];
    if (!is_shown(c, row))
      continue;
    cli_table_add(&t, cli_strdup(row->provider));
    cli_table_add(&t, ms(row->connect_ns));
    cli_table_add(&t, ms(row->answer_ns));
    cli_table_add(&t, cli_strdup(row->nmodels > 0 ? cli_grouped(row->nmodels, number) : "-"));
    cli_table_add(&t, row->nkeys > 0 ? cli_strdup(row->variable) : cli_strdup("-"));
    cli_table_add(&t, words_of(row));
  }
  cli_table_print(&t);
  for (size_t i = 0; i < c->nrows; i++)
    if (c->rows[i].is_found && is_shown(c, &c->rows[i]))
      printf("%s is on this machine (%s): -m %s/%s\n", c->rows[i].provider, c->rows[i].base_url,
             c->rows[i].provider, c->rows[i].model);
}


/* ---- JSON --------------------------------------------------------------------------------------- */

static void put_text(uvllm_json_writer_t* w, const char* name, const char* value) {
  uvllm_json_name(w, name);
  uvllm_json_write_str(w, (uvllm_str_t){ value, value != NULL ? strlen(value) : 0 });
}


static void put_count(uvllm_json_writer_t* w, const char* name, uint64_t n) {
  uvllm_json_name(w, name);
  uvllm_json_write_int(w, (int64_t) n);
}


static void put_ms(uvllm_json_writer_t* w, const char* name, uint64_t ns) {
  uvllm_json_name(w, name);
  const uint64_t us = ns / 1000;
  if (ns != 0)
    uvllm_json_write_num(w, (double) us / 1e3);
  else
    uvllm_json_write_null(w);
}


static void put_row(uvllm_json_writer_t* w, const row_t* row) {
  char* words = words_of(row);
  uvllm_json_begin_object(w);
  put_text(w, "provider", row->provider);
  put_text(w, "base_url", row->base_url);
  uvllm_json_name(w, "ok");
  uvllm_json_write_bool(w, is_well(row));
  put_text(w, "result", words);
  put_text(w, "code", row->status == 0 ? NULL : uvllm_err_name(row->status));
  put_count(w, "http_status", (uint64_t) row->http_status);
  put_text(w, "key_variable", row->nkeys > 0 ? row->variable : NULL);
  put_count(w, "keys", (uint64_t) row->nkeys);
  put_count(w, "keys_refused", (uint64_t) row->nrefused);
  put_count(w, "models", row->nmodels);
  put_text(w, "first_model", row->model);
  put_ms(w, "connect_ms", row->connect_ns);
  put_ms(w, "answer_ms", row->answer_ns);
  uvllm_json_end_object(w);
  free(words);
}


static int print_json(const check_t* c) {
  uvllm_json_writer_t* w;
  int err = uvllm_json_writer_new(&w, NULL);
  if (err == 0) {
    uvllm_json_begin_array(w);
    for (size_t i = 0; i < c->nrows; i++)
      if (is_shown(c, &c->rows[i]))
        put_row(w, &c->rows[i]);
    uvllm_json_end_array(w);
    err = uvllm_json_writer_error(w);
  }
  if (err == 0) {
    const uvllm_str_t text = uvllm_json_writer_text(w);
    printf("%.*s\n", (int) text.len, text.base);
  } else {
    cli_error("the table cannot be written as JSON: %s", uvllm_strerror(err));
  }
  uvllm_json_writer_free(w);
  return err == 0 ? 0 : CLI_USAGE;
}


/* ---- The command ----------------------------------------------------------------------------------- */

static int take(void* into, int id, const char* value) {
  check_t* c = into;
  (void) id; /* there is one */
  return cli_take_seconds("--timeout", value, &c->timeout_ms);
}


static int add_rows(check_t* c) {
  if (c->common.noperands > MAX_ROWS) {
    cli_error("up to %d providers at a time", MAX_ROWS);
    return CLI_USAGE;
  }
  if (c->common.base_url != NULL && c->common.noperands != 1) {
    cli_error("--base-url is that of one PROVIDER: name it");
    return CLI_USAGE;
  }
  for (int i = 0; i < c->common.noperands; i++)
    add_row(c, c->common.operands[i]);
  if (c->nrows == 0) {
    add_configured(c);
    add_local(c);
  }
  return 0;
}


static int report(const check_t* c) {
  size_t nshown = 0, nbad = 0;
  for (size_t i = 0; i < c->nrows; i++) {
    nshown += is_shown(c, &c->rows[i]) != 0;
    nbad += is_shown(c, &c->rows[i]) && !is_well(&c->rows[i]);
  }
  int status = 0;
  if (c->common.json)
    status = print_json(c);
  else if (nshown > 0)
    print_table(c);
  if (nshown == 0)
    cli_error("no provider has a key here, and no server answers on this machine: set "
              "OPENAI_API_KEY or the like, or name a PROVIDER");
  if (status == 0)
    status = cli_flush(stdout, "standard output");
  return status != 0 ? status : nbad > 0 || nshown == 0 ? CLI_FAILED : CLI_OK;
}


static int run_with(check_t* c) {
  const cli_session_options_t o = { .max_inflight = MAX_ROWS * 2 };
  int status = add_rows(c);
  if (status != 0)
    return status;
  status = cli_session_begin(&c->session, &o);
  if (status != 0)
    return status;
  status = ask_all(c);
  if (status == 0)
    status = report(c);
  cli_session_close(&c->session);
  return status;
}


static int run(int argc, char** argv) {
  static check_t c;
  c.timeout_ms = 10000;
  int status = cli_parse(&cli_check, argc, argv, &c.common, take, &c);
  if (status != CLI_GO_ON)
    return status;
  status = run_with(&c);
  for (size_t i = 0; i < c.nrows; i++) {
    free(c.rows[i].variable);
    free(c.rows[i].model);
    free(c.rows[i].message);
  }
  cli_common_free(&c.common);
  return status;
}


const cli_command_t cli_check = {
  "check", "is the key valid, does the provider answer, how fast", "[PROVIDER...] [OPTIONS]",
  "Asks providers for their lists of models, all at once, which costs nothing. Without\n"
  "names: those that have a key, or a URL of their own, in the environment, and servers on\n"
  "this machine where they usually listen (Ollama 11434, LM Studio 1234, llama.cpp and TGI\n"
  "8080, vLLM 8000). Ends with 1 if one of them is not well.",
  "uvllm check openai anthropic",
  options, CLI_HAS_PROVIDER, run
};
