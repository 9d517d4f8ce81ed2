#!/bin/sh
# Builds the shipped library and measures it. The arguments are blobferry-bench's.
set -eu
cd "$(dirname "$0")/.."
cargo build --release --package blobferry-c --package blobferry-bench

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
