"""Rows that our kernel and torch round to 8 bit; imported by fresh processes, where Triton may be interpreted."""

from pathlib import Path

import torch
from torch import Tensor

from bionemo_trainer.models.eight_bit import EIGHT_BIT, SMALLEST_MAXIMUM, round_into
from testkit.fresh_processes import Findings

SHAPES = {"one": (1, 16), "narrow": (37, 80), "wide": (5, 5120), "widest": (3, 20480)}
MATRICES = ((16, 48), (128, 256), (144, 400))
"""Shapes of matrices to transpose: within a square, of whole ones, beyond."""
HAS_FACTORS = (False, True)
"""Whether columns are multiplied before."""


def rounded(rows: Tensor, factors: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Values and scales, by torch where no kernel is."""
    values, scales = torch.empty_like(rows, dtype=EIGHT_BIT), torch.empty(len(rows), 1, device=rows.device)
    round_into(rows, values, scales, factors)
    return values, scales


def agreement(shape: tuple[int, int], device: torch.device, *, has_factors: bool) -> tuple[float, float]:
    """Shares of the scales and of the values that are torch's to the bit; rows differ in size by twelve powers of ten, one is zero."""
    from bionemo_trainer.kernels.eight_bit_rows import round_rows_into  # noqa: PLC0415 - Triton may be missing

    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(shape, generator=generator) * torch.logspace(-6, 6, shape[0])[:, None]
    rows[-1] = rows[-1] * (len(rows) == 1)
    rows = rows.bfloat16()
    factors = torch.rand(shape[1], 1, generator=generator) if has_factors else None
    wanted, wanted_scales = rounded(rows, factors)
    on_device = rows.to(device)
    found, scales = torch.empty_like(on_device, dtype=EIGHT_BIT), torch.empty(len(rows), 1, device=device)
    round_rows_into(on_device, found, scales, None if factors is None else factors.to(device), SMALLEST_MAXIMUM)
    same = found.cpu().view(torch.uint8) == wanted.view(torch.uint8)
    return float((scales.cpu() == wanted_scales).float().mean()), float(same.float().mean())


def is_transposed(shape: tuple[int, int], device: torch.device) -> bool:
    """Whether our kernel transposes all of a matrix of random bytes."""
    from bionemo_trainer.kernels.eight_bit_rows import transpose_into  # noqa: PLC0415 - Triton may be missing

    matrix = torch.randint(256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8).to(device)
    found = torch.zeros(shape[::-1], dtype=torch.uint8, device=device)
    transpose_into(matrix, found)
    return torch.equal(found, matrix.t())


def eight_bit_agreement_on_cpu(_folder: Path) -> Findings:
    """By shape, without factors and with them; and whether matrices are transposed."""
    cpu = torch.device("cpu")
    agreements = {
        name: [agreement(shape, cpu, has_factors=has_factors) for has_factors in HAS_FACTORS]
        for name, shape in SHAPES.items()
    }
    return {**agreements, "transposed": [is_transposed(shape, cpu) for shape in MATRICES]}
