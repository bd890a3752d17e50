/* uvllm models: what a provider lists, with context length and price where they
 * are known, sorted by name.
 */
#include <inttypes.h>

#include "common.h"
#include "uvllm/usage.h"

static const cli_option_t options[] = { { NULL, 0, NULL, NULL } };

typedef struct model_s {
  char *id, *owner;
  uint64_t context_tokens; /* 0: nobody says */
  uvllm_price_info_t price;
  int has_price;           /* there is a row for it */
} model_t;

typedef struct list_s {
  cli_common_t common;
  const char* provider;
  cli_session_t session;
  uvllm_prices_t* prices;
  model_t* models;
  size_t n, cap;
  int status;
} list_t;


/* ---- Asking ------------------------------------------------------------------------ */

static char* copy_of(uvllm_str_t s) {
  char* base = cli_alloc(s.len + 1);
  if (s.len > 0)
    memcpy(base, s.base, s.len);
  return base;
}


static void on_event(uvllm_req_t* req, const uvllm_event_t* event) {
  list_t* list = uvllm_req_data(req);
  if (event->type != UVLLM_EVENT_MODEL)
    return;
  if (list->n == list->cap) {
    list->cap = list->cap > 0 ? 2 * list->cap : 64;
    list->models = cli_realloc(list->models, list->cap * sizeof(*list->models));
  }
  model_t* m = &list->models[list->n++];
  memset(m, 0, sizeof(*m));
  m->id = copy_of(event->u.model.id);
  m->owner = copy_of(event->u.model.owner);
  m->context_tokens = event->u.model.context_tokens;
}


static void on_done(uvllm_req_t* req, const uvllm_result_t* r) {
  list_t* list = uvllm_req_data(req);
  if (r->status == 0)
    return;
  char http[32] = "";
  if (r->http_status != 0)
    snprintf(http, sizeof(http), " (HTTP %d)", r->http_status);
  cli_error("%s: %s%s%s%.*s", list->provider, uvllm_strerror(r->status), http,
            r->message.len > 0 ? ": " : "", (int) r->message.len,
            r->message.len > 0 ? r->message.base : "");
  list->status = CLI_FAILED;
}


static int ask(list_t* list) {
  uvllm_request_t r;
  uvllm_request_init(&r);
  r.op = UVLLM_MODELS;
  r.target.provider = list->provider;
  int err = uvllm_submit(list->session.client, &r, on_event, on_done, list, NULL);
  if (err != 0) {
    cli_error("%s: %s", list->provider, uvllm_last_error(list->session.client));
    return CLI_USAGE;
  }
  uv_run(&list->session.loop, UV_RUN_DEFAULT);
  return list->status;
}


/* ---- Prices -------------------------------------------------------------------------- */

static int read_prices(list_t* list) {
  uvllm_json_parser_t* parser = NULL;
  uvllm_json_t root;
  int err = uvllm_prices_new(&list->prices, NULL);
  if (err == 0 && list->session.prices_json.base != NULL) {
    err = uvllm_json_parser_new(&parser, NULL);
    if (err == 0)
      err = uvllm_json_parse(parser, list->session.prices_json, &root, NULL);
    if (err == 0)
      err = uvllm_prices_read(list->prices, root);
    uvllm_json_parser_free(parser);
  }
  if (err != 0)
    cli_error("the prices cannot be read: %s", uvllm_strerror(err));
  return err == 0 ? 0 : CLI_USAGE;
}


static int by_id(const void* a, const void* b) {
  return strcmp(((const model_t*) a)->id, ((const model_t*) b)->id);
}


static void add_prices(list_t* list) {
  for (size_t i = 0; i < list->n; i++) {
    model_t* m = &list->models[i];
    m->has_price = uvllm_prices_find(list->prices, list->session.price_as, m->id, &m->price);
    if (m->context_tokens == 0 && m->has_price)
      m->context_tokens = m->price.max_input_tokens;
  }
  if (list->n > 0)
    qsort(list->models, list->n, sizeof(*list->models), by_id);
}


/* ---- A table ----------------------------------------------------------------------------- */

/* Dollars for a million tokens are millions of pico-dollars for one. */
static const char* per_million(const model_t* m, int64_t pusd, char text[CLI_MONEY]) {
  if (!m->has_price || !m->price.priced || pusd < 0)
    return "-";
  int n = snprintf(text, CLI_MONEY, "%" PRId64 ".%06" PRId64, pusd / 1000000, pusd % 1000000);
  while (text[n - 1] == '0' && text[n - 3] != '.')
    n--;
  text[n] = '\0';
  return text;
}


static const char* tokens(uint64_t n, char text[CLI_MONEY]) {
  return n > 0 ? cli_grouped(n, text) : "-";
}


static void print_table(const list_t* list) {
  size_t width = strlen("MODEL");
  const int to_terminal = cli_is_terminal(1);
  const int color = cli_has_color(1);
  for (size_t i = 0; i < list->n; i++)
    if (strlen(list->models[i].id) > width)
      width = strlen(list->models[i].id);
  printf("%s%-*s  %11s  %9s  %9s  %9s%s\n", color ? "\033[1m" : "", (int) width, "MODEL", "CONTEXT",
         "$/M IN", "CACHED", "OUT", color ? "\033[0m" : "");
  for (size_t i = 0; i < list->n; i++) {
    const model_t* m = &list->models[i];
    char context[CLI_MONEY], in[CLI_MONEY], cached[CLI_MONEY], out[CLI_MONEY];
    size_t len = strlen(m->id);
    cli_put_text(stdout, (uvllm_str_t){ m->id, len }, to_terminal);
    printf("%*s  %11s  %9s  %9s  %9s\n", (int) (width - len), "",
           tokens(m->context_tokens, context), per_million(m, m->price.input_pusd, in),
           per_million(m, m->price.cached_input_pusd, cached),
           per_million(m, m->price.output_pusd, out));
  }
  printf("\n%zu models; the built-in prices are of %s%s\n", list->n,
         uvllm_prices_date(list->prices),
         list->common.prices != NULL ? ", and those of --prices stand over them" : "");
}


/* ---- JSON ---------------------------------------------------------------------------------- */

static void put_text(uvllm_json_writer_t* w, const char* name, const char* value) {
  uvllm_json_name(w, name);
  uvllm_json_write_str(w, (uvllm_str_t){ value, value != NULL ? strlen(value) : 0 });
}


static void put_tokens(uvllm_json_writer_t* w, const char* name, uint64_t n) {
  uvllm_json_name(w, name);
  if (n > 0)
    uvllm_json_write_int(w, (int64_t) n);
  else
    uvllm_json_write_null(w);
}


static void put_price(uvllm_json_writer_t* w, const char* name, const model_t* m, int64_t pusd) {
  char text[CLI_MONEY];
  const char* price = per_million(m, pusd, text);
  uvllm_json_name(w, name);
  if (*price == '-')
    uvllm_json_write_null(w);
  else
    uvllm_json_write_raw(w, (uvllm_str_t){ price, strlen(price) });
}


static void put_model(uvllm_json_writer_t* w, const model_t* m) {
  uvllm_json_begin_object(w);
  put_text(w, "id", m->id);
  put_text(w, "owner", *m->owner != '\0' ? m->owner : NULL);
  put_tokens(w, "context_tokens", m->context_tokens);
  put_tokens(w, "max_output_tokens", m->has_price ? m->price.max_output_tokens : 0);
  put_price(w, "input_usd_per_million", m, m->price.input_pusd);
  put_price(w, "cached_input_usd_per_million", m, m->price.cached_input_pusd);
  put_price(w, "output_usd_per_million", m, m->price.output_pusd);
  put_text(w, "price_as_of", m->has_price ? m->price.as_of : NULL);
  uvllm_json_end_object(w);
}


static int print_json(const list_t* list) {
  uvllm_json_writer_t* w;
  int err = uvllm_json_writer_new(&w, NULL);
  if (err == 0) {
    uvllm_json_begin_object(w);
    put_text(w, "provider", list->provider);
    put_text(w, "prices_date", uvllm_prices_date(list->prices));
    uvllm_json_name(w, "models");
    uvllm_json_begin_array(w);
    for (size_t i = 0; i < list->n; i++)
      put_model(w, &list->models[i]);
    uvllm_json_end_array(w);
    uvllm_json_end_object(w);
    err = uvllm_json_writer_error(w);
  }
  if (err == 0) {
    uvllm_str_t text = uvllm_json_writer_text(w);
    fwrite(text.base, 1, text.len, stdout);
    putchar('\n');
  } else
    cli_error("the list cannot be written as JSON: %s", uvllm_strerror(err));
  uvllm_json_writer_free(w);
  return err == 0 ? 0 : CLI_USAGE;
}


/* ---- The command ----------------------------------------------------------------------------- */

static int take(void* into, int id, const char* value) {
  (void) into, (void) id, (void) value;
  return CLI_USAGE; /* there are none of its own */
}


static int run_with(list_t* list) {
  if (list->common.noperands > 1) {
    cli_error("one PROVIDER at a time (see uvllm models --help)");
    return CLI_USAGE;
  }
  list->provider = list->common.noperands == 1 ? list->common.operands[0] : "openai";
  cli_session_options_t o = { list->provider, NULL, 1, { 0 }, 0, 0, 0 };
  int status = cli_session_open(&list->session, &list->common, &o);
  if (status != 0)
    return status;
  status = read_prices(list);
  if (status == 0)
    status = ask(list);
  if (status == 0) {
    add_prices(list);
    if (list->common.json)
      status = print_json(list);
    else
      print_table(list);
  }
  if (status == 0)
    status = cli_flush(stdout, "standard output");
  cli_session_close(&list->session);
  return status;
}


static int run(int argc, char** argv) {
  list_t list;
  memset(&list, 0, sizeof(list));
  int status = cli_parse(&cli_models, argc, argv, &list.common, take, &list);
  if (status != CLI_GO_ON)
    return status;
  status = run_with(&list);
  for (size_t i = 0; i < list.n; i++) {
    free(list.models[i].id);
    free(list.models[i].owner);
  }
  free(list.models);
  uvllm_prices_free(list.prices);
  cli_common_free(&list.common);
  return status;
}


const cli_command_t cli_models = {
  "models", "list a provider's models, with context length and price", "[PROVIDER] [OPTIONS]",
  "Lists the models of PROVIDER (openai), with context length and the price of a million\n"
  "tokens where they are known.",
  "uvllm models mock",
  options, CLI_HAS_PROVIDER, run
};
