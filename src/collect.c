/* An answer put together from its pieces.
 *
 * Choices, and the tool calls of a choice, are kept sorted by number, each in its
 * own block: a server may number as it likes without making us allocate for what
 * it skips, and with the usual numbering item i stands at place i. Appending a
 * piece allocates only when its buffer doubles. `used` never passes max_bytes.
 */
#include "collect.h"
#include "json_writer.h"

#include <stdio.h>

typedef struct items_s { /* sorted; each item begins with its number */
  uint32_t** base;
  size_t len, cap;
} items_t;

typedef struct tool_s {
  uint32_t index;
  int begun;
  uvllm__buf_t id, name, json;
} tool_t;

typedef struct choice_s {
  uint32_t index;
  int live; /* 0: left from an attempt before */
  uvllm_stop_reason stop;
  uvllm__buf_t text, reasoning, refusal, tools_json, replay;
  items_t tools;
} choice_t;

struct uvllm__collect_s {
  uvllm_alloc_t alloc;
  size_t max, used;
  size_t ntools; /* of all choices */
  size_t nheld;  /* of them: their beginning has not been told */
  int keep;
  items_t choices;
  uvllm_choice_t* result;
  size_t result_cap;
};


/* The place of the item with this number, or where it would go. */
static size_t items_place(const items_t* items, uint32_t number) {
  if (number < items->len && *items->base[number] == number)
    return number;
  size_t low = 0, high = items->len;
  while (low < high) {
    size_t mid = (low + high) / 2;
    if (*items->base[mid] < number)
      low = mid + 1;
    else
      high = mid;
  }
  return low;
}


static void* items_find(const items_t* items, uint32_t number) {
  size_t i = items_place(items, number);
  return i < items->len && *items->base[i] == number ? items->base[i] : NULL;
}


static int items_add(items_t* items, const uvllm_alloc_t* alloc, uint32_t* item) {
  if (items->len == items->cap) {
    size_t cap = items->cap == 0 ? 4 : items->cap * 2;
    uint32_t** base = uvllm__realloc(alloc, items->base, cap * sizeof(*base));
    if (base == NULL)
      return UVLLM__ENOMEM;
    items->base = base;
    items->cap = cap;
  }
  size_t i = items_place(items, *item);
  memmove(items->base + i + 1, items->base + i, (items->len - i) * sizeof(*items->base));
  items->base[i] = item;
  items->len++;
  return 0;
}


static void tool_free(const uvllm_alloc_t* alloc, tool_t* t) {
  uvllm__buf_free(&t->id);
  uvllm__buf_free(&t->name);
  uvllm__buf_free(&t->json);
  uvllm__free(alloc, t);
}


static void choice_clear(const uvllm_alloc_t* alloc, choice_t* ch) {
  ch->live = 0;
  ch->stop = UVLLM_STOP_NONE;
  uvllm__buf_clear(&ch->text);
  uvllm__buf_clear(&ch->reasoning);
  uvllm__buf_clear(&ch->refusal);
  uvllm__buf_clear(&ch->tools_json);
  uvllm__buf_clear(&ch->replay);
  for (size_t i = 0; i < ch->tools.len; i++)
    tool_free(alloc, (tool_t*) ch->tools.base[i]);
  ch->tools.len = 0;
}


static void choice_free(const uvllm_alloc_t* alloc, choice_t* ch) {
  choice_clear(alloc, ch);
  uvllm__buf_free(&ch->text);
  uvllm__buf_free(&ch->reasoning);
  uvllm__buf_free(&ch->refusal);
  uvllm__buf_free(&ch->tools_json);
  uvllm__buf_free(&ch->replay);
  uvllm__free(alloc, ch->tools.base);
  uvllm__free(alloc, ch);
}


int uvllm__collect_new(uvllm__collect_t** c, const uvllm_alloc_t* alloc, size_t max_bytes,
                       int keep_content) {
  const uvllm_alloc_t a = uvllm__alloc_or_default(alloc);
  uvllm__collect_t* made = uvllm__calloc(&a, 1, sizeof(*made));
  *c = made;
  if (made == NULL)
    return UVLLM__ENOMEM;
  made->alloc = a;
  made->max = max_bytes;
  made->keep = keep_content;
  return 0;
}


void uvllm__collect_free(uvllm__collect_t* c) {
  if (c == NULL)
    return;
  const uvllm_alloc_t a = c->alloc;
  for (size_t i = 0; i < c->choices.len; i++)
    choice_free(&a, (choice_t*) c->choices.base[i]);
  uvllm__free(&a, c->choices.base);
  uvllm__free(&a, c->result);
  uvllm__free(&a, c);
}


void uvllm__collect_clear(uvllm__collect_t* c) {
  for (size_t i = 0; i < c->choices.len; i++)
    choice_clear(&c->alloc, (choice_t*) c->choices.base[i]);
  c->used = c->ntools = c->nheld = 0;
}


int uvllm__collect_keeps(const uvllm__collect_t* c) {
  return c->keep;
}


static int add_choice(uvllm__collect_t* c, uint32_t index, choice_t** out) {
  choice_t* ch = uvllm__calloc(&c->alloc, 1, sizeof(*ch));
  if (ch == NULL)
    return UVLLM__ENOMEM;
  ch->index = index;
  uvllm__buf_init(&ch->text, &c->alloc, SIZE_MAX);
  uvllm__buf_init(&ch->reasoning, &c->alloc, SIZE_MAX);
  uvllm__buf_init(&ch->refusal, &c->alloc, SIZE_MAX);
  uvllm__buf_init(&ch->tools_json, &c->alloc, SIZE_MAX);
  uvllm__buf_init(&ch->replay, &c->alloc, SIZE_MAX);
  int err = items_add(&c->choices, &c->alloc, &ch->index);
  if (err != 0) {
    uvllm__free(&c->alloc, ch);
    return err;
  }
  *out = ch;
  return 0;
}


/* The choice, made if it is new. */
static int touch_choice(uvllm__collect_t* c, uint32_t index, choice_t** out) {
  if (index >= UVLLM__MAX_CHOICES)
    return UVLLM_EPROTO;
  *out = items_find(&c->choices, index);
  int err = *out == NULL ? add_choice(c, index, out) : 0;
  if (err == 0)
    (*out)->live = 1;
  return err;
}


static int append(uvllm__collect_t* c, uvllm__buf_t* buf, uvllm_str_t s) {
  if (s.len > c->max - c->used)
    return UVLLM_ETOOLARGE;
  int err = uvllm__buf_append(buf, s.base, s.len);
  if (err == 0)
    c->used += s.len;
  return err;
}


int uvllm__collect_text(uvllm__collect_t* c, uint32_t choice, uvllm_event_type type,
                        uvllm_str_t text) {
  if (!c->keep || text.len == 0)
    return choice < UVLLM__MAX_CHOICES ? 0 : UVLLM_EPROTO;
  choice_t* ch;
  int err = touch_choice(c, choice, &ch);
  if (err != 0)
    return err;
  switch (type) {
    case UVLLM_EVENT_TEXT: return append(c, &ch->text, text);
    case UVLLM_EVENT_REASONING: return append(c, &ch->reasoning, text);
    case UVLLM_EVENT_REFUSAL: return append(c, &ch->refusal, text);
    default: return UVLLM__EINVAL;
  }
}


int uvllm__collect_stop(uvllm__collect_t* c, uint32_t choice, uvllm_stop_reason stop) {
  if (!c->keep)
    return choice < UVLLM__MAX_CHOICES ? 0 : UVLLM_EPROTO;
  choice_t* ch;
  int err = touch_choice(c, choice, &ch);
  if (err == 0)
    ch->stop = stop;
  return err;
}


int uvllm__collect_replay(uvllm__collect_t* c, uint32_t choice, uvllm_str_t json) {
  if (!c->keep)
    return choice < UVLLM__MAX_CHOICES ? 0 : UVLLM_EPROTO;
  choice_t* ch;
  int err = touch_choice(c, choice, &ch);
  if (err != 0)
    return err;
  c->used -= ch->replay.len;
  uvllm__buf_clear(&ch->replay);
  return append(c, &ch->replay, json);
}


/* Id and name are kept even without content until the beginning is told. */
static int tool_append(uvllm__collect_t* c, tool_t* t, uvllm_str_t id, uvllm_str_t name,
                       uvllm_str_t json) {
  int err = 0;
  if (!t->begun && t->id.len == 0)
    err = append(c, &t->id, id);
  if (err == 0 && t->name.len == 0 && (c->keep || !t->begun))
    err = append(c, &t->name, name);
  return err == 0 && c->keep ? append(c, &t->json, json) : err;
}


static int add_tool(uvllm__collect_t* c, choice_t* ch, uint32_t index, tool_t** out) {
  if (c->ntools >= UVLLM__MAX_ALL_TOOLS)
    return UVLLM_EPROTO;
  tool_t* t = uvllm__calloc(&c->alloc, 1, sizeof(*t));
  if (t == NULL)
    return UVLLM__ENOMEM;
  t->index = index;
  uvllm__buf_init(&t->id, &c->alloc, SIZE_MAX);
  uvllm__buf_init(&t->name, &c->alloc, SIZE_MAX);
  uvllm__buf_init(&t->json, &c->alloc, SIZE_MAX);
  int err = items_add(&ch->tools, &c->alloc, &t->index);
  if (err != 0) {
    uvllm__free(&c->alloc, t);
    return err;
  }
  c->ntools++;
  c->nheld++;
  *out = t;
  return 0;
}


static uvllm_str_t slice_or_absent(const uvllm__buf_t* buf) {
  return buf->len != 0 ? uvllm__buf_slice(buf) : (uvllm_str_t) { NULL, 0 };
}


/* Results refer to calls by their ids, of which some servers give all the same. */
static int is_taken(const choice_t* ch, const uvllm__buf_t* id) {
  for (size_t i = 0; i < ch->tools.len; i++) {
    const tool_t* other = (const tool_t*) ch->tools.base[i];
    if (other->begun && other->id.len == id->len &&
        memcmp(other->id.base, id->base, id->len) == 0)
      return 1;
  }
  return 0;
}


static int give_id(const choice_t* ch, tool_t* t) {
  char made[32];
  if (t->begun || (t->id.len != 0 && !is_taken(ch, &t->id)))
    return 0;
  uvllm__buf_clear(&t->id);
  int n = snprintf(made, sizeof(made), "call_%u_%u", ch->index, t->index);
  return uvllm__buf_append(&t->id, made, (size_t) n);
}


static int begin_tool(uvllm__collect_t* c, const choice_t* ch, tool_t* t,
                      uvllm__tool_begin_t* begin) {
  int err = give_id(ch, t);
  if (err != 0)
    return err;
  t->begun = 1;
  c->nheld--;
  begin->due = 1;
  begin->choice = ch->index;
  begin->index = t->index;
  begin->id = uvllm__buf_slice(&t->id);
  begin->name = slice_or_absent(&t->name);
  return 0;
}


int uvllm__collect_tool(uvllm__collect_t* c, uint32_t choice, uint32_t index, uvllm_str_t id,
                        uvllm_str_t name, uvllm_str_t json, uvllm__tool_begin_t* begin) {
  choice_t* ch;
  begin->due = 0;
  if (index >= UVLLM__MAX_TOOLS)
    return UVLLM_EPROTO;
  int err = touch_choice(c, choice, &ch);
  if (err != 0)
    return err;
  tool_t* t = items_find(&ch->tools, index);
  if (t == NULL)
    err = add_tool(c, ch, index, &t);
  if (err == 0)
    err = tool_append(c, t, id, name, json);
  if (err != 0 || t->begun || (json.len == 0 && (t->id.len == 0 || t->name.len == 0)))
    return err;
  return begin_tool(c, ch, t, begin);
}


static tool_t* first_held(const choice_t* ch) {
  for (size_t i = 0; i < ch->tools.len; i++) {
    tool_t* t = (tool_t*) ch->tools.base[i];
    if (!t->begun)
      return t;
  }
  return NULL;
}


int uvllm__collect_held(uvllm__collect_t* c, uint32_t choice, uvllm__tool_begin_t* begin) {
  begin->due = 0;
  for (size_t i = 0; c->nheld != 0 && i < c->choices.len; i++) {
    const choice_t* ch = (const choice_t*) c->choices.base[i];
    tool_t* t = choice == UVLLM__ANY_CHOICE || choice == ch->index ? first_held(ch) : NULL;
    if (t != NULL)
      return begin_tool(c, ch, t, begin);
  }
  return 0;
}


static void write_tool(uvllm_json_writer_t* w, const tool_t* t) {
  static const uvllm_str_t empty = UVLLM_STR(""), nothing = UVLLM_STR("{}");
  uvllm_json_begin_object(w);
  uvllm_json_name(w, "id");
  uvllm_json_write_str(w, uvllm__buf_slice(&t->id));
  uvllm_json_name(w, "type");
  uvllm_json_write_str(w, (uvllm_str_t) UVLLM_STR("function"));
  uvllm_json_name(w, "function");
  uvllm_json_begin_object(w);
  uvllm_json_name(w, "name");
  uvllm_json_write_str(w, t->name.len != 0 ? uvllm__buf_slice(&t->name) : empty);
  uvllm_json_name(w, "arguments");
  uvllm_json_write_str(w, t->json.len != 0 ? uvllm__buf_slice(&t->json) : nothing);
  uvllm_json_end_object(w);
  uvllm_json_end_object(w);
}


static int write_tools(choice_t* ch) {
  uvllm_json_writer_t w;
  uvllm__buf_clear(&ch->tools_json);
  if (ch->tools.len == 0)
    return 0;
  uvllm__json_writer_init(&w, &ch->tools_json);
  uvllm_json_begin_array(&w);
  for (size_t i = 0; i < ch->tools.len; i++) {
    tool_t* t = (tool_t*) ch->tools.base[i];
    int err = give_id(ch, t);
    if (err != 0)
      return err;
    write_tool(&w, t);
  }
  uvllm_json_end_array(&w);
  return uvllm_json_writer_error(&w);
}


static int fill_result(uvllm__collect_t* c) {
  for (size_t i = 0; i < c->choices.len; i++) {
    choice_t* ch = (choice_t*) c->choices.base[i];
    if (!ch->live)
      continue;
    int err = write_tools(ch);
    if (err != 0)
      return err;
    c->result[ch->index] = (uvllm_choice_t) {
      .stop = ch->stop,
      .text = slice_or_absent(&ch->text),
      .reasoning = slice_or_absent(&ch->reasoning),
      .refusal = slice_or_absent(&ch->refusal),
      .tools_json = slice_or_absent(&ch->tools_json),
      .replay_json = slice_or_absent(&ch->replay),
    };
  }
  return 0;
}


int uvllm__collect_choices(uvllm__collect_t* c, const uvllm_choice_t** choices,
                           size_t* nchoices) {
  *choices = NULL;
  *nchoices = 0;
  size_t n = c->choices.len;
  while (n != 0 && !((const choice_t*) c->choices.base[n - 1])->live)
    n--;
  if (!c->keep || n == 0)
    return 0;
  n = (size_t) *c->choices.base[n - 1] + 1;
  if (n > c->result_cap) {
    uvllm_choice_t* result = uvllm__realloc(&c->alloc, c->result, n * sizeof(*result));
    if (result == NULL)
      return UVLLM__ENOMEM;
    c->result = result;
    c->result_cap = n;
  }
  memset(c->result, 0, n * sizeof(*c->result));
  int err = fill_result(c);
  if (err != 0)
    return err;
  *choices = c->result;
  *nchoices = n;
  return 0;
}
