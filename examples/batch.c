/* A file of requests, answered on a loop of ours, with progress each second.
 *
 *   batch INPUT.jsonl [OUTPUT.jsonl]
 *
 * With OPENAI_API_KEY the real service answers, else a mock provider on the same
 * loop. Interrupted in any way, the same command goes on where it stopped.
 */
#include <stdio.h>
#include <stdlib.h>
#include "uvllm/batch.h"
#include "uvllm/mock.h"

static uvllm_client_t* client;
static uvllm_mock_t* mock;
static uv_timer_t ticker;
static int exit_status;

static void on_tick(uv_timer_t* timer) {
  uvllm_batch_progress_t p;
  uvllm_batch_progress((uvllm_batch_t*) timer->data, &p);
  uint64_t ndone = p.succeeded + p.failed + p.skipped;
  fprintf(stderr, "%llu/%llu done, %llu failed, %llu in flight\n",
          (unsigned long long) ndone, (unsigned long long) p.total, (unsigned long long) p.failed,
          (unsigned long long) p.inflight);
}

static void on_done(uvllm_batch_t* batch, int status, const uvllm_batch_progress_t* p) {
  if (status != 0)
    fprintf(stderr, "%s\n", uvllm_batch_error(batch));
  printf("%llu answered, %llu failed, %llu were done before; %.6f $, median %.1f ms: %s\n",
         (unsigned long long) p->succeeded, (unsigned long long) p->failed,
         (unsigned long long) p->skipped, (double) p->usage.cost_pusd / 1e12, p->latency.p50,
         p->output);
  exit_status = status != 0 ? 2 : p->failed != 0;
  uv_close((uv_handle_t*) &ticker, NULL);
  uvllm_client_close(client, NULL, NULL);
  if (mock != NULL)
    uvllm_mock_stop(mock, NULL, NULL);
}

static int add_provider(uv_loop_t* loop) {
  const char* key = getenv("OPENAI_API_KEY");
  char url[64];
  uvllm_provider_options_t o;
  uvllm_provider_options_init(&o);
  o.name = "openai";
  if (key == NULL) {
    uvllm_mock_options_t m;
    uvllm_mock_options_init(&m);
    int err = uvllm_mock_start(&mock, loop, &m);
    if (err != 0)
      return err;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", uvllm_mock_port(mock));
    o.base_url = url;
  }
  uvllm_key_t k;
  uvllm_key_init(&k);
  k.key = key != NULL ? key : "none";
  int err = uvllm_provider_set(client, &o);
  return err != 0 ? err : uvllm_key_set(client, "openai", &k);
}

int main(int argc, char** argv) {
  uv_loop_t* loop = uv_default_loop();
  uvllm_batch_options_t o;
  uvllm_batch_t* batch;
  uvllm_batch_options_init(&o);
  o.input = argc > 1 ? argv[1] : "-";
  o.output = argc > 2 ? argv[2] : NULL;
  int err = uvllm_client_new(&client, loop, NULL);
  if (err == 0)
    err = add_provider(loop);
  if (err == 0)
    err = uvllm_batch_start(&batch, loop, client, &o, on_done, NULL);
  if (err != 0) {
    fprintf(stderr, "%s\n", uvllm_strerror(err));
    return 2;
  }
  uv_timer_init(loop, &ticker);
  ticker.data = batch;
  uv_timer_start(&ticker, on_tick, 1000, 1000);
  uv_run(loop, UV_RUN_DEFAULT);
  uv_loop_close(loop);
  return exit_status;
}
