#!/usr/bin/env bash
# Puts libFuzzer at .tools/libfuzzer/libFuzzer.a: Debian's package of the newest LLVM that there is, unpacked there. The
# system is not changed, and no clang is needed: gcc links it.
set -euo pipefail
cd "$(dirname "$0")/../.."

to=$PWD/.tools/libfuzzer

if [ -e "$to/libFuzzer.a" ]; then exit 0; fi
if ! command -v apt-get >/dev/null; then
  echo "tests/fuzz: put the libFuzzer of an LLVM (libclang_rt.fuzzer-*.a) at .tools/libfuzzer/libFuzzer.a" >&2
  exit 1
fi
echo "unpacking Debian's libFuzzer (1 MB, and 30 MB of lists) below .tools/libfuzzer"
rm -rf "$to"
mkdir -p "$to/lists/partial" "$to/cache/archives/partial"
apt=(-o "Dir::State::Lists=$to/lists" -o "Dir::Cache=$to/cache" -o Debug::NoLocking=1 -o "APT::Sandbox::User=$(id -un)")
cd "$to"
apt-get -q "${apt[@]}" update
package=$(apt-cache "${apt[@]}" search --names-only '^libfuzzer-[0-9]+-dev$' | awk '{print $1}' | sort -V | tail -n 1)
apt-get -q "${apt[@]}" download "$package"
dpkg -x "$package"_*.deb package
ln -s "$(find package -name libFuzzer.a)" libFuzzer.a
rm -rf lists cache ./*.deb
ls -l libFuzzer.a >/dev/null
