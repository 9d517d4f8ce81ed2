# Blobferry's commands. Each sets up what it needs. Everything built or fetched goes below target/ (or CARGO_TARGET_DIR)
# and .tools/, except Debian packages, rust-src and what cargo keeps in its own home: see README.md.
#
#   make demo                 build the library and run the examples
#   make library              build the library
#   make test                 run every test
#   make bench                measure what a request costs
#   make lint                 check formatting, code, documentation, licences and scripts
#   make install PREFIX=/usr  install library, headers and pkg-config file (DESTDIR=... for packages)
#   make clean                remove what was built
#   make distclean            remove the tools in .tools/ too

PREFIX  ?= /usr/local
DESTDIR ?=

version := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
abi     := $(shell sed -n 's/^\#define BLOBFERRY_ABI_VERSION //p' include/blobferry/base.h)
release := $(or $(CARGO_TARGET_DIR),target)/release
prefix  := $(shell realpath -ms -- '$(PREFIX)')
to      := $(DESTDIR)$(prefix)

.DEFAULT_GOAL := help
.PHONY: help library demo test bench lint install clean distclean

help:
	@awk '!/^#/ {exit} {sub(/^# ?/, ""); print}' Makefile

library:
	@tests/packages gcc
	cargo build --release -p blobferry-c

demo:
	@tests/packages gcc
	@bindings/c/examples/demo.sh

test:
	@tests/run

bench:
	@tests/packages gcc
	@benches/run.sh

lint:
	@tests/lint

# Under sudo there is often no cargo on the path: then what was built before is installed.
install:
	@if command -v cargo >/dev/null || ! [ -e "$(release)/libblobferry.so" ]; then $(MAKE) --no-print-directory library; fi
	install -d "$(to)/lib/pkgconfig" "$(to)/include/blobferry"
	install -m 755 "$(release)/libblobferry.so" "$(to)/lib/libblobferry.so.$(version)"
	ln -sf libblobferry.so.$(version) "$(to)/lib/libblobferry.so.$(abi)"
	ln -sf libblobferry.so.$(abi) "$(to)/lib/libblobferry.so"
	install -m 644 "$(release)/libblobferry.a" "$(to)/lib/libblobferry.a"
	install -m 644 include/blobferry.h "$(to)/include/"
	install -m 644 include/blobferry/*.h "$(to)/include/blobferry/"
	sed 's|@PREFIX@|$(prefix)|; s|@VERSION@|$(version)|' bindings/c/blobferry.pc.in > "$(to)/lib/pkgconfig/blobferry.pc"

# What is built for tests is in target/ even if CARGO_TARGET_DIR is elsewhere.
clean:
	cargo clean
	rm -rf target

distclean: clean
	rm -rf .tools
