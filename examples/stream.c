/* stream: an answer as it comes, and what it cost. Whom it asks: see set_up.h. */
#include <inttypes.h>
#include "set_up.h"

static int failed;


/* The text is the parser's own: use it here, or copy it. */
static void on_event(uvllm_req_t* req, const uvllm_event_t* event) {
  (void) req;
  switch (event->type) {
    case UVLLM_EVENT_ATTEMPT:
      fprintf(stderr, "[attempt %u, %s]\n", event->attempt, event->u.attempt.target->model);
      break;
    case UVLLM_EVENT_TEXT:
      fwrite(event->u.text.base, 1, event->u.text.len, stdout);
      fflush(stdout);
      break;
    default: break; /* there are others, and there will be more */
  }
}


static void on_done(uvllm_req_t* req, const uvllm_result_t* r) {
  (void) req;
  const uvllm_usage_t* u = r->usage;
  const uvllm_timing_t* t = r->timing;
  putchar('\n');
  failed = r->status != 0;
  if (failed)
    fprintf(stderr, "%s: %.*s\n", uvllm_strerror(r->status), (int) r->message.len,
            r->message.len > 0 ? r->message.base : "");
  else
    fprintf(stderr, "[%" PRIu64 " tokens in, %" PRIu64 " out, %.9f $, first after %.1f ms]\n",
            u->input_tokens, u->output_tokens, (double) u->cost_pusd / 1e12,
            (double) (t->first_content - t->sent) / 1e6);
  uvllm_client_close(client, NULL, NULL);
  if (mock != NULL)
    uvllm_mock_stop(mock, NULL, NULL);
}


int main(int argc, char** argv) {
  uv_loop_t* loop = uv_default_loop();
  uvllm_message_t messages[] = {
    { .role = UVLLM_SYSTEM, .text = UVLLM_STR("Answer in verse.") },
    { .role = UVLLM_USER, .text = UVLLM_STR("What is an event loop?") }
  };
  uvllm_request_t request;
  uvllm_request_init(&request);
  request.flags = UVLLM_STREAM | UVLLM_NO_COLLECT; /* the events are all that is wanted */
  request.target.provider = "llm"; /* and its default model */
  request.messages = messages;
  request.nmessages = 2;
  request.max_tokens = 200;
  request.first_timeout_ms = 30000;

  int err = set_up(loop, argc, argv);
  if (err == 0)
    err = uvllm_submit(client, &request, on_event, on_done, NULL, NULL);
  if (err != 0) {
    fprintf(stderr, "%s\n", uvllm_strerror(err));
    return 2;
  }
  uv_run(loop, UV_RUN_DEFAULT);
  return uv_loop_close(loop) != 0 || failed;
}
