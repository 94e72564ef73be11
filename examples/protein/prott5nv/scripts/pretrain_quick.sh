#!/usr/bin/env bash
# BioNeMo's quick pretraining of ProtT5nv: pretrain_quick.sh [preprocess|train] [OPTIONS]; --help lists them.
set -euo pipefail
exec "$(dirname "${BASH_SOURCE[0]}")/../../../pretrain_quick.sh" protein/prott5nv pretrain_small "$@"
