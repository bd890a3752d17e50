/* Ollama's lists and details. Everything may be absent, and is then "-". */
#include "ollama.h"

typedef struct answer_s {
  uvllm_json_parser_t* parser;
  uvllm_json_t root;
} answer_t;


const char* ollama_bytes(uint64_t n, char text[OLLAMA_BYTES]) {
  static const char* const units[] = { "B", "kB", "MB", "GB", "TB" };
  size_t unit = 0;
  double value = (double) n;
  while (value >= 999.5 && unit < 4) {
    value /= 1000;
    unit++;
  }
  snprintf(text, OLLAMA_BYTES, unit == 0 || value >= 99.5 ? "%.0f %s" : "%.1f %s", value,
           units[unit]);
  return text;
}


/* ---- Cells ---- */

static void add_text(cli_table_t* t, uvllm_json_t v) {
  const uvllm_str_t s = uvllm_json_str(v);
  cli_table_add(t, s.len != 0 ? cli_format("%.*s", (int) s.len, s.base) : cli_strdup("-"));
}


static void add_bytes(cli_table_t* t, uvllm_json_t v) {
  char text[OLLAMA_BYTES];
  const int64_t n = uvllm_json_int(v, 0);
  cli_table_add(t, cli_strdup(n > 0 ? ollama_bytes((uint64_t) n, text) : "-"));
}


/* "2025-05-04T17:37:44.706015396-07:00" to the minute, where the server is. */
static void add_time(cli_table_t* t, uvllm_json_t v) {
  const uvllm_str_t s = uvllm_json_str(v);
  if (s.len < 16)
    cli_table_add(t, cli_strdup("-"));
  else
    cli_table_add(t, cli_format("%.10s %.5s", s.base, s.base + 11));
}


/* ---- Lists ---- */

static int open_answer(answer_t* a, uvllm_str_t body) {
  int err = uvllm_json_parser_new(&a->parser, NULL);
  if (err == 0)
    err = uvllm_json_parse(a->parser, body, &a->root, NULL);
  if (err == 0 && uvllm_json_type_of(a->root) == UVLLM_JSON_OBJECT)
    return 0;
  cli_error("the server's answer is no JSON object: is it Ollama?");
  uvllm_json_parser_free(a->parser);
  return CLI_FAILED;
}


int ollama_print_list(uvllm_str_t body) {
  static const char* const heads[] = { "NAME", "SIZE", "PARAMETERS", "QUANTIZATION", "MODIFIED",
                                       NULL };
  answer_t a;
  cli_table_t t;
  uvllm_json_t model;
  uint32_t it = 0;
  if (open_answer(&a, body) != 0)
    return CLI_FAILED;
  cli_table_begin(&t, heads);
  while (uvllm_json_next(uvllm_json_get(a.root, "models"), &it, NULL, &model)) {
    const uvllm_json_t details = uvllm_json_get(model, "details");
    add_text(&t, uvllm_json_get(model, "name"));
    add_bytes(&t, uvllm_json_get(model, "size"));
    add_text(&t, uvllm_json_get(details, "parameter_size"));
    add_text(&t, uvllm_json_get(details, "quantization_level"));
    add_time(&t, uvllm_json_get(model, "modified_at"));
  }
  cli_table_print(&t);
  uvllm_json_parser_free(a.parser);
  return 0;
}


/* How much of it is on the GPU. */
static void add_place(cli_table_t* t, uvllm_json_t model) {
  const double size = uvllm_json_num(uvllm_json_get(model, "size"), 0);
  const double vram = uvllm_json_num(uvllm_json_get(model, "size_vram"), 0);
  if (size <= 0)
    cli_table_add(t, cli_strdup("-"));
  else
    cli_table_add(t, cli_format("%.0f%% GPU", vram >= size ? 100 : vram > 0 ? 100 * vram / size : 0));
}


int ollama_print_ps(uvllm_str_t body) {
  static const char* const heads[] = { "NAME", "SIZE", "PLACE", "CONTEXT", "UNTIL", NULL };
  answer_t a;
  cli_table_t t;
  uvllm_json_t model;
  uint32_t it = 0;
  if (open_answer(&a, body) != 0)
    return CLI_FAILED;
  cli_table_begin(&t, heads);
  while (uvllm_json_next(uvllm_json_get(a.root, "models"), &it, NULL, &model)) {
    const int64_t context = uvllm_json_int(uvllm_json_get(model, "context_length"), 0);
    char number[CLI_MONEY];
    add_text(&t, uvllm_json_get(model, "name"));
    add_bytes(&t, uvllm_json_get(model, "size"));
    add_place(&t, model);
    cli_table_add(&t, cli_strdup(context > 0 ? cli_grouped((uint64_t) context, number) : "-"));
    add_time(&t, uvllm_json_get(model, "expires_at"));
  }
  cli_table_print(&t);
  uvllm_json_parser_free(a.parser);
  return 0;
}


/* ---- One model ---- */

static void print_pair(const char* name, uvllm_str_t value) {
  const char* line_end = value.len != 0 ? memchr(value.base, '\n', value.len) : NULL;
  if (line_end != NULL)
    value.len = (size_t) (line_end - value.base);
  if (value.len == 0)
    return;
  printf("%-18s", name);
  cli_put_text(stdout, value, cli_is_terminal(1));
  putchar('\n');
}


static int ends_with(uvllm_str_t s, const char* suffix) {
  const size_t n = strlen(suffix);
  return s.len >= n && memcmp(s.base + s.len - n, suffix, n) == 0;
}


/* "llama.context_length": its beginning is the architecture. */
static void print_info(uvllm_json_t info) {
  static const char* const ends[] = { "context length", ".context_length", "embedding length",
                                      ".embedding_length" };
  uvllm_json_t v;
  uvllm_str_t name;
  print_pair("architecture", uvllm_json_str(uvllm_json_get(info, "general.architecture")));
  for (size_t i = 0; i < 4; i += 2) {
    uint32_t it = 0;
    while (uvllm_json_next(info, &it, &name, &v))
      if (ends_with(name, ends[i + 1]) && uvllm_json_type_of(v) == UVLLM_JSON_NUMBER)
        print_pair(ends[i], uvllm_json_raw(v));
  }
}


static void print_lines(const char* name, uvllm_str_t text) {
  while (text.len != 0) {
    const char* end = memchr(text.base, '\n', text.len);
    const size_t len = end != NULL ? (size_t) (end - text.base) : text.len;
    print_pair(name, (uvllm_str_t){ text.base, len });
    text.base += len + (end != NULL);
    text.len -= len + (end != NULL);
    name = "";
  }
}


static void print_capabilities(uvllm_json_t list) {
  uvllm_json_t v;
  uint32_t it = 0;
  const char* name = "capabilities";
  while (uvllm_json_next(list, &it, NULL, &v)) {
    print_pair(name, uvllm_json_str(v));
    name = "";
  }
}


int ollama_print_show(uvllm_str_t body) {
  answer_t a;
  if (open_answer(&a, body) != 0)
    return CLI_FAILED;
  const uvllm_json_t details = uvllm_json_get(a.root, "details");
  print_pair("parameters", uvllm_json_str(uvllm_json_get(details, "parameter_size")));
  print_pair("quantization", uvllm_json_str(uvllm_json_get(details, "quantization_level")));
  print_pair("format", uvllm_json_str(uvllm_json_get(details, "format")));
  print_info(uvllm_json_get(a.root, "model_info"));
  print_capabilities(uvllm_json_get(a.root, "capabilities"));
  print_lines("options", uvllm_json_str(uvllm_json_get(a.root, "parameters")));
  print_pair("system", uvllm_json_str(uvllm_json_get(a.root, "system")));
  print_pair("license", uvllm_json_str(uvllm_json_get(a.root, "license")));
  uvllm_json_parser_free(a.parser);
  return 0;
}
