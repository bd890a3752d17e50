/* The JSONTestSuite cases, where somebody has them: UVLLM_JSON_SUITE names the
 * folder of its test_parsing files (or the one above it). Without it, skipped. */
#include "test.h"

#include <dirent.h>

#include "uvllm/json.h"

typedef struct case_s {
  char name[256];
  char* text; /* exactly as large as the file, so that an overread is seen */
  size_t len;
} case_t;


static DIR* open_suite(char* folder, size_t size) {
  const char* root = getenv("UVLLM_JSON_SUITE");
  if (root == NULL || *root == '\0')
    return NULL;
  snprintf(folder, size, "%s/test_parsing", root);
  DIR* dir = opendir(folder);
  if (dir != NULL)
    return dir;
  snprintf(folder, size, "%s", root);
  return opendir(folder);
}


static void read_case(case_t* c, const char* folder, const char* name) {
  char path[4096];
  snprintf(path, sizeof(path), "%s/%s", folder, name);
  snprintf(c->name, sizeof(c->name), "%s", name);
  FILE* file = fopen(path, "rb");
  assert_non_null(file);
  assert_int_equal(fseek(file, 0, SEEK_END), 0);
  c->len = (size_t) ftell(file);
  rewind(file);
  c->text = malloc(c->len + (c->len == 0));
  assert_non_null(c->text);
  assert_int_equal(fread(c->text, 1, c->len, file), c->len);
  fclose(file);
}


/* Every string, name and number is read once. */
static void read_all(uvllm_json_t v) {
  uint32_t it = 0;
  uvllm_str_t name;
  uvllm_json_t value;
  uvllm_json_type type = uvllm_json_type_of(v);
  assert_int_equal(uvllm_json_str(v).base != NULL, type == UVLLM_JSON_STRING);
  assert_true(uvllm_json_int(v, -1) == -1 || type == UVLLM_JSON_NUMBER);
  assert_true(uvllm_json_num(v, -1) == -1 || type == UVLLM_JSON_NUMBER);
  while (uvllm_json_next(v, &it, &name, &value)) {
    assert_int_equal(name.base != NULL, type == UVLLM_JSON_OBJECT);
    read_all(value);
  }
}


static void check_case(uvllm_json_parser_t* parser, const case_t* c) {
  uvllm_json_t root;
  size_t at = SIZE_MAX;
  int err = uvllm_json_parse(parser, (uvllm_str_t) { c->text, c->len }, &root, &at);
  if (c->name[0] == 'y' && err != 0)
    fail_msg("%s was refused at %zu", c->name, at);
  if (c->name[0] == 'n' && err != UVLLM_EPROTO)
    fail_msg("%s gave %d", c->name, err);
  if (err == 0)
    read_all(root);
  else
    assert_true(at <= c->len);
}


static void takes_what_is_json_and_nothing_else(void** state) {
  (void) state;
  char folder[2048];
  DIR* dir = open_suite(folder, sizeof(folder));
  if (dir == NULL)
    skip();
  uvllm_json_parser_t* parser;
  assert_int_equal(uvllm_json_parser_new(&parser, NULL), 0);
  int ncases = 0;
  for (struct dirent* e; (e = readdir(dir)) != NULL;) {
    if (strchr("yni", e->d_name[0]) == NULL || e->d_name[1] != '_')
      continue;
    case_t c;
    read_case(&c, folder, e->d_name);
    check_case(parser, &c);
    free(c.text);
    ncases++;
  }
  closedir(dir);
  uvllm_json_parser_free(parser);
  print_message("%d cases\n", ncases);
  assert_true(ncases > 0);
}


int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(takes_what_is_json_and_nothing_else),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
