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
ln -s "$PWD/bindings" "$work/bindings"
sed -i "s|file:///tmp|file://$work|" "$work/first.c"
check "it installs as root" install_as_root
check "it installs elsewhere" install_elsewhere
check "the first program compiles and runs" first_program
check "an example compiles and runs" run_installed example.sh
check "the first program compiles with the archive and runs" first_program_with_the_archive
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
