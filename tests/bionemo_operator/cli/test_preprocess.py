"""`bionemo preprocess` and `bionemo inspect` on real records, as a user sees them."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bionemo_operator.cli.app import app
from bionemo_operator.cli.inspect import histogram
from bionemo_trainer.data.manifest import Bucket
from bionemo_trainer.errors import ConfigError, DataError

MOLECULES = ["CCO", "OCC", "c1ccccc1", "CC(=O)O", "CN", "CCN", "CCC", "not a molecule", "CCCl", "CCBr", "C1CC1"]
RESOURCES = """
apiVersion: bionemo.dev/v1alpha1
kind: BioNeMoPreprocess
metadata: {name: few}
spec:
  recipe: molecule/zinc15
  source: {claim: {name: raw}}
  output: {claim: {name: data}, path: few, files: 2}
  split: {validation: "2", test: "1"}
---
apiVersion: bionemo.dev/v1alpha1
kind: BioNeMoTraining
metadata: {name: passed-over}
spec:
  recipe: molecule/megamolbart/pretrain_xsmall_span_aug
  dataset: {preprocessRef: {name: few}}
  results: {claim: {name: results}}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw").mkdir()
    rows = [f"{smiles}\tZ{number:02d}" for number, smiles in enumerate(MOLECULES)]
    (tmp_path / "raw" / "a.txt").write_text("\n".join(["smiles\tzinc_id", *rows, ""]))
    (tmp_path / "few.yaml").write_text(RESOURCES)
    return tmp_path


def run(*arguments):
    result = CliRunner().invoke(app, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def prepared():
    return run("preprocess", "-f", "few.yaml", "--claim", "raw=raw", "--workers", "1")


def test_a_dataset_is_prepared_where_its_claim_points(folder):
    assert prepared() == (
        "few: molecule/zinc15 -> volumes/data/few\n"
        "  6 train, 2 validation and 1 test records in 2 files each; 1 duplicates and 1 rejects left out\n"
    )
    assert (folder / "volumes/data/few/train/x001.csv").read_text().startswith("zinc_id,smiles\n")


def test_a_second_run_has_nothing_to_do(folder):
    first = prepared()
    shutil.rmtree(folder / "raw")
    assert prepared() == first


@pytest.mark.usefixtures("folder")
def test_a_dataset_is_described():
    prepared()
    output = run("inspect", "volumes/data/few", "--verify")
    assert "  records    9: 6 train, 2 val, 1 test" in output
    assert "  duplicates 1 left out" in output
    assert "  sources    a.txt" in output
    assert "verified   every file has the bytes that were prepared" in output
    assert "x001.csv" in output


def test_a_changed_file_is_noticed(folder):
    prepared()
    changed = folder / "volumes/data/few/val/x000.csv"
    changed.write_text(changed.read_text() + "Z99,C\n")
    with pytest.raises(DataError, match=r"val/x000\.csv has \d+ bytes instead of \d+"):
        run("inspect", "volumes/data/few", "--verify")


def test_a_bionemo_file_is_prepared_too(folder):
    (folder / "p.fasta").write_text(">P1 a protein\nMKV\n>P2\nMSTN\n>P3\nGSHM\n>P4\nACDE\n")
    (folder / "own.yaml").write_text(
        "defaults: [protein/esm1nv/pretrain_small]\nname: own\n"
        "model: {data: {data_url: p.fasta, dataset_path: out, preprocessing: {validation: 1, test: 1, files: 1}}}\n"
    )
    assert run("preprocess", "-f", "own.yaml", "model.data.preprocessing.test=0", "--workers", "1") == (
        "own: protein/uniref50 -> out\n"
        "  3 train, 1 validation and 0 test records in 1 files each; 0 duplicates and 0 rejects left out\n"
    )


@pytest.mark.usefixtures("folder")
def test_files_that_ask_for_nothing_are_refused():
    Path("training.yaml").write_text(RESOURCES.split("---")[1])
    with pytest.raises(ConfigError) as caught:
        run("preprocess", "-f", "training.yaml")
    assert str(caught.value) == (
        "-f: nothing is asked for by the files, and there is nothing else to prepare; "
        "name a file with a BioNeMoPreprocess, or a BioNeMo configuration."
    )


@pytest.mark.usefixtures("folder")
def test_files_that_cannot_be_read_are_all_named():
    with pytest.raises(ConfigError) as caught:
        run("preprocess", "-f", "one.yaml", "-f", "two.yaml")
    assert len(caught.value.problems) == 2


@pytest.mark.usefixtures("folder")
def test_many_files_are_shown_by_the_first_and_the_last():
    Path("few.yaml").write_text(RESOURCES.replace("files: 2", "files: 20"))
    prepared()
    output = run("inspect", "volumes/data/few")
    assert "x010.csv" in output
    assert "x011.csv" not in output
    assert "x019.csv" in output
    assert "… 8 files between the last two are not shown" in output


def test_bars_are_drawn_to_the_longest():
    lines = list(histogram((Bucket(at_least=8, below=10, records=1), Bucket(at_least=10, below=12, records=80))))
    assert lines == ["      8 to 9       █ 1", f"     10 to 11      {'█' * 40} 80"]
