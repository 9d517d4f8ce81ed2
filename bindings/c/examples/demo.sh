#!/bin/sh
# Builds the library and the examples of this folder, runs the small ones
# quietly and then 12_ferry, the main job, with its table.
#
#   usage: demo.sh [FOLDER or URL of a store] [option=value ...]
#
# The arguments are for 12_ferry; without any, the environment variables URL and
# OPTIONS ("option=value option=value") are taken. BLOBFERRY_DEMO_SMALL=1 makes
# it quick. It needs cargo and a C compiler (CC, or cc).
set -eu

if [ $# -eq 0 ]; then
  # OPTIONS is a list of words: it is meant to be split.
  # shellcheck disable=SC2086
  set -- ${URL:+"$URL"} ${OPTIONS:-}
fi

start=$(pwd)
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
cd "$root"
target=${CARGO_TARGET_DIR:-target}
case $target in
  /*) ;;
  *) target=$root/$target ;;
esac
built=$target/examples
cargo build --release --package blobferry-c
mkdir -p "$built"

# Whatever the examples make lies in here, and goes with it, also after an interrupt or if the
# terminal is closed.
TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/blobferry-demo-XXXXXX")
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM

build() {
  "${CC:-cc}" -std=c11 -O2 -Wall -Wextra -Wpedantic -I "$root/include" -o "$built/$1" "$here/$1.c" \
    -L "$target/release" -Wl,-rpath,"$target/release" -lblobferry -pthread
}

# Shows the output of an example only if it fails.
run_quietly() {
  if "$built/$1" "$2" >"$TMPDIR/output" 2>&1; then
    echo "ok      $1"
  else
    echo "FAILED  $1"
    cat "$TMPDIR/output"
    exit 1
  fi
}

for source in "$here"/[0-9][0-9]_*.c; do
  name=$(basename "$source" .c)
  build "$name"
  [ "$name" != 12_ferry ] || continue
  case $name in
    07_*) store=memory://demo ;; # folders have neither conditional updates nor metadata
    *) store=file://$TMPDIR/small && mkdir -p "$TMPDIR/small" ;;
  esac
  run_quietly "$name" "$store"
done

echo
cd "$start" # a folder in the arguments is meant from there
"$built/12_ferry" "$@"
