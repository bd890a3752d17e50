/* Options: a command's table and the common ones become getopt_long's, and the
 * same tables are what --help prints. So nothing is accepted that is not listed,
 * and nothing listed that is not accepted.
 */
#include <getopt.h>

#include "common.h"

enum {
  OPT_BASE_URL = 1000,
  OPT_ALLOW_HTTP,
  OPT_HEADER,
  OPT_PRICES,
  OPT_TRANSPORT,
  OPT_PARAM,
  OPT_JSON,
  OPT_LOG_JSON
};

enum { MAX_OPTIONS = 64 };

static const cli_option_t model_options[] = {
  { "model", 'm', "PROVIDER/MODEL", "the model to ask; the first slash divides" },
  { NULL, 0, NULL, NULL }
};

static const cli_option_t provider_options[] = {
  { "base-url", OPT_BASE_URL, "URL", "where the provider is, http://127.0.0.1:8000/v1" },
  { "allow-http", OPT_ALLOW_HTTP, NULL, "plain http:// to other hosts than loopback" },
  { "header", OPT_HEADER, "'NAME: VALUE'", "send this header too; may be repeated" },
  { "prices", OPT_PRICES, "FILE", "prices in LiteLLM's format, over the built-in ones" },
  { "param", OPT_PARAM, "NAME=VALUE",
    "a parameter of the provider's dialect, such as\napi=responses, num_ctx=8192, or model.X=Y for what it\n"
    "calls the model X; may be repeated" },
  { "transport", OPT_TRANSPORT, "NAME", "curl, plain (sockets, for http://), or auto" },
  { NULL, 0, NULL, NULL }
};

static const cli_option_t common_options[] = {
  { "json", OPT_JSON, NULL, "a machine-readable result on standard output" },
  { "verbose", 'v', NULL, "-v: log what happens, -vv: everything that happens" },
  { "log-json", OPT_LOG_JSON, NULL, "log lines as JSON" },
  { "help", 'h', NULL, "this text" },
  { NULL, 0, NULL, NULL }
};

/* Where the tables of a command are, in the order of --help. */
typedef struct tables_s {
  const cli_option_t* table[4];
  int n;
} tables_t;


static tables_t tables_of(const cli_command_t* command) {
  tables_t t = { { NULL }, 0 };
  if (command->common & CLI_HAS_MODEL)
    t.table[t.n++] = model_options;
  t.table[t.n++] = command->options;
  if (command->common & CLI_HAS_PROVIDER)
    t.table[t.n++] = provider_options;
  t.table[t.n++] = common_options;
  return t;
}


/* ---- Help ------------------------------------------------------------------------ */

enum { HELP_COLUMN = 30 };


static void print_option(const cli_option_t* o) {
  char left[80];
  char letter[8] = "    ";
  if (o->id < 256)
    snprintf(letter, sizeof(letter), "-%c, ", o->id);
  int n = snprintf(left, sizeof(left), "  %s--%s%s%s", letter, o->name, o->arg != NULL ? " " : "",
                   o->arg != NULL ? o->arg : "");
  printf("%s", left);
  if (n > HELP_COLUMN - 2) {
    putchar('\n');
    n = 0;
  }
  for (const char* line = o->help; *line != '\0'; n = 0) {
    size_t len = strcspn(line, "\n");
    printf("%*s%.*s\n", HELP_COLUMN - n, "", (int) len, line);
    line += line[len] == '\n' ? len + 1 : len;
  }
}


void cli_print_help(const cli_command_t* command) {
  printf("usage: uvllm %s %s\n\n%s\n\noptions:\n", command->name, command->synopsis,
         command->about);
  tables_t t = tables_of(command);
  for (int i = 0; i < t.n; i++)
    for (const cli_option_t* o = t.table[i]; o->name != NULL; o++)
      print_option(o);
  printf("\nexample:\n  %s\n", command->example);
}


/* ---- Common values ------------------------------------------------------------------ */

/* What may stand in a name: it becomes the name of an environment variable. */
static int is_provider_name(const char* name, size_t len) {
  for (size_t i = 0; i < len; i++) {
    char c = name[i];
    int letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && (i == 0 || strchr("-_.", c) == NULL))
      return 0;
  }
  return len > 0;
}


static int take_model(cli_common_t* c, const char* value) {
  if (c->provider != NULL) {
    cli_error("-m is given twice; one model can be asked at a time");
    return CLI_USAGE;
  }
  const char* slash = strchr(value, '/');
  if (slash == NULL && uvllm_preset_find(NULL, value) != NULL) { /* its default model */
    c->provider = cli_strdup(value);
    return 0;
  }
  if (slash == NULL || slash[1] == '\0' || !is_provider_name(value, (size_t) (slash - value))) {
    cli_error("-m: '%s' is not PROVIDER/MODEL, such as openai/gpt-4o-mini", value);
    return CLI_USAGE;
  }
  c->provider = cli_strdup(value);
  c->provider[slash - value] = '\0';
  c->model = c->provider + (slash - value) + 1;
  return 0;
}


/* What is wrong with it is not quoted: a header may be a secret. */
static int take_header(cli_common_t* c, const char* value) {
  const char* colon = strchr(value, ':');
  if (colon == NULL || colon == value) {
    cli_error("--header: give it as 'Name: value'");
    return CLI_USAGE;
  }
  char* name = cli_strdup(value);
  char* content = name + (colon - value);
  *content++ = '\0';
  content += strspn(content, " \t");
  size_t len = strlen(content);
  while (len > 0 && (content[len - 1] == ' ' || content[len - 1] == '\t'))
    content[--len] = '\0';
  c->headers = cli_realloc(c->headers, (c->nheaders + 1) * sizeof(*c->headers));
  c->headers[c->nheaders++] = (uvllm_kv_t){ name, content };
  return 0;
}


static int take_param(cli_common_t* c, const char* value) {
  const char* sign = strchr(value, '=');
  if (sign == NULL || sign == value || sign[1] == '\0') {
    cli_error("--param: '%s' is not NAME=VALUE", value);
    return CLI_USAGE;
  }
  char* name = cli_strdup(value);
  name[sign - value] = '\0';
  c->params = cli_realloc(c->params, (c->nparams + 1) * sizeof(*c->params));
  c->params[c->nparams++] = (uvllm_kv_t){ name, name + (sign - value) + 1 };
  return 0;
}


static int take_transport(cli_common_t* c, const char* option, const char* value) {
  static const char* const names[] = { "auto", "curl", "plain" };
  static const uvllm_transport transports[] = { UVLLM_TRANSPORT_AUTO, UVLLM_TRANSPORT_CURL,
                                                UVLLM_TRANSPORT_PLAIN };
  for (int i = 0; i < 3; i++)
    if (strcmp(value, names[i]) == 0) {
      c->transport = transports[i];
      return 0;
    }
  cli_error("%s: '%s' is none of auto, curl and plain", option, value);
  return CLI_USAGE;
}


/* 1 if it was one of the common options. */
static int take_common(cli_common_t* c, int id, const char* value, int* status) {
  *status = 0;
  switch (id) {
    case 'm': *status = take_model(c, value); return 1;
    case 'v': c->verbosity++; return 1;
    case OPT_BASE_URL: c->base_url = value; return 1;
    case OPT_ALLOW_HTTP: c->allow_http = 1; return 1;
    case OPT_HEADER: *status = take_header(c, value); return 1;
    case OPT_PARAM: *status = take_param(c, value); return 1;
    case OPT_PRICES: c->prices = value; return 1;
    case OPT_TRANSPORT: *status = take_transport(c, "--transport", value); return 1;
    case OPT_JSON: c->json = 1; return 1;
    case OPT_LOG_JSON: c->log_json = 1; return 1;
    default: return 0;
  }
}


/* ---- getopt ----------------------------------------------------------------------------- */

typedef struct getopt_tables_s {
  struct option longs[MAX_OPTIONS + 1];
  char shorts[2 * MAX_OPTIONS + 2];
} getopt_tables_t;


static void fill_tables(const cli_command_t* command, getopt_tables_t* g) {
  tables_t t = tables_of(command);
  size_t nlongs = 0;
  char* s = g->shorts;
  memset(g, 0, sizeof(*g));
  *s++ = ':'; /* a missing value is told apart from an unknown option */
  for (int i = 0; i < t.n; i++)
    for (const cli_option_t* o = t.table[i]; o->name != NULL && nlongs < MAX_OPTIONS; o++) {
      int has_arg = o->arg != NULL ? required_argument : no_argument;
      g->longs[nlongs++] = (struct option){ o->name, has_arg, NULL, o->id };
      if (o->id >= 256)
        continue;
      *s++ = (char) o->id;
      if (o->arg != NULL)
        *s++ = ':';
    }
}


/* getopt's own words would not say where to look. `what` is its answer, optopt the
 * option, if it knows it. */
static int refuse(const cli_command_t* command, int what, const char* word) {
  char letter[3] = { '-', (char) optopt, '\0' };
  int is_long = strncmp(word, "--", 2) == 0;
  const char* name = is_long ? word : letter;
  int len = (int) strcspn(name, "=");
  if (what == ':')
    cli_error("%.*s needs a value (see uvllm %s --help)", len, name, command->name);
  else if (is_long && optopt != 0)
    cli_error("%.*s takes no value (see uvllm %s --help)", len, name, command->name);
  else
    cli_error("unknown option '%.*s' (see uvllm %s --help)", len, name, command->name);
  return CLI_USAGE;
}


/* The word that getopt will read next; it reorders what it has read. */
static const char* next_word(int argc, char* const* argv) {
  int at = optind;
  while (at < argc && (argv[at][0] != '-' || argv[at][1] == '\0'))
    at++;
  return at < argc ? argv[at] : "";
}


/* 0, CLI_USAGE after a message, or CLI_GO_ON for --help, at which reading ends. */
static int read_options(const cli_command_t* command, int argc, char** argv,
                        cli_common_t* common, cli_take_cb take, void* into) {
  getopt_tables_t g;
  int status = 0;
  fill_tables(command, &g);
  opterr = 0;
  optind = 1;
  while (status == 0) {
    const char* word = next_word(argc, argv);
    int id = getopt_long(argc, argv, g.shorts, g.longs, NULL);
    if (id == -1)
      break;
    if (id == 'h')
      return CLI_GO_ON;
    if (id == '?' || id == ':')
      status = refuse(command, id, word);
    else if (!take_common(common, id, optarg, &status))
      status = take(into, id, optarg);
    cli_output_begin(command->name, common->verbosity, common->log_json);
  }
  return status;
}


int cli_parse(const cli_command_t* command, int argc, char** argv, cli_common_t* common,
              cli_take_cb take, void* into) {
  memset(common, 0, sizeof(*common));
  const char* transport = getenv("UVLLM_TRANSPORT");
  int status = 0;
  if ((command->common & CLI_HAS_PROVIDER) && transport != NULL && *transport != '\0')
    status = take_transport(common, "UVLLM_TRANSPORT", transport);
  if (status == 0)
    status = read_options(command, argc, argv, common, take, into);
  common->operands = argv + optind;
  common->noperands = argc - optind;
  if (status == 0)
    return CLI_GO_ON;
  if (status == CLI_GO_ON) {
    cli_print_help(command);
    status = cli_flush(stdout, "standard output");
  }
  cli_common_free(common);
  return status;
}


void cli_common_free(cli_common_t* common) {
  for (size_t i = 0; i < common->nheaders; i++)
    free((char*) common->headers[i].name);
  free(common->headers);
  for (size_t i = 0; i < common->nparams; i++)
    free((char*) common->params[i].name);
  free(common->params);
  free(common->provider);
  common->params = NULL;
  common->nparams = 0;
  common->headers = NULL;
  common->nheaders = 0;
  common->provider = NULL;
}
