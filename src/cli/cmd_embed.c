/* uvllm embed: a line of JSON for each input, in the order of the inputs.
 *
 * Inputs go in parts of as many as the narrowest provider takes, all at once. A part
 * is printed once it and all before it are done, so nothing waits for the last one.
 */
#include <unistd.h>

#include "common.h"

enum { PART = 96, IN_FLIGHT = 8 };
enum { OPT_DIMENSIONS = 256 };

static const cli_option_t options[] = {
  { "dimensions", OPT_DIMENSIONS, "N", "numbers of an embedding, where the model can" },
  { NULL, 0, NULL, NULL }
};

typedef struct embed_s embed_t;

typedef struct part_s {
  embed_t* embed;
  size_t first, n;  /* its inputs */
  int is_done;
} part_t;

struct embed_s {
  cli_common_t common;
  uint32_t dimensions;
  uvllm_str_t input;        /* of standard input; absent: none was read */
  uvllm_message_t* messages;
  size_t nmessages, cap;
  char** lines;             /* what is to be printed for each; NULL: nothing came */
  part_t* parts;
  size_t nparts, nprinted;
  uint64_t tokens;
  cli_session_t session;
  int status;
};


/* ---- Inputs ---------------------------------------------------------------------------- */

static void add_input(embed_t* e, const char* base, size_t len) {
  if (e->nmessages == e->cap) {
    e->cap = e->cap > 0 ? 2 * e->cap : 64;
    e->messages = cli_realloc(e->messages, e->cap * sizeof(*e->messages));
  }
  memset(&e->messages[e->nmessages], 0, sizeof(*e->messages));
  e->messages[e->nmessages].role = UVLLM_USER;
  e->messages[e->nmessages++].text = (uvllm_str_t){ base, len };
}


static int read_lines(embed_t* e) {
  const int status = cli_read_fd(STDIN_FILENO, "standard input", &e->input);
  if (status != 0)
    return status;
  for (size_t at = 0; at < e->input.len;) {
    const char* line = e->input.base + at;
    const char* end = memchr(line, '\n', e->input.len - at);
    size_t len = end != NULL ? (size_t) (end - line) : e->input.len - at;
    at += len + 1;
    if (len > 0 && line[len - 1] == '\r')
      len--;
    if (len > 0)
      add_input(e, line, len);
  }
  return 0;
}


static int read_inputs(embed_t* e) {
  int status = 0;
  for (int i = 0; i < e->common.noperands; i++)
    add_input(e, e->common.operands[i], strlen(e->common.operands[i]));
  if (e->common.noperands == 0)
    status = read_lines(e);
  if (status == 0 && e->nmessages == 0) {
    cli_error("nothing to embed: give TEXT, or pipe in a line for each input");
    status = CLI_USAGE;
  }
  return status;
}


/* ---- Output ------------------------------------------------------------------------------ */

/* The fewest digits that read back as the same float. */
static void put_float(uvllm_json_writer_t* w, float value) {
  char text[32];
  int digits = 6;
  do
    snprintf(text, sizeof(text), "%.*g", digits, (double) value);
  while (digits++ < 9 && strtof(text, NULL) != value);
  uvllm_json_write_raw(w, (uvllm_str_t){ text, strlen(text) });
}


static char* line_of(size_t index, const uvllm_event_t* event) {
  uvllm_json_writer_t* w;
  if (uvllm_json_writer_new(&w, NULL) != 0)
    return NULL;
  uvllm_json_begin_object(w);
  uvllm_json_name(w, "index");
  uvllm_json_write_int(w, (int64_t) index);
  uvllm_json_name(w, "embedding");
  uvllm_json_begin_array(w);
  for (size_t i = 0; i < event->u.vector.nvalues; i++)
    put_float(w, event->u.vector.values[i]);
  uvllm_json_end_array(w);
  uvllm_json_end_object(w);
  const uvllm_str_t text = uvllm_json_writer_text(w);
  char* line = text.base != NULL ? cli_format("%.*s", (int) text.len, text.base) : NULL;
  uvllm_json_writer_free(w);
  return line;
}


static void print_ready(embed_t* e) {
  for (; e->nprinted < e->nparts && e->parts[e->nprinted].is_done; e->nprinted++) {
    const part_t* part = &e->parts[e->nprinted];
    for (size_t i = part->first; i < part->first + part->n; i++) {
      if (e->lines[i] != NULL)
        puts(e->lines[i]);
      free(e->lines[i]);
      e->lines[i] = NULL;
    }
  }
  fflush(stdout);
}


/* ---- Requests ------------------------------------------------------------------------------ */

static void on_event(uvllm_req_t* req, const uvllm_event_t* event) {
  part_t* part = uvllm_req_data(req);
  embed_t* e = part->embed;
  if (event->type != UVLLM_EVENT_EMBEDDING || event->index >= part->n)
    return;
  const size_t i = part->first + event->index;
  free(e->lines[i]);
  e->lines[i] = line_of(i, event);
  if (e->lines[i] != NULL)
    return;
  cli_error("out of memory");
  e->status = CLI_USAGE;
}


/* Where a part failed, nothing of it is printed. */
static void tell_failure(embed_t* e, const part_t* part, const uvllm_result_t* r) {
  char http[32] = "", last[32] = "";
  if (r->http_status != 0)
    snprintf(http, sizeof(http), " (HTTP %d)", r->http_status);
  if (part->n > 1)
    snprintf(last, sizeof(last), " to %zu", part->first + part->n - 1);
  cli_error("input %zu%s: %s%s%s%.*s", part->first, last, uvllm_strerror(r->status), http,
            r->message.len > 0 ? ": " : "", (int) r->message.len,
            r->message.len > 0 ? r->message.base : "");
  for (size_t i = part->first; i < part->first + part->n; i++) {
    free(e->lines[i]);
    e->lines[i] = NULL;
  }
  e->status = CLI_FAILED;
}


static void on_done(uvllm_req_t* req, const uvllm_result_t* r) {
  part_t* part = uvllm_req_data(req);
  embed_t* e = part->embed;
  part->is_done = 1;
  e->tokens += r->usage->input_tokens;
  if (r->status != 0)
    tell_failure(e, part, r);
  print_ready(e);
}


static int submit_part(embed_t* e, part_t* part) {
  uvllm_request_t r;
  uvllm_request_init(&r);
  r.op = UVLLM_EMBED;
  r.flags = UVLLM_NO_COLLECT;
  r.target.provider = e->common.provider;
  r.target.model = e->common.model;
  r.messages = e->messages + part->first;
  r.nmessages = part->n;
  r.dimensions = e->dimensions;
  const int err = uvllm_submit(e->session.client, &r, on_event, on_done, part, NULL);
  if (err == 0)
    return 0;
  const char* why = uvllm_last_error(e->session.client);
  cli_error("%s", *why != '\0' ? why : uvllm_strerror(err));
  part->is_done = 1;
  return CLI_USAGE;
}


static int ask(embed_t* e) {
  e->nparts = (e->nmessages + PART - 1) / PART;
  e->parts = cli_alloc(e->nparts * sizeof(*e->parts));
  e->lines = cli_alloc(e->nmessages * sizeof(*e->lines));
  for (size_t i = 0; i < e->nparts; i++) {
    const size_t left = e->nmessages - i * PART;
    e->parts[i] = (part_t){ e, i * PART, left < PART ? left : PART, 0 };
  }
  for (size_t i = 0; e->status == 0 && i < e->nparts; i++)
    e->status = submit_part(e, &e->parts[i]);
  uv_run(&e->session.loop, UV_RUN_DEFAULT);
  cli_note(UVLLM_LOG_INFO, "%zu inputs, %llu tokens", e->nmessages,
           (unsigned long long) e->tokens);
  return e->status;
}


/* ---- The command ---------------------------------------------------------------------------- */

static int take(void* into, int id, const char* value) {
  (void) id; /* there is one */
  return cli_take_count32("--dimensions", value, 1, &((embed_t*) into)->dimensions);
}


static int run_with(embed_t* e) {
  if (e->common.provider == NULL) {
    cli_error("no model: say which with -m, such as -m openai/text-embedding-3-small, or "
              "-m mock/text-embedding-3-small without a key");
    return CLI_USAGE;
  }
  const cli_session_options_t o = { e->common.provider, e->common.model, IN_FLIGHT, { 0 },
                                    0, 0, 0 };
  int status = read_inputs(e);
  if (status == 0)
    status = cli_session_open(&e->session, &e->common, &o);
  if (status != 0)
    return status;
  status = ask(e);
  cli_session_close(&e->session);
  const int flushed = cli_flush(stdout, "standard output");
  return status != 0 ? status : flushed;
}


static int run(int argc, char** argv) {
  embed_t e;
  memset(&e, 0, sizeof(e));
  int status = cli_parse(&cli_embed, argc, argv, &e.common, take, &e);
  if (status != CLI_GO_ON)
    return status;
  status = run_with(&e);
  for (size_t i = 0; e.lines != NULL && i < e.nmessages; i++)
    free(e.lines[i]);
  free(e.lines);
  free(e.parts);
  free(e.messages);
  free((char*) e.input.base);
  cli_common_free(&e.common);
  return status;
}


const cli_command_t cli_embed = {
  "embed", "embeddings, a line of JSON for each input", "[OPTIONS] [TEXT...]",
  "Prints {\"index\",\"embedding\"} for each TEXT, or without any for each line of standard\n"
  "input that is not empty, in their order.",
  "uvllm embed -m openai/text-embedding-3-small 'a quiet street' 'ein Baum'",
  options, CLI_HAS_MODEL | CLI_HAS_PROVIDER, run
};
