#!/bin/sh
# Builds the guests: NAME/NAME.c or NAME/NAME.rs becomes NAME/NAME.wasm.
# usage: build.sh [-o DIR] [NAME...]
#
# With the compilers of toolchain.txt the result is the same to the byte. RUSTC
# and RUST_SYSROOT name a Rust compiler with the target wasm32-unknown-unknown;
# guests in Rust are left out without one.
set -eu
cd "$(dirname "$0")"
out=.
if [ "${1-}" = -o ]; then
    out=$2
    shift 2
fi
[ $# -gt 0 ] || set -- */
for name; do
    name=${name%/}
    mkdir -p "$out/$name"
    if [ -f "$name/$name.c" ]; then
        ${CLANG:-clang} --target=wasm32 -std=c11 -Os -g0 -Wall -Wextra -Werror -Wno-unused-function -nostdlib -ffreestanding -fno-builtin \
            -Wl,--no-entry -Wl,--stack-first -Wl,-z,stack-size=4096 -Wl,--strip-all \
            -o "$out/$name/$name.wasm" "$name/$name.c"
    elif [ -n "${RUSTC-}" ]; then
        "$RUSTC" ${RUST_SYSROOT:+--sysroot "$RUST_SYSROOT"} --target wasm32-unknown-unknown --crate-type cdylib --edition 2021 \
            -C opt-level=s -C panic=abort -C lto -C debuginfo=0 -C strip=symbols -C linker=wasm-ld \
            -C link-arg=--stack-first -C link-arg=-zstack-size=4096 --remap-path-prefix "$PWD=." \
            -o "$out/$name/$name.wasm" "$name/$name.rs"
    else
        echo "$name: left out: RUSTC is not set" >&2
    fi
done
