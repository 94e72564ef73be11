"""Our GELU computes what torch's does, forward and backward; here in Triton's interpreter, in `tests/gpu` on a GPU."""

import pytest

pytest.importorskip("triton")

from testkit.fresh_processes import IN_FRESH_PROCESSES, interpreted
from testkit.gelu_cases import OUTPUTS, SHAPES, gelu_errors_on_cpu

pytestmark = IN_FRESH_PROCESSES


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    return interpreted(gelu_errors_on_cpu, tmp_path_factory.mktemp("gelu"))


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_torchs(errors, shape, output):
    assert errors[shape][OUTPUTS.index(output)] < 2e-6
