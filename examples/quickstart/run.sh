#!/usr/bin/env bash
# The README's first command, run by ./launch.sh quickstart in the environment: checks and prepares the examples, then shows
# what was made of them. A second run finds everything done. The data goes to ./volumes, one folder per claim.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

bionemo check -f examples/quickstart
bionemo preprocess -f examples/quickstart --claim bionemo-examples=examples/data "$@"
bionemo inspect volumes/bionemo-data/molecules
bionemo inspect volumes/bionemo-data/proteins
