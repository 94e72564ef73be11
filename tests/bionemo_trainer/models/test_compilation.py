"""A compiled layer computes what it did before, in one graph for all layers and lengths; a failing compiler stops nothing."""

from dataclasses import replace

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

from bionemo_trainer.models import compilation
from bionemo_trainer.models.batch import Targets
from bionemo_trainer.models.compilation import MOST_FORMS, compile_layers
from testkit.networks import (
    ENCODERS,
    ESM1NV,
    FAMILIES,
    NO_DROPOUT,
    batch_for,
    process_groups_of_one,
    runs_compiled,
    small_network,
)

# torch asks all inputs of a layer for their gradients, and warns of those that others computed.
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")

LENGTHS = ((7, 12, 1, 9), (3, 4), (60, 5, 5), (2, 50))


@pytest.fixture(autouse=True)
def groups():
    with process_groups_of_one():
        torch._dynamo.reset()
        yield
    torch._dynamo.reset()


def outcome(network, recipe, lengths):
    network.zero_grad()
    loss = network(batch_for(recipe, lengths)).loss_sum
    loss.backward()
    return loss.item(), [parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("recipe", FAMILIES)
def test_losses_and_gradients_stay_the_same(recipe, caplog):
    network = small_network(recipe, *NO_DROPOUT)
    before = [outcome(network, recipe, lengths) for lengths in LENGTHS]
    assert compile_layers(network, backend="aot_eager") == (2 if recipe in ENCODERS else 4)
    after = [outcome(network, recipe, lengths) for lengths in LENGTHS]
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-5)
    assert failures(caplog) == []


def failures(caplog):
    return [record.getMessage() for record in caplog.records if record.name == compilation.__name__]


@pytest.mark.parametrize("recipe", FAMILIES)
def test_all_layers_and_lengths_share_few_graphs(recipe, caplog):
    counter = CompileCounterWithBackend("eager")
    network = small_network(recipe, *NO_DROPOUT, "model.num_layers=4")
    compile_layers(network, backend=counter)
    network(batch_for(recipe, LENGTHS[0]))
    # The first layer, which finds the padding for all on a CPU, and the others; of encoders the last, of decoders all theirs.
    assert counter.frame_count == 3
    for lengths in LENGTHS[1:]:
        network(batch_for(recipe, lengths))
    assert counter.frame_count == 3
    assert failures(caplog) == []


def test_all_forms_that_a_training_needs_are_compiled(caplog):
    counter = CompileCounterWithBackend("eager")
    network = small_network(ESM1NV, *NO_DROPOUT, "model.num_layers=3")
    compile_layers(network, backend=counter)
    for is_training in (True, False):
        network.train(is_training)
        with torch.set_grad_enabled(is_training):
            for lengths in LENGTHS[:2]:
                network(batch_for(ESM1NV, lengths))
                network(without_targets(batch_for(ESM1NV, lengths)))
    assert 2 * counter.frame_count <= MOST_FORMS, "GPUs need each with long sequences and without"
    assert failures(caplog) == []


def without_targets(batch):
    return replace(batch, targets=Targets(places=0, ids_N=batch.targets.ids_N[:0]))


def test_a_failing_compiler_is_tried_once_and_named_once_and_all_layers_run_as_written(caplog):
    tries = []

    def broken(_graph, _inputs):
        tries.append(1)
        raise NotImplementedError("no such instruction")

    network = small_network(ESM1NV, *NO_DROPOUT)
    before = outcome(network, ESM1NV, LENGTHS[0])
    assert compile_layers(network, backend=broken) > 1
    torch.testing.assert_close(outcome(network, ESM1NV, LENGTHS[0]), before)
    (words,) = failures(caplog)
    assert words.startswith("layers run uncompiled: backend='broken' raised:")
    assert words.endswith("model.compile=False leaves the attempt out")
    assert len(tries) == 1


def test_a_compiler_that_fails_while_a_graph_is_recorded_ends_the_recording_alone(monkeypatch, caplog):
    def broken(_graph, _inputs):
        raise NotImplementedError("no such instruction")

    monkeypatch.setattr(compilation, "is_recording", lambda: True)
    network = small_network(ESM1NV, *NO_DROPOUT)
    compile_layers(network, backend=broken)
    with pytest.raises(RuntimeError, match="a layer would have to be compiled in the middle of a recording: backend="):
        outcome(network, ESM1NV, LENGTHS[0])
    assert failures(caplog) == []
    assert runs_compiled(network)
