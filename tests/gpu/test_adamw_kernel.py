"""Our AdamW, compiled for a GPU, is torch's, and leaves out what is to be skipped."""

import pytest

torch = pytest.importorskip("torch")
if not torch.cuda.is_available():
    pytest.skip("it is compiled for GPUs only", allow_module_level=True)

from testkit.adamw_cases import update_errors  # noqa: E402  after the skip


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_it_is_torchs(dtype):
    errors = update_errors(torch.device("cuda"), dtype)
    assert errors.pop("weights") == 0.0
    assert all(error < 1e-6 for error in errors.values())  # a maximum would leave out what is no number
