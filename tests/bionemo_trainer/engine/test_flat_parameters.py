"""All parameters lie in a few flat buffers, sixteen-bit ones with 32-bit masters; see `test_layouts` for several ranks."""

from dataclasses import replace

import pytest
import torch

from bionemo_trainer.engine.flat_parameters import FlatParameters
from bionemo_trainer.models.build import build_model
from testkit.networks import CPU, ENCODERS, FAMILIES, MEGAMOLBART, NO_DROPOUT, batch_for, small_config

PRECISIONS = [torch.float32, torch.bfloat16]


def flat_network(recipe=MEGAMOLBART, dtype=torch.float32):
    network = build_model(small_config(recipe, *NO_DROPOUT), CPU, dtype=dtype)
    return FlatParameters(network)


def views_of(flat, name):
    """One tensor per parameter out of the buffers' `name`."""
    return {key: view for buffer in flat.buffers for key, view in buffer.views(getattr(buffer, name))}


@pytest.mark.parametrize("dtype", PRECISIONS, ids=str)
@pytest.mark.parametrize("recipe", FAMILIES)
def test_every_parameter_is_a_part_of_a_buffer_with_its_initial_value(recipe, dtype):
    expected = dict(build_model(small_config(recipe), CPU, dtype=dtype).named_parameters())
    flat = flat_network(recipe, dtype)
    views = views_of(flat, "weights_N")
    assert views.keys() == expected.keys()
    assert all(torch.equal(view, expected[name]) for name, view in views.items())
    parameters = dict(flat.network.named_parameters())
    assert all(parameters[name].data_ptr() == view.data_ptr() for name, view in views.items())


def test_matrices_decay_and_biases_and_norms_do_not():
    flat = flat_network()
    parameters = dict(flat.network.named_parameters())
    kinds = {(buffer.decays, parameters[name].ndim > 1) for buffer in flat.buffers for name in buffer.names}
    assert kinds == {(True, True), (False, False)}


@pytest.mark.parametrize("recipe", FAMILIES)
def test_buffers_are_aligned(recipe):
    assert {len(buffer.weights_N) % 64 for buffer in flat_network(recipe).buffers} == {0}


def test_thirty_two_bit_weights_are_their_own_masters():
    flat = flat_network()
    assert all(buffer.master_n.data_ptr() == buffer.weights_N.data_ptr() for buffer in flat.buffers)


def test_sixteen_bit_weights_have_thirty_two_bit_masters_and_gradients():
    flat = flat_network(dtype=torch.bfloat16)
    kinds = {(buffer.weights_N.dtype, buffer.master_n.dtype, buffer.gradients_N.dtype) for buffer in flat.buffers}
    assert kinds == {(torch.bfloat16, torch.float32, torch.float32)}
    assert all(torch.equal(buffer.master_n.bfloat16(), buffer.weights_N) for buffer in flat.buffers)


def backward(flat, *seeds):
    flat.zero_gradients()
    for seed in seeds:
        flat.network(batch_for(MEGAMOLBART, seed=seed)).loss_sum.backward()
    return {name: view.clone() for name, view in views_of(flat, "gradients_N").items()}


@pytest.mark.parametrize("dtype", PRECISIONS, ids=str)
def test_gradients_of_micro_batches_are_summed_in_thirty_two_bit(dtype):
    flat = flat_network(dtype=dtype)
    first, second, both = backward(flat, 1), backward(flat, 2), backward(flat, 1, 2)
    assert any(gradient.any() for gradient in both.values())
    tolerance = {"rtol": 0.0, "atol": 1e-4} if dtype == torch.float32 else {"rtol": 0.0, "atol": 0.0}
    for name, gradient in both.items():
        torch.testing.assert_close(gradient, first[name] + second[name], **tolerance)


@pytest.mark.parametrize("recipe", FAMILIES)
def test_sixteen_bit_gradients_are_those_of_their_parameters(recipe):
    network = build_model(small_config(recipe, *NO_DROPOUT), CPU, dtype=torch.bfloat16)
    flat = flat_network(recipe, torch.bfloat16)
    for one in (network, flat.network):
        one(batch_for(recipe)).loss_sum.backward()
    views = views_of(flat, "gradients_N")
    for name, parameter in network.named_parameters():
        assert torch.equal(views[name], parameter.grad.float()), name


def test_a_backward_pass_that_was_given_up_leaves_nothing_behind():
    flat = flat_network(dtype=torch.bfloat16)
    expected = backward(flat, 1)
    flat.zero_gradients()
    losses = flat.network(batch_for(MEGAMOLBART, seed=1))

    def refuse(_gradient):
        raise RuntimeError("no memory left")

    refusal = flat.network.encoder.layers[0].mlp.linear_fc1.weight.register_hook(refuse)
    with pytest.raises(RuntimeError, match="no memory left"):
        losses.loss_sum.backward()
    refusal.remove()
    assert any(parameter.grad is not None for parameter in flat.network.parameters())
    flat.network.zero_grad()  # as whoever gives a pass up does
    found = backward(flat, 1)
    assert all(torch.equal(found[name], gradient) for name, gradient in expected.items())


def test_a_vector_without_a_gradient_is_told():
    flat = flat_network(dtype=torch.bfloat16)
    flat.network.encoder.final_layernorm.bias.requires_grad_(False)
    backward(flat, 1)
    with pytest.raises(AssertionError, match="each backward pass gives every parameter a gradient"):
        flat.reduce_gradients()


def test_sixteen_bit_gradients_do_not_stay_with_their_parameters():
    flat = flat_network(dtype=torch.bfloat16)
    backward(flat, 1)
    assert all(parameter.grad is None for parameter in flat.network.parameters())


def test_forgotten_gradients_are_zero():
    flat = flat_network()
    backward(flat, 1)
    flat.zero_gradients()
    assert not any(buffer.gradients_N.any() for buffer in flat.buffers)


@pytest.mark.parametrize("recipe", [ENCODERS[0], MEGAMOLBART])
def test_the_norm_is_that_of_all_gradients(recipe):
    flat = flat_network(recipe)
    flat.network(batch_for(recipe)).loss_sum.backward()
    flat.reduce_gradients()
    gradients = [view.flatten() for view in views_of(flat, "gradients_N").values()]
    expected = torch.linalg.vector_norm(torch.cat(gradients).double()).square()
    found = flat.squared_norm()
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0.0)


def test_a_rank_whose_parameters_others_count_adds_nothing_to_the_norm():
    flat = flat_network()
    backward(flat, 1)
    flat.buffers = tuple(replace(buffer, is_counted=False) for buffer in flat.buffers)
    assert (flat.squared_norm().item(), flat.squared_norm().dtype) == (0.0, torch.float64)


def test_updated_masters_become_the_weights():
    flat = flat_network(dtype=torch.bfloat16)
    for buffer in flat.buffers:
        buffer.master_n.data.fill_(1.0 + 2.0**-12)
    flat.round_updates()
    assert {float(parameter.detach().min()) for parameter in flat.network.parameters()} == {1.0}
    assert {float(buffer.master_n.detach().min()) for buffer in flat.buffers} == {1.0 + 2.0**-12}


def test_alone_a_part_is_the_whole():
    buffer = flat_network().buffers[0]
    assert torch.equal(flat_network().whole(buffer.master_n), buffer.weights_N)
