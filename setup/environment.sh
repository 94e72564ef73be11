# shellcheck shell=bash
# Sourced by launch.sh: makes .venv from the locked requirements, once per change of them, and puts it on PATH.

ensure_environment() {
    local wanted
    wanted=$(cat requirements/uv.txt requirements/all.txt ./*/pyproject.toml pyproject.toml | sha256sum | cut -d' ' -f1)
    if [ "$(cat .venv/locked-by 2>/dev/null)" != "$wanted" ]; then
        make_environment
        echo "$wanted" >.venv/locked-by
    fi
    export VIRTUAL_ENV=$PWD/.venv PATH=$PWD/.venv/bin:$PWD/.bootstrap/bin:$PATH UV_PYTHON_DOWNLOADS=never
}

make_environment() {
    local python
    python=$(find_python)
    if ! cmp -s requirements/uv.txt .bootstrap/locked-by; then
        echo "Installing uv ..." >&2
        rm -rf .bootstrap
        "$python" -m venv .bootstrap || no_venv "$python"
        .bootstrap/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
        cp requirements/uv.txt .bootstrap/locked-by
    fi
    echo "Installing the locked environment into .venv (about 7 GB) ..." >&2
    export UV_PYTHON_DOWNLOADS=never VIRTUAL_ENV=$PWD/.venv
    [ -x .venv/bin/python ] || .bootstrap/bin/uv venv --quiet --python "$python" .venv
    # Compiled now, not by every process that imports torch and NeMo: 11 instead of 21 seconds, where Python may not write bytecode.
    .bootstrap/bin/uv pip sync --quiet --compile-bytecode --require-hashes requirements/all.txt
    .bootstrap/bin/uv pip install --quiet --no-deps --no-build-isolation -e operator -e trainer
}

# The first Python that is new enough: $PYTHON, those on PATH, those of pyenv.
find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.12 python3.13 python3.14 python3 python $(pyenv_pythons); do
        if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    echo "launch.sh: no Python >= 3.12 found; install one, or name it: PYTHON=/path/to/python3.12 ./launch.sh ..." >&2
    exit 69
}

pyenv_pythons() {
    command -v pyenv >/dev/null && printf '%s\n' "$(pyenv root)"/versions/3.1[2-9]*/bin/python
}

no_venv() {
    echo "launch.sh: $1 can't make virtual environments; install its venv module (Debian: python3-venv)." >&2
    exit 69
}
