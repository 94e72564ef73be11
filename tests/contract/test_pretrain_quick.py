"""pretrain_quick.sh takes BioNeMo's options and variables: what it asks of the trainer, and what it says when it can't."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SCRIPTS = {
    "megamolbart": ROOT / "examples" / "molecule" / "megamolbart" / "scripts" / "pretrain_quick.sh",
    "esm1nv": ROOT / "examples" / "protein" / "esm1nv" / "scripts" / "pretrain_quick.sh",
    "prott5nv": ROOT / "examples" / "protein" / "prott5nv" / "scripts" / "pretrain_quick.sh",
}
OFFLINE = "++exp_manager.wandb_logger_kwargs.offline=True"
PYTHON = '#!/bin/sh\nfor word in "$@"; do echo "$word"; done\n'


@pytest.fixture
def quick(tmp_path):
    """Call a model's script where python only says what it was asked."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "sh", "cat", "dirname", "basename"):
        (programs / name).symlink_to(shutil.which(name))
    (programs / "python").write_text(PYTHON)
    (programs / "python").chmod(0o755)

    def run(*arguments, model="megamolbart", **environment):
        done = subprocess.run(
            [SCRIPTS[model], *arguments],
            env={"PATH": str(programs), **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout.splitlines(), done.stderr

    return run


def asked(folder, name, *overrides):
    return ["-m", "bionemo_trainer", "--config-path", folder, "--config-name", name, OFFLINE, *overrides]


@pytest.mark.parametrize(
    ("model", "folder", "name"),
    [
        ("megamolbart", "molecule/megamolbart", "pretrain_xsmall_span_aug"),
        ("esm1nv", "protein/esm1nv", "pretrain_small"),
        ("prott5nv", "protein/prott5nv", "pretrain_small"),
    ],
)
def test_each_model_trains_with_its_usual_configuration(quick, model, folder, name):
    assert quick(model=model) == (0, asked(folder, name, "++do_training=True"), "")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("preprocess", "--config", "own", "--data-files", "x000"), id="the command word first"),
        pytest.param(("-c", "own", "-f", "x000", "preprocess"), id="last, as in BioNeMo's documentation"),
        pytest.param(("-c", "own", "preprocess", "-f", "x000"), id="between the options"),
    ],
)
def test_the_command_word_may_stand_anywhere(quick, arguments):
    ranges = [f"++model.data.dataset.{split}=x000" for split in ("train", "val", "test")]
    assert quick(*arguments)[1] == asked("molecule/megamolbart", "own", "++do_training=False", *ranges)


def test_folders_and_further_overrides_are_passed_on(quick):
    _, words, _ = quick("-d", "/my data", "--result_dir", "/out", "-a", "seed=1 trainer.devices=2", "--args", "name=a")
    assert words[-5:] == [
        "model.data.dataset_path=/my data",
        "exp_manager.exp_dir=/out",
        "seed=1",
        "trainer.devices=2",
        "name=a",
    ]


def test_variables_of_bionemo_stand_in_for_options(quick):
    variables = {
        "CONFIG_FILE": "own",
        "DATA_FILES_SELECTED": "x_OP_000..186_CL_",
        "DATA_MOUNT": "/data",
        "RESULTS_MOUNT": "/out",
        "WANDB_OFFLINE": "False",
    }
    _, words, _ = quick("-o", "/mine", **variables)
    assert words[4:] == [
        "--config-name",
        "own",
        "++exp_manager.wandb_logger_kwargs.offline=False",
        "++do_training=True",
        "model.data.dataset_path=/data",
        "exp_manager.exp_dir=/mine",
        *(f"++model.data.dataset.{split}=x_OP_000..186_CL_" for split in ("train", "val", "test")),
    ]


def test_a_configuration_may_be_a_file(quick, tmp_path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "own.yaml").touch()
    assert quick("-c", "conf/own.yaml")[1] == asked("conf", "own.yaml", "++do_training=True")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fly",), "pretrain_quick.sh: 'fly' is neither preprocess, train nor an option; --help lists them.\n"),
        (("train", "-c"), "pretrain_quick.sh: -c needs a value.\n"),
    ],
)
def test_a_wrong_call_is_answered_in_one_line(quick, arguments, message):
    assert quick(*arguments) == (64, [], message)


def test_help_names_the_model_and_its_configuration(quick):
    code, lines, _ = quick("--help")
    assert code == 0
    assert any("molecule/megamolbart" in line and "pretrain_xsmall_span_aug" in line for line in lines)


@pytest.mark.parametrize("model", SCRIPTS)
def test_the_trainer_takes_what_it_is_asked(model, tmp_path):
    cpu = "trainer.accelerator=cpu trainer.devices=1 trainer.num_nodes=1 trainer.precision=32"
    done = subprocess.run(
        [SCRIPTS[model], "-f", "x_OP_000..003_CL_", "-o", "/out", "-a", f"--check {cpu}"],
        env={**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    config = yaml.safe_load(done.stdout)
    assert config["exp_manager"]["explicit_log_dir"] == "/out"
    assert config["model"]["data"]["dataset"]["val"] == "x_OP_000..003_CL_"
