#!/bin/sh
# Lints every combination of features that differs, each feature alone with its tests too; with --measure it prints what
# each costs: crates in the tree, the newest Rust that one of them asks for, seconds of a cold release build of the library.
# Usage: sh runtime/features.sh [--short|--measure]   (--short: type checks of none and of each alone)
set -eu
cd "$(dirname "$0")"
# `cli` brings wide, files, history, parquet, signatures and live with it, so what it can be combined with is ort and metrics.
alone="ort files history parquet metrics signatures live wide cli"
combinations="ort,wide ort,files ort,history files,history ort,files,history ort,metrics files,metrics history,metrics ort,signatures
    ort,files,metrics ort,history,metrics files,history,metrics ort,files,history,metrics live,metrics cli,ort cli,metrics cli,ort,metrics"

used() { # features
    cargo tree --locked --edges normal --prefix none --no-default-features --features "$1" | cut -d ' ' -f 1-2 | sort -u
}

newest_rust() { # a file of packages that are used
    cargo metadata --locked --format-version 1 --all-features > "$scratch/metadata.json"
    python3 -c '
import json, sys
used = {tuple(line.split()) for line in open(sys.argv[1])}
packages = json.load(open(sys.argv[2]))["packages"]
asking = [p for p in packages if (p["name"], "v" + p["version"]) in used and p["rust_version"]]
newest = max(asking, key=lambda p: tuple(int(part) for part in p["rust_version"].split(".")))
print(newest["rust_version"], "(" + newest["name"] + ")")' "$1" "$scratch/metadata.json"
}

case "${1:-}" in
--short)
    cargo check --quiet --locked --lib --no-default-features
    for feature in $alone; do
        cargo check --quiet --locked --lib --bins --no-default-features --features "$feature"
    done
    echo "no feature, and each alone: builds"
    ;;
--measure)
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    echo "| features | crates | newest Rust asked for | cold build: seconds, of which computing on all cores |"
    echo "|---|---|---|---|"
    for features in "" ort wide files parquet history live metrics ort,files ort,files,history cli; do
        rm -rf "$scratch/target"
        build="cargo build --quiet --release --locked --lib --no-default-features --target-dir $scratch/target"
        bash -c "TIMEFORMAT='%R %U %S'; time $build --features '$features'" 2> "$scratch/time"
        used "$features" > "$scratch/used"
        seconds=$(awk '{ printf "%.0f, %.0f", $1, $2 + $3 }' "$scratch/time")
        echo "| ${features:-none} | $(wc -l < "$scratch/used") | $(newest_rust "$scratch/used") | $seconds |"
    done
    ;;
*)
    cargo clippy --quiet --locked --lib --tests --no-default-features -- -D warnings
    cargo clippy --quiet --locked --lib --tests --examples -- -D warnings
    for features in $alone $combinations; do
        cargo clippy --quiet --locked --lib --bins --no-default-features --features "$features" -- -D warnings
    done
    cargo clippy --quiet --locked --all-targets --all-features -- -D warnings
    echo "every combination of features: no warning"
    ;;
esac
