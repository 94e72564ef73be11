"""Attention over packed sequences is attention within each of them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention

from bionemo_trainer.models.attention import (
    Bounds,
    Sight,
    kernel_for,
    padded_attention,
    triton_attention,
    variable_length_attention,
)
from testkit.networks import tokens_of

HEADS, WIDTH = 2, 8


def bounds_of(lengths):
    return Bounds.of(tokens_of([np.zeros(length, dtype=np.uint16) for length in lengths]))


def random_heads(lengths, seed):
    return torch.randn(sum(lengths), HEADS, WIDTH, generator=torch.Generator().manual_seed(seed))


def together(*parts):
    """As the layers hand them over."""
    return tuple(part.unsqueeze(2) for part in parts)


def one_by_one(query, key, value, lengths, *, is_causal):
    """Every sequence by itself, through torch's attention on one row."""
    query_lengths, key_lengths = zip(*lengths, strict=True)
    rows = zip(query.split(query_lengths), key.split(key_lengths), value.split(key_lengths), strict=True)
    attended = [
        scaled_dot_product_attention(*(heads.transpose(0, 1) for heads in row), is_causal=is_causal).transpose(0, 1)
        for row in rows
    ]
    return torch.cat(attended)


@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=5), is_causal=st.booleans())
def test_self_attention_stays_within_each_sequence(lengths, is_causal):
    query, key, value = (random_heads(lengths, seed) for seed in range(3))
    sight = Sight(queries=bounds_of(lengths), keys=bounds_of(lengths), is_causal=is_causal)
    expected = one_by_one(query, key, value, [(length, length) for length in lengths], is_causal=is_causal)
    torch.testing.assert_close(padded_attention(together(query, key, value), sight), expected, rtol=1e-4, atol=1e-5)


@given(lengths=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=5))
def test_cross_attention_looks_at_the_sequence_of_the_same_number(lengths):
    query_lengths, key_lengths = zip(*lengths, strict=True)
    query = random_heads(query_lengths, 0)
    key, value = random_heads(key_lengths, 1), random_heads(key_lengths, 2)
    sight = Sight(queries=bounds_of(query_lengths), keys=bounds_of(key_lengths))
    expected = one_by_one(query, key, value, lengths, is_causal=False)
    torch.testing.assert_close(padded_attention(together(query, key, value), sight), expected, rtol=1e-4, atol=1e-5)


def test_queries_with_nothing_to_see_get_zeros():
    query = random_heads([2, 3], 0)
    key = random_heads([4], 1)
    sight = Sight(queries=bounds_of([2, 3]), keys=bounds_of([0, 4]))
    assert padded_attention(together(query, key, key), sight)[:2].count_nonzero() == 0


def test_without_sequences_there_is_no_output():
    nothing = random_heads([], 0)
    sight = Sight(queries=bounds_of([]), keys=bounds_of([]), is_causal=True)
    assert padded_attention(together(nothing, nothing, nothing), sight).shape == (0, HEADS, WIDTH)


def test_dropped_weights_keep_the_mean_of_the_output():
    torch.manual_seed(0)
    lengths = [50] * 40
    query, key = random_heads(lengths, 0) * 0.01, random_heads(lengths, 1)
    bounds = bounds_of(lengths)
    dropped = padded_attention(
        together(query, key, torch.ones_like(key)), Sight(queries=bounds, keys=bounds, dropout=0.25)
    )
    assert dropped.std() > 0.05
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.02)


@given(lengths=st.lists(st.integers(0, 9), max_size=5))
def test_packing_undoes_padding(lengths):
    bounds, heads = bounds_of(lengths), random_heads(lengths, 0)
    assert torch.equal(bounds.packed(bounds.padded(heads)), heads)


@pytest.mark.parametrize(
    ("device_type", "dtype", "width", "dropout", "kernel"),
    [
        pytest.param("cuda", torch.bfloat16, 64, 0.0, triton_attention, id="bf16 on a GPU"),
        pytest.param("cuda", torch.float16, 20, 0.1, triton_attention, id="fp16 with dropout on a GPU"),
        pytest.param("cuda", torch.float32, 64, 0.0, padded_attention, id="fp32 on a GPU"),
        pytest.param("cuda", torch.bfloat16, 160, 0.0, variable_length_attention, id="wide heads on a GPU"),
        pytest.param("cuda", torch.bfloat16, 160, 0.1, padded_attention, id="wide heads with dropout on a GPU"),
        pytest.param("cuda", torch.bfloat16, 150, 0.0, padded_attention, id="wide heads of an odd width on a GPU"),
        pytest.param("cuda", torch.bfloat16, 320, 0.0, padded_attention, id="very wide heads on a GPU"),
        pytest.param("cpu", torch.bfloat16, 64, 0.0, padded_attention, id="bf16 on a CPU"),
    ],
)
def test_the_fastest_kernel_that_can_serves(device_type, dtype, width, dropout, kernel):
    assert kernel_for(device_type, dtype, width, dropout, can_compile=True) is kernel


def test_without_a_compiler_torchs_kernel_serves_where_it_can():
    kernels = [kernel_for("cuda", torch.bfloat16, 64, dropout, can_compile=False) for dropout in (0.0, 0.1)]
    assert kernels == [variable_length_attention, padded_attention]
