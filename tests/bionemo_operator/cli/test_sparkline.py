"""A curve as one line of text."""

import pytest

from bionemo_operator.cli.sparkline import sparkline


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], ""),
        ([1.0], ""),
        ([1.0, 1.0], "▁▁"),
        ([7, 6, 5, 4, 3, 2, 1, 0], "█▇▆▅▄▃▂▁"),
        ([100.0, 1.0, 0.0, 2.0], "▅▁█"),
    ],
    ids=["none", "one", "flat", "falling", "only the newest"],
)
def test_values_become_bars(values, expected):
    assert sparkline(values, 3 if len(values) == 4 else 8) == expected
