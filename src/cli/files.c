/* Files that are read whole: prices, schemas, images, standard input. Bounded, and
 * a message says which file and, in JSON, which line.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common.h"


int cli_read_fd(int fd, const char* name, uvllm_str_t* text) {
  size_t len = 0, cap = 64 << 10;
  char* base = cli_alloc(cap);
  for (;;) {
    if (len + 1 >= cap)
      base = cli_realloc(base, cap *= 2);
    ssize_t n = read(fd, base + len, cap - len - 1);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      cli_error("%s cannot be read: %s", name, strerror(errno));
      break;
    }
    len += (size_t) n;
    if (len > CLI_MAX_FILE) {
      cli_error("%s is larger than %d MiB", name, CLI_MAX_FILE >> 20);
      break;
    }
    if (n == 0) {
      base[len] = '\0';
      *text = (uvllm_str_t){ base, len };
      return 0;
    }
  }
  free(base);
  return CLI_USAGE;
}


int cli_read_file(const char* path, uvllm_str_t* text) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    cli_error("%s cannot be opened: %s", path, strerror(errno));
    return CLI_USAGE;
  }
  int status = cli_read_fd(fd, path, text);
  close(fd);
  return status;
}


static unsigned int line_of(uvllm_str_t text, size_t at) {
  unsigned int line = 1;
  for (size_t i = 0; i < at && i < text.len; i++)
    line += text.base[i] == '\n';
  return line;
}


static int check_object(const char* path, uvllm_str_t text) {
  uvllm_json_parser_t* parser;
  uvllm_json_t root;
  size_t at = 0;
  int err = uvllm_json_parser_new(&parser, NULL);
  if (err == 0)
    err = uvllm_json_parse(parser, text, &root, &at);
  if (err == UVLLM_EPROTO)
    cli_error("%s:%u: this is not JSON", path, line_of(text, at));
  else if (err != 0)
    cli_error("%s cannot be read: %s", path, uvllm_strerror(err));
  else if (uvllm_json_type_of(root) != UVLLM_JSON_OBJECT)
    cli_error("%s:1: this is not a JSON object", path);
  int good = err == 0 && uvllm_json_type_of(root) == UVLLM_JSON_OBJECT;
  uvllm_json_parser_free(parser);
  return good ? 0 : CLI_USAGE;
}


int cli_read_json_object(const char* path, uvllm_str_t* text) {
  int status = cli_read_file(path, text);
  if (status != 0)
    return status;
  status = check_object(path, *text);
  if (status != 0) {
    free((char*) text->base);
    *text = (uvllm_str_t){ NULL, 0 };
  }
  return status;
}
