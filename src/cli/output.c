/* What the process says: messages and log lines on standard error, each one line,
 * and one status line at the bottom of a terminal, which a message takes away
 * first. Text that came from elsewhere cannot steer the terminal.
 */
#define _GNU_SOURCE /* vasprintf */
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

static struct {
  const char* command;
  int verbosity, log_json;
  int status_shown;
} self;

enum { MAX_LINE = 4096 };


void cli_output_begin(const char* command, int verbosity, int log_json) {
  self.command = command;
  self.verbosity = verbosity;
  self.log_json = log_json;
}


/* ---- The terminal ------------------------------------------------------------------- */

int cli_is_terminal(int fd) {
  return isatty(fd);
}


int cli_has_color(int fd) {
  const char* no_color = getenv("NO_COLOR");
  const char* term = getenv("TERM");
  if (no_color != NULL && *no_color != '\0')
    return 0;
  return term != NULL && strcmp(term, "dumb") != 0 && isatty(fd);
}


unsigned int cli_width(int fd) {
  struct winsize size;
  if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col;
  return 80;
}


/* A terminal that was stopped (^S) would block the loop. */
static int takes_output(int fd) {
  struct pollfd p = { fd, POLLOUT, 0 };
  return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0;
}


void cli_status_paint(const char* line) {
  if (!takes_output(STDERR_FILENO))
    return;
  self.status_shown = 1;
  fprintf(stderr, "\r%s\033[K", line);
  fflush(stderr);
}


void cli_status_clear(void) {
  if (!self.status_shown)
    return;
  self.status_shown = 0;
  fputs("\r\033[K", stderr);
  fflush(stderr);
}


/* C0 but tab and newline, DEL, and C1 as UTF-8 writes it. */
static size_t steering_bytes(const char* s, size_t len) {
  unsigned char c = (unsigned char) s[0];
  if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
    return 1;
  if (c == 0xc2 && len > 1 && (unsigned char) s[1] >= 0x80 && (unsigned char) s[1] <= 0x9f)
    return 2;
  return 0;
}


void cli_put_text(FILE* out, uvllm_str_t text, int to_terminal) {
  size_t from = 0, i = 0;
  if (text.len == 0)
    return;
  while (to_terminal && i < text.len) {
    size_t skip = steering_bytes(text.base + i, text.len - i);
    if (skip == 0) {
      i++;
      continue;
    }
    fwrite(text.base + from, 1, i - from, out);
    i += skip;
    from = i;
  }
  fwrite(text.base + from, 1, text.len - from, out);
}


int cli_flush(FILE* out, const char* name) {
  if (fflush(out) == 0 && !ferror(out))
    return 0;
  cli_error("%s cannot be written: %s", name, strerror(errno));
  return CLI_USAGE;
}


/* ---- Messages ------------------------------------------------------------------------ */

static const char* level_name(uvllm_log_level level) {
  static const char* const names[] = { "error", "warning", "info", "debug" };
  return names[level];
}


static void put_json(uvllm_log_level level, const char* msg) {
  char time_text[40];
  struct timespec now;
  struct tm utc;
  uvllm_json_writer_t* w;
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &utc);
  size_t n = strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%S", &utc);
  snprintf(time_text + n, sizeof(time_text) - n, ".%03ldZ", now.tv_nsec / 1000000);
  if (uvllm_json_writer_new(&w, NULL) != 0)
    return;
  uvllm_json_begin_object(w);
  uvllm_json_name(w, "time");
  uvllm_json_write_str(w, (uvllm_str_t){ time_text, strlen(time_text) });
  uvllm_json_name(w, "level");
  uvllm_json_write_str(w, (uvllm_str_t){ level_name(level), strlen(level_name(level)) });
  uvllm_json_name(w, "msg");
  uvllm_json_write_str(w, (uvllm_str_t){ msg, strlen(msg) });
  uvllm_json_end_object(w);
  uvllm_str_t text = uvllm_json_writer_text(w);
  if (text.base != NULL)
    fprintf(stderr, "%.*s\n", (int) text.len, text.base);
  uvllm_json_writer_free(w);
}


static void put_message(uvllm_log_level level, const char* msg) {
  cli_status_clear();
  if (self.log_json) {
    put_json(level, msg);
    return;
  }
  fprintf(stderr, "uvllm%s%s: ", self.command != NULL ? " " : "",
          self.command != NULL ? self.command : "");
  if (level != UVLLM_LOG_ERROR)
    fprintf(stderr, "%s: ", level_name(level));
  cli_put_text(stderr, (uvllm_str_t){ msg, strlen(msg) }, 1);
  fputc('\n', stderr);
}


static void put_formatted(uvllm_log_level level, const char* format, va_list args) {
  char line[MAX_LINE];
  vsnprintf(line, sizeof(line), format, args);
  for (char* p = line; *p != '\0'; p++)
    if (*p == '\n')
      *p = ' ';
  put_message(level, line);
}


void cli_error(const char* format, ...) {
  va_list args;
  va_start(args, format);
  put_formatted(UVLLM_LOG_ERROR, format, args);
  va_end(args);
}


void cli_note(uvllm_log_level level, const char* format, ...) {
  va_list args;
  if (level > cli_log_level())
    return;
  va_start(args, format);
  put_formatted(level, format, args);
  va_end(args);
}


uvllm_log_level cli_log_level(void) {
  if (self.verbosity == 0)
    return UVLLM_LOG_WARN;
  return self.verbosity == 1 ? UVLLM_LOG_INFO : UVLLM_LOG_DEBUG;
}


void cli_log_cb(void* data, uvllm_log_level level, const char* msg) {
  (void) data;
  if (level <= cli_log_level())
    put_message(level, msg);
}


/* ---- Memory ----------------------------------------------------------------------------- */

static void* or_die(void* p) {
  if (p != NULL)
    return p;
  cli_error("out of memory");
  _exit(CLI_USAGE); /* a thread of ours may run: exit(3) would pull its ground away */
}


void* cli_alloc(size_t size) {
  return or_die(calloc(1, size > 0 ? size : 1));
}


void* cli_realloc(void* ptr, size_t size) {
  return or_die(realloc(ptr, size > 0 ? size : 1));
}


char* cli_strdup(const char* s) {
  return or_die(strdup(s));
}


char* cli_format(const char* format, ...) {
  char* text = NULL;
  va_list args;
  va_start(args, format);
  int n = vasprintf(&text, format, args);
  va_end(args);
  return or_die(n >= 0 ? text : NULL);
}
