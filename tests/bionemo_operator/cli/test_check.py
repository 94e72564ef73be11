"""`bionemo check` as a user sees it: one golden text per file, good and bad."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bionemo_operator.cli.app import app

FOLDER = Path(__file__).parents[2] / "golden" / "check"
GOOD = sorted((FOLDER / "good").glob("*.yaml"))
BAD = sorted((FOLDER / "bad").glob("*.yaml"))


def checked(*arguments, stdin=None):
    result = CliRunner().invoke(app, ["check", *arguments], input=stdin)
    return result.exit_code, result.output.replace(str(FOLDER), "tests/golden/check")


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_file_is_answered_with_its_arithmetic(path, matches_golden):
    exit_code, output = checked("-f", str(path))
    assert matches_golden(output, path.with_suffix(".txt"))
    assert exit_code == 0


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_file_is_answered_with_every_problem_and_its_mend(path, matches_golden):
    exit_code, output = checked("-f", str(path))
    assert matches_golden(output, path.with_suffix(".txt"))
    assert exit_code == 64


def test_there_are_at_least_thirty_bad_files():
    assert len(BAD) >= 30


def test_a_folder_is_checked_whole():
    exit_code, output = checked("-f", str(FOLDER / "good"))
    assert (exit_code, output.splitlines()[-1]) == (0, "7 documents checked, 0 with problems")


def test_one_wrong_document_among_right_ones_decides_the_exit_code():
    exit_code, output = checked("-f", str(GOOD[0]), "-f", str(BAD[0]))
    assert exit_code == 64
    assert "with problems" in output.splitlines()[-1]


def test_standard_input_is_read_for_a_hyphen():
    exit_code, output = checked("-f", "-", stdin=(FOLDER / "good" / "extends-a-recipe.yaml").read_text())
    assert (exit_code, output.splitlines()[0]) == (0, "✓ standard input")


def test_overrides_apply_to_bionemo_files():
    _, output = checked("-f", str(FOLDER / "good" / "extends-a-recipe.yaml"), "trainer.devices=4")
    assert "1 node x 4 processes = 4 = data 4 x tensor 1 x pipeline 1" in output


def test_what_the_user_knows_of_gpus_and_data_enters_the_estimate():
    _, output = checked(
        "-f", str(FOLDER / "good" / "everything.yaml"), "--gpu", "a100", "--network", "100", "--mean-length", "50"
    )
    assert "GPU A100, 100 Gbit/s of each to other nodes, sequences of 50 tokens" in output


def test_the_gpu_that_nodes_are_asked_for_enters_the_estimate():
    text = (FOLDER / "good" / "everything.yaml").read_text()
    text = text.replace("  nodes: 8", "  template: {nodeSelector: {nvidia.com/gpu.product: NVIDIA-H200}}\n  nodes: 8")
    assert "GPU H200, " in checked("-f", "-", stdin=text)[1]


def test_a_gpu_that_is_not_known_is_answered_with_those_that_are():
    exit_code, output = checked("-f", str(GOOD[0]), "--gpu", "k80")
    assert exit_code == 2
    assert "'k80' is not one of 'a100', 'b200'" in output


def test_a_file_that_is_not_there_is_named():
    assert checked("-f", "nowhere.yaml") == (
        64,
        (
            "✗ nowhere.yaml\n"
            "  problem    -f: 'nowhere.yaml' can't be read (No such file or directory); name a file that exists.\n"
            "1 document checked, 1 with problems\n"
        ),
    )


def test_a_file_that_is_not_text_is_named(tmp_path):
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe")
    _, output = checked("-f", str(tmp_path / "x.yaml"))
    assert f"-f: '{tmp_path}/x.yaml' is not UTF-8 text; save it as UTF-8." in output


def test_empty_documents_are_passed_over():
    _, output = checked("-f", "-", stdin="---\n---\ndefaults: [protein/esm1nv/pretrain_small]\n")
    assert output.splitlines()[0] == "✓ standard input#2"


def test_a_spec_that_is_no_mapping_is_one_problem():
    document = "apiVersion: bionemo.dev/v1alpha1\nkind: BioNeMoTraining\nmetadata: {name: t}\nspec: 3\n"
    _, output = checked("-f", "-", stdin=document)
    assert output.count("problem ") == 1


def test_nothing_to_check_is_no_success(tmp_path):
    assert checked("-f", str(tmp_path)) == (64, "0 documents checked, 0 with problems\n")


def test_checking_imports_neither_torch_nor_rdkit_nor_a_cluster_client():
    program = (
        "import sys; from bionemo_operator.cli.check import check_files; from pathlib import Path;"
        f"check_files([Path({str(GOOD[0])!r})], []);"
        "print(sorted({'torch', 'rdkit', 'kubernetes', 'kopf', 'torchx'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "[]"
