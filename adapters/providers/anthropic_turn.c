/* The assistant's turns. What an earlier answer wants back (anthropic.h) says in which
 * order its thoughts, texts and calls came; it is followed as long as text and calls
 * are those of that answer. Where they were changed, thoughts and what else is not text
 * go first, then the text, then the calls: the caller's word is never lost.
 */
#include "anthropic.h"


static int is_block(uvllm_json_t element) {
  return uvllm_json_type_of(uvllm_json_get(element, "type")) == UVLLM_JSON_STRING;
}


/* How many bytes of text an element stands for; 0: it is something else. */
static uint64_t text_of(uvllm_json_t element) {
  const int64_t n = uvllm_json_int(uvllm_json_get(element, "text"), 0);
  return !is_block(element) && n > 0 ? (uint64_t) n : 0;
}


static uvllm_json_t call_of(uvllm_json_t element) {
  const uvllm_json_t none = { NULL, 0 };
  return is_block(element) ? none : uvllm_json_get(element, "call");
}


/* ---- Calls ---- */

static int write_call(uvllm__anthropic_put_t* p, const uvllm__call_t* call, uvllm_json_t caller) {
  if (!call->is_object)
    return UVLLM_EUNSUPPORTED;
  uvllm_json_begin_object(p->w);
  uvllm__anthropic_member(p->w, "type", uvllm__str("tool_use"));
  uvllm__anthropic_member(p->w, "id", call->id);
  uvllm__anthropic_member(p->w, "name", call->name);
  uvllm_json_name(p->w, "input");
  uvllm_json_write_raw(p->w, call->arguments);
  if (uvllm_json_type_of(caller) == UVLLM_JSON_OBJECT) {
    uvllm_json_name(p->w, "caller");
    uvllm_json_write_raw(p->w, uvllm_json_raw(caller));
  }
  uvllm_json_end_object(p->w);
  return 0;
}


static int write_calls(uvllm__anthropic_put_t* p, size_t i) {
  const uvllm_json_t none = { NULL, 0 };
  uvllm__list_t calls;
  uvllm__call_t call = { 0 };
  int rc = uvllm__calls_begin(&calls, &p->shape, p->r, i);
  if (rc != 0)
    return rc;
  while ((rc = uvllm__calls_next(&calls, &call)) == 1)
    if ((rc = write_call(p, &call, none)) != 0)
      break;
  return rc;
}


/* ---- What is handed back ---- */

/* Whether a text may be cut there. */
static int is_boundary(uvllm_str_t text, uint64_t at) {
  return at == text.len || (at < text.len && ((unsigned char) text.base[at] & 0xc0) != 0x80);
}


/* The next call, if it has this id: 1; 0 if it has not, or there is none. */
static int next_is(uvllm__list_t* calls, uvllm_json_t id) {
  uvllm__call_t call = { 0 };
  uvllm_str_t wanted;
  const int err = uvllm__shape_str(id, &wanted);
  const int rc = err == 0 ? uvllm__calls_next(calls, &call) : err;
  if (rc != 1)
    return rc;
  return call.id.len == wanted.len &&
         (wanted.len == 0 || memcmp(call.id.base, wanted.base, wanted.len) == 0);
}


/* Whether text and calls are those of the answer: 1, 0, or an error. */
static int fits(uvllm__anthropic_put_t* p, size_t i, uvllm_json_t content) {
  const uvllm_message_t* m = &p->r->messages[i];
  uvllm__list_t calls;
  uvllm__call_t more = { 0 };
  uvllm_json_t element;
  uint32_t it = 0;
  uint64_t at = 0;
  int rc = uvllm__calls_begin(&calls, &p->shape, p->r, i);
  if (rc != 0 || m->parts_json.base != NULL)
    return rc;
  while (uvllm_json_next(content, &it, NULL, &element)) {
    const uint64_t n = text_of(element);
    if (n > m->text.len - at || !is_boundary(m->text, at + n))
      return 0;
    at += n;
    if (uvllm_json_type_of(call_of(element)) != UVLLM_JSON_NONE &&
        (rc = next_is(&calls, call_of(element))) != 1)
      return rc;
  }
  rc = uvllm__calls_next(&calls, &more);
  return rc < 0 ? rc : rc == 0 && at == m->text.len;
}


static void write_text(uvllm__anthropic_put_t* p, uvllm_str_t text, uvllm_json_t citations) {
  uvllm_json_begin_object(p->w);
  uvllm__anthropic_member(p->w, "type", uvllm__str("text"));
  uvllm__anthropic_member(p->w, "text", text);
  if (uvllm_json_type_of(citations) == UVLLM_JSON_ARRAY) {
    uvllm_json_name(p->w, "citations");
    uvllm_json_write_raw(p->w, uvllm_json_raw(citations));
  }
  uvllm_json_end_object(p->w);
}


static int write_fitting(uvllm__anthropic_put_t* p, size_t i, uvllm_json_t content) {
  uvllm_str_t text = p->r->messages[i].text;
  uvllm__list_t calls;
  uvllm__call_t call = { 0 };
  uvllm_json_t element;
  uint32_t it = 0;
  int rc = uvllm__calls_begin(&calls, &p->shape, p->r, i);
  while (rc == 0 && uvllm_json_next(content, &it, NULL, &element)) {
    const size_t n = (size_t) text_of(element);
    if (is_block(element)) {
      uvllm_json_write_raw(p->w, uvllm_json_raw(element));
    } else if (n != 0) {
      write_text(p, (uvllm_str_t) { text.base, n }, uvllm_json_get(element, "citations"));
      text.base += n;
    } else if (uvllm_json_type_of(call_of(element)) != UVLLM_JSON_NONE) {
      rc = uvllm__calls_next(&calls, &call);
      rc = rc == 1 ? write_call(p, &call, uvllm_json_get(element, "caller")) : rc;
    }
  }
  return rc;
}


static void write_others(uvllm__anthropic_put_t* p, uvllm_json_t content) {
  uvllm_json_t element;
  uint32_t it = 0;
  while (uvllm_json_next(content, &it, NULL, &element))
    if (is_block(element))
      uvllm_json_write_raw(p->w, uvllm_json_raw(element));
}


/* ---- Turns ---- */

static int write_blocks(uvllm__anthropic_put_t* p, size_t i, uvllm_json_t content) {
  int rc = uvllm_json_type_of(content) == UVLLM_JSON_ARRAY ? fits(p, i, content) : 0;
  if (rc < 0)
    return rc;
  if (rc == 1)
    return write_fitting(p, i, content);
  write_others(p, content);
  rc = uvllm__anthropic_blocks(p, i);
  return rc == 0 ? write_calls(p, i) : rc;
}


int uvllm__anthropic_turn(uvllm__anthropic_put_t* p, size_t i) {
  const uvllm_message_t* m = &p->r->messages[i];
  uvllm_json_t replay;
  int rc = uvllm__replay(&p->replay, p->r, i, "anthropic", &replay);
  if (rc < 0)
    return rc;
  uvllm_json_begin_object(p->w);
  uvllm__anthropic_member(p->w, "role", uvllm__str("assistant"));
  uvllm_json_name(p->w, "content");
  if (rc == 0 && m->tool_calls_json.base == NULL && m->parts_json.base == NULL) {
    uvllm_json_write_str(p->w, m->text);
  } else {
    uvllm_json_begin_array(p->w);
    rc = write_blocks(p, i, uvllm_json_get(replay, "content"));
    uvllm_json_end_array(p->w);
  }
  uvllm_json_end_object(p->w);
  return rc;
}
