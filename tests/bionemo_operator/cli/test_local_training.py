"""A training finds its folders on this machine, and its attempts their configuration."""

import json

import pytest
import yaml

from bionemo_operator.api.parse import parse_resource
from bionemo_operator.cli.local_training import checkpoints_by_step, locate, open_attempt, put_aside
from bionemo_trainer.config.load import load_file
from bionemo_trainer.errors import ConfigError, DataError, MissingInputError
from bionemo_trainer.run_folder import RunFolder
from testkit.documents import preprocess_document, training_document
from testkit.preparation import molecule_table, prepared

CLAIMS = ("data", "bionemo-results", "bionemo-data")
ALL_FILES = {"train": "x000", "validation": "x000", "test": "x000"}


@pytest.fixture
def located(tmp_path):
    """Locate a training of molecules on a dataset of two files per split."""
    prepared(tmp_path, "molecule/zinc15", {"a.txt": molecule_table()}, validation="10", test="10", files=2)
    claims = dict.fromkeys(CLAIMS, tmp_path)

    def locate_it(preprocesses=(), **spec):
        smallest = {
            "recipe": "molecule/megamolbart/pretrain_xsmall_span_aug",
            "nodes": 1,
            "gpusPerNode": 0,
            "dataset": {"claim": {"name": "data", "path": "out"}},
        }
        training = parse_resource(training_document("mine", **{**smallest, **spec}))
        known = {each["metadata"]["name"]: parse_resource(each) for each in preprocesses}
        return locate(training, known, claims)

    return locate_it


def opened(local, **options):
    attempt = open_attempt(local, **{"fresh": False, **options})
    return attempt, load_file(attempt.config_file).config


def refused(error, act, *arguments, **options):
    with pytest.raises(error) as caught:
        act(*arguments, **options)
    return str(caught.value)


def saved(folder, step, name):
    path = folder / "checkpoints" / f"{name}.ckpt"
    path.mkdir(parents=True)
    (path / "manifest.json").write_text(json.dumps({"step": step}))
    return path


def test_claims_are_folders_and_the_results_have_the_name_of_the_training(located, tmp_path):
    local = located(results={"claim": {"name": "bionemo-results", "path": "runs"}})
    assert (local.dataset, local.folder.path, local.name) == (tmp_path / "out", tmp_path / "runs" / "mine", "mine")


def test_a_dataset_is_where_its_preparation_puts_it(located, tmp_path):
    local = located([preprocess_document("few")], dataset={"preprocessRef": {"name": "few"}})
    assert local.dataset == tmp_path / "zinc15"


def test_a_preparation_that_the_files_do_not_hold_is_named(located):
    assert refused(ConfigError, located, dataset={"preprocessRef": {"name": "few"}}) == (
        "mine: spec.dataset.preprocessRef: 'few' is no BioNeMoPreprocess of the files; "
        "add its file with -f, or give claim and path of a dataset instead."
    )


def test_what_can_not_train_is_refused_before_anything_is_prepared(located):
    text = refused(ConfigError, located, overrides=["model.num_layers=0"])
    assert text == "model.num_layers: 0 must be at least 1; change the number."


def test_the_trainer_reads_a_configuration_with_the_folders_of_this_machine(located, tmp_path):
    _, config = opened(located())
    assert config.model.data.dataset_path == str(tmp_path / "out")
    assert config.exp_manager.explicit_log_dir == str(tmp_path / "mine")


def test_splits_that_are_left_open_take_all_their_files(located):
    dataset = {"claim": {"name": "data", "path": "out"}, "validation": "x001"}
    ranges = opened(located(dataset=dataset))[1].model.data.dataset
    assert (ranges.train, ranges.val, ranges.test) == ("x[000..001]", "x001", "x[000..001]")


def test_files_that_are_named_need_no_manifest(located, tmp_path):
    (tmp_path / "out" / "manifest.json").unlink()
    assert opened(located(dataset={"claim": {"name": "data", "path": "out"}, **ALL_FILES}))
    text = refused(DataError, open_attempt, located(), fresh=False)
    assert text.startswith(f"{tmp_path / 'out'}: has no manifest.json, so it is incomplete;")


def test_a_dataset_that_is_not_there_is_missed_in_words(located, tmp_path):
    local = located(dataset={"claim": {"name": "data", "path": "elsewhere"}, **ALL_FILES})
    assert refused(MissingInputError, open_attempt, local, fresh=False) == (
        f"mine: spec.dataset: the dataset's folder {tmp_path / 'elsewhere'} does not exist; prepare it, or say with "
        "--claim NAME=FOLDER which folder stands for its claim."
    )


def test_attempts_are_counted_in_the_folder_of_the_run(located, tmp_path):
    numbers = [opened(located())[0].number for _ in range(2)]
    (tmp_path / "mine" / "launch" / "attempt-draft").mkdir()
    third = opened(located())[0]
    assert [*numbers, third.number] == [1, 2, 3]
    assert third.config_file == tmp_path / "mine" / "launch" / "attempt-3" / "config.yaml"
    assert yaml.safe_load(third.config_file.read_text())["family"] == "megamolbart"


def test_a_fresh_run_puts_the_earlier_one_aside(located, tmp_path):
    opened(located())
    (tmp_path / "mine.1").mkdir()
    assert opened(located(), fresh=True)[0].number == 1
    assert (tmp_path / "mine.2" / "launch" / "attempt-1").is_dir()


def test_a_fresh_run_that_is_refused_leaves_the_earlier_one(located, tmp_path):
    opened(located())
    local = located(dataset={"claim": {"name": "data", "path": "elsewhere"}, **ALL_FILES})
    refused(MissingInputError, open_attempt, local, fresh=True)
    assert (tmp_path / "mine").is_dir()


def test_nothing_is_put_aside_where_nothing_is(tmp_path):
    put_aside(tmp_path / "mine")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("origin", "step"),
    [
        pytest.param({"claim": {"name": "data", "path": "older"}}, 20, id="the newest of a folder"),
        pytest.param({"training": "older"}, 20, id="the newest of a training"),
        pytest.param({"training": "older", "step": 10}, 10, id="a step"),
    ],
)
def test_an_older_run_is_gone_on_from(located, tmp_path, origin, step):
    paths = {number: saved(tmp_path / "older", number, f"step={number}") for number in (10, 20)}
    assert opened(located(resumeFrom=origin))[1].model.resume_from_checkpoint == str(paths[step])


@pytest.mark.parametrize(
    ("step", "wanted", "there"),
    [
        pytest.param(None, "no checkpoint", "or that folder is no run", id="none at all"),
        pytest.param(7, "no checkpoint of step 7", "or that folder is no run", id="none of a step"),
        pytest.param(8, "no checkpoint of step 8", "which has those of 10, 20", id="others"),
    ],
)
def test_a_checkpoint_that_is_not_there_is_missed_in_words(located, tmp_path, step, wanted, there):
    if "has" in there:
        for number in (10, 20):
            saved(tmp_path / "older", number, f"step={number}")
    local = located(resumeFrom={"training": "older", **({"step": step} if step else {})})
    assert refused(MissingInputError, open_attempt, local, fresh=False) == (
        f"mine: spec.resumeFrom: {wanted} in {tmp_path / 'older' / 'checkpoints'}, {there}; name a run that has saved one."
    )


def test_what_is_no_checkpoint_is_passed_over(tmp_path):
    kept = saved(tmp_path, 5, "a")
    (saved(tmp_path, 6, "b") / "manifest.json").write_text("{")
    (saved(tmp_path, 7, "c") / "manifest.json").write_text("[]")
    assert checkpoints_by_step(RunFolder(path=tmp_path)) == {5: kept}
