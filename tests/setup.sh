# What the scripts of this project need from Debian 12, and how it gets there.
#
#   . tests/setup.sh; setup build test     install what of these lists is missing
#   sh tests/setup.sh [LIST...]            the same from a shell (default: build)
#
# Nothing is touched when nothing is missing, so it also works offline then.

SETUP_build="gcc libc6-dev cmake ninja-build pkg-config ca-certificates libuv1-dev
             libcurl4-openssl-dev libssl-dev zlib1g-dev"
SETUP_test="g++ binutils libcmocka-dev libjansson-dev openssl"
SETUP_slow="clang clang-tidy libclang-rt-14-dev llvm valgrind"
SETUP_oracle="nodejs npm" # of any origin
SETUP_coverage="gcovr"
SETUP_bench="curl openssl util-linux libpcre2-8-0 libcrypt1 zlib1g"


setup_say() {
  printf '== %s\n' "$*"
}


# The command as root: as we are, or by sudo.
setup_as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    env DEBIAN_FRONTEND=noninteractive "$@"
  elif command -v sudo > /dev/null 2>&1; then
    sudo env DEBIAN_FRONTEND=noninteractive "$@"
  else
    setup_say "not root, and there is no sudo; as root, run:" \
      "apt-get update && apt-get install ${missing:-node-llhttp}" >&2
    return 1
  fi
}


setup_missing() {
  for package in "$@"; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2> /dev/null) || status=
    [ "$status" = installed ] || printf '%s ' "$package"
  done
}


setup_packages() {
  missing=$(setup_missing "$@")
  [ -n "$missing" ] || return 0
  setup_say "installing Debian packages: $missing"
  setup_as_root apt-get update -q || return 1
  # shellcheck disable=SC2086 # a list of words
  setup_as_root apt-get install -q -y --no-install-recommends $missing
}


setup_download() {
  (cd "$1" && apt-get -q -o APT::Sandbox::User=root download "$2") && return 0
  setup_say "no package list yet: apt-get update"
  setup_as_root apt-get update -q || return 1
  (cd "$1" && apt-get -q -o APT::Sandbox::User=root download "$2")
}


# setup_unpack PACKAGE FOLDER: its files, without installing it.
setup_unpack() {
  setup_say "unpacking Debian's $1 into $2"
  download=$(mktemp -d) || return 1
  setup_download "$download" "$1" && mkdir -p "$2" && dpkg -x "$download/$1"_*.deb "$2"
  status=$?
  rm -rf "$download"
  return $status
}


# llhttp is three C files in a package that depends on all of nodejs.
setup_llhttp() {
  [ -f /usr/share/llhttp/llhttp.c ] || [ -f "$1/build/llhttp/usr/share/llhttp/llhttp.c" ] ||
    setup_unpack node-llhttp "$1/build/llhttp"
}


# nginx, as a package, would start a server on port 80.
setup_nginx() {
  [ -x /usr/sbin/nginx ] || [ -x "$1/build/nginx/usr/sbin/nginx" ] ||
    setup_unpack nginx "$1/build/nginx"
}


# The arguments are names of the lists above.
setup() {
  root=$(cd "$SETUP_ROOT" && pwd) || return 1
  if command -v node > /dev/null 2>&1 && command -v npm > /dev/null 2>&1; then
    SETUP_oracle=
  fi
  if ! command -v dpkg-query > /dev/null 2>&1; then
    setup_say "no dpkg here: nothing is installed; what is needed stands in tests/setup.sh"
    return 0
  fi
  packages=
  for list in "$@"; do
    eval "packages=\"\$packages \$SETUP_$list\""
  done
  # shellcheck disable=SC2086 # a list of words
  setup_packages $packages && setup_llhttp "$root" && return 0
  setup_say "the packages could not be installed" >&2
  return 1
}


case ${0##*/} in
  setup.sh)
    SETUP_ROOT=$(dirname "$0")/..
    [ $# -gt 0 ] || set -- build
    setup "$@"
    ;;
esac
