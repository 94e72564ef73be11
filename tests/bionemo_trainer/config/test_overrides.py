"""Overrides follow Hydra's grammar, and each one that can't be applied is answered with what to write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.config.overrides import apply_overrides, assign, lookup, parse_overrides

TREE = {"do_training": True, "model": {"lr": 1.0, "data": {"train": "x000"}}}
KNOWN = frozenset({"do_training", "model.lr", "model.data.train", "model.data.val"})


def applied(*texts):
    assignments, problems = parse_overrides(texts)
    assert not problems
    return apply_overrides(TREE, assignments, KNOWN)[0]


def refused(*texts):
    assignments, unread = parse_overrides(texts)
    return [str(problem) for problem in (*unread, *apply_overrides(TREE, assignments, KNOWN)[1])]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("model.data.train=x_OP_000..009_CL_", "x_OP_000..009_CL_", id="BioNeMo's bracket words"),
        pytest.param("model.data.train='x[000..009]'", "x[000..009]", id="quoted brackets"),
        pytest.param(r"model.data.train=x\[000..009\]", "x[000..009]", id="escaped brackets"),
        pytest.param("model.data.train='a,b'", "a,b", id="quoted comma"),
        pytest.param("model.data.train=[a,'b c']", ["a", "b c"], id="list"),
        pytest.param("model.data.train={k: 'v w'}", {"k": "v w"}, id="mapping"),
        pytest.param("model.data.train=null", None, id="null"),
        pytest.param("model.data.train=1e-4", 1e-4, id="float"),
        pytest.param("model.data.train=True", True, id="boolean"),
        pytest.param("model.data.train=", "", id="nothing"),
        pytest.param("model.data.train=${model.lr}", "${model.lr}", id="interpolation"),
    ],
)
def test_values_are_read_as_hydra_reads_them(text, value):
    assert applied(text)["model"]["data"]["train"] == value


def test_force_add_sets_what_exists_and_what_does_not():
    assert applied("++do_training=False", "++model.new.key=3") == {
        "do_training": False,
        "model": {"lr": 1.0, "data": {"train": "x000"}, "new": {"key": 3}},
    }


def test_a_declared_key_may_be_set_where_no_file_did():
    assert applied("model.data.val=x001")["model"]["data"] == {"train": "x000", "val": "x001"}


def test_a_deleted_key_is_gone():
    assert applied("~model.lr")["model"] == {"data": {"train": "x000"}}


def test_a_top_level_key_can_be_deleted_by_its_value():
    assert "do_training" not in applied("~do_training=True")


def test_later_overrides_win():
    assert applied("model.lr=2", "model.lr=3")["model"]["lr"] == 3


def test_the_tree_is_left_as_it_was():
    applied("model.data.train=x001")
    assert TREE["model"]["data"]["train"] == "x000"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "model.data.trian=x001",
            "overrides: 'model.data.trian=x001' names no key of this configuration (model.data.trian); "
            "did you mean model.data.train? ++model.data.trian=x001 adds a new one.",
            id="unknown key",
        ),
        pytest.param(
            "+model.lr=2",
            "overrides: '+model.lr=2' adds a key that exists (model.lr); write model.lr=2.",
            id="adding a present key",
        ),
        pytest.param(
            "~model.dropout",
            "overrides: '~model.dropout' deletes a key that is not there (model.dropout); leave it out.",
            id="deleting an absent key",
        ),
        pytest.param(
            "~model.lr=5",
            "overrides: '~model.lr=5' deletes another value than the present one (1.0); "
            "write ~model.lr to delete it whatever its value.",
            id="deleting another value",
        ),
        pytest.param(
            "model.lr=1,2",
            "overrides: 'model.lr=1,2' gives several values, and a run takes one; "
            "quote a value with commas, or write a list as [a,b].",
            id="sweep",
        ),
        pytest.param(
            "db@model=mysql",
            "overrides: 'db@model=mysql' names a package (model), and these configurations have no groups; "
            "write the dotted key alone.",
            id="package",
        ),
        pytest.param(
            "model.data.train=x[000..009]",
            "overrides: 'model.data.train=x[000..009]' does not follow Hydra's grammar "
            "(mismatched input '[' expecting <EOF>); quote a value with brackets ('x[000..009]'), or write x_OP_000..009_CL_.",
            id="bare brackets",
        ),
        pytest.param(
            "model.lr",
            "overrides: 'model.lr' does not follow Hydra's grammar "
            "(missing EQUAL at '<EOF>'); write key=value, +key=value, ++key=value or ~key.",
            id="no value",
        ),
    ],
)
def test_a_wrong_override_is_answered_with_what_to_write(text, message):
    assert refused(text) == [message]


def test_all_wrong_overrides_are_named_at_once():
    assert len(refused("model.lr=1,2", "~nothing", "+model.lr=2", "(")) == 4


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    understood, problems = parse_overrides([text])
    assert len(understood) + len(problems) == 1


keys = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4).map(".".join)


@given(keys, st.integers() | st.booleans())
def test_a_key_that_was_set_is_found(key, value):
    tree = {}
    assign(tree, key, value)
    assert lookup(tree, key) == (True, value)


@given(st.text(st.characters(codec="ascii", exclude_characters="'\\$", min_codepoint=32), max_size=20))
def test_a_quoted_value_survives(text):
    assert applied(f"model.data.train='{text}'")["model"]["data"]["train"] == text
