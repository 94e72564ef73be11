"""16-bit gradients added to their 32-bit sums, those of several matrices in one launch, in Triton. Called by `engine.flat_parameters`.

A launch for each would cost more than what it adds: a matrix of a small network is read and written in two microseconds. Shapes: N elements
of all parts together.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise

import triton
import triton.language as tl
from torch import Tensor

MOST_PARTS = 8
"""Parts of a launch: about the matrices of a layer."""
TILE = 4096
"""Elements that a program adds."""


def add_to_sums(sums_N: Tensor, parts: Sequence[Tensor]) -> None:
    """Adds parts that lie anywhere to sums that lie one after the other.

    Args:
        sums_N: Contiguous, 32 bit; begins with those of the parts.
        parts: At most MOST_PARTS, contiguous.
    """
    ends = (0, *accumulate(part.numel() for part in parts))
    sums = [sums_N[start:end] for start, end in pairwise(ends)]
    missing = [None] * (MOST_PARTS - len(parts))
    counts = [len(each) for each in sums]
    add_tiles[(sum(triton.cdiv(count, TILE) for count in counts),)](
        *sums, *missing, *parts, *missing, *counts, *(0 for _ in missing), TILE=TILE
    )


@triton.jit
def add_tiles(
    sums_0, sums_1, sums_2, sums_3, sums_4, sums_5, sums_6, sums_7,
    part_0, part_1, part_2, part_3, part_4, part_5, part_6, part_7,
    count_0, count_1, count_2, count_3, count_4, count_5, count_6, count_7,
    TILE: tl.constexpr,
):  # fmt: skip
    """One tile of one part: programs are counted from part to part."""
    tile = added(sums_0, part_0, count_0, tl.program_id(0), TILE)
    tile = added(sums_1, part_1, count_1, tile, TILE)
    tile = added(sums_2, part_2, count_2, tile, TILE)
    tile = added(sums_3, part_3, count_3, tile, TILE)
    tile = added(sums_4, part_4, count_4, tile, TILE)
    tile = added(sums_5, part_5, count_5, tile, TILE)
    tile = added(sums_6, part_6, count_6, tile, TILE)
    added(sums_7, part_7, count_7, tile, TILE)


@triton.jit
def added(sums, part, count, tile, TILE: tl.constexpr):
    """Adds a tile if it is one of this part; its number counted from the next part on, below zero from then on."""
    if part is not None:
        tiles = tl.cdiv(count, TILE)
        if (tile >= 0) & (tile < tiles):
            place = tile.to(tl.int64) * TILE + tl.arange(0, TILE)
            is_real = place < count
            sums_N = tl.load(sums + place, mask=is_real) + tl.load(part + place, mask=is_real).to(tl.float32)
            tl.store(sums + place, sums_N, mask=is_real)
        tile -= tiles
    return tile
