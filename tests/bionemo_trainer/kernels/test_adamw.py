"""Our AdamW is torch's, and leaves out what is to be skipped; here in Triton's interpreter, in `tests/gpu` on a GPU."""

import pytest

pytest.importorskip("triton")

from testkit.adamw_cases import update_errors_on_cpu
from testkit.fresh_processes import IN_FRESH_PROCESSES, interpreted

pytestmark = IN_FRESH_PROCESSES


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    return interpreted(update_errors_on_cpu, tmp_path_factory.mktemp("adamw"))


@pytest.mark.parametrize("part", ["masters", "mean", "mean square"])
def test_it_is_torchs(errors, part):
    assert errors[part] < 1e-6


def test_weights_are_the_masters_in_sixteen_bit(errors):
    assert errors["weights"] == 0.0


def test_a_trainee_with_our_kernels_learns_as_one_with_torchs(errors):
    assert errors["masters of a trainee"] < 1e-4
    assert errors["steps of a trainee"] == 0.0
