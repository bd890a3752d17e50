/* What the commands share: options, messages, the terminal, and a client that is
 * ready to send. A command is a const struct; main.c only dispatches to it.
 */
#ifndef UVLLM_CLI_COMMON_H
#define UVLLM_CLI_COMMON_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uvllm.h"
#include "uvllm/json.h"

/* How the process ends. */
enum {
  CLI_OK = 0,
  CLI_FAILED = 1,      /* some requests failed */
  CLI_USAGE = 2,       /* usage, configuration, a file */
  CLI_BUDGET = 3,
  CLI_INTERRUPTED = 130,
  CLI_GO_ON = -1       /* cli_parse(): no reason to end */
};


/* ---- Options (options.c) --------------------------------------------------------- */

typedef struct cli_option_s {
  const char* name;
  int id;           /* its short letter, or a number above 255 */
  const char* arg;  /* what --help calls its value; NULL: it takes none */
  const char* help; /* a line, or several divided by newlines */
} cli_option_t;

enum {
  CLI_HAS_MODEL = 1,    /* -m */
  CLI_HAS_PROVIDER = 2  /* --base-url, --allow-http, --header, --prices, --param, --transport */
};

typedef struct cli_command_s {
  const char* name;
  const char* summary;  /* a line in uvllm --help */
  const char* synopsis; /* what follows the name */
  const char* about;
  const char* example;
  const cli_option_t* options; /* its own, ended by a NULL name */
  unsigned int common;         /* CLI_HAS_* */
  int (*run)(int argc, char** argv);
} cli_command_t;

extern const cli_command_t cli_batch, cli_chat, cli_models, cli_mock;
extern const cli_command_t cli_check, cli_embed, cli_ollama;

/* The values of the common options; strings are argv's. */
typedef struct cli_common_s {
  char* provider;       /* from -m; NULL: not given */
  const char* model;
  const char* base_url;
  const char* prices;
  uvllm_kv_t* headers;
  size_t nheaders;
  uvllm_kv_t* params;    /* of --param */
  size_t nparams;
  uvllm_transport transport; /* from --transport, or UVLLM_TRANSPORT */
  int allow_http, json, verbosity, log_json;
  char** operands;      /* what is no option */
  int noperands;
} cli_common_t;

/* A command's own option. 0, or CLI_USAGE after a message. */
typedef int (*cli_take_cb)(void* into, int id, const char* value);

/* CLI_GO_ON, or the exit status (after --help, or a message). */
int cli_parse(const cli_command_t* command, int argc, char** argv, cli_common_t* common,
              cli_take_cb take, void* into);
void cli_common_free(cli_common_t* common);
void cli_print_help(const cli_command_t* command);


/* ---- Values (values.c): 0, or CLI_USAGE after a message that names the option -------- */

int cli_take_count(const char* option, const char* text, uint64_t min, uint64_t max,
                   uint64_t* value);
int cli_take_count32(const char* option, const char* text, uint32_t min, uint32_t* value);
int cli_take_number(const char* option, const char* text, double min, double max, double* value);
int cli_take_seconds(const char* option, const char* text, uint64_t* ms);
int cli_take_dollars(const char* option, const char* text, int64_t* pusd);

enum { CLI_MONEY = 48 };
/* Dollars exactly: "0.000012". Both give back `text`. */
const char* cli_money_exact(int64_t pusd, char text[CLI_MONEY]);
/* Dollars for the eye: three digits that count, "$0.0123". */
const char* cli_money(int64_t pusd, char text[CLI_MONEY]);
/* "1,234,567" */
const char* cli_grouped(uint64_t n, char text[CLI_MONEY]);


/* ---- Messages and the terminal (output.c) --------------------------------------------- */

/* Of what follows: the command's name, -v, --log-json. */
void cli_output_begin(const char* command, int verbosity, int log_json);
/* One line on standard error; control characters are taken out. */
void cli_error(const char* format, ...) __attribute__((format(printf, 1, 2)));
void cli_note(uvllm_log_level level, const char* format, ...)
    __attribute__((format(printf, 2, 3)));
/* As uvllm_client_options_t.log_cb. */
void cli_log_cb(void* data, uvllm_log_level level, const char* msg);
uvllm_log_level cli_log_level(void);

int cli_is_terminal(int fd);
int cli_has_color(int fd);
unsigned int cli_width(int fd);
/* One line at the bottom of the terminal, painted again and again; messages
 * remove it. Does nothing while the terminal takes no output. */
void cli_status_paint(const char* line);
void cli_status_clear(void);
/* Text from elsewhere: on a terminal without what could steer it. */
void cli_put_text(FILE* out, uvllm_str_t text, int to_terminal);
/* 0, or CLI_USAGE after a message: what was printed is written. */
int cli_flush(FILE* out, const char* name);

/* Memory, or the process ends with a message and CLI_USAGE. */
void* cli_alloc(size_t size);
void* cli_realloc(void* ptr, size_t size);
char* cli_strdup(const char* s);
char* cli_format(const char* format, ...) __attribute__((format(printf, 1, 2)));


/* ---- Tables (table.c) -------------------------------------------------------------------- */

/* Cells row by row, each of its own memory; the first row is the head. */
typedef struct cli_table_s {
  size_t ncolumns, ncells;
  char** cells;
} cli_table_t;

void cli_table_begin(cli_table_t* t, const char* const* heads); /* ended by NULL */
void cli_table_add(cli_table_t* t, char* cell); /* from cli_alloc() and the like: taken */
void cli_table_print(cli_table_t* t);           /* and let go */


/* ---- Files (files.c) --------------------------------------------------------------------- */

enum { CLI_MAX_FILE = 64 << 20 };

/* All of a file, NUL-terminated besides; to be freed. 0, or CLI_USAGE after a
 * message. */
int cli_read_file(const char* path, uvllm_str_t* text);
int cli_read_fd(int fd, const char* name, uvllm_str_t* text);
/* The same, and it is a JSON object; a message says path:line. */
int cli_read_json_object(const char* path, uvllm_str_t* text);


/* ---- The embedded provider (embedded_mock.c) -------------------------------------------- */

typedef struct cli_mock_s cli_mock_t;

/* On a thread, or in a process of its own where `ninflight` connections want more
 * descriptors than one process should have: call it before any other thread is
 * started. NULL after a message. */
cli_mock_t* cli_mock_start(uint32_t ninflight);
const char* cli_mock_url(const cli_mock_t* mock);
void cli_mock_stop(cli_mock_t* mock); /* NULL is ignored */


/* ---- A client that is ready (session.c) ---------------------------------------------------- */

typedef struct cli_session_options_s {
  const char* provider;
  const char* model;        /* NULL: none */
  uint32_t max_inflight;
  uvllm_limits_t limits;
  int64_t budget_pusd;
  int allow_unpriced;
  int without_key;          /* nothing will be sent */
} cli_session_options_t;

typedef struct cli_session_s {
  uv_loop_t loop;
  uvllm_client_t* client;
  cli_mock_t* mock;         /* NULL: none */
  const char* provider;
  const char* base_url;     /* NULL: the provider's own, or the mock's */
  const char* price_as;     /* provider for prices */
  uvllm_str_t prices_json;  /* --prices; absent: none */
} cli_session_t;

/* 0, or CLI_USAGE after a message; then there is nothing to close. */
int cli_session_open(cli_session_t* s, const cli_common_t* common,
                     const cli_session_options_t* options);
void cli_session_close(cli_session_t* s);
/* The same in two steps, the second one for as many providers as are wanted; a key
 * that is missing is no reason to refuse one that goes without_key. */
int cli_session_begin(cli_session_t* s, const cli_session_options_t* options);
int cli_session_add(cli_session_t* s, const cli_common_t* common,
                    const cli_session_options_t* options);
/* Where the provider is, by --base-url or its variables; NULL: where it is at home. */
const char* cli_base_url(const char* provider, const char* option);
/* "OPENAI_API_KEY"; to be freed. */
char* cli_key_variable(const char* provider);
/* As many as the process may open: RLIMIT_NOFILE, soft to hard. */
void cli_raise_descriptors(void);

#endif
