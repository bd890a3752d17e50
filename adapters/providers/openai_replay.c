/* What a server wants back of an answer with tool calls: its reasoning, as a text
 * (DeepSeek's reasoning_content) or as the entries it sent (OpenRouter's
 * reasoning_details). Of the first choice; of an answer without calls nothing, since
 * there some servers refuse it.
 */
#include "openai.h"

enum { MOST = 64 * 1024 * 1024 };


static int is_text(const uvllm__openai_t* s) {
  return s->keep == UVLLM__OPENAI_KEEPS_TEXT;
}


void uvllm__openai_keep_begin(uvllm__openai_t* s, const uvllm_attempt_t* a) {
  const char* member = a->nparams != 0 ? uvllm_param(a->params, a->nparams, "replay") : NULL;
  if (member == NULL || s->op != UVLLM_CHAT)
    return;
  s->keep = strcmp(member, "reasoning_content") == 0   ? UVLLM__OPENAI_KEEPS_TEXT
            : strcmp(member, "reasoning_details") == 0 ? UVLLM__OPENAI_KEEPS_DETAILS
                                                       : UVLLM__OPENAI_KEEPS_NOTHING;
}


static void begin_kept(uvllm__openai_t* s, const uvllm_emit_t* emit) {
  if (s->kept.alloc == NULL)
    uvllm__buf_init(&s->kept, uvllm_emit_alloc(emit), MOST);
}


void uvllm__openai_keep_text(uvllm__openai_t* s, uint32_t choice, uvllm_str_t text,
                             const uvllm_emit_t* emit) {
  if (!is_text(s) || choice != 0 || text.len == 0)
    return;
  begin_kept(s, emit);
  s->no_memory |= uvllm__buf_append(&s->kept, text.base, text.len) != 0;
}


/* The entries behind each other, with commas: they are no array yet. */
void uvllm__openai_keep_details(uvllm__openai_t* s, uint32_t choice, uvllm_json_t details,
                                const uvllm_emit_t* emit) {
  uvllm_json_t entry;
  uint32_t it = 0;
  if (s->keep != UVLLM__OPENAI_KEEPS_DETAILS || choice != 0)
    return;
  begin_kept(s, emit);
  while (uvllm_json_next(details, &it, NULL, &entry)) {
    const uvllm_str_t raw = uvllm_json_raw(entry);
    s->told.others = 1;
    if (s->kept.len != 0)
      uvllm__buf_char(&s->kept, ',');
    s->no_memory |= uvllm__buf_append(&s->kept, raw.base, raw.len) != 0;
  }
}


static void write_kept(const uvllm__openai_t* s, uvllm_json_writer_t* w) {
  uvllm_json_begin_object(w);
  uvllm_json_name(w, "openai");
  uvllm_json_begin_object(w);
  uvllm_json_name(w, is_text(s) ? "reasoning_content" : "reasoning_details");
  if (is_text(s))
    uvllm_json_write_str(w, uvllm__buf_slice(&s->kept));
  else
    uvllm_json_write_raw(w, uvllm__buf_slice(&s->kept));
  uvllm_json_end_object(w);
  uvllm_json_end_object(w);
}


/* As an array; what is raw must be JSON by itself. */
static int close_details(uvllm__openai_t* s) {
  uvllm__buf_t* b = &s->kept;
  if (is_text(s))
    return 0;
  uvllm__buf_char(b, ' ');
  if (uvllm__buf_char(b, ']') != 0)
    return UVLLM__ENOMEM;
  memmove(b->base + 1, b->base, b->len - 2);
  b->base[0] = '[';
  return 0;
}


void uvllm__openai_tell_kept(uvllm__openai_t* s, uint32_t choice, uvllm_emit_t* emit) {
  uvllm_json_writer_t* w = NULL;
  if (choice != 0 || s->kept.len == 0)
    return;
  int err = close_details(s);
  if (err == 0)
    err = uvllm_json_writer_new(&w, uvllm_emit_alloc(emit));
  if (err == 0) {
    write_kept(s, w);
    err = uvllm_json_writer_error(w);
  }
  if (err == 0)
    uvllm_emit_replay(emit, 0, uvllm_json_writer_text(w));
  s->no_memory |= err != 0;
  uvllm_json_writer_free(w);
  uvllm__buf_clear(&s->kept);
}


void uvllm__openai_keep_end(uvllm__openai_t* s) {
  if (s->kept.alloc != NULL)
    uvllm__buf_free(&s->kept);
}
