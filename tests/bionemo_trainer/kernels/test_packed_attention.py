"""Our attention computes what attention is, forward and backward; here in Triton's interpreter, in `tests/gpu` on a GPU."""

import pytest

pytest.importorskip("triton")

from testkit.attention_cases import CASES, OUTPUTS, errors_on_cpu
from testkit.gpu_cases import in_a_process_of_its_own


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TRITON_INTERPRET", "1")
        return in_a_process_of_its_own(errors_on_cpu, tmp_path_factory.mktemp("attention"), visible="")


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("case", CASES)
def test_it_is_attention_written_out(errors, case, output):
    assert errors[case][OUTPUTS.index(output)] < 2e-5
