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


@pytest.mark.parametrize("dropout", [0.02, 0.1, 0.5])
def test_any_two_keys_and_any_two_of_many_queries_are_independent(dropout):
    stays = kept_weights(7, 3, torch.arange(16 * SIDE), torch.arange(SIDE), dropout).float()
    centred = (stays - (1 - dropout)) / (dropout * (1 - dropout)) ** 0.5
    for deviations in (centred, centred[: 2 * SIDE].T):
        pairs = deviations.T @ deviations / len(deviations) ** 0.5  # standard normal, if they are
        different = pairs[~torch.eye(len(pairs), dtype=torch.bool)]
        assert different.std().item() == pytest.approx(1.0, abs=0.03)
        assert different.mean().item() == pytest.approx(0.0, abs=0.03)


@pytest.mark.parametrize("axis", [0, 1], ids=["queries", "keys"])
@pytest.mark.parametrize("distance", [*range(1, 64), 64, 128])
def test_no_distance_is_dropped_together(axis, distance):
    deviations = (kept_weights(7, 3, torch.arange(8 * SIDE), torch.arange(SIDE), 0.1).float() - 0.9) / 0.3
    length = deviations.shape[axis] - distance
    products = deviations.narrow(axis, 0, length) * deviations.narrow(axis, distance, length)
    assert abs(products.mean().item()) * products.numel() ** 0.5 < 5


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
