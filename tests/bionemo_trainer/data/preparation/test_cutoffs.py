"""A limit below a share or a number of records, found from parts, is the one that sorting all of them would give."""

from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.data.preparation.cutoffs import NUM_ORDERS, is_below, limit_of_count, limit_of_percentage

HALVES = st.one_of(st.integers(0, 3), st.integers((1 << 64) - 4, (1 << 64) - 1))
KEYS = st.lists(st.lists(st.tuples(HALVES, HALVES), max_size=12), max_size=5)


def columns(part):
    return tuple(np.array([key[half] for key in part], dtype=np.uint64) for half in (0, 1))


@given(parts=KEYS, count=st.integers(0, 30))
def test_exactly_so_many_different_records_lie_below_the_limit_of_a_count(parts, count):
    different = sorted({key for part in parts for key in part})
    limit = limit_of_count(count, map(columns, parts))
    below = None if limit is None else [key for key in different if key[0] << 64 | key[1] < limit]
    assert below == (different[:count] if count <= len(different) else None)


@given(part=st.lists(st.tuples(HALVES, HALVES), min_size=1), limit=st.integers(0, NUM_ORDERS - 1))
def test_arrays_are_compared_as_whole_numbers_are(part, limit):
    assert is_below(limit, *columns(part)).tolist() == [high << 64 | low < limit for high, low in part]


@given(parts=st.integers(0, 999_999).map(lambda number: Decimal(number) / 10_000))
def test_a_percentage_is_that_share_of_all_orders(parts):
    assert 0 <= NUM_ORDERS * parts / 100 - limit_of_percentage(str(parts)) < NUM_ORDERS // 10**20
