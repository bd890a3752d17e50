/* A conversation: a line is a message, and the model is sent all that was said.
 * While a line is awaited nothing of the loop runs, so reading may block; ^C then
 * takes the half-typed line away, and while an answer comes it cancels that.
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "chat.h"

enum { READ_SIZE = 4096, MAX_TYPED = 1 << 20 };

typedef struct lines_s {
  char* base;
  size_t len;     /* read */
  size_t at;      /* given out */
  size_t cap;
  int ended;
} lines_t;


static void on_interrupt(int number) {
  (void) number; /* read(2) ends with EINTR: that is all it is for */
}


/* 1, 0 at the end, or a negative code (UV_EINTR: ^C). */
static int read_more(lines_t* l) {
  if (l->at > 0) {
    memmove(l->base, l->base + l->at, l->len - l->at);
    l->len -= l->at;
    l->at = 0;
  }
  if (l->len > MAX_TYPED)
    return UV_E2BIG;
  if (l->cap < l->len + READ_SIZE)
    l->base = cli_realloc(l->base, l->cap = l->len + 2 * READ_SIZE);
  ssize_t n = read(STDIN_FILENO, l->base + l->len, READ_SIZE);
  if (n < 0)
    return -errno;
  l->len += (size_t) n;
  return n > 0;
}


/* 1 and a line without its newline; 0 at the end; or a negative code. */
static int next_line(lines_t* l, uvllm_str_t* line) {
  for (;;) {
    char* start = l->base != NULL ? l->base + l->at : NULL;
    char* newline = start != NULL ? memchr(start, '\n', l->len - l->at) : NULL;
    if (newline != NULL || (l->ended && l->at < l->len)) {
      size_t len = newline != NULL ? (size_t) (newline - start) : l->len - l->at;
      l->at += len + (newline != NULL);
      *line = (uvllm_str_t){ start, len };
      return 1;
    }
    if (l->ended)
      return 0;
    int r = read_more(l);
    if (r < 0)
      return r;
    l->ended = r == 0;
  }
}


static void prompt(const chat_t* chat) {
  if (!cli_is_terminal(STDIN_FILENO) || !chat->to_terminal)
    return;
  fputs(chat->color ? "\033[1m> \033[0m" : "> ", stdout);
  fflush(stdout);
}


/* 1 and a line; 0 when the conversation is over. */
static int ask_line(const chat_t* chat, lines_t* l, uvllm_str_t* line) {
  struct sigaction on, before;
  memset(&on, 0, sizeof(on));
  on.sa_handler = on_interrupt; /* without SA_RESTART */
  sigaction(SIGINT, &on, &before);
  int r;
  do {
    prompt(chat);
    r = next_line(l, line);
    if (r == UV_EINTR && cli_is_terminal(STDIN_FILENO))
      fputs("\n(^D or /exit ends)\n", stderr);
  } while (r == UV_EINTR && cli_is_terminal(STDIN_FILENO));
  sigaction(SIGINT, &before, NULL);
  if (r < 0 && r != UV_EINTR)
    cli_error("standard input cannot be read: %s", uv_strerror(r));
  if (r == 0 && cli_is_terminal(STDIN_FILENO) && chat->to_terminal)
    putchar('\n'); /* where ^D was typed */
  return r > 0;
}


static uvllm_str_t copy_of(uvllm_str_t s) {
  char* base = cli_alloc(s.len + 1);
  memcpy(base, s.base, s.len);
  return (uvllm_str_t){ base, s.len };
}


static uvllm_str_t trimmed_end(uvllm_str_t s) {
  while (s.len > 0 && strchr(" \t\r", s.base[s.len - 1]) != NULL)
    s.len--;
  return s;
}


static int is_exit(uvllm_str_t s) {
  return s.len == 5 && memcmp(s.base, "/exit", 5) == 0;
}


/* What was answered is kept, even in part; a message without an answer is not. */
static int answer(chat_t* chat) {
  chat_answer(chat);
  uvllm_str_t text = { chat->answer, strlen(chat->answer) };
  if (text.len > 0)
    chat_add_message(chat, UVLLM_ASSISTANT, text, (uvllm_str_t){ NULL, 0 });
  else {
    free(chat->answer);
    chat_drop_message(chat);
  }
  chat->answer = NULL;
  return chat->status;
}


int chat_talk(chat_t* chat) {
  lines_t lines = { NULL, 0, 0, 0, 0 };
  uvllm_str_t line;
  int status = CLI_OK;
  if (chat->nmessages > 0 && chat->messages[chat->nmessages - 1].role == UVLLM_USER)
    status = answer(chat);
  while (status != CLI_USAGE && ask_line(chat, &lines, &line)) {
    line = trimmed_end(line);
    if (is_exit(line))
      break;
    if (line.len == 0)
      continue;
    chat_add_message(chat, UVLLM_USER, copy_of(line), (uvllm_str_t){ NULL, 0 });
    int now = answer(chat);
    if (now == CLI_USAGE || now == CLI_FAILED)
      status = now;
  }
  free(lines.base);
  return status == CLI_INTERRUPTED ? CLI_OK : status;
}
