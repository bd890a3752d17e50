/* What of a model's reasoning goes back with its turn, where the param "replay" says
 * so, kept while the answer comes:
 *
 *   {"openai":{"reasoning_content":"Let me see"}}
 *   {"openai":{"reasoning_details":[{"type":"reasoning.text","index":0,"text":"Let"}]}}
 *   {"openai":{"extra_content":{"call_1":{"google":{"thought_signature":"c2ln"}}}}}
 *
 * It is wanted beside the tool calls that it led to, and nowhere else: some servers
 * refuse it there. It goes back as it came, be it empty; but what a stream brings of one
 * detail in fragments is joined, its texts as they stand in the JSON. The last is a
 * member of each call, which comes with the call's id.
 */
#include "openai.h"
#include "json_writer.h"

typedef uvllm__openai_kept_t kept_t;

static const char* const kMembers[UVLLM__REPLAY_UNKNOWN] = {
  [UVLLM__REPLAY_NONE] = "none",
  [UVLLM__REPLAY_CONTENT] = "reasoning_content",
  [UVLLM__REPLAY_DETAILS] = "reasoning_details",
  [UVLLM__REPLAY_EXTRA] = "extra_content"
};

static const uvllm_json_type kTypes[UVLLM__REPLAY_UNKNOWN] = {
  [UVLLM__REPLAY_CONTENT] = UVLLM_JSON_STRING,
  [UVLLM__REPLAY_DETAILS] = UVLLM_JSON_ARRAY,
  [UVLLM__REPLAY_EXTRA] = UVLLM_JSON_OBJECT
};


uvllm__openai_replay uvllm__openai_replay_of(const char* member) {
  for (int i = 0; member != NULL && i < UVLLM__REPLAY_UNKNOWN; i++)
    if (strcmp(member, kMembers[i]) == 0)
      return (uvllm__openai_replay) i;
  return member == NULL ? UVLLM__REPLAY_NONE : UVLLM__REPLAY_UNKNOWN;
}


/* ---- Keeping ---- */

/* NULL: no memory, which is remembered, or a choice beyond those that are followed. */
static kept_t* kept_of(uvllm__openai_t* s, uint32_t choice, uvllm_emit_t* emit) {
  const uvllm_alloc_t* alloc = uvllm_emit_alloc(emit);
  if (choice < s->nkept)
    return &s->kept[choice];
  if (choice >= UVLLM__OPENAI_CHOICES)
    return NULL;
  kept_t* kept = uvllm__realloc(alloc, s->kept, (choice + 1) * sizeof(*kept));
  if (kept == NULL) {
    s->no_memory = 1;
    return NULL;
  }
  for (s->kept = kept; s->nkept <= choice; s->nkept++) {
    memset(&kept[s->nkept], 0, sizeof(*kept));
    uvllm__buf_init(&kept[s->nkept].text, alloc, SIZE_MAX);
    uvllm__buf_init(&kept[s->nkept].late, alloc, SIZE_MAX);
  }
  return &kept[choice];
}


void uvllm__openai_keep_text(uvllm__openai_t* s, uint32_t choice, uvllm_str_t text,
                             uvllm_emit_t* emit) {
  kept_t* k = kept_of(s, choice, emit);
  if (k == NULL)
    return;
  k->came = 1;
  s->no_memory |= uvllm__buf_append(&k->text, text.base, text.len) != 0;
}


/* ---- Details in fragments ---- */

enum { TYPE, INDEX, ID, FORMAT, SIGNATURE, TEXT, SUMMARY, NPICKED };

static const uvllm_str_t kPicked[NPICKED] = {
  UVLLM_STR("type"), UVLLM_STR("index"), UVLLM_STR("id"), UVLLM_STR("format"),
  UVLLM_STR("signature"), UVLLM_STR("text"), UVLLM_STR("summary")
};


/* Which member of it comes in fragments: TEXT, SUMMARY, or 0. */
static int growing_of(const uvllm_json_t* v) {
  const uvllm_str_t type = uvllm_json_str(v[TYPE]);
  const int member = uvllm__str_eq(type, "reasoning.text")      ? TEXT
                     : uvllm__str_eq(type, "reasoning.summary") ? SUMMARY : 0;
  const uvllm_json_type is = member != 0 ? uvllm_json_type_of(v[member]) : UVLLM_JSON_NONE;
  return is == UVLLM_JSON_STRING || is <= UVLLM_JSON_NULL ? member : 0;
}


/* What stands between the quotes, escaped as it was. */
static void append_inner(uvllm__buf_t* text, uvllm_json_t string) {
  const uvllm_str_t raw = uvllm_json_raw(string);
  if (uvllm_json_type_of(string) == UVLLM_JSON_STRING)
    uvllm__buf_append(text, raw.base + 1, raw.len - 2);
}


/* Members that come behind the first fragment, a signature above all. */
static void append_late(kept_t* k, const uvllm_json_t* v) {
  for (int i = ID; i <= SIGNATURE; i++) {
    if ((k->has & 1u << i) != 0 || uvllm_json_type_of(v[i]) <= UVLLM_JSON_NULL)
      continue;
    const uvllm_str_t raw = uvllm_json_raw(v[i]);
    k->has |= 1u << i;
    uvllm__buf_str(&k->late, ",\"");
    uvllm__buf_append(&k->late, kPicked[i].base, kPicked[i].len);
    uvllm__buf_str(&k->late, "\":");
    uvllm__buf_append(&k->late, raw.base, raw.len);
  }
}


static void close_detail(kept_t* k) {
  if (k->open == 0)
    return;
  k->open = 0;
  uvllm__buf_char(&k->text, '"');
  uvllm__buf_append(&k->text, k->late.base, k->late.len);
  uvllm__buf_char(&k->text, '}');
  uvllm__buf_clear(&k->late);
}


/* All its members but the one that grows, and nulls, which may become something. */
static void open_detail(kept_t* k, uvllm_json_t detail, const uvllm_json_t* v, int growing) {
  uvllm_json_writer_t w;
  uvllm_json_t value;
  uvllm_str_t name;
  uint32_t it = 0;
  uvllm__json_writer_init(&w, &k->text);
  uvllm_json_begin_object(&w);
  while (uvllm_json_next(detail, &it, &name, &value))
    if (value.index != v[growing].index && uvllm_json_type_of(value) != UVLLM_JSON_NULL) {
      uvllm_json_name_str(&w, name);
      uvllm_json_write_raw(&w, uvllm_json_raw(value));
    }
  if (uvllm_json_writer_error(&w) != 0)
    k->text.err = UVLLM__ENOMEM;
  uvllm__buf_str(&k->text, ",\"");
  uvllm__buf_append(&k->text, kPicked[growing].base, kPicked[growing].len);
  uvllm__buf_str(&k->text, "\":\"");
  k->open = growing;
  k->index = uvllm_json_int(v[INDEX], -1);
  k->has = 0;
  for (int i = ID; i <= SIGNATURE; i++)
    if (uvllm_json_type_of(v[i]) > UVLLM_JSON_NULL)
      k->has |= 1u << i;
}


/* One that is whole, or of a kind that nobody here knows, stands for itself. */
static void keep_detail(kept_t* k, uvllm_json_t detail, int whole) {
  const int is_object = uvllm_json_type_of(detail) == UVLLM_JSON_OBJECT;
  uvllm_json_t v[NPICKED];
  UVLLM__JSON_PICK(detail, kPicked, v);
  const int growing = whole || !is_object ? 0 : growing_of(v);
  const int goes_on = growing != 0 && growing == k->open &&
                      k->index == uvllm_json_int(v[INDEX], -1);
  if (!goes_on) {
    close_detail(k);
    if (k->text.len > 1)
      uvllm__buf_char(&k->text, ',');
    if (growing != 0)
      open_detail(k, detail, v, growing);
  }
  if (growing == 0) {
    const uvllm_str_t raw = uvllm_json_raw(detail);
    uvllm__buf_append(&k->text, raw.base, raw.len);
    return;
  }
  append_inner(&k->text, v[growing]);
  append_late(k, v);
}


void uvllm__openai_keep_details(uvllm__openai_t* s, uint32_t choice, uvllm_json_t details,
                                int whole, uvllm_emit_t* emit) {
  kept_t* k = kept_of(s, choice, emit);
  uvllm_json_t detail;
  uint32_t it = 0;
  if (k == NULL)
    return;
  if (!k->came)
    uvllm__buf_char(&k->text, '[');
  k->came = 1;
  while (uvllm_json_next(details, &it, NULL, &detail))
    keep_detail(k, detail, whole);
  s->no_memory |= k->text.err != 0 || k->late.err != 0;
}


/* ---- What comes with calls ---- */

void uvllm__openai_keep_extra(uvllm__openai_t* s, uint32_t choice, uvllm_str_t id,
                              uvllm_json_t extra, uvllm_emit_t* emit) {
  kept_t* k = kept_of(s, choice, emit);
  const uvllm_str_t raw = uvllm_json_raw(extra);
  uvllm_json_writer_t w;
  if (k == NULL)
    return;
  uvllm__buf_char(&k->text, k->came ? ',' : '{');
  k->came = 1;
  uvllm__json_writer_init(&w, &k->text);
  uvllm_json_write_str(&w, id);
  uvllm__buf_char(&k->text, ':');
  s->no_memory |= uvllm__buf_append(&k->text, raw.base, raw.len) != 0;
}


/* ---- Telling ---- */

static int write_kept(const uvllm__openai_t* s, kept_t* k, uvllm_json_writer_t* w) {
  uvllm_json_begin_object(w);
  uvllm_json_name(w, "openai");
  uvllm_json_begin_object(w);
  uvllm_json_name(w, kMembers[s->replay]);
  if (s->replay == UVLLM__REPLAY_CONTENT) {
    static const uvllm_str_t empty = UVLLM_STR("");
    uvllm_json_write_str(w, k->text.len != 0 ? uvllm__buf_slice(&k->text) : empty);
  } else {
    close_detail(k);
    uvllm__buf_char(&k->text, s->replay == UVLLM__REPLAY_DETAILS ? ']' : '}');
    uvllm_json_write_raw(w, uvllm__buf_slice(&k->text));
  }
  uvllm_json_end_object(w);
  uvllm_json_end_object(w);
  return k->text.err != 0 ? k->text.err : uvllm_json_writer_error(w);
}


void uvllm__openai_tell_kept(uvllm__openai_t* s, uint32_t choice, int has_calls,
                             uvllm_emit_t* emit) {
  kept_t* k = choice < s->nkept ? &s->kept[choice] : NULL;
  uvllm_json_writer_t* w;
  if (k == NULL || !k->came || !has_calls)
    return;
  if (uvllm_json_writer_new(&w, uvllm_emit_alloc(emit)) == 0 && write_kept(s, k, w) == 0)
    uvllm_emit_replay(emit, choice, uvllm_json_writer_text(w));
  else
    s->no_memory = 1;
  uvllm_json_writer_free(w);
}


void uvllm__openai_replay_free(uvllm__openai_t* s) {
  if (s->nkept == 0)
    return;
  const uvllm_alloc_t* alloc = s->kept[0].text.alloc;
  for (uint32_t i = 0; i < s->nkept; i++) {
    uvllm__buf_free(&s->kept[i].text);
    uvllm__buf_free(&s->kept[i].late);
  }
  uvllm__free(alloc, s->kept);
  s->kept = NULL;
  s->nkept = 0;
}


/* ---- Going back ---- */

int uvllm__openai_replayed(uvllm__shape_t* shape, const uvllm_request_t* r, size_t i,
                           uvllm__openai_replay replay, uvllm_json_t* value) {
  const uvllm_json_t none = { NULL, 0 };
  uvllm_json_t own;
  *value = none;
  if (replay == UVLLM__REPLAY_NONE || replay == UVLLM__REPLAY_UNKNOWN ||
      r->messages[i].tool_calls_json.base == NULL)
    return 0;
  const int rc = uvllm__replay(shape, r, i, "openai", &own);
  if (rc != 1)
    return rc;
  const uvllm_json_t kept = uvllm_json_get(own, kMembers[replay]);
  if (uvllm_json_type_of(kept) == kTypes[replay])
    *value = kept;
  return 0;
}


int uvllm__openai_put_replay(uvllm_json_writer_t* w, uvllm__shape_t* shape,
                             const uvllm_request_t* r, size_t i, uvllm__openai_replay replay) {
  uvllm_json_t value;
  if (replay == UVLLM__REPLAY_EXTRA || replay == UVLLM__REPLAY_UNKNOWN)
    return 0;
  const int err = uvllm__openai_replayed(shape, r, i, replay, &value);
  if (err != 0 || uvllm_json_type_of(value) == UVLLM_JSON_NONE)
    return err;
  uvllm_json_name(w, kMembers[replay]);
  uvllm_json_write_raw(w, uvllm_json_raw(value));
  return 0;
}
