"""Attention over packed sequences: no token looks across the end of its sequence, and none is computed for padding.

Called by the attention layers. Three kernels behind one signature: ours in Triton, torch's variable-length attention for
heads that are too wide for it, and one that pads inside, for CPUs and 32 bit. A further kernel is a further function here and
a line in `kernel_for`. Shapes: Q queries and K keys packed, B sequences, S the longest of them, N heads of width D.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Self, cast

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention.varlen import varlen_attn

from bionemo_trainer.config.cuda_graph import WIDEST_HEAD
from bionemo_trainer.kernels.sources import parts_of
from bionemo_trainer.kernels.tiles import BLOCK, tiles_of
from bionemo_trainer.models.batch import PackedTokens
from bionemo_trainer.models.kernel_support import SIXTEEN_BIT, kernels_work
from bionemo_trainer.models.rotary import Rotation

WHOLE_SEQUENCE = (-1, -1)
"""Window of tokens to the left and right that a query sees: all."""
PAST_ONLY = (-1, 0)
"""Window of causal attention."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Bounds:
    """Where the sequences of one side lie, in every form that a kernel asks for, each found when it first does."""

    pack: PackedTokens

    @classmethod
    def of(cls, pack: PackedTokens) -> Self:
        """The bounds of packed sequences, found without waiting for the device."""
        bounds = cls(pack=pack)
        if (
            pack.cu_seqlens.device.type == "cuda"
        ):  # found here: what a layer finds is news to the next, and compiled anew
            _ = bounds.tiles_N2, bounds.has_long
        return bounds

    @property
    def cu_seqlens(self) -> Tensor:
        """Starts, and the end of the last, 32 bit [B + 1]."""
        return self.pack.cu_seqlens

    @property
    def max_seqlen(self) -> int:
        """S."""
        return self.pack.max_seqlen

    @cached_property
    def has_long(self) -> bool:
        """Whether some sequence needs more than one tile."""
        return self.max_seqlen > BLOCK

    @cached_property
    def tiles_N2(self) -> Tensor:
        """What the programs of our kernels work on, 32 bit [N, 2]."""
        return tiles_of(self.cu_seqlens, self.pack.num_tokens)

    @cached_property
    def slots_T(self) -> Tensor:
        """Index of each token in the padded form [B x S], 64 bit [T]."""
        rows = torch.arange(self.pack.num_sequences, device=self.cu_seqlens.device)
        row_T = rows.repeat_interleave(self.cu_seqlens.diff(), output_size=self.pack.num_tokens)
        return row_T * self.max_seqlen + self.pack.positions_T

    @cached_property
    def is_real_BS(self) -> Tensor:
        """Which slots of the padded form hold a token [B, S]."""
        columns = torch.arange(self.max_seqlen, device=self.cu_seqlens.device)
        return columns < self.cu_seqlens.diff()[:, None]

    def padded(self, packed_TND: Tensor) -> Tensor:
        """Rows of equal length, zero where there is no token [B, N, S, D]."""
        _, heads, width = packed_TND.shape
        slots = packed_TND.new_zeros(self.is_real_BS.numel(), heads, width).index_copy(0, self.slots_T, packed_TND)
        return slots.view(*self.is_real_BS.shape, heads, width).transpose(1, 2)

    def packed(self, padded_BNSD: Tensor) -> Tensor:
        """What `padded` was given [T, N, D]."""
        return padded_BNSD.transpose(1, 2).flatten(0, 1).index_select(0, self.slots_T)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DropoutKey:
    """What decides, with a weight's place, whether our kernels drop it."""

    seed: Tensor
    """Of the layer and the micro batch, 32 bit [1]."""
    first_head: int
    """Number of this rank's first head."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sight:
    """Who sees whom."""

    queries: Bounds
    keys: Bounds
    """The same as `queries` in self-attention; of the other side, with as many sequences, in cross-attention."""
    is_causal: bool = False
    """Whether a token sees only itself and those before it."""
    rotation: Rotation | None = None
    """By which queries and keys are turned first, in self-attention; None leaves them."""
    dropout: float = 0.0
    """Share of the attention weights to drop now; 0 outside training."""
    dropout_key: DropoutKey | None = None
    """None lets torch's generator decide, which only the kernel that pads can."""


type Heads = tuple[Tensor, ...]
"""Queries, keys and values of the heads: together [Q, N, 3, D], or [Q, N, 1, D] and [K, N, 2, D], or each [.., N, 1, D]."""
type Kernel = Callable[[Heads, Sight], Tensor]
"""Heads to attended values [Q, N, D]."""


def kernel_for(
    device_type: str, dtype: torch.dtype, width: int, dropout: float, *, can_compile: bool | None = None
) -> Kernel:
    """The fastest kernel that can: softmax attention with scores divided by sqrt(D).

    On GPUs in 16 bit it is ours for heads up to 128 wide, and torch's, which has no dropout, for those up to 256.

    Args:
        device_type: Where the tensors are.
        dtype: Of the tensors.
        width: D.
        dropout: Share of the weights to drop.
        can_compile: Whether our kernels work here; None finds out.
    """
    if device_type != "cuda" or dtype not in SIXTEEN_BIT:
        return padded_attention
    if width <= WIDEST_HEAD and (kernels_work() if can_compile is None else can_compile):
        return triton_attention
    return variable_length_attention if width % 8 == 0 and width <= 256 and not dropout else padded_attention


def triton_attention(heads: Heads, sight: Sight) -> Tensor:
    """Our kernel, with dropout inside; what it drops depends on the key alone."""
    from bionemo_trainer.kernels.packed_attention import packed_attention_op  # noqa: PLC0415 - Triton comes with CUDA

    key = sight.dropout_key
    assert key is not None or not sight.dropout, "dropout in our kernel needs a key"
    seed = torch.zeros(1, dtype=torch.int32, device=heads[0].device) if key is None else key.seed
    rotation = sight.rotation
    attended: Tensor = packed_attention_op(
        heads,
        (sight.queries.cu_seqlens, sight.keys.cu_seqlens),
        (sight.queries.tiles_N2, sight.keys.tiles_N2),
        seed,
        angles=None if rotation is None else (rotation.cos_TP, rotation.sin_TP),
        share=sight.dropout,
        first_head=key.first_head if key else 0,
        is_causal=sight.is_causal,
        has_long=sight.queries.has_long or sight.keys.has_long,
    )
    return attended


def turned_parts(heads: Heads, rotation: Rotation | None) -> tuple[Tensor, Tensor, Tensor]:
    """Queries [Q, N, D] and keys [K, N, D], turned if there is a rotation, and values [K, N, D]."""
    query_QND, key_KND, value_KND = parts_of(heads)
    if rotation is None:
        return query_QND, key_KND, value_KND
    return rotation.turn(query_QND), rotation.turn(key_KND), value_KND


def padded_attention(heads: Heads, sight: Sight) -> Tensor:
    """Pads to rows, lets torch choose among its kernels for rows, and packs again."""
    query_QND, key_KND, value_KND = turned_parts(heads, sight.rotation)
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


def variable_length_attention(heads: Heads, sight: Sight) -> Tensor:
    """The kernel of torch for packed sequences; it has no dropout."""
    attended = varlen_attn(
        *turned_parts(heads, sight.rotation),
        sight.queries.cu_seqlens,
        sight.keys.cu_seqlens,
        sight.queries.max_seqlen,
        sight.keys.max_seqlen,
        window_size=PAST_ONLY if sight.is_causal else WHOLE_SEQUENCE,
    )
    return cast("Tensor", attended)  # a tuple only where auxiliary outputs are asked for
