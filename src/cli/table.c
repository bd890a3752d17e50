/* Tables on standard output: columns as wide as their widest cell. */
#include "common.h"


void cli_table_begin(cli_table_t* t, const char* const* heads) {
  memset(t, 0, sizeof(*t));
  for (; heads[t->ncolumns] != NULL; t->ncolumns++)
    cli_table_add(t, cli_strdup(heads[t->ncolumns]));
}


void cli_table_add(cli_table_t* t, char* cell) {
  t->cells = cli_realloc(t->cells, (t->ncells + 1) * sizeof(*t->cells));
  t->cells[t->ncells++] = cell;
}


static size_t width_of(const cli_table_t* t, size_t column) {
  size_t width = 0;
  for (size_t i = column; i < t->ncells; i += t->ncolumns)
    if (strlen(t->cells[i]) > width)
      width = strlen(t->cells[i]);
  return width;
}


static void print_row(const cli_table_t* t, size_t row, int to_terminal) {
  for (size_t i = 0; i < t->ncolumns; i++) {
    const char* cell = t->cells[row * t->ncolumns + i];
    const size_t len = strlen(cell);
    cli_put_text(stdout, (uvllm_str_t){ cell, len }, to_terminal);
    if (i + 1 < t->ncolumns)
      printf("%*s", (int) (width_of(t, i) - len) + 2, "");
  }
}


void cli_table_print(cli_table_t* t) {
  const int color = cli_has_color(1), to_terminal = cli_is_terminal(1);
  for (size_t row = 0; row < t->ncells / t->ncolumns; row++) {
    fputs(row == 0 && color ? "\033[1m" : "", stdout);
    print_row(t, row, to_terminal);
    puts(row == 0 && color ? "\033[0m" : "");
  }
  for (size_t i = 0; i < t->ncells; i++)
    free(t->cells[i]);
  free(t->cells);
}
