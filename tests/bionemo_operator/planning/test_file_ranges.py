"""The files of a split become a range that expands to them again."""

import pytest

from bionemo_operator.planning.file_ranges import file_names, range_of
from bionemo_trainer.config.ranges import expand_range


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param(["x000.csv", "x001.csv", "x002.csv"], "x[000..002]", id="a sequence"),
        pytest.param(["x000.csv"], "x000", id="a single file"),
        pytest.param(["x000.csv", "x002.csv"], "[x000,x002]", id="a gap"),
        pytest.param(["x998.csv", "x999.csv", "x1000.csv"], "x[998..1000]", id="a digit more"),
        pytest.param(["one.csv", "two.csv"], "[one,two]", id="names"),
        pytest.param(["x{.csv", "y.csv"], "[x{,y]", id="names that are no range"),
    ],
)
def test_files_become_a_range(names, expected):
    assert range_of(names) == expected


@pytest.mark.parametrize("names", [["x000.csv", "x001.csv"], ["x000.csv"], ["x1.csv", "a.csv"]])
def test_the_range_means_the_same_files(names):
    assert list(expand_range(range_of(names), field="train")) == names


def test_no_files_are_no_range():
    assert range_of([]) is None


@pytest.mark.parametrize(
    ("count", "last"),
    [
        pytest.param(1, "x000.csv", id="one"),
        pytest.param(1000, "x999.csv", id="three digits"),
        pytest.param(1001, "x1000.csv", id="four digits"),
    ],
)
def test_files_of_a_prepared_dataset_are_numbered(count, last):
    names = file_names(count)
    assert (len(names), names[-1]) == (count, last)
    assert len({len(name) for name in names}) == 1
