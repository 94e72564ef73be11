"""Our GELU computes what torch's does, forward and backward; here in Triton's interpreter, in `tests/gpu` on a GPU."""

import pytest

pytest.importorskip("triton")

from testkit.gelu_cases import OUTPUTS, SHAPES, gelu_errors_on_cpu
from testkit.gpu_cases import in_a_process_of_its_own


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TRITON_INTERPRET", "1")
        return in_a_process_of_its_own(gelu_errors_on_cpu, tmp_path_factory.mktemp("gelu"), visible="")


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_torchs(errors, shape, output):
    assert errors[shape][OUTPUTS.index(output)] < 2e-6
