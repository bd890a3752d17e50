/* Scanning that the JSON reader and writer share. Pure.
 *
 * Nothing here reads a byte at or beyond `end`: whole blocks are looked at only
 * where a whole block is left, the rest goes byte by byte.
 */
#ifndef UVLLM_SRC_JSON_SCAN_H
#define UVLLM_SRC_JSON_SCAN_H

#include "words.h"
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* What ends a plain run in a string: a quote, a backslash, a control character. */
static inline int uvllm__json_is_special(unsigned char c) {
  return c == '"' || c == '\\' || c < 0x20;
}

/* Nonzero if a byte of w is special; may err on the side of yes. */
static inline uint64_t uvllm__json_special(uint64_t w) {
  return uvllm__word_has(w, '"') | uvllm__word_has(w, '\\') | uvllm__word_has_below(w, 0x20);
}

static inline int uvllm__json_is_space(unsigned char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

#ifdef __SSE2__

/* A bit for each of 16 bytes: special ones, and (a signed comparison) also those
 * above 0x7f. */
static inline unsigned int uvllm__json_mask(__m128i c) {
  const __m128i quote = _mm_cmpeq_epi8(c, _mm_set1_epi8('"'));
  const __m128i slash = _mm_cmpeq_epi8(c, _mm_set1_epi8('\\'));
  const __m128i other = _mm_cmplt_epi8(c, _mm_set1_epi8(0x20));
  return (unsigned int) _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), other));
}


static inline __m128i uvllm__json_load(const unsigned char* p) {
  return _mm_loadu_si128((const __m128i*) (const void*) p);
}


/* As uvllm__json_plain(), for whole blocks; sets *done if it found the end. */
static inline const unsigned char* uvllm__json_blocks(const unsigned char* p,
                                                      const unsigned char* end,
                                                      unsigned int* high, int* done) {
  for (; end - p >= 16; p += 16) {
    const __m128i c = uvllm__json_load(p);
    const unsigned int above = (unsigned int) _mm_movemask_epi8(c);
    const unsigned int ends = uvllm__json_mask(c) & ~above;
    if (ends != 0) {
      *high |= above & (ends - 1) & ~ends; /* only those before the lowest end */
      *done = 1;
      return p + __builtin_ctz(ends);
    }
    *high |= above;
  }
  return p;
}

#else

static inline const unsigned char* uvllm__json_blocks(const unsigned char* p,
                                                      const unsigned char* end,
                                                      unsigned int* high, int* done) {
  (void) done;
  for (; end - p >= 8; p += 8) {
    const uint64_t w = uvllm__word(p);
    if (uvllm__json_special(w) != 0)
      return p;
    *high |= uvllm__word_has_above_7f(w) != 0;
  }
  return p;
}

#endif

/* The first special byte from p on, or end. *high becomes nonzero if a byte
 * above 0x7f stands before it. */
static inline const unsigned char* uvllm__json_plain(const unsigned char* p,
                                                     const unsigned char* end,
                                                     unsigned int* high) {
  int done = 0;
  p = uvllm__json_blocks(p, end, high, &done);
  if (done)
    return p;
  for (; p < end && !uvllm__json_is_special(*p); p++)
    *high |= *p & 0x80u;
  return p;
}

/* Names are short: compared without a call, the last bytes perhaps twice. */
static inline int uvllm__json_same_name(const char* a, const char* b, size_t n) {
  if (n >= 8) {
    for (size_t i = 0; i < n - 8; i += 8)
      if (uvllm__word(a + i) != uvllm__word(b + i))
        return 0;
    return uvllm__word(a + n - 8) == uvllm__word(b + n - 8);
  }
  return uvllm__word_of(a, n) == uvllm__word_of(b, n);
}

/* For many short strings in one text: the masks of 64 bytes are made once and
 * serve all the strings in them. So where one string ends is known a few cycles
 * after where the one before ended, without waiting for memory. Positions are
 * offsets in the text. */
typedef struct uvllm__json_window_s {
  const unsigned char* text;
  size_t len;
  size_t from; /* where the 64 bytes begin; beyond the text: none yet */
  uint64_t ends, high;
} uvllm__json_window_t;

static inline void uvllm__json_window_init(uvllm__json_window_t* w, const unsigned char* text,
                                           size_t len) {
  *w = (uvllm__json_window_t) { text, len, len + 64, 0, 0 };
}

#ifdef __SSE2__

static inline uint64_t uvllm__json_join(unsigned int a, unsigned int b, unsigned int c,
                                        unsigned int d) {
  return (uint64_t) (d << 16 | c) << 32 | (b << 16 | a);
}


static inline void uvllm__json_window_load(uvllm__json_window_t* w, size_t at) {
  const unsigned char* p = w->text + at;
  const __m128i c0 = uvllm__json_load(p), c1 = uvllm__json_load(p + 16);
  const __m128i c2 = uvllm__json_load(p + 32), c3 = uvllm__json_load(p + 48);
  const __m128i any = _mm_or_si128(_mm_or_si128(c0, c1), _mm_or_si128(c2, c3));
  w->from = at;
  w->ends = uvllm__json_join(uvllm__json_mask(c0), uvllm__json_mask(c1), uvllm__json_mask(c2),
                             uvllm__json_mask(c3));
  w->high = 0;
  if (_mm_movemask_epi8(any) == 0)
    return;
  w->high = uvllm__json_join(
      (unsigned int) _mm_movemask_epi8(c0), (unsigned int) _mm_movemask_epi8(c1),
      (unsigned int) _mm_movemask_epi8(c2), (unsigned int) _mm_movemask_epi8(c3));
  w->ends &= ~w->high;
}


/* The next window, for a run that goes on in it. As uvllm__json_window_near(). */
static __attribute__((noinline, unused)) size_t uvllm__json_window_turn(uvllm__json_window_t* w,
                                                                        size_t at) {
  const size_t offset = at - w->from;
  if (offset < 64) {
    if (w->high != 0)
      return 0;
    at += 64 - offset; /* no end in the rest */
  }
  if (w->len - at < 64)
    return 0;
  uvllm__json_window_load(w, at);
  return w->high == 0 && w->ends != 0 ? at + (size_t) __builtin_ctzll(w->ends) : 0;
}


/* The first special byte from `at` on if it is not far, and all is ASCII until
 * there and a little further; else 0. */
static inline size_t uvllm__json_window_near(uvllm__json_window_t* w, size_t at) {
  const size_t offset = at - w->from; /* before it: wraps, far off */
  if (__builtin_expect(offset < 64 && w->high == 0, 1)) {
    const uint64_t ends = w->ends >> offset;
    if (__builtin_expect(ends != 0, 1))
      return at + (size_t) __builtin_ctzll(ends);
  }
  return uvllm__json_window_turn(w, at);
}


/* As uvllm__json_plain(). The last 64 bytes are one window, so that none reaches
 * beyond the end; shorter texts have none. */
static inline size_t uvllm__json_window_find(uvllm__json_window_t* w, size_t at,
                                             unsigned int* high) {
  for (;;) {
    const size_t offset = at - w->from;
    if (offset < 64) {
      const uint64_t ends = w->ends >> offset, above = w->high >> offset;
      *high |= (ends != 0 ? above & (ends - 1) & ~ends : above) != 0;
      if (ends != 0)
        return at + (size_t) __builtin_ctzll(ends);
      at += 64 - offset;
    }
    if (w->len - at >= 64)
      uvllm__json_window_load(w, at);
    else if (at == w->len || w->len < 64)
      break;
    else
      uvllm__json_window_load(w, w->len - 64);
  }
  return (size_t) (uvllm__json_plain(w->text + at, w->text + w->len, high) - w->text);
}

#else

static inline size_t uvllm__json_window_near(uvllm__json_window_t* w, size_t at) {
  (void) w;
  (void) at;
  return 0;
}


static inline size_t uvllm__json_window_find(uvllm__json_window_t* w, size_t at,
                                             unsigned int* high) {
  return (size_t) (uvllm__json_plain(w->text + at, w->text + w->len, high) - w->text);
}

#endif

/* As uvllm__json_plain() from a place in a text on, whose bytes before it may be
 * looked at. */
static inline size_t uvllm__json_plain_in(const unsigned char* text, size_t at, size_t len,
                                          unsigned int* high) {
  int done = 0;
  const unsigned char* p = uvllm__json_blocks(text + at, text + len, high, &done);
#ifdef __SSE2__
  const size_t rest = (size_t) (text + len - p);
  if (!done && len >= 16 && rest != 0) {
    const __m128i c = uvllm__json_load(text + len - 16);
    const unsigned int above = (unsigned int) _mm_movemask_epi8(c) >> (16 - rest);
    const unsigned int ends = uvllm__json_mask(c) >> (16 - rest) & ~above;
    *high |= ends != 0 ? above & (ends - 1) & ~ends : above;
    return ends != 0 ? (size_t) (p - text) + (size_t) __builtin_ctz(ends) : len;
  }
#endif
  return (size_t) ((done ? p : uvllm__json_plain(p, text + len, high)) - text);
}

/* Whether nothing special and nothing above 0x7f is in it. Most strings are short. */
static inline int uvllm__json_is_plain(const unsigned char* p, size_t n) {
  unsigned int high = 0;
  if (n >= 16)
    return uvllm__json_plain_in(p, 0, n, &high) == n && high == 0;
  const uint64_t w = n >= 8 ? uvllm__word(p) : uvllm__word_of(p, n);
  uint64_t odd = uvllm__json_special(w) | uvllm__word_has_above_7f(w);
  if (n > 8) {
    const uint64_t rest = uvllm__word(p + n - 8);
    odd |= uvllm__json_special(rest) | uvllm__word_has_above_7f(rest);
  }
  return odd == 0;
}

#ifdef __SSE2__

static inline __m128i uvllm__json_equal(const unsigned char* a, const unsigned char* b) {
  return _mm_cmpeq_epi8(uvllm__json_load(a), uvllm__json_load(b));
}


static inline int uvllm__json_equal64(const unsigned char* a, const unsigned char* b) {
  const __m128i x = _mm_and_si128(uvllm__json_equal(a, b), uvllm__json_equal(a + 16, b + 16));
  const __m128i y = _mm_and_si128(uvllm__json_equal(a + 32, b + 32),
                                  uvllm__json_equal(a + 48, b + 48));
  return _mm_movemask_epi8(_mm_and_si128(x, y)) == 0xffff;
}

#endif

/* How many of n bytes are the same in both from the beginning on. */
static inline size_t uvllm__json_same(const unsigned char* a, const unsigned char* b, size_t n) {
  size_t i = 0;
#ifdef __SSE2__
  while (n - i >= 64 && uvllm__json_equal64(a + i, b + i))
    i += 64;
  for (; n - i >= 16; i += 16) {
    const unsigned int same = (unsigned int) _mm_movemask_epi8(uvllm__json_equal(a + i, b + i));
    if (same != 0xffff)
      return i + (size_t) __builtin_ctz(~same);
  }
#endif
  while (n - i >= 8 && uvllm__word(a + i) == uvllm__word(b + i))
    i += 8;
  while (i < n && a[i] == b[i])
    i++;
  return i;
}

/* How many bytes from p on (p < end) are one well-formed UTF-8 sequence; else 0,
 * and *bad is the length of the ill-formed part that one U+FFFD stands for
 * (the "maximal subpart" of Unicode, chapter 3.9; the same as in browsers). */
static inline size_t uvllm__utf8_sequence(const unsigned char* p, const unsigned char* end,
                                          size_t* bad) {
  const unsigned char c = *p;
  unsigned char low = 0x80, top = 0xbf; /* what the second byte may be */
  size_t n;
  if (c < 0x80)
    return 1;
  *bad = 1;
  if (c < 0xc2 || c > 0xf4)
    return 0;
  n = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
  if (c == 0xe0)
    low = 0xa0;
  else if (c == 0xed)
    top = 0x9f;
  else if (c == 0xf0)
    low = 0x90;
  else if (c == 0xf4)
    top = 0x8f;
  for (size_t i = 1; i < n; i++) {
    if ((size_t) (end - p) <= i || p[i] < low || p[i] > top)
      return 0;
    *bad = i + 1;
    low = 0x80;
    top = 0xbf;
  }
  return n;
}

/* Where the first ill-formed sequence begins, or end. */
static inline const unsigned char* uvllm__utf8_check(const unsigned char* p,
                                                     const unsigned char* end) {
  size_t n, bad;
  while (p < end && (n = uvllm__utf8_sequence(p, end, &bad)) != 0)
    p += n;
  return p;
}

#define UVLLM__UTF8_REPLACEMENT "\xef\xbf\xbd"

#endif
