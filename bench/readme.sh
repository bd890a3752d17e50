#!/bin/sh
# Puts the figures of `bench/run.sh --json RESULTS` into README.md, between its
# markers.
#
#   bench/readme.sh RESULTS.json 'commit, machine, date'
set -eu
[ $# -eq 2 ] && [ -r "$1" ] || { echo "usage: bench/readme.sh RESULTS.json 'commit, machine, date'" >&2; exit 2; }
readme=$(dirname "$0")/../README.md
table=$(mktemp)
trap 'rm -f "$table" "$table.new"' EXIT

# One object a line, its members in the order that run.sh writes.
{
  printf '%s\n\n| figure | measured | baseline | ratio | spread | goal | |\n|---|--:|--:|--:|--:|---|---|\n' "$2"
  sed -n 's/^{"name":"\([^"]*\)","value":\([^,]*\),"unit":"\([^"]*\)","baseline":\([^,]*\),"ratio":\([^,]*\),"spread":\([^,]*\),"goal":"\([^"]*\)","ok":\([a-z]*\)}.*/| \1 | \2 \3 | \4 | \5 | \6 | \7 | \8 |/p' "$1" |
    sed -e 's/| null \{0,1\}[^|]*/| - /g' -e 's/| true |$/| met |/' -e 's/| false |$/| missed |/'
} > "$table"

awk -v table="$table" '
  /<!-- bench:begin -->/ { print; while ((getline line < table) > 0) print line; inside = 1 }
  /<!-- bench:end -->/ { inside = 0 }
  !inside' "$readme" > "$table.new"
cat "$table.new" > "$readme"
