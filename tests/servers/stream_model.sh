#!/usr/bin/env bash
# Readers and writers by dice, on servers: their dropped and cancelled writers leave no upload behind.
#
#   usage: tests/servers/with tests/servers/stream_model.sh COMMAND...
set -euo pipefail
exec "$(dirname "$0")/net_leftovers.sh" "$@"
