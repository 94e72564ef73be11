"""Rotary positions depend on distances only."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.models.rotary import Rotation


def turned(heads, place):
    return Rotation.of(torch.tensor([place]), head_width=8, dtype=torch.float32).turn(heads)


@given(place=st.integers(0, 500), distance=st.integers(0, 500))
def test_the_score_of_a_query_and_a_key_depends_on_their_distance(place, distance):
    query, key = torch.randn(2, 1, 3, 8, generator=torch.Generator().manual_seed(0))
    score = (turned(query, place + distance) * turned(key, place)).sum()
    torch.testing.assert_close(score, (turned(query, distance) * turned(key, 0)).sum(), rtol=1e-3, atol=1e-3)


def test_the_first_place_is_not_turned():
    heads = torch.randn(1, 3, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(turned(heads, 0), heads)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_angles_have_the_precision_of_the_heads(dtype):
    assert Rotation.of(torch.arange(3), head_width=4, dtype=dtype).cos_T1D.dtype == dtype
