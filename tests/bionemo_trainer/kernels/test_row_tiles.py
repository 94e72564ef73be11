"""What a program loads ahead fits into the memory that it shares with others."""

import pytest

pytest.importorskip("triton")

from bionemo_trainer.kernels.row_tiles import shape_for, stages_for

SHARED_BYTES = 227 * 1024
"""Of a multiprocessor of an H100 or H200, that one program can have at most."""


@pytest.mark.parametrize(
    ("width", "element_bytes", "stages"),
    [(512, 2, 4), (768, 2, 4), (1280, 2, 4), (2560, 2, 4), (5120, 2, 2), (1280, 4, 4), (5120, 4, 1), (20_480, 4, 1)],
)
def test_wide_rows_are_loaded_less_far_ahead(width, element_bytes, stages):
    shape = shape_for(width)
    tile_bytes = 3 * shape["ROWS"] * shape["FILLED"] * element_bytes
    assert stages_for(tile_bytes) == stages
    assert (stages - 1) * tile_bytes <= SHARED_BYTES // 3
