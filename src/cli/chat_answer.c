/* One answer: sent, printed as it comes, and judged. The loop runs here until it
 * is over; ^C cancels it, and so does a reader of standard output that went away.
 */
#include <inttypes.h>
#include <unistd.h>

#include "chat.h"

#define MS 1000000.0


/* ---- Messages -------------------------------------------------------------------------- */

void chat_add_message(chat_t* chat, uvllm_role role, uvllm_str_t text, uvllm_str_t parts_json) {
  size_t n = chat->nmessages;
  chat->messages = cli_realloc(chat->messages, (n + 1) * sizeof(*chat->messages));
  memset(&chat->messages[n], 0, sizeof(chat->messages[n]));
  chat->messages[n].role = role;
  chat->messages[n].text = text;
  chat->messages[n].parts_json = parts_json;
  chat->nmessages = n + 1;
}


void chat_drop_message(chat_t* chat) {
  uvllm_message_t* m = &chat->messages[--chat->nmessages];
  free((char*) m->text.base);
  free((char*) m->parts_json.base);
}


/* ---- Printing --------------------------------------------------------------------------- */

static void set_dimmed(chat_t* chat, int dimmed) {
  if (chat->dimmed == dimmed)
    return;
  chat->dimmed = dimmed;
  fputs(dimmed ? "\033[2m" : "\033[0m", stdout);
  if (!dimmed && !chat->ends_line)
    putchar('\n');
  chat->ends_line = !dimmed;
}


static void print_text(chat_t* chat, uvllm_str_t text) {
  if (text.len == 0)
    return;
  cli_put_text(stdout, text, chat->to_terminal);
  chat->ends_line = text.base[text.len - 1] == '\n';
  if (fflush(stdout) == 0)
    return;
  chat->unwritten = 1;
  uvllm_cancel(chat->req);
}


static void on_event(uvllm_req_t* req, const uvllm_event_t* event) {
  chat_t* chat = uvllm_req_data(req);
  if (chat->args->common.json || chat->unwritten)
    return;
  switch (event->type) {
    case UVLLM_EVENT_TEXT:
    case UVLLM_EVENT_REFUSAL:
      set_dimmed(chat, 0);
      print_text(chat, event->u.text);
      break;
    case UVLLM_EVENT_REASONING:
      if (!chat->color)
        break;
      set_dimmed(chat, 1);
      print_text(chat, event->u.text);
      break;
    default: break;
  }
}


/* ---- The end ------------------------------------------------------------------------------ */

static void tell_usage(const uvllm_result_t* r) {
  const uvllm_usage_t* u = r->usage;
  const uvllm_timing_t* t = r->timing;
  char cost[CLI_MONEY];
  char first[48] = "";
  if (t->first_content > t->sent && t->sent > 0)
    snprintf(first, sizeof(first), ", first content after %.0f ms",
             (double) (t->first_content - t->sent) / MS);
  cli_note(UVLLM_LOG_INFO, "%" PRIu64 " tokens in, %" PRIu64 " out%s, %s, %.0f ms%s, %u attempt%s",
           u->input_tokens, u->output_tokens,
           u->flags & UVLLM_USAGE_ESTIMATED ? " (estimated)" : "",
           u->flags & UVLLM_USAGE_UNPRICED ? "price not known" : cli_money(u->cost_pusd, cost),
           (double) (t->ended - t->submitted) / MS, first, r->attempts,
           r->attempts == 1 ? "" : "s");
}


static void tell_stop(const uvllm_result_t* r) {
  if (r->nchoices == 0)
    return;
  switch (r->choices[0].stop) {
    case UVLLM_STOP_LENGTH:
      cli_note(UVLLM_LOG_WARN, "the answer is cut off: its tokens were used up");
      break;
    case UVLLM_STOP_FILTER:
      cli_note(UVLLM_LOG_WARN, "the answer is cut off by a content filter");
      break;
    case UVLLM_STOP_TOOL:
      cli_note(UVLLM_LOG_WARN, "the model asks for a tool, and chat has none");
      break;
    default: break;
  }
}


/* The provider's own words, and what may help. */
static void tell_failure(const chat_t* chat, const uvllm_result_t* r) {
  char http[32] = "", tried[32] = "";
  if (r->http_status != 0)
    snprintf(http, sizeof(http), " (HTTP %d)", r->http_status);
  if (r->attempts > 1)
    snprintf(tried, sizeof(tried), ", tried %u times", r->attempts);
  cli_error("%s/%s: %s%s%s%s%.*s", chat->args->common.provider, chat->args->common.model,
            uvllm_strerror(r->status), http, tried, r->message.len > 0 ? ": " : "",
            (int) r->message.len, r->message.len > 0 ? r->message.base : "");
}


static int judge(const chat_t* chat, const uvllm_result_t* r) {
  if (chat->unwritten)
    return CLI_USAGE;
  if (r->status == 0)
    return CLI_OK;
  return chat->interrupted && r->status == UV_ECANCELED ? CLI_INTERRUPTED : CLI_FAILED;
}


static void keep_answer(chat_t* chat, const uvllm_result_t* r) {
  uvllm_str_t text = { NULL, 0 };
  if (r->nchoices > 0 && r->choices != NULL)
    text = r->choices[0].text;
  chat->answer = cli_alloc(text.len + 1);
  if (text.len > 0)
    memcpy(chat->answer, text.base, text.len);
}


static void on_done(uvllm_req_t* req, const uvllm_result_t* r) {
  chat_t* chat = uvllm_req_data(req);
  set_dimmed(chat, 0);
  if (!chat->ends_line && !chat->unwritten)
    putchar('\n');
  chat->status = judge(chat, r);
  if (chat->args->common.json && chat_write_json(r) != 0)
    chat->status = CLI_USAGE;
  if (!chat->unwritten && cli_flush(stdout, "standard output") != 0)
    chat->status = CLI_USAGE;
  else if (chat->unwritten)
    cli_error("standard output cannot be written: the answer was cancelled");
  if (chat->status == CLI_FAILED)
    tell_failure(chat, r);
  tell_stop(r);
  tell_usage(r);
  keep_answer(chat, r);
  uv_signal_stop(&chat->sigint);
  chat->req = NULL;
}


static void on_sigint(uv_signal_t* handle, int number) {
  chat_t* chat = handle->data;
  (void) number;
  chat->interrupted = 1;
  if (chat->req != NULL)
    uvllm_cancel(chat->req);
}


static int submit(chat_t* chat) {
  const chat_args_t* a = chat->args;
  uvllm_request_t r;
  uvllm_request_init(&r);
  r.target.provider = a->common.provider;
  r.target.model = a->common.model;
  r.messages = chat->messages;
  r.nmessages = chat->nmessages;
  r.flags = UVLLM_STREAM;
  r.json_schema = a->schema_json;
  r.max_tokens = a->max_tokens;
  r.temperature = a->temperature;
  r.max_attempts = 5;
  return uvllm_submit(chat->session.client, &r, on_event, on_done, chat, &chat->req);
}


void chat_answer(chat_t* chat) {
  chat->interrupted = chat->unwritten = chat->dimmed = 0;
  chat->ends_line = 1;
  chat->answer = NULL;
  int err = submit(chat);
  if (err != 0) {
    const char* why = uvllm_last_error(chat->session.client);
    cli_error("%s/%s: %s", chat->args->common.provider, chat->args->common.model,
              *why != '\0' ? why : uvllm_strerror(err));
    chat->answer = cli_strdup("");
    chat->status = CLI_USAGE;
    return;
  }
  uv_signal_start(&chat->sigint, on_sigint, SIGINT);
  uv_run(&chat->session.loop, UV_RUN_DEFAULT);
}
