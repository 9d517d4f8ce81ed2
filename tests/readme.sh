#!/usr/bin/env bash
# Does what README.md says: installs, compiles and runs with its own commands, and looks whether the commands and files
# that it names are there.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d "${TMPDIR:-/tmp}/blobferry-readme-XXXXXX")
trap 'rm -rf "$work"' EXIT
. tests/checks.sh

# block LANGUAGE WORD: the lines of the first fenced block of a language in which a word stands.
block() {
  awk -v fence="\`\`\`$1" -v word="$2" '
    $0 == fence { inside = 1; lines = ""; next }
    /^```/ { if (inside && index(lines, word)) { printf "%s", lines; exit } inside = 0 }
    inside { lines = lines $0 "\n" }' README.md
}

# Runs commands of README.md in the shell that has done its other installation.
run_installed() {
  (cd "$work" && sh -eu -c '. ./environment && . "$1"' sh "./$1")
}

first_program() {
  local printed
  printed=$(run_installed first.sh)
  echo "printed: $printed"
  [ "$printed" = "Hello, ferry! (14 bytes)" ]
}

# What it does not get, it says: with a store that cannot be, the program fails and prints why.
first_program_that_fails() {
  sed -i 's|file:///tmp|file:///proc/nowhere|' "$work/first.c"
  ! first_program && grep -q "proc/nowhere" "$work/log"
}

first_program_with_the_archive() {
  run_installed static.sh && readelf -d "$work/first-static" >"$work/needed" && grep NEEDED "$work/needed" &&
    ! grep blobferry "$work/needed"
}

# With a sudo as it mostly is, without cargo; the files go to a folder of this test instead of /usr/local.
install_as_root() {
  mkdir "$work/bin"
  printf '#!/bin/sh\n[ "$1" = ldconfig ] || PATH=/usr/bin:/bin exec "$@"\n' >"$work/bin/sudo"
  chmod +x "$work/bin/sudo"
  PATH=$work/bin:$PATH DESTDIR=$work/root sh -eu "$work/system.sh" &&
    [ -e "$work/root/usr/local/lib/libblobferry.so" ] && [ -e "$work/root/usr/local/include/blobferry.h" ]
}

# The lines of the conversion, in a program that has what they use.
conversion() {
  mkdir -p "$work/blobferry-first" && cat >"$work/convert.c" <<'PROGRAM' &&
#include <blobferry.h>
int main(int count, char **arguments) {
  blobferry_service_t *service = NULL;
  blobferry_cq_t *cq = NULL;
  blobferry_store_t *store = NULL;
  blobferry_error_t *error = NULL;
  blobferry_completion_t done = {0};
  size_t taken = 0;
  if (count != 2 || blobferry_service_new(NULL, &service, &error) || blobferry_cq_new(service, NULL, &cq, &error) ||
      blobferry_store_open(service, arguments[1], NULL, 0, &store, &error))
    return 1;
#include "convert.inc"
  return blobferry_cq_wait(cq, &done, 1, -1, &taken, &error) || done.status || done.result != 3;
}
PROGRAM
    printf 'city,celsius\nOslo,-7.5\nLagos,31\nOslo,2\n' >"$work/blobferry-first/weather.csv" &&
    printf 'cc convert.c $(pkg-config --cflags --libs blobferry) -o convert && ./convert "file://$PWD/blobferry-first"\n' \
      >"$work/convert.sh" && run_installed convert.sh
}

# With the Python that the tests of tables have.
query() {
  local printed
  sed -i "s|file:///tmp|file://$work|" "$work/query.py"
  echo "'$PWD/.tools/tables/bin/python' query.py" >"$work/query.sh"
  printed=$(run_installed query.sh)
  echo "printed: $printed"
  [ "$printed" = "[('Lagos', 31.0), ('Oslo', -7.5)]
[{'city': 'Lagos', 'most': 31.0}, {'city': 'Oslo', 'most': 2.0}]" ]
}

# In another folder than a home, with the commands for one.
install_elsewhere() {
  grep -q '^PREFIX=' "$work/elsewhere.sh" && grep -q '^export ' "$work/elsewhere.sh" &&
    sed -i "s|^PREFIX=.*|PREFIX=$work/prefix|" "$work/elsewhere.sh" &&
    grep -v '^make ' "$work/elsewhere.sh" >"$work/environment" &&
    sh -eu "$work/elsewhere.sh"
}

block sh "sudo make install" >"$work/system.sh"
block sh "export" >"$work/elsewhere.sh"
block sh "./first" >"$work/first.sh"
block sh "./many" >"$work/example.sh"
block sh "./first-static" >"$work/static.sh"
block c "int main" >"$work/first.c"
block c "blobferry_table_convert" >"$work/convert.inc"
block python "duckdb" >"$work/query.py"
ln -s "$PWD/bindings" "$work/bindings"
sed -i "s|file:///tmp|file://$work|" "$work/first.c"
check "it installs as root" install_as_root
check "it installs elsewhere" install_elsewhere
check "the first program compiles and runs" first_program
check "an example compiles and runs" run_installed example.sh
check "the first program compiles with the archive and runs" first_program_with_the_archive
check "what the tables are queried with is installed" tests/tables/install.sh
check "a CSV blob becomes Parquet" conversion
check "DuckDB and DataFusion query the rows" query
sed -i "s|file://$work|file:///tmp|" "$work/first.c"
check "the first program prints what went wrong" first_program_that_fails

for target in $(grep -oE '(^|`)make [a-z]+' README.md | awk '{print $2}' | sort -u); do
  check "make $target is in the Makefile" make -n "$target"
done
check "the version of Rust is that of Cargo.toml" \
  grep -q "Rust $(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) or newer" README.md
check "the version of Go is that of go.mod" grep -q "Go $(sed -n 's/^go //p' tests/hosts/go/go.mod) or newer" README.md

# Files are named in links, and between backquotes.
files() {
  grep -oE '\]\([^):]+\)' README.md | tr -d ']()'
  grep -oE '\b(src|tests|bindings|include)/[a-z_./]+' README.md
}
for file in $(files | sort -u); do
  check "$file is there" test -e "$file"
done

sum_up
