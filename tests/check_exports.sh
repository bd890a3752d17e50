#!/bin/sh
# check_exports.sh SHARED-LIBRARY [INCLUDE-FOLDER]
#
# The library exports nothing but uvllm_ names; and, with the folder, every
# function that a public header declares.
set -u
symbols=$(nm -D --defined-only "$1" | awk '{ print $3 }' | sed 's/@.*//') || exit 2
[ -n "$symbols" ] || { echo "no symbols in $1"; exit 1; }

# Sanitizers and gcov leave marks of their own beside our names.
foreign=$(echo "$symbols" | grep -v -E '^(uvllm_|__odr_asan|__asan|__ubsan|__gcov|mangle_path$|_init$|_fini$)')
declared=
[ $# -lt 2 ] || declared=$(cat "$2"/uvllm.h "$2"/uvllm/*.h | tr '\n' ' ' |
  grep -o 'UVLLM_EXTERN [^;(#]*(' | sed -n 's/.*[ *]\(uvllm_[a-z0-9_]*\)($/\1/p' | sort -u)
absent=$(for name in $declared; do echo "$symbols" | grep -q -x "$name" || echo "$name"; done)

echo "$(echo "$symbols" | grep -c '^uvllm_') exported"
[ -z "$foreign" ] || echo "exported, but not ours:" $foreign
[ -z "$absent" ] || echo "declared, but not exported:" $absent
[ -z "$foreign$absent" ]
