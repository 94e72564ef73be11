"""Every token of every sequence is in one tile, and tiles that are left over say so."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.kernels.tiles import BLOCK, NO_SEQUENCE, tiles_of


def tiles_for(lengths):
    bounds = torch.tensor([0, *lengths]).cumsum(0).int()
    return [tuple(tile) for tile in tiles_of(bounds, sum(lengths)).tolist()]


@pytest.mark.parametrize(
    ("lengths", "used"),
    [
        pytest.param([1], [(0, 0)], id="one token"),
        pytest.param([BLOCK, BLOCK + 1], [(1, 0), (1, 1), (0, 0)], id="one more than a tile"),
        pytest.param([0, 3], [(1, 0)], id="a sequence without tokens"),
    ],
)
def test_each_sequence_gets_the_tiles_that_it_needs(lengths, used):
    assert [tile for tile in tiles_for(lengths) if tile[0] != NO_SEQUENCE] == used


@given(lengths=st.lists(st.integers(0, 3 * BLOCK), min_size=1, max_size=6))
def test_the_used_ones_come_first_and_are_all_that_are_needed(lengths):
    tiles = tiles_for(lengths)
    num_blocks = [-(-length // BLOCK) for length in lengths]
    longest_first = sorted(range(len(lengths)), key=lambda sequence: -num_blocks[sequence])
    needed = [(sequence, block) for sequence in longest_first for block in range(num_blocks[sequence])]
    assert tiles[: len(needed)] == needed
    assert all(sequence == NO_SEQUENCE for sequence, _ in tiles[len(needed) :])
