/* What a chat sends: words of the command line, standard input, images. An image
 * is known by its first bytes, not by its name; it travels as a data: URL.
 */
#define _GNU_SOURCE /* mempcpy */
#include <unistd.h>

#include "chat.h"


/* ---- Text -------------------------------------------------------------------------- */

static char* join_operands(const cli_common_t* c) {
  char* text = cli_strdup("");
  for (int i = 0; i < c->noperands; i++) {
    char* longer = cli_format("%s%s%s", text, i > 0 ? " " : "", c->operands[i]);
    free(text);
    text = longer;
  }
  return text;
}


static uvllm_str_t trimmed_end(uvllm_str_t s) {
  while (s.len > 0 && strchr(" \t\r\n", s.base[s.len - 1]) != NULL)
    s.len--;
  return s;
}


int chat_read_text(const chat_args_t* args, uvllm_str_t* text) {
  uvllm_str_t input;
  char* words = join_operands(&args->common);
  size_t nwords = strlen(words);
  *text = (uvllm_str_t){ words, nwords };
  if (args->interactive || cli_is_terminal(STDIN_FILENO))
    return 0;
  if (cli_read_fd(STDIN_FILENO, "standard input", &input) != 0) {
    free(words);
    return CLI_USAGE;
  }
  size_t ninput = trimmed_end(input).len;
  size_t ngap = nwords > 0 && ninput > 0 ? 2 : 0;
  char* all = cli_alloc(nwords + ngap + ninput + 1);
  char* end = mempcpy(all, words, nwords);
  end = mempcpy(end, "\n\n", ngap);
  end = mempcpy(end, input.base, ninput);
  *text = (uvllm_str_t){ all, (size_t) (end - all) };
  free(words);
  free((char*) input.base);
  return 0;
}


/* ---- Images -------------------------------------------------------------------------- */

static int begins(uvllm_str_t s, size_t at, const char* magic, size_t len) {
  return s.len >= at + len && memcmp(s.base + at, magic, len) == 0;
}


static const char* image_type(uvllm_str_t s) {
  if (begins(s, 0, "\x89PNG\r\n\x1a\n", 8))
    return "image/png";
  if (begins(s, 0, "\xff\xd8\xff", 3))
    return "image/jpeg";
  if (begins(s, 0, "GIF87a", 6) || begins(s, 0, "GIF89a", 6))
    return "image/gif";
  if (begins(s, 0, "RIFF", 4) && begins(s, 8, "WEBP", 4))
    return "image/webp";
  return NULL;
}


/* RFC 4648 section 4. */
static char* base64(char* out, uvllm_str_t in) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const unsigned char* s = (const unsigned char*) in.base;
  for (size_t i = 0; i < in.len; i += 3) {
    size_t left = in.len - i;
    uint32_t bits = (uint32_t) s[i] << 16;
    if (left > 1)
      bits |= (uint32_t) s[i + 1] << 8;
    if (left > 2)
      bits |= s[i + 2];
    *out++ = alphabet[bits >> 18];
    *out++ = alphabet[bits >> 12 & 63];
    *out++ = left > 1 ? alphabet[bits >> 6 & 63] : '=';
    *out++ = left > 2 ? alphabet[bits & 63] : '=';
  }
  return out;
}


static int data_url(const char* path, char** url) {
  uvllm_str_t file;
  if (cli_read_file(path, &file) != 0)
    return CLI_USAGE;
  const char* type = image_type(file);
  if (type == NULL) {
    cli_error("--image: %s is no PNG, JPEG, GIF or WebP", path);
    free((char*) file.base);
    return CLI_USAGE;
  }
  *url = cli_alloc(32 + (file.len + 2) / 3 * 4);
  int n = sprintf(*url, "data:%s;base64,", type);
  *base64(*url + n, file) = '\0';
  free((char*) file.base);
  return 0;
}


static int is_url(const char* s) {
  return strncmp(s, "https://", 8) == 0 || strncmp(s, "http://", 7) == 0;
}


static void write_text_part(uvllm_json_writer_t* w, uvllm_str_t text) {
  uvllm_json_begin_object(w);
  uvllm_json_name(w, "type");
  uvllm_json_write_str(w, (uvllm_str_t) UVLLM_STR("text"));
  uvllm_json_name(w, "text");
  uvllm_json_write_str(w, text);
  uvllm_json_end_object(w);
}


static int write_image_part(uvllm_json_writer_t* w, const char* image) {
  char* url = NULL;
  if (is_url(image))
    url = cli_strdup(image);
  else if (data_url(image, &url) != 0)
    return CLI_USAGE;
  uvllm_json_begin_object(w);
  uvllm_json_name(w, "type");
  uvllm_json_write_str(w, (uvllm_str_t) UVLLM_STR("image_url"));
  uvllm_json_name(w, "image_url");
  uvllm_json_begin_object(w);
  uvllm_json_name(w, "url");
  uvllm_json_write_str(w, (uvllm_str_t){ url, strlen(url) });
  uvllm_json_end_object(w);
  uvllm_json_end_object(w);
  free(url);
  return 0;
}


int chat_read_parts(const chat_args_t* args, uvllm_str_t text, uvllm_str_t* parts_json) {
  uvllm_json_writer_t* w;
  int status = 0;
  *parts_json = (uvllm_str_t){ NULL, 0 };
  if (args->nimages == 0)
    return 0;
  int err = uvllm_json_writer_new(&w, NULL);
  if (err == 0) {
    uvllm_json_begin_array(w);
    if (text.len > 0)
      write_text_part(w, text);
    for (size_t i = 0; i < args->nimages && status == 0; i++)
      status = write_image_part(w, args->images[i]);
    uvllm_json_end_array(w);
    err = uvllm_json_writer_error(w);
  }
  if (err != 0)
    cli_error("the images cannot be sent: %s", uvllm_strerror(err));
  else if (status == 0) {
    uvllm_str_t json = uvllm_json_writer_text(w);
    char* copy = cli_alloc(json.len + 1);
    memcpy(copy, json.base, json.len);
    *parts_json = (uvllm_str_t){ copy, json.len };
  }
  uvllm_json_writer_free(w);
  return err == 0 ? status : CLI_USAGE;
}
