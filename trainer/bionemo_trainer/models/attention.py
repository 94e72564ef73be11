"""Attention over packed sequences: no token looks across the end of its sequence, and none is computed for padding.

Called by the attention layers. Two kernels behind one signature: torch's variable-length attention on GPUs, and one that
pads inside for CPUs and for what the first can't do. A further kernel is a further function here and a line in
`kernel_for`. Shapes: Q queries and K keys packed, B sequences, S the longest of them, N heads of width D.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, cast

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention.varlen import varlen_attn

from bionemo_trainer.models.batch import PackedTokens

WHOLE_SEQUENCE = (-1, -1)
"""Window of tokens to the left and right that a query sees: all."""
PAST_ONLY = (-1, 0)
"""Window of causal attention."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bounds:
    """Where the sequences of one side lie, in both forms that kernels ask for."""

    cu_seqlens: Tensor
    """Starts, and the end of the last, 32 bit [B + 1]."""
    max_seqlen: int
    slots_T: Tensor
    """Index of each token in the padded form [B x S], 64 bit [T]."""
    is_real_BS: Tensor
    """Which slots of the padded form hold a token [B, S]."""

    @classmethod
    def of(cls, pack: PackedTokens) -> Self:
        """The bounds of packed sequences, found without waiting for the device."""
        lengths_B = pack.cu_seqlens.diff()
        rows = torch.arange(pack.num_sequences, device=lengths_B.device)
        row_T = rows.repeat_interleave(lengths_B, output_size=pack.num_tokens)
        columns = torch.arange(pack.max_seqlen, device=lengths_B.device)
        return cls(
            cu_seqlens=pack.cu_seqlens,
            max_seqlen=pack.max_seqlen,
            slots_T=row_T * pack.max_seqlen + pack.positions_T,
            is_real_BS=columns < lengths_B[:, None],
        )

    def padded(self, packed_TND: Tensor) -> Tensor:
        """Rows of equal length, zero where there is no token [B, N, S, D]."""
        _, heads, width = packed_TND.shape
        slots = packed_TND.new_zeros(self.is_real_BS.numel(), heads, width).index_copy(0, self.slots_T, packed_TND)
        return slots.view(*self.is_real_BS.shape, heads, width).transpose(1, 2)

    def packed(self, padded_BNSD: Tensor) -> Tensor:
        """What `padded` was given [T, N, D]."""
        return padded_BNSD.transpose(1, 2).flatten(0, 1).index_select(0, self.slots_T)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sight:
    """Who sees whom."""

    queries: Bounds
    keys: Bounds
    """The same as `queries` in self-attention; of the other side, with as many sequences, in cross-attention."""
    is_causal: bool = False
    """Whether a token sees only itself and those before it."""
    dropout: float = 0.0
    """Share of the attention weights to drop now; 0 outside training."""


type Kernel = Callable[[Tensor, Tensor, Tensor, Sight], Tensor]
"""Queries [Q, N, D], keys [K, N, D] and values [K, N, D] to attended values [Q, N, D]."""


def packed_attention(query_QND: Tensor, key_KND: Tensor, value_KND: Tensor, sight: Sight) -> Tensor:
    """Softmax attention with scores divided by sqrt(D), by the fastest kernel that can [Q, N, D]."""
    kernel = kernel_for(query_QND.device.type, query_QND.dtype, query_QND.shape[-1], sight.dropout)
    return kernel(query_QND, key_KND, value_KND, sight)


def kernel_for(device_type: str, dtype: torch.dtype, width: int, dropout: float) -> Kernel:
    """Variable-length attention where it exists: on GPUs, in 16 bit, for heads of whole 8s up to 256, without dropout."""
    is_half = dtype in (torch.float16, torch.bfloat16)
    fits = device_type == "cuda" and is_half and width % 8 == 0 and width <= 256
    return variable_length_attention if fits and not dropout else padded_attention


def padded_attention(query_QND: Tensor, key_KND: Tensor, value_KND: Tensor, sight: Sight) -> Tensor:
    """Pads to rows, lets torch choose among its kernels for rows, and packs again."""
    sees = sight.keys.is_real_BS[:, None, None, :]
    if sight.is_causal:
        longest = sight.keys.max_seqlen
        sees = sees & torch.ones(longest, longest, dtype=torch.bool, device=sees.device).tril()
    attended_BNSD = functional.scaled_dot_product_attention(
        sight.queries.padded(query_QND),
        sight.keys.padded(key_KND),
        sight.keys.padded(value_KND),
        attn_mask=sees,
        dropout_p=sight.dropout,
    )
    return sight.queries.packed(attended_BNSD)


def variable_length_attention(query_QND: Tensor, key_KND: Tensor, value_KND: Tensor, sight: Sight) -> Tensor:
    """The kernel of torch for packed sequences; it has no dropout."""
    attended = varlen_attn(
        query_QND,
        key_KND,
        value_KND,
        sight.queries.cu_seqlens,
        sight.keys.cu_seqlens,
        sight.queries.max_seqlen,
        sight.keys.max_seqlen,
        window_size=PAST_ONLY if sight.is_causal else WHOLE_SEQUENCE,
    )
    return cast("Tensor", attended)  # a tuple only where auxiliary outputs are asked for
