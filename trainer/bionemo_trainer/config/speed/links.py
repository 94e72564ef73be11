"""What it costs to send between ranks: rings as NCCL forms them, and messages from one stage to the next. Pure.

A ring of n ranks moves n - 1 pieces past every rank, each of the n-th part of the message, and a sum that all must have
moves twice as many. Latencies are those of NCCL's tuning model (https://github.com/NVIDIA/nccl, `src/graph/tuning.cc`,
ring, protocol Simple), and so is the share of a network's nominal rate that is reached (`src/graph/topo.h`: 12 GB/s of
100 Gbit/s).
"""

from dataclasses import dataclass

from bionemo_trainer.config.speed.gpus import Gpu

CALL_SECONDS = 8.4e-6
"""A collective that moves nothing."""
NVLINK_SECONDS = 3.4e-6
PCIE_SECONDS = 5.7e-6
NETWORK_SECONDS = 14.0e-6
"""One hop of a ring over each kind of link."""
NETWORK_SHARE = 0.96
"""Of the nominal rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Between two GPUs, in one direction."""

    bytes_per_second: float
    hop_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Of a GPU to others of its node, and to those of other nodes through its own adapter."""

    inside: Link
    between: Link

    @classmethod
    def of(cls, gpu: Gpu, network_gbit: int) -> "Links":
        """The links of a GPU with a network of so many Gbit/s for each."""
        return cls(
            inside=Link(
                bytes_per_second=gpu.link_bytes_per_second,
                hop_seconds=NVLINK_SECONDS if gpu.has_nvlink else PCIE_SECONDS,
            ),
            between=Link(bytes_per_second=network_gbit * 1e9 / 8 * NETWORK_SHARE, hop_seconds=NETWORK_SECONDS),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """Ranks that communicate together; a ring of one costs nothing."""

    size: int
    per_node: int
    """How many of them share a node. Each has an adapter of its own, and NCCL runs as many rings side by side."""
    links: Links

    @property
    def num_nodes(self) -> int:
        """Nodes that the ring passes."""
        return -(-self.size // self.per_node)

    @property
    def bytes_per_second(self) -> float:
        """What passes every rank: the slowest part of the ring decides."""
        inside = self.links.inside.bytes_per_second
        if self.num_nodes == 1:
            return inside
        between = self.per_node * self.links.between.bytes_per_second
        return between if self.per_node == 1 else min(inside, between)

    def part_seconds(self, message_bytes: float) -> float:
        """Reduce-scatter or all-gather of a message: each rank ends or begins with its part."""
        if self.size == 1:
            return 0.0
        moved = message_bytes * (self.size - 1) / self.size
        return CALL_SECONDS + self._pass_seconds() + moved / self.bytes_per_second

    def sum_seconds(self, message_bytes: float) -> float:
        """All-reduce of a message: each rank ends with the whole sum."""
        if self.size == 1:
            return 0.0
        return 2 * self.part_seconds(message_bytes) - CALL_SECONDS

    def _pass_seconds(self) -> float:
        """Latency of a piece on its way past all ranks."""
        across = self.num_nodes - 1
        return across * self.links.between.hop_seconds + (self.size - 1 - across) * self.links.inside.hop_seconds


def hand_over_seconds(message_bytes: float, link: Link) -> float:
    """A message from one pipeline stage to the next, its shape sent ahead, since packed micro batches differ in length."""
    return 2 * (CALL_SECONDS + link.hop_seconds) + message_bytes / link.bytes_per_second
