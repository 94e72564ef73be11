"""Groups lie on nodes as their ranks, counted one by one, lie there."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.config.layout import Layout
from bionemo_trainer.config.speed.gpus import GPUS, GpuName
from bionemo_trainer.config.speed.links import Links
from bionemo_trainer.config.speed.rings import rings_of
from testkit.step_replay import groups_of

LINKS = Links.of(GPUS[GpuName.H100], 400)
POWERS = st.sampled_from([1, 2, 4, 8])


def layout(nodes, devices, tensor, pipeline):
    return Layout(num_nodes=nodes, devices_per_node=devices, tensor=tensor, pipeline=pipeline)


@st.composite
def layouts(draw, sizes):
    """Whose ranks form whole copies of the model."""
    nodes, devices, tensor, pipeline = (draw(sizes) for _ in range(4))
    if (nodes * devices) % (tensor * pipeline):
        nodes *= tensor * pipeline
    return layout(nodes, devices, tensor, pipeline)


def fewest_per_node(groups, devices):
    return min(min(Counter(rank // devices for rank in group).values()) for group in groups)


@given(layouts(POWERS))
def test_layouts_in_powers_of_two_share_nodes_as_counted(arranged):
    tensors, replicas, _ = groups_of(arranged)
    rings = rings_of(arranged, LINKS)
    assert rings.tensor.per_node == fewest_per_node(tensors, arranged.devices_per_node)
    assert rings.data.per_node == fewest_per_node(replicas, arranged.devices_per_node)


@given(layouts(st.integers(1, 6)))
def test_no_layout_is_thought_to_share_nodes_more_than_it_does(arranged):
    tensors, replicas, _ = groups_of(arranged)
    rings = rings_of(arranged, LINKS)
    assert rings.tensor.per_node <= fewest_per_node(tensors, arranged.devices_per_node)
    assert rings.data.per_node <= fewest_per_node(replicas, arranged.devices_per_node)


@given(layouts(st.integers(1, 6)))
def test_stages_hand_over_between_nodes_where_any_of_them_must(arranged):
    _, _, stages = groups_of(arranged)
    devices = arranged.devices_per_node
    crosses = any(one // devices != other // devices for group in stages for one, other in pairwise(group))
    if arranged.pipeline > 1:
        assert (rings_of(arranged, LINKS).stage == LINKS.between) == crosses


@pytest.mark.parametrize(
    ("arranged", "sizes"),
    [
        pytest.param(layout(1, 1, 1, 1), (1, 1, 1), id="one GPU"),
        pytest.param(layout(2, 8, 4, 1), (4, 4, 1), id="no pipeline"),
        pytest.param(layout(2, 8, 4, 4), (4, 1, 2), id="a pipeline"),
    ],
)
def test_rings_have_the_sizes_of_their_groups(arranged, sizes):
    rings = rings_of(arranged, LINKS)
    assert (rings.tensor.size, rings.data.size, rings.ends.size) == sizes
