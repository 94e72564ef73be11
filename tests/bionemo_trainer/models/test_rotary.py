"""Rotary positions depend on distances only."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.models.rotary import Rotation


def turned(heads, place):
    return Rotation.of(torch.tensor([place]), head_width=8).turn(heads)


@given(place=st.integers(0, 500), distance=st.integers(0, 500))
def test_the_score_of_a_query_and_a_key_depends_on_their_distance(place, distance):
    query, key = torch.randn(2, 1, 3, 8, generator=torch.Generator().manual_seed(0))
    score = (turned(query, place + distance) * turned(key, place)).sum()
    torch.testing.assert_close(score, (turned(query, distance) * turned(key, 0)).sum(), rtol=1e-3, atol=1e-3)


def test_the_first_place_is_not_turned():
    heads = torch.randn(1, 3, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(turned(heads, 0), heads)


def test_heads_are_turned_in_32_bit_and_keep_their_precision():
    heads = torch.randn(1, 3, 8, generator=torch.Generator().manual_seed(0)).bfloat16()
    found = turned(heads, 300)
    assert torch.equal(found, turned(heads.float(), 300).bfloat16())
