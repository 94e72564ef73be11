"""Some rows of a tensor, and the gradient of all of them."""

import pytest
import torch

from bionemo_trainer.models.selection import selected


@pytest.mark.parametrize(
    "places",
    [pytest.param([4, 0, 2], id="each once"), pytest.param([1, 1, 3], id="one twice"), pytest.param([], id="none")],
)
def test_rows_and_gradients_are_those_of_indexing(places):
    whole = torch.randn(5, 1, 3, dtype=torch.float64, requires_grad=True)
    places_N = torch.tensor(places, dtype=torch.int64)
    found, expected = selected(whole, places_N), whole[places_N]
    assert torch.equal(found, expected)
    gradient = torch.randn_like(found)
    (of_found,), (of_expected,) = (torch.autograd.grad(rows, whole, gradient) for rows in (found, expected))
    assert torch.equal(of_found, of_expected)


def test_the_compiler_is_told_the_truth():
    whole = torch.randn(5, 1, 3, requires_grad=True)
    checks = ("test_schema", "test_autograd_registration", "test_faketensor")
    torch.library.opcheck(torch.ops.bionemo.select_rows.default, (whole, torch.tensor([0, 3])), test_utils=checks)
