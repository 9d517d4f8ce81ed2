#!/bin/sh
# Builds and runs the Go host against a library: the one that is shipped, or the one given as argument. Three times:
# as programs are built, with every store of a Go pointer into C memory checked, and with the race detector.
set -eu

hosts=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$hosts/../.." && pwd)
target=${CARGO_TARGET_DIR:-target}
case $target in
  /*) ;;
  *) target=$root/$target ;;
esac
library=${1:-$target/release/libblobferry.so}
work=$target/hosts

fail() {
  echo "run-go: $*" >&2
  exit 1
}

[ -f "$library" ] || fail "$library is not there; make it with: cargo build --release -p blobferry-c"
command -v go >/dev/null 2>&1 || fail "no go on the PATH; install Go 1.24 or newer"

# The loader looks for the SONAME, under which the library is known only once it is installed.
mkdir -p "$work/lib"
library=$(realpath "$library")
soname=$(objdump -p "$library" | awk '$1 == "SONAME" { print $2 }')
ln -sf "$library" "$work/lib/libblobferry.so"
[ -z "$soname" ] || ln -sf "$library" "$work/lib/$soname"

export CGO_ENABLED=1 CGO_CFLAGS="-I$root/include" CGO_LDFLAGS="-L$work/lib" LD_LIBRARY_PATH="$work/lib"
export GOCACHE="$work/go-cache" GOTOOLCHAIN=local GOFLAGS=
cd "$hosts/go"
go vet .
echo "go test"
go test -count=1 -timeout=300s .
echo "go test, GOEXPERIMENT=cgocheck2"
GOEXPERIMENT=cgocheck2 go test -count=1 -timeout=300s .
echo "go test -race"
go test -race -count=1 -timeout=300s .
