"""References, the environment and BioNeMo's resolvers become values; what can't is named with its key."""

import re
from datetime import date

import pytest

from bionemo_trainer.config.interpolation import resolve
from bionemo_trainer.errors import ConfigError


def messages(tree):
    with pytest.raises(ConfigError) as caught:
        resolve(tree)
    return [str(problem) for problem in caught.value.problems]


def test_references_relative_references_and_products_become_values():
    tree = {
        "name": "a",
        "model": {"hidden": 8, "inner": "${multiply:${model.hidden}, 4}", "twice": "${.hidden}", "of": "${name}"},
    }
    assert resolve(tree)["model"] == {"hidden": 8, "inner": 32, "twice": 8, "of": "a"}


def test_metric_braces_in_file_names_are_left_alone():
    assert (
        resolve({"name": "m", "filename": "${name}--{val_loss:.2f}-{step}"})["filename"] == "m--{val_loss:.2f}-{step}"
    )


def test_the_environment_is_read_with_its_default(monkeypatch):
    monkeypatch.setenv("BIONEMO_PATH", "/opt/here")
    monkeypatch.delenv("NOT_SET", raising=False)
    tree = {"a": "${oc.env:BIONEMO_PATH}/x", "b": "${oc.env:NOT_SET,fallback}"}
    assert resolve(tree) == {"a": "/opt/here/x", "b": "fallback"}


def test_now_is_written_in_the_given_form():
    assert re.fullmatch(r"date: \d{6}-\d{6}", resolve({"notes": "date: ${now:%y%m%d-%H%M%S}"})["notes"])


def test_every_value_that_cannot_be_resolved_is_named(monkeypatch):
    monkeypatch.delenv("NOT_SET", raising=False)
    assert messages({"a": "${oc.env:NOT_SET}/x", "b": {"c": ["fine", "${nowhere}"]}, "d": "fine"}) == [
        (
            "a: '${oc.env:NOT_SET}/x' can't be resolved (Environment variable 'NOT_SET' not found); "
            "set the environment variable NOT_SET, or give the value itself."
        ),
        (
            "b.c[1]: '${nowhere}' can't be resolved (Interpolation key 'nowhere' not found); "
            "name a key that exists, or give the value itself."
        ),
    ]


def test_a_product_of_a_word_is_refused():
    assert messages({"a": "${multiply:x,y}"}) == [
        (
            "a: '${multiply:x,y}' can't be resolved ("
            "can't multiply sequence by non-int of type 'str'); name a key that exists, or give the value itself."
        )
    ]


def test_a_value_of_a_foreign_type_is_refused():
    assert messages({"model": {"made": date(2026, 1, 2)}}) == [
        (
            "model.made: datetime.date(2026, 1, 2) is no value of a configuration "
            "(Value 'date' is not a supported primitive type); quote it."
        )
    ]
