#!/bin/sh
# check_readme.sh SOURCE-FOLDER BUILD-FOLDER UVLLM TEST-DIALECTS CC [FLAG...]
#
# What README.md says is so: its example is built by its own commands against the
# installed library and gets an answer, its options are those of `uvllm batch`, its
# table of dialects is that of the test, and the files that it names exist. FLAGs
# are those of the library's build.
set -eu
source=$1
build=$2
uvllm=$3
dialects=$4
cc=$5
shift 5
readme=$source/README.md
top=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$top"' EXIT


# part NAME: what stands between its markers.
part() {
  sed -n "/<!-- $1:begin -->/,/<!-- $1:end -->/p" "$readme" | grep -v '^<!--'
}


complain() {
  echo "FAILED: $*"
  exit 1
}


part example | grep -v '^```' > "$top/hello.c"
part link | grep -v '^```' > "$top/link.sh"
[ -s "$top/hello.c" ] && [ -s "$top/link.sh" ] || complain "no example in README.md"
cmake --install "$build" --prefix "$top/prefix" > "$top/install.log"
libdir=$(dirname "$(find "$top/prefix" -name pkgconfig)")
mkdir "$top/bin"
printf '#!/bin/sh\nexec %s -Wall -Wextra -Werror %s "$@"\n' "$cc" "$*" > "$top/bin/cc"
chmod +x "$top/bin/cc"
(cd "$top" && PATH="$top/bin:$PATH" PKG_CONFIG_PATH="$libdir/pkgconfig" sh -eu link.sh)

"$uvllm" mock > "$top/listening" &
server=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
  grep -q listening "$top/listening" && break
  sleep 0.2
done
url=$(sed -n 's/^listening //p' "$top/listening")
for program in hello hello-static; do
  OPENAI_BASE_URL=$url/v1 OPENAI_API_KEY=sk-readme LD_LIBRARY_PATH=$libdir \
    "$top/$program" > "$top/answer" || complain "$program: status $?"
  [ "$(wc -w < "$top/answer")" -gt 3 ] || complain "$program: no answer"
  echo "passed: $program"
done
readelf -d "$top/hello-static" | grep -q 'NEEDED.*libuvllm' && complain "hello-static is not static"

"$uvllm" batch --help | grep -oE -e '--[a-z][a-z-]+' | grep -vE -e '--(help|model|output|verbose)$' |
  sort -u > "$top/real"
part options | grep -oE -e '--[a-z][a-z-]+' | sort -u > "$top/told"
diff "$top/real" "$top/told" || complain "the options of batch (<) are not those of README.md (>)"
echo "passed: $(wc -l < "$top/real") options"

"$dialects" --matrix > "$top/real"
part matrix > "$top/told"
diff "$top/real" "$top/told" || complain "the dialects of the test (<) are not those of README.md (>)"
echo "passed: $(wc -l < "$top/real") lines of dialects"

grep -oE '(examples|tests|bench|include|src)/[a-z_/]+\.[a-z]+' "$readme" | sort -u > "$top/files"
while read -r file; do
  [ -e "$source/$file" ] || complain "there is no $file"
done < "$top/files"
echo "passed: $(wc -l < "$top/files") files"
