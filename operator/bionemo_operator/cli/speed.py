"""How fast a training would be, in the words of `bionemo check`: an estimate, with all that it assumes. Never a problem."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from bionemo_operator.cli.dataset_lengths import mean_length_of
from bionemo_operator.cli.spans import span
from bionemo_trainer.config.layout import Layout, counted
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.config.speed.estimate import SpeedEstimate, estimate_speed
from bionemo_trainer.config.speed.gpus import EIGHT_BIT, GPUS, GpuName, gpu_of
from bionemo_trainer.config.speed.step_time import Limit
from bionemo_trainer.config.speed.workload import assumed_length

PRODUCT_LABEL = "nvidia.com/gpu.product"
"""Label by which NVIDIA's device plugin tells what GPUs a node has."""
DEFAULT_GPU = GpuName.H100

type Fact = tuple[str, str]
"""A label and what stands beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What a user knows and no file says; None leaves it to us."""

    gpu: GpuName | None = None
    network_gbit: int | None = None
    """Of each GPU, to other nodes."""
    mean_length: float | None = None
    """Tokens of a sequence with begin and end, on average."""


def speed_facts(
    config: TrainConfig, assumptions: Assumptions, *, node_label: str = "", dataset: Path | None = None
) -> Iterator[Fact]:
    """Lines about speed; none on CPUs.

    Args:
        config: The run.
        assumptions: From the command line.
        node_label: What the training asks of its nodes under PRODUCT_LABEL.
        dataset: Its folder, if that may lie on this machine.
    """
    if config.trainer.accelerator != "gpu":
        return
    asked_for = gpu_of(node_label)
    gpu = assumptions.gpu or asked_for or DEFAULT_GPU
    gbit = assumptions.network_gbit or GPUS[gpu].network_gbit
    length, length_source = _mean_length(config, assumptions, dataset)
    estimate = estimate_speed(config, gpu, network_gbit=gbit, mean_length=length)
    if estimate is None:
        yield "speed", f"no estimate: {_why_none(config, gpu)}"
        return
    yield "speed", _rates(estimate)
    yield "", _parts(estimate)
    words = [
        f"GPU {GPUS[gpu].device}{'' if assumptions.gpu or asked_for else ' (assumed; --gpu names another)'}",
        f"{gbit} Gbit/s of each to other nodes" if estimate.layout.num_nodes > 1 else "",
        f"sequences of {length:.0f} tokens{length_source}",
    ]
    without = "without start, validation, saving and restarts"
    yield "", f"an estimate, no measurement, {without}: {', '.join(filter(None, words))}"


def _why_none(config: TrainConfig, gpu: GpuName) -> str:
    precision = config.trainer.precision
    if precision == EIGHT_BIT:
        return f"{precision} needs GPUs from Hopper on, such as H100; {GPUS[gpu].device} is none of them"
    return f"nothing was measured in precision {precision}"


def _mean_length(config: TrainConfig, assumptions: Assumptions, dataset: Path | None) -> tuple[float, str]:
    """Tokens of a sequence on average, and how that is known."""
    longest = config.model.seq_length
    if assumptions.mean_length:
        return min(assumptions.mean_length, longest), ""
    if dataset and (found := mean_length_of(dataset, longest)):
        return found, " (by the dataset's manifest)"
    return assumed_length(config), " (assumed; --mean-length says)"


def _rates(estimate: SpeedEstimate) -> str:
    rate = f"about {_about(estimate.samples_per_second)} samples/s, {_about(estimate.tokens_per_second)} tokens/s"
    days = f"{span(estimate.seconds)} or {_about(estimate.gpu_days)} GPU-days"
    return f"{rate}; {_seconds(estimate.time.step_seconds)} a step, {days} for {counted(estimate.max_steps, 'step')}"


def _parts(estimate: SpeedEstimate) -> str:
    time = estimate.time
    parts = [f"starting kernels {_seconds(time.host_seconds)}", f"GPU {_seconds(time.gpu_seconds)}"]
    if estimate.layout.pipeline > 1:
        parts.append(f"bubble {_seconds(time.bubble_seconds)}")
    if estimate.layout.world_size > 1:
        exposed = f"{_seconds(time.exposed_seconds)} of it exposed"
        parts.append(f"communication {_seconds(time.communication_seconds)} ({exposed})")
        parts.append(f"scaling {estimate.scaling_ratio:.0%}")
    return f"of a step: {', '.join(parts)}; {_advice(time.limit, estimate.layout)}"


def _advice(limit: Limit, layout: Layout) -> str:
    match limit:
        case "host":
            gain = "larger micro batches cost little time"
            also = " and fewer tensor-parallel ranks none" if layout.tensor > 1 else ""
            return f"starting kernels holds it back, so {gain}{also}"
        case "GPU":
            return "the GPU holds it back"
        case "communication":
            return "communication holds it back, so fewer tensor-parallel ranks or larger batches gain most"
    assert_never(limit)


def _about(amount: float) -> str:
    """Two digits that count: `20,000`, `4.2`."""
    rounded = float(f"{amount:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"


def _seconds(seconds: float) -> str:
    """`1.3 s`, `100 ms`, `0.021 ms`."""
    return f"{_about(seconds)} s" if seconds >= 1 else f"{_about(seconds * 1e3)} ms"
