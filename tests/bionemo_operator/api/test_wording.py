import pytest

from bionemo_operator.api import parse_resource
from bionemo_operator.api.wording import nearest_name, wire_path
from bionemo_trainer.errors import ConfigError
from testkit.documents import training_document


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param(
            {"nodes": 2.5}, "spec.nodes: 2.5 must be a whole number; write digits only, such as 4.", id="a fraction"
        ),
        pytest.param(
            {"nodes": 0}, "spec.nodes: 0 must be 1 to 1000; choose a number within these limits.", id="too few"
        ),
        pytest.param(
            {"resumeFrom": {"training": "first", "step": -1}},
            "spec.resumeFrom.step: -1 must be 0 to 2147483647; choose a number within these limits.",
            id="below zero",
        ),
        pytest.param(
            {"suspend": "yes"},
            "spec.suspend: 'yes' must be true or false; write true or false, without quotes.",
            id="no bool",
        ),
        pytest.param(
            {"recipe": 650}, 'spec.recipe: 650 must be text; write it in quotes: "650".', id="number for a text"
        ),
        pytest.param(
            {"image": True}, 'spec.image: True must be text; write it in quotes: "true".', id="truth value for a text"
        ),
        pytest.param({"image": ["a"]}, "spec.image: ['a'] must be text; write a single text.", id="list for a text"),
        pytest.param(
            {"parallelism": 8},
            "spec.parallelism: 8 must be a group of fields; indent its fields below it: tensor, pipeline, sequence.",
            id="number for a group",
        ),
        pytest.param(
            {"template": {"labels": "team"}},
            "spec.template.labels: 'team' must be a group of names and values; indent lines of the form name: value below it.",
            id="text for a map",
        ),
        pytest.param(
            {"template": {"labels": {"a b": "c"}}},
            "spec.template.labels[a b]: 'a b' must be letters, digits, hyphens, underscores and dots, with at most a domain "
            "and a slash before them; write a Kubernetes key such as nvidia.com/gpu.",
            id="malformed key",
        ),
        pytest.param(
            {"template": {"affinity": {name: {} for name in "abcd"}}},
            "spec.template.affinity: {'a': {}, 'b': {}, 'c': {}, 'd': {}} must have at most 3 entries; remove some of them.",
            id="too many entries",
        ),
        pytest.param(
            {"template": {"env": [{"nam": "A", "name": "B"}]}},
            "spec.template.env[0].nam: 'A' is not a known field; did you mean name.",
            id="unknown field of an item",
        ),
        pytest.param(
            {"results": {"claim": {"name": "r"}, "zzz": 1}},
            "spec.results.zzz: 1 is not a known field; remove it; the fields here are claim.",
            id="unknown field like no other",
        ),
        pytest.param(
            {"template": {"env": [{"value": "A"}]}},
            "spec.template.env[0].name: nothing must be given; add it; `kubectl explain bionemotraining.spec.template.env.name` "
            "says what it means.",
            id="missing field of an item",
        ),
        pytest.param(
            {"precision": "tf"},
            "spec.precision: 'tf' must be one of 32, bf16-mixed, 16-mixed, fp8-mixed; choose one of them.",
            id="choice like no other",
        ),
    ],
)
def test_a_finding_is_told_in_words(spec, message):
    with pytest.raises(ConfigError) as caught:
        parse_resource(training_document(**spec))

    assert str(caught.value) == message


def test_a_wrong_version_is_told_the_only_one():
    with pytest.raises(ConfigError) as caught:
        parse_resource(training_document() | {"apiVersion": "v1"})

    assert str(caught.value) == "apiVersion: 'v1' must be bionemo.dev/v1alpha1; write exactly that."


def test_a_finding_without_words_of_its_own_keeps_those_of_the_library():
    with pytest.raises(ConfigError) as caught:
        parse_resource(training_document() | {"status": {"startTime": "2026-11-24T08:00:00"}})

    assert str(caught.value) == (
        "status.startTime: '2026-11-24T08:00:00' is not accepted (Input should have timezone info); correct it."
    )


@pytest.mark.parametrize(
    ("location", "path"),
    [
        pytest.param(("spec", "nodes"), "spec.nodes", id="field"),
        pytest.param(("spec", "env", 0, "name"), "spec.env[0].name", id="item"),
        pytest.param(("spec", "labels", "a/b"), "spec.labels[a/b]", id="key"),
        pytest.param(("spec", "labels", "a b", "[key]"), "spec.labels[a b]", id="malformed key"),
    ],
)
def test_a_path_is_written_as_the_api_server_writes_it(location, path):
    assert wire_path(location) == path


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        pytest.param("GPUSPERNODE", "gpusPerNode", id="capitals do not matter"),
        pytest.param("bananas", None, id="nothing is near"),
    ],
)
def test_the_nearest_name_is_found(name, nearest):
    assert nearest_name(name, ("nodes", "gpusPerNode")) == nearest
