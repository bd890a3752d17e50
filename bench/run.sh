#!/bin/sh
# The table of figures: what the library costs beside baselines that do without
# it, measured in the same run. The mock provider has one core and everything
# else the other; every ratio is the median of interleaved pairs.
set -u

usage() {
  cat << 'END'
usage: bench/run.sh [--quick] [--only PATTERN] [--json FILE]

Builds the release preset and prints one line a figure: value, baseline, ratio,
spread (half the distance of the quartiles, of the ratio where there is one),
goal, and whether it holds.

  --quick         3 pairs instead of 11, a tenth of the lines, shorter waits
  --only PATTERN  the figures whose name matches the extended regular expression
  --json FILE     also an array of {name, value, unit, baseline, ratio, spread, goal, ok}

Example: bench/run.sh --only 'request|stream' --json figures.json
END
}

pairs=11
few=5
lines=1000000
limit_seconds=60
hold_seconds=60
only=.
json=
while [ $# -gt 0 ]; do
  case $1 in
    --quick) pairs=3 few=3 lines=100000 limit_seconds=15 hold_seconds=10 ;;
    --only) only=${2:?--only wants a pattern}; shift ;;
    --json) json=${2:?--json wants a file}; shift ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

case $json in
  '' | /*) ;;
  *) json=$PWD/$json ;;
esac
SETUP_ROOT=$(cd "$(dirname "$0")/.." && pwd) || exit 2
cd "$SETUP_ROOT" || exit 2
. tests/setup.sh
setup build bench || exit 1
setup_nginx "$SETUP_ROOT" || exit 1

setup_say "building the release preset"
cmake --preset release -DUVLLM_BENCH=ON > build/bench-build.log 2>&1 &&
  cmake --build --preset release --parallel "$(nproc)" >> build/bench-build.log 2>&1 ||
  { tail -n 40 build/bench-build.log; exit 1; }

bin=build/bench
work=$(mktemp -d)
table=$work/table
valid=1
mock=
servers=
if [ "$(nproc)" -ge 2 ]; then
  on_mock="taskset -c 0" on_us="taskset -c 1"
else
  on_mock='' on_us=''
  setup_say "one core only: the mock and the clients share it, and the figures mean little"
fi
ulimit -n "$(ulimit -H -n)" 2> /dev/null || true


clean_up() {
  for pid in $mock $servers; do
    kill "$pid" 2> /dev/null
  done
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM


# ---- servers ----------------------------------------------------------------------

# start_mock OPTION...: sets `url`. The one before ends.
start_mock() {
  [ -z "$mock" ] || kill "$mock" 2> /dev/null
  : > "$work/mock"
  $on_mock build/uvllm mock --port 0 "$@" > "$work/mock" 2> "$work/mock.err" &
  mock=$!
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    url=$(sed -n 's/^listening //p' "$work/mock")
    [ -z "$url" ] || return 0
    sleep 0.2
  done
  setup_say "the mock does not start" >&2
  cat "$work/mock.err" >&2
  exit 1
}


# stat URL NAME: a figure of /mock/stats.
stat() {
  curl -s "$1/mock/stats" | tr ',{}' '\n\n\n' | sed -n "s/^ *\"$2\": *//p"
}


# TLS in front of the mock; sets `tls_url` and `ca`.
start_nginx() {
  nginx=/usr/sbin/nginx
  [ -x $nginx ] || nginx=build/nginx/usr/sbin/nginx
  tls_port=$((20000 + $$ % 10000))
  tls_url=https://127.0.0.1:$tls_port
  ca=$work/ca.pem
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=bench-ca \
    -keyout "$work/ca.key" -out "$work/root.pem" 2> /dev/null
  openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 \
    -keyout "$work/tls.key" -out "$work/tls.csr" 2> /dev/null
  echo "subjectAltName=IP:127.0.0.1" > "$work/san"
  openssl x509 -req -in "$work/tls.csr" -CA "$work/root.pem" -CAkey "$work/ca.key" -days 2 \
    -CAcreateserial -extfile "$work/san" -out "$work/tls.pem" 2> /dev/null
  # With all the roots of the system, as a real one.
  cat "$work/root.pem" /etc/ssl/certs/ca-certificates.crt > "$ca"
  cat > "$work/nginx.conf" << END
daemon off;
worker_processes 1;
pid $work/nginx.pid;
error_log $work/nginx.err;
events { worker_connections 8000; }
http {
  access_log off;
  client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3;
  uwsgi_temp_path $work/t4; scgi_temp_path $work/t5;
  server {
    listen 127.0.0.1:$tls_port ssl backlog=4096;
    ssl_certificate $work/tls.pem;
    ssl_certificate_key $work/tls.key;
    location / { proxy_pass $1; proxy_http_version 1.1; proxy_buffering off; }
  }
}
END
  $on_mock "$nginx" -e "$work/nginx.err" -c "$work/nginx.conf" &
  servers="$servers $!"
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    curl -s --cacert "$ca" "$tls_url/mock/stats" > /dev/null && return 0
    sleep 0.2
  done
  cat "$work/nginx.err" >&2
  exit 1
}


# ---- figures ----------------------------------------------------------------------

wanted() {
  echo "$1" | grep -q -E "$only"
}


# metric NAME FILE: a client's line "NAME VALUE UNIT".
metric() {
  awk -v name="$1" '$1 == name { print $2 }' "$2"
}


# run_client OUTPUT PROGRAM ARG...
run_client() {
  output=$1
  shift
  # shellcheck disable=SC2145 # the program's path and its arguments
  $on_us timeout 180 "$bin/$@" > "$output" 2> "$work/err" && return 0
  setup_say "$* failed, or took over 180 s: $(tail -n 1 "$work/err")" >&2
  return 1
}


# figure NAME UNIT GOAL SAMPLES: one row out of lines "value [baseline]". A goal
# is "ratio<=1.25", "value>=1" or "difference<=4".
figure() {
  awk -v name="$1" -v unit="$2" -v goal="$3" '
    function sorted(a, n,    i, j, t) {
      for (i = 2; i <= n; i++)
        for (j = i; j > 1 && a[j - 1] > a[j]; j--) { t = a[j]; a[j] = a[j - 1]; a[j - 1] = t }
    }
    function quantile(a, n, q) { return a[int(q * (n - 1) + 1.5)] }
    NF > 0 { value[++n] = $1 + 0 }
    NF > 1 { based = 1; base[n] = $2 + 0; ratio[n] = $1 / $2 }
    END {
      if (n == 0) { printf "%s\t-\t%s\t-\t-\t-\t%s\tno\n", name, unit, goal; exit }
      sorted(value, n); v = quantile(value, n, .5)
      spread = v != 0 ? (quantile(value, n, .75) - quantile(value, n, .25)) / 2 / v : 0
      if (based) {
        sorted(base, n); b = quantile(base, n, .5)
        sorted(ratio, n); r = quantile(ratio, n, .5)
        spread = (quantile(ratio, n, .75) - quantile(ratio, n, .25)) / 2 / r
      }
      split(goal, g, /[<>]=/)
      got = g[1] == "ratio" ? r : g[1] == "difference" ? v - b : v
      ok = goal ~ />=/ ? got >= g[2] : got <= g[2]
      printf "%s\t%.4g\t%s\t%s\t%s\t%.3f\t%s\t%s\n", name, v, unit,
        based ? sprintf("%.4g", b) : "-", based ? sprintf("%.3f", r) : "-", spread, goal, ok ? "yes" : "no"
    }' "$4" >> "$table"
  tail -n 1 "$table" | show
}


show() {
  awk -F '\t' '{
    printf "%-45s %10s %-5s %10s %8s %7s  %-18s %s\n", $1, $2, $3, $4, $5, $6, $7, $8
  }'
}


# What the library's client is told besides, in compare().
ours=


# compare NAME METRIC UNIT GOAL PAIRS BASELINE ARG...: the library beside a
# baseline, each run with the same arguments, in turns.
compare() {
  name=$1 metric=$2 unit=$3 goal=$4 n=$5 baseline=$6
  shift 6
  wanted "$name" || return 0
  : > "$work/samples"
  while [ "$n" -gt 0 ]; do
    # shellcheck disable=SC2086 # a list of words
    run_client "$work/b" "$baseline" "$@" && run_client "$work/o" uvllm_client "$@" $ours &&
      echo "$(metric "$metric" "$work/o") $(metric "$metric" "$work/b")" >> "$work/samples"
    n=$((n - 1))
  done
  figure "$name" "$unit" "$goal" "$work/samples"
}


# absolute NAME METRIC UNIT GOAL TIMES PROGRAM ARG...
absolute() {
  name=$1 metric=$2 unit=$3 goal=$4 n=$5
  shift 5
  wanted "$name" || return 0
  : > "$work/samples"
  while [ "$n" -gt 0 ]; do
    run_client "$work/o" "$@" && metric "$metric" "$work/o" >> "$work/samples"
    n=$((n - 1))
  done
  figure "$name" "$unit" "$goal" "$work/samples"
}


# Bare curl in the run at hand, held against the floor.
check_baseline() {
  wanted "request" || wanted "baseline" || return 0
  : > "$work/samples"
  n=$pairs
  while [ "$n" -gt 0 ]; do
    run_client "$work/b" baseline_epoll "$@" && run_client "$work/o" baseline_curl "$@" &&
      echo "$(metric cpu_per_request "$work/o") $(metric cpu_per_request "$work/b")" \
        >> "$work/samples"
    n=$((n - 1))
  done
  figure "baseline: curl over epoll, 64" us "ratio<=4.5" "$work/samples"
  tail -n 1 "$table" | grep -q 'yes$' || valid=0
}


# "one read an event" is what makes a figure of paced streams comparable.
check_pace() {
  wanted "$1" || return 0
  metric reads_per_event "$work/o" > "$work/samples"
  figure "$1: reads an event" "" "value>=0.95" "$work/samples"
  stat "$url" lag_p99_us > "$work/samples"
  figure "$1: the mock's lag" us "value<=5000" "$work/samples"
}


# micro PROGRAM METRIC NAME UNIT GOAL
micro() {
  absolute "$3" "$2" "$4" "$5" "$few" "$1"
}


# ---- the command line ----------------------------------------------------------------

# prompts LINES FILE
prompts() {
  awk -v n="$1" 'BEGIN {
    for (i = 1; i <= n; i++)
      printf "{\"custom_id\":\"request-%d\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\"," \
        "\"body\":{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\"," \
        "\"content\":\"What is %d times %d?\"}]}}\n", i, i % 991, i % 97
  }' > "$2"
}


# run_batch LINES: one run; its summary is in $work/summary.
run_batch() {
  prompts "$1" "$work/in.jsonl"
  OPENAI_API_KEY=sk-bench $on_us build/uvllm batch "$work/in.jsonl" -o "$work/out.jsonl" --restart \
    --base-url "$url/v1" --header 'x-mock: ttft=0,itl=0,tokens=4' --no-progress \
    --summary "$work/summary" > "$work/batch.log" 2>&1 && return 0
  setup_say "uvllm batch failed: $(tail -n 1 "$work/batch.log")" >&2
  return 1
}


# in_summary NAME
in_summary() {
  tr ',{}' '\n\n\n' < "$work/summary" | sed -n "s/^ *\"$1\": *//p"
}


batch_figures() {
  wanted "batch" || return 0
  few_lines=$((lines / 10))
  : > "$work/few" && : > "$work/many" && : > "$work/rate"
  run_batch $few_lines && in_summary peak_rss_bytes > "$work/few"
  run_batch $lines && in_summary peak_rss_bytes > "$work/many" &&
    in_summary requests_per_s > "$work/rate"
  figure "batch, $lines lines" "/s" "value>=25000" "$work/rate"
  awk '{ print $1 / 1048576 }' "$work/many" > "$work/samples"
  figure "batch, peak memory" MiB "value<=64" "$work/samples"
  paste "$work/many" "$work/few" | awk -v n=$((lines - few_lines)) 'NF == 2 { print ($1 - $2) / n }' \
    > "$work/samples"
  figure "batch, memory a line" B "value<=32" "$work/samples"
  rm -f "$work"/in.jsonl "$work"/out.*
}


version_figure() {
  wanted "version" || return 0
  : > "$work/samples"
  $on_us $bin/spawn 41 build/uvllm --version -- curl --version > "$work/o" &&
    echo "$(metric first "$work/o") $(metric second "$work/o")" > "$work/samples"
  figure "uvllm --version, over curl's" ms "difference<=4" "$work/samples"
}


# limit_figures NAME MOCK-OPTION VALUE
limit_figures() {
  wanted "$1" || return 0
  start_mock "$2" "$3"
  run_client "$work/o" uvllm_client limit --url "$url" "$2" "$3" --seconds $limit_seconds --tokens 20
  metric utilisation "$work/o" > "$work/samples"
  figure "$1: of the limit in $limit_seconds s" % "value>=99" "$work/samples"
  stat "$url" answers_429 > "$work/samples"
  figure "$1: answers 429" "" "value<=0" "$work/samples"
  if [ "$2" = --rpm ]; then
    stat "$url" max_admitted_60s > "$work/samples"
  else
    stat "$url" max_admitted_tokens_60s > "$work/samples"
  fi
  figure "$1: most in any 60 s" "" "value<=$3" "$work/samples"
}


# ---- the table -------------------------------------------------------------------------

commit=$(git rev-parse --short HEAD 2> /dev/null || echo unknown)
[ -z "$(git --no-optional-locks status --porcelain 2> /dev/null)" ] || commit=$commit-modified
cpu=$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)
setup_say "commit $commit, $(date -u +%Y-%m-%dT%H:%MZ), $(nproc) x ${cpu:-unknown}, $(uname -sr)," \
  "$pairs pairs"
: > "$table"
printf 'figure\tvalue\tunit\tbaseline\tratio\tspread\tgoal\tok\n' | show

# Over curl: what crosses a network.
# Where each request is sent to a mock asleep, its waking up is charged to the
# client, as it would not be by a network: there it never sleeps.
ours="--transport curl"
start_mock --busy-poll
check_baseline requests --url "$url" --n 30000 --inflight 64
compare "request, 64 in flight" cpu_per_request us "ratio<=1.25" $pairs baseline_curl \
  requests --url "$url" --n 30000 --inflight 64
compare "request, 5,000 in flight" cpu_per_request us "ratio<=0.6" $pairs baseline_curl \
  requests --url "$url" --n 30000 --inflight 5000
start_mock # whose lag is of these streams alone
compare "stream event, 5,000 at 10/s" cpu_per_event us "ratio<=1.25" $pairs baseline_curl \
  streams --url "$url" --n 5000 --seconds 3 --itl-ms 100 --tokens 100000
check_pace "stream event, 5,000 at 10/s"
start_mock
compare "stream event, bursts of 100" cpu_per_event us "value<=0.7" $pairs baseline_curl \
  bursts --url "$url" --n 10000 --inflight 64 --tokens 100
compare "memory an open stream, 10,000" rss_per_stream KiB "value<=24" 1 baseline_curl \
  streams --url "$url" --n 10000 --seconds 1 --itl-ms 1000 --tokens 100000
start_mock
absolute "a program's 1 ms timer, 5,000 streams, p99" tick_p99 ms "value<=5" 1 \
  uvllm_client ticks --url "$url" --n 5000 --seconds 5 --itl-ms 100 --tokens 100000 $ours
start_mock
absolute "submit to wire, idle" submit_to_wire_p50 us "value<=100" "$few" \
  uvllm_client wire --url "$url" --n 200

if wanted "TLS"; then
  start_mock
  start_nginx "$url"
  compare "TLS connection, CPU" cpu_per_connection ms "value<=2" "$few" baseline_curl \
    tls --url "$tls_url" --ca "$ca" --n 500 --itl-ms 1000 --tokens 100000
  compare "TLS connection, memory" rss_per_connection KiB "value<=120" "$few" baseline_curl \
    tls --url "$tls_url" --ca "$ca" --n 500 --itl-ms 1000 --tokens 100000
fi

# On plain sockets: what does not.
ours="--transport plain"
start_mock --busy-poll
for baseline in epoll:2.0:2.0 curl:0.55:0.3; do
  base=${baseline%%:*} goals=${baseline#*:}
  compare "plain: request, 64 in flight, over $base" cpu_per_request us "ratio<=${goals%:*}" \
    $pairs "baseline_$base" requests --url "$url" --n 30000 --inflight 64
  compare "plain: request, 5,000 in flight, over $base" cpu_per_request us "ratio<=${goals#*:}" \
    $pairs "baseline_$base" requests --url "$url" --n 30000 --inflight 5000
done
start_mock
compare "plain: stream event, 5,000 at 10/s" cpu_per_event us "ratio<=1.45" $pairs baseline_epoll \
  streams --url "$url" --n 5000 --seconds 3 --itl-ms 100 --tokens 100000
check_pace "plain: stream event, 5,000 at 10/s"
start_mock
absolute "plain: a program's 1 ms timer, 5,000 streams, p99" tick_p99 ms "value<=5" 1 \
  uvllm_client ticks --url "$url" --n 5000 --seconds 5 --itl-ms 100 --tokens 100000 $ours
start_mock
compare "plain: stream event, bursts of 100" cpu_per_event us "value<=0.40" $pairs baseline_epoll \
  bursts --url "$url" --n 10000 --inflight 64 --tokens 100
compare "plain: memory an open stream, 10,000" rss_per_stream KiB "value<=6" 1 baseline_epoll \
  streams --url "$url" --n 10000 --seconds 1 --itl-ms 1000 --tokens 100000
if wanted "18,000"; then
  run_client "$work/o" uvllm_client streams --url "$url" --n 18000 --seconds $hold_seconds \
    --itl-ms 1000 --tokens 100000
  metric rss "$work/o" > "$work/samples"
  figure "plain: 18,000 streams for $hold_seconds s, memory" MiB "value<=120" "$work/samples"
  metric streams_lost "$work/o" > "$work/samples"
  figure "plain: 18,000 streams for $hold_seconds s, lost" "" "value<=0" "$work/samples"
  metric events_per_stream_s "$work/o" > "$work/samples"
  figure "plain: 18,000 streams, events a second each" "" "value>=0.99" "$work/samples"
fi
ours=

micro micro_json json_parse_extract_ns "JSON chunk, parse and extract" ns "value<=200"
micro micro_sse sse_gb_per_s "SSE framing" GB/s "value>=1"
micro micro_limiter limiter_take_settle_ns "limiter, take and settle" ns "value<=200"
micro micro_queue queue_pop_push_1m_ns "queue, pop and push, 1M waiting" ns "value<=300"
micro micro_queue fair_pop_push_1000tags_1m_ns "queue, fair between 1,000 tags" ns "value<=500"

# Bedrock's without the signature, which hashes the body.
for dialect in openai openai-responses anthropic gemini cohere ollama tgi bedrock; do
  absolute "$dialect: text event" event_ns ns "value<=400" "$few" micro_dialects $dialect
  absolute "$dialect: allocations in 630,000 events" event_allocations "" "value<=0" 1 \
    micro_dialects $dialect
  absolute "$dialect: building a request of 1 KB" build_1k_us us "value<=1.5" "$few" \
    micro_dialects $dialect
  absolute "$dialect: building 10 MB, over 1 MB" build_10m_over_1m "" "value<=12" "$few" \
    micro_dialects $dialect
done
batch_figures
version_figure
limit_figures "limiter, 600 requests/min" --rpm 600
limit_figures "limiter, 60,000 tokens/min" --tpm 60000


# ---- the end -----------------------------------------------------------------------------

if [ -n "$json" ]; then
  awk -F '\t' '
    function number(s) { return s == "-" ? "null" : s }
    BEGIN { printf "[" }
    { printf "%s\n{\"name\":\"%s\",\"value\":%s,\"unit\":\"%s\",\"baseline\":%s,\"ratio\":%s," \
        "\"spread\":%s,\"goal\":\"%s\",\"ok\":%s}", (NR > 1 ? "," : ""), $1, number($2), $3, number($4),
        number($5), number($6), $7, ($8 == "yes" ? "true" : "false") }
    END { print "\n]" }' "$table" > "$json"
fi
if [ $valid -eq 0 ]; then
  setup_say "INVALID: bare curl took more than 4.5 times raw epoll; the machine was not quiet"
  exit 3
fi
missed=$(grep -c 'no$' "$table")
setup_say "$(wc -l < "$table") figures, $missed beyond their goal"
[ "$missed" -eq 0 ]
