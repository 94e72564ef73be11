from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from bionemo_operator.api.constraints import IntOrText, Items, Text
from bionemo_operator.api.fields import SpecModel

Word = Annotated[str, Text(limit=4, pattern="^[a-z]*$", rule="must be lower-case", mend="write a word")]


class Entry(SpecModel):
    """An item that is known by its key."""

    entry_key: str
    """Its key."""


Entries = Annotated[tuple[Entry, ...], Items(limit=2, merge="map", keys=("entryKey",), fewest=1)]


def said_of(type_, value):
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(type_).validate_python(value)
    return caught.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param("", "must have 1 to 4 characters, not 0; write a word", id="too short"),
        pytest.param("abcde", "must have 1 to 4 characters, not 5; write a word", id="too long"),
        pytest.param("ABC", "must be lower-case; write a word", id="wrong form"),
        pytest.param("abc\n", "must be lower-case; write a word", id="final line break"),
    ],
)
def test_a_text_out_of_its_rule_is_refused(value, message):
    assert said_of(Word, value) == message


@pytest.mark.parametrize(
    ("type_", "value", "message"),
    [
        pytest.param(
            Entries,
            (),
            "must have 1 to 2 items, not 0; leave the field out or change the number of items",
            id="too few",
        ),
        pytest.param(
            Annotated[tuple[str, ...], Items(limit=1, merge="atomic")],
            ("a", "b"),
            "must have 0 to 1 items, not 2; leave the field out or change the number of items",
            id="too many",
        ),
        pytest.param(
            Annotated[tuple[str, ...], Items(limit=2, merge="set")],
            ("a", "a"),
            "must not list a twice; remove or rename one of the two",
            id="repeated in a set",
        ),
        pytest.param(
            Entries,
            (Entry(entry_key="a"), Entry(entry_key="a")),
            "must not list entryKey a twice; remove or rename one of the two",
            id="repeated key",
        ),
    ],
)
def test_a_list_out_of_its_rule_is_refused(type_, value, message):
    assert said_of(type_, value) == message


def test_an_atomic_list_may_repeat_itself():
    repeated = TypeAdapter(Annotated[tuple[str, ...], Items(limit=2, merge="atomic")]).validate_python(("a", "a"))

    assert repeated == ("a", "a")


@pytest.mark.parametrize(("value", "text"), [pytest.param(7, "7", id="number"), pytest.param("7", "7", id="text")])
def test_a_number_becomes_its_digits_where_both_are_allowed(value, text):
    assert TypeAdapter(Annotated[str, IntOrText()]).validate_python(value) == text


def test_a_truth_value_is_no_number():
    assert said_of(Annotated[str, IntOrText()], True) == "Input should be a valid string"


@pytest.mark.parametrize(
    ("type_", "schema"),
    [
        pytest.param(Word, {"type": "string", "minLength": 1, "maxLength": 4, "pattern": "^[a-z]*$"}, id="text"),
        pytest.param(
            Annotated[str, Text(limit=4, shortest=0, rule="", mend="")],
            {"type": "string", "maxLength": 4},
            id="any text",
        ),
        pytest.param(
            Annotated[str, Text(limit=4, rule="", mend=""), IntOrText()],
            {"maxLength": 4, "x-kubernetes-int-or-string": True},
            id="number or text",
        ),
        pytest.param(
            Annotated[tuple[bool, ...], Items(limit=3, merge="atomic")],
            {"type": "array", "items": {"type": "boolean"}, "maxItems": 3, "x-kubernetes-list-type": "atomic"},
            id="list",
        ),
    ],
)
def test_a_rule_of_a_type_appears_in_its_schema(type_, schema):
    assert TypeAdapter(type_).json_schema() == schema


def test_a_keyed_list_names_its_keys_in_the_schema():
    schema = TypeAdapter(Entries).json_schema()

    assert (schema["minItems"], schema["x-kubernetes-list-map-keys"]) == (1, ["entryKey"])
