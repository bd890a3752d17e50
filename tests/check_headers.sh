#!/bin/sh
# check_headers.sh SOURCE-FOLDER CC CXX [FLAG...]
#
# Each public header compiles alone, as C and as C++.
set -u
cd "$1/include" || exit 2
cc=$2
cxx=$3
shift 3
nbad=0
for header in uvllm.h uvllm/*.h; do
  echo "#include \"$header\"" | "$cc" -std=gnu99 -Wall -Wextra -Werror -I. "$@" -fsyntax-only \
    -x c - || nbad=$((nbad + 1))
  echo "#include \"$header\"" | "$cxx" -std=c++11 -Wall -Wextra -Werror -I. "$@" -fsyntax-only \
    -x c++ - || nbad=$((nbad + 1))
done
echo "$nbad failures"
[ $nbad -eq 0 ]
