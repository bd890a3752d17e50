/* The parts of `uvllm chat`: what is asked, one answer, and a conversation. */
#ifndef UVLLM_CLI_CHAT_H
#define UVLLM_CLI_CHAT_H

#include "common.h"

typedef struct chat_args_s {
  cli_common_t common;
  const char* system;
  const char** images;
  size_t nimages;
  const char* schema;      /* a path */
  uvllm_str_t schema_json; /* what stands in it */
  uint32_t max_tokens;
  double temperature;      /* NaN: not given */
  int interactive;
} chat_args_t;


/* ---- What is asked (chat_input.c) --------------------------------------------------- */

/* The operands with spaces between, then standard input unless it is a terminal
 * (or the conversation comes from there). To be freed. */
int chat_read_text(const chat_args_t* args, uvllm_str_t* text);
/* Content parts as OpenAI's: the text, and an image each; absent without images.
 * To be freed. */
int chat_read_parts(const chat_args_t* args, uvllm_str_t text, uvllm_str_t* parts_json);


/* ---- One answer (chat_answer.c) ------------------------------------------------------- */

typedef struct chat_s {
  const chat_args_t* args;
  cli_session_t session;
  uvllm_message_t* messages; /* owned with their texts */
  size_t nmessages;
  int to_terminal;           /* standard output is one */
  int color;

  uvllm_req_t* req;          /* NULL: none is running */
  uv_signal_t sigint;
  int interrupted, unwritten;
  int dimmed;                /* reasoning is being shown */
  int ends_line;             /* what was printed last was a newline */
  char* answer;              /* what came of it; to be freed */
  int status;                /* of the last answer: CLI_OK, _FAILED, _INTERRUPTED, _USAGE */
} chat_t;

/* The message owns text and parts (either may be absent). */
void chat_add_message(chat_t* chat, uvllm_role role, uvllm_str_t text, uvllm_str_t parts_json);
void chat_drop_message(chat_t* chat); /* the last one */
/* Sends the messages, prints the answer as it comes, and waits for its end; ^C
 * cancels it. Sets status and answer. */
void chat_answer(chat_t* chat);
/* The result as a JSON object and a newline (chat_json.c). 0, or CLI_USAGE. */
int chat_write_json(const uvllm_result_t* result);


/* ---- A conversation (chat_talk.c) -------------------------------------------------------- */

/* Lines of standard input until its end or /exit; the first message may be there
 * already. The exit status. */
int chat_talk(chat_t* chat);

#endif
