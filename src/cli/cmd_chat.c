/* uvllm chat: one request, or a conversation, streamed to standard output. */
#include <math.h>
#include <unistd.h>

#include "chat.h"

enum { OPT_SYSTEM = 256, OPT_IMAGE, OPT_SCHEMA, OPT_INTERACTIVE, OPT_MAX_TOKENS, OPT_TEMPERATURE };

static const cli_option_t options[] = {
  { "system", OPT_SYSTEM, "TEXT", "the system message" },
  { "image", OPT_IMAGE, "FILE|URL",
    "send this image too (PNG, JPEG, GIF, WebP); may be\n"
    "repeated" },
  { "schema", OPT_SCHEMA, "FILE", "answer in JSON after this JSON Schema" },
  { "interactive", OPT_INTERACTIVE, NULL,
    "a conversation: a message a line; /exit or ^D ends it,\n"
    "^C cancels an answer" },
  { "max-tokens", OPT_MAX_TOKENS, "N", "at most so many tokens of answer" },
  { "temperature", OPT_TEMPERATURE, "X", "0 to 2; the provider's own unless given" },
  { NULL, 0, NULL, NULL }
};


static int take(void* into, int id, const char* value) {
  chat_args_t* a = into;
  switch (id) {
    case OPT_SYSTEM: a->system = value; return 0;
    case OPT_SCHEMA: a->schema = value; return 0;
    case OPT_INTERACTIVE: a->interactive = 1; return 0;
    case OPT_MAX_TOKENS: return cli_take_count32("--max-tokens", value, 1, &a->max_tokens);
    case OPT_TEMPERATURE: return cli_take_number("--temperature", value, 0, 2, &a->temperature);
    default: break;
  }
  a->images = cli_realloc(a->images, (a->nimages + 1) * sizeof(*a->images));
  a->images[a->nimages++] = value;
  return 0;
}


static int add_question(chat_t* chat) {
  const chat_args_t* a = chat->args;
  uvllm_str_t text, parts;
  if (a->system != NULL) {
    char* system = cli_strdup(a->system);
    chat_add_message(chat, UVLLM_SYSTEM, (uvllm_str_t){ system, strlen(system) },
                     (uvllm_str_t){ NULL, 0 });
  }
  int status = chat_read_text(a, &text);
  if (status != 0)
    return status;
  status = chat_read_parts(a, text, &parts);
  if (status == 0 && text.len == 0 && parts.base == NULL && !a->interactive) {
    cli_error("nothing to ask: give TEXT, pipe it in, or use --interactive");
    status = CLI_USAGE;
  }
  if (status != 0 || (text.len == 0 && parts.base == NULL)) {
    free((char*) text.base);
    return status;
  }
  if (parts.base != NULL) { /* the text is the first of them */
    free((char*) text.base);
    text = (uvllm_str_t){ NULL, 0 };
  }
  chat_add_message(chat, UVLLM_USER, text, parts);
  return 0;
}


static int ask(chat_t* chat) {
  const chat_args_t* a = chat->args;
  cli_session_options_t o = { a->common.provider, a->common.model, 1, { 0 }, 0, 0, 0 };
  int status = cli_session_open(&chat->session, &a->common, &o);
  if (status != 0)
    return status;
  uv_signal_init(&chat->session.loop, &chat->sigint);
  chat->sigint.data = chat;
  if (a->interactive)
    status = chat_talk(chat);
  else {
    chat_answer(chat);
    status = chat->status;
    free(chat->answer);
  }
  uv_close((uv_handle_t*) &chat->sigint, NULL);
  cli_session_close(&chat->session);
  return status;
}


static int run_with(chat_args_t* a) {
  chat_t chat;
  int status = 0;
  memset(&chat, 0, sizeof(chat));
  if (a->common.provider == NULL) {
    cli_error(
        "no model: say which with -m, such as -m openai/gpt-4o-mini, or -m mock/gpt-4o-mini "
        "without a key");
    return CLI_USAGE;
  }
  if (a->schema != NULL)
    status = cli_read_json_object(a->schema, &a->schema_json);
  chat.args = a;
  chat.to_terminal = cli_is_terminal(STDOUT_FILENO);
  chat.color = chat.to_terminal && cli_has_color(STDOUT_FILENO);
  if (status == 0)
    status = add_question(&chat);
  if (status == 0)
    status = ask(&chat);
  while (chat.nmessages > 0)
    chat_drop_message(&chat);
  free(chat.messages);
  free((char*) a->schema_json.base);
  return status;
}


static int run(int argc, char** argv) {
  chat_args_t a;
  memset(&a, 0, sizeof(a));
  a.temperature = NAN;
  int status = cli_parse(&cli_chat, argc, argv, &a.common, take, &a);
  if (status == CLI_GO_ON) {
    status = run_with(&a);
    cli_common_free(&a.common);
  }
  free(a.images);
  return status;
}


const cli_command_t cli_chat = {
  "chat",
  "ask one thing, or hold a conversation",
  "[OPTIONS] [TEXT...]",
  "Sends one request and prints the answer as it comes. Standard input is appended to\n"
  "TEXT when it is not a terminal.",
  "uvllm chat -m openai/gpt-4o-mini 'What does this do?' < main.c",
  options,
  CLI_HAS_MODEL | CLI_HAS_PROVIDER,
  run
};
