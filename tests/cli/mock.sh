#!/bin/bash
# mock and models.
. "$(dirname "$0")/lib.sh"

it 'listens, answers and ends cleanly'
serve --tokens 3 --log requests.log
get /v1/models > out
out_has 'HTTP/1.1 200'
out_has '"gpt-4o-mini"'
run 0 chat -m mock/x --base-url "$url/v1" --json Hello
out_has '"output_tokens":3'
run 0 models local --base-url "$url/v1" --json
get /mock/stats > out
for name in '"requests":3' '"streams":1' '"answers_429":0' '"answers_5xx":0' '"max_inflight":' \
  '"max_admitted_60s":' '"input_tokens":' '"output_tokens":3' '"cancelled":0'; do out_has "$name"; done
stop_server INT
equal 'what it printed' "$(cat listening)" "listening $url"
equal 'the lines of the log' "$(wc -l < requests.log)" 3
check 'the log has no prompt' sh -c '! grep -q Hello requests.log'

it 'appends to the log'
serve --log requests.log
get /v1/models > out
stop_server
equal 'the lines of the log' "$(wc -l < requests.log)" 4

it 'lets in one key alone'
serve --require-key the-key
run 1 chat -m mock/x --base-url "$url/v1" Hello
err_has 'HTTP 401'
MOCK_API_KEY=another-key run 1 chat -m mock/x --base-url "$url/v1" Hello
err_has_not another-key
MOCK_API_KEY=the-key run 0 chat -m mock/x --base-url "$url/v1" Hello
MOCK_API_KEY=the-key MOCK_BASE_URL=$url/v1 run 0 models mock
stop_server

it 'never sleeps if it is told, and answers and ends all the same'
serve --busy-poll
get /v1/models > out
out_has 'HTTP/1.1 200'
before=$(cut -d' ' -f14,15 "/proc/$server/stat")
check 'it takes a core while nothing happens' wait_for 10 \
  sh -c '[ "$(cut -d" " -f14,15 /proc/$1/stat)" != "$2" ]' sh "$server" "$before"
stop_server

it 'fails as it is told'
serve --error-rate 1
run 1 batch <(requests 2 /dev/stdout) -o e.jsonl -m mock/x --base-url "$url/v1" --max-attempts 1
stop_server
equal 'the lines of the errors' "$(wc -l < e.errors.jsonl)" 2

it 'tells as JSON what it saw'
"$uvllm" mock --json > out 2> err &
server=$!
wait_for 10 grep -q listening out
out_has '{"listening":"http://127.0.0.1:'
stop_server
out_has '{"requests":0,'

it 'says when a port is taken, and when a file cannot be opened'
serve
run 2 mock --port "${url##*:}"
err_has 'address already in use'
err_has '--port 0'
stop_server
run 2 mock --log nowhere/file
err_has 'nowhere/file cannot be opened'

it 'lists models with context and price'
run 0 models mock
out_has 'MODEL '
check 'gpt-4o-mini' grep -qE '^gpt-4o-mini +128,000 +0\.15 +0\.075 +0\.60$' out
out_has 'the built-in prices are of 20'
check 'no escapes' sh -c '! grep -q "$(printf "\033")" out'
run 0 models mock --json
equal 'the number of lines' "$(wc -l < out)" 1
out_has '{"provider":"mock","prices_date":"20'
out_has '{"id":"gpt-4o-mini","owner":"uvllm-mock","context_tokens":128000,'
out_has '"input_usd_per_million":0.15,'

it 'lists the prices of a file over them'
echo '{"gpt-4o-mini":{"litellm_provider":"openai","mode":"chat","input_cost_per_token":1e-6,
  "output_cost_per_token":2.5e-6,"max_input_tokens":1000}}' > prices.json
run 0 models mock --prices prices.json
check 'gpt-4o-mini' grep -qE '^gpt-4o-mini +1,000 +1\.00 +- +2\.50$' out
run 0 chat -v -m mock/gpt-4o-mini --prices prices.json Hello
err_has '2 tokens in, 16 out, $0.0000420,'

it 'says why there is no list'
run 1 models mock --header 'x-mock: status=404'
err_has 'mock: '
err_has 'HTTP 404'
equal 'standard output' "$(cat out)" ''

finish
