#!/bin/bash
# embed: against the embedded provider.
. "$(dirname "$0")/lib.sh"

it 'prints a line for each text'
run 0 embed -m mock/text-embedding-3-small --dimensions 3 'a quiet street' 'ein Baum'
equal 'the number of lines' "$(wc -l < out)" 2
check 'the first is number 0' sh -c 'head -n 1 out | grep -qE "^\{\"index\":0,\"embedding\":\[(-?[0-9.]+,){2}-?[0-9.]+\]\}$"'
check 'the second is number 1' sh -c 'tail -n 1 out | grep -q "^{\"index\":1,"'
equal 'standard error' "$(cat err)" ''
run 0 embed --json -v -m mock/text-embedding-3-small --dimensions 3 'a quiet street'
out_has '{"index":0,"embedding":['
err_has '1 inputs, 4 tokens'

it 'takes lines of standard input'
printf 'one\r\n\ntwo\nthree' > lines
input=lines
run 0 embed -m mock/text-embedding-3-small --dimensions 2
equal 'the number of lines' "$(wc -l < out)" 3
cp out lines.out
input=empty
run 0 embed -m mock/text-embedding-3-small --dimensions 2 one two three
check 'the same as by arguments' cmp out lines.out

it 'keeps the order of many'
seq 1 500 > lines
input=lines
run 0 embed -m mock/text-embedding-3-small --dimensions 2 --header 'x-mock: ttft=5'
equal 'the order' "$(sed 's/{"index":\([0-9]*\),.*/\1/' out | md5sum)" "$(seq 0 499 | md5sum)"
input=empty

it 'fails with the words of the provider'
run 1 embed -m mock/text-embedding-3-small --header 'x-mock: status=400' a b
err_has 'input 0 to 1: '
err_has 'HTTP 400'
equal 'standard output' "$(cat out)" ''
run 2 embed a
err_has 'no model'
run 2 embed -m mock/text-embedding-3-small
err_has 'nothing to embed'
run 2 embed -m mock/text-embedding-3-small --dimensions 0 a
err_has "--dimensions: '0' is not"

finish
