#!/bin/bash
# ollama: against uvllm mock, which speaks Ollama's dialect too. And chat, batch and
# models with a model of Ollama's.
. "$(dirname "$0")/lib.sh"
serve
export OLLAMA_BASE_URL=$url

it 'lists models'
run 0 ollama list
out_has 'NAME '
out_has 'llama3.2:latest  '
out_has ' 2.0 GB '
out_has ' Q4_K_M '
out_has '2026-05-04 17:37'
equal 'the number of lines' "$(wc -l < out)" 4
run 0 ollama list --json
out_has '{"models":[{"name":"llama3.2:latest"'
equal 'the number of lines' "$(wc -l < out)" 1

it 'shows what is loaded, and one model'
run 0 ollama ps
out_has '100% GPU'
out_has '8,192'
run 0 ollama ps --json
out_has '"size_vram":'
run 0 ollama show llama3.2
for words in 'context length    8192' 'architecture      llama' 'quantization      Q4_K_M' \
  'num_ctx 8192' 'license           MIT'; do out_has "$words"; done
out_has_not 'bos_token'
run 0 ollama show llama3.2 --json
out_has '"llama.context_length":8192'
run 1 ollama show nope
err_has "show nope: provider rejected the request (HTTP 404): model 'nope' not found"

it 'pulls'
run 0 ollama pull new-model
equal 'standard output' "$(cat out)" 'pulled new-model'
equal 'standard error' "$(cat err)" ''
run 0 ollama pull new-model --json --header 'x-mock: tokens=2'
equal 'the number of lines' "$(wc -l < out)" 9
equal 'the first line' "$(head -n 1 out)" '{"status":"pulling manifest"}'
equal 'the last line' "$(tail -n 1 out)" '{"status":"success"}'
out_has '"completed":1009688688,"total":2019377376}'

it 'tells why a pull failed'
run 1 ollama pull new-model --header 'x-mock: error-event=2'
err_has 'pull new-model: provider failed'
equal 'standard output' "$(cat out)" ''
run 1 ollama pull new-model --json --header 'x-mock: error-event=2'
check 'the last line is the error' sh -c 'tail -n 1 out | grep -q "^{\"error\":{\"code\":\"UVLLM_EPROVIDER\",\"message\":\""'
run 1 ollama pull new-model --header 'x-mock: no-done'
err_has 'without "success"'
run 1 ollama pull new-model --header 'x-mock: status=401'
err_has 'HTTP 401'

it 'removes'
run 0 ollama rm qwen3:8b
equal 'standard output' "$(cat out)" 'removed qwen3:8b'
run 0 ollama rm qwen3:8b --json
equal 'standard output' "$(cat out)" '{"removed":"qwen3:8b"}'
run 1 ollama rm nope --json
out_has "\"message\":\"model 'nope' not found\"}}"

it 'refuses what it cannot do'
run 2 ollama
err_has 'pull, list, show, rm or ps'
run 2 ollama push x
err_has "'push' is not known"
run 2 ollama pull
err_has 'one MODEL'
run 2 ollama pull ''
err_has 'one MODEL'
run 2 ollama list x
err_has 'list takes nothing else'
run 1 ollama list --header 'x-mock: html'
err_has 'is it Ollama?'

it 'finds the server by OLLAMA_HOST'
unset OLLAMA_BASE_URL
port=${url##*:}
for host in "127.0.0.1:$port" ":$port" "0.0.0.0:$port" "http://127.0.0.1:$port" \
  "http://127.0.0.1:$port/" "http://0.0.0.0:$port"; do
  OLLAMA_HOST=$host run 0 ollama ps
done
OLLAMA_HOST=127.0.0.1:1 OLLAMA_BASE_URL=$url run 0 ollama ps
OLLAMA_HOST=example.com run 2 ollama ps
err_has '--allow-http'

it 'chats, embeds, lists and runs batches with its models'
export OLLAMA_BASE_URL=$url
run 0 chat -m ollama/llama3.2 Hello
check 'there is an answer' [ "$(wc -w < out)" -gt 3 ]
run 0 chat --json -m ollama/llama3.2 --max-tokens 3 Hello
out_has '"stop":"length"'
run 1 chat -m ollama/llama3.2 --header 'x-mock: status=404' Hello
err_has 'no such model'
run 2 chat -m ollama/llama3.2 --image https://example.com/a.png Hello
err_has 'by its URL'
run 0 models ollama
out_has 'qwen3:8b'
run 0 embed -m ollama/nomic-embed-text --dimensions 2 a b
equal 'the number of lines' "$(wc -l < out)" 2
requests 20
run 0 batch in.jsonl -m ollama/llama3.2
all_once 20 in.results.jsonl
check 'OpenAI bodies' grep -q '"object":"chat.completion"' in.results.jsonl

stop_server
finish
