#!/bin/bash
# check: against mock providers, also where local servers usually listen.
. "$(dirname "$0")/lib.sh"
# Nobody's keys, and no server but those of this test.
for name in $(env | sed -n 's/^\([A-Z0-9_]*\(_API_KEY\|_BASE_URL\|_TOKEN\|_HOST\)\)=.*/\1/p'); do
  unset "$name"
done
unset AWS_SECRET_ACCESS_KEY AWS_ACCESS_KEY_ID

# listens PORT: somebody does.
listens() {
  (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null
}

it 'asks the embedded provider'
run 0 check mock
out_has 'PROVIDER'
check 'a row that is well' grep -qE '^mock +[0-9.]+ +[0-9.]+ +[0-9]+ +- +ok$' out
run 0 check mock --json
check 'its members' grep -qE '^\[\{"provider":"mock","base_url":.*,"ok":true,"result":"ok","code":null,"http_status":0,"key_variable":null,"keys":0,"keys_refused":0,"models":10,"first_model":"[^"]+","connect_ms":[0-9.]+,"answer_ms":[0-9.]+\}\]$' out

it 'tells of keys, and never shows one'
serve --require-key sk-right
export LOCAL_BASE_URL=$url/v1
LOCAL_API_KEY=sk-right run 0 check local
out_has 'LOCAL_API_KEY  ok'
LOCAL_API_KEY=sk-a-wrong-one run 1 check local
out_has '(HTTP 401)'
LOCAL_API_KEY=sk-right,sk-a-wrong-one,sk-another run 1 check local
out_has '2 of 3 keys refused'
LOCAL_API_KEY=sk-right,sk-a-wrong-one run 1 check local --json
out_has '"ok":false,"result":"1 of 2 keys refused"'
out_has '"keys":2,"keys_refused":1,"models":10'
check 'no key anywhere' sh -c '! grep -q wrong-one out err'
run 1 check openai
out_has 'no key: set OPENAI_API_KEY'

it 'asks several at once, each in its dialect, and one that is not well is told by the status'
export OPENAI_BASE_URL=$url/v1 ANTHROPIC_BASE_URL=$url/anthropic GEMINI_BASE_URL=$url/gemini
export OPENAI_API_KEY=sk-right ANTHROPIC_API_KEY=sk-right GEMINI_API_KEY=sk-right
run 0 check openai anthropic gemini
equal 'the rows that are well' "$(grep -c ' ok$' out)" 3
GEMINI_API_KEY=sk-no run 1 check openai anthropic gemini
equal 'the rows that are well' "$(grep -c ' ok$' out)" 2
check 'whose key is bad' grep -qE '^gemini .*HTTP 40[01]' out

it 'finds what is configured by itself'
run 0 check
check 'one of them' grep -qE '^openai .* ok$' out
unset OPENAI_API_KEY ANTHROPIC_API_KEY GEMINI_API_KEY OPENAI_BASE_URL ANTHROPIC_BASE_URL \
  GEMINI_BASE_URL
stop_server
run 1 check local
out_has 'connection refused'
unset LOCAL_BASE_URL

it 'says so where there is nobody'
if ! listens 11434 && ! listens 1234 && ! listens 8080 && ! listens 8000; then
  run 1 check
  err_has 'no provider has a key here'
fi

it 'finds servers on this machine'
for pair in 8000:vllm 1234:lmstudio 11434:ollama; do
  port=${pair%%:*} name=${pair#*:}
  if listens "$port"; then
    echo "port $port is taken: not tried"
    continue
  fi
  serve --port "$port"
  run 0 check
  check "$name is found" grep -qE "^$name .* ok\$" out
  check 'how to use it' grep -qE "^$name is on this machine \(http://localhost:$port[/v1]*\): -m $name/[^ ]+\$" out
  run 0 chat -m "$(sed -n "s/^$name is on .*: -m //p" out)" Hello
  stop_server
done

it 'gives up in time'
serve
run 1 check local --base-url "$url/v1" --header 'x-mock: stall=0' --timeout 0.3
out_has 'local'
stop_server

it 'refuses what it cannot do'
run 2 check openai anthropic --base-url http://127.0.0.1:1/v1
err_has '--base-url'
run 2 check nobody-knows
err_has 'nobody-knows'
run 2 check --timeout x
err_has '--timeout'
finish
