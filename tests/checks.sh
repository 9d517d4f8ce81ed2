#!/usr/bin/env bash
# Sourced by scripts that are a list of checks: runs and counts them. The script sets `work`, a folder of its own.

passed=0 failed=0

# check NAME COMMAND...: counts one check, and shows what the command said if it fails.
check() {
  local name=$1
  shift
  if "$@" >"${work:?}/log" 2>&1; then
    passed=$((passed + 1))
    echo "ok     $name"
  else
    failed=$((failed + 1))
    echo "FAILED $name: $*"
    sed 's/^/  /' "$work/log"
  fi
}

equal() {
  [ "$1" = "$2" ] || { echo "is '$1', wanted '$2'" && false; }
}

# The last line of the script, and its status.
sum_up() {
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
}
