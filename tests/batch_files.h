/* A folder of its own for the files of a test. */
#ifndef UVLLM_TESTS_BATCH_FILES_H
#define UVLLM_TESTS_BATCH_FILES_H

#include "test.h"

#include <unistd.h>

static char folder[64];

static inline const char* path_of(const char* name) {
  static char paths[4][128];
  static int turn;
  char* path = paths[turn++ % 4];
  snprintf(path, 128, "%s/%s", folder, name);
  return path;
}

static inline int make_folder(void** state) {
  (void) state;
  strcpy(folder, "/tmp/uvllm-batch-io-XXXXXX");
  return mkdtemp(folder) == NULL;
}

static inline int remove_folder(void** state) {
  (void) state;
  char command[128];
  snprintf(command, sizeof(command), "rm -rf '%s'", folder);
  return system(command) != 0;
}

static inline void write_file(const char* path, const char* text, size_t len) {
  FILE* f = fopen(path, "w");
  assert_non_null(f);
  assert_int_equal(fwrite(text, 1, len, f), len);
  fclose(f);
}

static inline char* read_file(const char* path) {
  FILE* f = fopen(path, "r");
  assert_non_null(f);
  fseek(f, 0, SEEK_END);
  long len = ftell(f);
  rewind(f);
  char* text = malloc((size_t) len + 1);
  assert_int_equal(fread(text, 1, (size_t) len, f), len);
  text[len] = '\0';
  fclose(f);
  return text;
}

#endif
