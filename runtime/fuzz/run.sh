#!/bin/sh
# Builds with libFuzzer's instrumentation on stable Rust and tries as many inputs as named (default 200,000), in equal
# shares for each reader.
set -eu
cd "$(dirname "$0")"
runs=${1:-200000}
target=$(rustc -vV | sed -n 's/^host: //p')
flags="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=3"
flags="$flags -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
flags="$flags -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions=on"
# --target keeps the flags away from build scripts.
RUSTFLAGS="$flags" cargo build --release --locked --target "$target"
mkdir -p artifacts
seed() { # number of the reader, file
    mkdir -p "corpus/$1"
    head -c 8000 "$2" > "corpus/$1/seed-$(basename "$2")"
}
mkdir -p corpus/0
printf '%s' '{"edge_percent": 15.5, "delta": 0.65, "gamma": 0.004, "vega": 45.2, "theta": -8.5, "volume": 1200, ' \
    '"open_interest": 8500, "days_to_expiry": 45}' > corpus/0/seed
for file in ../tests/fixtures/*/*/*/manifest.json; do seed 1 "$file"; done
for file in ../tests/fixtures/others/mixed/*/golden/cases.json; do seed 2 "$file"; done
for file in ../tests/fixtures/artifacts/signal_classifier/*/model.onnx; do seed 3 "$file"; done
seed 4 ../../config/ml_config.json
seed 5 ../../examples/signals.csv
for file in ../../tests/data/surfaces/*.csv; do seed 6 "$file"; done
for file in ../../tests/data/chains/*/*.csv ../../tests/data/chains/*/*.json; do seed 7 "$file"; done
mkdir -p corpus/8
printf '%s' '{"age": 30, "ratio": null, "count": 3, "weight": 0.1, "colour": "red"}' > corpus/8/seed
printf 'age,ratio,count,weight,colour\n30,,3,0.1,red\n' > corpus/8/seed-csv
number=0
for name in signal manifest golden graph config batch surface chain rows; do
    log="corpus/$name.log"
    # A crash ends the loop and is shown whole.
    FUZZ_READER=$number "target/$target/release/readers" "corpus/$number" -artifact_prefix="artifacts/$name-" \
        -runs="$(((runs + 8) / 9))" -max_len=8192 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 > "$log" 2>&1 ||
        { tail -n 40 "$log"; exit 1; }
    tried=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    peak=$(sed -n 's/^stat::peak_rss_mb: *//p' "$log")
    echo "$name: $tried inputs, no panic, no input above 10 s, at most $peak MiB"
    number=$((number + 1))
done
