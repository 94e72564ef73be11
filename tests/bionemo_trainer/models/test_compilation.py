"""A compiled layer computes what it did before, in one graph for all layers and lengths; a failing compiler stops nothing."""

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

from bionemo_trainer.models import compilation
from bionemo_trainer.models.compilation import compile_layers
from testkit.networks import ENCODERS, ESM1NV, FAMILIES, NO_DROPOUT, batch_for, process_groups_of_one, small_network

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
def test_losses_and_gradients_stay_the_same(recipe):
    network = small_network(recipe, *NO_DROPOUT)
    before = [outcome(network, recipe, lengths) for lengths in LENGTHS]
    assert compile_layers(network, backend="aot_eager") == (2 if recipe in ENCODERS else 4)
    after = [outcome(network, recipe, lengths) for lengths in LENGTHS]
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("recipe", FAMILIES)
def test_all_layers_and_lengths_share_few_graphs(recipe):
    counter = CompileCounterWithBackend("eager")
    network = small_network(recipe, *NO_DROPOUT)
    compile_layers(network, backend=counter)
    for lengths in LENGTHS:
        network(batch_for(recipe, lengths))
    assert counter.frame_count <= (1 if recipe in ENCODERS else 2)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # torch's, while it cleans up after the failure
def test_a_failing_compiler_is_tried_once_and_named_once_and_all_layers_run_as_written(caplog):
    tries = []

    def broken(_graph, _inputs):
        tries.append(1)
        raise NotImplementedError("no such instruction")

    network = small_network(ESM1NV, *NO_DROPOUT)
    before = outcome(network, ESM1NV, LENGTHS[0])
    assert compile_layers(network, backend=broken) > 1
    torch.testing.assert_close(outcome(network, ESM1NV, LENGTHS[0]), before)
    (words,) = [record.getMessage() for record in caplog.records if record.name == compilation.__name__]
    assert words.startswith("layers run uncompiled: backend='broken' raised:")
    assert words.endswith("model.compile=False leaves the attempt out")
    assert len(tries) == 1


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # torch's, while it cleans up after the failure
def test_a_compiler_that_fails_while_a_graph_is_recorded_ends_the_recording_alone(monkeypatch, caplog):
    def broken(_graph, _inputs):
        raise NotImplementedError("no such instruction")

    monkeypatch.setattr(compilation, "is_recording", lambda: True)
    network = small_network(ESM1NV, *NO_DROPOUT)
    compile_layers(network, backend=broken)
    with pytest.raises(RuntimeError, match="a layer would have to be compiled in the middle of a recording: backend="):
        outcome(network, ESM1NV, LENGTHS[0])
    assert not [record for record in caplog.records if record.name == compilation.__name__]
    assert all(isinstance(layer.run, compilation.CompiledRun) for layer in network.modules() if hasattr(layer, "run"))
