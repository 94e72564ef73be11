"""What of the files is run, and how options change it."""

from pathlib import Path

import pytest

from bionemo_operator.cli.documents import Document
from bionemo_operator.cli.selection import Changes, select
from bionemo_trainer.errors import ConfigError
from testkit.documents import preprocess_document, training_document

FILES = (
    training_document("first", dataset={"preprocessRef": {"name": "zinc15"}}),
    preprocess_document("zinc15"),
    preprocess_document("unneeded"),
    training_document("second", dataset={"claim": {"name": "data", "path": "old"}}),
)


def selected(*contents, only=(), **changes):
    documents = [Document(path=Path("all.yaml"), number=i, content=each) for i, each in enumerate(contents, start=1)]
    return select(documents, Changes(**changes), only)


def names(selection):
    return [[each.metadata.name for each in part] for part in (selection.preprocesses, selection.trainings)]


def changed(spec, **changes):
    return selected(training_document(**spec), **changes).trainings[0].spec


def refused(*contents, **options):
    with pytest.raises(ConfigError) as caught:
        selected(*contents, **options)
    return [str(problem) for problem in caught.value.problems]


def test_everything_is_run_in_the_order_of_the_files():
    assert names(selected(*FILES)) == [["zinc15", "unneeded"], ["first", "second"]]


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        pytest.param(["first"], [["zinc15"], ["first"]], id="a training with the data that it needs"),
        pytest.param(["second"], [[], ["second"]], id="a training on data that are there"),
        pytest.param(["unneeded"], [["unneeded"], []], id="a preparation"),
        pytest.param(["second", "unneeded"], [["unneeded"], ["second"]], id="two"),
    ],
)
def test_only_what_is_named_is_run(only, expected):
    assert names(selected(*FILES, only=only)) == expected


def test_a_name_that_the_files_do_not_hold_is_refused():
    assert refused(*FILES, only=["third"]) == [
        "--only: 'third' is no resource of the files, which hold first, zinc15, unneeded, second; write one of these names."
    ]


def test_files_that_hold_nothing_are_refused():
    assert refused() == [
        "-f: nothing is asked for by the files; name a file with a BioNeMoTraining or a BioNeMoPreprocess."
    ]


def test_a_bionemo_configuration_is_sent_to_the_trainer():
    assert refused({"name": "mine"}) == [
        "all.yaml: kind: nothing is given, and a BioNeMo configuration says neither where its data are nor where its results "
        "go; run it with python -m bionemo_trainer --config-path=… --config-name=…, or write a BioNeMoTraining."
    ]


def test_problems_of_all_documents_are_told_with_their_places():
    wrong = refused(training_document(nodes=0), {**training_document(), "spec": 1}, only=["x"])
    assert [text.split(":")[0] for text in wrong] == ["all.yaml", "all.yaml#2"]


def test_options_replace_fields():
    spec = changed({}, nodes=1, gpus=2)
    assert (spec.nodes, spec.gpus_per_node) == (1, 2)


def test_fields_without_an_option_stay():
    spec = changed({"overrides": ["seed=1"]})
    assert (spec.nodes, spec.gpus_per_node, spec.overrides) == (4, 8, ("seed=1",))


def test_a_training_for_gpus_becomes_one_for_the_cpu():
    spec = changed({}, gpus=0, processes=2)
    assert (spec.gpus_per_node, spec.processes_per_node) == (0, 2)


def test_a_training_for_the_cpu_becomes_one_for_gpus():
    spec = changed({"gpusPerNode": 0, "processesPerNode": 2}, gpus=1)
    assert (spec.gpus_per_node, spec.processes_per_node) == (1, None)


def test_the_fewest_nodes_are_those_of_the_nodes_that_were_written():
    spec = changed({"recovery": {"minNodes": 2, "maxRestarts": 3}}, nodes=1)
    assert (spec.recovery.min_nodes, spec.recovery.max_restarts) == (None, 3)


def test_overrides_are_added_behind_those_of_the_resource():
    assert changed({"overrides": ["seed=1"]}, overrides=("seed=2",)).overrides == ("seed=1", "seed=2")


@pytest.mark.parametrize("field", ["overrides", "recovery"])
def test_a_field_of_a_wrong_kind_is_left_to_be_judged(field):
    (problem,) = refused(training_document(**{field: 7}), nodes=4, overrides=("seed=2",))
    assert problem.startswith(f"all.yaml: spec.{field}: 7 ")


def test_changes_are_judged_by_the_rules():
    assert refused(training_document(), processes=2) == [
        "all.yaml: spec.processesPerNode: 2 is only for training on CPU, where gpusPerNode is 0; "
        "remove it or set gpusPerNode to 0."
    ]
