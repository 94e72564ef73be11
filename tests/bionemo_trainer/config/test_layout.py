"""The arithmetic of ranks and batches, as it is printed and as it is used."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.config.layout import Batches, Layout, batches_of, counted, layout_of
from bionemo_trainer.config.load import load_recipe


def test_the_layout_is_printed_as_arithmetic():
    layout = Layout(num_nodes=8, devices_per_node=8, tensor=4, pipeline=1)
    assert str(layout) == "8 nodes x 8 GPUs = 64 = data 16 x tensor 4 x pipeline 1"


def test_a_cpu_run_speaks_of_processes():
    layout = Layout(num_nodes=1, devices_per_node=2, tensor=1, pipeline=1, accelerator="cpu")
    assert str(layout) == "1 node x 2 processes = 2 = data 2 x tensor 1 x pipeline 1"


@pytest.mark.parametrize(
    ("batches", "text"),
    [
        pytest.param(
            Batches(global_batch_size=4096, micro_batch_size=256, data=16), "global batch 4096 = 16 x 256", id="even"
        ),
        pytest.param(
            Batches(global_batch_size=4096, micro_batch_size=64, data=16),
            "global batch 4096 = 16 x 256 in micro batches of 64",
            id="accumulated",
        ),
        pytest.param(
            Batches(global_batch_size=100, micro_batch_size=32, data=8),
            "global batch 100 = 4 x 13 + 4 x 12",
            id="uneven",
        ),
    ],
)
def test_batches_are_printed_as_arithmetic(batches, text):
    assert str(batches) == text


def test_a_global_batch_that_is_not_given_is_micro_batch_times_data():
    config = load_recipe("molecule/megamolbart/pretrain_small_span_aug", ["trainer.num_nodes=4"]).config
    assert batches_of(config) == Batches(global_batch_size=1024, micro_batch_size=32, data=32)


def test_the_layout_follows_the_configuration():
    config = load_recipe("protein/esm2nv/pretrain_esm2_15B", ["trainer.num_nodes=4"]).config
    assert layout_of(config) == Layout(num_nodes=4, devices_per_node=8, tensor=8, pipeline=1)


@given(st.integers(1, 512), st.integers(1, 100_000), st.integers(1, 512))
def test_the_shares_of_all_replicas_make_the_global_batch(data, extra, micro):
    batches = Batches(global_batch_size=data + extra, micro_batch_size=micro, data=data)
    share = batches.samples_per_replica
    assert (share - 1) * data < batches.global_batch_size <= share * data
    assert (batches.micro_batches - 1) * micro < share <= batches.micro_batches * micro


@pytest.mark.parametrize(
    ("number", "noun", "text"), [(1, "node", "1 node"), (2, "GPU", "2 GPUs"), (2, "process", "2 processes")]
)
def test_nouns_follow_their_number(number, noun, text):
    assert counted(number, noun) == text
