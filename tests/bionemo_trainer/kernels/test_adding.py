"""Gradients are added to their sums wherever they lie; here in Triton's interpreter, in `tests/gpu` on a GPU."""

import pytest

pytest.importorskip("triton")

from bionemo_trainer.engine.flat_parameters import MATRICES_TOGETHER
from testkit.adding_cases import COUNTS, adding_cases_on_cpu
from testkit.fresh_processes import IN_FRESH_PROCESSES, interpreted

pytestmark = IN_FRESH_PROCESSES


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return interpreted(adding_cases_on_cpu, tmp_path_factory.mktemp("adding"))


@pytest.mark.parametrize("name", COUNTS)
def test_sums_are_torchs(found, name):
    assert found[name]


def test_no_more_matrices_are_added_together_than_a_launch_takes():
    from bionemo_trainer.kernels.adding import MOST_PARTS  # noqa: PLC0415 - Triton may be missing

    assert MATRICES_TOGETHER <= MOST_PARTS
