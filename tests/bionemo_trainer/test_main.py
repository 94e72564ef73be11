"""`python -m bionemo_trainer`: BioNeMo's own way to prepare data and to judge a configuration."""

import json
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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ["--config-name=pretrain_small_span_aug"],
            "error: do_training: True asks for a training, and this version prepares data and checks configurations; "
            "add ++do_training=False to prepare the data, or --check to judge the configuration.\n",
            id="a training",
        ),
        pytest.param(
            ["--config-name=pretrain_small_span_aug", "--check", "model.num_layers=0", "trainer.devices=0"],
            "error: trainer.devices: 0 must be at least 1; change the number.\n"
            "error: model.num_layers: 0 must be at least 1; change the number.\n",
            id="wrong settings",
        ),
    ],
)
def test_what_cannot_be_done_is_answered_in_lines(arguments, message, capsys):
    assert main(arguments) == 64
    assert capsys.readouterr().err == message


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
