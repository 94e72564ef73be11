"""Our GELU, compiled for a GPU, computes what torch's does."""

import pytest

torch = pytest.importorskip("torch")
if not torch.cuda.is_available():
    pytest.skip("it is compiled for GPUs only", allow_module_level=True)

from testkit.gelu_cases import SHAPES, gelu_errors  # noqa: E402  after the skip

GPU = torch.device("cuda")


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-6), (torch.bfloat16, 1e-2)], ids=["32", "bf16"])
def test_it_is_torchs(shape, dtype, tolerance):
    assert max(gelu_errors(shape, GPU, dtype)) < tolerance
