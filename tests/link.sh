#!/usr/bin/env bash
# Installs into a temporary folder, as a user would, and looks at what is there: the names of the library, what it
# exports, and whether a program in each language links to it through pkg-config and runs.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d "${TMPDIR:-/tmp}/blobferry-link-XXXXXX")
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
. tests/checks.sh

compile_and_run() {
  local compiler=$1 standard=$2 source=$3 program=$4
  shift 4
  "$compiler" "-std=$standard" -Wall -Wextra -Wpedantic -Werror "$source" -o "$program" "$@" &&
    equal "$("$program")" "$version"
}

needed_libraries() {
  readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}

# $1: so or a, $2: the name of the library for the linker, then what pkg-config is asked besides.
programs() {
  local kind=$1 name=$2 flags program
  shift 2
  flags=$(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --cflags --libs "$@" blobferry)
  read -ra flags <<<"${flags/-lblobferry/$name}"
  cp "$work/program.c" "$work/program.cc"
  for language in gcc:c99:c gcc:c11:c gcc:c17:c g++:c++11:cc; do
    IFS=: read -r compiler standard suffix <<<"$language"
    program=$work/program-$kind-$standard
    check "$standard links to the .$kind and runs" \
      compile_and_run "$compiler" "$standard" "$work/program.$suffix" "$program" "${flags[@]}"
  done
}

make -s install PREFIX="$prefix" >"$work/install.log" 2>&1 || { cat "$work/install.log" && exit 1; }
library=$prefix/lib/libblobferry.so
version=$(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --modversion blobferry)

cat >"$work/program.c" <<'PROGRAM'
#include <blobferry.h>
#include <stdio.h>
#include <string.h>

/* Prints the version if a service, a queue and a store can be had. */
int main(void) {
  blobferry_service_t *service = NULL;
  blobferry_cq_t      *cq = NULL;
  blobferry_store_t   *store = NULL;
  int ok = blobferry_abi_version() == BLOBFERRY_ABI_VERSION && strcmp(blobferry_version(), BLOBFERRY_VERSION) == 0 &&
           blobferry_service_new(NULL, &service, NULL) == BLOBFERRY_OK &&
           blobferry_cq_new(service, NULL, &cq, NULL) == BLOBFERRY_OK &&
           blobferry_store_open(service, "memory://link", NULL, 0, &store, NULL) == BLOBFERRY_OK;
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
  if (ok) printf("%s\n", blobferry_version());
  return ok ? 0 : 1;
}
PROGRAM

echo "-- names"
check "the SONAME ends in the ABI version" \
  equal "$(readelf -d "$library" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')" \
  "libblobferry.so.$(sed -n 's/^#define BLOBFERRY_ABI_VERSION //p' include/blobferry/base.h)"
check "libblobferry.so is a link to the SONAME" equal "$(readlink "$library")" "libblobferry.so.0"
check "the SONAME is a link to the version" equal "$(readlink "$library.0")" "libblobferry.so.$version"
check "the version is a file" test -f "$library.$version" -a ! -L "$library.$version"
check "it stays loaded once it is loaded" grep -q NODELETE <(readelf -d "$library")
check "it needs nothing but the system" equal \
  "$(needed_libraries "$library" | grep -vE '^(libc|libm|libgcc_s|libdl|libpthread|librt|ld-linux.*)\.so' || true)" ""
check "every export has the prefix" equal "$(nm -D --defined-only "$library" | awk '$3 !~ /^blobferry_/' || true)" ""
archived=$(nm --defined-only "$prefix/lib/libblobferry.a" 2>/dev/null | awk '$2 == "T" && $3 ~ /^blobferry_/ {print $3}')
listed=$(sed -n 's/^[0-9.]* \(blobferry_.*\)/\1/p' include/blobferry.symbols)
check "the archive has what the headers declare" equal "$(sort -u <<<"$archived")" "$(sort <<<"$listed")"

echo "-- the shared library"
LD_LIBRARY_PATH=$prefix/lib programs so -lblobferry
check "the program needs the SONAME" grep -qx libblobferry.so.0 <(needed_libraries "$work/program-so-c11")

echo "-- the archive"
programs a -l:libblobferry.a --static # the shared library is beside it
check "the program needs no shared library of ours" \
  equal "$(needed_libraries "$work/program-a-c11" | grep -c blobferry || true)" 0

echo "-- a package's folder"
make -s install PREFIX=/usr DESTDIR="$work/package" >"$work/install.log" 2>&1
usr=$work/package/usr
check "DESTDIR is where the files go" test -e "$usr/lib/libblobferry.so" -a -e "$usr/include/blobferry.h"
check "DESTDIR is not in the pkg-config file" equal "$(grep -c "$work" "$usr/lib/pkgconfig/blobferry.pc" || true)" 0

echo "-- a folder with a blank"
blank="$work/a prefix"
make -s install PREFIX="$blank" >"$work/install.log" 2>&1
# pkg-config quotes for a shell that reads its answer once more.
eval "flags=($(PKG_CONFIG_PATH=$blank/lib/pkgconfig pkg-config --cflags --libs blobferry))"
LD_LIBRARY_PATH=$blank/lib check "a program links to the .so there and runs" \
  compile_and_run gcc c11 "$work/program.c" "$work/program-blank" "${flags[@]}"

sum_up
