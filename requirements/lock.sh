#!/usr/bin/env bash
# Resolve the workspace once and write the hashed requirement files beside this script; run as `./launch.sh lock`.
# Pins that still satisfy the declarations are kept; `./launch.sh lock --upgrade` (or -P NAME) moves them.
# The files name no download address, so any mirror serves them; uv.lock would, so it is not used.
set -euo pipefail
cd "$(dirname "$0")/.."

compile() { # compile OUTPUT SOURCE... : one locked file, workspace members left out
    local output=$1
    shift
    uv pip compile "$@" --output-file "$output" --universal --python-version 3.12 --generate-hashes --quiet \
        --no-emit-index-url --no-emit-package bionemo-operator --no-emit-package bionemo-trainer \
        --custom-compile-command "./launch.sh lock"
}

# pip reads this one before uv exists.
compile requirements/uv.txt requirements/uv.in "$@"
compile requirements/all.txt operator/pyproject.toml trainer/pyproject.toml --all-extras --group pyproject.toml:dev "$@"
# What images install is cut from that one resolution, so that no two environments ever disagree about a version.
compile requirements/operator.txt operator/pyproject.toml -c requirements/all.txt
compile requirements/train.txt trainer/pyproject.toml --extra train -c requirements/all.txt
compile requirements/build.txt requirements/build.in -c requirements/all.txt
