#!/usr/bin/env bash
# BioNeMo's quick pretraining of MegaMolBART: pretrain_quick.sh [preprocess|train] [OPTIONS]; --help lists them.
set -euo pipefail
exec "$(dirname "${BASH_SOURCE[0]}")/../../../pretrain_quick.sh" molecule/megamolbart pretrain_xsmall_span_aug "$@"
