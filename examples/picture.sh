#!/bin/bash
# Makes terminal.svg, the picture in README.md: two real batches against the
# embedded provider in a terminal of 100 columns (tmux), photographed while the
# second one runs.
#
#   examples/picture.sh [FILE.svg]    needs tmux, and uvllm in build/ or $UVLLM_BIN
set -eu
cd "$(dirname "$0")/.."
root=$PWD
svg=${1:-examples/terminal.svg}
bin=${UVLLM_BIN:-$root/build}
columns=100
rows=24

for need in tmux awk; do
  command -v $need > /dev/null || { echo "picture.sh: $need is missing: apt-get install $need" >&2; exit 2; }
done
[ -x "$bin/uvllm" ] || { echo "picture.sh: no uvllm in $bin: run examples/quickstart.sh" >&2; exit 2; }

folder=$(mktemp -d)
terminal() {
  tmux -S "$folder/socket" -f /dev/null "$@"
}
trap 'terminal kill-server 2> /dev/null || true; rm -rf "$folder"' EXIT
mkdir "$folder/home"
cp examples/quickstart.jsonl "$folder/home"


# on_screen PATTERN: waits until a line of the screen matches.
on_screen() {
  local tries=600
  until terminal capture-pane -p | grep -qE -e "$1"; do
    [ $((tries--)) -gt 0 ] || { echo "picture.sh: '$1' never came" >&2; exit 1; }
    sleep 0.1
  done
}


# type_line COMMAND, as somebody would at the prompt.
type_line() {
  terminal send-keys -l "$1"
  terminal send-keys Enter
}


echo "PS1='\[\e[36m\]$\[\e[0m\] '" > "$folder/rc"
env -i HOME="$folder/home" PATH="$bin:$PATH" LANG=C.UTF-8 TERM=xterm-256color \
  tmux -S "$folder/socket" -f /dev/null new-session -d -x $columns -y $rows -c "$folder/home" \
  "bash --noprofile --rcfile '$folder/rc' -i"
on_screen '^\$$'
type_line "uvllm batch quickstart.jsonl -m mock/gpt-4o-mini --header 'x-mock: ttft=400,itl=20,tokens=40'"
on_screen '^  output '
on_screen '^\$$'
type_line "uvllm batch quickstart.jsonl -m mock/gpt-4o -o 4o.jsonl --rpm 1200 --header 'x-mock: ttft=600'"
on_screen '^1[3-9][0-9]/240 .* left'
terminal capture-pane -p -e > "$folder/screen"
terminal send-keys C-c

awk -v columns=$columns -f examples/picture.awk "$folder/screen" > "$folder/svg"
mv "$folder/svg" "$svg"
echo "picture.sh: $svg, $(wc -c < "$svg") bytes"
