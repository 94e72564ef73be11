import pytest

from bionemo_operator.api.structural import child_of, node_at, with_defaults

SCHEMA = {
    "properties": {
        "size": {"type": "integer", "default": 3},
        "group": {"default": {"on": False}, "properties": {"on": {"default": False}}},
        "items": {"items": {"properties": {"on": {"default": False}}}},
        "named": {"additionalProperties": {"properties": {"on": {"default": False}}}},
        "blob": {"x-kubernetes-preserve-unknown-fields": True},
    }
}
DEFAULTS = {"size": 3, "group": {"on": False}}


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        pytest.param({}, {}, id="nothing given"),
        pytest.param({"size": None}, {}, id="a null is dropped"),
        pytest.param({"size": 5}, {"size": 5}, id="a value stays"),
        pytest.param({"group": {}}, {}, id="below a group"),
        pytest.param({"items": [{}, 7]}, {"items": [{"on": False}, 7]}, id="below a list"),
        pytest.param({"named": {"a": {}}}, {"named": {"a": {"on": False}}}, id="below a map"),
        pytest.param({"blob": {"a": None}}, {"blob": {"a": None}}, id="a fragment is left alone"),
        pytest.param({"other": {"a": 1}}, {"other": {"a": 1}}, id="the unknown is left alone"),
    ],
)
def test_defaults_are_filled_in_at_every_depth(value, stored):
    assert with_defaults(value, SCHEMA) == DEFAULTS | stored


def test_a_document_of_another_type_is_left_alone():
    assert with_defaults("text", SCHEMA) == "text"


@pytest.mark.parametrize(
    ("path", "part", "key"),
    [
        pytest.param("", "size", "type", id="field"),
        pytest.param("items", 0, "properties", id="item"),
        pytest.param("named", "anything", "properties", id="value of a map"),
    ],
)
def test_a_child_is_found_below_its_node(path, part, key):
    assert key in child_of(node_at(SCHEMA, path), part)


def test_a_node_that_the_schema_does_not_know_is_empty():
    assert node_at(SCHEMA, "size.unit") == {}
