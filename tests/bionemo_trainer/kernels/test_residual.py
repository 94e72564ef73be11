"""Our kernels of the residual stream compute what torch does; here in Triton's interpreter, in `tests/gpu` on a GPU."""

import pytest

pytest.importorskip("triton")

from testkit.fresh_processes import IN_FRESH_PROCESSES, interpreted
from testkit.residual_cases import CASES, NORM_OUTPUTS, OUTPUTS, PLAIN_OUTPUTS, network_cases, residual_errors_on_cpu

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


def test_a_network_stays_the_same_network(tmp_path):
    found = interpreted(network_cases, tmp_path)
    assert found["whole"] == pytest.approx(found["torch"], rel=1e-4, abs=1e-5)
    assert found["whole, compiled"] == pytest.approx(found["whole"], rel=1e-5, abs=1e-6)
    assert found["dropping, compiled"] == pytest.approx(found["dropping"], rel=1e-5, abs=1e-6)
    assert found["dropping"][0] != pytest.approx(found["whole"][0], rel=1e-3)
