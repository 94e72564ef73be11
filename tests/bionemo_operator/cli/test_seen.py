"""Objects of a cluster, found by name and read."""

import pytest

from bionemo_operator.cli.seen import all_of, find
from bionemo_operator.cluster.kinds import PREPROCESSES, TRAININGS
from bionemo_trainer.errors import DataError, MissingInputError
from testkit.documents import preprocess_document, training_document


def test_a_name_is_a_training_before_it_is_a_preparation(api, cluster):
    api.put(preprocess_document("both"))
    assert find(cluster, "both").kind == PREPROCESSES
    api.put(training_document("both"))
    assert find(cluster, "both").kind == TRAININGS


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("smal", "did you mean small"),
        ("zinc", "did you mean zinc15"),
        ("xyz", "name one that `bionemo status` lists, or another namespace with -n"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_one(api, cluster, name, mend):
    api.put(training_document("small"))
    api.put(preprocess_document("zinc15"))
    with pytest.raises(MissingInputError) as caught:
        find(cluster, name)
    assert str(caught.value) == f"NAME: '{name}' is no BioNeMoTraining or BioNeMoPreprocess of namespace lab; {mend}."
    assert caught.value.exit_code == 66


def test_everything_is_listed_of_one_namespace_or_of_all(api, cluster):
    api.put(training_document("small"))
    other = training_document("other")
    api.put({**other, "metadata": {**other["metadata"], "namespace": "team"}})
    api.put(preprocess_document("zinc15"))
    assert [seen.name for seen in all_of(cluster, "lab")] == ["small", "zinc15"]
    assert [(seen.namespace, seen.name) for seen in all_of(cluster, None)] == [
        ("lab", "small"), ("team", "other"), ("lab", "zinc15"),
    ]  # fmt: skip


def test_an_object_of_a_newer_operator_is_refused_in_words(api, cluster):
    api.put({**training_document("small"), "status": {"phase": "Dreaming"}})
    with pytest.raises(DataError) as caught:
        find(cluster, "small")
    assert str(caught.value) == (
        "status.phase: 'small' has a status that this version of the command does not know; update `bionemo`."
    )


@pytest.mark.parametrize(
    ("spec", "expected"),
    [({}, (4, 8, 8)), ({"gpusPerNode": 0, "processesPerNode": 2}, (4, 0, 2)), ({"gpusPerNode": 0}, (4, 0, 1))],
    ids=["gpus", "processes", "one process"],
)
def test_nodes_and_processes_are_those_that_are_written(api, cluster, spec, expected):
    api.put(training_document("small", **spec))
    seen = find(cluster, "small")
    assert (seen.nodes, seen.gpus_per_node, seen.processes_per_node) == expected
