"""Products in 8 bit, compiled for a GPU: rows are rounded as torch rounds them, and products come near to exact ones."""

import pytest

torch = pytest.importorskip("torch")
if not torch.cuda.is_available() or torch.cuda.get_device_capability() < (9, 0):
    pytest.skip("they need a GPU from Hopper on", allow_module_level=True)

from bionemo_trainer.models.eight_bit import EightBitWeight  # noqa: E402  after the skip
from testkit.eight_bit_cases import HAS_FACTORS, MATRICES, SHAPES, agreement, is_transposed  # noqa: E402

GPU = torch.device("cuda")


@pytest.mark.parametrize("has_factors", HAS_FACTORS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_rows_are_rounded_as_torch_rounds_them(shape, has_factors):
    assert agreement(shape, GPU, has_factors=has_factors) == (1.0, 1.0)


@pytest.mark.parametrize("shape", [*MATRICES, (5120, 1280)], ids=str)
def test_bytes_are_transposed(shape):
    assert is_transposed(shape, GPU)


def test_what_is_not_contiguous_is_copied():
    drawn = torch.Generator(GPU).manual_seed(0)
    inputs, weight = (torch.randn(64, 64, generator=drawn, device=GPU, dtype=torch.bfloat16) for _ in range(2))
    multiply = EightBitWeight(weight)
    assert torch.equal(multiply(inputs.t(), weight), multiply(inputs.t().contiguous(), weight))


@pytest.mark.parametrize("num_tokens", [1, 37, 1024])
@pytest.mark.parametrize(("features_in", "features_out"), [(64, 48), (1280, 5120)])
def test_outputs_and_gradients_come_near_to_exact_ones(num_tokens, features_in, features_out):
    drawn = torch.Generator(GPU).manual_seed(0)
    shapes = ((num_tokens, 1, features_in), (features_out, features_in), (features_out,))
    leaves = [
        torch.randn(shape, generator=drawn, device=GPU, dtype=torch.bfloat16).requires_grad_() for shape in shapes
    ]
    output = EightBitWeight(leaves[1])(*leaves)
    gradient = torch.randn(output.shape, generator=drawn, device=GPU, dtype=torch.bfloat16)
    found = (output, *torch.autograd.grad(output, leaves, gradient))
    exact = torch.nn.functional.linear(*(leaf.double() for leaf in leaves))
    wanted = (exact, *torch.autograd.grad(exact, leaves, gradient.double()))
    errors = [float((own - other).norm() / other.norm()) for own, other in zip(found, wanted, strict=True)]
    assert all(error < limit for error, limit in zip(errors, (0.06, 0.06, 0.01, 0.01), strict=True))
