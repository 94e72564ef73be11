"""A run writes what it is and what it measured, as `run_folder` lays it out."""

import json
import time
from importlib import metadata

import pytest
import yaml

from bionemo_trainer.config.load import load_tree
from bionemo_trainer.run_folder import RunFolder, read_records
from bionemo_trainer.training.records import PACKAGES, append_metrics, describe, versions, write_records, write_text
from testkit.networks import ESM1NV, small_config


@pytest.fixture
def folder(tmp_path):
    return RunFolder(path=tmp_path / "run")


def test_versions_are_those_of_the_installed_packages():
    found = versions()
    assert set(found) <= set(PACKAGES)
    assert (found["torch"], found["megatron-core"]) == (metadata.version("torch"), metadata.version("megatron-core"))


@pytest.mark.parametrize("recipe", [None, ESM1NV])
def test_a_run_is_described_so_that_it_trains_again(folder, recipe):
    config = small_config(ESM1NV, "desc='größer'")
    began_at = time.time()
    describe(folder, config, recipe)
    assert load_tree(yaml.safe_load(folder.config.read_text("utf-8"))).config == config
    assert "größer" in folder.config.read_text("utf-8")
    described = json.loads(folder.run.read_text())
    assert began_at <= described.pop("started_at") <= time.time()
    assert described == {
        "recipe": recipe,
        "family": "esm1nv",
        "versions": versions(),
        "layout": "1 node x 1 process = 1 = data 1 x tensor 1 x pipeline 1",
    }


@pytest.mark.parametrize(
    ("before", "is_kept"),
    [
        pytest.param('{"started_at": 12.5}', True, id="an earlier attempt"),
        pytest.param("{}", False, id="a run of before this was written"),
        pytest.param("[", False, id="a torn file"),
    ],
)
def test_a_run_began_with_its_first_attempt(folder, before, is_kept):
    write_text(folder.run, before)
    describe(folder, small_config(ESM1NV), None)
    assert (json.loads(folder.run.read_text())["started_at"] == 12.5) == is_kept


def test_metrics_are_added_line_by_line(folder):
    began_at = time.time()
    append_metrics(folder, 1, 3, {"reduced_train_loss": 1.5})
    append_metrics(folder, 2, 6, {"val_loss": 1.25, "val_perplexity": 3.5})
    first, second = read_records(folder.metrics)
    assert began_at <= first.pop("time") <= second.pop("time") <= time.time()
    assert first == {"step": 1, "consumed_samples": 3, "reduced_train_loss": 1.5}
    assert second == {"step": 2, "consumed_samples": 6, "val_loss": 1.25, "val_perplexity": 3.5}


def test_records_replace_earlier_ones(folder):
    write_records(folder.residues, [{"residue": "A"}, {"residue": "C"}])
    write_records(folder.residues, iter([{"residue": "ä"}]))
    assert folder.residues.read_text("utf-8") == '{"residue": "ä"}\n'


def test_a_text_replaces_an_earlier_one(folder):
    write_text(folder.run, "a longer text")
    write_text(folder.run, "é")
    assert folder.run.read_text("utf-8") == "é"
