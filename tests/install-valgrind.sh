#!/usr/bin/env bash
# Puts a valgrind that knows openat2, which file:// rests on, at .tools/valgrind/valgrind: that of the system if it is
# new enough, or else that of Debian 13, unpacked there beside the older one. The system is not changed.
set -euo pipefail
cd "$(dirname "$0")/.."

least=3.24
tools=$PWD/.tools/valgrind
launcher=$tools/valgrind

is_new_enough() {
  local found
  found=$("$1" --version 2>/dev/null) || return 1
  [ "$(printf '%s\n' "$least" "${found#valgrind-}" | sort -V | head -n 1)" = "$least" ]
}

if is_new_enough "$launcher"; then exit 0; fi
mkdir -p "$tools/lists/partial" "$tools/cache/archives/partial"
if is_new_enough valgrind; then
  ln -sf "$(command -v valgrind)" "$launcher"
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "valgrind $least or newer is needed" >&2
  exit 1
fi

echo "unpacking Debian 13's valgrind (15 MB to fetch) below .tools/valgrind"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main" \
  >"$tools/sources.list"
apt=(apt-get -q -o "Dir::State::Lists=$tools/lists" -o "Dir::Cache=$tools/cache" -o "Dir::Etc::SourceParts=-"
  -o "Dir::Etc::SourceList=$tools/sources.list" -o "APT::Sandbox::User=$(id -un)")
cd "$tools"
"${apt[@]}" update
"${apt[@]}" download valgrind/trixie
dpkg -x valgrind_*.deb package
printf '#!/bin/sh\nVALGRIND_LIB="%s" exec "%s" "$@"\n' "$tools/package/usr/libexec/valgrind" \
  "$tools/package/usr/bin/valgrind.bin" >"$launcher"
chmod +x "$launcher"
rm -rf lists cache valgrind_*.deb
is_new_enough "$launcher"
