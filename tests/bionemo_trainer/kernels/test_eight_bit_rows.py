"""Our kernels round rows to 8 bit and transpose bytes as torch does; here in Triton's interpreter, in `tests/gpu` on a GPU."""

import pytest

pytest.importorskip("triton")

from testkit.eight_bit_cases import HAS_FACTORS, SHAPES, eight_bit_agreement_on_cpu
from testkit.fresh_processes import IN_FRESH_PROCESSES, interpreted

pytestmark = IN_FRESH_PROCESSES

SHARE_IN_THE_INTERPRETER = 0.9
"""It rounds ties up, and values just below a power of two down to half of it; a GPU does neither."""


@pytest.fixture(scope="module")
def agreement(tmp_path_factory):
    return interpreted(eight_bit_agreement_on_cpu, tmp_path_factory.mktemp("rows"))


@pytest.mark.parametrize("has_factors", HAS_FACTORS)
@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_torchs(agreement, shape, has_factors):
    scales, values = agreement[shape][has_factors]
    assert scales == 1.0
    assert values > SHARE_IN_THE_INTERPRETER


def test_bytes_are_transposed(agreement):
    assert agreement["transposed"] == [True, True, True]
