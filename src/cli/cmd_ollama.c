/* uvllm ollama: pull, list, show, rm and ps, as raw requests in Ollama's dialect, which
 * tells the progress of a pull. Keeping models is the server's business; here is only
 * the asking and the showing.
 */
#include <unistd.h>

#include "ollama.h"

static const cli_option_t options[] = { { NULL, 0, NULL, NULL } };

typedef struct verb_s {
  const char* name;
  const char *method, *path;
  int has_model;
  int (*print)(uvllm_str_t body); /* NULL: the body says nothing */
} verb_t;

static const verb_t verbs[] = {
  { "pull", "POST", "/api/pull", 1, NULL },
  { "list", "GET", "/api/tags", 0, ollama_print_list },
  { "show", "POST", "/api/show", 1, ollama_print_show },
  { "rm", "DELETE", "/api/delete", 1, NULL },
  { "ps", "GET", "/api/ps", 0, ollama_print_ps },
};

typedef struct ollama_s {
  cli_common_t common;
  const verb_t* verb;
  const char* model; /* NULL: the verb has none */
  cli_session_t session;
  uvllm_json_writer_t* w; /* of what is printed as JSON */
  int status;
} ollama_t;


/* ---- JSON ------------------------------------------------------------------------------ */

static void put_member(uvllm_json_writer_t* w, const char* name, uvllm_str_t value) {
  uvllm_json_name(w, name);
  uvllm_json_write_str(w, value);
}


static uvllm_str_t str(const char* s) {
  return (uvllm_str_t){ s, strlen(s) };
}


/* The line that was begun as an object. Flushed: somebody waits for it. */
static void end_line(ollama_t* o) {
  uvllm_json_end_object(o->w);
  const uvllm_str_t line = uvllm_json_writer_text(o->w);
  if (line.base == NULL) {
    cli_error("out of memory");
    o->status = CLI_USAGE;
  } else {
    fwrite(line.base, 1, line.len, stdout);
    putchar('\n');
    fflush(stdout);
  }
  uvllm_json_writer_reset(o->w);
}


static void put_progress(ollama_t* o, const uvllm_event_t* e) {
  uvllm_json_begin_object(o->w);
  put_member(o->w, "status", e->u.progress.status);
  if (e->u.progress.total != 0) {
    uvllm_json_name(o->w, "completed");
    uvllm_json_write_int(o->w, (int64_t) e->u.progress.done);
    uvllm_json_name(o->w, "total");
    uvllm_json_write_int(o->w, (int64_t) e->u.progress.total);
  }
  end_line(o);
}


static void put_error(ollama_t* o, const uvllm_result_t* r) {
  uvllm_json_begin_object(o->w);
  uvllm_json_name(o->w, "error");
  uvllm_json_begin_object(o->w);
  put_member(o->w, "code", str(uvllm_err_name(r->status)));
  put_member(o->w, "message", r->message.len > 0 ? r->message : str(uvllm_strerror(r->status)));
  uvllm_json_end_object(o->w);
  end_line(o);
}


/* ---- What is told ----------------------------------------------------------------------- */

/* A layer's progress is its own: its digest is in the status. */
static void paint_progress(const uvllm_event_t* e) {
  char done[OLLAMA_BYTES], total[OLLAMA_BYTES], line[160];
  const uvllm_str_t s = e->u.progress.status;
  int n = snprintf(line, sizeof(line), "%.*s", (int) (s.len < 80 ? s.len : 80), s.base);
  for (int i = 0; i < n; i++)
    if ((unsigned char) line[i] < ' ')
      line[i] = ' ';
  if (e->u.progress.total != 0)
    snprintf(line + n, sizeof(line) - (size_t) n, "  %.0f%%  %s of %s",
             100.0 * (double) e->u.progress.done / (double) e->u.progress.total,
             ollama_bytes(e->u.progress.done, done), ollama_bytes(e->u.progress.total, total));
  if (cli_width(STDERR_FILENO) < sizeof(line))
    line[cli_width(STDERR_FILENO) - 1] = '\0';
  cli_status_paint(line);
}


static void on_event(uvllm_req_t* req, const uvllm_event_t* e) {
  ollama_t* o = uvllm_req_data(req);
  if (e->type != UVLLM_EVENT_PROGRESS)
    return;
  if (o->common.json)
    put_progress(o, e);
  else if (cli_is_terminal(STDERR_FILENO))
    paint_progress(e);
}


static void tell_failure(ollama_t* o, const uvllm_result_t* r) {
  char http[32] = "";
  if (r->http_status != 0 && r->http_status != 200)
    snprintf(http, sizeof(http), " (HTTP %d)", r->http_status);
  cli_error("%s%s%s: %s%s%s%.*s", o->verb->name, o->model != NULL ? " " : "",
            o->model != NULL ? o->model : "", uvllm_strerror(r->status), http,
            r->message.len > 0 ? ": " : "", (int) r->message.len,
            r->message.len > 0 ? r->message.base : "");
  if (o->common.json)
    put_error(o, r);
  o->status = CLI_FAILED;
}


static void tell_done(ollama_t* o) {
  const int is_rm = strcmp(o->verb->name, "rm") == 0;
  if (!o->common.json)
    printf("%s %s\n", is_rm ? "removed" : "pulled", o->model);
  else if (is_rm) { /* a pull's last line says "success" */
    uvllm_json_begin_object(o->w);
    put_member(o->w, "removed", str(o->model));
    end_line(o);
  }
}


static void tell_body(ollama_t* o, uvllm_str_t body) {
  if (!o->common.json)
    o->status = o->verb->print(body);
  else {
    fwrite(body.base, 1, body.len, stdout);
    putchar('\n');
  }
}


static void on_done(uvllm_req_t* req, const uvllm_result_t* r) {
  ollama_t* o = uvllm_req_data(req);
  cli_status_clear();
  if (r->status != 0)
    tell_failure(o, r);
  else if (o->verb->print == NULL)
    tell_done(o);
  else
    tell_body(o, r->body_json.base != NULL ? r->body_json : str(""));
}


/* ---- Asking ------------------------------------------------------------------------------- */

/* Nobody knows how long a layer takes, or its digest. */
static void wait_for_ever(uvllm_request_t* r) {
  r->timeout_ms = 0;
  r->first_timeout_ms = 0;
  r->idle_timeout_ms = 0;
}


static int ask(ollama_t* o) {
  uvllm_request_t r;
  uvllm_json_writer_t* body = NULL;
  uvllm_request_init(&r);
  r.op = UVLLM_RAW;
  r.target.provider = "ollama";
  r.flags = o->verb->print != NULL ? UVLLM_BODY : 0;
  r.raw_method = o->verb->method;
  r.raw_path = o->verb->path;
  if (strcmp(o->verb->name, "pull") == 0)
    wait_for_ever(&r);
  int err = uvllm_json_writer_new(&body, NULL);
  if (err == 0 && o->model != NULL) {
    uvllm_json_begin_object(body);
    put_member(body, "model", str(o->model));
    uvllm_json_end_object(body);
    err = uvllm_json_writer_error(body);
    r.raw_body = uvllm_json_writer_text(body);
  }
  if (err == 0)
    err = uvllm_submit(o->session.client, &r, on_event, on_done, o, NULL);
  if (err != 0) {
    const char* why = uvllm_last_error(o->session.client);
    cli_error("%s: %s", o->verb->name, *why != '\0' ? why : uvllm_strerror(err));
    o->status = CLI_USAGE;
  }
  uvllm_json_writer_free(body);
  uv_run(&o->session.loop, UV_RUN_DEFAULT);
  return o->status;
}


/* ---- The command ---------------------------------------------------------------------------- */

static int take(void* into, int id, const char* value) {
  (void) into, (void) id, (void) value;
  return CLI_USAGE; /* there are none of its own */
}


static int read_operands(ollama_t* o) {
  const cli_common_t* c = &o->common;
  for (size_t i = 0; c->noperands > 0 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
    if (strcmp(c->operands[0], verbs[i].name) == 0)
      o->verb = &verbs[i];
  if (o->verb == NULL) {
    cli_error("%s%s%s: say pull, list, show, rm or ps (see uvllm ollama --help)",
              c->noperands > 0 ? "'" : "nothing to do", c->noperands > 0 ? c->operands[0] : "",
              c->noperands > 0 ? "' is not known" : "");
    return CLI_USAGE;
  }
  if (c->noperands != 1 + o->verb->has_model || (o->verb->has_model && *c->operands[1] == '\0')) {
    cli_error(o->verb->has_model ? "%s takes one MODEL, such as llama3.2" : "%s takes nothing else",
              o->verb->name);
    return CLI_USAGE;
  }
  o->model = o->verb->has_model ? c->operands[1] : NULL;
  return 0;
}


static int run_with(ollama_t* o) {
  const cli_session_options_t session = { "ollama", NULL, 1, { 0 }, 0, 0, 0 };
  int status = read_operands(o);
  if (status == 0)
    status = cli_session_open(&o->session, &o->common, &session);
  if (status != 0)
    return status;
  if (uvllm_json_writer_new(&o->w, NULL) != 0) {
    cli_error("out of memory");
    status = CLI_USAGE;
  } else
    status = ask(o);
  uvllm_json_writer_free(o->w);
  cli_session_close(&o->session);
  const int flushed = cli_flush(stdout, "standard output");
  return status != 0 ? status : flushed;
}


static int run(int argc, char** argv) {
  ollama_t o;
  memset(&o, 0, sizeof(o));
  int status = cli_parse(&cli_ollama, argc, argv, &o.common, take, &o);
  if (status != CLI_GO_ON)
    return status;
  status = run_with(&o);
  cli_common_free(&o.common);
  return status;
}


const cli_command_t cli_ollama = {
  "ollama", "manage the models of an Ollama server",
  "pull MODEL | list | show MODEL | rm MODEL | ps [OPTIONS]",
  "Manages the models of an Ollama server: pulls one, lists those that are there, shows\n"
  "one, removes one, or lists those that are loaded. The server is that of --base-url,\n"
  "else of OLLAMA_BASE_URL or OLLAMA_HOST, else http://localhost:11434.",
  "uvllm ollama pull llama3.2",
  options, CLI_HAS_PROVIDER, run
};
