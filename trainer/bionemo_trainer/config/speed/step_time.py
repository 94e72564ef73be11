"""How the costs of a step and what is sent in it add up to its time. Pure; called by `estimate`."""

from dataclasses import dataclass
from typing import Literal

from bionemo_trainer.config.speed.communication import SILENCE, Communication
from bionemo_trainer.config.speed.costs import Costs
from bionemo_trainer.config.speed.schedule import overlapped_seconds, pipelined_seconds

_FREE = Costs(host_seconds=0.0, compute_seconds=0.0, update_seconds=0.0)
_FORWARD_SHARE = 1 / 3
"""Of a stage's time; a backward pass has twice the products of a forward one."""

type Limit = Literal["host", "GPU", "communication"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTime:
    """Seconds of a step on the busiest rank."""

    step_seconds: float
    host_seconds: float
    """In which the host starts kernels."""
    gpu_seconds: float
    """In which the GPU computes."""
    bubble_seconds: float
    """In which a pipeline stage has nothing to do, communication aside."""
    communication_seconds: float
    """That a step would take if it did nothing but send."""
    exposed_seconds: float
    """By which communication makes the step longer; never more than it takes alone."""

    @property
    def limit(self) -> Limit:
        """What most of the step goes to."""
        if self.exposed_seconds > self.step_seconds / 2:
            return "communication"
        return "host" if self.host_seconds > self.gpu_seconds else "GPU"


def step_time(costs: Costs, communication: Communication, *, num_stages: int, micro_batches: int) -> StepTime:
    """One step of a copy of the model over the ranks that hold it."""
    stages, batches = num_stages, micro_batches
    step = _scheduled_seconds(costs, communication, stages, batches)
    return StepTime(
        step_seconds=step,
        host_seconds=batches * costs.host_seconds,
        gpu_seconds=batches * costs.compute_seconds + costs.update_seconds,
        bubble_seconds=(stages - 1) * overlapped_seconds(costs.host_seconds, costs.compute_seconds),
        communication_seconds=_scheduled_seconds(_FREE, communication, stages, batches),
        exposed_seconds=step - _scheduled_seconds(costs, SILENCE, stages, batches),
    )


def _scheduled_seconds(costs: Costs, talk: Communication, num_stages: int, micro_batches: int) -> float:
    working, ending = costs.compute_seconds + talk.tensor_seconds, costs.update_seconds + talk.update_seconds
    if num_stages == 1:
        return overlapped_seconds(micro_batches * costs.host_seconds, micro_batches * working + ending)
    # Stages wait for each other's shapes on the host, so that it is never further ahead than a micro batch.
    stage = overlapped_seconds(costs.host_seconds, working)
    stepped = pipelined_seconds(
        forward_seconds=stage * _FORWARD_SHARE,
        backward_seconds=stage * (1 - _FORWARD_SHARE),
        hand_over_seconds=talk.hand_over_seconds,
        num_stages=num_stages,
        micro_batches=micro_batches,
    )
    return stepped + ending
