#!/bin/bash
# What is seen on a terminal, which script(1) provides: progress, colours, talk.
. "$(dirname "$0")/lib.sh"
esc=$(printf '\033')
requests 40

# A bare chroot has script(1), but no /dev/pts to make a terminal of.
if ! script -qec true /dev/null < /dev/null > /dev/null 2>&1; then
  echo 'no terminal can be had here: nothing was tried'
  exit 77
fi


# on_terminal STATUS COMMAND: a shell command on a terminal; what it shows is in out.
on_terminal() {
  local status
  nchecks=$((nchecks + 1))
  script -qec "stty cols 100; $2" /dev/null < "$input" > out 2>&1
  status=$?
  [ $status -eq "$1" ] || {
    complain "$2: status $status, not $1"
    cat -v out
  }
}


export TERM=xterm
slow="batch in.jsonl -m mock/gpt-4o-mini --restart --concurrency 10 --header 'x-mock: ttft=300'"

it 'paints progress, in colours'
on_terminal 0 "'$uvllm' $slow"
out_has '/40 '
out_has 'in flight'
out_has '/s'
out_has '$0.00'
out_has "${esc}[K"
out_has "${esc}[1m"
check 'the line is taken away for the summary' grep -qF "${esc}[K  succeeded     40 of 40" out

it 'paints the progress of a pull'
serve
on_terminal 0 "'$uvllm' ollama pull m --base-url $url --header 'x-mock: itl=20'"
out_has '50%  1.0 GB of 2.0 GB'
out_has 'verifying sha256 digest'
out_has 'pulled m'
check 'the line is taken away' grep -qF "${esc}[Kpulled m" out
on_terminal 0 "stty cols 20; '$uvllm' ollama pull m --base-url $url"
out_has_not 'verifying sha256 digest'
stop_server

it 'is no wider than the terminal'
on_terminal 0 "stty cols 24; NO_COLOR=1 '$uvllm' $slow"
out_has '/40 '
widest=$(tr '\r' '\n' < out | grep -F "${esc}[K" | sed "s/$esc\[K.*//" | awk '{ if (length > n) n = length } END { print n }')
check "the widest line has $widest columns" [ "$widest" -lt 24 ]

it 'honours NO_COLOR, TERM=dumb and --no-progress'
on_terminal 0 "NO_COLOR=1 '$uvllm' $slow"
out_has 'in flight'
check 'no colours' sh -c '! grep -qE "\[[0-9;]+m" out'
on_terminal 0 "TERM=dumb '$uvllm' $slow"
check 'no colours' sh -c '! grep -qE "\[[0-9;]+m" out'
on_terminal 0 "'$uvllm' $slow --no-progress"
out_has_not 'in flight'
out_has 'succeeded     40 of 40'

it 'paints nothing where there is no terminal'
run 0 batch in.jsonl -m mock/gpt-4o-mini --restart --header 'x-mock: ttft=300'
err_has_not "$esc"
err_has_not 'in flight'
on_terminal 0 "NO_COLOR=1 '$uvllm' models mock"
out_has_not "$esc"
on_terminal 0 "'$uvllm' models mock"
out_has "${esc}[1mMODEL"

it 'does not let an answer steer the terminal'
"$2" 1 request 'a\u001b[31mb\u009b1mc\u0007d\r\ne' > port &
wait_for 10 grep -q '^[0-9]' port
on_terminal 0 "'$uvllm' chat -m local/x --base-url http://127.0.0.1:$(cat port)/v1 Hello < /dev/null"
wait
out_has 'a[31mb1mcd'
out_has_not "$esc"
check 'no C1, no bell' sh -c '! grep -q "$(printf "\302\233\|\007")" out'

it 'talks'
printf 'Hello\n/exit\n' > talk
input=talk
on_terminal 0 "'$uvllm' chat -m mock/gpt-4o-mini --interactive"
out_has '> '

finish
