#!/bin/sh
# One folder that runs without Python and without a set-up: the binary, libonnxruntime, the models in use, the config.
# Usage: sh runtime/bundle.sh FOLDER [LIBRARY]   (after `make`; LIBRARY defaults to that of .venv)
set -eu
folder=${1:?usage: bundle.sh FOLDER [LIBRARY]}
root=$(cd "$(dirname "$0")/.." && pwd)
library=${2:-$(ls "$root"/.venv/lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.* | head -n 1)}
mkdir -p "$folder/lib" "$folder/config"
cp "$root/runtime/target/release/dollarbill-ml" "$folder/"
cp "$library" "$folder/lib/"
cp "$root/config/ml_config.json" "$folder/config/"
for pointer in "$root"/artifacts/*/current.json; do
    model=$(basename "$(dirname "$pointer")")
    version=$(sed -n 's/.*"version": *"\([0-9a-f]\{12\}\)".*/\1/p' "$pointer")
    mkdir -p "$folder/artifacts/$model"
    cp -R "$root/artifacts/$model/$version" "$pointer" "$folder/artifacts/$model/"
    # The steps say how it came into use, and are what is signed.
    [ ! -d "$root/artifacts/$model/steps" ] || cp -R "$root/artifacts/$model/steps" "$folder/artifacts/$model/"
done
cd "$folder" && env -i ./dollarbill-ml check artifacts
