"""Rings cost what a replay of them costs, piece by piece: on one node exactly, over several within the time of their hops."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.config.speed.gpus import GPUS, GpuName
from bionemo_trainer.config.speed.links import (
    CALL_SECONDS,
    NETWORK_SECONDS,
    NVLINK_SECONDS,
    Links,
    Ring,
    hand_over_seconds,
)
from testkit.step_replay import Hop, ring_seconds

NVLINK = Links.of(GPUS[GpuName.H100], 400)
GPU_NAMES = st.sampled_from(GpuName)
SIZES = st.integers(2, 48)
MESSAGES = st.floats(0, 1e11)


def replayed(ring, message_bytes):
    """Every rank of a node sends to the next one, its last to the first of the next node; the rings lie side by side."""
    inside, between = ring.links.inside, ring.links.between
    piece = message_bytes / ring.size / ring.per_node
    hops = []
    for rank in range(ring.size):
        leaves_node = ring.num_nodes > 1 and (rank + 1) % ring.per_node == 0
        rate = between.bytes_per_second if leaves_node else inside.bytes_per_second / ring.per_node
        flight = between.hop_seconds if leaves_node else inside.hop_seconds
        hops.append(Hop(piece_seconds=piece / rate, flight_seconds=flight))
    return ring_seconds(hops), sum(hop.flight_seconds for hop in hops)


@given(GPU_NAMES, SIZES, MESSAGES)
def test_a_ring_within_a_node_takes_what_its_replay_takes(gpu, size, message_bytes):
    ring = Ring(size=size, per_node=size, links=Links.of(GPUS[gpu], 400))
    link = ring.links.inside
    piece = message_bytes / size / link.bytes_per_second
    hops = [Hop(piece_seconds=piece, flight_seconds=link.hop_seconds)] * size
    assert ring.part_seconds(message_bytes) - CALL_SECONDS == pytest.approx(ring_seconds(hops))


@given(GPU_NAMES, st.sampled_from([50, 200, 400, 800]), st.integers(2, 8), st.integers(1, 8), MESSAGES)
def test_a_ring_over_nodes_takes_what_its_replay_takes_within_its_hops(gpu, gbit, nodes, per_node, message_bytes):
    ring = Ring(size=nodes * per_node, per_node=per_node, links=Links.of(GPUS[gpu], gbit))
    seconds, flights = replayed(ring, message_bytes)
    stated = ring.part_seconds(message_bytes) - CALL_SECONDS
    # NCCL counts one hop less between nodes than a piece that passes all of them makes.
    assert seconds - NETWORK_SECONDS <= stated * (1 + 1e-9)
    assert stated <= (seconds + flights) * (1 + 1e-9)


def test_a_sum_is_a_scatter_and_a_gather_in_one_call():
    ring = Ring(size=8, per_node=8, links=NVLINK)
    assert ring.sum_seconds(1e9) == pytest.approx(2 * ring.part_seconds(1e9) - CALL_SECONDS)


def test_a_rank_alone_sends_nothing():
    ring = Ring(size=1, per_node=1, links=NVLINK)
    assert (ring.part_seconds(1e9), ring.sum_seconds(1e9)) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("ring", "gigabytes_per_second"),
    [
        pytest.param(Ring(size=8, per_node=8, links=NVLINK), 370.8, id="NVLink within a node"),
        pytest.param(Ring(size=64, per_node=8, links=NVLINK), 370.8, id="eight adapters a node are faster than NVLink"),
        pytest.param(Ring(size=16, per_node=2, links=NVLINK), 96.0, id="two adapters a node"),
        pytest.param(Ring(size=8, per_node=1, links=NVLINK), 48.0, id="one adapter a node"),
        pytest.param(
            Ring(size=16, per_node=8, links=Links.of(GPUS[GpuName.L40S], 400)), 24.0, id="PCIe behind many adapters"
        ),
    ],
)
def test_the_slowest_part_of_a_ring_decides(ring, gigabytes_per_second):
    assert ring.bytes_per_second == pytest.approx(gigabytes_per_second * 1e9)


def test_small_messages_cost_the_hops_of_the_ring():
    ring = Ring(size=16, per_node=8, links=NVLINK)
    assert ring.part_seconds(0.0) == pytest.approx(CALL_SECONDS + 14 * NVLINK_SECONDS + NETWORK_SECONDS)


def test_a_hand_over_sends_the_shape_ahead():
    seconds = hand_over_seconds(48e9, NVLINK.between)
    assert seconds == pytest.approx(1.0 + 2 * (CALL_SECONDS + NETWORK_SECONDS))
