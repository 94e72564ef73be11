"""Gradients are added to their sums wherever they lie, compiled for a GPU."""

import pytest

torch = pytest.importorskip("torch")
if not torch.cuda.is_available():
    pytest.skip("it is compiled for GPUs only", allow_module_level=True)

from testkit.adding_cases import COUNTS, are_sums_right  # noqa: E402  after the skip


@pytest.mark.parametrize("counts", COUNTS.values(), ids=COUNTS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_sums_are_torchs(counts, dtype):
    assert are_sums_right(counts, torch.device("cuda"), dtype)
