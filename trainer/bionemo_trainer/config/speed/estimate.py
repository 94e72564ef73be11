"""What a run would do on a layout: rates, days and GPU-days from the time of a step. Pure; an estimate.

Called by `bionemo check` and for the pages of docs. What is counted, what is assumed and what is left out: `docs/speed.md`.
"""

from dataclasses import dataclass

from bionemo_trainer.config.layout import Layout, batches_of, layout_of
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.config.speed.communication import SILENCE, communication_of
from bionemo_trainer.config.speed.costs import costs_of
from bionemo_trainer.config.speed.gpus import EIGHT_BIT, GPUS, PRECISIONS, GpuName
from bionemo_trainer.config.speed.links import Links
from bionemo_trainer.config.speed.rings import rings_of
from bionemo_trainer.config.speed.step_time import StepTime, step_time
from bionemo_trainer.config.speed.workload import workload_of

SECONDS_PER_DAY = 86_400
_ALONE = Layout(num_nodes=1, devices_per_node=1, tensor=1, pipeline=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedEstimate:
    """What a run would do; no measurement."""

    layout: Layout
    global_batch_size: int
    tokens_per_sample: float
    max_steps: int
    time: StepTime
    scaling_ratio: float
    """Rate of all GPUs over as many times the rate of one that has the samples of one copy of the model."""

    @property
    def samples_per_second(self) -> float:
        """Of all GPUs."""
        return self.global_batch_size / self.time.step_seconds

    @property
    def tokens_per_second(self) -> float:
        """Of all GPUs, of encoder and decoder together."""
        return self.samples_per_second * self.tokens_per_sample

    @property
    def seconds(self) -> float:
        """Of stepping alone, until the last step."""
        return self.max_steps * self.time.step_seconds

    @property
    def gpu_days(self) -> float:
        """Of all GPUs."""
        return self.layout.world_size * self.seconds / SECONDS_PER_DAY


def estimate_speed(config: TrainConfig, gpu: GpuName, *, network_gbit: int, mean_length: float) -> SpeedEstimate | None:
    """What a run would do; None on CPUs and in precisions of which no rate is known.

    Args:
        config: The run.
        gpu: Of every rank.
        network_gbit: Of each GPU, to other nodes.
        mean_length: Tokens of a whole sequence with begin and end, on average.
    """
    precision = config.trainer.precision
    has_rate = precision in PRECISIONS and (precision != EIGHT_BIT or GPUS[gpu].has_eight_bit)
    if config.trainer.accelerator != "gpu" or not has_rate:
        return None
    layout, work = layout_of(config), workload_of(config, mean_length)
    communication = communication_of(config, work, rings_of(layout, Links.of(GPUS[gpu], network_gbit)))
    costs, own_costs = (costs_of(config, ranks, work, GPUS[gpu]) for ranks in (layout, _ALONE))
    time = step_time(costs, communication, num_stages=layout.pipeline, micro_batches=work.micro_batches)
    alone = step_time(own_costs, SILENCE, num_stages=1, micro_batches=work.micro_batches)
    global_batch = batches_of(config).global_batch_size
    rate_alone = work.samples / alone.step_seconds
    return SpeedEstimate(
        layout=layout,
        global_batch_size=global_batch,
        tokens_per_sample=work.tokens / work.samples,
        max_steps=config.trainer.max_steps,
        time=time,
        scaling_ratio=global_batch / time.step_seconds / (layout.world_size * rate_alone),
    )
