#!/usr/bin/env bash
# BioNeMo's quick pretraining of ESM-1nv: pretrain_quick.sh [preprocess|train] [OPTIONS]; --help lists them.
set -euo pipefail
exec "$(dirname "${BASH_SOURCE[0]}")/../../../pretrain_quick.sh" protein/esm1nv pretrain_small "$@"
