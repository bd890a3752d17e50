#!/bin/sh
# check_includes.sh pure|public SOURCE-FOLDER CC [FLAG...]
#
# pure: the modules that take time and randomness as arguments include neither
# uv.h nor curl.h, not even through another header.
# public: command line, addon and examples see no header of ours but the public.
set -u -f
what=$1
cd "$2" || exit 2
cc=$3
shift 3

# What touches the loop, sockets, files or their error codes. A module that does
# not stand here is pure.
impure="account alias attempt attempt_* batch batch_* circuit client credentials curl_* deliver dispatch dns error explain http
        http_curl http_plain lane limiter_uv log origin park plain_* preset_rows provider req request_copy stats submit
        watch"
# Of a family that does, these parts do not.
pure_parts="batch_csv batch_hash batch_hist batch_ids batch_line batch_template"
nchecked=0
nbad=0


# The headers of one file, one a line; what is not found is printed as written.
headers_of() {
  source=$1
  shift
  "$cc" -M -MG "$@" "$source" | tr ' \\' '\n\n' | sed '/^$/d;/:$/d'
}


complain() {
  echo "$1 includes $2"
  nbad=$((nbad + 1))
}


check_pure() {
  nchecked=$((nchecked + 1))
  for header in $(headers_of "$@" -Iinclude -Isrc); do
    case $header in
      uv.h | */uv.h | curl/*.h | */curl/*.h) complain "$1" "$header" ;;
    esac
  done
}


is_impure() {
  for name in $pure_parts; do
    [ "$name" != "$1" ] || return 1
  done
  for pattern in $impure; do
    # shellcheck disable=SC2254 # it is a pattern
    case $1 in
      $pattern) return 0 ;;
    esac
  done
  return 1
}


check_public() {
  nchecked=$((nchecked + 1))
  own=$(dirname "$1")
  for header in $(headers_of "$@" -Iinclude); do
    case $header in
      */../*) complain "$1" "$header" ;;
      "$own"/* | include/*) ;;
      src/* | adapters/*) complain "$1" "$header" ;;
      *) [ ! -e "src/$header" ] || complain "$1" "$header" ;;
    esac
  done
}


case $what in
  pure)
    for file in $(ls src | sed -n 's|.*\.c$|src/&|p') \
      $(ls adapters/providers | sed -n 's|.*\.c$|adapters/providers/&|p'); do
      ! is_impure "$(basename "$file" .c)" || continue
      check_pure "$file" "$@"
    done
    ;;
  public)
    for file in $(find src/cli adapters/node examples -name '*.c' 2> /dev/null); do
      check_public "$file" "$@"
    done
    ;;
esac

echo "$nchecked files, $nbad forbidden includes"
[ $nbad -eq 0 ]
