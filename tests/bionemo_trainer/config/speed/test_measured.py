"""A GPU works on products at their share of its peak, and on all else at the rate of its memory."""

import pytest

from bionemo_trainer.config.speed.gpus import GPUS, GpuName
from bionemo_trainer.config.speed.measured import PRODUCTS_SHARE, working_seconds


def test_wide_layers_come_near_to_the_share_that_products_reach():
    gpu = GPUS[GpuName.H100]
    shares = [1e15 / gpu.peak_flops / working_seconds(1e15, width, gpu) for width in (512, 1280, 5120, 1_000_000)]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(PRODUCTS_SHARE, rel=0.01)
