/* A Responses answer: its items, as the events of a stream or whole.
 *
 * Events are known by the `type` in their data; the event's name says the same where
 * there is one. Items are known by output_index, since some gateways change the ids
 * from event to event. Servers that send no deltas, or no items but in the last event,
 * are read from what stands in whole items: each is told once.
 */
#include "openai_responses.h"
#include "check.h"

typedef uvllm__responses_t state_t;


static int has(const uint64_t* set, uint32_t i) {
  return (set[i / 64] >> i % 64 & 1) != 0;
}


static void add(uint64_t* set, uint32_t i) {
  set[i / 64] |= UINT64_C(1) << i % 64;
}


/* ---- Content ---- */

/* A string that is not empty is told; *n is its length. */
static int tell(uvllm_event_type type, uvllm_json_t v, size_t* n, uvllm_emit_t* emit) {
  uvllm_str_t text;
  const int err = uvllm__shape_str(v, &text);
  *n = text.len;
  if (err == 0)
    uvllm_emit_text(emit, 0, type, text);
  return err;
}


static int tell_text(state_t* s, uint32_t item, uvllm_json_t v, uvllm_emit_t* emit) {
  size_t n;
  const int err = tell(UVLLM_EVENT_TEXT, v, &n, emit);
  if (n != 0)
    add(s->told, item);
  return err;
}


static int tell_refusal(state_t* s, uint32_t item, uvllm_json_t v, uvllm_emit_t* emit) {
  size_t n;
  const int err = tell(UVLLM_EVENT_REFUSAL, v, &n, emit);
  if (n == 0)
    return err;
  add(s->told, item);
  s->refused = 1;
  return err;
}


enum { OPEN = 1 << 30 }; /* added to the numbers of parts that are no summary's */


/* Thoughts come as paragraphs, without what parts them. */
static int tell_thought(state_t* s, uint32_t item, uint32_t part, uvllm_json_t v,
                        uvllm_emit_t* emit) {
  const int is_another = s->thought_item != item || s->thought_part != part;
  uvllm_str_t text;
  const int err = uvllm__shape_str(v, &text);
  if (err != 0 || text.len == 0)
    return err;
  if (s->has_thought && is_another)
    uvllm_emit_text(emit, 0, UVLLM_EVENT_REASONING, uvllm__str("\n\n"));
  uvllm_emit_text(emit, 0, UVLLM_EVENT_REASONING, text);
  s->has_thought = 1;
  s->thought_item = item;
  s->thought_part = part;
  add(s->told, item);
  return 0;
}


/* ---- Calls ---- */

static uint32_t call_of(state_t* s, uint32_t item) {
  const uint32_t kept =
      s->ncalls < UVLLM__RESPONSES_CALLS ? s->ncalls : UVLLM__RESPONSES_CALLS;
  for (uint32_t i = 1; i <= kept; i++) {
    const uvllm__responses_call_t* call = &s->calls[(s->ncalls - i) % UVLLM__RESPONSES_CALLS];
    if (call->item == item)
      return call->index;
  }
  s->calls[s->ncalls % UVLLM__RESPONSES_CALLS] =
      (uvllm__responses_call_t) { item, s->ncalls };
  return s->ncalls++;
}


static int tell_arguments(state_t* s, uint32_t item, uvllm_json_t v, uvllm_emit_t* emit) {
  const uvllm_str_t none = { NULL, 0 };
  uvllm_str_t json;
  const int err = uvllm__shape_str(v, &json);
  if (err != 0 || json.len == 0)
    return err;
  uvllm_emit_tool(emit, 0, call_of(s, item), none, none, json);
  add(s->told, item);
  return 0;
}


/* The arguments that an item begins with are told when it is whole: deltas may
 * repeat them. */
static int begin_call(state_t* s, uint32_t item, uvllm_json_t call, uvllm_emit_t* emit) {
  const uvllm_str_t none = { NULL, 0 };
  uvllm_str_t id, name;
  int err = uvllm__shape_str(uvllm_json_get(call, "call_id"), &id);
  if (err == 0)
    err = uvllm__shape_str(uvllm_json_get(call, "name"), &name);
  if (err == 0)
    uvllm_emit_tool(emit, 0, call_of(s, item), id, name, none);
  return err;
}


static int is_call(uvllm_str_t type) {
  return uvllm__str_eq(type, "function_call") || uvllm__str_eq(type, "custom_tool_call");
}


static int end_call(state_t* s, uint32_t item, uvllm_json_t call, uvllm_emit_t* emit) {
  const uvllm_json_t arguments = uvllm_json_get(call, "arguments");
  const int is_custom = uvllm_json_type_of(arguments) != UVLLM_JSON_STRING;
  const int err = begin_call(s, item, call, emit);
  if (err != 0 || has(s->told, item))
    return err;
  return tell_arguments(s, item, is_custom ? uvllm_json_get(call, "input") : arguments, emit);
}


/* ---- Items ---- */

static int end_message(state_t* s, uint32_t item, uvllm_json_t message, uvllm_emit_t* emit) {
  const uvllm_json_t content = uvllm_json_get(message, "content");
  uvllm_json_t part;
  uint32_t it = 0;
  int err = 0;
  while (err == 0 && uvllm_json_next(content, &it, NULL, &part)) {
    err = tell_text(s, item, uvllm_json_get(part, "text"), emit);
    if (err == 0)
      err = tell_refusal(s, item, uvllm_json_get(part, "refusal"), emit);
  }
  return err;
}


static int end_thoughts(state_t* s, uint32_t item, uint32_t i, uvllm_json_t parts,
                        uvllm_emit_t* emit) {
  uvllm_json_t part;
  uint32_t it = 0;
  int err = 0;
  while (err == 0 && uvllm_json_next(parts, &it, NULL, &part))
    err = tell_thought(s, item, i++, uvllm_json_get(part, "text"), emit);
  return err;
}


static int end_reasoning(state_t* s, uint32_t item, uvllm_json_t v, uvllm_emit_t* emit) {
  const int err = end_thoughts(s, item, 0, uvllm_json_get(v, "summary"), emit);
  return err != 0 ? err : end_thoughts(s, item, OPEN, uvllm_json_get(v, "content"), emit);
}


static int begin_item(state_t* s, uint32_t i, uvllm_json_t item, uvllm_emit_t* emit) {
  uvllm_str_t type;
  const int err = uvllm__shape_str(uvllm_json_get(item, "type"), &type);
  if (err == 0 && type.len != 0 && s->nitems <= i)
    s->nitems = i + 1;
  return err == 0 && is_call(type) ? begin_call(s, i, item, emit) : err;
}


/* What of it did not come as deltas is told now. */
static int end_item(state_t* s, uint32_t i, uvllm_json_t item, uvllm_emit_t* emit) {
  uvllm_str_t type;
  int err = uvllm__shape_str(uvllm_json_get(item, "type"), &type);
  if (err != 0 || type.len == 0 || has(s->ended, i))
    return err;
  add(s->ended, i);
  s->nended++;
  if (s->nitems <= i)
    s->nitems = i + 1;
  if (is_call(type))
    err = end_call(s, i, item, emit);
  else if (!has(s->told, i) && uvllm__str_eq(type, "message"))
    err = end_message(s, i, item, emit);
  else if (!has(s->told, i) && uvllm__str_eq(type, "reasoning"))
    err = end_reasoning(s, i, item, emit);
  return err != 0 ? err : uvllm__responses_keep(s, item, emit);
}


static int too_many(uvllm_emit_t* emit) {
  return uvllm__refuse_with(emit, UVLLM_EPROTO, "the answer has more than 1024 items");
}


static int end_output(state_t* s, uvllm_json_t output, uvllm_emit_t* emit) {
  uvllm_json_t item;
  uint32_t it = 0, i = 0;
  int err = 0;
  while (err == 0 && uvllm_json_next(output, &it, NULL, &item))
    err = i < UVLLM__RESPONSES_ITEMS ? end_item(s, i++, item, emit) : too_many(emit);
  return err;
}


/* ---- Ends ---- */

static uvllm_stop_reason stop_of(const state_t* s, uvllm_str_t status, uvllm_str_t reason) {
  if (uvllm__str_eq(status, "incomplete"))
    return uvllm__str_eq(reason, "content_filter") ? UVLLM_STOP_FILTER : UVLLM_STOP_LENGTH;
  if (s->ncalls != 0)
    return UVLLM_STOP_TOOL;
  return s->refused ? UVLLM_STOP_REFUSAL : UVLLM_STOP_END;
}


static int fail(state_t* s, uvllm_str_t status, uvllm_json_t error, uvllm_emit_t* emit) {
  const uvllm_json_t none = { NULL, 0 };
  if (uvllm__is_fault(error, none) || uvllm__str_eq(status, "failed"))
    return uvllm__fault_inside(&s->head, error, emit);
  if (uvllm__str_eq(status, "cancelled"))
    return uvllm__refuse_with(emit, UVLLM_EPROVIDER, "the provider has cancelled the answer");
  return uvllm__refuse_with(emit, UVLLM_EPROTO, "the answer is not there yet: it is made in "
                                                "the background");
}


static int is_finished(uvllm_str_t status) {
  return status.len == 0 || uvllm__str_eq(status, "completed") ||
         uvllm__str_eq(status, "incomplete");
}


/* A response that is over, in a body or in a stream's last event. `status` as the event
 * says it, where it does. */
static int finish(state_t* s, uvllm_json_t response, uvllm_str_t status, uvllm_emit_t* emit) {
  const uvllm_json_t error = uvllm_json_get(response, "error"), none = { NULL, 0 };
  const uvllm_json_t details = uvllm_json_get(response, "incomplete_details");
  uvllm_str_t said, reason;
  int err = uvllm__shape_str(uvllm_json_get(response, "status"), &said);
  if (err == 0)
    err = uvllm__shape_str(uvllm_json_get(details, "reason"), &reason);
  if (status.len == 0)
    status = said;
  if (err == 0 && uvllm_json_type_of(response) != UVLLM_JSON_OBJECT && s->nitems == 0)
    return uvllm__refuse_with(emit, UVLLM_EPROTO, "the answer has no output");
  if (err == 0 && s->nended == 0) /* else all came as events; here some may be left out */
    err = end_output(s, uvllm_json_get(response, "output"), emit);
  if (err != 0)
    return err;
  uvllm__openai_usage(uvllm_json_get(response, "usage"), emit);
  if (!is_finished(status) || uvllm__is_fault(error, none))
    return fail(s, status, error, emit);
  err = uvllm__responses_tell_kept(s, emit);
  if (err != 0)
    return err;
  uvllm_emit_stop(emit, 0, stop_of(s, status, reason));
  return UVLLM_COMPLETE;
}


int uvllm__responses_whole(state_t* s, uvllm_json_t root, uvllm_emit_t* emit) {
  const uvllm_json_t error = uvllm_json_get(root, "error");
  const int has_output = uvllm_json_type_of(uvllm_json_get(root, "output")) == UVLLM_JSON_ARRAY;
  const uvllm_str_t none = { NULL, 0 };
  uvllm_str_t status;
  const int err = uvllm__shape_str(uvllm_json_get(root, "status"), &status);
  if (err != 0)
    return err;
  if (has_output || !is_finished(status))
    return finish(s, root, none, emit);
  if (uvllm__is_fault(error, uvllm_json_get(root, "object")))
    return uvllm__fault_inside(&s->head, root, emit);
  return uvllm__fault_strange(&s->head, root, "the answer has no output", emit);
}


/* ---- Events ---- */

typedef enum {
  OTHER,
  TEXT,
  REFUSAL,
  SUMMARY,
  THOUGHT,
  ARGUMENTS,
  ITEM_ADDED,
  ITEM_DONE,
  COMPLETED,
  INCOMPLETE,
  FAILED,
  FAULT
} kind_t;

/* What comes often stands first. What is told by others as well (text.done, part.done)
 * or is not used (searches, images, annotations) is not here. */
static kind_t kind_of(uvllm_str_t type) {
  static const struct {
    uvllm_str_t type;
    kind_t kind;
  } kinds[] = {
    { UVLLM_STR("response.output_text.delta"), TEXT },
    { UVLLM_STR("response.function_call_arguments.delta"), ARGUMENTS },
    { UVLLM_STR("response.reasoning_summary_text.delta"), SUMMARY },
    { UVLLM_STR("response.reasoning_text.delta"), THOUGHT },
    { UVLLM_STR("response.refusal.delta"), REFUSAL },
    { UVLLM_STR("response.custom_tool_call_input.delta"), ARGUMENTS },
    { UVLLM_STR("response.output_item.added"), ITEM_ADDED },
    { UVLLM_STR("response.output_item.done"), ITEM_DONE },
    { UVLLM_STR("response.completed"), COMPLETED },
    { UVLLM_STR("response.incomplete"), INCOMPLETE },
    { UVLLM_STR("response.failed"), FAILED },
    { UVLLM_STR("error"), FAULT },
  };
  for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
    if (type.len == kinds[i].type.len && memcmp(type.base, kinds[i].type.base, type.len) == 0)
      return kinds[i].kind;
  return OTHER;
}


/* Where an event does not say which item it is of, it is of the last one. */
static uint32_t item_of(const state_t* s, kind_t kind, uvllm_json_t output_index) {
  const uint32_t last = s->nitems != 0 ? s->nitems - 1 : 0;
  const int64_t i = uvllm_json_int(output_index, kind == ITEM_ADDED ? s->nitems : last);
  return i >= 0 && i < UVLLM__RESPONSES_ITEMS ? (uint32_t) i : UVLLM__RESPONSES_ITEMS;
}


static uint32_t part_of(uvllm_json_t index) {
  const int64_t i = uvllm_json_int(index, 0);
  return i > 0 && i < OPEN ? (uint32_t) i : 0;
}


enum { TYPE, DELTA, OUTPUT_INDEX, SUMMARY_INDEX, CONTENT_INDEX, ITEM, RESPONSE, ERROR, NAMES };


static int take(state_t* s, kind_t kind, const uvllm_json_t* v, uvllm_json_t root,
                uvllm_emit_t* emit) {
  const uint32_t item = item_of(s, kind, v[OUTPUT_INDEX]);
  const uvllm_str_t incomplete = UVLLM_STR("incomplete"), failed = UVLLM_STR("failed");
  const uvllm_str_t completed = UVLLM_STR("completed");
  if (item == UVLLM__RESPONSES_ITEMS && kind != OTHER && kind < COMPLETED)
    return too_many(emit);
  switch (kind) {
    case TEXT: return tell_text(s, item, v[DELTA], emit);
    case REFUSAL: return tell_refusal(s, item, v[DELTA], emit);
    case SUMMARY: return tell_thought(s, item, part_of(v[SUMMARY_INDEX]), v[DELTA], emit);
    case THOUGHT: return tell_thought(s, item, OPEN + part_of(v[CONTENT_INDEX]), v[DELTA], emit);
    case ARGUMENTS: return tell_arguments(s, item, v[DELTA], emit);
    case ITEM_ADDED: return begin_item(s, item, v[ITEM], emit);
    case ITEM_DONE: return end_item(s, item, v[ITEM], emit);
    case COMPLETED: return finish(s, v[RESPONSE], completed, emit);
    case INCOMPLETE: return finish(s, v[RESPONSE], incomplete, emit);
    case FAILED: return finish(s, v[RESPONSE], failed, emit);
    case FAULT: return uvllm__fault_inside(&s->head, root, emit);
    case OTHER: break;
  }
  return UVLLM_GO_ON;
}


int uvllm__responses_event(state_t* s, const uvllm_frame_t* frame, uvllm_json_t root,
                           uvllm_emit_t* emit) {
  static const uvllm_str_t names[NAMES] = {
    UVLLM_STR("type"), UVLLM_STR("delta"), UVLLM_STR("output_index"),
    UVLLM_STR("summary_index"), UVLLM_STR("content_index"), UVLLM_STR("item"),
    UVLLM_STR("response"), UVLLM_STR("error")
  };
  const uvllm_json_t none = { NULL, 0 };
  uvllm_json_t v[NAMES];
  uvllm_str_t type;
  UVLLM__JSON_PICK(root, names, v);
  const int err = uvllm__shape_str(v[TYPE], &type);
  if (err != 0)
    return err;
  const kind_t kind = kind_of(type.len != 0 ? type : frame->event);
  if (kind == OTHER && (uvllm__str_eq(frame->event, "error") || uvllm__is_fault(v[ERROR], none)))
    return uvllm__fault_inside(&s->head, root, emit);
  return take(s, kind, v, root, emit);
}
