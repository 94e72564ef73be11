#!/usr/bin/env bash
# The front door: makes the environment and runs a command in it, or handles containers as BioNeMo's launch.sh did.
# Needs Python 3.12 or newer with pip; everything else is installed below this folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
    cat <<'TEXT'
Usage: ./launch.sh COMMAND [OPTIONS]

On this machine
  quickstart            prepare real molecules from examples/ and train on them; --model esm1nv|prott5nv: proteins
  test [--all]          run every check that is quick and needs no privilege; --all runs the rest too
  verify                format, lint, types, import contracts, unit tests, generated files
  run COMMAND...        run a command in the environment, for example: ./launch.sh run bionemo recipes
  generate              write generated files anew
  lock [--upgrade]      resolve the dependencies anew

With docker or podman, configured by .env (written with defaults when missing)
  pull                  pull BIONEMO_IMAGE
  build [-p] [-b BASE] [-c]
                        build BIONEMO_IMAGE; -p packages the examples, -b sets the base image, -c ignores the cache
  push [-v VERSION] [-a IMAGE,IMAGE]
                        push BIONEMO_IMAGE, also as VERSION, also under other names
  dev [-a ARGS] [-t SUFFIX] [-d] [-c COMMAND...]
                        start a container with code, data and results mounted
  attach [-t SUFFIX]    open a shell in the running container
TEXT
}

main() {
    local verb=${1:-help}
    [ $# -eq 0 ] || shift
    case $verb in
        quickstart) in_environment bionemo_quickstart "$@" ;;
        test) in_environment run_tests "$@" ;;
        verify | generate) in_environment poe "$verb" ;;
        run) in_environment "$@" ;;
        lock) in_environment requirements/lock.sh "$@" ;;
        pull | build | push | dev | attach)
            # shellcheck source=setup/containers.sh
            source setup/containers.sh
            "container_$verb" "$@"
            ;;
        help | -h | --help) usage ;;
        *)
            echo "launch.sh: '$verb' is no command; './launch.sh help' lists them." >&2
            exit 64
            ;;
    esac
}

in_environment() {
    # shellcheck source=setup/environment.sh
    source setup/environment.sh
    ensure_environment
    "$@"
}

bionemo_quickstart() { examples/quickstart/run.sh "$@"; }

run_tests() {
    case ${1:-} in
        "") poe test ;;
        --all) poe test-all ;;
        *)
            echo "launch.sh: test takes --all or nothing, not '$1'." >&2
            exit 64
            ;;
    esac
}

main "$@"
