"""Products in 8 bit come near to exact ones, each row for itself, and layers train with them as they do without."""

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounterWithBackend
from torch.nn import functional

from bionemo_trainer.errors import ConfigError
from bionemo_trainer.models.build import build_model
from bionemo_trainer.models.compilation import compile_layers
from bionemo_trainer.models.eight_bit import EightBitWeight, multiply_in_eight_bit, product, refuse_without_eight_bit
from testkit.eight_bit_cases import rounded
from testkit.networks import (
    CPU,
    ENCODERS,
    ESM1NV,
    FAMILIES,
    MEGAMOLBART,
    NO_DROPOUT,
    batch_for,
    process_groups_of_one,
    runs_compiled,
    small_config,
)

T, K, N = 37, 64, 48
LENGTHS = (7, 12, 1, 9)
EIGHT_BIT_ERROR = 0.06
"""Each factor is off by at most 2^-4 of itself, at random and both ways."""


@pytest.fixture
def groups():
    with process_groups_of_one():
        yield


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float32).bfloat16()


def network_of(recipe):
    return build_model(small_config(recipe, *NO_DROPOUT), CPU, dtype=torch.bfloat16)


def error(found, exact):
    found, exact = found.detach().double(), exact.detach().double()
    return float((found - exact).norm() / exact.norm())


def test_a_row_spans_the_whole_format_and_comes_back_within_half_a_step():
    rows = drawn(T, K) * torch.logspace(-6, 6, T, dtype=torch.float32)[:, None]
    values, scales = rounded(rows)
    assert values.float().abs().amax(dim=1).tolist() == [448.0] * T
    back = values.float() * scales
    subnormal = scales * 2.0**-10
    assert ((back - rows).abs() <= torch.maximum(rows.abs() * 2.0**-4, subnormal)).all()


def test_zeros_stay_zeros():
    values, scales = rounded(torch.zeros(3, K, dtype=torch.bfloat16))
    assert not values.float().any()
    assert scales.isfinite().all()


def test_an_outlier_coarsens_its_own_row_only():
    clean, spoilt = drawn(T, K), drawn(T, K)
    spoilt[5, 3] = 1e4
    right = rounded(drawn(N, K, seed=1))
    others = torch.arange(T) != 5
    assert torch.equal(product(clean, *right)[others], product(spoilt, *right)[others])


@pytest.mark.parametrize("shape", [(T, K), (T, 1, K)], ids=["rows", "with a batch"])
@pytest.mark.parametrize("has_bias", [True, False])
def test_outputs_and_gradients_come_near_to_exact_ones(shape, has_bias):
    inputs, weight = drawn(*shape).requires_grad_(), nn.Parameter(drawn(N, K, seed=1))
    bias = drawn(N, seed=2).requires_grad_() if has_bias else None
    leaves = [leaf for leaf in (inputs, weight, bias) if leaf is not None]
    output = EightBitWeight(weight)(inputs, weight, bias)
    gradient = drawn(*output.shape, seed=3)
    found = torch.autograd.grad(output, leaves, gradient)
    exact = functional.linear(*(leaf.double() if leaf is not None else None for leaf in (inputs, weight, bias)))
    wanted = torch.autograd.grad(exact, leaves, gradient.double())
    assert error(output, exact) < EIGHT_BIT_ERROR
    assert error(found[0], wanted[0]) < EIGHT_BIT_ERROR
    assert all(error(own, other) < 0.01 for own, other in zip(found[1:], wanted[1:], strict=True))  # in 16 bit


def test_a_weight_is_what_it_was_when_it_was_refreshed():
    inputs, weight = drawn(T, K), nn.Parameter(drawn(N, K, seed=1))
    eight_bit = EightBitWeight(weight)
    before = eight_bit(inputs, weight)
    weight.data = weight.data * 2
    assert torch.equal(eight_bit(inputs, weight), before)
    eight_bit.refresh()
    assert torch.equal(eight_bit(inputs, weight), before * 2)


def test_what_is_not_contiguous_is_copied():
    inputs, right = drawn(K, T).t(), rounded(drawn(N, K, seed=1))
    assert torch.equal(product(inputs, *right), product(inputs.contiguous(), *right))


def test_tiny_gradients_are_rounded_like_large_ones():
    inputs, weight = drawn(T, K).requires_grad_(), nn.Parameter(drawn(N, K, seed=1))
    gradient = drawn(T, N, seed=3)
    found = [
        torch.autograd.grad(EightBitWeight(weight)(inputs, weight), inputs, gradient * size)[0] / size
        for size in (1.0, 2.0**-60)
    ]
    assert torch.equal(*found)


def test_no_tokens_give_nothing():
    inputs, weight = drawn(0, 1, K).requires_grad_(), nn.Parameter(drawn(N, K))
    output = EightBitWeight(weight)(inputs, weight)
    output.sum().backward()
    assert output.shape == (0, 1, N)
    assert inputs.grad.shape == inputs.shape
    assert not weight.grad.any()


@pytest.mark.usefixtures("groups")
@pytest.mark.parametrize("recipe", FAMILIES)
def test_layers_multiply_so_in_training_only(recipe):
    network = network_of(recipe)
    batch = batch_for(recipe, LENGTHS)
    exact, validated = network(batch).loss_sum.item(), network.eval()(batch).loss_sum.item()
    assert len(multiply_in_eight_bit(network)) == (8 if recipe in ENCODERS else 22)
    assert network(batch).loss_sum.item() == validated
    trained = network.train()(batch).loss_sum.item()
    assert trained != exact
    assert trained == pytest.approx(exact, rel=0.02)


@pytest.mark.usefixtures("groups")
@pytest.mark.parametrize("recipe", FAMILIES)
def test_training_with_them_follows_training_without(recipe):
    losses = [_losses(recipe, is_eight_bit=is_eight_bit) for is_eight_bit in (False, True)]
    assert losses[0][-1] < 0.9 * losses[0][0]
    assert losses[1] == pytest.approx(losses[0], rel=0.03)


def _losses(recipe, *, is_eight_bit):
    network = network_of(recipe)
    weights = multiply_in_eight_bit(network) if is_eight_bit else []
    batch, descent = batch_for(recipe, LENGTHS), torch.optim.SGD(network.parameters(), lr=0.005)
    found = []
    for _ in range(20):
        descent.zero_grad()
        loss = network(batch).loss_sum / sum(LENGTHS)
        loss.backward()
        descent.step()
        for weight in weights:
            weight.refresh()
        found.append(loss.item())
    return found


@pytest.mark.usefixtures("groups")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # torch's, of what it traces itself
@pytest.mark.parametrize("recipe", [ESM1NV, MEGAMOLBART])
def test_the_compiler_takes_them_whole(recipe):
    torch._dynamo.reset()
    network = network_of(recipe)
    multiply_in_eight_bit(network)
    batch = batch_for(recipe, LENGTHS)
    loss = network(batch).loss_sum
    loss.backward()
    before = [parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None]
    network.zero_grad()
    compile_layers(network, backend="aot_eager")
    compiled = network(batch).loss_sum
    compiled.backward()
    after = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    torch.testing.assert_close(compiled, loss)
    torch.testing.assert_close(after, before, rtol=0.02, atol=1e-3)
    assert runs_compiled(network)


@pytest.mark.usefixtures("groups")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # see above
@pytest.mark.parametrize("recipe", [ESM1NV, MEGAMOLBART])
def test_layers_share_as_few_graphs_as_without(recipe):
    assert _num_graphs(recipe, is_eight_bit=True) == _num_graphs(recipe, is_eight_bit=False)


def _num_graphs(recipe, *, is_eight_bit):
    torch._dynamo.reset()
    network, counter = network_of(recipe), CompileCounterWithBackend("eager")
    if is_eight_bit:
        multiply_in_eight_bit(network)
    compile_layers(network, backend=counter)
    for lengths in (LENGTHS, (3, 4), (60, 5, 5)):
        network(batch_for(recipe, lengths))
    assert runs_compiled(network)
    return counter.frame_count


def test_an_older_gpu_is_named():
    refuse_without_eight_bit((9, 0), "NVIDIA H100")
    with pytest.raises(ConfigError) as caught:
        refuse_without_eight_bit((8, 0), "NVIDIA A100")
    assert [str(problem) for problem in caught.value.problems] == [
        "trainer.precision: 'fp8-mixed' needs a GPU of compute capability 9.0 or newer, such as an H100, "
        "and NVIDIA A100 has 8.0; set it to bf16-mixed."
    ]
