/* What two of the examples share: a client with a provider "llm", which is
 *
 *   PROGRAM URL MODEL                 a server that speaks OpenAI's dialect
 *   OPENAI_API_KEY=... PROGRAM        OpenAI
 *   PROGRAM                           the mock provider, which runs on the same loop
 *
 * hello.c does the same by itself. */
#ifndef UVLLM_EXAMPLES_SET_UP_H
#define UVLLM_EXAMPLES_SET_UP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uvllm.h>
#include <uvllm/mock.h>

static uvllm_client_t* client;
static uvllm_mock_t* mock; /* NULL: another provider is asked */


static int start_mock(uv_loop_t* loop, char* url, size_t size) {
  uvllm_mock_options_t o;
  uvllm_mock_options_init(&o);
  o.itl_ms = 20; /* fifty tokens a second, as a provider might */
  int err = uvllm_mock_start(&mock, loop, &o);
  if (err == 0)
    snprintf(url, size, "http://127.0.0.1:%d/v1", uvllm_mock_port(mock));
  return err;
}


/* 0, or a negative code and nothing to undo but the process. */
static int set_up(uv_loop_t* loop, int argc, char** argv) {
  uvllm_provider_options_t provider;
  uvllm_key_t key;
  char url[64] = "";
  uvllm_provider_options_init(&provider);
  uvllm_key_init(&key);
  key.key = getenv("OPENAI_API_KEY");
  if (argc <= 2 && key.key == NULL && start_mock(loop, url, sizeof(url)) != 0)
    return -1;
  provider.name = "llm";
  provider.dialect = "openai";
  provider.price_as = "openai";
  provider.base_url = argc > 2 ? argv[1] : mock != NULL ? url : NULL;
  provider.model = argc > 2 ? argv[2] : "gpt-4o-mini";
  int err = uvllm_client_new(&client, loop, NULL);
  if (err == 0)
    err = uvllm_provider_set(client, &provider);
  if (err == 0 && key.key != NULL)
    err = uvllm_key_set(client, "llm", &key);
  return err;
}

#endif
