"""Tokens are as torch and the kernels want them, and filling up adds nothing that anybody looks at."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from testkit.networks import tokens_of


def pack_of(lengths):
    return tokens_of([np.arange(length, dtype=np.uint16) + 5 for length in lengths])


def test_tokens_are_wide_enough_for_torch_and_bounds_narrow_enough_for_kernels():
    pack = pack_of([2, 3])
    assert (pack.tokens_T.dtype, pack.positions_T.dtype, pack.cu_seqlens.dtype) == (
        torch.int64,
        torch.int64,
        torch.int32,
    )
    assert (pack.num_tokens, pack.num_sequences, pack.max_seqlen) == (5, 2, 3)


@given(
    lengths=st.lists(st.integers(0, 9), max_size=5),
    multiple=st.integers(1, 8),
    num_fillers=st.integers(1, 4),
)
def test_filling_up_reaches_the_multiple_and_keeps_the_sequences(lengths, multiple, num_fillers):
    pack = pack_of(lengths)
    filled = pack.filled_up(multiple, num_fillers)
    assert filled.num_tokens % multiple == 0
    assert filled.num_tokens - pack.num_tokens - num_fillers < multiple
    assert filled.num_sequences == pack.num_sequences + num_fillers
    assert filled.cu_seqlens[: len(lengths) + 1].tolist() == pack.cu_seqlens.tolist()
    assert filled.tokens_T[: pack.num_tokens].tolist() == pack.tokens_T.tolist()


@given(lengths=st.lists(st.integers(0, 9), max_size=5), multiple=st.integers(1, 8))
def test_fillers_are_sequences_like_others(lengths, multiple):
    filled = pack_of(lengths).filled_up(multiple)
    last = int(filled.cu_seqlens[-1] - filled.cu_seqlens[-2])
    assert filled.cu_seqlens.dtype == torch.int32
    assert filled.cu_seqlens[-1] == filled.num_tokens
    assert last >= 1
    assert filled.positions_T[-last:].tolist() == list(range(last))
    assert filled.max_seqlen == max([*lengths, last])
