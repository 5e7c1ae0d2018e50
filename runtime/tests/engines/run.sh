#!/bin/sh
# Builds the mini engines against this checkout and lets each trade its day; sqlx_next is type-checked only.
# Usage: sh runtime/tests/engines/run.sh   (needs libonnxruntime: ORT_DYLIB_PATH, else that of .venv)
set -eu
cd "$(dirname "$0")"
root=$(cd ../../.. && pwd)
: "${ORT_DYLIB_PATH:=$(ls "$root"/.venv/lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.* | head -n 1)}"
export ORT_DYLIB_PATH
# One folder for all: what they have in common is built once.
export CARGO_TARGET_DIR="$root/runtime/target/engines"
for engine in alone rusqlite tokio_sqlx; do
    echo "-- $engine"
    cargo test --quiet --locked --manifest-path "$engine/Cargo.toml"
done
echo "-- sqlx_next"
cargo check --quiet --locked --manifest-path sqlx_next/Cargo.toml
