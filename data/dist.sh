#!/bin/sh
# Puts every crate into the tarball of `meson dist`, so that it builds without a network.
set -eu
cd "$MESON_DIST_ROOT"
mkdir -p .cargo
# cargo says what it needs to be told to use them.
cargo vendor --locked --versioned-dirs vendor >vendor.toml
{ echo; cat vendor.toml; } >>.cargo/config.toml
rm vendor.toml
