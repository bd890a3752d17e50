#!/bin/sh
# The second command: install what is missing, build with sanitizers, run every
# test. Says what it does; needs no git; runs from any folder.
set -u

usage() {
  cat << 'END'
usage: tests/run.sh [--all | --coverage]

Builds uvllm with AddressSanitizer and UndefinedBehaviorSanitizer in build/asan
and runs every test. Debian packages that are missing are installed first.

  --all       also the slow checks: the providers' own clients against the mock, the
              tests of an optimised build, each fuzzer for 30 seconds, clang-tidy, the
              tests under valgrind
  --coverage  instead: run the tests of an instrumented build and print line and
              branch coverage of src and adapters
  --help      this text

Example: tests/run.sh --all
END
}

mode=plain
case ${1-} in
  '') ;;
  --all) mode=all ;;
  --coverage) mode=coverage ;;
  --help | -h) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac
[ $# -le 1 ] || { usage >&2; exit 2; }

SETUP_ROOT=$(cd "$(dirname "$0")/.." && pwd) || exit 2
cd "$SETUP_ROOT" || exit 2
. tests/setup.sh

fuzz_seconds=30
jobs=$(nproc)
npassed=0
nfailed=0
# Thousands of connections are opened by some tests.
ulimit -n "$(ulimit -H -n)" 2> /dev/null || true


die() {
  setup_say "$*" >&2
  exit 1
}


# configure_and_build FOLDER CMAKE-ARGUMENT...
configure_and_build() {
  folder=$1
  shift
  setup_say "building in $folder"
  cmake -S . -B "$folder" -G Ninja "$@" && cmake --build "$folder" --parallel "$jobs"
}


# run_tests FOLDER: by ctest, whose counts are added to ours.
run_tests() {
  setup_say "running the tests of $1"
  ctest --test-dir "$1" --output-on-failure --no-tests=error --parallel "$jobs" \
    --output-log "$1/ctest.log"
  tests_status=$?
  counts=$(sed -n 's/.*passed, \([0-9]*\) tests\{0,1\} failed out of \([0-9]*\).*/\1 \2/p' \
    "$1/ctest.log")
  if [ -z "$counts" ]; then
    nfailed=$((nfailed + 1))
    return 1
  fi
  nfailed=$((nfailed + ${counts% *}))
  npassed=$((npassed + ${counts#* } - ${counts% *}))
  return $tests_status
}


# check NAME COMMAND...: one more thing that passes or fails. What it says is
# shown when it fails.
check() {
  name=$1
  shift
  if "$@" > build/check.log 2>&1; then
    npassed=$((npassed + 1))
    echo "passed: $name"
  else
    nfailed=$((nfailed + 1))
    tail -n 60 build/check.log
    echo "FAILED: $name"
  fi
}


fuzz() {
  mkdir -p "build/fuzz/found/$1"
  "build/fuzz/tests/fuzz/fuzz_$1" -max_total_time=$fuzz_seconds -timeout=10 -rss_limit_mb=2048 \
    -artifact_prefix="build/fuzz/$1-" "build/fuzz/found/$1" "tests/fuzz/corpus/$1"
}


run_fuzzers() {
  setup_say "fuzzing, $fuzz_seconds s each"
  check "the fuzzers configure" env CC=clang cmake -S . -B build/fuzz -G Ninja \
    -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=-O1 -DUVLLM_WERROR=ON -DUVLLM_FUZZ=ON
  check "the fuzzers compile" cmake --build build/fuzz --target fuzzers --parallel "$jobs"
  for source in tests/fuzz/fuzz_*.c; do
    topic=${source#tests/fuzz/fuzz_}
    check "fuzz ${topic%.c}" fuzz "${topic%.c}"
  done
}


# check_all NAME ITEMS COMMAND...: one check for each word of the items, which is
# the command's last argument; as many at a time as there are cores.
check_all() {
  group=$1 items=$2 logs=$PWD/build/checks/$1
  shift 2
  rm -rf "$logs"
  # shellcheck disable=SC2016 # for the inner shell
  # shellcheck disable=SC2086 # a list of words
  printf "%s\n" $items | xargs -P "$jobs" -I ITEM sh -c '
    log=$1/$2.log item=$2
    shift 2
    mkdir -p "${log%/*}"
    "$@" "$item" > "$log" 2>&1 && mv "$log" "$log.ok"' sh "$logs" ITEM "$@"
  for item in $items; do
    check "$group: $item" show_failed "$logs/$item.log"
  done
}


show_failed() {
  [ ! -f "$1.ok" ] || return 0
  cat "$1"
  return 1
}


run_tidy() {
  setup_say "clang-tidy"
  check_all clang-tidy "$(find src adapters bench examples -name '*.c' | sort)" \
    clang-tidy -p build/debug --quiet
}


# What the sanitizers do not see: reads of what was never written. Not the tests
# that open thousands of connections, hold the loop to its time or look into freed
# memory.
run_valgrind() {
  setup_say "valgrind"
  check_all valgrind "$valgrind_tests" timeout 300 sh -c '
    exec valgrind -q --error-exitcode=99 --leak-check=full \
      --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect \
      "build/debug/tests/test_$1"' sh
}
valgrind_tests="bad_server batch batch_files batch_parts batch_reader buf collect estimate frames
                http_text json json_write limiter openai_answer openai_request prices prices_read
                queue retry transport usage"


# npm's packages stay for the next run as long as the list is the same.
install_oracle() {
  mkdir -p build/oracle && cp tests/oracle/.npmrc tests/oracle/*.mjs tests/oracle/package.json \
    build/oracle || return 1
  cmp -s tests/oracle/package-lock.json build/oracle/installed.json && return 0
  cp tests/oracle/package-lock.json build/oracle && (cd build/oracle &&
    npm ci --ignore-scripts --no-audit --no-fund) &&
    cp tests/oracle/package-lock.json build/oracle/installed.json
}


run_oracle() {
  setup_say "the providers' own clients against the mock"
  check "oracle: install" install_oracle
  for file in tests/oracle/*.mjs; do
    topic=$(basename "$file" .mjs)
    [ "$topic" = mock ] || check "oracle: $topic" timeout 120 env UVLLM="$PWD/build/asan/uvllm" \
      node --test "build/oracle/$topic.mjs"
  done
}


run_coverage() {
  setup build test coverage || exit 1
  configure_and_build build/coverage -DCMAKE_BUILD_TYPE=Debug -DUVLLM_COVERAGE=ON ||
    die "the build failed"
  find build/coverage -name '*.gcda' -exec rm -f {} +
  run_tests build/coverage || die "the tests failed"
  setup_say "coverage of src and adapters; the last column names the lines not covered"
  gcovr --root . --filter src/ --filter adapters/ --exclude-unreachable-branches \
    --print-summary build/coverage
}


if [ $mode = coverage ]; then
  run_coverage
  exit
fi

lists="build test"
[ $mode = plain ] || lists="$lists slow oracle"
# shellcheck disable=SC2086 # a list of words
setup $lists || exit 1

setup_say "building with ASan and UBSan in build/asan"
cmake --preset asan -DUVLLM_WERROR=ON &&
  cmake --build --preset asan --parallel "$jobs" ||
  die "the build failed"
run_tests build/asan
status=$?
[ $mode = all ] || exit $status

run_oracle
configure_and_build build/optimised -DCMAKE_BUILD_TYPE=Release -DUVLLM_WERROR=ON ||
  die "the optimised build failed"
run_tests build/optimised
configure_and_build build/debug -DCMAKE_BUILD_TYPE=Debug -DUVLLM_WERROR=ON -DUVLLM_BENCH=ON ||
  die "the debug build failed"
run_fuzzers
run_tidy
run_valgrind

echo "$npassed passed, $nfailed failed"
[ $nfailed -eq 0 ]
