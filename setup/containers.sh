# shellcheck shell=bash
# Sourced by launch.sh: the verbs that need docker or podman, with the .env file and options of BioNeMo's launch.sh.

CONTAINER_HOME=/opt/nvidia/bionemo # where the library lives in the image
DEV_NAME=bionemo

container_pull() {
    prepare_containers
    log_in
    "$ENGINE" pull "$BIONEMO_IMAGE"
}

container_build() {
    local arguments=() package=0
    while [ $# -gt 0 ]; do
        case $1 in
            -p | --pkg) package=1 ;;
            -c | --clean) arguments+=(--no-cache) ;;
            -b | --base-image)
                BASE_IMAGE=$(value_of "$@")
                shift
                ;;
            *) unknown_option build "$1" ;;
        esac
        shift
    done
    prepare_containers
    if [ -n "${BASE_IMAGE:-}" ]; then arguments+=(--build-arg "BASE_IMAGE=$BASE_IMAGE"); fi
    "$ENGINE" build --file images/trainer/Dockerfile --build-arg "PACKAGE=$package" --tag "$BIONEMO_IMAGE" \
        "${arguments[@]}" .
}

container_push() {
    local version="" copies="" name
    while [ $# -gt 0 ]; do
        case $1 in
            -v | --version)
                version=$(value_of "$@")
                shift
                ;;
            -a | --additional_copies)
                copies=$(value_of "$@")
                shift
                ;;
            *) unknown_option push "$1" ;;
        esac
        shift
    done
    prepare_containers
    log_in
    "$ENGINE" push "$BIONEMO_IMAGE"
    for name in ${version:+"${BIONEMO_IMAGE%:*}:$version"} ${copies//,/ }; do
        "$ENGINE" tag "$BIONEMO_IMAGE" "$name"
        "$ENGINE" push "$name"
    done
}

container_dev() {
    local arguments=() extra=() words name=$DEV_NAME command=(bash)
    while [ $# -gt 0 ]; do
        case $1 in
            -a | --additional-args) # several arguments in one word, as BioNeMo had it
                words=$(value_of "$@")
                read -ra extra <<<"$words"
                arguments+=("${extra[@]}")
                shift
                ;;
            -t | --tmp)
                name=${DEV_NAME}_$(value_of "$@")
                shift
                ;;
            -d | --demon) arguments+=(--detach) ;;
            -c | --cmd)
                shift
                command=("$@")
                break
                ;;
            *) unknown_option dev "$1" ;;
        esac
        shift
    done
    prepare_containers
    mkdir -p "$DATA_PATH" "$RESULT_PATH"
    if [ -t 0 ]; then arguments+=(--interactive --tty); fi
    if [ "$BIONEMO_PATH" != "$CONTAINER_HOME" ]; then
        echo "Mounting $PROJECT_PATH at $BIONEMO_PATH for development"
        arguments+=(--volume "$PROJECT_PATH:$BIONEMO_PATH" --workdir "$BIONEMO_PATH")
        arguments+=(--env "PYTHONPATH=$BIONEMO_PATH/operator:$BIONEMO_PATH/trainer" --user "$(id -u):$(id -g)")
    fi
    # The host's network and 8 GiB of shared memory are for NCCL and loader processes.
    local gpus
    read -ra gpus <<<"$(gpu_arguments)"
    WANDB_API_KEY=$WANDB_API_KEY "$ENGINE" run --rm --name "$name" --network host --shm-size 8g \
        --ulimit memlock=-1 --ulimit stack=67108864 "${gpus[@]}" \
        --volume "$DATA_PATH:/data" --volume "$RESULT_PATH:/result/nemo_experiments" \
        --env "BIONEMO_PATH=$BIONEMO_PATH" --env WANDB_API_KEY --env "JUPYTER_PORT=$JUPYTER_PORT" \
        "${arguments[@]}" "$BIONEMO_IMAGE" "${command[@]}"
}

container_attach() {
    local name=$DEV_NAME
    while [ $# -gt 0 ]; do
        case $1 in
            -t | --tmp)
                name=${DEV_NAME}_$(value_of "$@")
                shift
                ;;
            *) unknown_option attach "$1" ;;
        esac
        shift
    done
    prepare_containers
    "$ENGINE" exec --interactive --tty "$name" bash
}

prepare_containers() {
    ENGINE=$(command -v docker || command -v podman) || {
        echo "launch.sh: neither docker nor podman is installed; install one of them (Debian: apt-get install podman)," \
            "or run without containers: ./launch.sh quickstart." >&2
        exit 69
    }
    read_settings
}

# Values of the environment win over .env, and .env over the defaults here.
read_settings() {
    local line name
    [ -e .env ] || write_settings
    while IFS= read -r line || [ -n "$line" ]; do
        name=${line%%=*}
        case $line in '' | '#'*) continue ;; esac
        if [[ ! $line =~ ^[A-Za-z_][A-Za-z0-9_]*= ]]; then
            echo "launch.sh: .env: '$line' is not NAME=VALUE; mend the line, or delete .env to have it written anew." >&2
            exit 64
        fi
        [ -n "${!name+given}" ] || export "$name=$(unquoted "${line#*=}")"
    done <.env
    : "${BIONEMO_IMAGE:=bionemo-trainer:latest}" "${BIONEMO_PATH:=$CONTAINER_HOME}" "${PROJECT_PATH:=$PWD}"
    : "${DATA_PATH:=/tmp}" "${RESULT_PATH:=$HOME/results/nemo_experiments}" "${WANDB_API_KEY:=NotSpecified}"
    : "${JUPYTER_PORT:=8888}" "${REGISTRY:=NotSpecified}" "${REGISTRY_USER:=\$oauthtoken}"
    : "${REGISTRY_ACCESS_TOKEN:=NotSpecified}"
}

write_settings() {
    echo ".env does not exist; writing it with defaults." >&2
    (
        umask 077 # it will hold tokens
        cat >.env <<TEXT
BIONEMO_IMAGE=bionemo-trainer:latest
BIONEMO_PATH=$CONTAINER_HOME
PROJECT_PATH=$PWD
DATA_PATH=/tmp
RESULT_PATH=$HOME/results/nemo_experiments
WANDB_API_KEY=NotSpecified
JUPYTER_PORT=8888
REGISTRY=NotSpecified
REGISTRY_USER='\$oauthtoken'
REGISTRY_ACCESS_TOKEN=NotSpecified
TEXT
    )
}

unquoted() {
    local value=$1
    case $value in
        \"*\") value=${value#\"} && value=${value%\"} ;;
        \'*\') value=${value#\'} && value=${value%\'} ;;
    esac
    printf '%s' "$value"
}

log_in() {
    if [ "$REGISTRY_ACCESS_TOKEN" != NotSpecified ]; then
        "$ENGINE" login "$REGISTRY" --username "$REGISTRY_USER" --password-stdin <<<"$REGISTRY_ACCESS_TOKEN"
    fi
}

gpu_arguments() {
    if ! command -v nvidia-smi >/dev/null; then
        echo "No NVIDIA driver found; the container gets no GPU." >&2
    elif [ "${ENGINE##*/}" = podman ]; then
        echo --device nvidia.com/gpu=all
    else
        echo --gpus all
    fi
}

value_of() {
    if [ $# -lt 2 ]; then
        echo "launch.sh: $1 needs a value." >&2
        exit 64
    fi
    printf '%s' "$2"
}

unknown_option() {
    echo "launch.sh: $1 has no option '$2'; './launch.sh help' lists them." >&2
    exit 64
}
