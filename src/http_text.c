/* Times as servers write them: see http_text.h.
 *
 * A text is read by a cursor that goes forward over what fits and remembers the
 * first mismatch; a parser succeeds if nothing mismatched and nothing is left.
 * Decimals are read as integers, never through a double or a locale.
 */
#include "http_text.h"

typedef struct cursor_s {
  const char* p;
  const char* end;
  int bad;
} cursor_t;


static uvllm_str_t trim(uvllm_str_t s) {
  while (s.len != 0 && (s.base[0] == ' ' || s.base[0] == '\t')) {
    s.base++;
    s.len--;
  }
  while (s.len != 0 && (s.base[s.len - 1] == ' ' || s.base[s.len - 1] == '\t'))
    s.len--;
  return s;
}


static cursor_t cursor(uvllm_str_t text) {
  text = trim(text);
  const char* base = text.base != NULL ? text.base : "";
  return (cursor_t) { base, base + text.len, text.len == 0 };
}


static int done(const cursor_t* c) {
  return !c->bad && c->p == c->end;
}


static int peek(const cursor_t* c) {
  return c->p < c->end ? (unsigned char) *c->p : -1;
}


static int is_digit(int c) {
  return c >= '0' && c <= '9';
}


static int take(cursor_t* c, char wanted) {
  if (peek(c) != (unsigned char) wanted)
    return 0;
  c->p++;
  return 1;
}


static void expect(cursor_t* c, const char* wanted) {
  for (; *wanted != '\0'; wanted++)
    if (!take(c, *wanted))
      c->bad = 1;
}


/* A number of exactly n digits. */
static int digits(cursor_t* c, int n) {
  int value = 0;
  for (; n > 0; n--) {
    if (!is_digit(peek(c))) {
      c->bad = 1;
      return 0;
    }
    value = value * 10 + (*c->p++ - '0');
  }
  return value;
}


/* "12", "12.5", ".5": in billionths of a unit after the point, the whole part
 * saturating far above any wait. */
static void decimal(cursor_t* c, uint64_t* whole, uint32_t* billionths) {
  int any = 0;
  *whole = 0;
  *billionths = 0;
  for (; is_digit(peek(c)); c->p++, any = 1)
    if (*whole < UINT64_C(100000000000000000))
      *whole = *whole * 10 + (uint64_t) (*c->p - '0');
  if (take(c, '.'))
    for (uint32_t unit = 100000000; is_digit(peek(c)); c->p++, unit /= 10, any = 1)
      *billionths += unit * (uint32_t) (*c->p - '0');
  c->bad |= !any;
}


/* A decimal of units that are ns nanoseconds each, in milliseconds, rounded up. */
static uint64_t scale(uint64_t whole, uint32_t billionths, uint64_t ns) {
  if (whole > UVLLM__WAIT_MAX_MS * 1000000 / ns)
    return UVLLM__WAIT_MAX_MS;
  uint64_t part = ns >= 1000000000 ? ns / 1000000000 * billionths
                                   : (ns * billionths + 999999999) / 1000000000;
  uint64_t total = whole * ns + part;
  uint64_t ms = (total + 999999) / 1000000;
  return ms < UVLLM__WAIT_MAX_MS ? ms : UVLLM__WAIT_MAX_MS;
}


static int parse_number(uvllm_str_t text, uint64_t ns, uint64_t* ms) {
  cursor_t c = cursor(text);
  uint64_t whole;
  uint32_t billionths;
  decimal(&c, &whole, &billionths);
  if (!done(&c))
    return UVLLM__EINVAL;
  *ms = scale(whole, billionths, ns);
  return 0;
}


static uint64_t wait_until(int64_t then_ms, uint64_t unix_ms) {
  if (then_ms < 0 || (uint64_t) then_ms <= unix_ms)
    return 0;
  uint64_t wait = (uint64_t) then_ms - unix_ms;
  return wait < UVLLM__WAIT_MAX_MS ? wait : UVLLM__WAIT_MAX_MS;
}


int uvllm__parse_retry_after(uvllm_str_t text, uint64_t unix_ms, uint64_t* wait_ms) {
  int64_t date;
  if (parse_number(text, 1000000000, wait_ms) == 0)
    return 0;
  if (uvllm__parse_http_date(text, unix_ms, &date) != 0)
    return UVLLM__EINVAL;
  *wait_ms = wait_until(date, unix_ms);
  return 0;
}


int uvllm__parse_retry_after_ms(uvllm_str_t text, uint64_t* wait_ms) {
  return parse_number(text, 1000000, wait_ms);
}


/* Nanoseconds of the unit that follows; 0: none that Go knows. */
static uint64_t unit(cursor_t* c) {
  static const struct {
    const char* name;
    uint64_t ns;
  } units[] = { { "ms", 1000000 },         { "ns", 1 },
                { "us", 1000 },            { "\xc2\xb5s", 1000 },
                { "\xce\xbcs", 1000 },     { "s", 1000000000 },
                { "m", UINT64_C(60000000000) }, { "h", UINT64_C(3600000000000) } };
  for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
    size_t n = strlen(units[i].name);
    if ((size_t) (c->end - c->p) < n || memcmp(c->p, units[i].name, n) != 0)
      continue;
    c->p += n;
    return units[i].ns;
  }
  return 0;
}


int uvllm__parse_duration(uvllm_str_t text, uint64_t* ms) {
  cursor_t c = cursor(text);
  uint64_t total = 0;
  if (uvllm__str_eq(trim(text), "0")) {
    *ms = 0;
    return 0;
  }
  while (!c.bad && c.p < c.end) {
    uint64_t whole;
    uint32_t billionths;
    decimal(&c, &whole, &billionths);
    uint64_t ns = unit(&c);
    if (c.bad || ns == 0)
      return UVLLM__EINVAL;
    total += scale(whole, billionths, ns);
    if (total > UVLLM__WAIT_MAX_MS)
      total = UVLLM__WAIT_MAX_MS;
  }
  if (!done(&c))
    return UVLLM__EINVAL;
  *ms = total;
  return 0;
}


static int parse_moment(uvllm_str_t text, uint64_t unix_ms, uint64_t* wait_ms) {
  int64_t then;
  if (uvllm__parse_rfc3339(text, &then) != 0 &&
      uvllm__parse_http_date(text, unix_ms, &then) != 0)
    return UVLLM__EINVAL;
  *wait_ms = wait_until(then, unix_ms);
  return 0;
}


/* A bare number that would be decades of waiting is a moment: in seconds, or, of
 * thirteen digits and more, in milliseconds. */
static int parse_unix(uvllm_str_t text, uint64_t unix_ms, uint64_t* wait_ms) {
  cursor_t c = cursor(text);
  uint64_t whole;
  uint32_t billionths;
  decimal(&c, &whole, &billionths);
  if (!done(&c) || whole < UINT64_C(1000000000))
    return UVLLM__EINVAL;
  uint64_t ms = whole < UINT64_C(1000000000000) ? whole * 1000 + billionths / 1000000 : whole;
  *wait_ms = wait_until((int64_t) ms, unix_ms);
  return 0;
}


int uvllm__parse_reset(uvllm_str_t text, uint64_t unix_ms, int64_t* wait_ms) {
  uint64_t ms;
  if (uvllm__str_eq(trim(text), "-1")) {
    *wait_ms = -1;
    return 0;
  }
  if (parse_unix(text, unix_ms, &ms) != 0 && parse_number(text, 1000000000, &ms) != 0 &&
      uvllm__parse_duration(text, &ms) != 0 && parse_moment(text, unix_ms, &ms) != 0)
    return UVLLM__EINVAL;
  *wait_ms = (int64_t) ms;
  return 0;
}


/* ---- Dates ---- */

typedef struct date_s {
  int year, month, day, hour, minute, second;
} date_t;


static int days_in(int year, int month) {
  static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
  int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return days[month - 1] + (month == 2 && leap);
}


/* 0 also for a leap second, which counts as the next second. */
static int to_unix(const date_t* d, int64_t* seconds) {
  if (d->month < 1 || d->month > 12 || d->day < 1 || d->day > days_in(d->year, d->month))
    return UVLLM__EINVAL;
  if (d->hour > 23 || d->minute > 59 || d->second > 60)
    return UVLLM__EINVAL;
  /* Days since 1970-01-01, the year beginning in March so that leap days end it. */
  int64_t y = d->year - (d->month <= 2);
  int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
  int64_t of_year = (153 * (d->month + (d->month > 2 ? -3 : 9)) + 2) / 5 + d->day - 1;
  int64_t days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
  *seconds = days * 86400 + d->hour * 3600 + d->minute * 60 + d->second;
  return 0;
}


static int year_of(uint64_t unix_ms) {
  return 1970 + (int) (unix_ms / 1000 / 31556952);
}


static int month_name(cursor_t* c) {
  static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  for (int i = 0; i < 12 && c->end - c->p >= 3; i++)
    if (memcmp(c->p, names + 3 * i, 3) == 0) {
      c->p += 3;
      return i + 1;
    }
  c->bad = 1;
  return 0;
}


/* The weekday says nothing that the date does not. */
static void skip_letters(cursor_t* c) {
  const char* start = c->p;
  while ((peek(c) >= 'A' && peek(c) <= 'Z') || (peek(c) >= 'a' && peek(c) <= 'z'))
    c->p++;
  c->bad |= c->p - start < 3;
}


static void clock_time(cursor_t* c, date_t* d) {
  d->hour = digits(c, 2);
  expect(c, ":");
  d->minute = digits(c, 2);
  expect(c, ":");
  d->second = digits(c, 2);
}


/* "Sun Nov  6 08:49:37 1994" */
static void asctime_date(cursor_t* c, date_t* d) {
  d->month = month_name(c);
  expect(c, " ");
  d->day = digits(c, take(c, ' ') ? 1 : 2);
  expect(c, " ");
  clock_time(c, d);
  expect(c, " ");
  d->year = digits(c, 4);
}


/* "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT" */
static void comma_date(cursor_t* c, date_t* d, int this_year) {
  expect(c, " ");
  d->day = digits(c, 2);
  int obsolete = take(c, '-');
  if (!obsolete)
    expect(c, " ");
  d->month = month_name(c);
  expect(c, obsolete ? "-" : " ");
  d->year = digits(c, obsolete ? 2 : 4);
  if (obsolete) {
    d->year += this_year - this_year % 100;
    d->year += d->year >= this_year + 50 ? -100 : d->year < this_year - 50 ? 100 : 0;
  }
  expect(c, " ");
  clock_time(c, d);
  expect(c, " GMT");
}


int uvllm__parse_http_date(uvllm_str_t text, uint64_t unix_ms, int64_t* date_ms) {
  cursor_t c = cursor(text);
  date_t d = { 0 };
  int64_t seconds;
  skip_letters(&c);
  if (take(&c, ','))
    comma_date(&c, &d, year_of(unix_ms));
  else if (take(&c, ' '))
    asctime_date(&c, &d);
  else
    c.bad = 1;
  if (!done(&c) || to_unix(&d, &seconds) != 0)
    return UVLLM__EINVAL;
  *date_ms = seconds * 1000;
  return 0;
}


/* Seconds east of Greenwich. */
static int offset(cursor_t* c) {
  if (take(c, 'Z') || take(c, 'z'))
    return 0;
  int sign = take(c, '-') ? -1 : 1;
  if (sign > 0)
    expect(c, "+");
  int hours = digits(c, 2);
  expect(c, ":");
  int minutes = digits(c, 2);
  c->bad |= hours > 23 || minutes > 59;
  return sign * (hours * 3600 + minutes * 60);
}


int uvllm__parse_rfc3339(uvllm_str_t text, int64_t* unix_ms) {
  cursor_t c = cursor(text);
  date_t d = { 0 };
  int64_t seconds;
  uint64_t zero;
  uint32_t billionths = 0;
  d.year = digits(&c, 4);
  expect(&c, "-");
  d.month = digits(&c, 2);
  expect(&c, "-");
  d.day = digits(&c, 2);
  if (!take(&c, 'T') && !take(&c, 't'))
    expect(&c, " ");
  clock_time(&c, &d);
  if (peek(&c) == '.')
    decimal(&c, &zero, &billionths);
  int east = offset(&c);
  if (!done(&c) || to_unix(&d, &seconds) != 0)
    return UVLLM__EINVAL;
  *unix_ms = (seconds - east) * 1000 + billionths / 1000000;
  return 0;
}
