"""How long the parts of a step take together: the schedule's closed forms. Pure; a replay in the tests agrees with them."""


def overlapped_seconds(host_seconds: float, gpu_seconds: float) -> float:
    """A step without pipeline: the host starts kernels ahead of the GPU and may be one step ahead, so the slower one counts.

    The engine reads a step's numbers one step late for that. What is communicated is work of the GPU, in its order.
    """
    return max(host_seconds, gpu_seconds)


def pipelined_seconds(
    *,
    forward_seconds: float,
    backward_seconds: float,
    hand_over_seconds: float,
    num_stages: int,
    micro_batches: int,
) -> float:
    """megatron-core's schedule of one forward and one backward in turn (1F1B), for stages that are alike.

    A hand-over ends when both stages have come to it, and both wait for it. The first micro batch passes all stages
    forth and back; each further one costs a stage's time and the hand-overs that a stage in the middle has to do: two,
    or one of two stages. One forth and one back fall beside what another stage computes, as far as that lasts.

    Args:
        forward_seconds: Of one micro batch on one stage.
        backward_seconds: Likewise.
        hand_over_seconds: From a stage to the next, or back.
        num_stages: At least 1.
        micro_batches: At least 1.
    """
    seconds = (micro_batches + num_stages - 1) * (forward_seconds + backward_seconds)
    seconds += 2 * (num_stages - 1) * hand_over_seconds
    if num_stages == 2:
        seconds += (micro_batches - 1) * hand_over_seconds
    elif num_stages > 2 and micro_batches > 1:
        beside = min(forward_seconds, hand_over_seconds) + min(backward_seconds, hand_over_seconds)
        seconds += (2 * micro_batches - 1) * hand_over_seconds - beside
    return seconds
