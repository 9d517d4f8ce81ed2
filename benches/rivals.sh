#!/usr/bin/env bash
# Installs what the library is measured beside, below .tools/rivals: Python packages (benches/python/requirements.txt)
# into a venv, and s5cmd, which Go builds. What is there at its version is left alone. What cannot be had here is left
# out of the tables, which give the reason: .tools/rivals/NAME.missing. Fails never.
set -euo pipefail
cd "$(dirname "$0")/.."

s5cmd=2.3.0
rivals=$PWD/.tools/rivals
requirements=$PWD/benches/python/requirements.txt
log=$rivals/install.log

install_python() {
  local to=$rivals/python
  if cmp -s "$requirements" "$to/installed.txt"; then return; fi
  echo "installing boto3, obstore, awscrt and awscli (benches/python/requirements.txt) into .tools/rivals/python" >&3
  rm -rf "$to"
  python3 -m venv "$to" && "$to/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: \
    --require-hashes --requirement "$requirements" && cp "$requirements" "$to/installed.txt"
}

install_s5cmd() {
  local module=github.com/peak/s5cmd/v2
  if go version -m "$rivals/bin/s5cmd" 2>/dev/null | grep -qP "^\tmod\t$module\tv$s5cmd\t"; then return; fi
  echo "installing s5cmd $s5cmd into .tools/rivals/bin" >&3
  GOBIN=$rivals/bin GOFLAGS='' go install "$module@v$s5cmd"
}

# try NAME FUNCTION: the last line of what went wrong is the reason.
try() {
  rm -f "$rivals/$1.missing"
  if ! ("$2") >"$log" 2>&1; then
    grep -v '^[[:space:]]*$' "$log" | tail -n 1 | sed 's/^[[:space:]]*//' >"$rivals/$1.missing"
    echo "$1 cannot be had here: $(cat "$rivals/$1.missing")"
  fi
}

mkdir -p "$rivals"
exec 3>&1
try python install_python
try s5cmd install_s5cmd
