"""Our kernels of the residual stream compute what torch does; here in Triton's interpreter, in `tests/gpu` on a GPU."""

import pytest

pytest.importorskip("triton")

from testkit.gpu_cases import in_a_process_of_its_own
from testkit.residual_cases import CASES, NORM_OUTPUTS, OUTPUTS, PLAIN_OUTPUTS, network_cases, residual_errors_on_cpu

COMPARED = [
    *OUTPUTS,
    *(f"{output} without a norm" for output in PLAIN_OUTPUTS),
    *(f"{output} without a block" for output in NORM_OUTPUTS),
]


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory):
    def interpret(cases):
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("TRITON_INTERPRET", "1")
            return in_a_process_of_its_own(cases, tmp_path_factory.mktemp("residual"), visible="")

    return interpret


@pytest.fixture(scope="module")
def errors(interpreted):
    return interpreted(residual_errors_on_cpu)


@pytest.mark.parametrize("output", COMPARED)
@pytest.mark.parametrize("case", CASES)
def test_it_is_torchs(errors, case, output):
    assert errors[case][COMPARED.index(output)] < 3e-6


def test_a_network_stays_the_same_network(interpreted):
    found = interpreted(network_cases)
    assert found["whole"] == pytest.approx(found["torch"], rel=1e-4, abs=1e-5)
    assert found["whole, compiled"] == pytest.approx(found["whole"], rel=1e-5, abs=1e-6)
    assert found["dropping, compiled"] == pytest.approx(found["dropping"], rel=1e-5, abs=1e-6)
    assert found["dropping"][0] != pytest.approx(found["whole"][0], rel=1e-3)
