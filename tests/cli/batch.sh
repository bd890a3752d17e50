#!/bin/bash
# batch: what goes in, what comes out, and how it ends.
. "$(dirname "$0")/lib.sh"
requests 50

it 'answers every line once'
run 0 batch in.jsonl -m mock/gpt-4o-mini --summary summary.json
all_once 50 in.results.jsonl
check 'no errors file, or an empty one' [ ! -s in.errors.jsonl ]
equal 'standard output' "$(cat out)" ''
err_has 'succeeded     50 of 50'
err_has 'tokens out    800'
err_has 'cost          $0.000'
err_has '  latency       p50 '
err_has_not 'first token'
check 'answers in the schema of OpenAI' [ 50 -eq "$(grep -cE \
  '^\{"id":"[^"]+","custom_id":"q-[0-9]{4}","response":\{"status_code":200,"request_id":.*,"body":\{.*"error":null\}$' \
  in.results.jsonl)" ]

it 'sums up as JSON, with the members that are promised'
members='total succeeded failed skipped rejected duration_s requests_per_s input_tokens cached_input_tokens
output_tokens reasoning_tokens cost_usd unpriced attempts retries http_429 latency_ms p50 p90 p99 max
first_token_ms p50 p90 p99 max cpu_s peak_rss_bytes'
equal 'the list of members' "$(grep -oE '"[a-z0-9_]+":' summary.json | tr -d '":' | xargs)" \
  "$(echo $members)"
for name in '"total":50,' '"succeeded":50,' '"failed":0,' '"skipped":0,' '"output_tokens":800,' \
  '"unpriced":0,' '"attempts":50,' '"retries":0,' '"http_429":0,'; do
  check "summary.json has no $name" grep -qF "$name" summary.json
done
check 'the cost is no zero' grep -qE '"cost_usd":0\.000[0-9]+,' summary.json

it 'does nothing twice'
cp in.results.jsonl before.jsonl
run 0 batch in.jsonl -m mock/gpt-4o-mini --json
out_has '"succeeded":0'
out_has '"skipped":50'
out_has '"p50":null'
equal 'standard error' "$(cat err)" ''
check 'the answers are as before' cmp in.results.jsonl before.jsonl

it 'refuses another model, and begins anew when told'
run 2 batch in.jsonl -m mock/gpt-4o
err_has 'in.results.jsonl'
err_has 'gpt-4o-mini'
check 'the answers are as before' cmp in.results.jsonl before.jsonl
run 0 batch in.jsonl -m mock/gpt-4o --restart
all_once 50 in.results.jsonl

it 'writes failures to the errors file, and runs them again when told'
{ sed -n 1,5p in.jsonl; echo 'this is no JSON'; echo '{"custom_id":"q-0003","method":"POST"}'
  sed -n 6,10p in.jsonl; } > bad.jsonl
run 1 batch bad.jsonl -m mock/gpt-4o-mini
all_once 10 bad.results.jsonl
equal 'the lines of the errors' "$(wc -l < bad.errors.jsonl)" 2
check 'the line of the input' grep -q '"message":"bad.jsonl:6: .*"line":6' bad.errors.jsonl
err_has 'failed        2'
err_has 'bad.errors.jsonl'
requests 20 f.jsonl
run 1 batch f.jsonl -m mock/gpt-4o-mini --header 'x-mock: status=400'
equal 'the lines of the errors' "$(wc -l < f.errors.jsonl)" 20
run 0 batch f.jsonl -m mock/gpt-4o-mini --json
out_has '"skipped":20'
run 0 batch f.jsonl -m mock/gpt-4o-mini --retry-failed
all_once 20 f.results.jsonl
check 'the errors are gone' [ ! -s f.errors.jsonl ]

it 'retries, and counts it'
run 0 batch in.jsonl -o r.jsonl -m mock/gpt-4o-mini --limit 10 --json \
  --header 'x-mock: status=429,retry-after-ms=1,once'
out_has '"attempts":20,"retries":10,"http_429":10'
run 1 batch in.jsonl -o r2.jsonl -m mock/gpt-4o-mini --limit 3 --max-attempts 2 --json \
  --header 'x-mock: status=500,retry-after-ms=1'
out_has '"failed":3,'
out_has '"attempts":6,'

it 'takes the first lines, in order'
run 0 batch in.jsonl -o l.jsonl -m mock/gpt-4o-mini --limit 7 --ordered
all_once 7 l.jsonl
equal 'their order' "$(sed 's/.*"custom_id":"\([^"]*\)".*/\1/' l.jsonl | md5sum)" \
  "$(ids l.jsonl | md5sum)"

it 'reads standard input'
input=in.jsonl
run 0 batch - -o stdin.jsonl -m mock/gpt-4o-mini
all_once 50 stdin.jsonl
run 2 batch - -m mock/gpt-4o-mini
input=empty

it 'fills a template from JSON and from CSV'
printf '{"id":"a","x":"one","y":1}\n{"custom_id":"b","id":"z","x":"two","y":2}\n{"x":"three","y":3}\n' > t.jsonl
run 0 batch t.jsonl -m mock/gpt-4o-mini --template 'Say {x} and {y}, {{not this}}.'
equal ids "$(ids t.results.jsonl | xargs)" '3 a b'
printf 'id,x,y\nr1,"one, with a comma",1\nr2,"two ""quoted""",2\n' > c.csv
printf 'Say {x} and {y}.' > template.txt
run 0 batch c.csv -m mock/gpt-4o-mini --template @template.txt
equal ids "$(ids c.results.jsonl | xargs)" 'r1 r2'
run 2 batch c.csv -m mock/gpt-4o-mini --template 'Say only {x}.'
err_has 'another template'
run 2 batch t.jsonl --template 'Say {x}.' -o u.jsonl
err_has '--template needs -m'
run 2 batch t.jsonl -m mock/gpt-4o-mini --template @nowhere.txt -o u.jsonl
err_has 'nowhere.txt cannot be opened'

it 'estimates without sending'
serve
run 0 batch in.jsonl -o dry.jsonl -m mock/gpt-4o-mini --base-url "$url/v1" --dry-run --json
get /mock/stats > stats
stop_server
check 'nothing came' grep -q '"requests":0,' stats
check 'nothing was written' [ ! -e dry.jsonl ] 
check 'nothing was written' [ ! -e dry.jsonl.run.json ]
out_has '{"dry_run":true,"total":50,"requests":50,"malformed":0,'
out_has '"input_tokens":300,"output_tokens":3200,"unbounded":0,' # "user" and "Question number 1?"
check 'an estimate in dollars' grep -qE '"cost_usd":0\.00[0-9]+,"likely_cost_usd":0\.00[0-9]+,' out
run 0 batch in.jsonl -o dry.jsonl --dry-run
err_has 'nothing was sent'
err_has 'tokens out    at most 3,200'
check 'both costs' grep -qE '  cost          about \$0\.00[0-9]+, at worst \$0\.00[0-9]+$' err
sed 's/,"max_tokens":64//' in.jsonl > unbounded.jsonl
run 0 batch unbounded.jsonl --dry-run
err_has 'tokens out    about 12,800'
err_has 'unbounded     50 (no max_tokens'
run 1 batch bad.jsonl -o dry.jsonl --dry-run
err_has 'malformed     2'

it 'stops when the budget is exhausted, and goes on with a higher one'
run 3 batch in.jsonl -o b.jsonl -m mock/gpt-4o-mini --budget 0.0002 --json
err_has 'the budget is exhausted'
check 'some were answered' lines_at_least 1 b.jsonl
check 'the cost is within it' grep -qE '"cost_usd":0\.000[01]' out
answered=$(wc -l < b.jsonl)
run 0 batch in.jsonl -o b.jsonl -m mock/gpt-4o-mini --budget 1 --json
out_has "\"skipped\":$answered,"
all_once 50 b.jsonl

it 'stops at a key that is rejected or spent, and goes on with another'
serve --require-key sk-right
export LOCAL_API_KEY=sk-wrong-one
run 1 batch in.jsonl -o k.jsonl -m local/gpt-4o-mini --base-url "$url/v1" --concurrency 4 --json
err_has 'local: provider rejected the key: Incorrect API key provided: '
err_has '; set another key, then run it again to go on; the key is read from LOCAL_API_KEY'
err_has_not wrong-one
out_has '"total":50,"succeeded":0,"failed":0,"skipped":0,"rejected":'
get /mock/stats > stats
check 'few were sent' grep -qE '"requests":([1-9]|1[0-9]),' stats
check 'they stand in no file' [ ! -s k.jsonl ]
check 'they stand in no file' [ ! -e k.errors.jsonl ]
LOCAL_API_KEY=sk-right
run 1 batch in.jsonl -o k.jsonl -m local/gpt-4o-mini --base-url "$url/v1" --concurrency 4 \
  --header 'x-mock: status=429,quota'
err_has 'local: quota or credit is spent: You exceeded your current quota'
err_has '; add credit or set another key, then run it again to go on'
check 'the summary says it' grep -qE '^  rejected      [0-9]+ for the key or its quota' err
run 0 batch in.jsonl -o k.jsonl -m local/gpt-4o-mini --base-url "$url/v1" --json
out_has '"skipped":0,"rejected":0,'
all_once 50 k.jsonl
unset LOCAL_API_KEY
stop_server

it 'refuses what has no price under a budget'
run 2 batch in.jsonl -o n.jsonl -m mock/nobody-knows --budget 1
err_has 'in.jsonl:1:'
err_has '--allow-unpriced'
run 0 batch in.jsonl -o n.jsonl -m mock/nobody-knows --budget 1 --allow-unpriced --json
out_has '"cost_usd":null,"unpriced":50,'

it 'keeps to a rate limit'
serve --rpm 6000
run 0 batch in.jsonl -o rate.jsonl -m mock/gpt-4o-mini --base-url "$url/v1" --rpm 3000 --limit 30 --json
out_has '"http_429":0'
stop_server

it 'waits while the provider is away, and loses nothing'
serve
port=${url##*:}
"$uvllm" batch in.jsonl -o away.jsonl -m local/gpt-4o-mini --base-url "$url/v1" --allow-unpriced \
  --concurrency 20 --header 'x-mock: ttft=50' -v --no-progress > out 2> err &
batch=$!
wait_for 20 lines_at_least 5 away.jsonl
stop_server
wait_for 20 grep -q 'is left alone for' err
serve --port "$port"
check 'the batch is well' wait $batch
all_once 50 away.jsonl
err_has '50 succeeded, 0 failed'
stop_server

it 'goes on with the keys that work'
serve --require-key sk-right
LOCAL_API_KEY='sk-revoked, sk-right' run 0 batch in.jsonl -o two.jsonl -m local/gpt-4o-mini \
  --base-url "$url/v1" --allow-unpriced
all_once 50 two.jsonl
err_has 'key key-1 is refused'
err_has_not sk-r
LOCAL_API_KEY=sk-revoked,,sk-right run 2 batch in.jsonl -o three.jsonl -m local/gpt-4o-mini --base-url "$url/v1"
err_has 'it is empty'
stop_server

it 'tells with -v what a night was like, and never a key, a prompt or an answer'
serve
export LOCAL_API_KEY=sk-this-is-a-secret
run 0 batch in.jsonl -o v.jsonl -m local/gpt-4o-mini --base-url "$url/v1/" -v --limit 3
err_has "info: asks local/gpt-4o-mini at $url; at most 64 in flight"
err_has 'info: v.jsonl: a new run'
err_has 'info: 3 succeeded, 0 failed, 0 skipped in '
err_has_not 'wait'
head -c -20 v.jsonl > torn.jsonl && mv torn.jsonl v.jsonl
run 0 batch in.jsonl -o v.jsonl -m local/gpt-4o-mini --base-url "$url/v1" --log-json -v \
  --rpm 120 --tpm 1000000 --budget 2.5 --allow-unpriced --limit 6 --header 'x-mock: status=429,retry-after-ms=200,times=1'
check 'log lines in JSON' grep -qE '^\{"time":"[^"]+","level":"info","msg":"asks local/gpt-4o-mini at ' err
err_has '64 in flight, 120 requests a minute, 1,000,000 tokens a minute, $2.50 to spend'
err_has 'v.jsonl: its last line was torn, and is cut off'
err_has 'v.jsonl: goes on; 2 answers and 0 failures stand there, their lines are skipped'
err_has 'provider local, key default: frozen for 200 ms by an answer 429'
err_has '4 succeeded, 0 failed, 2 skipped in '
err_has ' 8 attempts, 4 retries, 4 answers 429'
sed 's/.*"content":"\([^"]*\)".*/\1/' v.jsonl > answers
check 'there are answers' lines_at_least 6 answers
for secret in sk-this-is 'Question number' "$(head -n 1 answers | head -c 20)"; do
  err_has_not "$secret"
done
run 0 batch in.jsonl -o v3.jsonl -m local/gpt-4o-mini --base-url "$url/v1/" -v --rpm 15 --limit 2
err_has 'requests wait: rate limit'
stop_server
unset LOCAL_API_KEY
run 0 batch in.jsonl -o v2.jsonl -m mock/gpt-4o-mini -v --limit 1 --dry-run
err_has_not asks
run 0 batch in.jsonl -o v2.jsonl -m mock/gpt-4o-mini -v --limit 1
err_has 'asks mock/gpt-4o-mini, the embedded one; '

it 'runs fewer at once than were wanted where descriptors are few'
(nfailed=0; ulimit -n 200 && run 0 batch in.jsonl -o few.jsonl -m mock/gpt-4o-mini --concurrency 3000
 err_has '3000 requests in flight are wanted'
 err_has ' are run at once'
 exit $nfailed) || complain 'few descriptors'
all_once 50 few.jsonl

it 'runs the embedded provider in a process of its own for many connections'
run 0 batch in.jsonl -o many.jsonl -m mock/gpt-4o-mini --concurrency 4001
all_once 50 many.jsonl

it 'says which file is wrong'
run 2 batch nowhere.jsonl -m mock/gpt-4o-mini
err_has 'nowhere.jsonl'
run 2 batch in.jsonl -o nowhere/out.jsonl -m mock/gpt-4o-mini
err_has 'nowhere/out.jsonl'
run 2 batch in.jsonl -o x.jsonl -m mock/gpt-4o-mini --summary nowhere/s.json
err_has 'nowhere/s.json cannot be written'
run 2 batch in.jsonl -o x.jsonl -m mock/gpt-4o-mini --summary in.jsonl
err_has 'in.jsonl is the input'
check 'the input is whole' [ "$(wc -l < in.jsonl)" -eq 50 ]
check 'nothing was sent' [ ! -e x.jsonl ]
run 2 batch in.jsonl -o x.jsonl -m mock/gpt-4o-mini --limit 2 --summary x.errors.jsonl
err_has 'is a file of answers'
run 2 batch in.jsonl another.jsonl
err_has 'one INPUT at a time'
run 2 batch
err_has 'INPUT is missing'
if [ -w /dev/full ]; then
  run 2 batch in.jsonl -o /dev/full -m mock/gpt-4o-mini
  err_has 'no space left'
fi

it 'cannot be run twice at once on the same output'
"$uvllm" batch in.jsonl -o busy.jsonl -m mock/gpt-4o-mini --concurrency 1 \
  --header 'x-mock: ttft=300' < empty > out1 2> err1 &
pid=$!
wait_for 10 lines_at_least 1 busy.jsonl
run 2 batch in.jsonl -o busy.jsonl -m mock/gpt-4o-mini
err_has 'busy.jsonl'
kill -INT $pid
sleep 0.1
kill -INT $pid
wait $pid

finish
