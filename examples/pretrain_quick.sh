#!/usr/bin/env bash
# What the pretrain_quick.sh of every model does, with the options and variables of BioNeMo's: prepare the data, or train on
# them. Called as pretrain_quick.sh MODEL CONFIG [preprocess|train] [OPTIONS], with the name and the usual configuration of a
# model; `python` is that of the environment with bionemo_trainer.
set -euo pipefail

model=$1 config=${CONFIG_FILE:-$2} # MODEL is a folder of the shipped recipes, such as molecule/megamolbart
shift 2

usage() {
    cat <<TEXT
Usage: pretrain_quick.sh [preprocess|train] [OPTIONS]      (the word may stand anywhere; default: train)

  -c, --config NAME       configuration of $model, or a file of your own (CONFIG_FILE; default: $config)
  -f, --data-files RANGE  files of every split, such as x_OP_000..003_CL_ (DATA_FILES_SELECTED; default: the configuration's)
  -d, --data_dir DIR      folder of the dataset (DATA_MOUNT; default: the configuration's)
  -o, --result_dir DIR    folder of the results (RESULTS_MOUNT; default: the configuration's)
  -a, --args "KEY=VALUE ..."
                          further overrides in Hydra's grammar; may be repeated
  -h, --help              this text

Weights & Biases, where a configuration uses it, stays offline unless WANDB_OFFLINE is False.
TEXT
}

refuse() {
    echo "pretrain_quick.sh: $1" >&2
    exit 64
}

value_of() {
    [ $# -gt 1 ] || refuse "$1 needs a value."
    printf '%s\n' "$2"
}

command=train
files=${DATA_FILES_SELECTED:-} dataset=${DATA_MOUNT:-} results=${RESULTS_MOUNT:-}
extra=()
while [ $# -gt 0 ]; do
    case $1 in
        preprocess | train) command=$1 ;;
        -h | --help)
            usage
            exit
            ;;
        -c | --config | -f | --data-files | -d | --data_dir | -o | --result_dir | -a | --args)
            value=$(value_of "$@")
            case $1 in
                -c | --config) config=$value ;;
                -f | --data-files) files=$value ;;
                -d | --data_dir) dataset=$value ;;
                -o | --result_dir) results=$value ;;
                *)
                    read -r -a words <<<"$value"
                    extra+=("${words[@]}")
                    ;;
            esac
            shift
            ;;
        *) refuse "'$1' is neither preprocess, train nor an option; --help lists them." ;;
    esac
    shift
done

if [ -f "$config" ]; then
    place=(--config-path "$(dirname "$config")" --config-name "$(basename "$config")")
else
    place=(--config-path "$model" --config-name "$config")
fi
overrides=("++exp_manager.wandb_logger_kwargs.offline=${WANDB_OFFLINE:-True}")
if [ "$command" = train ]; then overrides+=(++do_training=True); else overrides+=(++do_training=False); fi
if [ -n "$dataset" ]; then overrides+=("model.data.dataset_path=$dataset"); fi
if [ -n "$results" ]; then overrides+=("exp_manager.exp_dir=$results"); fi
for split in train val test; do
    if [ -n "$files" ]; then overrides+=("++model.data.dataset.$split=$files"); fi
done

exec python -m bionemo_trainer "${place[@]}" "${overrides[@]}" ${extra[@]+"${extra[@]}"}
