#!/bin/sh
# Builds with libFuzzer's instrumentation on stable Rust and tries as many inputs as named (default 200,000).
set -eu
cd "$(dirname "$0")"
runs=${1:-200000}
target=$(rustc -vV | sed -n 's/^host: //p')
flags="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=3"
flags="$flags -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
flags="$flags -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions=on"
# --target keeps the flags away from build scripts.
RUSTFLAGS="$flags" cargo build --release --locked --target "$target"
mkdir -p corpus artifacts
seed() { # number of the reader, file
    { printf "\\$(printf %03o "$1")"; cat "$2"; } > "corpus/seed-$1-$(basename "$2")"
}
for file in ../tests/fixtures/artifacts/*/*/manifest.json; do seed 1 "$file"; done
for file in ../tests/fixtures/artifacts/signal_classifier/*/model.onnx; do seed 3 "$file"; done
seed 4 ../../config/ml_config.json
seed 5 ../../examples/signals.csv
for file in ../../tests/data/surfaces/*.csv; do head -c 4000 "$file" > "corpus/.part"; seed 6 "corpus/.part" 2>/dev/null; mv "corpus/seed-6-.part" "corpus/seed-6-$(basename "$file")"; done
rm -f corpus/.part
exec "target/$target/release/readers" corpus -artifact_prefix=artifacts/ -runs="$runs" -max_len=8192 -timeout=10 \
    -rss_limit_mb=2048 -print_final_stats=1
