/* Numbers of a parsed text.
 *
 * Parsing has checked their form and kept nothing else; here their digits are
 * read where they stand. Integers are exact, whatever the notation; doubles are
 * rounded once, from all digits. Depends on no locale.
 */
#include "json_reader.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>

typedef unsigned char byte_t;
typedef uvllm__json_node_t node_t;

/* More digits than any two neighbouring doubles need to be told apart. */
enum { DIGITS_MAX = 780 };


/* A number's parts: (minus) 0.d1 d2 d3... times ten to the power of `point`,
 * d1 not 0. The digits stay in the text, with a point among them. */
typedef struct decimal_s {
  int negative;
  const char *digits, *end; /* from the first digit that is not 0 */
  int64_t point;
} decimal_t;


/* Large exponents stand still at what no text's digits can outweigh. */
static int64_t read_exponent(const char* p, const char* end) {
  const int negative = *p == '-';
  int64_t n = 0;
  if (*p == '-' || *p == '+')
    p++;
  for (; p < end; p++)
    n = n < INT64_C(1) << 40 ? n * 10 + (*p - '0') : n;
  return negative ? -n : n;
}


static decimal_t read_decimal(const char* p, const char* end) {
  decimal_t d = { *p == '-', NULL, NULL, 0 };
  int64_t before = 0; /* digits before the point, from the first that counts */
  int in_fraction = 0;
  for (p += d.negative; p < end && (*p | 0x20) != 'e'; p++) {
    if (*p == '.') {
      in_fraction = 1;
      continue;
    }
    if (d.digits == NULL && *p != '0')
      d.digits = p;
    if (!in_fraction)
      before += d.digits != NULL;
    else if (d.digits == NULL)
      before--;
  }
  d.end = p;
  d.point = before + (p < end ? read_exponent(p + 1, end) : 0);
  return d;
}


static int64_t saturated(int negative) {
  return negative ? INT64_MIN : INT64_MAX;
}


/* One more digit, or 0 if it no longer fits. Counts downwards, since INT64_MIN
 * has no positive twin. */
static inline int add_digit(int64_t* n, int digit, int negative) {
  if (*n < INT64_MIN / 10 || (*n *= 10) < INT64_MIN + digit)
    return 0;
  *n -= digit;
  return negative || *n != INT64_MIN;
}


/* What stands before the point, which an exponent may have moved. */
static int64_t decimal_to_int(const decimal_t* d) {
  int64_t n = 0, left = d->digits != NULL ? d->point : 0;
  for (const char* p = d->digits; left > 0; left--) {
    if (p < d->end && *p == '.')
      p++;
    const int digit = p < d->end ? *p++ - '0' : 0;
    if (!add_digit(&n, digit, d->negative))
      return saturated(d->negative);
  }
  return d->negative ? n : -n;
}


/* Of any size, with a point or an exponent. */
static __attribute__((noinline)) int64_t any_int(const char* start, const char* end) {
  const decimal_t d = read_decimal(start, end);
  return decimal_to_int(&d);
}


int64_t uvllm_json_int(uvllm_json_t v, int64_t otherwise) {
  const node_t* node = uvllm__json_node_as(v, UVLLM_JSON_NUMBER);
  if (node == NULL)
    return otherwise;
  const char* start = v.parser->text + node->start;
  const char* end = v.parser->text + node->end;
  const int negative = *start == '-';
  int64_t n = 0;
  if (end - start > 18) /* may not fit */
    return any_int(start, end);
  for (const char* p = start + negative; p < end; p++) {
    const unsigned int digit = (byte_t) (*p - '0');
    if (digit > 9)
      return any_int(start, end);
    n = n * 10 + digit;
  }
  return negative ? -n : n;
}


/* Exact with one rounding: both factors are doubles without error. */
static int small_decimal(const decimal_t* d, double* value) {
  static const double tens[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
  int64_t n = 0, ndigits = 0;
  if (FLT_EVAL_METHOD != 0 || d->end - d->digits > 16)
    return 0;
  for (const char* p = d->digits; p < d->end; p++) {
    if (*p == '.')
      continue;
    n = n * 10 + (*p - '0');
    ndigits++;
  }
  const int64_t power = d->point - ndigits;
  if (ndigits > 15 || power < -22 || power > 22)
    return 0;
  *value = power < 0 ? (double) n / tens[-power] : (double) n * tens[power];
  return 1;
}


/* strtod() reads the digits as a whole number with an exponent: so no locale's
 * point is met. Digits beyond DIGITS_MAX matter only by not all being 0. */
static double large_decimal(const decimal_t* d) {
  char text[DIGITS_MAX + 32];
  size_t n = 0;
  int rest = 0;
  int64_t power = d->point;
  for (const char* p = d->digits; p < d->end; p++) {
    if (*p == '.')
      continue;
    if (n < DIGITS_MAX) {
      text[n++] = *p;
      power--;
    } else {
      rest |= *p != '0';
    }
  }
  if (rest) {
    text[n++] = '1';
    power--;
  }
  power = power > 99999 ? 99999 : power < -99999 ? -99999 : power;
  snprintf(text + n, sizeof(text) - n, "e%d", (int) power);
  const int err = errno;
  const double value = strtod(text, NULL);
  errno = err;
  return value;
}


double uvllm_json_num(uvllm_json_t v, double otherwise) {
  const node_t* node = uvllm__json_node_as(v, UVLLM_JSON_NUMBER);
  double value = 0;
  if (node == NULL)
    return otherwise;
  const decimal_t d = read_decimal(v.parser->text + node->start, v.parser->text + node->end);
  if (d.digits != NULL && !small_decimal(&d, &value))
    value = large_decimal(&d);
  return d.negative ? -value : value;
}
