#!/usr/bin/env bash
# Does what README.md says: compiles and runs its first program with its own commands, and looks whether the commands
# and files that it names are there.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d "${TMPDIR:-/tmp}/blobferry-readme-XXXXXX")
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

check() {
  local name=$1
  shift
  if "$@" >"$work/log" 2>&1; then
    passed=$((passed + 1))
    echo "ok     $name"
  else
    failed=$((failed + 1))
    echo "FAILED $name"
    sed 's/^/  /' "$work/log"
  fi
}

# The lines of the first fenced block of a language.
block() {
  awk -v fence="\`\`\`$1" '$0 == fence {inside = 1; next} /^```/ {if (inside) exit} inside' README.md
}

first_program() {
  local printed
  printed=$(cd "$work" && PKG_CONFIG_PATH=$work/prefix/lib/pkgconfig LD_LIBRARY_PATH=$work/prefix/lib sh -eu commands)
  echo "printed: $printed"
  [ "$printed" = "Hello, ferry! (14 bytes)" ]
}

# What it does not get, it says: with a store that cannot be, the program fails and prints why.
first_program_that_fails() {
  sed -i 's|file:///tmp|file:///proc/nowhere|' "$work/first.c"
  ! first_program && grep -q "proc/nowhere" "$work/log"
}

make -s install PREFIX="$work/prefix" >"$work/install.log" 2>&1 || { cat "$work/install.log" && exit 1; }
block c >"$work/first.c"
block sh >"$work/commands"
sed -i "s|file:///tmp|file://$work|" "$work/first.c"
check "the first program compiles and runs" first_program
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

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
