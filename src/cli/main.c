/* The command line's entry: finds the command and runs it. Nothing slow happens
 * before that: --version creates no client.
 */
#include <signal.h>

#include <curl/curl.h>
#include <llhttp.h>
#include "common.h"

static const cli_command_t* const commands[] = { &cli_batch, &cli_chat, &cli_embed,
                                               &cli_models, &cli_check, &cli_ollama, &cli_mock };
enum { NCOMMANDS = sizeof(commands) / sizeof(commands[0]) };


static int print_version(void) {
  printf("uvllm %s (libuv %s, libcurl %s, llhttp %d.%d.%d)\n", UVLLM_VERSION_STRING,
         uv_version_string(), curl_version_info(CURLVERSION_NOW)->version, LLHTTP_VERSION_MAJOR,
         LLHTTP_VERSION_MINOR, LLHTTP_VERSION_PATCH);
  return cli_flush(stdout, "standard output");
}


static void print_usage(FILE* out) {
  fputs("usage: uvllm COMMAND [OPTIONS]\n"
        "\n"
        "Runs requests to language models, thousands at once.\n"
        "\n"
        "commands:\n",
        out);
  for (int i = 0; i < NCOMMANDS; i++)
    fprintf(out, "  %-12s%s\n", commands[i]->name, commands[i]->summary);
  fputs("\n"
        "  --help      this text; after a command: its options and an example\n"
        "  --version   the versions of uvllm and of what it is made with\n"
        "\n"
        "A model is PROVIDER/MODEL, such as openai/gpt-4o-mini. mock/NAME is the embedded\n"
        "provider: it needs no key and no network. The key of any other comes from\n"
        "PROVIDER_API_KEY (OPENAI_API_KEY), its base URL from --base-url or\n"
        "PROVIDER_BASE_URL.\n"
        "\n"
        "example:\n"
        "  uvllm chat -m mock/gpt-4o-mini 'Is anybody there?'\n",
        out);
}


static const cli_command_t* find_command(const char* name) {
  for (int i = 0; i < NCOMMANDS; i++)
    if (strcmp(commands[i]->name, name) == 0)
      return commands[i];
  return NULL;
}


static int no_command(const char* word) {
  if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
    print_usage(stdout);
    return cli_flush(stdout, "standard output");
  }
  if (strcmp(word, "--version") == 0)
    return print_version();
  if (word[0] == '-')
    cli_error("unknown option '%s': options stand behind the command (see uvllm --help)", word);
  else
    cli_error("unknown command '%s' (see uvllm --help)", word);
  return CLI_USAGE;
}


int main(int argc, char** argv) {
  cli_output_begin(NULL, 0, 0);
  if (argc < 2) {
    print_usage(stderr);
    return CLI_USAGE;
  }
  const cli_command_t* command = find_command(argv[1]);
  if (command == NULL)
    return no_command(argv[1]);
  signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of write(2) */
  cli_output_begin(command->name, 0, 0);
  return command->run(argc - 1, argv + 1);
}
