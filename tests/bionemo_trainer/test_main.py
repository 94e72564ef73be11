"""`python -m bionemo_trainer`: BioNeMo's own way to train, to prepare data and to judge a configuration."""

import json
import os
import subprocess
import sys

import pytest
import yaml

from bionemo_trainer.__main__ import main
from bionemo_trainer.config.load import load_recipe, load_tree


def test_a_configuration_is_checked_and_printed_resolved(capsys):
    assert main(["--config-name=pretrain_small_span_aug", "--check", "trainer.num_nodes=2"]) == 0
    output = capsys.readouterr().out
    assert output.splitlines()[0] == (
        "# 2 nodes x 8 GPUs = 16 = data 16 x tensor 1 x pipeline 1; global batch 512 = 16 x 32"
    )
    expected = load_recipe("molecule/megamolbart/pretrain_small_span_aug", ["trainer.num_nodes=2"]).config
    assert load_tree(yaml.safe_load(output)).config == expected


def test_data_is_prepared_as_in_bionemo(tmp_path, capsys):
    (tmp_path / "p.fasta").write_text(">P1\nMKV\n>P2\nMSTN\n>P3\nGSHM\n")
    overrides = [
        "++do_training=False",
        f"model.data.data_url={tmp_path / 'p.fasta'}",
        f"model.data.dataset_path={tmp_path / 'out'}",
        "++model.data.preprocessing.validation=1",
        "++model.data.preprocessing.test=1",
        "++model.data.preprocessing.files=1",
    ]
    assert main(["--config-path", "protein/esm1nv", "--config-name", "pretrain_small", *overrides]) == 0
    assert json.loads(capsys.readouterr().out)["records"] == {
        "train": 1, "validation": 1, "test": 1, "duplicates": 0, "rejected": 0,
    }  # fmt: skip


def test_wrong_settings_are_answered_in_lines(capsys):
    assert main(["--config-name=pretrain_small_span_aug", "--check", "model.num_layers=0", "trainer.devices=0"]) == 64
    assert capsys.readouterr().err == (
        "error: trainer.devices: 0 must be at least 1; change the number.\n"
        "error: model.num_layers: 0 must be at least 1; change the number.\n"
    )


def test_a_wrong_environment_is_answered_before_a_training_is_launched(capsys, monkeypatch):
    monkeypatch.setenv("PET_NNODES", "two")
    assert main(["--config-name=pretrain_small_span_aug"]) == 64
    assert capsys.readouterr().err == (
        "error: environment variable PET_NNODES: 'two' must be a whole number of at least 1; correct or unset it.\n"
    )


def test_a_training_is_launched_and_ends_with_the_code_and_words_of_its_rank(tmp_path):
    pytest.importorskip("megatron.core")
    settings = [
        *("trainer.num_nodes=1", "trainer.devices=1", "trainer.accelerator=cpu", "trainer.precision='32'"),
        f"model.data.dataset_path={tmp_path / 'nowhere'}",
        *(f"model.data.dataset.{split}=x000" for split in ("train", "val", "test")),
        f"exp_manager.explicit_log_dir={tmp_path / 'run'}",
    ]
    command = [sys.executable, "-m", "bionemo_trainer", "--config-name=pretrain_xsmall_span_aug", *settings]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "BIONEMO_TERMINATION_LOG": str(tmp_path / "words")}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 66, ended.stderr
    assert json.loads((tmp_path / "words").read_text()) == {
        "exitCode": 66,
        "rank": 0,
        "message": f"1 of 1 dataset files are missing: {tmp_path}/nowhere/train/x000.csv; bring them, or change "
        "model.data.dataset_path or the ranges in model.data.dataset.",
    }


def test_warnings_go_to_standard_error(capsys):
    main(["--config-name=pretrain_small_span_aug", "--check", "++trainer.benchmark=True"])
    assert capsys.readouterr().err == (
        "warning: trainer.benchmark has no effect: our layers choose their kernels themselves\n"
    )


def test_checking_needs_neither_torch_nor_rdkit():
    program = (
        "import sys; from bionemo_trainer.__main__ import main;"
        "main(['--config-name=pretrain_small_span_aug', '--check']);"
        "print(sorted({'torch', 'rdkit', 'numpy'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "[]"
