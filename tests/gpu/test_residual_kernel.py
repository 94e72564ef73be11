"""Our kernels of the residual stream, compiled for a GPU, compute what torch does."""

import pytest

torch = pytest.importorskip("torch")
if not torch.cuda.is_available():
    pytest.skip("they are compiled for GPUs only", allow_module_level=True)

from testkit.residual_cases import CASES, errors_of, sums_error  # noqa: E402  after the skip

GPU = torch.device("cuda")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 3e-6), (torch.bfloat16, 1e-2)], ids=["32", "bf16"])
def test_it_is_torchs(case, dtype, tolerance):
    assert max(errors_of(case, GPU, dtype)) < tolerance


def test_sums_over_many_programs_are_torchs():
    assert sums_error(GPU) < 3e-6
