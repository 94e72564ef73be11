"""Our cross entropy is torch's; here in Triton's interpreter, in `tests/gpu` on a GPU."""

import pytest

pytest.importorskip("triton")

from testkit.cross_entropy_cases import CASES, OUTPUTS, errors_on_cpu
from testkit.fresh_processes import IN_FRESH_PROCESSES, interpreted

pytestmark = IN_FRESH_PROCESSES


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    return interpreted(errors_on_cpu, tmp_path_factory.mktemp("losses"))


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("case", CASES)
def test_it_is_torchs(errors, case, output):
    assert errors[case][OUTPUTS.index(output)] < 5e-6
