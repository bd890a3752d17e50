#!/bin/sh
# test_install.sh BUILD-FOLDER CC [FLAG...]
#
# Installs into a folder of its own and builds a small program against what is
# there: shared and static, by pkg-config and by CMake. FLAGs are those that the
# library itself was built with (sanitizers), which a static link needs too.
set -eu
build=$1
export CC="$2"
shift 2
flags="$*"
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT

cmake --install "$build" --prefix "$top/prefix" > "$top/install.log"
libdir=$(dirname "$(find "$top/prefix" -name pkgconfig)")

cat > "$top/try.c" << 'END'
#include <stdio.h>
#include <string.h>
#include "uvllm.h"

int main(void) {
  const char* name = uvllm_err_name(UVLLM_EAUTH);
  printf("%s: %s\n", name, uvllm_strerror(UVLLM_EAUTH));
  return strcmp(name, "UVLLM_EAUTH") != 0;
}
END

cat > "$top/CMakeLists.txt" << 'END'
cmake_minimum_required(VERSION 3.25)
project(try C)
set(CMAKE_C_STANDARD 11)
find_package(uvllm 0.1 REQUIRED)
add_executable(try_shared try.c)
target_link_libraries(try_shared uvllm::uvllm)
add_executable(try_static try.c)
target_link_libraries(try_static uvllm::static)
END


# expect shared|static PROGRAM: it runs, and finds the library where it should.
expect() {
  LD_LIBRARY_PATH=$libdir "$2" > "$top/out"
  grep -q UVLLM_EAUTH "$top/out"
  if readelf -d "$2" | grep -q 'NEEDED.*libuvllm'; then found=shared; else found=static; fi
  [ $found = "$1" ] || { echo "$2 is linked $found, not $1"; exit 1; }
  echo "passed: $1 by $3"
}


cd "$top"
export PKG_CONFIG_PATH="$libdir/pkgconfig"
[ "$(pkg-config --variable=libdir uvllm)" -ef "$libdir" ]
# shellcheck disable=SC2046,SC2086 # lists of words
$CC -std=gnu11 $flags try.c $(pkg-config --cflags --libs uvllm) -o pc_shared
expect shared ./pc_shared pkg-config
# shellcheck disable=SC2046,SC2086
$CC -std=gnu11 $flags try.c \
  $(pkg-config --static --cflags --libs uvllm | sed 's/-luvllm/-l:libuvllm.a/') -o pc_static
expect static ./pc_static "pkg-config --static"

cmake -S . -B cmake -G Ninja -DCMAKE_PREFIX_PATH="$top/prefix" -DCMAKE_C_FLAGS="$flags" > cmake.log
cmake --build cmake > cmake.log
expect shared cmake/try_shared find_package
expect static cmake/try_static find_package
