"""Our attention computes what attention is, forward and backward; here in Triton's interpreter, in `tests/gpu` on a GPU."""

import pytest

pytest.importorskip("triton")

from testkit.attention_cases import CASES, IN_FP16, OUTPUTS, errors_on_cpu
from testkit.fresh_processes import IN_FRESH_PROCESSES, interpreted

pytestmark = IN_FRESH_PROCESSES


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    return interpreted(errors_on_cpu, tmp_path_factory.mktemp("attention"))


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("case", CASES)
def test_it_is_attention_written_out(errors, case, output):
    assert errors[case][OUTPUTS.index(output)] < 2e-5


@pytest.mark.parametrize("case", IN_FP16)
def test_sixteen_bit_stays_close(errors, case):
    assert max(errors[f"{case} in fp16"]) < 2e-3
