"""BioNeMo's range grammar: what it expands to, and what it answers where a range names nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.config.ranges import expand_range
from bionemo_trainer.errors import ConfigError


def stems(text):
    return [name.removesuffix(".csv") for name in expand_range(text, field="train")]


@pytest.mark.parametrize(
    "text",
    [
        "x[000..099]",
        "x(000..099)",
        "x<000..099>",
        "x{000..099}",
        "x_OP_000..099_CL_",
        "x_OP_000..099]",
        "x[000..099_CL_",
    ],
)
def test_every_bracket_gives_the_same_hundred_files(text):
    assert stems(text) == [f"x{number:03d}" for number in range(100)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("x000", ["x000"], id="one file"),
        pytest.param("x000.csv", ["x000"], id="extension already there"),
        pytest.param("x[000..001].csv", ["x000", "x001"], id="range with extension"),
        pytest.param("x[000,005]", ["x000", "x005"], id="list of numbers"),
        pytest.param("[x000,x001]", ["x000", "x001"], id="list of names"),
        pytest.param("x[000..010..5]", ["x000", "x005", "x010"], id="step"),
        pytest.param("x[002..000]", ["x002", "x001", "x000"], id="descending"),
        pytest.param("x[000..2]", ["x000", "x001", "x002"], id="first number is wider"),
        pytest.param("x[0..002]", ["x000", "x001", "x002"], id="last number is wider"),
        pytest.param("x[a..c]", ["xa", "xb", "xc"], id="letters"),
        pytest.param("x[[000..001],007]", ["x000", "x001", "x007"], id="nested"),
        pytest.param("[x,y][0..1]", ["x0", "x1", "y0", "y1"], id="product"),
        pytest.param("part/x[0..1]", ["part/x0", "part/x1"], id="below a folder"),
    ],
)
def test_a_range_names_files_in_the_order_written(text, names):
    assert stems(text) == names


@pytest.mark.parametrize(
    ("text", "rule", "mend"),
    [
        pytest.param("x[000]", "has a single name in brackets", "leave the brackets out: x000", id="single"),
        pytest.param("x[]", "has empty brackets", "name files in them, as in x[000..049]", id="empty"),
        pytest.param("x[000-003]", "has a hyphen, which names no range", "write two dots: 000..003", id="hyphen"),
        pytest.param("x[000...003]", "has three dots, which name no range", "write two: 000..003", id="three dots"),
        pytest.param("x[000 .. 003]", "has a space in its brackets", "remove the spaces", id="inner spaces"),
        pytest.param("x[000, 003]", "has a space in a file name", "remove the spaces", id="space in a list"),
        pytest.param("x 000", "has a space in a file name", "remove the spaces", id="space"),
        pytest.param(
            "x[000..a]",
            "has brackets that name no range",
            "write a range as x[000..049] or a list as x[000,007]",
            id="number to letter",
        ),
        pytest.param(
            "x[000..003", "has a bracket without its partner", "close each bracket, as in x[000..049]", id="unclosed"
        ),
        pytest.param(
            "x]000..003[",
            "has a closing bracket before its opening one",
            "order the brackets, as in x[000..049]",
            id="reversed",
        ),
        pytest.param("x[0..999999]", "names more than 100000 files", "check the digits of the range", id="too many"),
        pytest.param("", "gives an empty file name", "name at least one file, as in x000", id="nothing"),
        pytest.param(
            "/data/x000",
            "leaves the folder of its split",
            "give names relative to it, as in x[000..049]",
            id="absolute",
        ),
        pytest.param(
            "../x000", "leaves the folder of its split", "give names relative to it, as in x[000..049]", id="parent"
        ),
    ],
)
def test_a_range_that_names_nothing_is_answered_with_its_mend(text, rule, mend):
    with pytest.raises(ConfigError) as caught:
        expand_range(text, field="train")
    assert str(caught.value) == f"train: {text!r} {rule}; {mend}."


def test_the_bracket_words_are_case_sensitive():
    assert stems("x_op_000..003_cl_") == ["x_op_000..003_cl_"]


@given(st.integers(0, 999), st.integers(0, 999), st.integers(3, 5))
def test_a_range_is_inclusive_at_both_ends_and_padded(first, last, width):
    step = 1 if first <= last else -1
    expected = [f"x{number:0{width}d}" for number in range(first, last + step, step)]
    assert stems(f"x[{first:0{width}d}..{last:0{width}d}]") == expected


def outcome(text):
    try:
        return expand_range(text, field="train")
    except ConfigError as error:
        return error.problems


@given(st.text(alphabet="x01[](){}<>.,-_ /", max_size=16))
def test_any_text_expands_or_is_refused_with_one_problem(text):
    found = outcome(text)
    assert found
    assert all(isinstance(name, str) and name.endswith(".csv") for name in found) or len(found) == 1
