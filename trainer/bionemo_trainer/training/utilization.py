"""Model FLOPs utilization: the arithmetic that a model needs over what its GPUs could do. Pure; used by `module`.

Counted as everywhere in the field: six operations per weight and token, forward and backward together, and the products of
attention. Token tables are looked up and not counted, recomputation is not useful work and not counted either.
"""

from bionemo_trainer.config.parameters import head_width
from bionemo_trainer.config.schema.model import MegaMolBARTModel, ProtT5nvModel
from bionemo_trainer.config.schema.root import TrainConfig

_PEAK_FLOPS: tuple[tuple[str, float], ...] = (
    ("H100 PCIe", 756e12),
    ("H100 NVL", 835e12),
    ("H100", 989.5e12),
    ("H200", 989.5e12),
    ("GH200", 989.5e12),
    ("B200", 2250e12),
    ("A100", 312e12),
    ("L40S", 362e12),
)
"""Dense 16-bit operations per second by what a device's name contains, from NVIDIA's data sheets; the first that fits counts."""


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
    """Operations per second that a GPU could do; None where that is not known.

    Args:
        device_name: As torch tells it, such as "NVIDIA H100 80GB HBM3".
        precision: `trainer.precision`; data sheets tell of 16 bit alone.
    """
    if precision not in ("bf16-mixed", "16-mixed"):
        return None
    return next((peak for part, peak in _PEAK_FLOPS if part in device_name), None)


def flops_per_token(config: TrainConfig, mean_length: float) -> float:
    """Operations of the forward and backward passes.

    Args:
        config: The run.
        mean_length: Tokens of a sequence, on average; an encoder's and a decoder's count as two.
    """
    model = config.model
    width = head_width(model) * model.num_attention_heads
    attention, feed_forward = 4 * model.hidden_size * width, 2 * model.hidden_size * model.ffn_hidden_size
    if isinstance(model, MegaMolBARTModel | ProtT5nvModel):
        # A token passes one of both stacks, and a decoder's layer has two attentions.
        attentions, sides, head = 3, 2, 0
    else:
        attentions, sides, head = 1, 1, model.hidden_size * model.hidden_size
    weights = model.num_layers * (attentions * attention + sides * feed_forward) + head
    products = model.num_layers * attentions * width * mean_length
    return (6.0 * weights + 12.0 * products) / sides


def num_sides(config: TrainConfig) -> int:
    """Sequences of a sample: an encoder's, and a decoder's where there is one."""
    return 2 if isinstance(config.model, MegaMolBARTModel | ProtT5nvModel) else 1
