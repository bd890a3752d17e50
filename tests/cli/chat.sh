#!/bin/bash
# chat: against the embedded provider, and against a server that keeps what it
# was sent (the second argument).
. "$(dirname "$0")/lib.sh"
capture=$2

it 'answers on standard output alone'
run 0 chat -m mock/gpt-4o-mini Hello there
check 'there is an answer' [ "$(wc -w < out)" -gt 3 ]
equal 'standard error' "$(cat err)" ''
first=$(cat out)
run 0 chat -m mock/gpt-4o-mini 'Hello there'
equal 'the same question' "$(cat out)" "$first"

it 'appends standard input'
echo 'there' > there
input=there
run 0 chat -m mock/gpt-4o-mini Hello
check 'another answer' [ "$(cat out)" != "$first" ]
run 0 chat -m mock/gpt-4o-mini
input=empty
run 2 chat -m mock/gpt-4o-mini
err_has 'nothing to ask'

it 'tells usage and cost with -v'
run 0 chat -v -m mock/gpt-4o-mini Hello
err_has ' tokens in, 16 out, $0.0000'
run 0 chat -v -m mock/not-in-any-list Hello
err_has 'price not known'
run 0 chat -v --log-json -m mock/gpt-4o-mini Hello
err_has '"level":"info"'

it 'prints JSON'
run 0 chat --json -m mock/gpt-4o-mini Hello there
equal 'the number of lines' "$(wc -l < out)" 1
out_has "\"text\":\"${first%%,*}"
for name in '"stop":"end"' '"output_tokens":16' '"cost_usd":0.0000' '"attempts":1' \
  '"error":null' '"latency_ms":' '"first_token_ms":'; do out_has "$name"; done
run 0 chat --json -m mock/not-in-any-list Hello
out_has '"cost_usd":null'

it 'limits the answer, and says that it is cut off'
run 0 chat -m mock/gpt-4o-mini --max-tokens 3 Hello
err_has 'cut off'
run 0 chat --json -m mock/gpt-4o-mini --max-tokens 3 Hello
out_has '"stop":"length"'
out_has '"output_tokens":3'

it 'answers after a schema'
cat > schema.json << 'END'
{"type":"object","properties":{"city":{"type":"string"},"people":{"type":"integer"}},
 "required":["city","people"],"additionalProperties":false}
END
run 0 chat -m mock/gpt-4o-mini --schema schema.json 'Paris?'
out_has '"city"'
out_has '"people"'

it 'fails with the words of the provider'
run 1 chat -m mock/gpt-4o-mini --header 'x-mock: status=400' Hello
err_has 'HTTP 400'
err_has 'provider rejected the request'
run 1 chat --json -m mock/gpt-4o-mini --header 'x-mock: status=404' Hello
out_has '"error":{"name":"UVLLM_'
run 1 chat -m mock/gpt-4o-mini --header 'x-mock: cut=3' Hello
err_has 'the stream ended before the answer did'

it 'retries what is transient'
run 0 chat -v -m mock/gpt-4o-mini --header 'x-mock: status=503,retry-after-ms=1,once' Hello
err_has '2 attempts'

it 'refuses what is no image'
echo text > text.png
run 2 chat -m mock/gpt-4o-mini --image text.png Hello
err_has 'text.png is no PNG, JPEG, GIF or WebP'
run 2 chat -m mock/gpt-4o-mini --image nowhere.png Hello
err_has 'nowhere.png cannot be opened'

# captured N ARGUMENT...: runs against the capturing server for N requests; they
# are in request.1 and so on.
captured() {
  local n=$1
  shift
  rm -f request.* port
  "$capture" "$n" request > port &
  local pid=$!
  wait_for 10 grep -q '^[0-9]' port
  run 0 "$@" --base-url "http://127.0.0.1:$(cat port)/v1"
  kill $pid 2> /dev/null
  wait $pid 2> /dev/null
}
request_has() {
  check "request.$1 has no '$2': $(cat request.$1)" grep -qF -e "$2" request.$1
}
request_has_not() {
  check "request.$1 has '$2'" sh -c '! grep -qF -e "$2" "$1"' sh request.$1 "$2"
}

it 'sends what it was told'
LOCAL_API_KEY=key-123 captured 1 chat -m local/a/b --system 'Be brief.' --max-tokens 7 \
  --temperature 0.5 --header 'X-One: 1' --header 'X-Two:2 ' 'What is it?'
request_has 1 'POST /v1/chat/completions'
for word in 'Authorization: Bearer key-123' 'X-One: 1' 'X-Two: 2' '"model":"a/b"' \
  '{"role":"system","content":"Be brief."}' '{"role":"user","content":"What is it?"}' \
  '"temperature":0.5' '"stream":true'; do request_has 1 "$word"; done
check 'max tokens' grep -qE '"max_(completion_)?tokens":7' request.1
out_has 'Captured.'
captured 1 chat -m local/x Hi
request_has_not 1 Authorization
request_has_not 1 temperature
request_has_not 1 max_

it 'takes the base URL from the environment'
rm -f request.* port
"$capture" 1 request > port &
wait_for 10 grep -q '^[0-9]' port
LOCAL_BASE_URL=http://127.0.0.1:$(cat port)/v1 run 0 chat -m local/x Hi
out_has 'Captured.'
wait

it 'joins words, and appends standard input behind an empty line'
input=there
captured 1 chat -m local/x Hello my friend
request_has 1 '"content":"Hello my friend\n\nthere"'
input=empty

it 'sends images by what they are'
printf '\211PNG\r\n\032\nrest' > a
printf '\377\330\377\340jpeg' > b
printf 'GIF89a' > c
printf 'RIFF\1\2\3\4WEBPVP8 ' > d
captured 1 chat -m local/x --image a --image b --image c --image d \
  --image https://example.com/cat.png 'What is this?'
request_has 1 '{"type":"text","text":"What is this?"}'
request_has 1 "data:image/png;base64,$(base64 -w0 a)"
request_has 1 "data:image/jpeg;base64,$(base64 -w0 b)"
request_has 1 "data:image/gif;base64,$(base64 -w0 c)"
request_has 1 "data:image/webp;base64,$(base64 -w0 d)"
request_has 1 '{"url":"https://example.com/cat.png"}'
captured 1 chat -m local/x --image a
request_has 1 "data:image/png;base64,$(base64 -w0 a)"
request_has_not 1 '"type":"text"'

it 'sends the schema'
captured 1 chat -m local/x --schema schema.json Hi
request_has 1 '"json_schema"'
request_has 1 '"people"'

it 'holds a conversation with its history'
printf 'One\n\nTwo\r\n/exit\nThree\n' > lines
input=lines
captured 3 chat -m local/x --interactive --system Short Zero
request_has 1 '"content":"Zero"'
request_has_not 1 '"content":"One"'
for word in '"role":"system"' '"content":"Zero"' '"content":"Captured."' '"content":"One"'; do
  request_has 2 "$word"
done
request_has 3 '"content":"Two"'
request_has_not 3 Three
printf 'One\nTwo' > lines
captured 2 chat -m local/x --interactive
request_has 2 '"content":"Two"'
run 1 chat -m mock/gpt-4o-mini --interactive --header 'x-mock: status=400'
input=empty
run 0 chat -m mock/gpt-4o-mini --interactive

it 'stops when nobody reads'
nchecks=$((nchecks + 1))
"$uvllm" chat -m mock/gpt-4o-mini --header 'x-mock: itl=20,tokens=10000' Hello < empty 2> err |
  head -c 1 > /dev/null
equal status "${PIPESTATUS[0]}" 2
err_has 'the answer was cancelled'

it 'is cancelled by SIGINT'
"$uvllm" chat -m mock/gpt-4o-mini --header 'x-mock: itl=20,tokens=10000' Hello < empty > out 2> err &
pid=$!
wait_for 10 test -s out
kill -INT $pid
wait $pid
equal status $? 130
check 'what came is there' [ -s out ]

it 'tells the dialect what it is told, and takes the default model'
serve
run 0 chat --json -m mock/gpt-4o --base-url "$url/v1" --param model.gpt-4o=llama3.2 Hello
out_has '"model":"llama3.2"'
run 0 chat --json -m mock/gpt-4o --base-url "$url/v1" --param api=responses Hello
get /mock/stats > out
run 0 chat --json -m anthropic --base-url "$url/anthropic" Hello
out_has '"model":"claude-sonnet-5"'
run 2 chat -m mock/x --param novalue Hello
err_has "--param: 'novalue' is not NAME=VALUE"
run 2 chat -m mock/x --base-url "$url/v1" --param api=nothing Hello
err_has 'name no API'
stop_server

finish
