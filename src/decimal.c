/* Decimal text to integers, exactly: "3e-7" dollars are 300,000 pico-dollars.
 *
 * Digits are taken one by one with their power of ten: those from 10^0 up make
 * the number, the one below rounds it, half up, and the rest say nothing. There
 * is no float on the way and no bound on the length of the text.
 */
#include "prices.h"


static void drop(uvllm_str_t* s) {
  s->base++;
  s->len--;
}


/* 1 if the next character was one of two, and is gone. */
static int take(uvllm_str_t* s, char a, char b) {
  if (s->len == 0 || (*s->base != a && *s->base != b))
    return 0;
  drop(s);
  return 1;
}


static int is_digit(char c) {
  return c >= '0' && c <= '9';
}


static int times_ten_plus(int64_t* n, int digit) {
  return __builtin_mul_overflow(*n, 10, n) || __builtin_add_overflow(*n, digit, n) ? -1 : 0;
}


/* The digits after "e", stopped at what no text of digits can make up for. */
static int read_exponent(uvllm_str_t* s, int64_t* exponent) {
  const int64_t limit = (int64_t) 1 << 40;
  const int negative = take(s, '-', '-');
  int64_t n = 0;
  if (!negative)
    take(s, '+', '+');
  if (s->len == 0)
    return -1;
  for (; s->len != 0; drop(s)) {
    if (!is_digit(*s->base))
      return -1;
    if (n < limit)
      n = n * 10 + (*s->base - '0');
  }
  *exponent = negative ? -n : n;
  return 0;
}


/* Split "12.5e-7" into its digits, as they stand, and the power of ten of the
 * first one. */
static int split(uvllm_str_t text, uvllm_str_t* digits, int64_t* power) {
  size_t i = 0, dot = SIZE_MAX;
  int64_t exponent = 0;
  while (i < text.len && (is_digit(text.base[i]) || (text.base[i] == '.' && dot == SIZE_MAX))) {
    if (text.base[i] == '.')
      dot = i;
    i++;
  }
  *digits = text;
  digits->len = i;
  if (i == 0 || (dot != SIZE_MAX && i == 1))
    return -1;
  text.base += i;
  text.len -= i;
  if (text.len != 0 && (!take(&text, 'e', 'E') || read_exponent(&text, &exponent) != 0))
    return -1;
  *power = exponent + (int64_t) (dot != SIZE_MAX ? dot : i) - 1;
  return 0;
}


static uvllm_str_t trim(uvllm_str_t s) {
  while (take(&s, ' ', '\t'))
    continue;
  while (s.len != 0 && (s.base[s.len - 1] == ' ' || s.base[s.len - 1] == '\t'))
    s.len--;
  return s;
}


/* Digits from the power 0 up make the number; the one below it rounds. */
int uvllm__decimal(uvllm_str_t text, int scale, int64_t* value) {
  uvllm_str_t digits;
  int64_t power, n = 0;
  int up = 0, zero = 1;
  text = trim(text);
  const int negative = take(&text, '-', '-');
  if (!negative)
    take(&text, '+', '+');
  if (split(text, &digits, &power) != 0)
    return -1;
  power += scale;
  for (size_t i = 0; i < digits.len; i++) {
    const int digit = digits.base[i] - '0';
    if (digits.base[i] == '.')
      continue;
    zero &= digit == 0;
    if (power >= 0 && times_ten_plus(&n, digit) != 0)
      return -1;
    if (power == -1)
      up = digit >= 5;
    power--;
  }
  for (; n != 0 && power >= 0; power--) {
    if (times_ten_plus(&n, 0) != 0)
      return -1;
  }
  if ((negative && !zero) || __builtin_add_overflow(n, up, &n))
    return -1;
  *value = n;
  return 0;
}
