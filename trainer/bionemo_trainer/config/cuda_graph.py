"""Which trainings launch the kernels of a micro batch together, as a CUDA graph. Pure.

Asked by the engine, by the loaders, which then fill micro batches up to few shapes, and by the estimate of speed.
"""

from bionemo_trainer.config.parameters import head_width
from bionemo_trainer.config.schema.root import TrainConfig

WIDEST_HEAD = 128
"""Of our attention kernels; the registers of a program hold no wider ones. Others pad to the longest sequence of a batch."""


def obstacle_to_graphs(config: TrainConfig) -> str | None:
    """Why micro batches can't be replayed; None when they can. What is named here waits for the host, or asks it."""
    model = config.model
    obstacles = {
        "model.enable_cuda_graph is False": not model.enable_cuda_graph,
        "model.fused_kernels is False": not model.fused_kernels,
        "trainer.accelerator is not gpu": config.trainer.accelerator != "gpu",
        "trainer.precision is 32": config.trainer.precision == "32",
        f"heads are wider than {WIDEST_HEAD}": head_width(model) > WIDEST_HEAD,
        "layers are split over ranks": model.tensor_model_parallel_size * model.pipeline_model_parallel_size > 1,
        "activations are recomputed": model.activations_checkpoint_granularity is not None,
    }
    return next((reason for reason, holds in obstacles.items() if holds), None)
