"""Rows that our kernel and torch round to 8 bit; imported by fresh processes, where Triton may be interpreted."""

from pathlib import Path

import torch

from bionemo_trainer.kernels.eight_bit_rows import rounded_rows
from bionemo_trainer.models.eight_bit import EIGHT_BIT, SMALLEST_MAXIMUM, rounded
from testkit.fresh_processes import Findings

SHAPES = {"one": (1, 16), "narrow": (37, 80), "wide": (5, 5120), "widest": (3, 20480)}


def agreement(shape: tuple[int, int], device: torch.device) -> tuple[float, float]:
    """Shares of the scales and of the values that are torch's to the bit; rows differ in size by twelve powers of ten, one is zero."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(shape, generator=generator) * torch.logspace(-6, 6, shape[0])[:, None]
    rows[-1] = rows[-1] * (len(rows) == 1)
    rows = rows.bfloat16()
    wanted, wanted_scales = rounded(rows)
    found, scales = rounded_rows(rows.to(device), EIGHT_BIT, SMALLEST_MAXIMUM)
    same = found.cpu().view(torch.uint8) == wanted.view(torch.uint8)
    return float((scales.cpu() == wanted_scales).float().mean()), float(same.float().mean())


def eight_bit_agreement_on_cpu(_folder: Path) -> Findings:
    """By shape."""
    return {name: list(agreement(shape, torch.device("cpu"))) for name, shape in SHAPES.items()}
