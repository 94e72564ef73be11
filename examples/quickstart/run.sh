#!/usr/bin/env bash
# The README's first command, run by ./launch.sh quickstart in the environment: checks and prepares the examples, trains the
# smallest MegaMolBART on them, or with --model another network, and writes a report. A second run goes on where the first
# ended. Everything goes to ./volumes, one folder per claim.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

model=megamolbart
if [ "${1:-}" = --model ]; then
    model=${2:-}
    shift $(($# > 1 ? 2 : 1)) # without a name the message below tells the names, where a shift too far would end in silence
fi
case $model in
megamolbart) files=(-f examples/quickstart) ;;
esm1nv | prott5nv) files=(-f examples/quickstart/preprocess.yaml -f "examples/proteins/$model.yaml") ;;
*)
    echo "quickstart: --model '$model' is not known; write megamolbart, esm1nv or prott5nv." >&2
    exit 64
    ;;
esac

bionemo check "${files[@]}"
bionemo run "${files[@]}" --claim bionemo-examples=examples/data "$@"
results=volumes/bionemo-results/$model-xsmall
echo "report: $(bionemo report "$results")"
python examples/quickstart/learned.py "$results"
