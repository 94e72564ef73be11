"""Rotary positions in Triton: queries and keys turned, or turned back, in one pass. Launched by `packed_attention`.

The halves of a head are paired. A program turns all heads of one token, whose angles are the same. Shapes: T tokens, N heads of width D,
P = D / 2 pairs.
"""

import triton
import triton.language as tl
from torch import Tensor


def turn_into(source_TN2D: Tensor, target_TN2D: Tensor, cos_TP: Tensor, sin_TP: Tensor, *, back: bool = False) -> None:
    """Writes queries and keys, turned in 32 bit.

    Args:
        source_TN2D: Of any strides, as long as the width is contiguous.
        target_TN2D: Likewise; it may be the source.
        cos_TP: Contiguous, 32 bit.
        sin_TP: Contiguous, 32 bit.
        back: Whether by the angles' negatives, as gradients are.
    """
    tokens, heads, _, width = source_TN2D.shape
    turn_rows[(tokens,)](
        source_TN2D, target_TN2D, cos_TP, sin_TP, *source_TN2D.stride()[:3], *target_TN2D.stride()[:3],
        HEADS=heads, PAIRS=width // 2, ROWS=triton.next_power_of_2(2 * heads), FILLED=triton.next_power_of_2(width // 2),
        SIGN=-1.0 if back else 1.0,
    )  # fmt: skip


@triton.jit
def turn_rows(
    source, target, cos, sin,
    source_token, source_head, source_part, target_token, target_head, target_part,
    HEADS: tl.constexpr, PAIRS: tl.constexpr, ROWS: tl.constexpr, FILLED: tl.constexpr, SIGN: tl.constexpr,
):  # fmt: skip
    """A row is the query or the key of one head of a token."""
    token = tl.program_id(0).to(tl.int64)
    row, pair = tl.arange(0, ROWS), tl.arange(0, FILLED)
    is_real = (row < 2 * HEADS)[:, None] & (pair < PAIRS)[None, :]
    cos_P = tl.load(cos + token * PAIRS + pair, mask=pair < PAIRS, other=0.0)[None, :]
    sin_P = tl.load(sin + token * PAIRS + pair, mask=pair < PAIRS, other=0.0)[None, :] * SIGN
    of_source = (
        source + token * source_token + (row // 2 * source_head + row % 2 * source_part)[:, None] + pair[None, :]
    )
    of_target = (
        target + token * target_token + (row // 2 * target_head + row % 2 * target_part)[:, None] + pair[None, :]
    )
    first_RP = tl.load(of_source, mask=is_real, other=0.0).to(tl.float32)
    second_RP = tl.load(of_source + PAIRS, mask=is_real, other=0.0).to(tl.float32)
    tl.store(of_target, (first_RP * cos_P - second_RP * sin_P).to(target.dtype.element_ty), mask=is_real)
    tl.store(of_target + PAIRS, (second_RP * cos_P + first_RP * sin_P).to(target.dtype.element_ty), mask=is_real)
