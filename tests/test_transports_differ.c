/* One answer over two transports: ten thousand servers' behaviours are drawn from a
 * seed, each is played to curl and to the plain transport, and what the caller is
 * told must be the same.
 *
 * What is malformed, by a reading of RFC 9112 that is neither's, may be refused by
 * the plain transport where curl makes something of it. See may_differ() for all
 * that is let pass.
 *
 * usage: test_transports_differ [--seed N] [--first N] [--count N]
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include "behaviour.h"
#include "core.h"
#include "dialects.h"

enum {
  SLOTS = 64,        /* behaviours at a time */
  BATCH = 1000,      /* with one pair of clients */
  PATIENCE_MS = 150, /* with a server that is silent */
  TIMEOUT_MS = 60000 /* whoever gets here hangs */
};

enum { CURL, PLAIN, SIDES };

static struct {
  uint64_t seed, first, count;
} wanted = { 20261121, 0, 10000 };

/* One transport's half of a behaviour. */
typedef struct side_s {
  struct slot_s* slot;
  play_t server;
  char provider[16];
  int which;
  int warming, done, status, http_status;
  int has_refused;       /* an attempt of its has ended with EPROTO */
  unsigned int nasked;   /* of the behaviour's requests */
  int nconnections;      /* at the server, before it began */
  uvllm__buf_t told;     /* all that must be the same */
  uvllm__buf_t words;    /* the message */
  uvllm__buf_t headers;  /* of the last attempt, as the adapter was told them */
  uvllm_event_type last; /* text of one kind is one, in however many pieces */
  uint32_t last_choice;
} side_t;

typedef struct slot_s {
  struct differ_s* differ;
  unsigned int number;
  int busy, rests;       /* rests: until nobody uses a connection of before */
  uint64_t patience_ms;
  behaviour_t b;
  side_t sides[SIDES];
} slot_t;

typedef struct differ_s {
  uv_loop_t loop;
  test_alloc_t alloc;
  uvllm_client_t* clients[SIDES];
  int nclosed;
  uint64_t next, end;
  unsigned int nbusy, nresting;
  slot_t slots[SLOTS];
  unsigned int nequal, nmalformed, ndamaged, nstalled, nreplayed, nlet_pass, nfailed;
} differ_t;

/* ---- What is told ---------------------------------------------------------------- */

static void tell(side_t* s, const char* what, uvllm_str_t text) {
  body_add(&s->told, "\n%s ", what);
  uvllm__buf_append(&s->told, text.base, text.len);
}

static void tell_tool(side_t* s, const uvllm_event_t* e) {
  body_add(&s->told, "\n%s %u %u", e->type == UVLLM_EVENT_TOOL_BEGIN ? "begin" : "delta", e->choice,
           e->index);
  tell(s, " id", e->u.tool.id);
  tell(s, " name", e->u.tool.name);
  tell(s, " json", e->u.tool.json);
}

static void tell_text(side_t* s, const uvllm_event_t* e) {
  if (s->last != e->type || s->last_choice != e->choice)
    body_add(&s->told, "\ntext %d %u ", e->type, e->choice);
  uvllm__buf_append(&s->told, e->u.text.base, e->u.text.len);
}

/* A guess of the prompt's tokens depends on the answers before. */
static void tell_usage(side_t* s, const uvllm_usage_t* u) {
  int guessed = u->flags & UVLLM_USAGE_ESTIMATED;
  body_add(&s->told, "\nusage in=%llu cached=%llu out=%llu reasoning=%llu cost=%lld flags=%u",
           guessed ? 0 : (unsigned long long) u->input_tokens,
           (unsigned long long) u->cached_input_tokens, (unsigned long long) u->output_tokens,
           (unsigned long long) u->reasoning_tokens, guessed ? 0 : (long long) u->cost_pusd,
           u->flags);
}

static void tell_vector(side_t* s, const uvllm_event_t* e) {
  body_add(&s->told, "\nvector %u", e->index);
  for (size_t i = 0; i < e->u.vector.nvalues; i++)
    body_add(&s->told, " %.9g", (double) e->u.vector.values[i]);
}

static void on_event(uvllm_req_t* req, const uvllm_event_t* e) {
  side_t* s = uvllm_req_data(req);
  switch (e->type) {
    case UVLLM_EVENT_TEXT:
    case UVLLM_EVENT_REASONING:
    case UVLLM_EVENT_REFUSAL:
    case UVLLM_EVENT_RAW: tell_text(s, e); break;
    case UVLLM_EVENT_TOOL_BEGIN:
    case UVLLM_EVENT_TOOL_DELTA: tell_tool(s, e); break;
    case UVLLM_EVENT_USAGE: tell_usage(s, e->u.usage); break;
    case UVLLM_EVENT_EMBEDDING: tell_vector(s, e); break;
    case UVLLM_EVENT_MODEL: tell(s, "model", e->u.model.id); break;
    case UVLLM_EVENT_ATTEMPT:
      s->has_refused |= e->u.attempt.last_error == UVLLM_EPROTO;
      body_add(&s->told, "\nattempt %u after %s", e->attempt,
               uvllm_err_name(e->u.attempt.last_error));
      break;
    default: body_add(&s->told, "\nevent %d", e->type);
  }
  s->last = e->type;
  s->last_choice = e->choice;
}

static void tell_choices(side_t* s, const uvllm_result_t* r) {
  for (size_t i = 0; i < r->nchoices; i++) {
    body_add(&s->told, "\nchoice %zu stop=%d", i, r->choices[i].stop);
    tell(s, " text", r->choices[i].text);
    tell(s, " reasoning", r->choices[i].reasoning);
    tell(s, " tools", r->choices[i].tools_json);
  }
}

static void tell_result(side_t* s, const uvllm_result_t* r) {
  const uvllm_timing_t* t = r->timing;
  body_add(&s->told, "\n=> %s http=%d attempts=%u 429=%u", uvllm_err_name(r->status),
           r->http_status, r->attempts, r->answers_429);
  tell(s, "code", r->code);
  tell(s, "id", r->request_id);
  tell(s, "body", r->body_json);
  tell_choices(s, r);
  tell_usage(s, r->usage);
  body_add(&s->told, "\nreached%s%s%s%s%s", t->sent != 0 ? " sent" : "",
           t->connected != 0 ? " connected" : "", t->first_byte != 0 ? " first_byte" : "",
           t->first_event != 0 ? " first_event" : "", t->first_content != 0 ? " content" : "");
  if (r->http_status != 0) /* a head that breaks off may have told one field more or less */
    tell(s, "headers\n", uvllm__buf_slice(&s->headers));
  uvllm__buf_append(&s->words, r->message.base, r->message.len);
}

/* ---- An adapter that writes headers down: OpenAI's, with a few bytes more of state --- */

static uvllm_provider_ops_t spy;
static differ_t* the_differ; /* for the adapter, which is told no more than the request */

static side_t** side_in(void* state) {
  return (side_t**) (void*) ((char*) state + uvllm__dialect("openai")->state_size);
}

static int spy_build(void* state, const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  const char* provider = attempt->request->target.provider;
  side_t* s = &the_differ->slots[atoi(provider + 1)].sides[provider[0] == 'c' ? CURL : PLAIN];
  *side_in(state) = s;
  uvllm__buf_clear(&s->headers);
  return uvllm__dialect("openai")->build(state, attempt, http);
}

static void spy_header(void* state, uvllm_str_t name, uvllm_str_t value, uvllm_emit_t* emit) {
  uvllm__buf_t* b = &(*side_in(state))->headers;
  uvllm__buf_append(b, name.base, name.len);
  uvllm__buf_str(b, ": ");
  uvllm__buf_append(b, value.base, value.len);
  uvllm__buf_str(b, "\n");
  uvllm__dialect("openai")->header(state, name, value, emit);
}

static void make_spy(void) {
  spy = *uvllm__dialect("openai");
  spy.state_size = (spy.state_size + 15) / 16 * 16 + sizeof(side_t*);
  spy.build = spy_build;
  spy.header = spy_header;
}

static int is_spied(const slot_t* slot) {
  return slot->number % 2 == 0;
}

/* ---- What is asked ---------------------------------------------------------------- */

/* Replaced for each behaviour: what one answer said of limits is not the next one's. */
static void set_provider(side_t* s) {
  uvllm_client_t* client = s->slot->differ->clients[s->which];
  uvllm_provider_options_t p;
  char url[64];
  snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", s->server.port);
  uvllm_provider_options_init(&p);
  p.name = s->provider;
  p.dialect = "openai";
  p.ops = is_spied(s->slot) ? &spy : NULL; /* else answers are passed on as they are */
  p.base_url = url;
  p.price_as = "openai";
  p.transport = s->which == CURL ? UVLLM_TRANSPORT_CURL : UVLLM_TRANSPORT_PLAIN;
  uvllm_provider_remove(client, s->provider);
  assert_int_equal(uvllm_provider_set(client, &p), 0);
}

static void submit(side_t* s, const uvllm_request_t* r, uvllm_event_cb event_cb,
                   uvllm_done_cb done_cb) {
  uvllm_req_t* req;
  uvllm_client_t* client = s->slot->differ->clients[s->which];
  assert_int_equal(uvllm_submit(client, r, event_cb, done_cb, s, &req), 0);
}

static void on_done(uvllm_req_t* req, const uvllm_result_t* r);

static void ask(side_t* s) {
  const behaviour_t* b = &s->slot->b;
  uvllm_request_t r;
  uvllm_message_t message = { .role = UVLLM_USER, .text = UVLLM_STR("Say something.") };
  uvllm_request_init(&r);
  r.op = b->op;
  r.flags = b->flags;
  if (is_spied(s->slot) && b->op != UVLLM_RAW) /* it would be made, with the time in it */
    r.flags &= ~(unsigned int) UVLLM_BODY;
  r.target.provider = s->provider;
  r.target.model = b->op == UVLLM_RAW || b->op == UVLLM_MODELS ? NULL : "gpt-4o-mini";
  r.messages = &message;
  r.nmessages = b->op == UVLLM_RAW || b->op == UVLLM_MODELS ? 0 : 1;
  r.max_attempts = b->max_attempts;
  r.timeout_ms = TIMEOUT_MS;
  if (b->op == UVLLM_RAW) {
    r.raw_path = "/raw?x=1";
    r.raw_method = b->method;
  }
  if (b->stalls)
    r.first_timeout_ms = r.idle_timeout_ms = s->slot->patience_ms;
  submit(s, &r, on_event, on_done);
}

static void on_warm(uvllm_req_t* req, const uvllm_result_t* r) {
  side_t* s = uvllm_req_data(req);
  s->warming = 0;
  if (r->status == 0)
    ask(s);
  else
    assert_int_equal(r->status, UV_ECANCELED);
}

static void begin_side(side_t* s) {
  uvllm_request_t r;
  s->done = s->status = s->http_status = s->has_refused = 0;
  s->nasked = 0;
  s->nconnections = s->server.nconnections;
  s->last = UVLLM_EVENT_ATTEMPT;
  uvllm__buf_clear(&s->told);
  uvllm__buf_clear(&s->words);
  set_provider(s);
  s->warming = s->slot->b.warm;
  if (!s->warming) {
    ask(s);
    return;
  }
  uvllm_request_init(&r);
  r.op = UVLLM_RAW;
  r.target.provider = s->provider;
  r.raw_path = "/warm";
  r.max_attempts = 1;
  submit(s, &r, NULL, on_warm);
}

/* ---- What is answered ---------------------------------------------------------------- */

static void answer(play_conn_t* c, play_part_t* part) {
  static const char warm[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwarm";
  side_t* s = c->play->data;
  behaviour_t* b = &s->slot->b;
  if (s->warming) {
    part->bytes = warm;
    part->len = sizeof(warm) - 1;
    return;
  }
  unsigned int i = s->nasked < b->nanswers ? s->nasked : b->nanswers - 1;
  s->nasked++;
  *part = b->answers[i].part;
}

/* ---- What may differ ------------------------------------------------------------------- */

/* Of what was played, the answer that is bad; NULL: all were well-formed. */
static const behaviour_answer_t* bad_answer(const slot_t* slot) {
  const side_t* s = slot->sides;
  unsigned int n = s[CURL].nasked > s[PLAIN].nasked ? s[CURL].nasked : s[PLAIN].nasked;
  for (unsigned int i = 0; i < slot->b.nanswers && i < n; i++)
    if (slot->b.answers[i].oracle.state == ORACLE_BAD || slot->b.answers[i].oracle.is_rare)
      return &slot->b.answers[i];
  return NULL;
}

/* A connection that is used again dies within the first line of an answer: to curl,
 * which counts whole lines, nothing has come, and it sends the request again. */
static int is_cut_in_first_line(const slot_t* slot) {
  const play_part_t* p = &slot->b.answers[0].part;
  return slot->b.warm && p->end != PLAY_KEEP && p->len != 0 &&
         memchr(p->bytes, '\n', p->len) == NULL;
}

/* What is malformed the plain transport refuses; of an error's body that is, the
 * status alone still says what went wrong. */
static int may_differ(const slot_t* slot) {
  const side_t *curl = &slot->sides[CURL], *plain = &slot->sides[PLAIN];
  if (is_cut_in_first_line(slot))
    return 1;
  if (bad_answer(slot) == NULL)
    return 0;
  if (plain->has_refused)
    return 1;
  return plain->status != 0 && plain->http_status >= 300 &&
         plain->http_status == curl->http_status;
}

static int are_equal(const uvllm__buf_t* a, const uvllm__buf_t* b) {
  return a->len == b->len && (a->len == 0 || memcmp(a->base, b->base, a->len) == 0);
}

/* Where an answer came, the words are the provider's or the adapter's; else they are
 * the transport's own. */
static int say_the_same(const slot_t* slot) {
  const side_t *curl = &slot->sides[CURL], *plain = &slot->sides[PLAIN];
  int own = curl->status == UV_ECONNRESET || curl->status == UVLLM_ETRUNCATED ||
            bad_answer(slot) != NULL;
  if (own)
    return (curl->words.len == 0) == (plain->words.len == 0);
  return are_equal(&curl->words, &plain->words);
}

static int are_same(const slot_t* slot) {
  const side_t *curl = &slot->sides[CURL], *plain = &slot->sides[PLAIN];
  return are_equal(&curl->told, &plain->told) && say_the_same(slot) &&
         curl->nasked == plain->nasked && curl->status != UVLLM_ETIMETOTAL;
}

/* ---- A failure, in full ---------------------------------------------------------------- */

static void print_bytes(const char* what, uvllm_str_t s) {
  fprintf(stderr, "%s (%zu bytes): ", what, s.len);
  for (size_t i = 0; i < s.len && i < 4000; i++) {
    unsigned char c = (unsigned char) s.base[i];
    if (c == '\n')
      fputs("\\n\n    ", stderr);
    else if (c == '\r')
      fputs("\\r", stderr);
    else if (c < 0x20 || c >= 0x7f)
      fprintf(stderr, "\\x%02x", c);
    else
      fputc(c, stderr);
  }
  fputc('\n', stderr);
}

static void print_failure(const slot_t* slot) {
  static const char* const ends[] = { "keep", "close", "reset" };
  static const char* const names[] = { "curl", "plain" };
  const behaviour_t* b = &slot->b;
  fprintf(stderr, "---- --seed %llu --first %llu --count 1: op %d %s flags %u warm %d stalls %d\n",
          (unsigned long long) wanted.seed, (unsigned long long) b->index, b->op,
          b->method != NULL ? b->method : "", b->flags, b->warm, b->stalls);
  for (unsigned int i = 0; i < b->nanswers; i++) {
    const behaviour_answer_t* a = &b->answers[i];
    fprintf(stderr, "answer %u: pieces of %zu, end: %s after %u turns, state %d %s\n", i,
            a->part.piece, ends[a->part.end], a->part.wait, a->oracle.state,
            a->oracle.why != NULL ? a->oracle.why : "");
    print_bytes("bytes", (uvllm_str_t) { a->part.bytes, a->part.len });
  }
  for (int i = 0; i < SIDES; i++) {
    fprintf(stderr, "%s: %u requests on %d connections\n", names[i], slot->sides[i].nasked,
            slot->sides[i].server.nconnections - slot->sides[i].nconnections);
    print_bytes("told", uvllm__buf_slice(&slot->sides[i].told));
    print_bytes("words", uvllm__buf_slice(&slot->sides[i].words));
  }
}

/* ---- The course of it ------------------------------------------------------------------- */

static void begin_behaviour(slot_t* slot) {
  slot->busy = 1;
  slot->differ->nbusy++;
  begin_side(&slot->sides[CURL]);
  begin_side(&slot->sides[PLAIN]);
}

static int has_connections(const slot_t* slot) {
  return slot->sides[CURL].server.nopen + slot->sides[PLAIN].server.nopen > 0;
}

static void go_on(slot_t* slot) {
  differ_t* d = slot->differ;
  if (slot->rests && !has_connections(slot)) {
    slot->rests = 0;
    d->nresting--;
  }
  if (slot->rests)
    return;
  if (!slot->busy && slot->b.nanswers != 0) { /* to be replayed */
    begin_behaviour(slot);
  } else if (!slot->busy && d->next < d->end) {
    behaviour_draw(&slot->b, wanted.seed, d->next++);
    slot->patience_ms = PATIENCE_MS;
    begin_behaviour(slot);
  }
}

static void judge(slot_t* slot) {
  differ_t* d = slot->differ;
  int malformed = bad_answer(slot) != NULL;
  d->nmalformed += (unsigned int) malformed;
  d->ndamaged += (unsigned int) slot->b.damaged;
  d->nstalled += (unsigned int) slot->b.stalls;
  if (are_same(slot)) {
    d->nequal++;
  } else if (may_differ(slot)) {
    d->nlet_pass++;
  } else {
    d->nfailed++;
    if (d->nfailed <= 3)
      print_failure(slot);
  }
}

/* The loop may have been away for longer than our patience: then the clock says
 * nothing about the server. */
static int is_to_be_replayed(const slot_t* slot) {
  return slot->b.stalls && slot->patience_ms < 100 * PATIENCE_MS && !are_same(slot) &&
         !may_differ(slot);
}

static void end_behaviour(slot_t* slot) {
  differ_t* d = slot->differ;
  for (int i = 0; i < SIDES; i++)
    play_close_all(&slot->sides[i].server);
  slot->busy = 0;
  slot->rests = 1;
  d->nbusy--;
  d->nresting++;
  if (is_to_be_replayed(slot)) {
    d->nreplayed++;
    slot->patience_ms *= 10;
    return;
  }
  judge(slot);
  behaviour_free(&slot->b);
}

static void on_done(uvllm_req_t* req, const uvllm_result_t* r) {
  side_t* s = uvllm_req_data(req);
  slot_t* slot = s->slot;
  s->status = r->status;
  s->has_refused |= r->status == UVLLM_EPROTO;
  s->http_status = r->http_status;
  s->done = 1;
  tell_result(s, r);
  assert_int_equal(r->transport, s->which == CURL ? UVLLM_TRANSPORT_CURL : UVLLM_TRANSPORT_PLAIN);
  if (slot->sides[CURL].done && slot->sides[PLAIN].done)
    end_behaviour(slot);
}

/* ---- Clients and servers ---------------------------------------------------------------- */

static void init_side(slot_t* slot, int which) {
  side_t* s = &slot->sides[which];
  s->slot = slot;
  s->which = which;
  snprintf(s->provider, sizeof(s->provider), "%c%u", which == CURL ? 'c' : 'p', slot->number);
  uvllm__buf_init(&s->told, &uvllm__alloc_default, SIZE_MAX);
  uvllm__buf_init(&s->words, &uvllm__alloc_default, SIZE_MAX);
  uvllm__buf_init(&s->headers, &uvllm__alloc_default, SIZE_MAX);
  play_start_tcp(&s->server, &slot->differ->loop, "127.0.0.1", answer, s);
}

static void free_side(side_t* s) {
  play_stop(&s->server);
  uvllm__buf_free(&s->told);
  uvllm__buf_free(&s->words);
  uvllm__buf_free(&s->headers);
}

static void start_clients(differ_t* d) {
  uvllm_client_options_t o;
  uvllm_client_options_init(&o);
  o.alloc = &d->alloc.hook;
  for (int i = 0; i < SIDES; i++)
    assert_int_equal(uvllm_client_new(&d->clients[i], &d->loop, &o), 0);
}

static void on_closed(void* data) {
  differ_t* d = data;
  d->nclosed++;
}

static void stop_clients(differ_t* d) {
  d->nclosed = 0;
  for (int i = 0; i < SIDES; i++)
    uvllm_client_close(d->clients[i], on_closed, d);
  while (d->nclosed < SIDES)
    uv_run(&d->loop, UV_RUN_ONCE);
}

static void count_handle(uv_handle_t* handle, void* data) {
  (void) handle;
  ++*(int*) data;
}

static int count_handles(differ_t* d) {
  int n = 0;
  uv_walk(&d->loop, count_handle, &n);
  return n;
}

static void run_batch(differ_t* d) {
  int nfds = core_count_fds(), nhandles = count_handles(d);
  start_clients(d);
  do {
    for (unsigned int i = 0; i < SLOTS; i++)
      go_on(&d->slots[i]);
    uv_run(&d->loop, d->nresting > 0 ? UV_RUN_NOWAIT : UV_RUN_ONCE);
  } while (d->nbusy + d->nresting > 0);
  stop_clients(d);
  uv_run(&d->loop, UV_RUN_NOWAIT); /* what the servers have closed */
  assert_int_equal(d->alloc.alive, 0);
  assert_int_equal(core_count_fds(), nfds);
  assert_int_equal(count_handles(d), nhandles);
}

static void begin_differ(differ_t* d) {
  memset(d, 0, sizeof(*d));
  core__warm_up();
  test_alloc_init(&d->alloc);
  assert_int_equal(uv_loop_init(&d->loop), 0);
  for (unsigned int i = 0; i < SLOTS; i++) {
    d->slots[i].differ = d;
    d->slots[i].number = i;
    init_side(&d->slots[i], CURL);
    init_side(&d->slots[i], PLAIN);
  }
  the_differ = d;
  make_spy();
}

static void end_differ(differ_t* d) {
  for (unsigned int i = 0; i < SLOTS; i++) {
    free_side(&d->slots[i].sides[CURL]);
    free_side(&d->slots[i].sides[PLAIN]);
  }
  uv_run(&d->loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&d->loop), 0);
}

static void the_caller_cannot_tell_them_apart(void** state) {
  (void) state;
  differ_t* d = malloc(sizeof(*d));
  printf("seed %llu\n", (unsigned long long) wanted.seed);
  fflush(stdout);
  begin_differ(d);
  d->next = wanted.first;
  while (d->next < wanted.first + wanted.count) {
    uint64_t left = wanted.first + wanted.count - d->next;
    d->end = d->next + (left < BATCH ? left : BATCH);
    run_batch(d);
  }
  end_differ(d);
  printf("%llu behaviours, %u damaged, %u malformed, %u stalled (%u replayed); "
         "%u the same, %u refused by the plain transport alone\n",
         (unsigned long long) wanted.count, d->ndamaged,
         d->nmalformed, d->nstalled, d->nreplayed, d->nequal, d->nlet_pass);
  assert_int_equal(d->nfailed, 0);
  free(d);
}

int main(int argc, char** argv) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_caller_cannot_tell_them_apart),
  };
  for (int i = 1; i + 1 < argc; i += 2) {
    uint64_t n = strtoull(argv[i + 1], NULL, 10);
    if (strcmp(argv[i], "--seed") == 0)
      wanted.seed = n;
    else if (strcmp(argv[i], "--first") == 0)
      wanted.first = n;
    else if (strcmp(argv[i], "--count") == 0)
      wanted.count = n;
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
