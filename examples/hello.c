/* hello: one question, one answer.
 *   OPENAI_API_KEY=... hello    asks OpenAI
 *   hello URL MODEL             asks another server that speaks its dialect
 *   hello                       asks the mock provider, which runs on the same loop
 */
#include <stdio.h>
#include <stdlib.h>
#include <uvllm.h>
#include <uvllm/mock.h>

static uvllm_mock_t* mock;
static int failed;


static void on_done(uvllm_req_t* req, const uvllm_result_t* r) {
  failed = r->status != 0;
  if (failed)
    fprintf(stderr, "%s: %.*s\n", uvllm_strerror(r->status), (int) r->message.len,
            r->message.len > 0 ? r->message.base : "");
  else
    printf("%.*s\n", (int) r->choices[0].text.len, r->choices[0].text.base);
  uvllm_client_close(uvllm_req_client(req), NULL, NULL);
  if (mock != NULL)
    uvllm_mock_stop(mock, NULL, NULL);
}


int main(int argc, char** argv) {
  uv_loop_t* loop = uv_default_loop();
  uvllm_client_t* client;
  uvllm_provider_options_t provider;
  uvllm_key_t key;
  char url[64];

  uvllm_provider_options_init(&provider);
  uvllm_key_init(&key);
  provider.name = "openai";
  provider.base_url = argc > 2 ? argv[1] : NULL;
  key.key = getenv("OPENAI_API_KEY");
  if (argc <= 2 && key.key == NULL && uvllm_mock_start(&mock, loop, NULL) == 0) {
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", uvllm_mock_port(mock));
    provider.base_url = url;
  }
  if (uvllm_client_new(&client, loop, NULL) != 0 || uvllm_provider_set(client, &provider) != 0 ||
      (key.key != NULL && uvllm_key_set(client, "openai", &key) != 0))
    return 2;

  uvllm_message_t question = { .role = UVLLM_USER, .text = UVLLM_STR("Say hello.") };
  uvllm_request_t request;
  uvllm_request_init(&request);
  request.target = (uvllm_target_t){ .provider = "openai",
                                     .model = argc > 2 ? argv[2] : "gpt-4o-mini" };
  request.messages = &question;
  request.nmessages = 1;
  if (uvllm_submit(client, &request, NULL, on_done, NULL, NULL) != 0)
    return 2;
  uv_run(loop, UV_RUN_DEFAULT);
  return uv_loop_close(loop) != 0 || failed;
}
