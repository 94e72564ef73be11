"""How many tokens, with all their features, a program holds at a time. Asked by the kernels that treat tokens one by one."""

import triton

MOST_ROWS, TILE = 2, 2048
"""Tokens that a program holds at a time at most, and features of all of them together, unless one token has more."""
FEATURES_PER_WARP = 512
"""Sixteen per thread: two accesses to memory of the widest kind in 16 bit."""
MOST_WARPS = 32
"""Of a program, by CUDA."""
LOOP_STAGES = 4
"""Of loops over tiles, at most: three tiles are loaded while one is computed, since too few programs fit to keep the memory busy otherwise."""
BYTES_AHEAD = 72 * 1024
"""That a program loads ahead at most: three of them share the memory of a multiprocessor, of which an H100 or H200 lends 227 KB."""


def shape_for(width: int) -> dict[str, int]:
    """How programs hold tokens of so many features."""
    filled = triton.next_power_of_2(width)
    rows = max(min(MOST_ROWS, TILE // filled), 1)
    num_warps = min(max(rows * filled // FEATURES_PER_WARP, 1), MOST_WARPS)
    return {"WIDTH": width, "FILLED": filled, "ROWS": rows, "num_warps": num_warps}


def stages_for(tile_bytes: int) -> int:
    """Stages of a loop whose tiles, of all that is loaded for one together, take so many bytes."""
    return 1 + min(BYTES_AHEAD // tile_bytes, LOOP_STAGES - 1)
