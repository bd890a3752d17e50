#!/bin/bash
# The examples, each against the mock that it runs on its own loop. The first
# argument is the folder they are in.
folder=$1
. "$(dirname "$0")/lib.sh"
# A key would make them ask somebody else.
unset LLM_URL LLM_MODEL

it 'hello gets an answer'
"$folder/example_hello" > out 2> err
equal status $? 0
check 'there is an answer' [ "$(wc -w < out)" -gt 3 ]

it 'stream gets an answer, and its cost'
"$folder/example_stream" > out 2> err
equal status $? 0
check 'there is an answer' [ "$(wc -w < out)" -gt 3 ]
err_has '16 out, 0.00001'

it 'existing_loop echoes, asks, and lets go of those who leave'
"$folder/example_existing_loop" > out 2> err &
pid=$!
wait_for 10 grep -q '^listening on 127.0.0.1:[0-9]' err
port=$(sed -n 's/^listening on .*://p' err)
for _ in 1 2; do
  exec 3<> "/dev/tcp/127.0.0.1/$port"
  echo 'hello' >&3
  read -r -t 10 line <&3
  equal 'the echo' "$line" hello
  echo 'ask how it is going' >&3
  read -r -t 10 line <&3
  check 'there is an answer' [ -n "$line" ]
  echo 'ask once more' >&3
  exec 3>&-
done
check 'it runs still' kill -0 $pid
kill $pid
wait $pid
equal status $? 143

finish
