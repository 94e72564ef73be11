"""Amounts as people read them."""

from datetime import UTC, datetime, timedelta

import pytest

from bionemo_operator.cli.spans import since, size, span, until

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-3, "0s"), (0.4, "0s"), (45, "45s"), (60, "1m"), (750, "12m30s"), (18000, "5h"), (18005, "5h"), (273600, "3d4h")],
)
def test_a_span_has_its_two_largest_units(seconds, expected):
    assert span(seconds) == expected


def test_moments_are_told_from_now():
    hour = timedelta(hours=1)
    assert (since(NOON - hour, NOON), until(NOON + hour, NOON)) == ("1h", "1h")
    assert (since(None, NOON), until(None, NOON)) == ("", "")


@pytest.mark.parametrize(
    ("num_bytes", "expected"),
    [(7, "7 B"), (1500, "1.5 kB"), (7.824e9, "7.8 GB"), (2.5e12, "2.5 TB"), (3e15, "3000.0 TB")],
)
def test_a_size_has_the_unit_that_suits_it(num_bytes, expected):
    assert size(num_bytes) == expected
