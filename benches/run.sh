#!/bin/sh
# Builds the shipped library and measures it. The arguments are blobferry-bench's: `--only net` measures one part, and
# `--only net --case get-4KiB-64-plain --contender blobferry` does one thing again and again, for a profiler.
set -eu
cd "$(dirname "$0")/.."

# One after the other: built together the library would get the features that the benchmark wants of the same crates.
cargo build --release --package blobferry-c
cargo build --release --package blobferry-bench

case " $* " in
  *" --only empty "* | *" --only bytes "* | *" --only queued "*) ;;
  *" --only net "*)
    tests/packages openssl
    if ! [ -x .tools/nginx/nginx ] && ! command -v nginx >/dev/null; then tests/servers/install.sh; fi
    ;;
  *" --only tables "*) tests/tables/install.sh ;;
  *)
    tests/servers/install.sh
    tests/tables/install.sh
    benches/rivals.sh
    ;;
esac

# The files of the benchmark are memory here: none may stay, also after an interrupt or if the terminal is closed.
if [ -z "${BLOBFERRY_BENCH_FOLDER:-}" ] && [ -d /dev/shm ]; then
  BLOBFERRY_BENCH_FOLDER=$(mktemp -d /dev/shm/blobferry-bench-XXXXXX)
  export BLOBFERRY_BENCH_FOLDER
  trap 'rm -rf "$BLOBFERRY_BENCH_FOLDER"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 141' PIPE
  trap 'exit 143' TERM
fi
"${CARGO_TARGET_DIR:-target}/release/blobferry-bench" "$@"
