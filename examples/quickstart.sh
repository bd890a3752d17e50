#!/bin/sh
# The first command: installs what Debian packages are missing, builds uvllm, and
# runs the 240 prompts of quickstart.jsonl through the embedded provider. No key
# and no network are needed for that.
set -eu

case ${1-} in
  '') ;;
  --help | -h)
    echo "usage: examples/quickstart.sh"
    echo "Builds uvllm in build/ and runs a batch of prompts against its embedded provider."
    exit 0
    ;;
  *) echo "quickstart.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
esac

SETUP_ROOT=$(cd "$(dirname "$0")/.." && pwd)
cd "$SETUP_ROOT"
. tests/setup.sh
setup build

setup_say "building uvllm in $SETUP_ROOT/build"
cmake --preset release -DBUILD_TESTING=OFF
cmake --build --preset release --parallel "$(nproc)" --target uvllm

# The embedded provider answers at once unless it is asked to take the time that
# a real one takes.
folder=$(mktemp -d "${TMPDIR:-/tmp}/uvllm-quickstart.XXXXXX")
answers=$folder/answers.jsonl
pace='x-mock: ttft=400,itl=20,tokens=40'
setup_say "running: build/uvllm batch examples/quickstart.jsonl -m mock/gpt-4o-mini -o $answers" \
  "--concurrency 32 --header '$pace'"
build/uvllm batch examples/quickstart.jsonl -m mock/gpt-4o-mini -o "$answers" \
  --concurrency 32 --header "$pace"

setup_say "the answers are in $answers"
setup_say "the same with a real provider: OPENAI_API_KEY=... build/uvllm batch" \
  "examples/quickstart.jsonl -m openai/gpt-4o-mini -o answers.jsonl"
