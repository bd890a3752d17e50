#!/bin/bash
# batch, interrupted: what was finished is on disk, and the next run goes on.
. "$(dirname "$0")/lib.sh"
requests 300


# begin ARGUMENT...: a batch in the background; pid.
begin() {
  "$uvllm" batch in.jsonl -o out.jsonl -m mock/gpt-4o-mini "$@" < empty > out 2> err &
  pid=$!
}


# ended STATUS
ended() {
  wait $pid
  equal 'the status' $? "$1"
}


it 'sends nothing new after one SIGINT, and what is in flight finishes'
serve
begin --base-url "$url/v1" --concurrency 4 --header 'x-mock: ttft=100'
wait_for 20 lines_at_least 8 out.jsonl
before=$(wc -l < out.jsonl)
kill -INT $pid
ended 130
get /mock/stats > stats
stop_server
after=$(wc -l < out.jsonl)
check "$before lines before, $after in the end" [ "$after" -le $((before + 12)) ]
check "$(grep -o '"requests":[0-9]*' stats), $after lines" grep -q "\"requests\":$after," stats
check 'none was cancelled' grep -q '"cancelled":0' stats
err_has 'interrupted: nothing new is sent'
err_has 'run it again to go on'
err_has "succeeded     $after of 300"

it 'goes on'
run 0 batch in.jsonl -o out.jsonl -m mock/gpt-4o-mini --json
out_has "\"skipped\":$after,"
all_once 300 out.jsonl

it 'stops at SIGTERM too, and at the second signal cancels what is in flight'
rm out.jsonl*
begin --concurrency 4 --header 'x-mock: ttft=60000'
sleep 1
kill -TERM $pid
wait_for 10 grep -q interrupted err
kill -INT $pid
ended 130
err_has 'cancelled     4'
check 'no answers' [ ! -s out.jsonl ]
check 'no errors' [ ! -s out.errors.jsonl ]

it 'loses nothing to kill -9'
begin --concurrency 4 --header 'x-mock: ttft=50'
wait_for 20 lines_at_least 20 out.jsonl
kill -KILL $pid
wait $pid 2> /dev/null
check 'some are on disk' lines_at_least 20 out.jsonl
printf '{"id":"torn' >> out.jsonl
run 0 batch in.jsonl -o out.jsonl -m mock/gpt-4o-mini
all_once 300 out.jsonl

it 'stops while it waits for standard input'
mkfifo fifo
"$uvllm" batch - -o fifo.jsonl -m mock/gpt-4o-mini < fifo > out 2> err &
pid=$!
exec 4> fifo
head -n 3 in.jsonl >&4
wait_for 20 lines_at_least 3 fifo.jsonl
kill -INT $pid
ended 130
exec 4>&-
equal 'the lines' "$(wc -l < fifo.jsonl)" 3

# The processes whose parent is $1.
children() {
  grep -lE "^PPid:[[:space:]]*$1\$" /proc/[0-9]*/status 2> /dev/null | sed 's/[^0-9]//g'
}
has_child() {
  [ -n "$(children "$1")" ]
}
is_gone() {
  [ ! -e "/proc/$1" ]
}

it 'takes its own provider process with it, however it ends'
for signals in INT,INT KILL; do
  rm -f out.jsonl*
  begin --concurrency 5000 --header 'x-mock: ttft=60000'
  wait_for 20 has_child $pid
  child=$(children $pid)
  sleep 1
  for signal in ${signals//,/ }; do
    kill -$signal $pid
    sleep 0.3
  done
  wait $pid 2> /dev/null
  check "process $child is gone" wait_for 10 is_gone "$child"
done

finish
