/* Values of options: read whole or refused, with the option's name and what would
 * do. Money is exact, digit by digit; nothing here depends on the locale.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include "common.h"

#define PUSD INT64_C(1000000000000)


static int is_digit(char c) {
  return c >= '0' && c <= '9';
}


/* Digits alone; 0 if there are others, or too many. */
static int read_digits(const char* text, uint64_t* value) {
  uint64_t n = 0;
  if (*text == '\0')
    return 0;
  for (; *text != '\0'; text++)
    if (!is_digit(*text) || __builtin_mul_overflow(n, 10, &n) ||
        __builtin_add_overflow(n, (uint64_t) (*text - '0'), &n))
      return 0;
  *value = n;
  return 1;
}


int cli_take_count(const char* option, const char* text, uint64_t min, uint64_t max,
                   uint64_t* value) {
  uint64_t n = 0;
  if (read_digits(text, &n) && n >= min && n <= max) {
    *value = n;
    return 0;
  }
  cli_error("%s: '%s' is not a whole number from %" PRIu64 " to %" PRIu64, option, text, min, max);
  return CLI_USAGE;
}


int cli_take_count32(const char* option, const char* text, uint32_t min, uint32_t* value) {
  uint64_t n = 0;
  int status = cli_take_count(option, text, min, UINT32_MAX, &n);
  if (status == 0)
    *value = (uint32_t) n;
  return status;
}


/* Digits and one point, perhaps a sign; strtod also takes "nan" and "0x1p3". */
static int read_number(const char* text, double* value) {
  char* end;
  if (text[strspn(text, "+-.0123456789eE")] != '\0' || *text == '\0')
    return 0;
  errno = 0;
  *value = strtod(text, &end);
  return *end == '\0' && errno == 0 && isfinite(*value);
}


int cli_take_number(const char* option, const char* text, double min, double max, double* value) {
  double n;
  if (read_number(text, &n) && n >= min && n <= max) {
    *value = n;
    return 0;
  }
  cli_error("%s: '%s' is not a number from %g to %g", option, text, min, max);
  return CLI_USAGE;
}


int cli_take_seconds(const char* option, const char* text, uint64_t* ms) {
  double s;
  if (read_number(text, &s) && s >= 0.001 && s <= 31536000) {
    *ms = (uint64_t) llround(s * 1000);
    return 0;
  }
  cli_error("%s: '%s' is not a number of seconds above 0, at most a year", option, text);
  return CLI_USAGE;
}


/* "12.50": up to twelve digits behind the point, which are pico-dollars. */
static int read_dollars(const char* text, int64_t* pusd) {
  int64_t n = 0;
  int places = -1, ndigits = 0;
  for (; *text != '\0'; text++) {
    if (*text == '.' && places < 0) {
      places = 0;
      continue;
    }
    if (!is_digit(*text) || places == 12 || __builtin_mul_overflow(n, 10, &n) ||
        __builtin_add_overflow(n, *text - '0', &n))
      return 0;
    places += places >= 0;
    ndigits++;
  }
  for (int i = places < 0 ? 0 : places; i < 12; i++)
    if (__builtin_mul_overflow(n, 10, &n))
      return 0;
  *pusd = n;
  return ndigits > 0 && n > 0;
}


int cli_take_dollars(const char* option, const char* text, int64_t* pusd) {
  if (read_dollars(text, pusd))
    return 0;
  cli_error("%s: '%s' is not an amount in dollars above 0, such as 5 or 0.25", option, text);
  return CLI_USAGE;
}


/* ---- For the eye ------------------------------------------------------------------- */

const char* cli_money_exact(int64_t pusd, char text[CLI_MONEY]) {
  int n = snprintf(text, CLI_MONEY, "%" PRId64 ".%012" PRId64, pusd / PUSD, pusd % PUSD);
  while (n > 0 && text[n - 1] == '0')
    n--;
  if (n > 0 && text[n - 1] == '.')
    n--;
  text[n] = '\0';
  return text;
}


const char* cli_money(int64_t pusd, char text[CLI_MONEY]) {
  int places = 2;
  int64_t unit = PUSD; /* the digits that count begin below this */
  while (pusd > 0 && pusd < unit && places < 12) {
    unit /= 10;
    places++;
  }
  int64_t step = 1;
  for (int i = places; i < 12; i++)
    step *= 10;
  int64_t rounded = pusd / step + (pusd % step >= (step + 1) / 2);
  int64_t whole = PUSD / step;
  snprintf(text, CLI_MONEY, "$%" PRId64 ".%0*" PRId64, rounded / whole, places, rounded % whole);
  return text;
}


const char* cli_grouped(uint64_t n, char text[CLI_MONEY]) {
  char digits[24];
  int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
  char* p = text;
  for (int i = 0; i < len; i++) {
    if (i > 0 && (len - i) % 3 == 0)
      *p++ = ',';
    *p++ = digits[i];
  }
  *p = '\0';
  return text;
}
