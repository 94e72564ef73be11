"""What is dropped looks random along every axis, and is the same whoever asks."""

import pytest
import torch

pytest.importorskip("triton")

from bionemo_trainer.kernels.dropout import kept_weights, threshold_of

SIDE = 512
TOLERANCE = 0.005
"""Five standard deviations of a share of 512 x 512 independent draws."""


def kept(seed=1, head=0, first=0, dropout=0.25):
    return kept_weights(seed, head, torch.arange(first, first + SIDE), torch.arange(SIDE), dropout)


@pytest.mark.parametrize("dropout", [0.0, 0.1, 0.5])
def test_the_share_is_what_was_asked_for(dropout):
    assert kept(dropout=dropout).double().mean().item() == pytest.approx(1 - dropout, abs=TOLERANCE)


@pytest.mark.parametrize("axis", [0, 1], ids=["queries", "keys"])
@pytest.mark.parametrize("shift", [1, 2, 32, 64])
def test_neighbours_are_independent(axis, shift):
    both = (kept() & kept().roll(shift, dims=axis)).double().mean().item()
    assert both == pytest.approx(0.75**2, abs=TOLERANCE)


@pytest.mark.parametrize("other", [{"seed": 2}, {"seed": -1}, {"head": 1}, {"first": SIDE}], ids=str)
def test_seeds_heads_and_rows_are_independent(other):
    both = (kept() & kept(**other)).double().mean().item()
    assert both == pytest.approx(0.75**2, abs=TOLERANCE)


@pytest.mark.parametrize("axis", [0, 1], ids=["queries", "keys"])
def test_no_row_is_dropped_more_than_chance_would(axis):
    shares = kept().double().mean(axis)
    assert shares.std().item() == pytest.approx((0.25 * 0.75 / SIDE) ** 0.5, rel=0.15)


def test_a_place_keeps_its_bits_in_any_tile():
    assert torch.equal(kept(first=64)[: SIDE - 64], kept()[64:])


def test_nothing_lies_below_the_threshold_of_no_dropout():
    assert threshold_of(0.0) == 0
