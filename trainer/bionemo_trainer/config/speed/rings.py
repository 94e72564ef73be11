"""Where the ranks of a layout sit on nodes, and so which links their groups communicate over. Pure.

megatron-core numbers ranks with tensor parallelism fastest, then data, then pipeline parallelism; nodes are filled in order.
"""

from dataclasses import dataclass

from bionemo_trainer.config.layout import Layout
from bionemo_trainer.config.speed.links import Link, Links, Ring


@dataclass(frozen=True, slots=True, kw_only=True)
class Rings:
    """Over which links each kind of parallelism communicates; the slowest group of each kind is meant."""

    tensor: Ring
    data: Ring
    stage: Link
    """From a pipeline stage to the next."""
    ends: Ring
    """The first and the last stage, which both hold the token table."""


def rings_of(layout: Layout, links: Links) -> Rings:
    """The groups of a layout."""
    tensor, data = layout.tensor, layout.data
    stage = links.inside if layout.num_nodes == 1 else links.between
    return Rings(
        tensor=Ring(size=tensor, per_node=_per_node(layout, tensor, stride=1), links=links),
        data=Ring(size=data, per_node=_per_node(layout, data, stride=tensor), links=links),
        stage=stage,
        ends=Ring(size=min(layout.pipeline, 2), per_node=2 if layout.num_nodes == 1 else 1, links=links),
    )


def _per_node(layout: Layout, size: int, *, stride: int) -> int:
    """Fewest members of a group on one of its nodes, when groups are blocks of successive ranks."""
    block, node = size * stride, layout.devices_per_node
    if layout.num_nodes == 1 or node % block == 0:
        return size
    return max(1, node // stride) if block % node == 0 and node % stride == 0 else 1
