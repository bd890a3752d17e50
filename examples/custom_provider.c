/* A provider of one's own: a made-up dialect in which a prompt is POSTed as text,
 * and the answer comes as application/x-ndjson, a value a line: {"say":"Hello "},
 * {"say":"you"}, {"done":true}. Here are bytes and events alone; limits, retries,
 * deadlines, money and connections are the library's. Its argument: a base URL.
 */
#include <stdio.h>
#include "uvllm.h"
#include "uvllm/provider.h"

static int lines_check(const uvllm_request_t* r, uvllm_emit_t* emit) {
  static const uvllm_str_t none, why = UVLLM_STR("it can only answer one message");
  if (r->op == UVLLM_CHAT && r->nmessages == 1 && r->messages[0].text.base != NULL)
    return 0;
  uvllm_emit_error(emit, none, why, -1);
  return UVLLM_EUNSUPPORTED;
}

static int lines_build(void* state, const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  static const uvllm_str_t plain = UVLLM_STR("text/plain");
  (void) state;
  uvllm_http_path(http, "/say");
  uvllm_http_header(http, "Content-Type", plain);
  uvllm_http_body_ref(http, attempt->request->messages[0].text);
  return 0;
}

static int lines_frame(void* state, const uvllm_frame_t* frame, uvllm_emit_t* emit) {
  uvllm_json_t line;
  (void) state;
  int err = uvllm_json_parse(uvllm_emit_parser(emit), frame->data, &line, NULL);
  if (err != 0)
    return err;
  uvllm_emit_text(emit, 0, UVLLM_EVENT_TEXT, uvllm_json_str(uvllm_json_get(line, "say")));
  if (!uvllm_json_bool(uvllm_json_get(line, "done"), 0))
    return UVLLM_GO_ON;
  uvllm_emit_stop(emit, 0, UVLLM_STOP_END);
  return UVLLM_COMPLETE;
}

static int lines_error(void* state, int http_status, uvllm_str_t body, uvllm_emit_t* emit) {
  static const uvllm_str_t none;
  (void) state;
  uvllm_emit_error(emit, none, body, -1);
  return http_status >= 500 ? UVLLM_EPROVIDER : UVLLM_EREQUEST;
}

static const uvllm_provider_ops_t lines = {
  .size = sizeof(lines), .check = lines_check, .build = lines_build,
  .frame = lines_frame,  .error = lines_error,
};

static void on_event(uvllm_req_t* req, const uvllm_event_t* event) {
  (void) req;
  if (event->type == UVLLM_EVENT_TEXT)
    fwrite(event->u.text.base, 1, event->u.text.len, stdout);
}

static void on_done(uvllm_req_t* req, const uvllm_result_t* result) {
  printf("\n%s: %.*s\n", uvllm_strerror(result->status), (int) result->message.len,
         result->message.len != 0 ? result->message.base : "");
  uvllm_client_close(uvllm_req_client(req), NULL, NULL);
}

int main(int argc, char** argv) {
  uvllm_client_t* client;
  uvllm_provider_options_t provider;
  uvllm_request_t request;
  uvllm_message_t message = { .role = UVLLM_USER, .text = UVLLM_STR("Say hello") };
  uvllm_provider_options_init(&provider);
  provider.name = "mine";
  provider.ops = &lines;
  provider.base_url = argc == 2 ? argv[1] : "http://127.0.0.1:8080";
  uvllm_request_init(&request);
  request.target.provider = "mine";
  request.target.model = "any";
  request.messages = &message;
  request.nmessages = 1;
  if (uvllm_client_new(&client, uv_default_loop(), NULL) != 0)
    return 1;
  int err = uvllm_provider_set(client, &provider);
  if (err == 0)
    err = uvllm_submit(client, &request, on_event, on_done, NULL, NULL);
  if (err != 0) {
    fprintf(stderr, "%s\n", uvllm_strerror(err));
    uvllm_client_close(client, NULL, NULL);
  }
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
  return err != 0;
}
