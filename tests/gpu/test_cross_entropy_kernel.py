"""Our cross entropy, compiled for a GPU, is torch's."""

import pytest

torch = pytest.importorskip("torch")
if not torch.cuda.is_available():
    pytest.skip("it is compiled for GPUs only", allow_module_level=True)

from testkit.cross_entropy_cases import CASES, errors_of  # noqa: E402  after the skip

GPU = torch.device("cuda")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("dtype", "tolerances"), [(torch.float32, (1e-5, 1e-5)), (torch.bfloat16, (1e-5, 4e-3))])
def test_it_is_torchs(case, dtype, tolerances):
    errors = errors_of(CASES[case], GPU, dtype)
    assert [error < most for error, most in zip(errors, tolerances, strict=True)] == [True, True]
