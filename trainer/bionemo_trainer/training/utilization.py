"""Model FLOPs utilization: the arithmetic that a model needs over what its GPUs could do. Pure; used by `module`.

The arithmetic is `config.flops`, by which speed is estimated too.
"""

from bionemo_trainer.config.flops import flops_per_token, num_sides
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.config.speed.gpus import GPUS, PRECISIONS, gpu_of


def model_flops_utilization(
    config: TrainConfig, device_name: str, *, num_ranks: int, tokens_per_second: float, tokens_per_sample: float
) -> float | None:
    """The share of the peak of all GPUs that a model's arithmetic makes up; None where the peak is not known.

    Args:
        config: The run.
        device_name: Of every rank.
        num_ranks: Of the run, each with a GPU.
        tokens_per_second: Of all ranks.
        tokens_per_sample: On average, of encoder and decoder together.
    """
    peak = peak_flops(device_name, config.trainer.precision)
    if peak is None:
        return None
    mean_length = tokens_per_sample / num_sides(config)
    return flops_per_token(config, mean_length) * tokens_per_second / (peak * num_ranks)


def peak_flops(device_name: str, precision: str) -> float | None:
    """Operations in 16 bit per second that a GPU could do; None where that is not known.

    Args:
        device_name: As torch tells it, such as "NVIDIA H100 80GB HBM3".
        precision: `trainer.precision`; fp8-mixed has the same peak, so that its share can be compared with that of bf16-mixed.
    """
    gpu = gpu_of(device_name)
    return GPUS[gpu].peak_flops if gpu and precision in PRECISIONS else None
