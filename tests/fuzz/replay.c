/* Feeds a stored corpus to a fuzzer, one file after the other, where there is no
 * libFuzzer: a case that once failed is tried by every run of the tests. Ends
 * with 1 if the folder holds nothing, since then nothing was tried.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);


static int feed(const char* path) {
  FILE* file = fopen(path, "rb");
  if (file == NULL)
    return -1;
  size_t size = 0, capacity = 1 << 16;
  uint8_t* data = malloc(capacity);
  while (data != NULL) {
    size_t n = fread(data + size, 1, capacity - size, file);
    if (n == 0)
      break;
    size += n;
    if (size == capacity)
      data = realloc(data, capacity *= 2);
  }
  fclose(file);
  if (data == NULL)
    return -1;
  /* Of its exact size, so that a read beyond the end is seen. */
  uint8_t* exact = realloc(data, size != 0 ? size : 1);
  if (exact != NULL)
    LLVMFuzzerTestOneInput(exact, size);
  free(exact);
  return exact != NULL ? 0 : -1;
}


int main(int argc, char** argv) {
  DIR* folder = argc == 2 ? opendir(argv[1]) : NULL;
  if (folder == NULL) {
    fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
    return 2;
  }
  size_t nfiles = 0;
  int failed = 0;
  struct dirent* entry;
  while ((entry = readdir(folder)) != NULL) {
    char path[4096];
    if (entry->d_name[0] == '.')
      continue;
    int len = snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
    if (len < 0 || (size_t) len >= sizeof(path) || feed(path) != 0)
      failed = 1;
    else
      nfiles++;
  }
  closedir(folder);
  printf("%zu files\n", nfiles);
  return failed || nfiles == 0;
}
