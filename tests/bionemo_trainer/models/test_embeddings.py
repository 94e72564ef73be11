"""Rows of small tables, whose gradients are made by a product on GPUs."""

import pytest
import torch
from torch.nn import functional

from bionemo_trainer.models.embeddings import LookUp, looked_up


@pytest.mark.parametrize("num_tokens", [0, 1, 300])
def test_a_product_makes_the_gradient_of_a_table(num_tokens):
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(33, 16, generator=generator, requires_grad=True)
    ids = torch.randint(30, (num_tokens,), generator=generator)  # the last rows are not asked for
    gradient = torch.randn(num_tokens, 16, generator=generator)
    ways = [way(table, ids) for way in (LookUp.apply, looked_up, lambda table, ids: functional.embedding(ids, table))]
    assert all(torch.equal(rows, ways[-1]) for rows in ways)
    *found, wanted = (torch.autograd.grad(rows, table, gradient)[0] for rows in ways)
    for one in found:
        torch.testing.assert_close(one, wanted, rtol=1e-5, atol=1e-5)
