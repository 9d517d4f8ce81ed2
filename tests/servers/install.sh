#!/usr/bin/env bash
# Installs the servers that tests/servers/with starts, below .tools/: versitygw (S3), azurite (Azure Blob), our own
# server for Google Cloud Storage (tests/servers/gcs) and nginx (plain HTTP). What is there at its version is left
# alone. Needs Go and Node; nothing of the system is changed, but for the Debian packages curl and openssl where they
# are missing.
set -euo pipefail
cd "$(dirname "$0")/../.."

versitygw=1.8.0 # azurite's version is in azurite/package.json, fakestorage's in gcs/go.mod
tools=$PWD/.tools
servers=$PWD/tests/servers

need() {
  command -v "$1" >/dev/null && return
  echo "tests/servers: $1 is needed, and not on the PATH: see $2" >&2
  exit 1
}

install_versitygw() {
  local module=github.com/versity/versitygw
  if go version -m "$tools/bin/versitygw" 2>/dev/null | grep -qP "^\tmod\t$module\tv$versitygw\t"; then return; fi
  echo "installing versitygw $versitygw into .tools/bin (one or two minutes)"
  GOBIN=$tools/bin GOFLAGS='' go install "$module/cmd/versitygw@v$versitygw"
}

install_gcs() {
  if [ -e "$tools/bin/gcs" ] && [ -z "$(find "$servers/gcs" -newer "$tools/bin/gcs" -print -quit)" ]; then return; fi
  echo "building tests/servers/gcs into .tools/bin (a minute, the first time)"
  (cd "$servers/gcs" && GOFLAGS='' go build -buildvcs=false -o "$tools/bin/gcs" .)
  touch "$tools/bin/gcs"
}

install_azurite() {
  local to=$tools/azurite
  if cmp -s "$servers/azurite/package-lock.json" "$to/installed-lock.json"; then return; fi
  echo "installing azurite (tests/servers/azurite) into .tools/azurite"
  mkdir -p "$to"
  rm -f "$to/installed-lock.json"
  cp "$servers/azurite/package.json" "$servers/azurite/package-lock.json" "$to/"
  npm ci --prefix "$to" --ignore-scripts --no-audit --no-fund --loglevel=error
  cp "$to/package-lock.json" "$to/installed-lock.json"
}

# nginx that runs from any folder, at .tools/nginx/nginx, with the folder .tools/nginx/modules.
install_nginx() {
  local to=$tools/nginx
  if [ -x "$to/nginx" ] && [ -e "$to/modules/$dav_ext" ] && "$to/nginx" -v 2>/dev/null; then return; fi
  rm -rf "$to"
  mkdir -p "$to"
  if command -v nginx >/dev/null && [ -e "$system_modules/$dav_ext" ]; then
    ln -s "$(command -v nginx)" "$to/nginx"
    ln -s "$system_modules" "$to/modules"
  else
    unpack_nginx "$to"
  fi
}
dav_ext=ngx_http_dav_ext_module.so
system_modules=/usr/lib/nginx/modules

# The packages, and what they need and the system has not, are unpacked and not installed: to install nginx is to start
# a service, and takes root.
unpack_nginx() {
  local to=$1 package
  need apt-get "https://nginx.org for nginx with its dav module and nginx-dav-ext-module"
  echo "unpacking Debian's packages nginx and libnginx-mod-http-dav-ext (1 MB, and 30 MB of lists) below .tools/nginx"
  mkdir -p "$to/lists/partial" "$to/cache/archives/partial"
  local apt=(apt-get -q -o "Dir::State::Lists=$to/lists" -o "Dir::Cache=$to/cache" -o Debug::NoLocking=1
    -o "APT::Sandbox::User=$(id -un)")
  "${apt[@]}" update
  "${apt[@]}" install -y --no-install-recommends --reinstall --download-only nginx libnginx-mod-http-dav-ext
  for package in "$to"/cache/archives/*.deb; do dpkg -x "$package" "$to/root"; done
  ln -s "root$system_modules" "$to/modules"
  printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec "%s" "$@"\n' "$to/root/usr/lib/$(uname -m)-linux-gnu" \
    "$to/root/usr/sbin/nginx" >"$to/nginx"
  chmod +x "$to/nginx"
  rm -rf "$to/lists" "$to/cache"
  "$to/nginx" -v
}

need go "https://go.dev/dl"
need node "https://nodejs.org"
need npm "https://nodejs.org"
tests/packages curl openssl
install_versitygw
install_gcs
install_azurite
install_nginx
