/* Server-sent events, by the WHATWG's grammar (HTML, 9.2.6), but: an event whose
 * data is empty is not given, and the last one is given even if the empty line
 * after it is missing. `id` and `retry` mean nothing to us. Where an event would
 * begin, JSON without a field's name is one too, to the next empty line: so servers
 * put an error into a stream (Google's). Others have a field called "error" for it
 * (llama.cpp's), and nothing else tells that the answer is none: it is data of an
 * event of this name.
 *
 * An event that lies whole in one read is given as slices of that read. Else, at
 * the read's end, what has come moves to f->tail: the joined data of the lines
 * that have ended, then the bytes of the one that has not. Each byte is looked
 * at once, however the reads are cut, so the time is linear. The sum of data and
 * line is bounded in the same way whether they came whole or not.
 */
#include "sse.h"

/* The next of each in a read, or its end. Each is looked for only when it was
 * passed: as a rule there is no CR, and that is found out once a read. */
typedef struct eols_s {
  const char *lf, *cr;
} eols_t;


static inline void find(const char** next, char c, const char* p, const char* end) {
  if (*next >= p)
    return;
  const char* found = memchr(p, c, (size_t) (end - p));
  *next = found != NULL ? found : end;
}


/* The first CR or LF from p on, or end. */
static inline const char* find_eol(eols_t* next, const char* p, const char* end) {
  if (p == end || *p == '\n')
    return p; /* every second line is empty */
  find(&next->lf, '\n', p, end);
  find(&next->cr, '\r', p, end);
  return next->lf < next->cr ? next->lf : next->cr;
}


/* How much of tail is data; what follows is the line that has not ended. */
static size_t stored_data(const uvllm__frames_t* f) {
  return f->data.base == NULL ? f->data.len : 0;
}


static int line_fits(const uvllm__frames_t* f, size_t len) {
  size_t room = f->max - f->data.len;
  return len <= UVLLM__SSE_FIELD_BYTES || len - UVLLM__SSE_FIELD_BYTES <= room;
}


/* Data still in the read goes to the tail, before any part of a line. */
static int store_data(uvllm__frames_t* f) {
  if (f->data.base == NULL)
    return 0;
  int err = uvllm__buf_append(&f->tail, f->data.base, f->data.len);
  f->data.base = NULL;
  return err;
}


static int store_name(uvllm__frames_t* f) {
  if (f->name.base == NULL)
    return 0;
  uvllm__buf_clear(&f->event);
  int err = uvllm__buf_append(&f->event, f->name.base, f->name.len);
  f->name.base = NULL;
  return err;
}


static int add_data(uvllm__frames_t* f, uvllm_str_t value, int in_tail) {
  size_t sep = f->lines++ != 0;
  if (sep + value.len > f->max - f->data.len)
    return UVLLM_ETOOLARGE;
  if (sep == 0 && !in_tail) {
    f->data = value;
    return 0;
  }
  int err = store_data(f);
  if (err != 0)
    return err;
  if (in_tail) { /* after the field's name: there is room to move it down */
    char* to = f->tail.base + f->data.len;
    memmove(to + sep, value.base, value.len);
    if (sep != 0)
      *to = '\n';
  } else if ((err = uvllm__buf_append(&f->tail, "\n", sep)) != 0 ||
             (err = uvllm__buf_append(&f->tail, value.base, value.len)) != 0) {
    return err;
  }
  f->data.len += sep + value.len;
  return 0;
}


/* The last one of an event counts. */
static int set_name(uvllm__frames_t* f, uvllm_str_t value, int in_tail) {
  f->name = value;
  return in_tail ? store_name(f) : 0;
}


static int take_field(uvllm__frames_t* f, uvllm_str_t line, int in_tail) {
  if (f->bare)
    return add_data(f, line, in_tail);
  const int is_data = line.len > 4 && memcmp(line.base, "data:", 5) == 0; /* most are */
  const char* colon = is_data ? line.base + 4 : memchr(line.base, ':', line.len);
  size_t len = colon != NULL ? (size_t) (colon - line.base) : line.len;
  uvllm_str_t name = { line.base, len };
  size_t skip = len + (colon != NULL);
  skip += skip < line.len && line.base[skip] == ' ';
  uvllm_str_t value = { line.base + skip, line.len - skip };
  if (is_data || uvllm__str_eq(name, "data"))
    return add_data(f, value, in_tail);
  if (uvllm__str_eq(name, "event"))
    return set_name(f, value, in_tail);
  if (colon == NULL || !uvllm__str_eq(name, "error"))
    return 0;
  const int err = set_name(f, name, in_tail); /* first: data may move to its place */
  return err == 0 ? add_data(f, value, in_tail) : err;
}


/* A line that is not empty has ended with `rest`; its beginning may be in tail. */
static int take_line(uvllm__frames_t* f, uvllm_str_t rest) {
  size_t stored = stored_data(f);
  size_t begun = f->tail.len - stored;
  if (!line_fits(f, begun + rest.len))
    return UVLLM_ETOOLARGE;
  if (f->lines == 0)
    f->bare = (begun != 0 ? f->tail.base[stored] : rest.base[0]) == '{';
  if (begun == 0)
    return take_field(f, rest, 0);
  /* A bare line has no name to be moved over: room for the LF before it. */
  int err = f->bare ? uvllm__buf_reserve(&f->tail, rest.len + 1) : 0;
  if (err == 0)
    err = uvllm__buf_append(&f->tail, rest.base, rest.len);
  if (err != 0)
    return err;
  uvllm_str_t line = { f->tail.base + stored, f->tail.len - stored };
  err = take_field(f, line, 1);
  f->tail.len = stored_data(f);
  return err;
}


/* The read ended within an event or a line: its bytes are about to go. */
static int store(uvllm__frames_t* f, uvllm_str_t line) {
  if (line.len == 0 && f->name.base == NULL && f->data.base == NULL)
    return 0;
  int err = store_name(f);
  if (err == 0)
    err = store_data(f);
  if (err != 0)
    return err;
  if (!line_fits(f, f->tail.len - stored_data(f) + line.len))
    return UVLLM_ETOOLARGE;
  return uvllm__buf_append(&f->tail, line.base, line.len);
}


/* An empty line: the event is over. */
static int dispatch(uvllm__frames_t* f, uvllm__frame_cb cb, void* ctx) {
  uvllm_frame_t frame = { .event = f->name, .data = f->data };
  if (frame.event.base == NULL)
    frame.event.base = f->event.base;
  if (frame.event.len == 0)
    frame.event.base = NULL;
  if (frame.data.base == NULL)
    frame.data.base = f->tail.base;
  f->data = f->name = (uvllm_str_t) { NULL, 0 };
  f->lines = 0;
  f->bare = 0;
  f->tail.len = 0; /* its memory stays while cb reads it */
  return frame.data.len != 0 ? cb(ctx, &frame) : 0;
}


/* A byte-order mark at the very start, which may come in pieces and may turn out
 * to be none; the LF of a CR LF that two reads divide. */
static int skip_start(uvllm__frames_t* f, const char** p, const char* end) {
  static const char mark[] = "\xEF\xBB\xBF";
  for (; f->bom < 3 && *p < end; f->bom++, ++*p)
    if (**p != mark[f->bom]) {
      size_t seen = (size_t) f->bom;
      f->bom = 3;
      return uvllm__buf_append(&f->tail, mark, seen);
    }
  if (f->cr && *p < end) {
    *p += **p == '\n';
    f->cr = 0;
  }
  return 0;
}


static const char* after_eol(uvllm__frames_t* f, const char* eol, const char* end) {
  const char* next = eol + 1;
  if (*eol != '\r')
    return next;
  if (next == end)
    f->cr = 1;
  else if (*next == '\n')
    next++;
  return next;
}


int uvllm__sse_feed(uvllm__frames_t* f, const char* data, size_t len, size_t* consumed,
                    uvllm__frame_cb cb, void* ctx) {
  const char* end = data + len;
  const char* p = data;
  eols_t next = { NULL, NULL };
  int err = skip_start(f, &p, end);
  while (err == 0) {
    const char* eol = find_eol(&next, p, end);
    uvllm_str_t line = { p, (size_t) (eol - p) };
    if (eol == end) {
      err = store(f, line);
      break;
    }
    p = after_eol(f, eol, end);
    if (line.len != 0 || f->tail.len != stored_data(f)) {
      err = take_line(f, line);
    } else {
      int stopped = dispatch(f, cb, ctx);
      if (stopped != 0) {
        *consumed = (size_t) (p - data);
        return stopped;
      }
    }
  }
  return f->err = err;
}


int uvllm__sse_end(uvllm__frames_t* f, uvllm__frame_cb cb, void* ctx) {
  if (f->tail.len != stored_data(f)) {
    uvllm_str_t nothing = { "", 0 };
    f->err = take_line(f, nothing);
    if (f->err != 0)
      return f->err;
  }
  return dispatch(f, cb, ctx);
}
