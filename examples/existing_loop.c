/* existing_loop: a libuv echo server; what begins with "ask " is answered by a model as the
 * answer comes (a line is taken to come in one read). Whom it asks: see set_up.h. */
#include "set_up.h"

typedef struct peer_s {
  uv_tcp_t tcp;
  uvllm_req_t* req; /* NULL: no answer is under way */
  int gone;
} peer_t;

static void on_close(uv_handle_t* handle) {
  free(handle->data);
}
static void on_written(uv_write_t* write, int status) {
  (void) status;
  free(write);
}

static void say(peer_t* peer, const char* text, size_t len) {
  uv_write_t* write = malloc(sizeof(*write) + len);
  if (write == NULL)
    return;
  uv_buf_t buf = uv_buf_init(memcpy(write + 1, text, len), (unsigned int) len);
  if (uv_write(write, (uv_stream_t*) &peer->tcp, &buf, 1, on_written) != 0)
    free(write);
}

static void on_event(uvllm_req_t* req, const uvllm_event_t* event) {
  if (event->type == UVLLM_EVENT_TEXT)
    say(uvllm_req_data(req), event->u.text.base, event->u.text.len);
}

static void on_done(uvllm_req_t* req, const uvllm_result_t* result) {
  peer_t* peer = uvllm_req_data(req);
  peer->req = NULL;
  if (peer->gone)
    uv_close((uv_handle_t*) &peer->tcp, on_close);
  else
    say(peer, result->status == 0 ? "\n" : "?\n", result->status == 0 ? 1 : 2);
}

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  static char bytes[4096];
  (void) handle, (void) size;
  *buf = uv_buf_init(bytes, sizeof(bytes));
}

static void on_read(uv_stream_t* stream, ssize_t n, const uv_buf_t* buf) {
  peer_t* peer = stream->data;
  uvllm_message_t question = { .role = UVLLM_USER, .text = { buf->base, (size_t) n } };
  uvllm_request_t request;
  uvllm_request_init(&request);
  request.flags = UVLLM_STREAM | UVLLM_NO_COLLECT;
  request.target.provider = "llm"; /* and its default model */
  request.messages = &question;
  request.nmessages = 1;
  peer->gone = n < 0;
  if (n < 0 && peer->req != NULL)
    uvllm_cancel(peer->req); /* on_done() closes */
  else if (n < 0)
    uv_close((uv_handle_t*) stream, on_close);
  else if (n < 4 || memcmp(buf->base, "ask ", 4) != 0 || peer->req != NULL ||
           uvllm_submit(client, &request, on_event, on_done, peer, &peer->req) != 0)
    say(peer, buf->base, (size_t) n);
}

static void on_connection(uv_stream_t* server, int status) {
  peer_t* peer = calloc(1, sizeof(*peer));
  if (status != 0 || peer == NULL || uv_tcp_init(server->loop, &peer->tcp) != 0)
    exit(1);
  peer->tcp.data = peer;
  if (uv_accept(server, (uv_stream_t*) &peer->tcp) == 0)
    uv_read_start((uv_stream_t*) &peer->tcp, on_alloc, on_read);
}

int main(int argc, char** argv) {
  uv_tcp_t server;
  struct sockaddr_in address;
  int len = sizeof(address);
  signal(SIGPIPE, SIG_IGN); /* peers go away */
  uv_tcp_init(uv_default_loop(), &server);
  if (set_up(server.loop, argc, argv) != 0 || uv_ip4_addr("127.0.0.1", 0, &address) != 0 ||
      uv_tcp_bind(&server, (struct sockaddr*) &address, 0) != 0 ||
      uv_listen((uv_stream_t*) &server, 128, on_connection) != 0 ||
      uv_tcp_getsockname(&server, (struct sockaddr*) &address, &len) != 0)
    return 1;
  fprintf(stderr, "listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  return uv_run(server.loop, UV_RUN_DEFAULT);
}
