"""`python -m bionemo_trainer.data.preparation`: what one pod of a preparation does, and what it says at its end."""

import json

import pytest

from bionemo_trainer.contract import STAGES
from bionemo_trainer.data.manifest import read_manifest, verify
from bionemo_trainer.data.preparation.__main__ import main
from testkit.preparation import SMILES, molecule_table


@pytest.fixture
def words(tmp_path, monkeypatch):
    """What the last pod left, with the folder of the test as DIR."""
    path = tmp_path / "words"
    monkeypatch.setenv("BIONEMO_TERMINATION_LOG", str(path))
    return lambda: json.loads(path.read_text().replace(str(tmp_path), "DIR"))


@pytest.fixture
def plan(tmp_path):
    """File of a plan for a folder of raw files."""
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.txt").write_text(molecule_table())
    path = tmp_path / "plan.json"
    document = {
        "recipe": "molecule/zinc15", "source": {"urls": [], "path": str(tmp_path / "raw")}, "output": str(tmp_path / "out"),
        "files": 2, "validation": "10", "test": "10", "seed": 42, "column": None, "max_length": None,
    }  # fmt: skip
    path.write_text(json.dumps(document))
    return path


def pod(plan, stage, shares=1):
    return main(["--plan", str(plan), "--stage", stage, "--shares", str(shares)])


def goes_through(plan, stages, words):
    """What the pods of stages said, one pod for each."""
    said = {}
    for stage in stages:
        assert pod(plan, stage) == 0
        said[stage] = words()
    return said


def test_the_stages_give_a_dataset_and_each_leaves_last_words(plan, words, tmp_path):
    said = goes_through(plan, STAGES, words)
    manifest = read_manifest(tmp_path / "out")
    assert verify(tmp_path / "out") == manifest
    assert manifest.records.train == len(SMILES) - 20
    assert {stage: said[stage]["exitCode"] for stage in STAGES} == dict.fromkeys(STAGES, 0)
    assert [stage for stage in STAGES if "tasks" in said[stage]] == ["list", "cut", "settle"]
    assert (said["list"]["tasks"], said["settle"]["tasks"]) == (1, 2)
    assert said["finish"]["records"] == {
        "train": 80, "validation": 10, "test": 10, "duplicates": 0, "rejected": 0,
    }  # fmt: skip


def test_a_stage_may_be_shared_by_pods(plan, words, monkeypatch):
    goes_through(plan, ("list", "fetch", "cut"), words)
    done = []
    for index in ("0", "1"):
        monkeypatch.setenv("JOB_COMPLETION_INDEX", index)
        assert pod(plan, "map", shares=2) == 0
        done.append(words()["done"])
    assert done == [1, 0]


def test_stages_of_a_dataset_that_is_complete_have_little_to_do(plan, words):
    first = goes_through(plan, STAGES, words)
    again = goes_through(plan, STAGES, words)
    assert again["list"] == {"exitCode": 0, "done": 0, "tasks": 1}
    assert again["finish"]["checksum"] == first["finish"]["checksum"]


def test_a_plan_that_is_not_there_is_named(plan, words):
    plan.unlink()
    assert pod(plan, "list") == 66
    assert words() == {
        "exitCode": 66,
        "message": "--plan: DIR/plan.json can't be read (No such file or directory); name the file of a plan.",
    }


def test_a_source_that_is_not_there_is_told_in_the_last_words(plan, words, tmp_path):
    (tmp_path / "raw" / "a.txt").unlink()
    assert pod(plan, "list") == 66
    assert words() == {
        "exitCode": 66,
        "message": "source.path: 'DIR/raw' holds no files; put the raw files there or mend the path.",
    }


def test_a_share_that_is_no_number_is_named(plan, caplog, monkeypatch):
    caplog.set_level("INFO")
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "one")
    assert pod(plan, "list") == 64
    assert caplog.messages[-1] == (
        "environment variable JOB_COMPLETION_INDEX: 'one' must be a whole number of at least 0; correct or unset it."
    )


def test_a_stage_that_there_is_not_is_refused(plan, capsys):
    with pytest.raises(SystemExit) as caught:
        pod(plan, "mop")
    assert caught.value.code == 2
    assert "argument --stage: invalid choice: 'mop'" in capsys.readouterr().err
