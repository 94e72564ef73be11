"""What one GPU was measured to do, and what the estimate says to the same: the evidence that it rests on.

Compared by a test, which holds each within its tolerance, and shown in `docs/speed.md`. The figures are from `trainer/LOG.md`.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from bionemo_trainer.config.load import load_recipe
from bionemo_trainer.config.speed.estimate import estimate_speed
from bionemo_trainer.config.speed.gpus import GPUS, GpuName


class Role(StrEnum):
    """What a figure is to the estimate."""

    SOURCE = "a constant comes from it"
    TEST = "only compared with"
    OTHER = "of other code, only compared with"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A rate that was measured on one GPU."""

    name: str
    date: str
    gpu: GpuName
    recipe: str
    micro_batch_size: int
    samples: int
    """Of a step."""
    mean_length: float
    """Tokens of a whole sequence, on average."""
    samples_per_second: float
    role: Role
    tolerance_ratio: float = 0.15
    """By how much the estimate may miss it."""
    remark: str = ""
    gpu_only: bool = False
    """Whether it tells how long the GPU worked, and not how long a step took."""
    replays: bool = False
    """Whether micro batches were CUDA graphs."""
    precision: str = "bf16-mixed"

    @property
    def overrides(self) -> tuple[str, ...]:
        """Of the recipe: one GPU, and the batches."""
        return (
            "trainer.num_nodes=1",
            "trainer.devices=1",
            "model.tensor_model_parallel_size=1",
            f"trainer.precision={self.precision}",
            f"model.micro_batch_size={self.micro_batch_size}",
            f"model.global_batch_size={self.samples}",
            f"model.enable_cuda_graph={self.replays}",
        )


_of_megamolbart = partial(
    Figure, recipe="molecule/megamolbart/pretrain_small_span_aug", micro_batch_size=128, mean_length=38.4
)

_with_graphs = partial(Figure, date="2026-11-30", gpu=GpuName.H200, replays=True)
_of_esm2 = partial(
    _with_graphs, recipe="protein/esm2nv/pretrain_esm2_650M", micro_batch_size=32, samples=90, mean_length=332.0
)

FIGURES: tuple[Figure, ...] = (
    _of_megamolbart(
        name="MegaMolBART, 1,600 a step",
        date="2026-11-30",
        gpu=GpuName.H200,
        samples=1600,
        samples_per_second=37_890,
        role=Role.SOURCE,
        replays=True,
    ),
    _of_esm2(name="ESM-2 650M, 90 a step", samples_per_second=359, role=Role.TEST),
    _of_esm2(
        name="ESM-2 650M in fp8-mixed, 90 a step", samples_per_second=400, role=Role.SOURCE, precision="fp8-mixed"
    ),
    _with_graphs(
        name="ESM-2 3B, 47 a step",
        recipe="protein/esm2nv/pretrain_esm2_3B",
        micro_batch_size=16,
        samples=47,
        mean_length=324.0,
        samples_per_second=88.8,
        role=Role.TEST,
    ),
    _with_graphs(
        name="ESM-1nv, 245 whole proteins a step",
        recipe="protein/esm1nv/pretrain_small",
        micro_batch_size=128,
        samples=245,
        mean_length=255.0,
        samples_per_second=6_556,
        role=Role.TEST,
    ),
    _with_graphs(
        name="ProtT5nv, 120 whole proteins a step",
        recipe="protein/prott5nv/pretrain_small",
        micro_batch_size=64,
        samples=120,
        mean_length=255.0,
        samples_per_second=1_815,
        role=Role.TEST,
    ),
    _of_megamolbart(
        name="MegaMolBART, 1,600 a step, kernel by kernel, before most kernels of its own",
        date="2026-11-25",
        gpu=GpuName.H100,
        samples=1600,
        samples_per_second=15_600,  # 15,000 to 16,200
        role=Role.SOURCE,
    ),
    _of_megamolbart(
        name="MegaMolBART, 1,024 a step, two trainings on one GPU, each",
        date="2026-11-25",
        gpu=GpuName.H100,
        samples=1024,
        samples_per_second=9_850,  # 9,000 to 10,700
        role=Role.TEST,
    ),
    _of_megamolbart(
        name="MegaMolBART, 128 a step, an earlier trainer with padded attention",
        date="2026-11-24",
        gpu=GpuName.H200,
        samples=128,
        samples_per_second=1_650,
        role=Role.OTHER,
        tolerance_ratio=0.30,
        remark="the host's time is the present trainer's, whose attention costs it more than torch's on padded rows did",
    ),
    Figure(
        name="ESM-1nv, 32 a step, an earlier trainer with padded attention",
        date="2026-11-24",
        gpu=GpuName.H200,
        recipe="protein/esm1nv/pretrain_small",
        micro_batch_size=32,
        samples=32,
        mean_length=330.0,
        samples_per_second=1_015,
        role=Role.SOURCE,
    ),
    Figure(
        name="ProtT5nv, 16 a step, an earlier trainer with padded attention",
        date="2026-11-24",
        gpu=GpuName.H200,
        recipe="protein/prott5nv/pretrain_small",
        micro_batch_size=16,
        samples=16,
        mean_length=330.0,
        samples_per_second=169,
        role=Role.SOURCE,
    ),
    Figure(
        name="ESM-2 650M, megatron-core's layers with attention in Triton, no trainer around them",
        date="2026-11-23",
        gpu=GpuName.H200,
        recipe="protein/esm2nv/pretrain_esm2_650M",
        micro_batch_size=32,
        samples=124,
        mean_length=264.0,
        samples_per_second=103_000 / 264,
        role=Role.OTHER,
        tolerance_ratio=0.25,
        remark="products, 180 of its 317 ms, gave their share of the peak; all else was the compiler's, and moved more",
        gpu_only=True,
    ),
)


def estimated_rate(figure: Figure) -> float:
    """Samples per second by the estimate."""
    config = load_recipe(figure.recipe, figure.overrides).config
    network_gbit = GPUS[figure.gpu].network_gbit
    estimate = estimate_speed(config, figure.gpu, network_gbit=network_gbit, mean_length=figure.mean_length)
    assert estimate is not None, "a figure is of a GPU and of 16 bit"
    return figure.samples / (estimate.time.gpu_seconds if figure.gpu_only else estimate.time.step_seconds)
