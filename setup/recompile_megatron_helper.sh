#!/usr/bin/env bash
# Kept for scripts of BioNeMo users, who had to compile Megatron's dataset helpers before a training.
# Our order of samples needs no compiled helper, so there is nothing to build: this checks that, and says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-.venv/bin/python}
[ -x "$python" ] || python=python3
"$python" - <<'TEXT'
from bionemo_trainer.data.permutation import Permutation

order = Permutation(size=1000, key="check")
if sorted(order(index) for index in range(1000)) != list(range(1000)):
    raise SystemExit("The order of samples is wrong; the installation is damaged. Install it again.")
print("Nothing to compile: the order of samples is computed, and was checked.")
TEXT
