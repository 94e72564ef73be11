"""The parts of a step replayed event by event, without the closed forms that they are compared with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bionemo_trainer.config.layout import Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """From a rank of a ring to the next."""

    piece_seconds: float
    """In which the link is busy with a piece."""
    flight_seconds: float
    """From a piece's end at the sender to its end at the receiver."""


def ring_seconds(hops: Sequence[Hop]) -> float:
    """Until every rank has had every other's piece; each sends its own first, then what it has received, in order."""
    num_ranks = len(hops)
    arrived = [0.0] * num_ranks
    """When the piece that a rank sends next had come to it."""
    free = [0.0] * num_ranks
    """When a rank's link is free."""
    for _ in range(num_ranks - 1):
        free = [max(free[rank], arrived[rank]) + hops[rank].piece_seconds for rank in range(num_ranks)]
        arrived = [free[rank - 1] + hops[rank - 1].flight_seconds for rank in range(num_ranks)]
    return max(arrived)


def steps_seconds(operations: Sequence[tuple[float, float]], num_steps: int) -> float:
    """Steps of a host that starts kernels and a GPU that runs them in order; the host may be one step ahead.

    Args:
        operations: Of each step: seconds of the host, then of the GPU.
        num_steps: How many.
    """
    host = gpu = 0.0
    ended = [0.0, 0.0]
    """When the GPU ended the two latest steps."""
    for _ in range(num_steps):
        host = max(host, ended[0])
        for host_seconds, gpu_seconds in operations:
            host += host_seconds
            gpu = max(gpu, host) + gpu_seconds
        ended = [ended[1], gpu]
    return gpu


@dataclass(frozen=True, slots=True)
class _Work:
    """Forward or backward of one micro batch."""

    is_forward: bool


type _Transfer = tuple[str, int, int]
"""Forward or backward, the lower one of two stages, and the micro batch."""
type _Action = _Work | tuple[_Transfer, ...]
"""To compute, or to meet the neighbours for these transfers at once."""


def pipeline_seconds(
    forward_seconds: Sequence[float], backward_seconds: Sequence[float], hand_over_seconds: float, micro_batches: int
) -> float:
    """megatron-core's 1F1B schedule, stage by stage: a transfer begins when both sides have come to it, and both wait for it."""
    num_stages = len(forward_seconds)
    programs = [list(_program(stage, num_stages, micro_batches)) for stage in range(num_stages)]
    places, clocks = [0] * num_stages, [0.0] * num_stages
    posted: dict[_Transfer, dict[int, float]] = {}
    while any(place < len(program) for place, program in zip(places, programs, strict=True)):
        before = (tuple(places), sum(map(len, posted.values())))
        for stage, program in enumerate(programs):
            if places[stage] == len(program):
                continue
            action = program[places[stage]]
            if isinstance(action, _Work):
                clocks[stage] += (forward_seconds if action.is_forward else backward_seconds)[stage]
                places[stage] += 1
                continue
            for transfer in action:
                posted.setdefault(transfer, {}).setdefault(stage, clocks[stage])
            if all(len(posted[transfer]) == 2 for transfer in action):
                ends = [max(posted[transfer].values()) + hand_over_seconds for transfer in action]
                clocks[stage] = max(clocks[stage], *ends) if ends else clocks[stage]
                places[stage] += 1
        assert before != (tuple(places), sum(map(len, posted.values()))), "stages wait for each other for ever"
    return max(clocks)


def _program(stage: int, num_stages: int, micro_batches: int) -> Iterator[_Action]:
    def to_next(micro_batch: int) -> tuple[_Transfer, ...]:
        return (("forward", stage, micro_batch),) if stage < num_stages - 1 else ()

    def from_last(micro_batch: int) -> tuple[_Transfer, ...]:
        return (("forward", stage - 1, micro_batch),) if stage else ()

    def back_to_last(micro_batch: int) -> tuple[_Transfer, ...]:
        return (("backward", stage - 1, micro_batch),) if stage else ()

    def back_from_next(micro_batch: int) -> tuple[_Transfer, ...]:
        return (("backward", stage, micro_batch),) if stage < num_stages - 1 else ()

    warm_up = min(num_stages - stage - 1, micro_batches)
    steady = micro_batches - warm_up
    for number in range(warm_up):
        yield from (from_last(number), _Work(True), to_next(number))
    if steady:
        yield from_last(warm_up)
    for number in range(steady):
        is_last = number == steady - 1
        yield from (_Work(True), to_next(warm_up + number) + back_from_next(number), _Work(False))
        yield back_to_last(number) + (() if is_last else from_last(warm_up + number + 1))
    for number in range(steady, micro_batches):
        yield from (back_from_next(number), _Work(False), back_to_last(number))


def groups_of(layout: Layout) -> tuple[list[list[int]], list[list[int]], list[list[int]]]:
    """Ranks of each tensor, data and pipeline group, in megatron-core's order: tensor fastest, then data, then pipeline."""

    def rank(tensor: int, data: int, stage: int) -> int:
        return tensor + layout.tensor * (data + layout.data * stage)

    tensors, replicas, stages = range(layout.tensor), range(layout.data), range(layout.pipeline)
    return (
        [[rank(t, d, p) for t in tensors] for d in replicas for p in stages],
        [[rank(t, d, p) for d in replicas] for t in tensors for p in stages],
        [[rank(t, d, p) for p in stages] for t in tensors for d in replicas],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One collective between the ranks that share layers."""

    kind: str
    """`sum`, `scatter` or `gather`."""
    of_memory: bool = False
    """Whether it moves the encoder's hidden states while a decoder's layer runs."""


def layer_exchanges(*, has_memory: bool, is_sequence_parallel: bool) -> Iterator[Exchange]:
    """What a layer sends in its forward and backward pass, walked through block by block as megatron-core does it.

    A column-parallel product takes whole hidden states and a row-parallel one leaves partial sums. Under sequence
    parallelism the states are split between the two: gathered before the one, scattered after the other, and in the
    backward pass the other way round, where the input is gathered once more for the gradient of the weights.
    """
    attentions: tuple[tuple[bool, ...], ...] = ((False,),) if not has_memory else ((False,), (False, True))
    for columns in (*attentions, (False,)):
        if not is_sequence_parallel:
            yield Exchange(kind="sum")
            yield from (Exchange(kind="sum", of_memory=of_memory) for of_memory in columns)
            continue
        for of_memory in columns:
            yield Exchange(kind="gather", of_memory=of_memory)
            yield Exchange(kind="scatter", of_memory=of_memory)
            yield Exchange(kind="gather", of_memory=of_memory)
        yield Exchange(kind="scatter")
        yield Exchange(kind="gather")
