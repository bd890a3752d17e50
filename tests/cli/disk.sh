#!/bin/bash
# batch on a file system that is full, for a while or until it is interrupted. It is
# a small one of memory, in a namespace of its own: skipped where that is forbidden.
if [ -z "${UVLLM_HAS_NAMESPACE:-}" ]; then
  unshare -rm sh -c 'mount -t tmpfs none /mnt' 2> /dev/null || exit 77
  UVLLM_HAS_NAMESPACE=1 exec unshare -rm "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
requests 300
mkdir disk
mount -t tmpfs -o size=512k none disk


# begin: a batch in the background, with room for some of its answers; pid.
begin() {
  head -c $((448 * 1024)) /dev/zero > disk/filler
  "$uvllm" batch in.jsonl -o disk/out.jsonl -m local/gpt-4o-mini --base-url "$url/v1" \
    --concurrency 8 --json --header 'x-mock: ttft=20' < empty > out 2> err &
  pid=$!
  wait_for 20 grep -q 'disk/out.jsonl: no space left on device: nothing new is sent' err
}


# ended STATUS
ended() {
  wait $pid
  equal 'the status' $? "$1"
}


asked() {
  get /mock/stats | grep -o '"requests":[0-9]*'
}


it 'waits for room, and goes on when there is some'
serve
begin
sleep 1.5
before=$(asked)
sleep 1.5
equal 'what was asked meanwhile' "$(asked)" "$before"
check 'it waits' kill -0 $pid
check 'some are written' lines_at_least 10 disk/out.jsonl
rm disk/filler
ended 0
err_has 'there is room again'
all_once 300 disk/out.jsonl
equal 'what was asked' "$(asked)" '"requests":300'
stop_server

it 'is interrupted, and keeps what was written'
serve
rm disk/out.jsonl*
begin
kill -INT $pid
ended 2
err_has ' answers could not be written, the next run asks for them again'
written=$(wc -l < disk/out.jsonl)
out_has "\"succeeded\":$written,"
lost=$(sed -n 's/.*; \([0-9]*\) answers could not be written.*/\1/p' err)
equal 'what was asked' "$(asked)" "\"requests\":$((written + lost))"
check 'only whole lines' sh -c '! grep -v "}$" disk/out.jsonl'
rm disk/filler
run 0 batch in.jsonl -o disk/out.jsonl -m local/gpt-4o-mini --base-url "$url/v1" --json
out_has "\"skipped\":$written,"
all_once 300 disk/out.jsonl
stop_server

umount disk
finish
