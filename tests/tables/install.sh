#!/usr/bin/env bash
# Installs pyarrow, DuckDB, DataFusion, polars and what runs the tests (tests/tables/requirements.txt) into a virtual
# environment, .tools/tables. What is there at its version is left alone. Needs Python 3.11 or newer; nothing of the
# system is changed.
set -euo pipefail
cd "$(dirname "$0")/../.."

to=.tools/tables
requirements=tests/tables/requirements.txt

if cmp -s "$requirements" "$to/installed.txt"; then exit 0; fi
python=python3
if ! "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "tests/tables: Python 3.11 or newer with venv is needed: see https://python.org, or Debian's python3-venv" >&2
  exit 1
fi
echo "installing pyarrow, duckdb, datafusion, polars and pytest ($requirements) into $to (200 MB to fetch)"
rm -rf "$to"
mkdir -p .tools
"$python" -m venv "$to"
"$to/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --require-hashes \
  --requirement "$requirements"
cp "$requirements" "$to/installed.txt"
