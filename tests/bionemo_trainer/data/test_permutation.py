import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.data.permutation import Permutation

SIZES = st.integers(1, 2000)
BIG_SIZES = st.integers(1, 1 << 62)


@given(size=SIZES, key=st.text())
def test_every_number_comes_once(size, key):
    order = Permutation(size=size, key=key).many(np.arange(size))
    assert np.sort(order).tolist() == list(range(size))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 1 << 16, (1 << 16) + 1, 1_000_003])
def test_sizes_at_and_beyond_powers_of_two_are_permuted_exactly(size):
    order = Permutation(size=size, key="edges").many(np.arange(size))
    assert np.array_equal(np.sort(order), np.arange(size))


@given(size=BIG_SIZES, data=st.data())
def test_one_at_a_time_and_many_at_once_agree(size, data):
    indices = data.draw(st.lists(st.integers(0, size - 1), max_size=5))
    permutation = Permutation(size=size, key="agree")
    assert permutation.many(np.array(indices, dtype=np.int64)).tolist() == [permutation(index) for index in indices]


@given(size=BIG_SIZES, data=st.data())
def test_different_numbers_stay_different_and_within_any_size(size, data):
    indices = data.draw(st.sets(st.integers(0, size - 1), max_size=20))
    images = {Permutation(size=size, key="apart")(index) for index in indices}
    assert len(images) == len(indices)
    assert all(0 <= image < size for image in images)


def test_a_block_of_ten_billion_does_not_collide():
    images = Permutation(size=10_000_000_019, key="large").many(np.arange(9_999_000_000, 10_000_000_019))
    assert len(np.unique(images)) == len(images)
    assert 0 <= images.min() < images.max() < 10_000_000_019


def test_the_numbers_never_change_between_releases_and_platforms():
    assert Permutation(size=10, key="seed 0").many(np.arange(10)).tolist() == [6, 1, 4, 5, 0, 7, 9, 2, 3, 8]
    assert Permutation(size=10_000_000_000, key="seed 0")(123_456_789) == 129_591_437


def test_every_place_is_equally_likely_over_keys():
    places = [Permutation(size=16, key=str(key))(5) for key in range(16_000)]
    deviations = (np.bincount(places, minlength=16) - 1000) ** 2 / 1000
    assert deviations.sum() < 37.7  # chi-square with 15 degrees of freedom, one in a thousand


def test_neighbours_do_not_stay_neighbours():
    order = Permutation(size=1_000_000, key="spread").many(np.arange(1_000_000))
    assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.005


@pytest.mark.parametrize("size", [0, -1, (1 << 62) + 1])
def test_sizes_without_a_permutation_are_refused(size):
    with pytest.raises(ValueError, match="size") as refused:
        Permutation(size=size, key="")
    assert str(refused.value) == f"the size of a permutation must lie between 1 and 2^62, not {size}"


@pytest.mark.parametrize("index", [-1, 5])
def test_numbers_outside_are_refused(index):
    permutation = Permutation(size=5, key="")
    with pytest.raises(IndexError) as refused:
        permutation(index)
    assert str(refused.value) == f"{index} lies outside of a permutation of 5"
    with pytest.raises(IndexError) as refused:
        permutation.many(np.array([0, index]))
    assert str(refused.value) == f"{index} lies outside of a permutation of 5"
