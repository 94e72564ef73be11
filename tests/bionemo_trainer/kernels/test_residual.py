"""Our kernels of the residual stream compute what torch does; here in Triton's interpreter, in `tests/gpu` on a GPU."""

import pytest

pytest.importorskip("triton")

from testkit.fresh_processes import IN_FRESH_PROCESSES, interpreted
from testkit.residual_cases import CASES, NORM_OUTPUTS, OUTPUTS, PLAIN_OUTPUTS, residual_errors_on_cpu

pytestmark = IN_FRESH_PROCESSES

COMPARED = [
    *OUTPUTS,
    *(f"{output} without a norm" for output in PLAIN_OUTPUTS),
    *(f"{output} without a block" for output in NORM_OUTPUTS),
]


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    return interpreted(residual_errors_on_cpu, tmp_path_factory.mktemp("residual"))


@pytest.mark.parametrize("output", COMPARED)
@pytest.mark.parametrize("case", CASES)
def test_it_is_torchs(errors, case, output):
    assert errors[case][COMPARED.index(output)] < 3e-6


def test_sums_over_many_programs_are_torchs(errors):
    assert errors["sums"] < 3e-6
