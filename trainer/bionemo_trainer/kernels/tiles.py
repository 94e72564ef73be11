"""Which part of which sequence each program of a kernel works on. Called once per micro batch, on the device.

Sequences differ in length, so a grid of sequences times blocks would be mostly empty. Here every sequence gets as many tiles
as it needs, one after the other; how many there are is bounded without waiting for the device. The longest come first, since their
programs take the longest: begun last they would keep a few multiprocessors busy while all others wait.
"""

import torch
from torch import Tensor

BLOCK = 64
"""Tokens of a tile. 64 queries by 64 keys of heads up to 128 wide fit the registers of four warps."""
NO_SEQUENCE = -1
"""Sequence of the tiles that are left over."""


def tiles_of(cu_seqlens: Tensor, num_tokens: int) -> Tensor:
    """Sequence and block of every tile, long sequences first, 32 bit [N, 2], where N is at most num_tokens / BLOCK + B.

    Args:
        cu_seqlens: Where each of B sequences starts, and the end of the last [B + 1].
        num_tokens: That end, which the device need not be asked for.
    """
    num_sequences = len(cu_seqlens) - 1
    tiles_B, order_B = ((cu_seqlens.diff() + BLOCK - 1) // BLOCK).sort(descending=True, stable=True)
    ends_B = tiles_B.cumsum(0, dtype=torch.int32)
    tile_N = torch.arange(num_tokens // BLOCK + num_sequences, dtype=torch.int32, device=cu_seqlens.device)
    rank_N = torch.searchsorted(ends_B, tile_N, right=True, out_int32=True)
    is_used_N = rank_N < num_sequences
    rank_N = rank_N.clamp(max=num_sequences - 1)
    block_N = tile_N - (ends_B - tiles_B)[rank_N]
    return torch.stack((torch.where(is_used_N, order_B.int()[rank_N], NO_SEQUENCE), block_N), dim=1)
