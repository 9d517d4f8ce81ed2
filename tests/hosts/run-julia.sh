#!/bin/sh
# Runs the Julia host against a library: the one that is shipped, or the one given as argument.
set -eu

hosts=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$hosts/../.." && pwd)
target=${CARGO_TARGET_DIR:-target}
case $target in
  /*) ;;
  *) target=$root/$target ;;
esac
library=${1:-$target/release/libblobferry.so}

fail() {
  echo "run-julia: $*" >&2
  exit 1
}

[ -f "$library" ] || fail "$library is not there; make it with: cargo build --release -p blobferry-c"
command -v julia >/dev/null 2>&1 || fail "no julia on the PATH; tests/hosts/install-julia.sh installs it on Debian 12"

# A lost wake shows as a sleep without end; no time is measured.
for threads in 1 4; do
  echo "julia, $threads thread(s)"
  JULIA_NUM_THREADS=$threads \
    timeout --kill-after=10 300 julia --startup-file=no "$hosts/julia/contract.jl" "$library" ||
    fail "the host failed with status $? (124: it did not end)"
done
