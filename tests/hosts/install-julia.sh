#!/bin/sh
# Installs Julia where there is none, for tests/hosts/julia. Debian 12 has no package of it, so Debian 11's is taken,
# together with Debian 11's libunwind8: with the newer one that Julia crashes on the first exception it throws.
# Does nothing where a working `julia` is on the PATH. Runs unattended; as root or through sudo.
set -eu

source_list=/etc/apt/sources.list.d/blobferry-bullseye.sources
preferences=/etc/apt/preferences.d/blobferry-bullseye
libunwind=libunwind8=1.3.2-2

julia_works() {
  command -v julia >/dev/null 2>&1 &&
    julia --startup-file=no -e 'thrower(n) = n > 0 ? error("caught") : n
      try thrower(length(ARGS) + 1) catch thrown; exit(thrown.msg == "caught" ? 0 : 1) end' >/dev/null 2>&1
}

fail() {
  echo "install-julia: $*" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

apt() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"
}

# The low priority keeps every other package of the machine at its own release.
add_bullseye() {
  as_root tee "$source_list" >/dev/null <<SOURCES
Types: deb
URIs: $1
Suites: bullseye
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
  as_root tee "$preferences" >/dev/null <<PREFERENCES
Package: *
Pin: release n=bullseye
Pin-Priority: 50
PREFERENCES
}

# Old releases move to the archive one day; a mirror that fails must not stay behind and spoil each later update.
find_bullseye() {
  for mirror in http://deb.debian.org/debian http://archive.debian.org/debian; do
    add_bullseye "$mirror"
    if apt update --error-on=any -o Dir::Etc::SourceList="$source_list" -o Dir::Etc::SourceParts=- \
      -o APT::Get::List-Cleanup=0; then
      return 0
    fi
  done
  as_root rm -f "$source_list" "$preferences"
  return 1
}

if julia_works; then
  echo "install-julia: $(julia --version) is there and works"
  exit 0
fi

system=$(. /etc/os-release 2>/dev/null && echo "${ID:-}-${VERSION_ID:-}") || system=unknown
[ "$system" = debian-12 ] ||
  fail "no working julia on the PATH, and this script knows Debian 12 only (this is ${system});" \
    "install Julia 1.5.3 or newer from https://julialang.org/downloads and try again"
[ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null 2>&1 ||
  fail "installing packages needs root or sudo; run this script as root"

echo "install-julia: installing Debian 11's packages 'julia' (1.5.3, with what it needs: 50 to 110 MB to fetch) and"
echo "install-julia: '$libunwind' in place of Debian 12's; adding $source_list and $preferences"
find_bullseye || fail "Debian 11's package lists cannot be fetched; is there a network?"
apt update || echo "install-julia: some of this machine's package lists cannot be fetched; going on" >&2
apt install -y --allow-downgrades julia "$libunwind"

julia_works || fail "julia was installed, but $(command -v julia || echo julia) crashes when it throws an exception"
echo "install-julia: $(julia --version) is installed and works"
