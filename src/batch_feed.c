/* Lines of the input: each is skipped, refused with a line in the errors file,
 * or submitted. No more are taken than the client, the order and the output
 * have room for; so the run's memory is that of its window.
 */
#include "batch_internal.h"

#include <stdio.h>


/* ---- Before the first line ---- */

static int configure_template(uvllm_batch_t* b) {
  const uvllm__settings_t* s = &b->settings;
  uvllm__fault_t fault;
  if (s->template_text == NULL && s->csv)
    uvllm__batch_fail(b, UV_EINVAL, "%s: CSV needs a template that makes requests of its rows",
                      s->input);
  if (s->template_text == NULL)
    return b->status;
  if (s->model == NULL)
    uvllm__batch_fail(b, UV_EINVAL, "a template needs a model: the lines name none");
  int err = uvllm__template_new(&b->template, &b->alloc, uvllm__str(s->template_text), &fault);
  if (err == UVLLM__ENOMEM)
    uvllm__batch_fail(b, err, "no memory");
  else if (err != 0)
    uvllm__batch_fail(b, UV_EINVAL, "%s", fault.text);
  return b->status;
}


int uvllm__batch_configure(uvllm_batch_t* b) {
  if (b->settings.output == NULL && !uvllm__is_dry(b)) {
    uvllm__batch_fail(b, UV_EINVAL, "standard input has no name: name an output");
    return b->status;
  }
  if (configure_template(b) != 0)
    return b->status;
  return uvllm__is_dry(b) ? uvllm__dry_run_configure(b) : 0;
}


/* ---- A line in hand ---- */

static int no_memory(uvllm_batch_t* b) {
  uvllm__batch_fail(b, UV_ENOMEM, "no memory for line %llu of the input",
                    (unsigned long long) b->number);
  return 0;
}


/* A line that has no id of its own, or repeats one. */
static int malformed(uvllm_batch_t* b, const char* code, const char* text) {
  if (uvllm__ids_has_line(&b->ids, b->number)) {
    b->progress.skipped++;
    return 0;
  }
  b->progress.malformed++;
  if (!uvllm__is_dry(b))
    uvllm__batch_refuse(b, code, text, 1);
  return 0;
}


/* With a template a line that has no id is called by its number. */
static int encode_id(uvllm_batch_t* b, uvllm_str_t id) {
  char number[24];
  if (id.len == 0 && b->template == NULL)
    return 0;
  if (id.len == 0) {
    snprintf(number, sizeof(number), "%llu", (unsigned long long) b->number);
    id = uvllm__str(number);
  }
  return uvllm__id_encode(id, &b->id);
}


static int parse_row(uvllm_batch_t* b, uvllm_str_t text, uvllm_str_t* id, uvllm__fault_t* f) {
  const uvllm_str_t absent = { NULL, 0 };
  const char* what;
  int err = uvllm__csv_split(&b->row, text, &what);
  if (err == UVLLM_EPROTO)
    return uvllm__fault(f, "invalid_row", what, absent);
  return err != 0 ? err : uvllm__template_render_csv(b->template, &b->row, &b->text, id, f);
}


static int parse_data(uvllm_batch_t* b, uvllm_str_t text, uvllm_str_t* id, uvllm__fault_t* f) {
  const uvllm_str_t absent = { NULL, 0 };
  uvllm_json_t object;
  if (b->settings.csv)
    return parse_row(b, text, id, f);
  int err = uvllm_json_parse(b->line_parser, text, &object, NULL);
  if (err == UVLLM__ENOMEM)
    return err;
  if (err != 0 || uvllm_json_type_of(object) != UVLLM_JSON_OBJECT)
    return uvllm__fault(f, err != 0 ? "invalid_json" : "invalid_line",
                        "the line is not a JSON object", absent);
  return uvllm__template_render_json(b->template, object, &b->text, id, f);
}


static int parse_line(uvllm_batch_t* b, const uvllm__input_line_t* input, uvllm__fault_t* f) {
  const uvllm_str_t absent = { NULL, 0 };
  if (input->err != 0)
    return uvllm__fault(f, "line_too_long",
                        b->settings.csv ? "a quote is not closed where it should be, or the row is "
                                          "longer than 16 MiB"
                                        : "the line is longer than 64 MiB",
                        absent);
  if (b->template != NULL)
    return parse_data(b, input->text, &b->line.id, f);
  return uvllm__line_parse(b->line_parser, input->text, &b->line, f);
}


/* Sets b->line, b->text, b->id and b->model. */
static int parse(uvllm_batch_t* b, const uvllm__input_line_t* input, uvllm__fault_t* f) {
  uvllm__line_t* line = &b->line;
  const uvllm_str_t absent = { NULL, 0 };
  memset(line, 0, sizeof(*line));
  int err = parse_line(b, input, f);
  int err_id = encode_id(b, line->id);
  if (err != 0 || err_id != 0)
    return err_id != 0 ? err_id : err;
  if (b->settings.model != NULL)
    return 0;
  if (line->model.base == NULL)
    return uvllm__fault(f, "missing_model", "the body names no model, and no other was given",
                        absent);
  uvllm__buf_append(&b->model, line->model.base, line->model.len);
  return uvllm__buf_char(&b->model, '\0');
}


/* 1: it is to be submitted. */
static int take_line(uvllm_batch_t* b, const uvllm__input_line_t* input) {
  uvllm__fault_t fault;
  uvllm__buf_clear(&b->id);
  uvllm__buf_clear(&b->text);
  uvllm__buf_clear(&b->model);
  b->number = input->number;
  b->progress.lines++;
  int err = parse(b, input, &fault);
  if (err == UVLLM_EREQUEST)
    return malformed(b, fault.code, fault.text);
  if (err != 0)
    return no_memory(b);
  switch (uvllm__ids_see(&b->ids, uvllm__buf_slice(&b->id))) {
    case UVLLM__ID_NEW:
      return 1;
    case UVLLM__ID_DONE:
      b->progress.skipped++;
      return 0;
    case UVLLM__ID_REPEATED:
      return malformed(b, "duplicate_custom_id", "an earlier line has the same custom_id");
    default:
      return no_memory(b);
  }
}


/* The header is no line of data. 1: it was one, or the batch has failed. */
static int take_header(uvllm_batch_t* b, const uvllm__input_line_t* input) {
  uvllm__fault_t fault;
  const char* what = "not a header row";
  int err = input->err != 0 ? UVLLM_EPROTO : uvllm__csv_split(&b->row, input->text, &what);
  b->has_header = 1;
  if (err == 0) {
    err = uvllm__template_header(b->template, &b->row, &fault);
    what = fault.text;
  }
  if (err != 0)
    uvllm__batch_fail(b, err == UVLLM__ENOMEM ? err : UV_EINVAL, "%s:%llu: %s",
                      b->settings.input, (unsigned long long) input->number,
                      err == UVLLM__ENOMEM ? "no memory" : what);
  return 1;
}


/* ---- Submitting ---- */

static void on_retry(uv_timer_t* timer) {
  uvllm__batch_pump(timer->data);
}


static void refused(uvllm_batch_t* b, int err) {
  char code[UVLLM__CODE_TEXT];
  const char* why = uvllm_last_error(b->client);
  if (why[0] == '\0')
    why = uvllm_strerror(err);
  b->has_line = 0;
  if (err == UVLLM_ENOPROVIDER || err == UVLLM_ENOKEY || err == UVLLM_EUNPRICED) {
    uvllm__batch_fail(b, err, "%s:%llu: %s", b->settings.input, (unsigned long long) b->number,
                      why);
    return;
  }
  uvllm__batch_code(err, code);
  uvllm__batch_refuse(b, code, why, 0);
}


/* The client takes no more: completions of ours will tell, or time. */
static int wait_for_room(uvllm_batch_t* b) {
  if (b->ninflight == 0)
    uv_timer_start(&b->retry_timer, on_retry, UVLLM__RETRY_MS, 0);
  return 0;
}


/* A line's deadline runs while it waits in the client, for a limit perhaps. So
 * few are handed over where they wait: one at first, one more for each that went
 * out at once, half of them when one had to wait.
 */
static void on_event(uvllm_req_t* req, const uvllm_event_t* event) {
  uvllm__item_t* item = uvllm_req_data(req);
  uvllm_batch_t* b = item->batch;
  if (event->type != UVLLM_EVENT_ATTEMPT || item->sent)
    return;
  uint64_t waited_ms = (uv_hrtime() - item->submitted_ns) / 1000000;
  item->sent = 1;
  b->nwaiting--;
  if (waited_ms < UVLLM__QUICK_MS && b->ahead < b->settings.window)
    b->ahead++;
  else if (waited_ms > UVLLM__SLOW_MS && b->ahead > 1)
    b->ahead /= 2;
  uvllm__batch_pump(b);
}


static uvllm__item_t* new_item(uvllm_batch_t* b) {
  uvllm__item_t* item = uvllm__malloc(&b->alloc, sizeof(*item) + b->id.len);
  if (item == NULL)
    return NULL;
  memset(item, 0, sizeof(*item));
  item->batch = b;
  item->number = b->number;
  item->id_len = b->id.len;
  item->id = (char*) (item + 1);
  memcpy(item->id, b->id.base, b->id.len);
  return item;
}


/* What the line in hand asks for; it lives as long as that. */
void uvllm__batch_request(const uvllm_batch_t* b, uvllm_request_t* r, uvllm_message_t* message) {
  const uvllm__settings_t* s = &b->settings;
  *r = *s->defaults;
  r->target.provider = s->provider;
  r->target.model = s->model != NULL ? s->model : b->model.base;
  if (b->template == NULL) {
    r->op = b->line.op;
    r->body_json = b->line.body;
    return;
  }
  memset(message, 0, sizeof(*message));
  message->role = UVLLM_USER;
  message->text = uvllm__buf_slice(&b->text);
  r->messages = message;
  r->nmessages = 1;
}


static int submit_item(uvllm_batch_t* b, uvllm__item_t* item) {
  uvllm_request_t r;
  uvllm_message_t message;
  uvllm__batch_request(b, &r, &message);
  item->bytes = b->template != NULL ? message.text.len : r.body_json.len;
  return uvllm_submit(b->client, &r, on_event, uvllm__batch_on_done, item, &item->req);
}


static void add_item(uvllm_batch_t* b, uvllm__item_t* item) {
  item->next = &b->items;
  item->prev = b->items.prev;
  item->prev->next = item->next->prev = item;
  item->submitted_ns = uv_hrtime();
  b->ninflight++;
  b->nwaiting++;
  b->inflight_bytes += item->bytes;
  b->has_line = 0;
}


/* 0: it has to wait, or the batch is over. */
static int not_submitted(uvllm_batch_t* b, int err) {
  if (err == UVLLM_EQUEUEFULL || (err == UVLLM__ENOMEM && b->ninflight != 0))
    return wait_for_room(b);
  if (err == UVLLM__ENOMEM)
    return no_memory(b);
  if (err == UVLLM_ECLOSING) {
    b->stopping += b->stopping == 0;
    return 0;
  }
  refused(b, err);
  return 1;
}


static int submit(uvllm_batch_t* b) {
  uvllm__item_t* item = new_item(b);
  if (item == NULL || uvllm__batch_enter(b, &item->place) != 0) {
    uvllm__free(&b->alloc, item);
    return not_submitted(b, UVLLM__ENOMEM);
  }
  int err = submit_item(b, item);
  if (err == 0) {
    add_item(b, item);
    return 1;
  }
  uvllm__batch_emit(b, item->place, -1);
  uvllm__free(&b->alloc, item);
  return not_submitted(b, err);
}


/* ---- The pump ---- */

static int has_room(const uvllm_batch_t* b) {
  const uvllm__settings_t* s = &b->settings;
  if (b->phase != UVLLM__RUNS || b->status != 0 || b->stopping || b->output.err != 0 ||
      b->space.lacking)
    return 0;
  if (b->refusals >= UVLLM__BUDGET_REFUSALS || uvllm__output_full(&b->output))
    return 0;
  if ((s->flags & UVLLM_BATCH_ORDERED) != 0 &&
      (b->order.err != 0 || uvllm__order_full(&b->order)))
    return 0;
  if (b->nwaiting >= b->ahead)
    return 0;
  return b->ninflight < s->concurrency ||
         (b->ninflight < s->window && b->inflight_bytes < UVLLM__WINDOW_BYTES);
}


/* 1: go on. */
static int next_line(uvllm_batch_t* b) {
  uvllm__input_line_t input;
  if (b->settings.limit != 0 && b->progress.lines == b->settings.limit) {
    b->input_done = 1;
    return 0;
  }
  int r = uvllm__reader_next(&b->reader, &input);
  if (r == 1 && b->settings.csv && !b->has_header)
    return take_header(b, &input);
  if (r == 1) {
    b->has_line = take_line(b, &input);
    if (b->has_line && uvllm__is_dry(b)) {
      uvllm__dry_run_line(b);
      b->has_line = 0;
    }
    return 1;
  }
  b->input_done = r == UV_EOF;
  if (r < 0 && r != UV_EOF)
    uvllm__batch_fail(b, r, "%s: %s", b->settings.input, uvllm_strerror(r));
  return 0;
}


void uvllm__batch_pump(uvllm_batch_t* b) {
  while (!b->input_done && has_room(b))
    if (b->has_line ? !submit(b) : !next_line(b))
      break;
  if (b->input_done && b->progress.total != b->progress.lines)
    b->progress.total = b->progress.lines;
  uvllm__batch_step(b);
}
