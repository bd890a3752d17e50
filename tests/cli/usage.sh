#!/bin/bash
# Options, help, and what is refused before anything is sent.
. "$(dirname "$0")/lib.sh"

it 'tells its versions'
run 0 --version
for name in 'uvllm 0' 'libuv 1.' 'libcurl 7.' 'llhttp '; do out_has "$name"; done

it 'prints help on standard output'
run 0 --help
for name in '  batch ' '  chat ' '  embed ' '  models ' '  ollama ' '  mock ' 'example:'; do out_has "$name"; done
out_has_not config
for command in batch chat embed models ollama mock; do
  run 0 $command --help
  out_has "usage: uvllm $command"
  out_has 'example:'
  out_has "  uvllm $command"
  out_has_not --config
  equal 'standard error' "$(cat err)" ''
done

it 'prints help on standard error when there is no command'
run 2
err_has 'usage:'

it 'refuses unknown commands and options'
run 2 bench
err_has "unknown command 'bench'"
run 2 --frobnicate
err_has "unknown option '--frobnicate'"
for command in batch chat embed models ollama mock; do
  run 2 $command --frobnicate=7
  err_has "unknown option '--frobnicate' (see uvllm $command --help)"
  run 2 $command --config FILE
  err_has "unknown option '--config'"
  run 2 $command -y
  err_has "unknown option '-y'"
done
run 2 mock -m mock/x
err_has "unknown option '-m'"
run 2 batch --concurrency
err_has '--concurrency needs a value'
run 2 batch x -m
err_has '-m needs a value'
run 2 batch x --ordered=yes
err_has '--ordered takes no value'
run 2 mock extra
err_has "'extra' is no option"
run 2 models one two
err_has 'one PROVIDER'

it 'refuses values that cannot be'
requests 3
refused() {
  run 2 batch in.jsonl -m mock/gpt-4o-mini "$1" "$2"
  err_has "$1: '$2' is not"
}
for value in 0 -1 1.5 many '' 4294967296; do refused --concurrency "$value"; done
for value in 0 x 99999999999; do refused --rpm "$value"; done
for value in 0 1e6 99999999999999999999; do refused --tpm "$value"; done
for value in 0 -5 1e3 five '' . 0.0000000000001 10000000; do refused --budget "$value"; done
for value in 0 -1 nan inf 0x10 1s; do refused --timeout "$value"; done
for value in 0 -3; do refused --max-attempts "$value"; done
refused --limit 0
for value in gpt-4o-mini mock/ /x '' 'a b/c'; do
  run 2 batch in.jsonl -m "$value"
  err_has "-m: '$value' is not PROVIDER/MODEL"
done
run 2 chat -m mock/x --temperature 3 Hi
err_has '--temperature'
run 2 mock --error-rate 1.5
err_has '--error-rate'
run 2 mock --port 70000
err_has '--port'
run 2 mock --require-key ''
err_has '--require-key'
check 'nothing was written' [ ! -e in.results.jsonl ]

it 'takes one model'
run 2 chat -m mock/a -m mock/b Hi
err_has '-m is given twice'

it 'needs a model, a key, and to know where a provider is'
run 2 chat Hi
err_has 'no model'
run 2 chat -m openai/gpt-4o-mini Hi
err_has 'set OPENAI_API_KEY'
run 2 models
err_has 'set OPENAI_API_KEY'
run 2 batch in.jsonl
err_has 'set OPENAI_API_KEY'
run 2 chat -m some-where/x Hi
err_has 'SOME_WHERE_BASE_URL'
OPENAI_API_KEY=$'sk-secret\n' run 2 chat -m openai/gpt-4o-mini Hi
err_has 'the key in OPENAI_API_KEY cannot be used'
err_has_not sk-secret
run 2 chat -m openai/gpt-4o-mini --base-url https://api.openai.com/v1 Hi
err_has 'set OPENAI_API_KEY'

it 'refuses bad URLs, plain http beyond loopback, and bad headers'
run 2 chat -m local/x --base-url ftp://127.0.0.1/v1 Hi
err_has "provider 'local'"
run 2 chat -m local/x --base-url http://192.0.2.1/v1 Hi
err_has '--allow-http'
run 2 chat -m mock/x --header secret-value Hi
err_has '--header'
err_has_not secret-value
run 2 chat -m mock/x --header $'X: a\rb' Hi
err_has 'header'

it 'says which file cannot be read, and where it is wrong'
run 2 chat -m mock/x --prices nowhere.json Hi
err_has 'nowhere.json cannot be opened'
printf '{\n "a": 1,\n oops\n}' > bad.json
run 2 chat -m mock/x --prices bad.json Hi
err_has 'bad.json:3'
run 2 chat -m mock/x --schema bad.json Hi
err_has 'bad.json:3'
echo '[]' > list.json
run 2 chat -m mock/x --schema list.json Hi
err_has 'not a JSON object'
echo '{"x":{"y":1}}' > other.json
run 2 chat -m mock/x --prices other.json Hi
err_has 'LiteLLM'

it 'fails when standard output is full'
if [ -w /dev/full ]; then
  nchecks=$((nchecks + 1))
  "$uvllm" --version > /dev/full 2> err
  equal status $? 2
  err_has 'standard output cannot be written'
fi

it 'logs as JSON when asked to'
run 2 chat --log-json -m mock/x --prices nowhere.json Hi
err_has '"level":"error"'

finish
