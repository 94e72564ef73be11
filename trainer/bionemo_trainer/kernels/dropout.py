"""Which attention weights are dropped: a pure function of a seed and of the weight's place, in Triton and in torch.

The kernels of the residual stream drop features likewise: a site stands for the head, the token for the query, the feature for the key.

Forward and backward passes draw the same bits without storing them. A weight's bits are a hash of (seed, head, query, key), so
they depend neither on the shape of tiles nor on how heads are split over ranks. A query's hash adds multiples of the golden ratio and
mixes the sums by the two rounds with the least bias that https://github.com/skeeto/hash-prospector found. A weight has a round of its
own: the query's hash plus the key's multiple of a step that is the query's too, mixed once; with one step for all queries, keys at
some distances would be correlated by 0.002. Ten rounds of Philox would be fifteen times the work, more than the attention itself.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

GOLDEN = tl.constexpr(0x9E3779B9)
"""2^32 over the golden ratio: its multiples are spread evenly over 32 bits."""
FIRST_FACTOR = tl.constexpr(0x21F0AAAD)
SECOND_FACTOR = tl.constexpr(0x735A2D97)
WORD = 0xFFFFFFFF


def threshold_of(dropout: float) -> int:
    """Bits below it drop a weight."""
    return round(dropout * 2**32)


@triton.jit
def mixed(bits):
    """A bijection of 32-bit words; every bit of its input changes each bit of its output about half of the time."""
    bits = (bits ^ (bits >> 16)) * FIRST_FACTOR
    bits = (bits ^ (bits >> 15)) * SECOND_FACTOR
    return bits ^ (bits >> 15)


@triton.jit
def row_bits(seed, head, queries, THRESHOLD: tl.constexpr):
    """One hash per query [M], from which those of its weights follow; anything where nothing is dropped."""
    if THRESHOLD > 0:
        bits = mixed(mixed(tl.load(seed).to(tl.uint32)) + head.to(tl.uint32) * GOLDEN)
        return mixed(bits + queries.to(tl.uint32) * GOLDEN)
    return queries.to(tl.uint32)


@triton.jit
def is_kept(query_bits, keys, threshold: tl.constexpr):
    """Which weights stay; the two arguments are broadcast against each other."""
    bits = query_bits + keys.to(tl.uint32) * (query_bits * FIRST_FACTOR | 1)
    return (bits ^ (bits >> 15)) * SECOND_FACTOR >= threshold


def kept_weights(seed: int, head: int, queries_M: Tensor, keys_K: Tensor, dropout: float) -> Tensor:
    """The same in torch, for comparison [M, K].

    Args:
        seed: Of the layer and the micro batch, 32 bit.
        head: Among those of all ranks.
        queries_M: Places of the queries in the pack, 64 bit.
        keys_K: Places of the keys in their sequence, 64 bit.
        dropout: Share that is dropped.
    """
    bits = _mixed(_mixed(torch.tensor(seed)) + head * GOLDEN.value)
    bits_M1 = _mixed(bits + queries_M * GOLDEN.value)[:, None]
    steps_M1 = bits_M1 * FIRST_FACTOR.value & WORD | 1
    bits_MK = bits_M1 + keys_K * steps_M1 & WORD
    stays_MK: Tensor = (bits_MK ^ (bits_MK >> 15)) * SECOND_FACTOR.value & WORD >= threshold_of(dropout)
    return stays_MK


def _mixed(bits: Tensor) -> Tensor:
    bits = bits & WORD
    bits = (bits ^ (bits >> 16)) * FIRST_FACTOR.value & WORD
    bits = (bits ^ (bits >> 15)) * SECOND_FACTOR.value & WORD
    return bits ^ (bits >> 15)
