"""What the estimate of speed takes from measurements of one GPU: seven constants, each with the figure that it comes from.

The figures are `figures`, and stand in `trainer/LOG.md` with all that belongs to them.
"""

from bionemo_trainer.config.schema.root import Family
from bionemo_trainer.config.speed.gpus import Gpu

PRODUCTS_SHARE = 0.72
"""Of the peak that large bf16 products reach: 709 of 989.5 TFLOP/s, in the layers of ESM-2 650M (H200, 2026-11-23)."""

EIGHT_BIT_SHARE = 0.61
"""Of the peak in 8 bit that products of fp8-mixed reach: 76.1 TFLOP of a step of ESM-2 650M in 63.1 ms (H200, 2026-11-30)."""

MOVED_BYTES = 3.4
"""What is no product of matrices (norms, dropout, GELU, attention) reads and writes for each operation, times the width of the
layer: it grows with the width, products with its square, so narrow layers use a GPU worse. It is what remains of MegaMolBART's step
of 42.2 ms, at width 512, when products have their share of the peak (H200, 2026-11-30)."""

ROUNDED_BYTES = 1.47
"""The same of rounding rows to 8 bit, in fp8-mixed beside the rest: what remains of that step of 225 ms, at width 1,280 (H200, 2026-11-30)."""

HOST_SECONDS_PER_LAYER: dict[Family, float] = {
    "megamolbart": 8.55e-3,  # 1,600 molecules in 103 ms, 12 layers (H100, 2026-11-25)
    "esm1nv": 5.25e-3,  # 32 proteins in 31.5 ms, 6 layers (H200, 2026-11-24)
    "esm2nv": 5.25e-3,  # not measured: ESM-1nv's, whose layers differ in their positions only
    "prott5nv": 3.95e-3,  # 16 proteins in 94.7 ms, 24 layers (H200, 2026-11-24)
}
"""Processor time in which the host starts the kernels of a layer one by one, forward and backward, for one micro batch of any
size. It depends on the host more than on the GPU, and on how the trainer was written then: the later of both dates has
other attention."""


REPLAYED_SECONDS_PER_LAYER = 0.31e-3
"""The same of a CUDA graph, which the host starts as a whole: 82 kernels of a layer of MegaMolBART as it was then, each of which takes a GPU 3.8 us
even where there is next to nothing to do, as to add a small gradient (H200, 2026-11-25)."""


REPLAYED_SECONDS_PER_STEP = 2.3e-3
"""What the host does in a step beside its micro batches, where these are graphs: seeds, counts, norm, update (a network of a few thousand
parameters on one core of a Xeon, 2026-11-25). The times per layer above were taken of whole steps, so they hold it already."""


def working_seconds(flops: float, width: float, gpu: Gpu, eight_bit_flops: float = 0.0) -> float:
    """How long a GPU works on layers: products at their share of its peak, all else at the rate of its memory.

    Args:
        flops: Operations, as utilization counts them.
        width: Of the hidden states; divided by the tensor size where the ranks repeat what is no product.
        gpu: Which works.
        eight_bit_flops: Operations among them that are products in 8 bit, at twice the peak.
    """
    products = (flops - eight_bit_flops) / PRODUCTS_SHARE + eight_bit_flops / 2 / EIGHT_BIT_SHARE
    moved = MOVED_BYTES + (ROUNDED_BYTES if eight_bit_flops else 0.0)
    return products / gpu.peak_flops + flops * moved / width / gpu.memory_bytes_per_second
