"""Our GELU against torch's in 64 bit; imported by fresh processes, see `attention_cases`."""

from pathlib import Path

import torch
from torch.nn import functional

from bionemo_trainer.kernels.gelu import biased_gelu
from testkit.attention_cases import relative_error
from testkit.fresh_processes import Findings

SHAPES = {"one tile": (3, 1, 40), "several tiles": (300, 1, 136), "far values": (64, 1, 136), "no token": (0, 1, 16)}
FAR = {SHAPES["far values"]: 10.0}
"""Deviation of the values where it is not 2."""
OUTPUTS = ("result", "gradient", "gradient of the bias")
"""What is compared."""


def gelu_errors_on_cpu(_folder: Path) -> Findings:
    """The largest errors of every shape in 32 bit."""
    return {name: gelu_errors(shape, torch.device("cpu"), torch.float32) for name, shape in SHAPES.items()}


def gelu_errors(shape: tuple[int, int, int], device: torch.device, dtype: torch.dtype) -> list[float]:
    """The largest error of each of OUTPUTS, relative to its largest value."""
    generator = torch.Generator().manual_seed(0)
    draws = [torch.randn(size, generator=generator).to(device, dtype) for size in (shape, shape[-1:], shape)]
    hidden, bias, gradient = (FAR.get(shape, 2.0) * draws[0]).requires_grad_(), draws[1].requires_grad_(), draws[2]
    result = biased_gelu(hidden, bias)
    found = (result, *torch.autograd.grad(result, (hidden, bias), gradient))
    hidden_64, bias_64 = (part.detach().double().requires_grad_() for part in (hidden, bias))
    result = functional.gelu(hidden_64 + bias_64)
    expected = (result, *torch.autograd.grad(result, (hidden_64, bias_64), gradient.double()))
    return [relative_error(ours, right) for ours, right in zip(found, expected, strict=True)]
