# What the tests of the command line share; sourced with the binary as $1:
#
#   . "$(dirname "$0")/lib.sh"
#   it 'does so and so'
#   run 0 chat -m mock/gpt-4o-mini Hello    (the status is checked)
#   err_has 'words'
#   finish
#
# Loopback only; everything is in $top, which goes at the end.
set -u
uvllm=$1
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
cd "$top" || exit 1
unset OPENAI_API_KEY OPENAI_BASE_URL MOCK_API_KEY MOCK_BASE_URL LOCAL_API_KEY LOCAL_BASE_URL NO_COLOR
unset OLLAMA_API_KEY OLLAMA_BASE_URL OLLAMA_HOST
: > empty
input=empty
current=
nchecks=0
nfailed=0


it() {
  current=$*
}


complain() {
  nfailed=$((nfailed + 1))
  echo "FAILED: $current: $*"
}


# check WORDS COMMAND...: the command succeeds.
check() {
  local words=$1
  shift
  nchecks=$((nchecks + 1))
  "$@" > /dev/null 2>&1 || complain "$words"
}


# run STATUS ARGUMENT...: standard input is $input; leaves out and err.
run() {
  local expected=$1 status
  shift
  nchecks=$((nchecks + 1))
  "$uvllm" "$@" < "$input" > out 2> err
  status=$?
  [ $status -eq "$expected" ] && return
  complain "uvllm $*: status $status, not $expected"
  tail -n 20 err
}


out_has() {
  check "standard output has no '$1': $(head -c 300 out)" grep -qF -e "$1" out
}


out_has_not() {
  check "standard output has '$1': $(head -c 300 out)" sh -c '! grep -qF -e "$1" out' sh "$1"
}


err_has() {
  check "standard error has no '$1': $(head -c 300 err)" grep -qF -e "$1" err
}


err_has_not() {
  check "standard error has '$1': $(head -c 300 err)" sh -c '! grep -qF -e "$1" err' sh "$1"
}


# equal WHAT FOUND EXPECTED
equal() {
  check "$1 is '$2', not '$3'" [ "$2" = "$3" ]
}


# requests N [FILE]: that many lines of OpenAI's batch format.
requests() {
  local i
  for ((i = 1; i <= $1; i++)); do
    printf '{"custom_id":"q-%04d","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Question number %d?"}],"max_tokens":64}}\n' "$i" "$i"
  done > "${2:-in.jsonl}"
}


# ids FILE...: the custom_ids of answers, sorted.
ids() {
  sed -n 's/.*"custom_id": *"\([^"]*\)".*/\1/p' "$@" | sort
}


# all_once N FILE...: the ids of requests N, each exactly once.
all_once() {
  local n=$1
  shift
  requests "$n" expected.jsonl
  equal "the list of ids" "$(ids "$@" | md5sum)" "$(ids expected.jsonl | md5sum)"
}


# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
  local tries=$(($1 * 20))
  shift
  while ! "$@" > /dev/null 2>&1; do
    [ $((tries--)) -gt 0 ] || return 1
    sleep 0.05
  done
}


# lines_at_least N FILE
lines_at_least() {
  [ -f "$2" ] && [ "$(wc -l < "$2")" -ge "$1" ]
}


# serve ARGUMENT...: uvllm mock; sets server (its pid) and url (without /v1).
serve() {
  rm -f listening
  "$uvllm" mock "$@" > listening 2> server.err &
  server=$!
  wait_for 10 grep -q '^listening http://127.0.0.1:[0-9]' listening || {
    complain "uvllm mock $*: does not listen"
    cat server.err
  }
  url=$(sed -n 's/^listening //p' listening)
}


# stop_server [SIGNAL]: it ends cleanly.
stop_server() {
  local status
  kill "-${1:-TERM}" $server
  wait $server
  status=$?
  equal "the server's status" $status 0
}


# get PATH: what the server answers, headers too.
get() {
  local port=${url##*:}
  exec 3<> "/dev/tcp/127.0.0.1/$port" || return 1
  printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n' "$1" "$port" >&3
  cat <&3
  exec 3>&-
}


finish() {
  echo "$nchecks checks, $nfailed failed"
  [ $nfailed -eq 0 ]
  exit
}
