"""Random numbers follow from what they are for."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from megatron.core.tensor_parallel.random import get_cuda_rng_tracker

from bionemo_trainer.engine.process_groups import Ranks
from bionemo_trainer.engine.seeds import derived_seed, seed_dropout
from testkit.networks import CPU


def ranks(data=0, tensor=0, pipeline=0):
    return Ranks(world=0, data=data, tensor=tensor, pipeline=pipeline, device=CPU)


def drawn(seed, position, place):
    """A number of the stream that ranks sharing a layer share, and one of the stream of each."""
    seed_dropout(seed, position, place)
    with get_cuda_rng_tracker().fork():
        split = torch.rand(1).item()
    return torch.rand(1).item(), split


@given(parts=st.lists(st.one_of(st.integers(), st.text())))
def test_a_seed_fits_every_generator(parts):
    assert 0 <= derived_seed(*parts) < 2**63


def test_a_derived_seed_never_changes():
    assert derived_seed("weight", 1234, "encoder.layers.0.mlp.linear_fc1.weight") == 971_270_945_404_834_026


def test_parts_are_kept_apart():
    assert len({derived_seed("a", 1), derived_seed("a1"), derived_seed("a", "1"), derived_seed("a", 2)}) == 4


def test_the_same_step_drops_the_same():
    assert drawn(1, 640, ranks()) == drawn(1, 640, ranks())


@pytest.mark.parametrize(
    ("seed", "position", "place"),
    [
        pytest.param(2, 640, ranks(), id="seed"),
        pytest.param(1, 704, ranks(), id="position"),
        pytest.param(1, 640, ranks(data=1), id="replica"),
        pytest.param(1, 640, ranks(pipeline=1), id="stage"),
    ],
)
def test_dropout_differs_with_the(seed, position, place):
    first, other = drawn(1, 640, ranks()), drawn(seed, position, place)
    assert first[0] != other[0]
    assert first[1] != other[1]


def test_ranks_that_share_a_layer_differ_in_their_own_stream_only():
    first, other = drawn(1, 640, ranks()), drawn(1, 640, ranks(tensor=1))
    assert first[0] == other[0]
    assert first[1] != other[1]


def test_a_stream_goes_on_where_it_was_left():
    seed_dropout(1, 0, ranks())
    tracker = get_cuda_rng_tracker()
    with tracker.fork():
        first = torch.rand(2)
    with tracker.fork():
        second = torch.rand(2)
    seed_dropout(1, 0, ranks())
    with tracker.fork():
        assert torch.equal(torch.rand(4), torch.cat((first, second)))
