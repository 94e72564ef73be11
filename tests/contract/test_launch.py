"""launch.sh keeps BioNeMo's verbs: what it asks of docker or podman, and what it says when it can't."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGINE = '#!/bin/sh\nprintf "%s " "${0##*/}" "$@" >>"$CALLS"\necho >>"$CALLS"\n'


@pytest.fixture
def launch(tmp_path):
    """Run launch.sh in a folder of its own, where the container engine only records how it was called."""
    shutil.copy(ROOT / "launch.sh", tmp_path)
    shutil.copytree(ROOT / "setup", tmp_path / "setup")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "sh", "cat", "dirname", "id", "mkdir"):
        (programs / name).symlink_to(shutil.which(name))
    calls = tmp_path / "calls"

    def run(*arguments, engine="docker", **environment):
        if engine:
            (programs / engine).write_text(ENGINE)
            (programs / engine).chmod(0o755)
        clean = {"PATH": str(programs), "HOME": str(tmp_path / "home"), "CALLS": str(calls), **environment}
        done = subprocess.run(
            [tmp_path / "launch.sh", *arguments],
            env=clean,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        recorded = calls.read_text() if calls.exists() else ""
        return done.returncode, done.stdout + done.stderr, recorded.replace(str(tmp_path), "DIR")

    run.folder = tmp_path
    return run


def test_without_an_engine_it_says_what_to_install(launch):
    code, output, _ = launch("pull", engine=None)
    assert (code, output) == (
        69,
        (
            "launch.sh: neither docker nor podman is installed; install one of them (Debian: apt-get install podman), "
            "or run without containers: ./launch.sh quickstart.\n"
        ),
    )


def test_the_settings_file_is_written_once_for_its_owner_alone(launch):
    launch("pull")
    settings = launch.folder / ".env"
    assert settings.stat().st_mode & 0o777 == 0o600
    assert [line.split("=")[0] for line in settings.read_text().splitlines()] == [
        "BIONEMO_IMAGE", "BIONEMO_PATH", "PROJECT_PATH", "DATA_PATH", "RESULT_PATH", "WANDB_API_KEY", "JUPYTER_PORT",
        "REGISTRY", "REGISTRY_USER", "REGISTRY_ACCESS_TOKEN",
    ]  # fmt: skip


def test_the_environment_wins_over_the_settings_file(launch):
    (launch.folder / ".env").write_text("# mine\nBIONEMO_IMAGE='example.org/file:1'\n\nDATA_PATH=\"/file\"")
    assert launch("pull")[2] == "docker pull example.org/file:1 \n"
    assert launch("pull", BIONEMO_IMAGE="example.org/env:2")[2].splitlines()[-1] == "docker pull example.org/env:2 "


def test_a_broken_line_of_the_settings_file_is_named(launch):
    (launch.folder / ".env").write_text("export X\n")
    assert launch("pull")[:2] == (
        64,
        "launch.sh: .env: 'export X' is not NAME=VALUE; mend the line, or delete .env to have it written anew.\n",
    )


def test_podman_serves_where_docker_is_missing(launch):
    assert launch("pull", engine="podman")[2] == "podman pull bionemo-trainer:latest \n"


def test_a_token_is_passed_by_standard_input(launch):
    _, _, calls = launch("pull", REGISTRY="example.org", REGISTRY_ACCESS_TOKEN="secret")
    assert calls.splitlines()[0] == "docker login example.org --username $oauthtoken --password-stdin "
    assert "secret" not in calls


def test_build_takes_a_base_image_and_packages_the_examples(launch):
    _, _, calls = launch("build", "-p", "-b", "debian:trixie", "-c")
    assert calls == (
        "docker build --file images/trainer/Dockerfile --build-arg PACKAGE=1 --tag bionemo-trainer:latest "
        "--no-cache --build-arg BASE_IMAGE=debian:trixie . \n"
    )


def test_push_tags_versions_and_copies(launch):
    _, _, calls = launch("push", "-v", "1.2", "-a", "a.org/x:1,b.org/x:2", BIONEMO_IMAGE="c.org/x:latest")
    assert [line.split()[1:] for line in calls.splitlines()] == [
        ["push", "c.org/x:latest"],
        ["tag", "c.org/x:latest", "c.org/x:1.2"],
        ["push", "c.org/x:1.2"],
        ["tag", "c.org/x:latest", "a.org/x:1"],
        ["push", "a.org/x:1"],
        ["tag", "c.org/x:latest", "b.org/x:2"],
        ["push", "b.org/x:2"],
    ]


def test_dev_mounts_data_results_and_for_development_the_code(launch):
    _, output, calls = launch(
        "dev",
        "-t",
        "mine",
        "-a",
        "--env A=1",
        "-c",
        "nvidia-smi",
        "-L",
        BIONEMO_PATH="/workspace/bionemo",
        DATA_PATH=str(launch.folder / "d"),
    )
    assert "Mounting" in output
    assert "--name bionemo_mine " in calls
    assert "--volume DIR/d:/data --volume DIR/home/results/nemo_experiments:/result/nemo_experiments" in calls
    assert "--volume DIR:/workspace/bionemo --workdir /workspace/bionemo" in calls
    assert calls.endswith("bionemo-trainer:latest nvidia-smi -L \n")
    assert (launch.folder / "home" / "results" / "nemo_experiments").is_dir()


def test_dev_without_a_gpu_says_so(launch):
    code, output, calls = launch("dev", DATA_PATH=str(launch.folder / "d"))
    assert (code, "No NVIDIA driver found; the container gets no GPU." in output) == (0, True)
    assert "--gpus" not in calls


def test_attach_opens_a_shell(launch):
    assert launch("attach", "-t", "mine")[2] == "docker exec --interactive --tty bionemo_mine bash \n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("build", "-x"), "launch.sh: build has no option '-x'; './launch.sh help' lists them.\n"),
        (("push", "-v"), "launch.sh: -v needs a value.\n"),
        (("fly",), "launch.sh: 'fly' is no command; './launch.sh help' lists them.\n"),
    ],
)
def test_a_wrong_call_is_answered_in_one_line(launch, arguments, message):
    assert launch(*arguments)[:2] == (64, message)


def test_help_lists_every_verb(launch):
    code, output, _ = launch("help")
    assert code == 0
    assert all(f"\n  {verb}" in output for verb in ("quickstart", "test", "pull", "build", "push", "dev", "attach"))


def test_without_a_new_enough_python_it_says_how_to_name_one(launch):
    shutil.copytree(ROOT / "requirements", launch.folder / "requirements")
    (launch.folder / "bin" / "sha256sum").symlink_to(shutil.which("sha256sum"))
    (launch.folder / "bin" / "cut").symlink_to(shutil.which("cut"))
    for member in ("operator", "trainer"):
        (launch.folder / member).mkdir()
        shutil.copy(ROOT / member / "pyproject.toml", launch.folder / member)
    shutil.copy(ROOT / "pyproject.toml", launch.folder)
    assert launch("test")[:2] == (
        69,
        "launch.sh: no Python >= 3.12 found; install one, or name it: PYTHON=/path/to/python3.12 ./launch.sh ...\n",
    )


def test_the_old_helper_script_says_that_nothing_needs_compiling():
    done = subprocess.run(
        [ROOT / "setup" / "recompile_megatron_helper.sh"],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    assert done.stdout == "Nothing to compile: the order of samples is computed, and was checked.\n"
