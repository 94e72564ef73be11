"""Cross entropy by our kernel against torch in 64 bit; imported by fresh processes, see `attention_cases`."""

from pathlib import Path

import torch
from torch.nn import functional

from bionemo_trainer.data.samples import IGNORED
from bionemo_trainer.kernels.cross_entropy import cross_entropy
from testkit.attention_cases import relative_error
from testkit.fresh_processes import Findings

CASES = {"proteins": (70, 33, 33), "molecules": (9, 640, 523), "one": (1, 128, 128), "none": (0, 128, 128)}
"""Targets, logits of each, and how many of them are finite."""
OUTPUTS = ("losses", "gradients")


def errors_on_cpu(_folder: Path) -> Findings:
    """The largest errors of every case in 32 bit, relative to the largest value."""
    return {name: errors_of(case, torch.device("cpu"), torch.float32) for name, case in CASES.items()}


def errors_of(case: tuple[int, int, int], device: torch.device, dtype: torch.dtype) -> list[float]:
    """The largest error of each of OUTPUTS, relative to its largest value; every third target only fills up."""
    rows, width, num_tokens = case
    generator = torch.Generator().manual_seed(0)
    drawn = 30.0 * torch.randn(rows, width, generator=generator)
    drawn[:, num_tokens:] = -torch.inf
    ids = torch.randint(num_tokens, (rows,), generator=generator)
    ids[2::3] = IGNORED
    gradient = torch.randn(rows, generator=generator)
    logits = drawn.to(device, dtype).requires_grad_()
    losses = cross_entropy(logits, ids.to(device))
    found = losses, *torch.autograd.grad(losses, logits, gradient.to(device))
    exact = logits.detach().double().cpu().requires_grad_()
    losses = functional.cross_entropy(exact, ids, ignore_index=IGNORED, reduction="none")
    wanted = losses, *torch.autograd.grad(losses, exact, gradient.double())
    return [relative_error(ours, theirs) for ours, theirs in zip(found, wanted, strict=True)]
